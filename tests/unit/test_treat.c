/* Whose mail is treated, and what happens when it can't be done whole. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/fixture.h"

static const char *const one[] = {"<reader@example.net>", NULL};

#define HEAD "From: News <news@example.com>\nMessage-ID: <1@example.com>\nSubject: Hi\nContent-Type: text/html\n"
#define BODY "\n<a href=\"http://example.org/\">x</a>\n"

static int open_setting(void **state) {
	static struct fixture f;

	fixture_open(&f, "list \"quiet\" { sender = { \"quiet@example.com\" } shadow = true }\n"
	                 "list \"byfrom\" { from = { \"@from.example.com\" } footer = \"never\" }\n"
	                 "list \"bylogin\" { sasl_login = { \"app1\" } footer = \"never\" }\n"
	                 "list \"byclient\" { client = { \"192.0.2.0/24\" } footer = \"never\" }\n"
	                 "trusted = { \"127.0.0.0/8\", \"192.0.2.0/24\" }\n");
	*state = &f;
	return 0;
}

static int close_setting(void **state) {
	fixture_close(*state);
	return 0;
}

static void treat_from(struct fixture *f, const char *client, const char *login, const char *sender, const char *text,
                       struct outcome *o) {
	struct origin origin = origin_of(f->world->conf, span_of(client), span_of(login));

	fixture_treat_bytes(f, sender, one, span_of(text), &origin, o);
}

static void test_lists(void **state) {
	struct fixture *f = *state;
	static const struct {
		const char *client, *login, *sender, *header;
		enum treat_verdict verdict;
		const char *list; /* NULL: none */
	} rows[] = {
	        {"127.0.0.1", "", "news@example.com", "", TREAT_CHANGED, "news"},
	        {"127.0.0.1", "", "News@EXAMPLE.com", "", TREAT_CHANGED, NULL}, /* the local part is exact (W7) */
	        {"127.0.0.1", "", "news@EXAMPLE.COM", "", TREAT_CHANGED, "news"},
	        {"127.0.0.1", "", "a@example.com", "X-Todoku-List: plain\n", TREAT_CHANGED, "plain"},
	        {"127.0.0.1", "", "news@example.com", "X-Todoku-List: nobody\n", TREAT_TEMPFAIL, NULL},
	        {"127.0.0.1", "app1", "news@example.com", "X-Todoku-List: -\n", TREAT_CHANGED, NULL}, /* signed alone */
	        {"127.0.0.1", "app1", "news@example.com", "", TREAT_CHANGED, "bylogin"},
	        {"198.51.100.1", "app1", "x@example.com", "", TREAT_CHANGED, "bylogin"},
	        {"192.0.2.9", "", "x@example.com", "", TREAT_CHANGED, "byclient"},
	        {"127.0.0.1", "", "x@example.com", "", TREAT_CHANGED, NULL}, /* no list: signed alone */
	        /* Not from a trusted client: not signed, whatever it says it is. */
	        {"198.51.100.1", "", "news@example.com", "X-Todoku-List: news\n", TREAT_PASS, NULL},
	        {"", "", "news@example.com", "", TREAT_CHANGED, "news"}, /* sendmail(1) */
	};
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[1024];
		struct outcome o;
		const char *got;

		snprintf(text, sizeof text, HEAD "%s" BODY, rows[i].header);
		treat_from(f, rows[i].client, rows[i].login, rows[i].sender, text, &o);
		got = o.treated.list == NULL ? NULL : o.treated.list->name;
		if (o.treated.verdict != rows[i].verdict || (got == NULL) != (rows[i].list == NULL) ||
		    (got != NULL && strcmp(got, rows[i].list) != 0))
			fail_msg("row %zu: verdict %d (%s), list %s", i, o.treated.verdict, o.treated.reason,
			         got == NULL ? "none" : got);
		if (got == NULL)
			assert_false(o.message.body_changed);
		if (got == NULL && o.treated.verdict == TREAT_CHANGED) {
			assert_non_null(strstr(o.text, "DKIM-Signature:"));
			assert_null(strstr(o.text, "\nList-Unsubscribe: "));
			assert_null(strstr(o.text, "X-Todoku-"));
		}
		fixture_forget(&o);
	}
}

