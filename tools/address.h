/*
 * What the verbs on one address have in common: configuration, key ring, store
 * and the address, opened together and closed together.
 */
#ifndef TOOLS_ADDRESS_H
#define TOOLS_ADDRESS_H

#include "lib/store_status.h"
#include "tools/answer.h"

struct address {
	struct conf *conf;
	struct keyring *ring;
	struct store *store;
	struct answer_reader reader;
	const char *list; /* --list, or "" */
	const char *why;  /* --why, or NULL */
};

/* Reads `--list` and `--why` and one argument, the address.  EX_OK, or the status after
 * having said what is wrong; close it in either case. */
int address_open(struct command *command, bool needs_why, struct address *a);
void address_close(struct address *a);
/* The same without an address: configuration, ring and store. */
int address_open_all(const struct command *command, struct address *a);

/* The list must be in the configuration; empty is none. */
int address_check_list(const struct conf *conf, const char *list);

#endif
