/*
 * The handlers of the web endpoint, its labels, limits of connections, and the
 * journal's way into the store.
 */
#include "tests/unit/web_fixture.h"

#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "webd/applier.h"
#include "webd/conns.h"
#include "webd/label.h"
#include "webd/oneclick.h"
#include "webd/visitor.h"
#include "webd/workers.h"

static struct record recorded(struct web *web) {
	struct record record;

	assert_true(web->answer.record.len > 0);
	assert_int_equal(record_read(buf_span(&web->answer.record), &record), 0);
	return record;
}

static struct token click_on(const char *target) {
	return (struct token){.purpose = TOKEN_CLICK,
	                      .time = WEB_NOW_MS / 1000 - 3600,
	                      .campaign = 0xc0ffee,
	                      .address_key = 7,
	                      .link = 3,
	                      .target = span_of(target)};
}

static void test_click(void **state) {
	struct web *web = *state;
	struct token token = click_on("https://example.com/a?b=c#d");
	struct record record;

	web_request(web, HTTP_GET, "/c/%s", web_token(web, &token));
	assert_int_equal(web_ask(web), 302);
	assert_string_equal(http_answer_find(&web->answer, "Location"), "https://example.com/a?b=c#d");
	record = recorded(web);
	assert_int_equal(record.event.kind, STORE_CLICK);
	assert_int_equal(record.event.campaign, 0xc0ffee);
	assert_int_equal(record.event.address_key, 7);
	assert_int_equal(record.event.link, 3);
	assert_int_equal(record.event.time_ms, WEB_NOW_MS);
	assert_int_equal(record.event.machine, STORE_MACHINE_NONE);
	assert_int_equal(record.event.rules, LABEL_RULES);
	assert_true(span_equal(record.event.target, token.target));
	assert_true(span_equal(record.event.client, SPAN("192.0.2.1")));
	assert_true(record.event.visitor != 0);

	web->request.method = HTTP_HEAD;
	assert_int_equal(web_ask(web), 302);
	assert_int_equal(recorded(web).event.machine, STORE_MACHINE_HEAD);
	web->request.method = HTTP_POST;
	assert_int_equal(web_ask(web), 405);
	assert_int_equal(web->answer.record.len, 0);

	token.shared = true;
	web_request(web, HTTP_GET, "/c/%s", web_token(web, &token));
	assert_int_equal(web_ask(web), 302);
	assert_true(recorded(web).event.shared);
}

/* S1: a MAC alone makes no target; what can't be followed, or would write into the
 * header, is not. */
static void test_targets(void **state) {
	static const char *const bad[] = {
	        "javascript:alert(1)",      "//evil.example/",
	        "ftp://example.com/",       "/relative",
	        "http:/example.com",        "https://example.com/\r\nSet-Cookie: a=b",
	        "https://example.com/\x01", "x",
	        "data:text/html,x",
	};
	static const char *const good[] = {"HTTP://EXAMPLE.COM/", "https://example.com/%00?a b",
	                                   "http://[2001:db8::1]/"};
	struct web *web = *state;
	size_t i;

	for (i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct token token = click_on(bad[i]);

		web_request(web, HTTP_GET, "/c/%s", web_token(web, &token));
		if (web_ask(web) != 404 || http_answer_find(&web->answer, "Location") != NULL ||
		    web->answer.record.len > 0)
			fail_msg("%s was followed", bad[i]);
	}
	for (i = 0; i < sizeof good / sizeof *good; i++) {
		struct token token = click_on(good[i]);

		web_request(web, HTTP_GET, "/c/%s", web_token(web, &token));
		assert_int_equal(web_ask(web), 302);
		assert_string_equal(http_answer_find(&web->answer, "Location"), good[i]);
	}
}

