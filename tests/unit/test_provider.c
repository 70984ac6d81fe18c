/* lib/provider.h: whose mail a domain is, by name and by MX, and what the configuration adds. */
#include "tests/unit/store_fixture.h"

#include "lib/provider.h"
#include "lib/provider_table.h"
#include "lib/store_warmup.h"
#include "lib/warmup_plan.h"

static struct conf *load(const char *text) {
	char file[] = "/tmp/todoku-provider.XXXXXX";
	int fd = mkstemp(file);
	struct buf errors;
	struct conf *conf;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	buf_init(&errors, 4096);
	conf = conf_load(file, &errors);
	unlink(file);
	if (conf == NULL)
		fail_msg("%s", errors.at);
	buf_free(&errors);
	return conf;
}

static const char own[] = "provider \"gmail\" { domain = {\"corp.example\"} share = 0.3 }\n"
                          "provider \"intra\" { mx = {\"mx.example.net\", \"eu.google.com\"} quota = 50\n"
                          "                   domain = {\"jp.yahoo.com\"} }\n"
                          "provider \"other\" { share = 0.5 quota = 1000 }\n";

static void test_domains(void **state) {
	static const struct {
		const char *domain, *want;
	} cases[] = {
	        {"gmail.com", "gmail"},
	        {"googlemail.com", "gmail"},
	        {"hotmail.com", "microsoft"},
	        {"outlook.jp", "microsoft"},
	        {"yahoo.com", "yahoo"},
	        {"aol.com", "yahoo"},
	        {"yahoo.co.jp", "yahoo-jp"},
	        {"icloud.com", "apple"},
	        {"docomo.ne.jp", "docomo"},
	        {"ezweb.ne.jp", "au"},
	        {"a1.ezweb.ne.jp", "au"},
	        {"au.com", "au"},
	        {"softbank.ne.jp", "softbank"},
	        {"i.softbank.jp", "softbank"},
	        {"d.vodafone.ne.jp", "softbank"},
	        {"ymobile.ne.jp", "softbank"},
	        {"rakumail.jp", "rakuten"},
	        {"nifty.com", "nifty"},
	        {"aaa.biglobe.ne.jp", "biglobe"},
	        {"k.ocn.ne.jp", "ocn"},
	        {"aa2.so-net.ne.jp", "so-net"},
	        {"naver.com", "naver"},
	        {"vip.qq.com", "qq"},
	        {"163.com", "163"},
	        {"mail.ru", "mail-ru"},
	        {"ya.ru", "yandex"},
	        {"gmx.de", "gmx"},
	        {"web.de", "web-de"},
	        {"t-online.de", "t-online"},
	        {"wanadoo.fr", "orange"},
	        {"free.fr", "free"},
	        {"laposte.net", "laposte"},
	        {"libero.it", "libero"},
	        {"comcast.net", "comcast"},
	        {"sbcglobal.net", "att"},
	        {"zoho.com", "zoho"},
	        {"pm.me", "proton"},
	        {"fastmail.com", "fastmail"},
	        {"corp.example", "gmail"},
	        {"sub.corp.example", "gmail"},
	        {"jp.yahoo.com", "intra"},
	        {"a.jp.yahoo.com", "intra"},
	        {"uk.yahoo.com", "yahoo"},
	        {"example.com", NULL},
	        {"com", NULL},
	        {"notgmail.com", NULL},
	        {"gmail.com.example", NULL},
	        {"mail.com.example", NULL},
	        {"", NULL},
	        {"mx.example.net", NULL},
	        {"gmail.co", NULL},
	        {"zzzz.zz", NULL},
	        {"0.0", NULL},
	};
	struct conf *conf = load(own);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *got = provider_by_domain(conf, span_of(cases[i].domain));

		if ((got == NULL) != (cases[i].want == NULL) || (got != NULL && strcmp(got, cases[i].want) != 0))
			fail_msg("%s: want %s, got %s", cases[i].domain, cases[i].want, got);
	}
	conf_free(&conf);
}

static void test_hosts(void **state) {
	static const struct {
		const char *host, *want;
	} cases[] = {
	        {"aspmx.l.google.com", "gmail"},
	        {"smtp.google.com", "gmail"},
	        {"aspmx2.googlemail.com", "gmail"},
	        {"example-com.mail.protection.outlook.com", "microsoft"},
	        {"hotmail-com.olc.protection.outlook.com", "microsoft"},
	        {"example-com.a-v1.mx.microsoft", "microsoft"},
	        {"mta5.am0.yahoodns.net", "yahoo"},
	        {"mx1.mail.yahoo.co.jp", "yahoo-jp"},
	        {"mx01.mail.icloud.com", "apple"},
	        {"mfsmax.docomo.ne.jp", "docomo"},
	        {"mx.au.com", "au"},
	        {"mx.softbank.ne.jp", "softbank"},
	        {"mxbiz1.qq.com", "qq"},
	        {"mxs.mail.ru", "mail-ru"},
	        {"mx.yandex.net", "yandex"},
	        {"mx00.gmx.net", "gmx"},
	        {"mx-ha02.web.de", "web-de"},
	        {"smtp-in.orange.fr", "orange"},
	        {"in1-smtp.messagingengine.com", "fastmail"},
	        {"mx0a-0012.pphosted.com", "proofpoint"},
	        {"a.mx.example.net", "intra"},
	        {"mx.example.net", "intra"},
	        {"x.eu.google.com", "intra"},
	        {"mx.example.org", NULL},
	        {"google.com.example", NULL},
	};
	struct conf *conf = load(own);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const char *got = provider_by_mx(conf, span_of(cases[i].host));

		if ((got == NULL) != (cases[i].want == NULL) || (got != NULL && strcmp(got, cases[i].want) != 0))
			fail_msg("%s: want %s, got %s", cases[i].host, cases[i].want, got);
	}
	conf_free(&conf);
}

