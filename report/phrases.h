/*
 * Many phrases looked for at once.
 *
 * Phrases and text are folded (fold.h).  A phrase that begins with a letter or
 * digit is found only where a word begins.  The search costs a look at each word,
 * and comparisons only where the first four octets fit.
 *
 * Threads: immutable once sealed.
 */
#ifndef REPORT_PHRASES_H
#define REPORT_PHRASES_H

#include "lib/text.h"

#define PHRASE_MIN 4 /* octets of a phrase */
#define PHRASE_MAX 250

struct phrases;

struct phrase_hit {
	uint32_t id;
	uint32_t start;
	uint32_t end;
};

struct phrases *phrases_new(void);
void phrases_free(struct phrases **phrases);
/* `id` is the caller's; several phrases may share one.  0, or -1 when out of
 * memory or where the phrase is too short or too long. */
int phrases_add(struct phrases *phrases, struct span folded, uint32_t id);
int phrases_seal(struct phrases *phrases);
/* Fills `hits` in order of place; how many, `max` at most. */
size_t phrases_find(const struct phrases *phrases, struct span folded, struct phrase_hit *hits, size_t max);

#endif