/* B7, B10: ASCII byte for byte; the rest as a browser asks for it. */
static void test_location(void **state) {
	static const struct {
		const char *target, *want;
	} rows[] = {
	        {"https://example.com/a%20b?c=%E3%81%82&amp;d#e", "https://example.com/a%20b?c=%E3%81%82&amp;d#e"},
	        {"https://日本語.example.jp/パス?x=あ#い",
	         "https://xn--wgv71a119e.example.jp/%E3%83%91%E3%82%B9?x=%E3%81%82#%E3%81%84"},
	        {"http://user:pw@日本語.example.jp:8080", "http://user:pw@xn--wgv71a119e.example.jp:8080"},
	        {"https://example.jp/日本語.example.jp/", "https://example.jp/%E6%97%A5%E6%9C%AC%E8%AA%9E.example.jp/"},
	        {"https://あ_b..example.jp/", "https://%E3%81%82_b..example.jp/"},
	        {"http://[2001:db8::1]:80/é", "http://[2001:db8::1]:80/%C3%A9"},
	        {"https://\xff\xfe/\x80", "https://%FF%FE/%80"},
	        {"https://é", "https://xn--9ca"},
	        {"http://@:/é", "http://@:/%C3%A9"},
	};
	struct web *web = *state;
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct token token = click_on(rows[i].target);

		web_request(web, HTTP_GET, "/c/%s", web_token(web, &token));
		assert_int_equal(web_ask(web), 302);
		assert_string_equal(http_answer_find(&web->answer, "Location"), rows[i].want);
	}
}

static void test_open(void **state) {
	struct web *web = *state;
	struct token token = {.purpose = TOKEN_OPEN, .time = WEB_NOW_MS / 1000 - 3600, .campaign = 1, .address_key = 7};

	web_request(web, HTTP_GET, "/o/%s.gif", web_token(web, &token));
	assert_int_equal(web_ask(web), 200);
	assert_string_equal(http_answer_find(&web->answer, "Content-Type"), "image/gif");
	assert_string_equal(http_answer_find(&web->answer, "Cache-Control"), "no-store, private");
	assert_memory_equal(web->answer.constant_body, "GIF89a\1\0\1\0", 10);
	assert_int_equal(recorded(web).event.kind, STORE_OPEN);
	web->request.method = HTTP_HEAD;
	assert_int_equal(web_ask(web), 200);
	assert_int_equal(web->answer.record.len, 0);
	web_request(web, HTTP_GET, "/o/%s", web_token(web, &token));
	assert_int_equal(web_ask(web), 404);
	web_request(web, HTTP_GET, "/c/%s", web_token(web, &token));
	assert_int_equal(web_ask(web), 404);
}

static void test_conversion(void **state) {
	struct web *web = *state;
	struct record record;
	char wide[600];

	web_request(web, HTTP_GET, "/v/news.gif?v=a%%20b%%0a");
	assert_int_equal(web_ask(web), 200);
	assert_null(http_answer_find(&web->answer, "Set-Cookie"));
	record = recorded(web);
	assert_int_equal(record.event.kind, STORE_CONVERSION);
	assert_true(span_equal(record.event.list, SPAN("news")));
	assert_true(span_equal(record.event.value, SPAN("a b?")));
	web->request.method = HTTP_HEAD;
	assert_int_equal(web_ask(web), 200);
	assert_int_equal(web->answer.record.len, 0);
	memset(wide, 'x', sizeof wide - 1);
	wide[sizeof wide - 1] = '\0';
	web_request(web, HTTP_GET, "/v/news.gif?v=%s", wide);
	assert_int_equal(web_ask(web), 200);
	assert_int_equal(recorded(web).event.value.len, 255);
	web_request(web, HTTP_GET, "/v/nosuch.gif?v=1");
	assert_int_equal(web_ask(web), 404);
}