static void test_by_from(void **state) {
	struct outcome o;

	treat_from(*state, "127.0.0.1", "", "x@example.com",
	           "From: \"a@b, c\" (x) <x@from.example.com>\nContent-Type: text/html\n" BODY, &o);
	assert_string_equal(o.treated.list->name, "byfrom");
	/* D5: d= is the parent section's domain, which aligns. */
	assert_non_null(strstr(o.text, "d=example.com;"));
	fixture_forget(&o);
}

/* What the front smtpd says is believed only with its MAC. */
static void test_origin(void **state) {
	struct fixture *f = *state;
	struct origin outside = {.trusted = false, .client = SPAN("198.51.100.1"), .login = SPAN_NONE};
	struct origin inside = {.trusted = true, .client = SPAN("192.0.2.1"), .login = SPAN("app1")};
	struct origin got;
	struct message m;
	struct buf value;

	buf_init(&value, 4096);
	assert_int_equal(origin_write(f->world->ring, &inside, time(NULL), &value), 0);
	message_init(&m, 1024);
	message_add_field(&m, SPAN("X-Todoku-Origin"), SPAN(" AAAAforged"));
	message_add_field(&m, SPAN("X-Todoku-Origin"), buf_span(&value));
	assert_int_equal(origin_read(f->world->ring, &m, &got), 0);
	assert_true(got.trusted);
	assert_true(span_equal(got.login, SPAN("app1")));
	assert_true(span_equal(got.client, SPAN("192.0.2.1")));
	message_free(&m);

	buf_reset(&value);
	assert_int_equal(origin_write(f->world->ring, &outside, time(NULL), &value), 0);
	message_init(&m, 1024);
	message_add_field(&m, SPAN("X-Todoku-Origin"), buf_span(&value));
	assert_int_equal(origin_read(f->world->ring, &m, &got), 0);
	assert_false(got.trusted);
	message_free(&m);

	value.at[value.len / 2] ^= 1;
	message_init(&m, 1024);
	message_add_field(&m, SPAN("X-Todoku-Origin"), buf_span(&value));
	assert_int_equal(origin_read(f->world->ring, &m, &got), -1);
	message_free(&m);
	buf_free(&value);
}

/* Mail whose sender is a return path of ours has been through. */
static void test_been_through(void **state) {
	struct fixture *f = *state;
	struct outcome first, second;
	char sender[128];

	treat_from(f, "127.0.0.1", "", "news@example.com", HEAD BODY, &first);
	snprintf(sender, sizeof sender, "%.*s", SPAN_ARG(first.treated.sender));
	assert_true(strchr(sender, '@') - sender <= 64);
	treat_from(f, "127.0.0.1", "", sender, HEAD "X-Todoku-List: news\n" BODY, &second);
	assert_int_equal(second.treated.verdict, TREAT_PASS);
	fixture_forget(&second);
	/* Not with a token that was tampered with. */
	sender[10] = sender[10] == 'a' ? 'b' : 'a';
	treat_from(f, "127.0.0.1", "", sender, HEAD "X-Todoku-List: news\n" BODY, &second);
	assert_int_equal(second.treated.verdict, TREAT_CHANGED);
	fixture_forget(&second);
	fixture_forget(&first);
}

static void test_shadow(void **state) {
	struct outcome o;

	treat_from(*state, "127.0.0.1", "", "quiet@example.com", HEAD BODY, &o);
	assert_int_equal(o.treated.verdict, TREAT_CHANGED);
	assert_true(o.treated.shadow);
	assert_int_equal(o.treated.send_count, 0);
	fixture_forget(&o);
}

