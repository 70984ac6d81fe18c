#include "tests/unit/fixture.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "milter/mime.h"

static const char conf_text[] = "hostname = \"mx.example.com\"\n"
                                "timezone = \"Asia/Tokyo\"\n"
                                "data_dir = \"%1$s\"\n"
                                "token_keys = \"%1$s/token.keys\"\n"
                                "store { path = \"%1$s/todoku.db\" }\n"
                                "milter { listen = \"unix:%1$s/milter.sock\" }\n"
                                "bounced { domain = \"bounce.example.com\" }\n"
                                "webd { base_url = \"https://t.example.com\" }\n"
                                "dkim_policy { dns_dir = \"%1$s/dns\" }\n"
                                "domain \"example.com\" {\n"
                                "  dkim \"r\" { key = \"%1$s/r.pem\" }\n"
                                "  dkim \"e\" { key = \"%1$s/e.pem\" }\n"
                                "}\n"
                                "domain \"operator.example\" { dkim \"o\" { key = \"%1$s/o.pem\" } }\n"
                                "stream \"main\" { }\n"
                                "list \"news\" {\n"
                                "  sender = { \"news@example.com\" }\n"
                                "  list_id = \"news.example.com\"\n"
                                "  stream = \"main\"\n"
                                "  footer = \"never\"\n"
                                "}\n"
                                "list \"plain\" {\n"
                                "  sender = { \"plain@example.com\" }\n"
                                "  footer = \"never\"\n"
                                "  track { clicks = false opens = false text = false }\n"
                                "}\n";

static void make_key(struct fixture *f, const char *selector, const char *domain, enum dkimkey_type type) {
	char file[128], record[256];
	struct dkimkey *key;
	struct err err;
	FILE *out;

	snprintf(file, sizeof file, "%s/%s.pem", f->dir, selector);
	if (dkimkey_generate(file, type, 1024, &err) != 0 || (key = dkimkey_load(file, &err)) == NULL)
		fail_msg("%s", err.text);
	snprintf(record, sizeof record, "%s/dns/%s._domainkey.%s", f->dir, selector, domain);
	out = fopen(record, "w");
	assert_non_null(out);
	fputs(dkimkey_record(key), out);
	fclose(out);
	dkimkey_free(&key);
}