static void test_labels(void **state) {
	static const struct {
		const char *agent;
		enum store_machine want;
	} rows[] = {
	        {WEB_BROWSER, STORE_MACHINE_NONE},
	        {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
	         "Version/17.0 Mobile/15E148 Safari/604.1",
	         STORE_MACHINE_NONE},
	        {"Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 7) Chrome/120", STORE_MACHINE_NONE},
	        {"Mozilla/5.0 (Windows NT 10.0; Microsoft Outlook 16.0.4266)", STORE_MACHINE_NONE},
	        {"Mozilla/5.0", STORE_MACHINE_PROXY},
	        {"Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
	         STORE_MACHINE_PROXY},
	        {"YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", STORE_MACHINE_PROXY},
	        {"", STORE_MACHINE_SCANNER},
	        {"curl/7.88.1", STORE_MACHINE_SCANNER},
	        {"PYTHON-REQUESTS/2.31", STORE_MACHINE_SCANNER},
	        {"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", STORE_MACHINE_SCANNER},
	        {"Mozilla/5.0 (X11; Linux) HeadlessChrome/120", STORE_MACHINE_SCANNER},
	        {"Mozilla/5.0 (compatible; YisouSpider/5.0)", STORE_MACHINE_SCANNER},
	        {"Acme LinkScanner", STORE_MACHINE_SCANNER},
	        {"zscaler", STORE_MACHINE_SCANNER},
	        {"\xff\xfe\x80", STORE_MACHINE_NONE},
	};
	struct label_input input = {.kind = STORE_CLICK, .time_ms = 1000000, .made = 900};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		input.user_agent = span_of(rows[i].agent);
		if (label_find(&input) != rows[i].want)
			fail_msg("%s: %s", rows[i].agent, store_machine_name(label_find(&input)));
	}
	input.user_agent = SPAN(WEB_BROWSER);
	input.made = 996;
	assert_int_equal(label_find(&input), STORE_MACHINE_TOO_SOON);
	input.made = 995;
	assert_int_equal(label_find(&input), STORE_MACHINE_NONE);
	input.made = 2000; /* of a host whose clock is ahead */
	assert_int_equal(label_find(&input), STORE_MACHINE_TOO_SOON);
	input.made = 0;
	assert_int_equal(label_find(&input), STORE_MACHINE_NONE);
	input.is_head = true;
	assert_int_equal(label_find(&input), STORE_MACHINE_HEAD);
}

static void test_privacy(void **state) {
	static const struct {
		enum conf_privacy privacy;
		const char *client, *want;
	} rows[] = {
	        {CONF_PRIVACY_FULL, "192.0.2.77", "192.0.2.77"},
	        {CONF_PRIVACY_DOMAIN, "192.0.2.77", "192.0.2.0"},
	        {CONF_PRIVACY_KEY, "192.0.2.77", ""},
	        {CONF_PRIVACY_FULL, "2001:db8:1:2::3", "2001:db8:1:2::3"},
	        {CONF_PRIVACY_DOMAIN, "2001:db8:1:2::3", "2001:db8:1::"},
	        {CONF_PRIVACY_KEY, "2001:db8:1:2::3", ""},
	};
	struct web *web = *state;
	uint64_t visitor;
	size_t i;

	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		char out[VISITOR_CLIENT_SIZE];

		assert_true(span_equal(visitor_client(rows[i].privacy, span_of(rows[i].client), out),
		                       span_of(rows[i].want)));
	}
	web_request(web, HTTP_GET, "/");
	visitor = visitor_hash(web->world->ring, &web->request);
	assert_int_equal(visitor_hash(web->world->ring, &web->request), visitor);
	web->request.client = SPAN("192.0.2.2");
	assert_true(visitor_hash(web->world->ring, &web->request) != visitor);
	assert_int_equal(visitor_user_agent(CONF_PRIVACY_KEY, &web->request).len, 0);
}

static void ask_one_click(struct web *web, uint64_t reader) {
	struct token token = {.purpose = TOKEN_UNSUBSCRIBE,
	                      .list = token_list_id(web->world->ring, SPAN("news")),
	                      .campaign = 1,
	                      .address_key = reader};

	web_request(web, HTTP_POST, "/u/%s", web_token(web, &token));
	web_field(web, SPAN("Content-Type"), SPAN("application/x-www-form-urlencoded"));
	web->request.body = SPAN("List-Unsubscribe=One-Click");
}

static enum store_status status_of(struct web *web, uint64_t reader) {
	struct store *store = store_open(&web->store, NULL);
	struct store_standing standing;