/* H2: without a signature that can be made, list mail is put off. */
static void test_no_key(void **state) {
	struct fixture *f = *state;
	struct outcome o;
	char record[128];

	treat_from(f, "127.0.0.1", "", "x@elsewhere.example", "From: a@elsewhere.example\nX-Todoku-List: news\n" BODY,
	           &o);
	assert_int_equal(o.treated.verdict, TREAT_TEMPFAIL);
	assert_non_null(strstr(o.treated.reason, "elsewhere.example"));
	fixture_forget(&o);
	treat_from(f, "127.0.0.1", "", "", "Subject: no From\nX-Todoku-List: news\n" BODY, &o);
	assert_int_equal(o.treated.verdict, TREAT_TEMPFAIL);
	fixture_forget(&o);
	/* The envelope sender's domain signs where the From domain can't. */
	treat_from(f, "127.0.0.1", "", "news@example.com", "From: a@elsewhere.example\n" BODY, &o);
	assert_int_equal(o.treated.verdict, TREAT_CHANGED);
	assert_non_null(strstr(o.text, "d=example.com;"));
	fixture_forget(&o);
	/* Mail of no list passes, from a domain of nobody or with no key to be used. */
	treat_from(f, "127.0.0.1", "", "x@elsewhere.example", "From: x@elsewhere.example\n" BODY, &o);
	assert_int_equal(o.treated.verdict, TREAT_PASS);
	fixture_forget(&o);

	/* D6: a key whose record is gone is not used; D1: Ed25519 never signs alone. */
	snprintf(record, sizeof record, "%s/dns/r._domainkey.example.com", f->dir);
	assert_int_equal(unlink(record), 0);
	assert_int_equal(world_check_dns(f->world), 1);
	treat_from(f, "127.0.0.1", "", "news@example.com", HEAD BODY, &o);
	assert_int_equal(o.treated.verdict, TREAT_TEMPFAIL);
	assert_non_null(strstr(o.treated.reason, "r._domainkey.example.com"));
	fixture_forget(&o);
	treat_from(f, "127.0.0.1", "", "x@example.com", HEAD BODY, &o);
	assert_int_equal(o.treated.verdict, TREAT_PASS);
	fixture_forget(&o);
}

/* A second signature for the operator's own domain (D5). */
static void test_also_sign(void **state) {
	struct fixture f;
	struct outcome o;

	(void)state;
	fixture_open(&f, "domain \"elsewhere.example\" { also_sign = { \"example.com\" } }\n");
	treat_from(&f, "127.0.0.1", "", "news@example.com", "From: a@elsewhere.example\n" BODY, &o);
	/* A domain without a key of its own: no signature would align. */
	assert_int_equal(o.treated.verdict, TREAT_TEMPFAIL);
	fixture_forget(&o);
	fixture_close(&f);
}

static void append_domains(struct fixture *f) {
	char path[128], text[512];
	struct buf errors;
	FILE *conf;

	snprintf(path, sizeof path, "%s/todoku.conf", f->dir);
	snprintf(text, sizeof text,
	         "domain \"operator.example\" { dkim \"o\" { key = \"%s/o.pem\" } also_sign = { \"example.com\" } }\n",
	         f->dir);
	conf = fopen(path, "a");
	assert_non_null(conf);
	fputs(text, conf);
	fclose(conf);
	world_free(&f->world);
	buf_init(&errors, 65536);
	f->world = world_load(path, &errors);
	if (f->world == NULL)
		fail_msg("%s", errors.at);
	buf_free(&errors);
	world_check_dns(f->world);
}

static void test_two_domains_sign(void **state) {
	struct fixture f;
	struct outcome o;

	(void)state;
	fixture_open(&f, "");
	append_domains(&f);
	/* Of a subdomain, from a sender that no section covers: the parent's keys align. */
	treat_from(&f, "127.0.0.1", "", "x@elsewhere.example",
	           "X-Todoku-List: news\nFrom: a@sub.operator.example\n" BODY, &o);
	assert_int_equal(o.treated.verdict, TREAT_CHANGED);
	assert_int_equal(o.treated.signature_count, 3);
	assert_int_equal(fixture_count(o.text, "d=operator.example;"), 1);
	assert_int_equal(fixture_count(o.text, "d=example.com;"), 2);
	/* RSA first: what not every receiver knows stands last. */
	assert_non_null(strstr(o.treated.signatures[0].at, "d=operator.example"));
	assert_non_null(strstr(o.treated.signatures[2].at, "ed25519"));
	fixture_forget(&o);
	fixture_close(&f);
}

