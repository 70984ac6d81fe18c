/* webd/pages.h and what it stands on: colours, rates, where a POST comes from; each page and what a POST to it does. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/confirm.h"
#include "lib/store_pool.h"
#include "webd/colour.h"
#include "webd/guard.h"
#include "webd/pages_private.h"
#include "webd/rate.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TEXT_MAX 262144
#define NOW INT64_C(1790000000)
#define FORM "application/x-www-form-urlencoded"

struct fixture {
	char folder[64];
	struct webd_world *world;
	struct app app;
	struct store *store;
	struct http_request request;
	struct http_answer answer;
	char body[4096];
};

static const char conf_text[] =
        "token_keys = \"%1$s/ring\"\n"
        "store { path = \"%1$s/store\" }\n"
        "webd { base_url = \"https://t.example.com\" pages = \"%2$s/conf/pages\" sendmail = { /bin/sh, "
        "\"%1$s/sendmail\" }\n"
        "  mails_per_address = 2 forms_per_network = 5 }\n"
        "list once { language = en title = 'A & <b>' unsubscribe { pattern = once } }\n"
        "list ask { language = en unsubscribe { pattern = confirm } form { published = true expire = 2d\n"
        "  field name { kind = name required = true max = 5 } field topic { kind = choice options = { 'A', 'B & C' } "
        "}\n"
        "  field note { kind = textarea hint = 'some words' max = 300 } } }\n"
        "list address { language = ja unsubscribe { pattern = address } form { consent = 'yes, I agree' published = "
        "true } }\n";

static void write_file(const char *folder, const char *name, const char *text) {
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int set_up(void **state) {
	static struct fixture f;
	const char *source = getenv("TODOKU_SRC");
	char path[256], text[4096];
	struct buf errors;
	struct err err = {{0}};

	memset(&f, 0, sizeof f);
	snprintf(f.folder, sizeof f.folder, "/tmp/todoku-pages.XXXXXX");
	assert_non_null(mkdtemp(f.folder));
	snprintf(path, sizeof path, "%s/ring", f.folder);
	assert_int_equal(keyring_create(path, NOW, &err), 0);
	snprintf(text, sizeof text, conf_text, f.folder, source != NULL ? source : "..");
	write_file(f.folder, "conf", text);
	snprintf(text, sizeof text, "cat >>%s/mails; echo >>%s/sent\n", f.folder, f.folder);
	write_file(f.folder, "sendmail", text);
	snprintf(path, sizeof path, "%s/conf", f.folder);
	buf_init(&errors, TEXT_MAX);
	f.world = webd_world_load(path, &errors);
	if (f.world == NULL)
		fail_msg("%s", errors.at);
	buf_free(&errors);
	f.store = store_open(&f.world->conf->store, &err);
	f.app.rates = rate_new();
	f.app.stores = store_pool_new(&f.world->conf->store, &err);
	assert_true(f.store != NULL && f.app.rates != NULL && f.app.stores != NULL);
	http_answer_init(&f.answer);
	*state = &f;
	return 0;
}

static int tear_down(void **state) {
	static const char *const names[] = {"conf", "sendmail", "mails",     "sent",
	                                    "ring", "store",    "store-wal", "store-shm"};
	struct fixture *f = *state;
	char path[256];
	size_t i;

	http_answer_free(&f->answer);
	store_close(&f->store);
	store_pool_free(&f->app.stores);
	rate_free(&f->app.rates);
	webd_world_free(&f->world);
	for (i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
		unlink(path);
	}
	rmdir(f->folder);
	return 0;
}

static size_t mails(const struct fixture *f) {
	char path[256];
	struct stat st;

	snprintf(path, sizeof path, "%s/sent", f->folder);
	return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

static void ask(struct fixture *f, route_handler *handler, enum http_method method, const char *path,
                const char *rest) {
	f->request.method = method;
	f->request.path = span_of(path);
	f->request.rest = span_of(rest);
	f->request.client = SPAN("192.0.2.1");
	f->request.now_ms = NOW * 1000;
	http_answer_reset(&f->answer);
	handler(&f->app, f->world, &f->request, &f->answer);
	assert_false(f->answer.failed);
	f->request.field_count = 0;
	f->request.body = SPAN_NONE;
}

static void add_field(struct fixture *f, const char *name, const char *value) {
	f->request.fields[f->request.field_count++] = (struct http_field){span_of(name), span_of(value)};
}

static void post(struct fixture *f, route_handler *handler, const char *path, const char *rest, const char *body) {
	add_field(f, "Content-Type", FORM);
	f->request.body = span_of(body);
	ask(f, handler, HTTP_POST, path, rest);
}

static bool says(const struct fixture *f, const char *text) {
	return span_find(buf_span(&f->answer.body), span_of(text)) >= 0;
}

static struct buf token_of(const struct fixture *f, const char *list, bool shared, const char *address) {
	struct token token = {.purpose = TOKEN_UNSUBSCRIBE,
	                      .shared = shared,
	                      .list = token_list_id(f->world->ring, span_of(list)),
	                      .campaign = 7,
	                      .address_key = shared ? 0 : token_address_key(f->world->ring, span_of(address))};
	struct buf text;

	buf_init(&text, 4096);
	assert_int_equal(token_encode(f->world->ring, &token, &text), 0);
	return text;
}

static struct store_standing standing_of(const struct fixture *f, const char *list, const char *address) {
	struct store_standing standing;
	uint64_t key = token_address_key(f->world->ring, span_of(address));

	assert_int_equal(store_find_standing(f->store, key, span_of(list), &standing, NULL), 0);
	return standing;
}

/* WCAG: 4.5 on each ground, whatever the list's colour; and no further from it than needed. */
static void test_colours(void **state) {
	static const char *const colours[] = {"#000000", "#ffffff", "#1a5fb4", "#ffcc00", "#00ff00",
	                                      "#777777", "#0000ff", "#b5432e", "#ff0000", "#e0f7fa"};
	char light[COLOUR_SIZE], dark[COLOUR_SIZE];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(colours); i++) {
		colour_for_light(colours[i], light);
		colour_for_dark(colours[i], dark);
		assert_true(colour_contrast(light, COLOUR_LIGHT_CARD) >= 4.5);
		assert_true(colour_contrast(dark, COLOUR_DARK_CARD) >= 4.5);
		assert_true(colour_contrast(dark, COLOUR_DARK_TEXT) >= 4.5);
	}
	colour_for_light("#1a5fb4", light);
	assert_string_equal(light, "#1a5fb4");
	colour_for_dark("#ffcc00", dark);
	assert_string_equal(dark, "#ffcc00");
	assert_true(colour_contrast("#000000", "#ffffff") > 20.99);
	assert_true(colour_contrast("#777777", "#ffffff") > 4.47 && colour_contrast("#777777", "#ffffff") < 4.49);
}