	assert_int_equal(store_find_standing(store, reader, SPAN("news"), &standing, NULL), 0);
	store_close(&store);
	return standing.status;
}

static void test_one_click(void **state) {
	struct web *web = *state;

	ask_one_click(web, 5);
	assert_int_equal(web_ask(web), 200);
	assert_int_equal(status_of(web, 5), STORE_UNSUBSCRIBED);
	/* The workers have too much to do: it goes to the journal. */
	ask_one_click(web, 6);
	assert_non_null(route_find(routes_public, &web->request));
	http_answer_reset(&web->answer);
	oneclick_overflow(&web->app, web->world, &web->request, &web->answer);
	assert_int_equal(web->answer.status, 200);
	assert_true(web->answer.record_matters);
	assert_int_equal(recorded(web).type, RECORD_CHANGE);
	assert_int_equal(recorded(web).change.address_key, 6);
	assert_int_equal(recorded(web).change.status, STORE_UNSUBSCRIBED);
	/* But for nobody else. */
	web->request.body = SPAN("x=y");
	http_answer_reset(&web->answer);
	oneclick_overflow(&web->app, web->world, &web->request, &web->answer);
	assert_int_equal(web->answer.status, 503);
}

static void append_event(struct web *web, uint64_t reader) {
	struct store_event event = {.kind = STORE_CLICK,
	                            .time_ms = WEB_NOW_MS,
	                            .campaign = 1,
	                            .address_key = reader,
	                            .link = 1,
	                            .target = SPAN("https://example.com/")};
	struct buf record;

	buf_init(&record, JOURNAL_RECORD_MAX);
	record_add_event(&record, &event);
	assert_int_equal(journal_append_wait(web->app.journal, buf_span(&record)), 0);
	buf_free(&record);
}

static void append_change(struct web *web, uint64_t reader, enum store_status status, time_t when) {
	struct store_event event = {.kind = STORE_UNSUBSCRIBE,
	                            .time_ms = when * 1000,
	                            .campaign = 1,
	                            .list = SPAN("news"),
	                            .address_key = reader};
	struct store_change change = {.address_key = reader,
	                              .list = SPAN("news"),
	                              .status = status,
	                              .reason = SPAN("one_click"),
	                              .time = when,
	                              .event = &event};
	struct buf record;

	buf_init(&record, JOURNAL_RECORD_MAX);
	record_add_change(&record, &change);
	assert_int_equal(journal_append_wait(web->app.journal, buf_span(&record)), 0);
	buf_free(&record);
}

static uint64_t count_of(struct web *web, const char *kind) {
	struct store *store = store_open(&web->store, NULL);
	uint64_t count = 0;

	assert_int_equal(store_rollup(store, 1, span_of(kind), &count, NULL), 0);
	store_close(&store);
	return count;
}

static void await_count(struct web *web, const char *kind, uint64_t want) {
	int tries;

	for (tries = 0; count_of(web, kind) < want; tries++) {
		assert_true(tries < 3000);
		usleep(10000);
	}
	assert_int_equal(count_of(web, kind), want);
}

static struct applier *must_apply(struct web *web) {
	struct err err;
	struct applier *applier = applier_start(web->app.journal, &web->store, NULL, &err);

	if (applier == NULL)
		fail_msg("%s", err.text);
	return applier;
}

static void test_applier(void **state) {
	struct web *web = *state;
	struct applier *applier = must_apply(web);
	int i;

	for (i = 1; i <= 300; i++)
		append_event(web, (uint64_t)i);
	append_change(web, 400, STORE_UNSUBSCRIBED, WEB_NOW_MS / 1000);
	append_event(web, 301);
	await_count(web, "click", 301);
	await_count(web, "unsubscribe", 1);
	assert_int_equal(status_of(web, 400), STORE_UNSUBSCRIBED);
	applier_stop(&applier);

	/* Another life reads on where the store says: nothing is counted twice. */
	journal_close(&web->app.journal);
	web->app.journal = web_journal(web);
	applier = must_apply(web);
	append_event(web, 302);
	await_count(web, "click", 302);
	assert_int_equal(count_of(web, "unsubscribe"), 1);
	applier_stop(&applier);
}

