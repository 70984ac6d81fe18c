/*
 * How verbs answer: a table for people, JSON (one object a line) or CSV, by --json
 * and --csv; and what several of them look up.
 */
#ifndef TOOLS_ANSWER_H
#define TOOLS_ANSWER_H

#include "lib/store.h"
#include "lib/text.h"
#include "tools/command.h"

struct json_t; /* jansson's */

enum answer_form { ANSWER_TEXT, ANSWER_JSON, ANSWER_CSV };
/* Takes `--csv` out of the arguments. */
enum answer_form answer_form(struct command *command);

/* Prints the object in one line and lets go of it. */
void answer_json(struct json_t *object);
/* Text that may not be UTF-8. */
struct json_t *answer_text(struct span text);
/* An instant, or null for 0. */
struct json_t *answer_time(time_t when);

/* A stranger's text on a terminal: whole, but each control character, or octet that
 * is no UTF-8, as `?`. */
void answer_print(struct span text);
/* "campaign ID  list LIST  NAME", without a line end. */
void answer_campaign(const struct store_campaign *campaign);

/* A record of CSV: fields are added, then it is printed. */
struct answer_record {
	struct buf line;
	bool begun;
};
void answer_begin(struct answer_record *record);
/* Ours, and a stranger's (lib/csv.h). */
void answer_field(struct answer_record *record, struct span field);
void answer_foreign(struct answer_record *record, struct span field);
void answer_number(struct answer_record *record, unsigned long long number);
void answer_instant(struct answer_record *record, time_t when);
void answer_end(struct answer_record *record);
/* Names of columns, comma-separated. */
void answer_columns(const char *names);

/*
 * The store, as the daemons' user where root asks: what root made there they could not
 * write.  Files named in the arguments are opened before.  NULL after having said
 * what is wrong.
 */
struct store *answer_store(const struct conf *conf);

/* Calls for each campaign that the one argument names, by id or name, until that fails;
 * `columns`, where not NULL, before the first.  The status of the command. */
int answer_campaigns(struct command *command, const char *columns,
                     int (*each)(void *context, struct store *store, const struct store_campaign *campaign),
                     void *context);

/* A reader, as arguments name one: an address, or the 16 hex digits of its key. */
struct answer_reader {
	uint64_t key;
	struct buf address; /* canonical; empty where only the key was given */
};
/* EX_OK, or the status after having said what is wrong. */
int answer_reader(const struct keyring *ring, const char *argument, struct answer_reader *reader_r);
void answer_reader_free(struct answer_reader *reader);

/* Who runs the command: the login behind sudo(8), else the user. */
const char *answer_operator(void);

#endif