static void test_rates(void **state) {
	struct rate *rate = rate_new();
	char key[24];
	int i, taken = 0;

	(void)state;
	/* Three at once, then one for each third of the period. */
	for (i = 0; i < 10; i++)
		taken += rate_take(rate, "a", SPAN("x"), 3, 3000, 1000000);
	assert_int_equal(taken, 3);
	assert_false(rate_take(rate, "a", SPAN("x"), 3, 3000, 1000999));
	assert_true(rate_take(rate, "a", SPAN("x"), 3, 3000, 1001000));
	assert_false(rate_take(rate, "a", SPAN("x"), 3, 3000, 1001000));
	assert_true(rate_take(rate, "b", SPAN("x"), 3, 3000, 1001000));
	assert_true(rate_take(rate, "a", SPAN("y"), 3, 3000, 1001000));
	for (taken = 0, i = 0; i < 10; i++)
		taken += rate_take(rate, "a", SPAN("x"), 3, 3000, 1100000);
	assert_int_equal(taken, 3);
	/* A flood of other keys may free some, and blocks none. */
	for (i = 0; i < 3 * RATE_PLACES; i++) {
		snprintf(key, sizeof key, "%d", i);
		assert_true(rate_take(rate, "a", span_of(key), 1, 3000, 1100000));
	}
	rate_free(&rate);
	assert_null(rate);
}