/* What is older than what the store knows of that list changes nothing; of the same
 * second, leaving has the last word. */
static void test_late_changes(void **state) {
	time_t now = WEB_NOW_MS / 1000;
	struct web *web = *state;
	struct store *store = store_open(&web->store, NULL);
	struct store_change back[] = {
	        {.address_key = 1,
	         .list = SPAN("news"),
	         .status = STORE_UNSUBSCRIBED,
	         .reason = SPAN("page"),
	         .time = now - 9},
	        {.address_key = 1,
	         .list = SPAN("news"),
	         .status = STORE_ACTIVE,
	         .reason = SPAN("confirmed"),
	         .time = now + 1},
	        {.address_key = 2,
	         .list = SPAN("news"),
	         .status = STORE_UNSUBSCRIBED,
	         .reason = SPAN("page"),
	         .time = now - 9},
	        {.address_key = 2,
	         .list = SPAN("news"),
	         .status = STORE_ACTIVE,
	         .reason = SPAN("confirmed"),
	         .time = now},
	        {.address_key = 3,
	         .list = SPAN("other"),
	         .status = STORE_UNSUBSCRIBED,
	         .reason = SPAN("page"),
	         .time = now + 9},
	};
	struct applier *applier;

	assert_int_equal(store_change_status(store, back, 5, NULL, NULL), 0);
	store_close(&store);
	append_change(web, 1, STORE_UNSUBSCRIBED, now);
	append_change(web, 2, STORE_UNSUBSCRIBED, now);
	append_change(web, 3, STORE_UNSUBSCRIBED, now);
	append_event(web, 9);
	applier = must_apply(web);
	await_count(web, "click", 1);
	applier_stop(&applier);
	assert_int_equal(status_of(web, 1), STORE_ACTIVE);
	assert_int_equal(status_of(web, 2), STORE_UNSUBSCRIBED);
	assert_int_equal(status_of(web, 3), STORE_UNSUBSCRIBED);
}

struct pair {
	int here, there;
	struct conn *conn;
};

static struct pair connect_to(struct conns *conns, const char *peer, bool is_proxy) {
	struct pair pair;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	pair.here = ends[0];
	pair.there = ends[1];
	pair.conn = conns_add(conns, pair.here, peer, is_proxy);
	assert_non_null(pair.conn);
	return pair;
}

static bool is_shut(const struct pair *pair) {
	char c;

	return recv(pair->there, &c, 1, MSG_DONTWAIT) == 0;
}

static void disconnect(struct conns *conns, struct pair *pair) {
	conns_remove(conns, &pair->conn);
	close(pair->here);
	close(pair->there);
}

