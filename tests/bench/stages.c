/*
 * stages CONF MESSAGE COUNT [unique]: what the milter's stages cost for one message, in
 * one thread, with the keys of a configuration (a sandbox's, as a rule), and one
 * bare RSA signature of the same key beside them.  Prints JSON.
 *
 * The message comes again and again, as the copies of one for each recipient do;
 * with "unique" the word "item" in its first comment differs each time, as in mail
 * that an application made for each recipient.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "milter/mime.h"
#include "milter/treat.h"

static double now(void) {
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct span read_file(const char *path) {
	FILE *file = fopen(path, "rb");
	struct buf b;
	int c, last = 0;

	buf_init(&b, 64U << 20);
	while (file != NULL && (c = getc(file)) != EOF) {
		if (c == '\n' && last != '\r')
			buf_add_byte(&b, '\r');
		buf_add_byte(&b, (char)c);
		last = c;
	}
	if (file == NULL || b.len == 0) {
		perror(path);
		exit(1);
	}
	fclose(file);
	return buf_span(&b);
}

static void fill(struct message *m, struct span text) {
	ssize_t end;

	message_init(m, 64U << 20);
	message_set_sender(m, SPAN("news@example.com"));
	message_add_recipient(m, SPAN("<reader@example.net>"), NULL);
	while (!span_starts(text, SPAN("\r\n"))) {
		struct span field;
		ssize_t colon;
		size_t at = 0;

		do {
			end = span_find(span_from(text, at), SPAN("\r\n"));
			at += (size_t)end + 2;
		} while (text.at[at] == ' ' || text.at[at] == '\t');
		field = span_make(text.at, at - 2);
		colon = span_find_byte(field, ':');
		message_add_field(m, span_make(field.at, (size_t)colon), span_from(field, (size_t)colon + 1));
		text = span_from(text, at);
	}
	message_begin_body(m);
	message_add_body(m, span_from(text, 2));
	message_end_body(m);
}

/* The four octets that tell one message from the next; NULL without "unique". */
static char *find_varying(struct span text, bool unique) {
	ssize_t at = span_find(text, SPAN("<!-- item"));

	if (!unique)
		return NULL;
	if (at < 0) {
		fprintf(stderr, "no \"<!-- item\" in the message\n");
		exit(1);
	}
	return (char *)(uintptr_t)text.at + at + 5;
}

static double bare_signature(const struct world *world, int count) {
	const struct dkimset_key *keys[DKIMSET_SIGNERS_MAX];
	unsigned char hash[32] = {1};
	struct buf out;
	struct err err;
	double started;
	int i;

	if (dkimset_signers(world->keys, SPAN("example.com"), keys, &err) < 1)
		return 0;
	buf_init(&out, 4096);
	started = now();
	for (i = 0; i < count; i++) {
		buf_reset(&out);
		hash[1] = (unsigned char)i;
		if (dkimkey_sign(keys[0]->key, hash, &out) != 0)
			exit(1);
	}
	buf_free(&out);
	return (now() - started) / count;
}

int main(int argc, char **argv) {
	struct buf errors;
	struct world *world;
	struct origin origin = {.trusted = true};
	double rewrite = 0, sign = 0, verify = 0;
	struct span text;
	char *varying;
	size_t links = 0;
	int count, i;

	if (argc != 4 && argc != 5)
		return 64;
	buf_init(&errors, 65536);
	mime_init();
	world = world_load(argv[1], &errors);
	if (world == NULL) {
		fputs(errors.at, stderr);
		return 78;
	}
	world_check_dns(world);
	text = read_file(argv[2]);
	count = atoi(argv[3]);
	varying = find_varying(text, argc == 5);
	for (i = 0; i < count; i++) {
		struct message m;
		struct treat_plan plan;
		struct treated t;
		char digits[8];

		if (varying != NULL) {
			snprintf(digits, sizeof digits, "%04x", i & 0xffff);
			memcpy(varying, digits, 4);
		}
		fill(&m, text);
		treat_plan(world, &origin, &m, &plan);
		treat_message(world, &plan, &m, SPAN("4BENCH"), time(NULL), &t);
		if (t.verdict != TREAT_CHANGED) {
			fprintf(stderr, "%s\n", t.reason);
			return 1;
		}
		rewrite += (double)t.cost.rewrite / 1e3;
		sign += (double)t.cost.sign / 1e3;
		verify += (double)t.cost.verify / 1e3;
		links = t.body.links;
		free(t.sends);
		message_free(&m);
	}
	printf("{\"links\":%zu,\"rewrite_us\":%.1f,\"sign_us\":%.1f,\"verify_us\":%.1f,\"bare_rsa_us\":%.1f}\n", links,
	       rewrite / count, sign / count, verify / count, bare_signature(world, count));
	world_free(&world);
	return 0;
}