struct taker {
	struct rate *rate;
	int taken;
};

static void *take_many(void *arg) {
	struct taker *taker = arg;
	int i;

	for (i = 0; i < 1000; i++)
		taker->taken += rate_take(taker->rate, "a", SPAN("x"), 100, 1000000, 1000000);
	return NULL;
}

/* A limit is a limit, however many ask at once. */
static void test_rate_threads(void **state) {
	struct rate *rate = rate_new();
	struct taker takers[4];
	pthread_t threads[4];
	int i, taken = 0;

	(void)state;
	for (i = 0; i < 4; i++) {
		takers[i] = (struct taker){rate, 0};
		assert_int_equal(pthread_create(&threads[i], NULL, take_many, &takers[i]), 0);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		taken += takers[i].taken;
	}
	assert_int_equal(taken, 100);
	rate_free(&rate);
}

static void test_networks(void **state) {
	static const struct {
		const char *one, *other;
		bool same;
	} rows[] = {
	        {"192.0.2.1", "192.0.2.254", true},
	        {"192.0.2.1", "192.0.3.1", false},
	        {"2001:db8::1", "2001:db8::ffff:1", true},
	        {"2001:db8::1", "2001:db8:0:1::1", false},
	        {"x", "x", true},
	        {"x", "y", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct buf one, other;

		buf_init(&one, 64);
		buf_init(&other, 64);
		rate_network(span_of(rows[i].one), &one);
		rate_network(span_of(rows[i].other), &other);
		assert_int_equal(span_equal(buf_span(&one), buf_span(&other)), rows[i].same);
		buf_free(&one);
		buf_free(&other);
	}
}

static void test_same_site(void **state) {
	static const struct {
		const char *site, *origin;
		bool want;
	} rows[] = {
	        {NULL, NULL, true},
	        {"same-origin", "https://t.example.com", true},
	        {"none", NULL, true},
	        {"same-site", "https://evil.example.com", false},
	        {"cross-site", "https://t.example.com", false},
	        {"cross-site", NULL, false},
	        {NULL, "https://t.example.com", true},
	        {NULL, "https://T.example.com", true},
	        {NULL, "http://t.example.com", false},
	        {NULL, "https://t.example.com.evil.example", false},
	        {NULL, "null", false},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		f->request.field_count = 0;
		if (rows[i].site != NULL)
			add_field(f, "sec-fetch-site", rows[i].site);
		if (rows[i].origin != NULL)
			add_field(f, "Origin", rows[i].origin);
		if (guard_same_site(f->world, &f->request) != rows[i].want)
			fail_msg("row %zu", i);
	}
	f->request.field_count = 0;
}

static void test_form_tokens(void **state) {
	struct fixture *f = *state;
	char token[GUARD_TOKEN_SIZE];
	size_t i;

	assert_int_equal(guard_token(f->world, SPAN("/f/ask"), NOW, token), 0);
	assert_true(guard_token_holds(f->world, SPAN("/f/ask"), NOW, span_of(token)));
	assert_true(guard_token_holds(f->world, SPAN("/f/ask"), NOW + GUARD_TOKEN_HOURS * 3600 - 1, span_of(token)));
	assert_false(guard_token_holds(f->world, SPAN("/f/ask"), NOW + GUARD_TOKEN_HOURS * 3600, span_of(token)));
	assert_false(guard_token_holds(f->world, SPAN("/f/ask"), NOW - 61, span_of(token)));
	assert_false(guard_token_holds(f->world, SPAN("/f/address"), NOW, span_of(token)));
	assert_false(guard_token_holds(f->world, SPAN("/f/ask"), NOW, SPAN("")));
	for (i = 0; i < strlen(token); i++) {
		token[i] ^= 1;
		assert_false(guard_token_holds(f->world, SPAN("/f/ask"), NOW, span_of(token)));
		token[i] ^= 1;
	}
}

static void test_addresses(void **state) {
	static const struct {
		const char *typed, *want;
	} rows[] = {
	        {"taro@example.jp", "taro@example.jp"},
	        {" Taro@EXAMPLE.jp ", "Taro@example.jp"},
	        /* As a Japanese keyboard gives it. */
	        {"\xef\xbd\x94\xef\xbd\x81\xef\xbd\x92\xef\xbd\x8f\xef\xbc\xa0\xef\xbd\x85\xef\xbd\x98\xef\xbc\x8e\xef"
	         "\xbd\x8a\xef\xbd\x90",
	         "taro@ex.jp"},
	        {"a..b@docomo.example", "a..b@docomo.example"},
	        {"\xe5\xb1\x8a@example.jp", NULL},
	        {"taro@example", NULL},
	        {"taro@[192.0.2.1]", NULL},
	        {"taro", NULL},
	        {"a@example.jp\r\nBcc: b@example.jp", NULL},
	        {"a@example.jp, b@example.jp", NULL},
	        {"\"a b\"@example.jp", NULL},
	        {"", NULL},
	};
	struct addr addr;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		int got = pages_address(span_of(rows[i].typed), &addr);

		if ((got == 0) != (rows[i].want != NULL) || (got == 0 && strcmp(addr.text, rows[i].want) != 0))
			fail_msg("%s: %d, %s", rows[i].typed, got, got == 0 ? addr.text : "");
	}
}