void fixture_open(struct fixture *f, const char *added) {
	char path[128];
	struct buf errors;
	struct err err;
	FILE *out;

	mime_init();
	strcpy(f->dir, "/tmp/todoku-test.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(path, sizeof path, "%s/dns", f->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	make_key(f, "r", "example.com", DKIMKEY_RSA);
	make_key(f, "e", "example.com", DKIMKEY_ED25519);
	make_key(f, "o", "operator.example", DKIMKEY_RSA);
	snprintf(path, sizeof path, "%s/token.keys", f->dir);
	if (keyring_create(path, time(NULL), &err) != 0)
		fail_msg("%s", err.text);
	snprintf(path, sizeof path, "%s/todoku.conf", f->dir);
	out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, conf_text, f->dir);
	fputs(added, out);
	fclose(out);
	buf_init(&errors, 65536);
	f->world = world_load(path, &errors);
	if (f->world == NULL)
		fail_msg("%s", errors.at);
	buf_free(&errors);
	assert_int_equal(world_check_dns(f->world), 0);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fixture_close(struct fixture *f) {
	world_free(&f->world);
	nftw(f->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Fields up to the empty line, as Postfix hands them over; then the body. */
static struct span add_fields(struct message *m, struct span text) {
	while (text.len > 0) {
		size_t end = 0;
		ssize_t colon;
		struct span field;
		struct buf value;
		size_t i;

		if (span_starts(text, SPAN("\r\n")))
			return span_from(text, 2);
		if (span_starts(text, SPAN("\n")))
			return span_from(text, 1);
		do {
			ssize_t newline = span_find_byte(span_from(text, end), '\n');

			end = newline < 0 ? text.len : end + (size_t)newline + 1;
		} while (end < text.len && (text.at[end] == ' ' || text.at[end] == '\t'));
		field = span_make(text.at, end);
		while (field.len > 0 && (field.at[field.len - 1] == '\n' || field.at[field.len - 1] == '\r'))
			field.len--;
		colon = span_find_byte(field, ':');
		/* A line that is no field ends the header, as Postfix has it. */
		if (colon <= 0 || field.at[0] == ' ' || field.at[0] == '\t')
			return text;
		buf_init(&value, 16U << 20);
		for (i = (size_t)colon + 1; i < field.len; i++)
			if (field.at[i] != '\r')
				buf_add_byte(&value, field.at[i]);
		buf_add(&value, "", 0);
		message_add_field(m, span_make(field.at, (size_t)colon), buf_span(&value));
		buf_free(&value);
		text = span_from(text, end);
	}
	return text;
}

static void add_body(struct message *m, struct span body) {
	size_t i, start = 0;

	for (i = 0; i < body.len; i++)
		if (body.at[i] == '\n' && (i == 0 || body.at[i - 1] != '\r')) {
			assert_int_equal(message_add_body(m, span_make(body.at + start, i - start)), 0);
			assert_int_equal(message_add_body(m, SPAN("\r\n")), 0);
			start = i + 1;
		}
	assert_int_equal(message_add_body(m, span_from(body, start)), 0);
	message_end_body(m);
}

static void write_field(struct buf *out, struct span name, struct span value) {
	size_t i;

	buf_add_span(out, name);
	buf_add_byte(out, ':');
	for (i = 0; i < value.len; i++) {
		if (value.at[i] == '\n')
			buf_add_byte(out, '\r');
		buf_add_byte(out, value.at[i]);
	}
	buf_add_text(out, "\r\n");
}

static void write_outcome(struct outcome *o) {
	struct message *m = &o->message;
	struct buf out;
	size_t i, body_at;

	buf_init(&out, 512U << 20);
	for (i = 0; i < o->treated.signature_count; i++)
		write_field(&out, SPAN("DKIM-Signature"), o->treated.signatures[i]);
	for (i = 0; i < m->field_count; i++)
		if (m->fields[i].fate != FIELD_DROPPED)
			write_field(&out, m->fields[i].name, m->fields[i].value);
	buf_add_text(&out, "\r\n");
	body_at = out.len;
	for (i = 0; i < m->piece_count; i++)
		buf_add_span(&out, message_piece(m, i));
	if (!m->body_changed)
		buf_add_span(&out, message_body(m));
	o->text = buf_take(&out);
	assert_non_null(o->text);
	o->body = o->text + body_at;
}

void fixture_treat_bytes(struct fixture *f, const char *sender, const char *const *recipients, struct span text,
                         const struct origin *origin, struct outcome *outcome_r) {
	struct message *m = &outcome_r->message;
	struct treat_plan plan;
	size_t i;

	message_init(m, 64U << 20);
	message_set_sender(m, span_of(sender == NULL ? "news@example.com" : sender));
	for (i = 0; recipients[i] != NULL; i++)
		message_add_recipient(m, span_of(recipients[i]), NULL);
	text = add_fields(m, text);
	message_begin_body(m);
	add_body(m, text);
	assert_false(m->failed);
	treat_plan(f->world, origin, m, &plan);
	treat_message(f->world, &plan, m, SPAN("4TESTQID"), time(NULL), &outcome_r->treated);
	write_outcome(outcome_r);
}

void fixture_treat(struct fixture *f, const char *sender, const char *const *recipients, const char *text,
                   struct outcome *outcome_r) {
	struct origin origin = origin_of(f->world->conf, SPAN("127.0.0.1"), SPAN_NONE);

	fixture_treat_bytes(f, sender, recipients, span_of(text), &origin, outcome_r);
}

void fixture_forget(struct outcome *outcome) {
	message_free(&outcome->message);
	free(outcome->treated.sends);
	free(outcome->text);
}

size_t fixture_count(const char *text, const char *needle) {
	size_t count = 0;

	while ((text = strstr(text, needle)) != NULL) {
		count++;
		text += strlen(needle);
	}
	return count;
}

char *fixture_field(const struct outcome *outcome, const char *name, size_t nth) {
	size_t len = strlen(name);
	const char *line = outcome->text;

	while (line < outcome->body - 2) {
		const char *end = line;

		do {
			end = strstr(end, "\r\n") + 2;
		} while (*end == ' ' || *end == '\t');
		if (strncasecmp(line, name, len) == 0 && line[len] == ':' && nth-- == 0) {
			line += len + 1;
			return strndup(line + (*line == ' '), (size_t)(end - 2 - line) - (*line == ' '));
		}
		line = end;
	}
	return NULL;
}

bool fixture_link(struct fixture *f, const char *text, char kind, size_t nth, struct token *token_r, char *target,
                  size_t target_size) {
	char start[64];
	struct span link;
	struct buf bytes;
	bool good;

	snprintf(start, sizeof start, "https://t.example.com/%c/", kind);
	do {
		text = strstr(text, start);
		if (text == NULL)
			return false;
		text += strlen(start);
	} while (nth-- > 0);
	link = span_make(text - strlen(start), strlen(start) + strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijkl"
	                                                                    "mnopqrstuvwxyz0123456789-_."));
	buf_init(&bytes, TOKEN_BYTES_MAX);
	good = token_find(f->world->ring, link, &bytes, token_r) == TOKEN_OK;
	if (good && target != NULL)
		snprintf(target, target_size, "%.*s", SPAN_ARG(token_r->target));
	buf_free(&bytes);
	return good;
}
