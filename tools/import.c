#include "tools/import.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/csv.h"
#include "lib/log.h"
#include "lib/utf8.h"

#define ROOM_MIN 1024

/* What each system calls its states.  One of a list needs to know which. */
static const struct {
	const char *name;
	enum store_status status;
	bool of_list;
	bool temporary;
} states[] = {
        {"active", STORE_ACTIVE, false, false},
        {"unsubscribed", STORE_UNSUBSCRIBED, true, false},
        {"blocked", STORE_BLOCKED, false, false},
        {"temporary-failed", STORE_ACTIVE, false, true},
        /* MOTENASU */
        {"送信OK", STORE_ACTIVE, false, false},
        {"送信NG(550)", STORE_BLOCKED, false, false},
        {"送信NG(552)", STORE_ACTIVE, false, true},
        /* 配配メール */
        {"配信可能", STORE_ACTIVE, false, false},
        {"配信停止", STORE_UNSUBSCRIBED, true, false},
        {"配信禁止", STORE_BLOCKED, false, false},
};
#define STATE_COUNT (sizeof states / sizeof *states)

enum column { COLUMN_ADDRESS, COLUMN_STATE, COLUMN_LIST, COLUMNS };
static const char *const headings[COLUMNS][12] = {
        {"address", "email", "e-mail", "mail", "mail address", "email address", "メールアドレス", "アドレス", "Eメール",
         "Eメールアドレス", "E-mail", NULL},
        {"status", "state", "状態", "状況", "配信状態", "配信状況", "送信状態", "送信状況", "ステータス",
         "配信ステータス", "配信可否", NULL},
        {"list", "リスト", "配信グループ", "グループ", NULL},
};

struct reader {
	struct import *import;
	const struct conf *conf;
	size_t list;
	struct buf *errors;
	size_t wrong;
	ssize_t columns[COLUMNS]; /* index, or -1 */
};

const char *import_address(const struct import *import, const struct import_row *row) {
	return import->text.at + row->address;
}

const char *import_state_name(const struct import_row *row) {
	return states[row->state].name;
}

void import_free(struct import *import) {
	free(import->rows);
	import->rows = NULL;
	import->count = 0;
	buf_free(&import->text);
}

static void complain(struct reader *r, size_t line, const char *column, struct span found, const char *allowed) {
	if (r->wrong++ >= IMPORT_ERRORS_MAX)
		return;
	buf_printf(r->errors, "%zu: %s: found ", line, column);
	if (found.len == 0)
		buf_add_text(r->errors, "nothing");
	else
		log_neutralise(r->errors, found);
	buf_printf(r->errors, ", allowed: %s\n", allowed);
}