/* S3: nothing is loaded, nobody frames it, and only its own style applies. */
static void test_fields(void **state) {
	struct fixture *f = *state;
	struct buf token = token_of(f, "once", false, "a@example.jp");
	const char *policy;

	ask(f, page_unsubscribe, HTTP_GET, "/u/x", token.at);
	assert_int_equal(f->answer.status, 200);
	policy = http_answer_find(&f->answer, "Content-Security-Policy");
	assert_non_null(strstr(policy, "default-src 'none'"));
	assert_non_null(strstr(policy, "form-action 'self'"));
	assert_non_null(strstr(policy, "frame-ancestors 'none'"));
	assert_non_null(strstr(policy, "style-src 'sha256-"));
	assert_null(strstr(policy, "unsafe"));
	assert_string_equal(http_answer_find(&f->answer, "Referrer-Policy"), "same-origin");
	assert_string_equal(http_answer_find(&f->answer, "Content-Type"), "text/html; charset=utf-8");
	assert_string_equal(http_answer_find(&f->answer, "Content-Language"), "en");
	assert_true(says(f, "A &amp; &lt;b&gt;"));
	assert_false(says(f, "<script") || says(f, " src=") || says(f, " style=") || says(f, "url("));
	buf_free(&token);
}

/* U1, U3: looking changes nothing, each pattern has its own page, POST does it, again too. */
static void test_patterns(void **state) {
	struct fixture *f = *state;
	struct buf once = token_of(f, "once", false, "a@example.jp"),
	           confirm = token_of(f, "ask", false, "a@example.jp");
	struct buf address = token_of(f, "address", false, "a@example.jp"), shared = token_of(f, "once", true, NULL);
	int i;

	ask(f, page_unsubscribe, HTTP_GET, "/u/x", once.at);
	assert_true(says(f, "value=\"leave\"") && !says(f, "value=\"keep\"") && !says(f, "name=\"address\""));
	ask(f, page_unsubscribe, HTTP_HEAD, "/u/x", once.at);
	ask(f, page_unsubscribe, HTTP_GET, "/u/x", confirm.at);
	assert_true(says(f, "value=\"leave\"") && says(f, "value=\"keep\"") && !says(f, "name=\"address\""));
	ask(f, page_unsubscribe, HTTP_GET, "/u/x", address.at);
	assert_true(!says(f, "value=\"leave\"") && says(f, "name=\"address\"") && says(f, "lang=\"ja\""));
	/* B13: a shared link has to ask. */
	ask(f, page_unsubscribe, HTTP_GET, "/u/x", shared.at);
	assert_true(!says(f, "value=\"leave\"") && says(f, "name=\"address\""));
	post(f, page_unsubscribe, "/u/x", confirm.at, "action=keep");
	assert_true(f->answer.status == 200 && says(f, "Nothing has changed"));
	assert_int_equal(standing_of(f, "once", "a@example.jp").status, STORE_ACTIVE);
	assert_int_equal(standing_of(f, "ask", "a@example.jp").status, STORE_ACTIVE);

	for (i = 0; i < 2; i++) {
		post(f, page_unsubscribe, "/u/x", once.at, "action=leave");
		assert_true(f->answer.status == 200 && says(f, "You are unsubscribed"));
	}
	assert_int_equal(standing_of(f, "once", "a@example.jp").status, STORE_UNSUBSCRIBED);
	assert_string_equal(standing_of(f, "once", "a@example.jp").reason, "page");
	assert_int_equal(standing_of(f, "ask", "a@example.jp").status, STORE_ACTIVE);
	/* In these two a POST can't do without the mail. */
	post(f, page_unsubscribe, "/u/x", address.at, "action=leave");
	post(f, page_unsubscribe, "/u/x", shared.at, "action=leave");
	assert_int_equal(standing_of(f, "address", "a@example.jp").status, STORE_ACTIVE);
	assert_int_equal(mails(f), 0);
	buf_free(&once);
	buf_free(&confirm);
	buf_free(&address);
	buf_free(&shared);
}

