/*
 * Addresses and their states from a table with commas: other systems' exports, and
 * our own (todoku address export).
 *
 * The first record names the columns, or is an address already: then the columns are
 * address and state, in that order.  All of the file is read and checked first: one
 * bad line, and nothing is taken in.
 */
#ifndef TOOLS_IMPORT_H
#define TOOLS_IMPORT_H

#include "lib/conf.h"
#include "lib/store_status.h"
#include "lib/text.h"

#define IMPORT_FILE_MAX (1024UL << 20)
#define IMPORT_ERRORS_MAX 20

enum import_encoding { IMPORT_AUTO, IMPORT_UTF8, IMPORT_CP932 };

struct import_row {
	uint32_t line;
	uint32_t address; /* offset in `text`; canonical, NUL-terminated */
	uint16_t state;   /* index of the state's name (import_state_name) */
	uint16_t list;    /* 1 + index of the configuration's list; 0: the address itself */
	enum store_status status;
	bool temporary; /* the mark of N9 */
};

struct import {
	struct import_row *rows;
	size_t count;
	size_t room;
	struct buf text;
};

/* `list` (its index + 1, or 0) is where a state that belongs to a list goes when the
 * line names none.  0; -1 with the errors, one a line: LINE: what was found, what is
 * allowed. */
int import_read(struct import *import, struct span file, enum import_encoding encoding, const struct conf *conf,
                size_t list, struct buf *errors);
void import_free(struct import *import);

const char *import_address(const struct import *import, const struct import_row *row);
/* As the file has it, for the record: "送信NG(550)". */
const char *import_state_name(const struct import_row *row);

#endif
