/*
 * A world of its own for tests of the milter: a folder with configuration, key
 * ring, DKIM keys and their records; and messages treated in it.
 */
#ifndef TESTS_UNIT_FIXTURE_H
#define TESTS_UNIT_FIXTURE_H

#include "milter/treat.h"

struct fixture {
	char dir[64];
	struct world *world;
};

/* `added` is appended to the configuration; may be "".  Fails the test on any
 * error. */
void fixture_open(struct fixture *f, const char *added);
void fixture_close(struct fixture *f);

struct outcome {
	struct message message;
	struct treated treated;
	char *text; /* the message that leaves, CRLF line ends, signatures on top */
	char *body; /* where its body begins */
};

/* Treats `text` (LF or CRLF line ends; a field's value as it stands) from
 * `sender` (NULL: news@example.com) to the NULL-terminated recipients, handed in
 * from 127.0.0.1. */
void fixture_treat(struct fixture *f, const char *sender, const char *const *recipients, const char *text,
                   struct outcome *outcome_r);
/* The same for bytes that may hold NULs in the body, from another origin. */
void fixture_treat_bytes(struct fixture *f, const char *sender, const char *const *recipients, struct span text,
                         const struct origin *origin, struct outcome *outcome_r);
void fixture_forget(struct outcome *outcome);

/* How often `needle` is in `text`. */
size_t fixture_count(const char *text, const char *needle);
/* The value of the nth (from 0) field of that name in an outcome's text, folded
 * as it is, without the blank; malloc'd, NULL where there is none. */
char *fixture_field(const struct outcome *outcome, const char *name, size_t nth);
/* Decodes the nth (from 0) link of ours that begins with BASE_URL/KIND/ in
 * `text`; true when its token holds.  `target` gets a click's target. */
bool fixture_link(struct fixture *f, const char *text, char kind, size_t nth, struct token *token_r, char *target,
                  size_t target_size);

#endif