static void test_refused(void **state) {
	struct fixture *f = *state;
	struct buf token = token_of(f, "once", false, "b@example.jp");

	add_field(f, "Sec-Fetch-Site", "cross-site");
	post(f, page_unsubscribe, "/u/x", token.at, "action=leave");
	assert_int_equal(f->answer.status, 403);
	add_field(f, "Origin", "https://evil.example");
	post(f, page_unsubscribe, "/u/x", token.at, "action=leave");
	assert_int_equal(f->answer.status, 403);
	post(f, page_unsubscribe, "/u/x", token.at, "action=other");
	assert_int_equal(f->answer.status, 400);
	ask(f, page_unsubscribe, HTTP_POST, "/u/x", token.at);
	assert_int_equal(f->answer.status, 400);
	ask(f, page_unsubscribe, HTTP_OTHER, "/u/x", token.at);
	assert_int_equal(f->answer.status, 405);
	assert_int_equal(standing_of(f, "once", "b@example.jp").status, STORE_ACTIVE);
	buf_free(&token);
}

/* S1: one answer, whatever is wrong and whoever asks for what. */
static void test_wrong_links(void **state) {
	static const char *const wrong[] = {"", "x", "AwERIjNEASNFZ4mrze_-3LqYdlQyEMrYOS-e0oPWYMMf6Xcz8ng"};
	static route_handler *const handlers[] = {page_unsubscribe, page_form, page_confirm};
	struct fixture *f = *state;
	struct buf open = token_of(f, "once", false, "a@example.jp"), first;
	size_t i, j;

	buf_init(&first, TEXT_MAX);
	ask(f, page_unsubscribe, HTTP_GET, "/u/x", "");
	buf_add_span(&first, buf_span(&f->answer.body));
	for (i = 0; i < COUNT(handlers); i++)
		for (j = 0; j < COUNT(wrong); j++) {
			ask(f, handlers[i], j % 2 == 0 ? HTTP_GET : HTTP_POST, "/", wrong[j]);
			assert_int_equal(f->answer.status, 404);
			assert_true(span_equal(buf_span(&f->answer.body), buf_span(&first)));
			assert_null(http_answer_find(&f->answer, "Location"));
		}
	/* A token for one thing does not open another. */
	ask(f, page_confirm, HTTP_GET, "/j/x", open.at);
	assert_int_equal(f->answer.status, 404);
	ask(f, page_form, HTTP_GET, "/f/once", "once");
	assert_int_equal(f->answer.status, 404);
	ask(f, page_form, HTTP_GET, "/f/ASK", "ASK");
	assert_int_equal(f->answer.status, 404);
	add_field(f, "Accept-Language", "ja,en;q=0.5");
	ask(f, page_form, HTTP_GET, "/f/x", "x");
	assert_string_equal(http_answer_find(&f->answer, "Content-Language"), "ja");
	add_field(f, "Accept-Language", "de,en-GB;q=0.5");
	ask(f, page_form, HTTP_GET, "/f/x", "x");
	assert_string_equal(http_answer_find(&f->answer, "Content-Language"), "en");
	buf_free(&first);
	buf_free(&open);
}