static void wait_ms(long ms) {
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* S4: the oldest that says nothing goes for a new one; what we work on stays. */
static void test_connections(void **state) {
	struct conns_limits limits = {.all = 6, .per_address = 2, .timeout_ms = 100000};
	struct conns *conns = conns_new(&limits);
	struct pair a, b, c, d, others[8];
	int i;

	(void)state;
	a = connect_to(conns, "192.0.2.1", false);
	wait_ms(20);
	b = connect_to(conns, "192.0.2.1", false);
	conn_working(a.conn);
	wait_ms(1100);
	c = connect_to(conns, "192.0.2.1", false);
	assert_false(is_shut(&a));
	assert_true(is_shut(&b));
	assert_false(is_shut(&c));
	/* Another address has its own share; a proxy none. */
	d = connect_to(conns, "192.0.2.2", false);
	assert_false(is_shut(&a) || is_shut(&c) || is_shut(&d));
	for (i = 0; i < 3; i++)
		others[i] = connect_to(conns, "10.0.0.1", true);
	assert_false(is_shut(&others[0]) || is_shut(&others[1]) || is_shut(&others[2]));
	wait_ms(20);
	conn_reading(d.conn);
	for (; i < 4; i++)
		others[i] = connect_to(conns, "192.0.2.9", false);
	/* Seven would be open now: the oldest reader that is no proxy had to go. */
	assert_true(is_shut(&c));
	assert_false(is_shut(&a) || is_shut(&d));
	assert_int_equal(conns_counts(conns).displaced, 2);
	disconnect(conns, &a);
	disconnect(conns, &b);
	disconnect(conns, &c);
	disconnect(conns, &d);
	while (i-- > 0)
		disconnect(conns, &others[i]);
	assert_int_equal(conns_counts(conns).open, 0);
	conns_free(&conns);
}

/* One that has just come, or has something to say, is spared, up to four times the
 * share. */
static void test_fresh_connections(void **state) {
	struct conns_limits limits = {.all = 100, .per_address = 2, .timeout_ms = 100000};
	struct conns *conns = conns_new(&limits);
	struct pair pairs[10];
	size_t i;

	(void)state;
	pairs[0] = connect_to(conns, "192.0.2.1", false);
	assert_int_equal(send(pairs[0].there, "GET", 3, 0), 3);
	wait_ms(1100);
	for (i = 1; i < 8; i++)
		pairs[i] = connect_to(conns, "192.0.2.1", false);
	assert_int_equal(conns_counts(conns).displaced, 0);
	pairs[i++] = connect_to(conns, "192.0.2.1", false);
	assert_true(is_shut(&pairs[0]));
	pairs[i++] = connect_to(conns, "192.0.2.1", false);
	assert_int_equal(conns_counts(conns).displaced, 2);
	while (i-- > 0)
		disconnect(conns, &pairs[i]);
	conns_free(&conns);
}

static void test_timeouts(void **state) {
	struct conns_limits limits = {.all = 100, .per_address = 100, .timeout_ms = 50};
	struct conns *conns = conns_new(&limits);
	struct pair reading = connect_to(conns, "192.0.2.1", false), working = connect_to(conns, "192.0.2.1", false),
	            sending = connect_to(conns, "192.0.2.1", false), proxy = connect_to(conns, "10.0.0.1", true);

	(void)state;
	conn_working(working.conn);
	conn_sending(sending.conn);
	conns_reap(conns);
	assert_false(is_shut(&reading) || is_shut(&working) || is_shut(&sending) || is_shut(&proxy));
	wait_ms(80);
	conns_reap(conns);
	assert_true(is_shut(&reading) && is_shut(&sending));
	assert_false(is_shut(&working) || is_shut(&proxy));
	assert_int_equal(conns_counts(conns).timed_out, 2);
	conns_shut_readers(conns);
	assert_true(is_shut(&proxy));
	disconnect(conns, &reading);
	disconnect(conns, &working);
	disconnect(conns, &sending);
	disconnect(conns, &proxy);
	conns_free(&conns);
}

struct count {
	struct work work;
	_Atomic int *ran;
};

static void run_count(struct work *work) {
	atomic_fetch_add(((struct count *)work)->ran, 1);
}

static void test_workers(void **state) {
	static struct count counts[1000];
	_Atomic int ran = 0;
	struct workers *workers = workers_start(4, 10);
	int i;

	(void)state;
	assert_non_null(workers);
	for (i = 0; i < 1000; i++) {
		counts[i] = (struct count){{.run = run_count}, &ran};
		workers_push(workers, &counts[i].work);
	}
	workers_stop(&workers);
	assert_int_equal(ran, 1000);
}

#define WEB(test) cmocka_unit_test_setup_teardown(test, web_set_up, web_tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        WEB(test_click),
	        WEB(test_targets),
	        WEB(test_location),
	        WEB(test_open),
	        WEB(test_conversion),
	        cmocka_unit_test(test_labels),
	        WEB(test_privacy),
	        WEB(test_one_click),
	        WEB(test_applier),
	        WEB(test_late_changes),
	        cmocka_unit_test(test_connections),
	        cmocka_unit_test(test_fresh_connections),
	        cmocka_unit_test(test_timeouts),
	        cmocka_unit_test(test_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
