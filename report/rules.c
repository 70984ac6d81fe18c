#include "report/rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/err.h"
#include "report/marks.h"
#include "report/rules_private.h"

#define ADMIN_FILE "/etc/todoku/bounce-rules"
#ifndef RULES_FILE
#define RULES_FILE "/usr/local/share/todoku/bounce-rules"
#endif
#define FILE_MAX (4U << 20)

struct span rules_slurp(const char *path, struct buf *room, struct err *err) {
	FILE *file = fopen(path, "rb");
	size_t got = 1;

	buf_init(room, FILE_MAX);
	if (file == NULL) {
		err_set(err, "%s: %s", path, strerror(errno));
		return SPAN_NONE;
	}
	while (got > 0) {
		char *to = buf_reserve(room, 65536);

		if (to == NULL)
			break;
		got = fread(to, 1, 65536, file);
		room->len += got;
	}
	if (ferror(file) || room->failed) {
		err_set(err, "%s: %s", path, room->failed ? "larger than 4 MiB" : strerror(errno));
		fclose(file);
		return SPAN_NONE;
	}
	fclose(file);
	/* Empty is not absent. */
	return span_make(room->at == NULL ? "" : room->at, room->len);
}

void rules_free(struct rules **rules) {
	struct rules *r = *rules;
	size_t i;

	if (r == NULL)
		return;
	for (i = 0; i < r->count; i++) {
		free(r->all[i].status);
		free(r->all[i].reply);
		free(r->all[i].where);
	}
	for (i = 0; i < r->provider_count; i++) {
		free(r->providers[i].name);
		strings_free(&r->providers[i].hosts);
		free(r->providers[i].spans);
	}
	free(r->all);
	free(r->wordings);
	free(r->piece_wording);
	free(r->coded);
	phrases_free(&r->phrases);
	phrases_free(&r->marks);
	free(r);
	*rules = NULL;
}

const struct phrases *rules_marks(const struct rules *rules) {
	return rules->marks;
}

size_t rules_count(const struct rules *rules) {
	return rules->count;
}

/* What a provider rule says comes before what is said of all (N5). */
static void rank_rules(struct rules *r) {
	size_t i;

	for (i = 0; i < r->count; i++)
		r->all[i].rank = i + (r->all[i].providers == 0 ? RULES_MAX : 0);
}

static int by_rank(const void *a, const void *b, void *rules) {
	const struct rule *all = ((struct rules *)rules)->all;
	size_t left = all[*(const uint32_t *)a].rank, right = all[*(const uint32_t *)b].rank;

	return left < right ? -1 : left > right;
}

static bool index_coded(struct rules *r) {
	size_t i;

	r->coded = calloc(r->count + 1, sizeof *r->coded);
	if (r->coded == NULL)
		return false;
	for (i = 0; i < r->count; i++)
		if (!r->all[i].by_text)
			r->coded[r->coded_count++] = (uint32_t)i;
	qsort_r(r->coded, r->coded_count, sizeof *r->coded, by_rank, r);
	return true;
}

static bool index_hosts(struct rules *r) {
	size_t i, j;

	for (i = 0; i < r->provider_count; i++) {
		struct provider *p = &r->providers[i];

		p->spans = calloc(p->hosts.len + 1, sizeof *p->spans);
		if (p->spans == NULL)
			return false;
		for (j = 0; j < p->hosts.len; j++) {
			p->spans[j] = span_of(p->hosts.at[j]);
			if (phrases_add(r->phrases, p->spans[j], RULES_HOST_ID + (uint32_t)i) != 0)
				return false;
		}
	}
	return true;
}

static struct rules *rules_new(void) {
	struct rules *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->phrases = phrases_new();
	r->marks = marks_compile();
	if (r->phrases == NULL || r->marks == NULL)
		rules_free(&r);
	return r;
}

/* The set that was read, made ready; NULL where it was wrong. */
static struct rules *finish(struct rules *r, bool right, struct buf *errors) {
	rank_rules(r);
	if (right && (!index_coded(r) || !index_hosts(r) || phrases_seal(r->phrases) != 0)) {
		buf_add_text(errors, "out of memory\n");
		right = false;
	}
	if (!right)
		rules_free(&r);
	return r;
}

struct rules *rules_parse(const char *name, struct span text, struct buf *errors) {
	struct rules *r = rules_new();

	if (r == NULL) {
		buf_add_text(errors, "out of memory\n");
		return NULL;
	}
	/* At this depth nothing can be included. */
	return finish(r, rules_read(r, name, text, UINT32_MAX, errors), errors);
}

struct rules *rules_load(const char *path, struct buf *errors) {
	struct rules *r;
	struct buf room;
	struct err err;
	struct span text = rules_slurp(path, &room, &err);
	bool right;

	if (text.at == NULL) {
		buf_printf(errors, "%s\n", err.text);
		buf_free(&room);
		return NULL;
	}
	r = rules_new();
	if (r == NULL) {
		buf_add_text(errors, "out of memory\n");
		buf_free(&room);
		return NULL;
	}
	right = rules_read(r, path, text, 0, errors);
	buf_free(&room);
	return finish(r, right, errors);
}

/* conf/bounce-rules of the tree that the program was built in: beside the build
 * folder, or above a test's folder within it. */
static char *find_beside(void) {
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 64);
	int up;

	if (len <= 0)
		return NULL;
	path[len] = '\0';
	for (up = 0; up < 5; up++) {
		char *slash = strrchr(path, '/');

		if (slash == NULL)
			break;
		strcpy(slash, "/conf/bounce-rules");
		if (access(path, R_OK) == 0)
			return strdup(path);
		*slash = '\0';
	}
	return NULL;
}

char *rules_find(void) {
	if (access(ADMIN_FILE, F_OK) == 0)
		return strdup(ADMIN_FILE);
	if (access(RULES_FILE, R_OK) == 0)
		return strdup(RULES_FILE);
	return find_beside();
}