/* D2, H2: what the verifier refuses does not leave (here libopendkim, whose room
 * for h= is less than this takes). */
static void test_verifier_refuses(void **state) {
	struct outcome o;
	struct buf text;
	int i;

	buf_init(&text, 1 << 20);
	buf_add_text(&text, "From: news@example.com\n");
	for (i = 0; i < 1500; i++)
		buf_printf(&text, "Cc: reader%d@example.net\n", i);
	buf_add_text(&text, BODY);
	treat_from(*state, "127.0.0.1", "", "news@example.com", text.at, &o);
	assert_int_equal(o.treated.verdict, TREAT_TEMPFAIL);
	fixture_forget(&o);
	buf_free(&text);
}

static void test_campaigns(void **state) {
	struct fixture *f = *state;
	struct outcome a, b, c, d;

	treat_from(f, "127.0.0.1", "", "plain@example.com", HEAD "X-Todoku-Campaign: autumn\n" BODY, &a);
	treat_from(f, "127.0.0.1", "", "plain@example.com", HEAD "X-Todoku-Campaign:  autumn \n" BODY, &b);
	treat_from(f, "127.0.0.1", "", "plain@example.com", HEAD "X-Todoku-Campaign: winter\n" BODY, &c);
	treat_from(f, "127.0.0.1", "", "plain@example.com", HEAD BODY, &d);
	assert_true(a.treated.campaign.id == b.treated.campaign.id);
	assert_true(a.treated.campaign.id != c.treated.campaign.id);
	assert_true(d.treated.campaign.id != a.treated.campaign.id);
	assert_int_equal(d.treated.campaign.name.len, 10); /* the day */
	fixture_forget(&a);
	fixture_forget(&b);
	fixture_forget(&c);
	fixture_forget(&d);
}

/* The same message tried again is the same send; another submission is not. */
static void test_identity(void **state) {
	struct fixture *f = *state;
	struct outcome a, b, c;

	treat_from(f, "127.0.0.1", "", "plain@example.com", "Received: by a id 1\n" HEAD BODY, &a);
	treat_from(f, "127.0.0.1", "", "plain@example.com", "Received: by a id 1\n" HEAD BODY, &b);
	treat_from(f, "127.0.0.1", "", "plain@example.com", "Received: by a id 2\n" HEAD BODY, &c);
	assert_true(a.treated.sends[0].message == b.treated.sends[0].message);
	assert_true(a.treated.sends[0].message != c.treated.sends[0].message);
	fixture_forget(&a);
	fixture_forget(&b);
	fixture_forget(&c);
}

/* One world for many threads: for the thread sanitizer. */
static void *treat_many(void *context) {
	struct fixture *f = context;
	int i;

	for (i = 0; i < 40; i++) {
		struct outcome o;

		treat_from(f, "127.0.0.1", "", "news@example.com", HEAD BODY, &o);
		if (o.treated.verdict != TREAT_CHANGED)
			return f;
		fixture_forget(&o);
	}
	return NULL;
}

static void test_threads(void **state) {
	pthread_t threads[8];
	size_t i;
	void *bad;

	for (i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, treat_many, *state), 0);
	for (i = 0; i < 8; i++) {
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_lists),
	        cmocka_unit_test(test_by_from),
	        cmocka_unit_test(test_origin),
	        cmocka_unit_test(test_been_through),
	        cmocka_unit_test(test_shadow),
	        cmocka_unit_test(test_also_sign),
	        cmocka_unit_test(test_two_domains_sign),
	        cmocka_unit_test(test_verifier_refuses),
	        cmocka_unit_test(test_campaigns),
	        cmocka_unit_test(test_identity),
	        cmocka_unit_test(test_threads),
	        cmocka_unit_test(test_no_key),
	};

	return cmocka_run_group_tests(tests, open_setting, close_setting);
}