static const char *state_names(struct buf *out) {
	size_t i;

	for (i = 0; i < STATE_COUNT; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", states[i].name);
	return out->at;
}

/* Full-width brackets and blanks around them are one spelling more. */
static ssize_t find_state(struct span name) {
	char plain[64];
	size_t used = 0, i;
	struct span left = span_trim(name);

	while (left.len > 0 && used < sizeof plain - 1) {
		size_t skip = 1;

		if (span_starts(left, SPAN("（")) || span_starts(left, SPAN("）"))) {
			plain[used++] = span_starts(left, SPAN("（")) ? '(' : ')';
			skip = strlen("（");
		} else if (!ascii_is_blank(left.at[0])) {
			plain[used++] = left.at[0];
		}
		left = span_from(left, skip);
	}
	for (i = 0; i < STATE_COUNT; i++)
		if (left.len == 0 && span_equal_nocase(span_make(plain, used), span_of(states[i].name)))
			return (ssize_t)i;
	return -1;
}

static struct span cell(const struct reader *r, const struct csv *csv, enum column column) {
	ssize_t i = r->columns[column];

	return i >= 0 && (size_t)i < csv->count ? span_trim(csv->fields[i]) : SPAN_NONE;
}

/* 1 + index of the list of that name; 0 where there is none. */
static size_t list_number(const struct conf *conf, struct span name) {
	const struct conf_list *list = conf_find_list(conf, name);

	return list == NULL ? 0 : (size_t)(list - conf->lists) + 1;
}

static struct import_row *add_row(struct import *import) {
	struct import_row *rows = import->rows;

	if (import->count == import->room) {
		import->room = import->room == 0 ? ROOM_MIN : import->room * 2;
		rows = realloc(rows, import->room * sizeof *rows);
		if (rows == NULL)
			return NULL;
		import->rows = rows;
	}
	memset(&rows[import->count], 0, sizeof *rows);
	return &rows[import->count++];
}

/* Where the line's state belongs: the line's list, that of --list, or the address. */
static int place(struct reader *r, const struct csv *csv, size_t state, size_t *list_r) {
	struct span named = cell(r, csv, COLUMN_LIST);
	size_t list = named.len > 0 ? list_number(r->conf, named) : 0;

	if (named.len > 0 && list == 0) {
		complain(r, csv->line, "list", named, "a list of the configuration");
		return -1;
	}
	if (named.len == 0 &&
	    (states[state].of_list || (states[state].status == STORE_ACTIVE && !states[state].temporary)))
		list = r->list;
	if (list == 0 && states[state].of_list) {
		complain(r, csv->line, "list", span_of(states[state].name),
		         "this state with --list NAME or a column \"list\": it is one list's");
		return -1;
	}
	*list_r = list;
	return 0;
}

static void read_row(struct reader *r, const struct csv *csv) {
	struct span named = cell(r, csv, COLUMN_STATE);
	ssize_t state = named.len == 0 ? 0 : find_state(named);
	struct import_row *row;
	struct addr addr;
	struct buf names;
	size_t list = 0;

	if (addr_parse(cell(r, csv, COLUMN_ADDRESS), &addr) != 0) {
		complain(r, csv->line, "address", cell(r, csv, COLUMN_ADDRESS), "an address, as a@example.jp");
		return;
	}
	if (state < 0) {
		buf_init(&names, 4096);
		complain(r, csv->line, "state", named, state_names(&names));
		buf_free(&names);
		return;
	}
	if (place(r, csv, (size_t)state, &list) != 0)
		return;
	row = add_row(r->import);
	if (row == NULL) {
		complain(r, csv->line, "file", SPAN_NONE, "a file that fits into memory");
		return;
	}
	row->line = (uint32_t)csv->line;
	row->address = (uint32_t)r->import->text.len;
	row->state = (uint16_t)state;
	row->list = (uint16_t)list;
	row->status = states[state].status;
	row->temporary = states[state].temporary;
	buf_add(&r->import->text, addr.text, addr.len + 1);
}

/* The columns by their names.  True where the record is a heading. */
static bool read_heading(struct reader *r, const struct csv *csv) {
	struct addr addr;
	size_t i, column, name;

	for (i = 0; i < csv->count; i++)
		if (addr_parse(csv->fields[i], &addr) == 0) {
			r->columns[COLUMN_ADDRESS] = 0;
			r->columns[COLUMN_STATE] = 1;
			return false;
		}
	for (i = 0; i < csv->count; i++)
		for (column = 0; column < COLUMNS; column++)
			for (name = 0; headings[column][name] != NULL; name++)
				if (r->columns[column] < 0 &&
				    span_equal_nocase(span_trim(csv->fields[i]), span_of(headings[column][name])))
					r->columns[column] = (ssize_t)i;
	if (r->columns[COLUMN_ADDRESS] < 0)
		complain(r, csv->line, "heading", SPAN("no column of addresses"),
		         "one named address, email or メールアドレス; state, 状態, 配信状態; list");
	return true;
}

static bool is_utf8(struct span text) {
	while (text.len > 0) {
		size_t size = utf8_size(text);

		if (size == 0)
			return false;
		text = span_from(text, size);
	}
	return true;
}

/* Microsoft's Shift_JIS, as Excel writes it; -1 with the line at which it is none. */
static int decode_cp932(struct span file, struct buf *out, size_t *line_r) {
	iconv_t cd = iconv_open("UTF-8", "CP932");
	char *in = (char *)(uintptr_t)file.at, *to = buf_reserve(out, file.len * 3 + 1);
	size_t left = file.len, room = file.len * 3 + 1, i;
	int status = -1;

	if (cd == (iconv_t)-1 || to == NULL) {
		*line_r = 0;
	} else if (iconv(cd, &in, &left, &to, &room) == (size_t)-1) {
		*line_r = 1;
		for (i = 0; i < file.len - left; i++)
			*line_r += file.at[i] == '\n';
	} else {
		out->len = (size_t)(to - out->at);
		status = 0;
	}
	if (cd != (iconv_t)-1)
		iconv_close(cd);
	return status;
}

static struct span decode(struct reader *r, struct span file, enum import_encoding encoding, struct buf *memory) {
	size_t line;

	if (span_starts(file, SPAN("\xef\xbb\xbf")))
		return span_from(file, 3);
	if (encoding == IMPORT_UTF8 || (encoding == IMPORT_AUTO && is_utf8(file)))
		return file;
	if (decode_cp932(file, memory, &line) != 0)
		complain(r, line, "encoding", SPAN("other octets"), "UTF-8 or CP932 (Shift_JIS)");
	return buf_span(memory);
}

static void read_all(struct reader *r, struct span text) {
	struct csv csv;
	int got;

	csv_init(&csv, text);
	got = csv_next(&csv);
	if (got == 1 && read_heading(r, &csv))
		got = r->wrong > 0 ? 0 : csv_next(&csv);
	for (; got == 1; got = csv_next(&csv))
		read_row(r, &csv);
	if (got < 0)
		complain(r, csv.line, "table", span_of(csv.problem), "RFC 4180");
	csv_free(&csv);
}

int import_read(struct import *import, struct span file, enum import_encoding encoding, const struct conf *conf,
                size_t list, struct buf *errors) {
	struct reader r = {.import = import, .conf = conf, .list = list, .errors = errors, .columns = {-1, -1, -1}};
	struct buf memory;
	struct span text;

	*import = (struct import){.rows = NULL};
	buf_init(&import->text, UINT32_MAX);
	buf_init(&memory, 3 * IMPORT_FILE_MAX + 1);
	text = decode(&r, file, encoding, &memory);
	if (r.wrong == 0)
		read_all(&r, text);
	buf_free(&memory);
	if (import->text.failed && r.wrong == 0)
		complain(&r, 0, "file", SPAN_NONE, "a file that fits into memory");
	if (r.wrong > IMPORT_ERRORS_MAX)
		buf_printf(errors, "and %zu lines more\n", r.wrong - IMPORT_ERRORS_MAX);
	return r.wrong == 0 ? 0 : -1;
}
