/*
 * The folder that stands for the Internet's mailboxes: one pair of files for
 * each message taken.
 *
 *     N.eml    the bytes after DATA, dots unstuffed, CRLF kept, no final dot
 *     N.json   {"mail_from": "...", "rcpt_to": ["..."]}
 *
 * N counts from 1, on from the largest there is.  Both files come by rename,
 * N.eml first: who sees N.json may read both.  Nothing is synced to disk: this
 * is a test tool.  One process per folder (a lock on the folder itself).
 *
 * With `discard` nothing is kept but a count, in the file `count`:
 * {"messages": 3, "recipients": 5, "bytes": 1234}, renewed by
 * sink_store_write_count().
 *
 * Memory: a message keeps at most SINK_BLOCK bytes; the rest is in its file.
 * Threads: a store and its messages belong to one thread.
 */
#ifndef TOOLS_SINK_STORE_H
#define TOOLS_SINK_STORE_H

#include "lib/err.h"
#include "lib/text.h"

#define SINK_BLOCK 262144
#define SINK_MESSAGE_MAX 110000000 /* octets of one message */

struct sink_store;
struct sink_message;

/* The folder must exist. */
struct sink_store *sink_store_open(const char *folder, bool discard, struct err *err);
/* After the last message is gone. */
void sink_store_close(struct sink_store **store);
/* Renews the file `count` if anything came since; does nothing unless `discard`. */
int sink_store_write_count(struct sink_store *store, struct err *err);

/* NULL when out of memory.  Later faults stick to the message. */
struct sink_message *sink_message_begin(struct sink_store *store);
void sink_message_add(struct sink_message *message, struct span bytes);
/* Was there more than SINK_MESSAGE_MAX? */
bool sink_message_too_big(const struct sink_message *message);
/* Puts both files in place; the message is gone afterwards, whatever happened.
 * 0; -1: nothing is in the folder. */
int sink_message_finish(struct sink_message **message, const char *mail_from, const struct strings *rcpt_to,
                        struct err *err);
void sink_message_drop(struct sink_message **message);

/* Text as a JSON string, quotes included.  Bytes of 80 and above stand as they
 * are: the caller's text is ASCII or UTF-8. */
void sink_json_text(struct buf *out, struct span text);

#endif