/* bsearch(3) needs the order; every row's provider is among the names. */
static void test_table(void **state) {
	const struct provider_table *const tables[] = {&provider_domains, &provider_hosts};
	size_t i, j, k;

	(void)state;
	for (i = 0; i < 2; i++)
		for (j = 0; j < tables[i]->count; j++) {
			const struct provider_row *row = &tables[i]->rows[j];

			if (j > 0 && strcmp(row[-1].name, row->name) >= 0)
				fail_msg("%s stands before %s", row[-1].name, row->name);
			for (k = 0; provider_builtin(k) != NULL && strcmp(provider_builtin(k), row->provider) != 0; k++)
				;
			if (provider_builtin(k) == NULL)
				fail_msg("%s is no name", row->provider);
			assert_true(strlen(row->provider) < PROVIDER_NAME_SIZE);
		}
	for (k = 1; provider_builtin(k) != NULL; k++)
		assert_true(strcmp(provider_builtin(k - 1), provider_builtin(k)) < 0);
	assert_true(k > 60);
	assert_null(provider_builtin(k + 1));
}

/* W1: a provider's part of a day. */
static void test_quota(void **state) {
	static const struct {
		const char *provider;
		long long amount, want;
	} cases[] = {
	        {"gmail", 1000, 300},
	        {"gmail", 10, 3},
	        {"gmail", 1, 1},
	        {"gmail", 0, 0},
	        {"gmail", WARMUP_UNLIMITED, WARMUP_UNLIMITED},
	        {"intra", 10, 50},
	        {"intra", WARMUP_UNLIMITED, 50},
	        {"other", 100, 50},
	        {"other", 100000, 1000},
	        {"other", WARMUP_UNLIMITED, 1000},
	        {"yahoo", 1000, WARMUP_UNLIMITED},
	};
	struct conf *conf = load(own);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (provider_quota(conf, cases[i].provider, cases[i].amount) != cases[i].want)
			fail_msg("%s of %lld: want %lld, got %lld", cases[i].provider, cases[i].amount, cases[i].want,
			         provider_quota(conf, cases[i].provider, cases[i].amount));
	conf_free(&conf);
}

static const char *found(const struct conf *conf, struct store *store, int64_t day, time_t now, bool *fresh_r) {
	static char name[PROVIDER_NAME_SIZE];
	struct err err;

	if (provider_find(conf, store, SPAN("example.org"), day, now, name, fresh_r, &err) != 0)
		fail_msg("%s", err.text);
	return name;
}

static void set(struct store *store, const char *provider, int64_t day, time_t now, time_t expires) {
	struct err err;

	if (store_set_domain(store, SPAN("example.org"), span_of(provider), day, now, expires, &err) != 0)
		fail_msg("%s", err.text);
}

/* W1: on one day all mail of a domain is one provider's; what is found counts from the
 * next day on. */
static void test_same_day(void **state) {
	struct store *store = fixture_open(*state);
	struct conf *conf = load(own);
	bool fresh;

	assert_string_equal(found(conf, store, 100, 1000, &fresh), PROVIDER_OTHER);
	assert_false(fresh);
	set(store, "gmail", 100, 1000, 5000);
	assert_string_equal(found(conf, store, 100, 1001, &fresh), PROVIDER_OTHER);
	assert_true(fresh);
	assert_string_equal(found(conf, store, 101, 4999, &fresh), "gmail");
	assert_true(fresh);
	assert_string_equal(found(conf, store, 101, 5000, &fresh), "gmail");
	assert_false(fresh);
	/* Found again: in force all the time. */
	set(store, "gmail", 103, 5000, 9000);
	assert_string_equal(found(conf, store, 102, 6000, &fresh), "gmail");
	assert_true(fresh);
	/* It moves twice in a day. */
	set(store, "intra", 105, 6000, 9000);
	assert_string_equal(found(conf, store, 105, 6000, NULL), "gmail");
	set(store, "microsoft", 105, 6000, 9000);
	assert_string_equal(found(conf, store, 105, 6000, NULL), "gmail");
	assert_string_equal(found(conf, store, 106, 6000, NULL), "microsoft");
	/* And back. */
	set(store, "gmail", 105, 6000, 9000);
	assert_string_equal(found(conf, store, 105, 6000, NULL), "gmail");
	assert_string_equal(found(conf, store, 106, 6000, NULL), "gmail");
	conf_free(&conf);
	store_close(&store);
}

/* Old ones go as new ones come; whatever the domain's bytes are. */
static void test_domains_go(void **state) {
	struct store *store = fixture_open(*state);
	struct err err;
	char domain[32];
	int i;

	for (i = 0; i < 400; i++) {
		snprintf(domain, sizeof domain, "d%d.example", i);
		assert_int_equal(store_set_domain(store, span_of(domain), SPAN("other"), 1, 1000, 2000, &err), 0);
	}
	for (i = 0; i < 100; i++) {
		snprintf(domain, sizeof domain, "e%d.example", i);
		assert_int_equal(store_set_domain(store, span_of(domain), SPAN("other"), 90, 9000000, 9999999, &err),
		                 0);
	}
	assert_int_equal(fixture_number(*state, "SELECT count(*) FROM mx_domain"), 100);
	store_close(&store);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_domains),
	        cmocka_unit_test(test_hosts),
	        cmocka_unit_test(test_table),
	        cmocka_unit_test(test_quota),
	        cmocka_unit_test_setup_teardown(test_same_day, fixture_make, fixture_remove),
	        cmocka_unit_test_setup_teardown(test_domains_go, fixture_make, fixture_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