static const char *filled(struct fixture *f, const char *path, const char *rest) {
	char token[GUARD_TOKEN_SIZE];

	assert_int_equal(guard_token(f->world, span_of(path), NOW, token), 0);
	snprintf(f->body, sizeof f->body, "token=%s&%s", token, rest);
	return f->body;
}

static void test_form_faults(void **state) {
	static const struct {
		const char *body, *want;
	} rows[] = {
	        {"f-name=Taro", "Please enter your e-mail address."},
	        {"address=taro&f-name=Taro", "This is not an e-mail address."},
	        {"address=a%40example.jp", "id=\"f-name-error\">Please fill this in."},
	        {"address=a%40example.jp&f-name=+%09+", "id=\"f-name-error\">Please fill this in."},
	        {"address=a%40example.jp&f-name=Taroyama", "id=\"f-name-error\">Please use 5 characters at most."},
	        {"address=a%40example.jp&f-name=Taro&f-topic=C", "id=\"f-topic-error\">Please choose one."},
	        /* Input is kept, as text. */
	        {"address=%3Cb%3E&f-name=%22%3E%3Cb", "value=\"&lt;b&gt;\""},
	        {"address=x&f-name=%22%3E%3Cb", "value=\"&quot;&gt;&lt;b\""},
	        {"address=x&f-topic=B+%26+C", "<option selected>B &amp; C</option>"},
	        {"address=x&f-note=a%0D%0A%3C%2Ftextarea%3E",
	         "aria-describedby=\"f-note-hint\">\na\n&lt;/textarea&gt;</textarea>"},
	        {"address=x", "aria-invalid=\"true\" aria-describedby=\"f-name-error\""},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		post(f, page_form, "/f/ask", "ask", filled(f, "/f/ask", rows[i].body));
		if (f->answer.status != 422 || !says(f, rows[i].want))
			fail_msg("row %zu: %u\n%s", i, f->answer.status, f->answer.body.at);
	}
	post(f, page_form, "/f/ask", "ask", "address=a%40example.jp&f-name=Taro");
	assert_true(f->answer.status == 422 && says(f, "The page has been open for long."));
	post(f, page_form, "/f/address", "address", filled(f, "/f/address", "address=a%40example.jp"));
	assert_true(f->answer.status == 422 && says(f, "id=\"consent-error\""));
	add_field(f, "Sec-Fetch-Site", "cross-site");
	post(f, page_form, "/f/ask", "ask", filled(f, "/f/ask", "address=a%40example.jp&f-name=Taro"));
	assert_int_equal(f->answer.status, 403);
	assert_int_equal(mails(f), 0);
}

/* Each field within its limit, and together more than a link can hold. */
static void test_too_much(void **state) {
	struct fixture *f = *state;
	char note[4096] = "address=a%40example.jp&f-name=Taro&f-note=";
	size_t i;

	for (i = 0; i < 299; i++)
		strcat(note, i % 2 == 0 ? "%E5%B1%8A" : "x%0A");
	post(f, page_form, "/f/ask", "ask", filled(f, "/f/ask", note));
	assert_true(f->answer.status == 422);
	assert_int_equal(mails(f), 0);
}

