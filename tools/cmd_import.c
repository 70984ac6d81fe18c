/* todoku address import: other systems' addresses and states. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lib/token.h"
#include "tools/address.h"
#include "tools/import.h"

#define GROUP_SIZE 5000
#define PROGRESS_ROWS 100000

struct run {
	const struct address *a;
	const struct import *import;
	const char *file;
	size_t done;
	size_t changed;
	size_t kept; /* active in the file, but refused by what is on record */
	size_t marked;
	time_t now;
};

static int read_file(const char *name, struct buf *out) {
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t got = -1;
	char *at;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		errno = EISDIR;
	else
		while (fd >= 0 && (at = buf_reserve(out, 1 << 20)) != NULL && (got = read(fd, at, 1 << 20)) > 0)
			out->len += (size_t)got;
	if (fd >= 0)
		close(fd);
	if (got == 0 && !out->failed)
		return EX_OK;
	return command_fail(EX_NOINPUT, "%s: %s", name, strerror(errno));
}

static struct span list_name(const struct run *run, const struct import_row *row) {
	return row->list == 0 ? SPAN_NONE : span_of(run->a->conf->lists[row->list - 1].name);
}

static struct store_change change_of(const struct run *run, const struct import_row *row) {
	struct span address = span_of(import_address(run->import, row));

	return (struct store_change){
	        .address_key = token_address_key(run->a->ring, address),
	        .address = address,
	        .list = list_name(run, row),
	        .status = row->status,
	        .reason = SPAN("import"),
	        .detail = span_of(import_state_name(row)),
	        .who = span_of(answer_operator()),
	        .time = run->now,
	};
}

static void show_progress(struct run *run) {
	size_t all = run->import->count * 2;

	if (run->done % PROGRESS_ROWS == 0)
		fprintf(stderr, "todoku: %zu %%\n", all == 0 ? 100 : run->done * 100 / all);
}

/* What is gathered until a transaction is worth it. */
struct group {
	struct store_change changes[GROUP_SIZE];
	size_t change_count;
	struct store_mark marks[GROUP_SIZE];
	size_t mark_count;
};

static int apply(struct run *run, struct group *group, struct err *err) {
	size_t changed = 0;

	if (group->change_count > 0 &&
	    store_change_status(run->a->store, group->changes, group->change_count, &changed, err) != 0)
		return -1;
	if (group->mark_count > 0 && store_mark_all(run->a->store, group->marks, group->mark_count, err) != 0)
		return -1;
	run->changed += changed;
	run->marked += group->mark_count;
	group->change_count = group->mark_count = 0;
	return 0;
}

/* An active one lifts nothing: who left or bounced since then stays as it is. */
static int is_free(struct run *run, const struct store_change *change, bool *free_r, struct err *err) {
	struct store_standing standing;

	if (store_find_standing(run->a->store, change->address_key, change->list, &standing, err) != 0)
		return -1;
	*free_r = standing.status == STORE_ACTIVE;
	run->kept += !*free_r;
	return 0;
}

static int take_row(struct run *run, const struct import_row *row, struct group *group, struct err *err) {
	struct store_change change = change_of(run, row);
	bool wanted = true;

	if (row->status == STORE_ACTIVE && is_free(run, &change, &wanted, err) != 0)
		return -1;
	if (wanted && row->temporary)
		group->marks[group->mark_count++] = (struct store_mark){change.address_key, change.address, run->now};
	else if (wanted)
		group->changes[group->change_count++] = change;
	if (group->change_count < GROUP_SIZE && group->mark_count < GROUP_SIZE)
		return 0;
	return apply(run, group, err);
}

/* What refuses first, then what allows: in whatever order the file has them, a
 * refusal in it counts. */
static int take_all(struct run *run, struct err *err) {
	static struct group group;
	size_t i;
	int pass;

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < run->import->count; i++) {
			const struct import_row *row = &run->import->rows[i];

			if ((row->status == STORE_ACTIVE) == (pass == 1) && take_row(run, row, &group, err) != 0)
				return -1;
			run->done++;
			show_progress(run);
		}
		if (apply(run, &group, err) != 0)
			return -1;
	}
	return 0;
}

static int finish(const struct command *command, const struct run *run, bool dry) {
	if (command->json)
		answer_json(json_pack("{s:b, s:I, s:I, s:I, s:I}", "imported", !dry, "rows",
		                      (json_int_t)run->import->count, "changed", (json_int_t)run->changed, "marked",
		                      (json_int_t)run->marked, "kept", (json_int_t)run->kept));
	else if (dry)
		printf("%zu rows are good; nothing was changed\n", run->import->count);
	else
		printf("%zu rows: %zu changes, %zu marked temporary-failed, %zu kept as they were (they left or are "
		       "blocked here)\n",
		       run->import->count, run->changed, run->marked, run->kept);
	return EX_OK;
}

static int import_file(const struct command *command, const struct address *a, const struct buf *file,
                       enum import_encoding encoding, bool dry) {
	struct import import;
	struct run run = {.a = a, .import = &import, .file = command->argv[0], .now = time(NULL)};
	size_t list = a->list[0] == '\0' ? 0 : (size_t)(conf_find_list(a->conf, span_of(a->list)) - a->conf->lists) + 1;
	struct span left;
	struct buf errors;
	struct err err;
	int status = EX_OK;

	buf_init(&errors, 65536);
	if (import_read(&import, buf_span(file), encoding, a->conf, list, &errors) != 0) {
		for (left = buf_span(&errors); left.len > 0;) {
			ssize_t end = span_find_byte(left, '\n');
			size_t len = end < 0 ? left.len : (size_t)end;

			fprintf(stderr, "%s:%.*s\n", run.file, (int)len, left.at);
			left = span_from(left, len < left.len ? len + 1 : len);
		}
		status = command_fail(EX_DATAERR, "%s: nothing was imported", run.file);
	} else if (!dry && take_all(&run, &err) != 0) {
		status = command_fail(EX_IOERR, "%s; import the file again: what is done stays, and is not done twice",
		                      err.text);
	} else {
		status = finish(command, &run, dry);
	}
	buf_free(&errors);
	import_free(&import);
	return status;
}

static int find_encoding(const char *name, enum import_encoding *encoding_r) {
	static const char *const names[] = {"auto", "utf-8", "cp932"};
	int i;

	for (i = 0; i < 3; i++)
		if (span_equal_nocase(span_of(name), span_of(names[i]))) {
			*encoding_r = (enum import_encoding)i;
			return 0;
		}
	return -1;
}

int address_import(struct command *command) {
	struct address a = {.list = command_option(command, "--list", "")};
	const char *named = command_option(command, "--encoding", "auto");
	bool dry = command_flag(command, "--dry-run");
	enum import_encoding encoding;
	struct buf file;
	int status;

	if (find_encoding(named, &encoding) != 0)
		return command_usage(command, "--encoding: allowed: auto, utf-8, cp932");
	if (command->argc != 1)
		return command_usage(command, "one file is needed");
	/* Before root is given up: the file may be the operator's alone. */
	buf_init(&file, IMPORT_FILE_MAX);
	status = read_file(command->argv[0], &file);
	if (status == EX_OK)
		status = address_open_all(command, &a);
	if (status == EX_OK)
		status = import_file(command, &a, &file, encoding, dry);
	buf_free(&file);
	address_close(&a);
	return status;
}
