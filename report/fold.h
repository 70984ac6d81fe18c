/*
 * Text made comparable: what phrases are looked for in, and phrases themselves.
 *
 * Lower case (ASCII, Latin-1, Greek, Cyrillic); each run of blanks and line ends
 * one space, and none between two characters of Chinese or Japanese; an address
 * becomes "@", so that no name of a mailbox can pass for a reason; typographic
 * quotes and dashes become ASCII; the reply code that a server repeats on each
 * line of its answer stands once.
 */
#ifndef REPORT_FOLD_H
#define REPORT_FOLD_H

#include "lib/text.h"

/* Appends; linear. */
void fold_text(struct span text, struct buf *out);

#endif