/* The limits are told to nobody: the page is the same, and no mail goes. */
static void test_limits(void **state) {
	struct fixture *f = *state;
	size_t i, network;

	for (i = 0; i < 4; i++) {
		post(f, page_form, "/f/ask", "ask", filled(f, "/f/ask", "address=a%40example.jp&f-name=Taro"));
		assert_true(f->answer.status == 200 && says(f, "Please check your mail"));
	}
	assert_int_equal(mails(f), 2);
	for (i = 0; i < 3; i++) {
		char body[64];

		snprintf(body, sizeof body, "address=%zu%%40example.jp&f-name=Taro", i);
		post(f, page_form, "/f/ask", "ask", filled(f, "/f/ask", body));
		assert_true(f->answer.status == 200 && says(f, "Please check your mail"));
	}
	network = mails(f);
	assert_int_equal(network, 3);
	/* Who fills in what nobody sees is a program. */
	rate_free(&f->app.rates);
	f->app.rates = rate_new();
	post(f, page_form, "/f/ask", "ask", filled(f, "/f/ask", "address=z%40example.jp&f-name=Taro&website=x"));
	assert_true(f->answer.status == 200 && says(f, "Please check your mail"));
	assert_int_equal(mails(f), network);
	/* While as many as may be are handed over, another has to wait. */
	f->app.mailing = 4;
	post(f, page_form, "/f/ask", "ask", filled(f, "/f/ask", "address=y%40example.jp&f-name=Taro"));
	assert_true(f->answer.status == 503 && f->app.mailing == 4);
	f->app.mailing = 3;
	post(f, page_form, "/f/ask", "ask", filled(f, "/f/ask", "address=y%40example.jp&f-name=Taro"));
	assert_true(f->answer.status == 200 && f->app.mailing == 3);
	f->app.mailing = 0;
	write_file(f->folder, "sendmail", "exit 75\n");
	post(f, page_form, "/f/ask", "ask", filled(f, "/f/ask", "address=z%40example.jp&f-name=Taro"));
	assert_int_equal(f->answer.status, 503);
	/* What could not be handed over was no mail of the two that an address may have. */
	for (i = 0; i < 2; i++) {
		post(f, page_form, "/f/ask", "ask", filled(f, "/f/ask", "address=z%40example.jp&f-name=Taro"));
		assert_int_equal(f->answer.status, 503);
	}
}

static struct buf confirm_token(const struct fixture *f, enum confirm_kind kind, time_t time, const char *address) {
	struct confirm confirm = {.kind = kind,
	                          .time = time,
	                          .address = span_of(address),
	                          .who = SPAN("198.51.100.7"),
	                          .proof = SPAN("agreed\nname: Taro")};
	struct buf text;

	buf_init(&text, 4096);
	assert_int_equal(confirm_write(f->world->ring, SPAN("ask"), &confirm, &text), 0);
	return text;
}

struct seen {
	size_t count;
	bool proof, detail;
};

static int look_at(void *context, const struct store_change *change) {
	struct seen *seen = context;

	seen->count++;
	seen->proof |= span_equal(change->proof, SPAN("agreed\nname: Taro")) &&
	               span_equal(change->who, SPAN("192.0.2.1")) && change->time == NOW;
	seen->detail |= span_equal(change->detail, SPAN("asked for at 2026-09-21T14:12:20Z by 198.51.100.7"));
	return 0;
}

/* U6: joined by POST alone, once, with the proof; until the link expires. */
static void test_join(void **state) {
	struct fixture *f = *state;
	struct buf token = confirm_token(f, CONFIRM_JOIN, NOW - 60, "a@example.jp");
	struct buf late = confirm_token(f, CONFIRM_JOIN, NOW - 2 * 86400, "a@example.jp");
	uint64_t key = token_address_key(f->world->ring, SPAN("a@example.jp"));
	struct seen seen = {0};
	int i;

	ask(f, page_confirm, HTTP_GET, "/j/x", token.at);
	assert_true(f->answer.status == 200 && says(f, "a@example.jp"));
	ask(f, page_confirm, HTTP_HEAD, "/j/x", token.at);
	post(f, page_confirm, "/j/x", token.at, "action=other");
	assert_int_equal(f->answer.status, 400);
	add_field(f, "Origin", "null");
	post(f, page_confirm, "/j/x", token.at, "action=confirm");
	assert_int_equal(f->answer.status, 403);
	post(f, page_confirm, "/j/x", late.at, "action=confirm");
	assert_true(f->answer.status == 410 && says(f, "https://t.example.com/f/ask"));
	assert_int_equal(store_each_change(f->store, key, look_at, &seen, NULL), 0);
	assert_int_equal(seen.count, 0);
	for (i = 0; i < 2; i++) {
		post(f, page_confirm, "/j/x", token.at, "action=confirm");
		assert_true(f->answer.status == 200 && says(f, "You are registered"));
	}
	assert_int_equal(store_each_change(f->store, key, look_at, &seen, NULL), 0);
	assert_int_equal(seen.count, 1);
	assert_true(seen.proof && seen.detail);
	buf_free(&token);
	buf_free(&late);
}

