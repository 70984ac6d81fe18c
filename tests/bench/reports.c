/*
 * reports RULES FOLDER SECONDS: how many messages of a folder (*.eml) a second are
 * read and classified, in one thread, in processor time.  Prints JSON.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "report/report.h"
#include "report/rules.h"

#define MESSAGES_MAX 5000
#define MESSAGE_MAX (64U << 20)

static double now(void) {
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *text) {
	fprintf(stderr, "reports: %s\n", text);
	exit(1);
}

static struct buf read_file(const char *folder, const char *name) {
	char path[4096];
	FILE *file;
	struct buf b;
	int c;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "rb");
	if (file == NULL)
		fail(path);
	buf_init(&b, MESSAGE_MAX);
	while ((c = getc(file)) != EOF)
		buf_add_byte(&b, (char)c);
	fclose(file);
	return b;
}

static size_t read_folder(const char *path, struct buf *messages) {
	DIR *folder = opendir(path);
	struct dirent *entry;
	size_t count = 0;

	if (folder == NULL)
		fail(path);
	while (count < MESSAGES_MAX && (entry = readdir(folder)) != NULL)
		if (span_ends_nocase(span_of(entry->d_name), SPAN(".eml")))
			messages[count++] = read_file(path, entry->d_name);
	closedir(folder);
	return count;
}

int main(int argc, char **argv) {
	static struct buf messages[MESSAGES_MAX];
	struct buf errors;
	struct rules *rules;
	size_t count, i, read = 0, octets = 0;
	double start, took;

	if (argc != 4)
		fail("usage: reports RULES FOLDER SECONDS");
	buf_init(&errors, 65536);
	rules = rules_load(argv[1], &errors);
	if (rules == NULL)
		fail(errors.at);
	report_init();
	count = read_folder(argv[2], messages);
	if (count == 0)
		fail("no *.eml there");
	start = now();
	do {
		for (i = 0; i < count; i++) {
			struct report report;

			if (report_read(rules, buf_span(&messages[i]), &report) != 0)
				fail("out of memory");
			report_free(&report);
			octets += messages[i].len;
		}
		read += count;
		took = now() - start;
	} while (took < atof(argv[3]));
	printf("{\"messages\": %zu, \"read\": %zu, \"seconds\": %.3f, \"per_second\": %.0f, \"us_each\": %.2f, "
	       "\"mb_per_second\": %.0f}\n",
	       count, read, took, (double)read / took, took * 1e6 / (double)read, (double)octets / took / 1e6);
	rules_free(&rules);
	return 0;
}