static void test_leave_by_mail(void **state) {
	struct fixture *f = *state;
	struct buf token = confirm_token(f, CONFIRM_LEAVE, NOW - 60, "a@example.jp");

	ask(f, page_confirm, HTTP_GET, "/j/x", token.at);
	assert_int_equal(standing_of(f, "ask", "a@example.jp").status, STORE_ACTIVE);
	post(f, page_confirm, "/j/x", token.at, "action=confirm");
	assert_true(f->answer.status == 200 && says(f, "You are unsubscribed"));
	assert_int_equal(standing_of(f, "ask", "a@example.jp").status, STORE_UNSUBSCRIBED);
	assert_string_equal(standing_of(f, "ask", "a@example.jp").reason, "confirmed");
	/* A mail from before that does not undo it. */
	buf_free(&token);
	token = confirm_token(f, CONFIRM_JOIN, NOW - 60, "a@example.jp");
	post(f, page_confirm, "/j/x", token.at, "action=confirm");
	assert_true(f->answer.status == 410 && says(f, "https://t.example.com/f/ask"));
	assert_int_equal(standing_of(f, "ask", "a@example.jp").status, STORE_UNSUBSCRIBED);
	/* To ask again does: that is consent anew. */
	buf_free(&token);
	token = confirm_token(f, CONFIRM_JOIN, NOW, "a@example.jp");
	post(f, page_confirm, "/j/x", token.at, "action=confirm");
	assert_true(f->answer.status == 200 && says(f, "You are registered"));
	assert_int_equal(standing_of(f, "ask", "a@example.jp").status, STORE_ACTIVE);
	buf_free(&token);
}

/* A form lifts no complaint, and no block by hand. */
static void test_blocked(void **state) {
	struct fixture *f = *state;
	struct buf token = confirm_token(f, CONFIRM_JOIN, NOW - 60, "a@example.jp");
	struct store_change change = {.address_key = token_address_key(f->world->ring, SPAN("a@example.jp")),
	                              .list = SPAN("ask"),
	                              .status = STORE_BLOCKED,
	                              .reason = SPAN("complaint"),
	                              .time = NOW};

	assert_int_equal(store_change_status(f->store, &change, 1, NULL, NULL), 0);
	post(f, page_confirm, "/j/x", token.at, "action=confirm");
	assert_true(f->answer.status == 200 && says(f, "be registered</h1>"));
	assert_int_equal(standing_of(f, "ask", "a@example.jp").status, STORE_BLOCKED);
	buf_free(&token);
}

static void test_bad_texts(void **state) {
	struct fixture *f = *state;
	char *own = f->world->conf->webd.pages, none[] = "/nonexistent";
	struct err err = {{0}};

	f->world->conf->webd.pages = none;
	assert_null(pages_load(f->world->conf, &err));
	assert_string_equal(err.text, "/nonexistent/ja/unsubscribe.html: can't be read: No such file or directory");
	assert_int_equal(page_check(none, &err), -1);
	f->world->conf->webd.pages = own;
	assert_int_equal(page_check(own, &err), 0);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_colours),
	        cmocka_unit_test(test_rates),
	        cmocka_unit_test(test_rate_threads),
	        cmocka_unit_test(test_networks),
	        WITH(test_same_site),
	        WITH(test_form_tokens),
	        cmocka_unit_test(test_addresses),
	        WITH(test_fields),
	        WITH(test_patterns),
	        WITH(test_refused),
	        WITH(test_wrong_links),
	        WITH(test_form_faults),
	        WITH(test_too_much),
	        WITH(test_limits),
	        WITH(test_join),
	        WITH(test_leave_by_mail),
	        WITH(test_blocked),
	        WITH(test_bad_texts),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
