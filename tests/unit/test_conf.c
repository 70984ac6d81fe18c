/* lib/conf.h: what a configuration file may say, and what it is told where it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/conf.h"
#include "lib/conf_check.h"
#include "lib/conf_issue.h"
#include "lib/conf_value.h"

#define TEXT_MAX (16 << 20)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static char folder[64];
static char file[128];

static int make_folder(void **state) {
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/test_conf.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(file, sizeof file, "%s/todoku.conf", folder);
	return 0;
}

static int remove_folder(void **state) {
	(void)state;
	unlink(file);
	return rmdir(folder);
}

static void write_file(const void *bytes, size_t len) {
	FILE *out = fopen(file, "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

static struct conf *load_text(const char *text) {
	struct conf *conf;
	struct buf errors;

	write_file(text, strlen(text));
	buf_init(&errors, TEXT_MAX);
	conf = conf_load(file, &errors);
	if (conf == NULL)
		fail_msg("%s\n%s", text, errors.at);
	assert_int_equal(errors.len, 0);
	buf_free(&errors);
	return conf;
}

/* The errors, with FILE instead of its name; the caller frees them. */
static char *errors_of(const char *path) {
	struct buf errors, shown;
	struct conf *conf;
	struct span left;
	ssize_t at;

	buf_init(&errors, TEXT_MAX);
	buf_init(&shown, TEXT_MAX);
	conf = conf_load(path, &errors);
	if (conf != NULL)
		fail_msg("%s: loads", path);
	left = buf_span(&errors);
	while ((at = span_find(left, span_of(path))) >= 0) {
		buf_add(&shown, left.at, (size_t)at);
		buf_add_text(&shown, "FILE");
		left = span_from(left, (size_t)at + strlen(path));
	}
	buf_add_span(&shown, left);
	buf_add_byte(&shown, '\n');
	buf_free(&errors);
	return buf_take(&shown);
}

static char *dump_of(const struct conf *conf) {
	struct buf out;

	buf_init(&out, TEXT_MAX);
	conf_dump(conf, &out);
	return buf_take(&out);
}

static void source_path(char path[512], const char *name) {
	const char *source = getenv("TODOKU_SRC");

	snprintf(path, 512, "%s/%s", source == NULL ? "." : source, name);
}

static char *read_all(const char *path) {
	FILE *in = fopen(path, "rb");
	struct buf text;
	size_t got;

	if (in == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	buf_init(&text, TEXT_MAX);
	do {
		char block[4096];

		got = fread(block, 1, sizeof block, in);
		buf_add(&text, block, got);
	} while (got > 0);
	fclose(in);
	return buf_take(&text);
}

static int is_conf(const struct dirent *entry) {
	return span_ends_nocase(span_of(entry->d_name), SPAN(".conf"));
}

/* Each NN-NAME.conf is refused with exactly the lines of NN-NAME.want. */
static void test_bad_files(void **state) {
	char bad[512], path[1024], want_path[1024];
	struct dirent **entries;
	int count, i;

	(void)state;
	source_path(bad, "tests/conf/bad");
	count = scandir(bad, &entries, is_conf, alphasort);
	assert_true(count >= 45);
	for (i = 0; i < count; i++) {
		char *got, *want;

		snprintf(path, sizeof path, "%s/%s", bad, entries[i]->d_name);
		snprintf(want_path, sizeof want_path, "%s/%.*s.want", bad,
		         (int)(strlen(entries[i]->d_name) - strlen(".conf")), entries[i]->d_name);
		got = errors_of(path);
		want = read_all(want_path);
		if (strcmp(got, want) != 0)
			fail_msg("%s\nwant:\n%sgot:\n%s", path, want, got);
		free(got);
		free(want);
		free(entries[i]);
	}
	free(entries);
}

static void expect_error(const char *path, const char *want) {
	char *got = errors_of(path);

	assert_string_equal(got, want);
	free(got);
}

#define WHOLE_FILE ", allowed: a readable file of at most 1048576 octets\n"

static void test_unreadable_files(void **state) {
	(void)state;
	unlink(file);
	expect_error(file, "FILE: found \"No such file or directory\"" WHOLE_FILE);
	expect_error(folder, "FILE: found \"a folder\"" WHOLE_FILE);
	expect_error("/dev/null", "FILE: found \"no regular file\"" WHOLE_FILE);
	assert_int_equal(mkfifo(file, 0600), 0);
	expect_error(file, "FILE: found \"no regular file\"" WHOLE_FILE);
	unlink(file);
	write_file("user = \"todoku\"\n", 16);
	assert_int_equal(chmod(file, 0), 0);
	/* root reads it all the same */
	if (geteuid() != 0)
		expect_error(file, "FILE: found \"Permission denied\"" WHOLE_FILE);
	unlink(file);
}

/* A comment of the length that is left makes the file as long as it must be. */
static void write_long_file(size_t len) {
	static const char start[] = "user = \"todoku\"\n#";
	char *text = malloc(len);

	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, start, strlen(start));
	write_file(text, len);
	free(text);
}

static void test_large_files(void **state) {
	struct buf errors;
	struct conf *conf;

	(void)state;
	write_long_file(10 << 20);
	expect_error(file, "FILE: found \"a larger file\"" WHOLE_FILE);
	write_long_file((1 << 20) + 1);
	expect_error(file, "FILE: found \"a larger file\"" WHOLE_FILE);
	write_long_file(1 << 20);
	buf_init(&errors, TEXT_MAX);
	conf = conf_load(file, &errors);
	assert_non_null(conf);
	conf_free(&conf);
	buf_free(&errors);
}

/* H7: NUL in the file itself; the files of tests/conf/bad have its escapes. */
static void test_nul(void **state) {
	static const char text[] = "hostname = \"mail.example.com\"\nuser = \"to\0doku\"\n";

	(void)state;
	write_file(text, sizeof text - 1);
	expect_error(file, "FILE:2: found \"\\x00\", allowed: UTF-8 text without control characters\n");
}

static void test_many_sections(void **state) {
	struct buf text;
	size_t i;

	(void)state;
	buf_init(&text, TEXT_MAX);
	for (i = 0; i < 4097; i++)
		buf_printf(&text, "stream \"s%zu\" { }\n", i);
	write_file(text.at, text.len);
	expect_error(file, "FILE:4097: found \"stream\", allowed: at most 4096 sections\n");
	buf_free(&text);
}

static void test_sample(void **state) {
	char path[512];
	struct buf errors;
	struct conf *conf;

	(void)state;
	source_path(path, "conf/todoku.conf");
	buf_init(&errors, TEXT_MAX);
	conf = conf_load(path, &errors);
	if (conf == NULL)
		fail_msg("%s", errors.at);
	assert_non_null(conf_find_list(conf, SPAN("news")));
	assert_non_null(conf_find_domain(conf, SPAN("example.com")));
	assert_non_null(conf_find_stream(conf, SPAN("main")));
	conf_free(&conf);
	buf_free(&errors);
}

static const char full[] =
        "hostname = mail.EXAMPLE.com\n"
        "timezone = 'Asia/Tokyo'\n"
        "trusted = { \"::1\", \"192.0.2.0/24\", 2001:DB8::/32, ::ffff:198.51.100.0/120 }\n"
        "on_error = accept\n"
        "store { busy_timeout = 90s keep_months = 12 keep_proof_months = 24 }\n"
        "milter { self_verify = 0.25 max_message = 25M timeout = 4h }\n"
        "webd { base_url = \"HTTPS://T.example.com:443/\" listen = \"[::1]:0\" }\n"
        "domain \"Example.COM\" {\n"
        "\tdkim \"S2026a\" { key = \"/k/a.pem\" }\n"
        "\tdkim \"s2026e\" { key = \"/k/e.pem\" }\n"
        "\talso_sign = { \"b\xc3\xbc"
        "cher.example\" }\n"
        "}\n"
        "domain \"xn--bcher-kva.example\" { dkim \"s\" { key = \"/k/b.pem\" } }\n"
        "list \"news\" { shadow = true track { clicks = false } }\n"
        "list \"news\" {\n"
        "\tsender = { \"\\\"news\\\"@Example.com\", \"a..b@example.com\", \"@Example.NET\", news@example.com, }\n"
        "\tfooter_sender = \"\xe5\xb1\x8a\xe3\x81\x8f \\\"A\\\" \\\\ \\$\"\n"
        "\tlanguage = \"en\" stream = \"main\"\n"
        "\ttrack { text = yes opens = off }\n"
        "\tform { colour = \"#1A5FB4\" published = true expire = 2d\n"
        "\t\tfield \"plan\" { kind = choice label = \"\xe5\xb1\x8a\" options = { \"A\", \"B\" } }\n"
        "\t\tfield \"name\" { kind = name required = true }\n"
        "\t}\n"
        "}\n"
        "stream \"main\" { plan = \"steps:5000,10000\" start = \"2028-02-29\" }\n";

static void test_values(void **state) {
	struct conf *conf = load_text(full);
	const struct conf_list *list = conf_find_list(conf, SPAN("NEWS"));
	const struct conf_domain *domain = conf_find_domain(conf, SPAN("example.com"));

	(void)state;
	assert_string_equal(conf->file, file);
	assert_string_equal(conf->hostname, "mail.example.com");
	assert_int_equal(conf->on_error, CONF_ON_ERROR_ACCEPT);
	assert_int_equal(conf->trusted.len, 4);
	assert_string_equal(conf->trusted.at[0], "::1/128");
	assert_string_equal(conf->trusted.at[2], "2001:db8::/32");
	assert_string_equal(conf->trusted.at[3], "198.51.100.0/24");
	assert_int_equal(conf->store.busy_timeout, 90);
	assert_int_equal(conf->milter.max_message, 25 << 20);
	assert_int_equal(conf->milter.timeout, 4 * 3600);
	assert_true(conf->milter.self_verify == 0.25);
	assert_string_equal(conf->webd.base_url, "https://t.example.com");
	assert_non_null(domain);
	assert_int_equal(domain->key_count, 2);
	assert_string_equal(domain->keys[0].selector, "s2026a");
	assert_string_equal(domain->also_sign.at[0], "xn--bcher-kva.example");
	assert_non_null(list);
	/* W7: one address however written */
	assert_string_equal(list->sender.at[0], "news@example.com");
	assert_string_equal(list->sender.at[1], "a..b@example.com");
	assert_string_equal(list->sender.at[2], "@example.net");
	/* twice in one list is no contradiction */
	assert_int_equal(list->sender.len, 4);
	assert_string_equal(list->footer_sender, "\xe5\xb1\x8a\xe3\x81\x8f \"A\" \\ $");
	assert_true(list->track.clicks && !list->track.opens && list->track.text);
	assert_int_equal(list->unsubscribe.pattern, CONF_PATTERN_CONFIRM);
	assert_true(span_equal(conf_list_title(list), SPAN("news")));
	assert_string_equal(list->form.colour, "#1a5fb4");
	assert_int_equal(list->form.expire, 2 * 86400);
	assert_int_equal(list->form.field_count, 2);
	assert_string_equal(list->form.fields[0].name, "plan");
	assert_int_equal(list->form.fields[0].options.len, 2);
	assert_int_equal(list->form.fields[1].kind, CONF_FIELD_KIND_NAME);
	assert_true(list->form.fields[1].required);
	assert_string_equal(conf_find_stream(conf, span_of(list->stream))->plan, "steps:5000,10000");
	assert_null(conf_find_list(conf, SPAN("new")));
	assert_null(conf_find_domain(conf, SPAN("example.org")));
	assert_null(conf_find_stream(conf, SPAN("")));
	conf_free(&conf);
	assert_null(conf);
	conf_free(&conf);
}

static void expect_roundtrip(struct conf *conf) {
	char *first = dump_of(conf), *second;
	struct conf *again = load_text(first);

	second = dump_of(again);
	assert_string_equal(second, first);
	conf_free(&again);
	free(first);
	free(second);
}

static void test_dump_loads(void **state) {
	struct conf *conf = load_text(full);

	(void)state;
	expect_roundtrip(conf);
	conf_free(&conf);
	conf = load_text("trusted = {}\n");
	assert_int_equal(conf->trusted.len, 0);
	expect_roundtrip(conf);
	conf_free(&conf);
}

/* A text for each check, none of them a default. */
static const struct {
	conf_check *check;
	const char *text;
} samples[] = {
        {conf_check_any, "\xe5\xb1\x8a \"\\$"},
        {conf_check_path, "/other/path"},
        {conf_check_word, "other"},
        {conf_check_timezone, "America/Argentina/Ushuaia"},
        {conf_check_date, "2026-12-01"},
        {conf_check_pattern, "https://*.example.org/*?"},
        {conf_check_plan, "monthly:100000"},
        {conf_check_hostname, "other.example"},
        {conf_check_domain, "other.example"},
        {conf_check_list_id, "other.example.com"},
        {conf_check_header, "X-Other"},
        {conf_check_feedback, "abc45"},
        {conf_check_address, "fbl@example.com"},
        {conf_check_address_or_domain, "@example.com"},
        {conf_check_network, "10.0.0.0/8"},
        {conf_check_endpoint, "inet:[::1]:25"},
        {conf_check_hostport, "[::1]:81"},
        {conf_check_argument, "/other/command"},
        {conf_check_colour, "#abcdef"},
        {conf_check_url, "https://other.example/a?b#c"},
        {conf_check_base_url, "https://other.example:8443"},
};

static const char *sample_of(const struct conf_option *option) {
	size_t i;

	for (i = 0; i < COUNT(samples); i++)
		if (samples[i].check == option->check)
			return samples[i].text;
	fail_msg("%s: no sample for its check", option->name);
	return NULL;
}

/* `option = value`, with a value that is not the default. */
static void add_other_value(const struct conf_option *option, struct buf *out) {
	const char *last;

	buf_printf(out, "%s = ", option->name);
	switch (option->kind) {
	case CONF_KIND_BOOL:
		buf_add_text(out, strcmp(option->preset, "true") == 0 ? "false" : "true");
		break;
	case CONF_KIND_REAL:
		buf_add_text(out, "0.25");
		break;
	case CONF_KIND_INT:
		buf_printf(out, "%.0f", option->high);
		break;
	case CONF_KIND_TIME:
		buf_printf(out, "%.0fs", option->high);
		break;
	case CONF_KIND_SIZE:
		buf_printf(out, "%.0fk", option->high / 1024);
		break;
	case CONF_KIND_WORD:
		last = strrchr(option->words, '|');
		conf_quote(out, span_of(last == NULL ? option->words : last + 1));
		break;
	case CONF_KIND_TEXT:
		conf_quote(out, span_of(sample_of(option)));
		break;
	case CONF_KIND_TEXTS:
		buf_add_byte(out, '{');
		conf_quote(out, span_of(sample_of(option)));
		buf_add_byte(out, '}');
		break;
	}
	buf_add_byte(out, '\n');
}

static void add_other_values(const struct conf_section *section, struct buf *out) {
	size_t i;

	for (i = 0; i < section->option_count; i++)
		add_other_value(&section->options[i], out);
	for (i = 0; i < section->section_count; i++) {
		const struct conf_section *sub = &section->sections[i];

		buf_printf(out, "%s %s {\n", sub->name,
		           sub->title == NULL                ? ""
		           : sub->title == conf_check_domain ? "'example.com'"
		                                             : "other");
		add_other_values(sub, out);
		buf_add_text(out, "}\n");
	}
}

static void expect_other_values(const struct conf_section *section, const void *target) {
	void *preset = calloc(1, section->size);
	size_t i, count;

	assert_non_null(preset);
	assert_int_equal(conf_struct_init(section, preset), 0);
	for (i = 0; i < section->option_count; i++) {
		struct buf got, unwanted;

		buf_init(&got, TEXT_MAX);
		buf_init(&unwanted, TEXT_MAX);
		conf_value_print(&section->options[i], target, &got);
		conf_value_print(&section->options[i], preset, &unwanted);
		if (strcmp(got.at, unwanted.at) == 0 && section->options[i].kind != CONF_KIND_WORD)
			fail_msg("%s %s: %s", section->name, section->options[i].name, got.at);
		buf_free(&got);
		buf_free(&unwanted);
	}
	for (i = 0; i < section->section_count; i++) {
		const struct conf_section *sub = &section->sections[i];

		expect_other_values(sub, sub->title == NULL ? conf_table_struct(sub, target)
		                                            : conf_table_array(sub, target, &count));
	}
	conf_struct_free(section, preset);
	free(preset);
}

/* Every option is read into its field, and dumped so that it is read again. */
static void test_every_option(void **state) {
	struct conf *conf;
	struct buf text;

	(void)state;
	buf_init(&text, TEXT_MAX);
	add_other_values(&conf_table, &text);
	buf_add_text(&text, "domain other.example { }\n");
	conf = load_text(text.at);
	expect_other_values(&conf_table, conf);
	expect_roundtrip(conf);
	conf_free(&conf);
	buf_free(&text);
}

/* A default is a value that the file may give. */
static void test_defaults(void **state) {
	struct conf *conf = load_text("user = \"todoku\"\n");

	(void)state;
	assert_int_equal(conf->trusted.len, 2);
	assert_string_equal(conf->trusted.at[0], "127.0.0.0/8");
	assert_string_equal(conf->trusted.at[1], "::1/128");
	assert_string_equal(conf->campaign_headers.at[0], "X-Todoku-Campaign");
	assert_int_equal(conf->on_error, CONF_ON_ERROR_TEMPFAIL);
	assert_int_equal(conf->milter.max_message, 64 << 20);
	assert_int_equal(conf->dkim_policy.expire, 7 * 86400);
	assert_string_equal(conf->webd.base_url, "");
	assert_true(conf->milter.self_verify == 1.0);
	expect_roundtrip(conf);
	conf_free(&conf);
}

/* What --conf-add relies on: a later file may be appended to an earlier. */
static void test_later_sections(void **state) {
	struct conf *conf =
	        load_text("webd { base_url = https://a.example listen = 127.0.0.1:1 }\n"
	                  "list a { language = en sender = { a@a.example } shadow = true }\n"
	                  "list b { sender = { b@a.example } }\n"
	                  "domain A.example { dkim s { key = /a } dkim T { key = /b } dkim t { key = /c } }\n"
	                  "webd { base_url = https://b.example }\n"
	                  "list a { sender = { b2@a.example } track { text = true } track { opens = false } }\n"
	                  "domain a.EXAMPLE { dkim u { key = /d } }\n");

	(void)state;
	assert_string_equal(conf->webd.base_url, "https://b.example");
	assert_string_equal(conf->webd.listen, "127.0.0.1:1");
	assert_int_equal(conf->list_count, 2);
	assert_string_equal(conf->lists[0].name, "a");
	assert_int_equal(conf->lists[0].language, CONF_LANGUAGE_JA);
	assert_false(conf->lists[0].shadow);
	assert_int_equal(conf->lists[0].sender.len, 1);
	assert_string_equal(conf->lists[0].sender.at[0], "b2@a.example");
	assert_true(conf->lists[0].track.text && conf->lists[0].track.clicks && !conf->lists[0].track.opens);
	assert_string_equal(conf->lists[1].sender.at[0], "b@a.example");
	assert_int_equal(conf->domain_count, 1);
	assert_int_equal(conf->domains[0].key_count, 1);
	assert_string_equal(conf->domains[0].keys[0].key, "/d");
	conf_free(&conf);
	conf = load_text("domain a.example { dkim s { key = /a } dkim S { key = /b } }");
	assert_int_equal(conf->domains[0].key_count, 1);
	assert_string_equal(conf->domains[0].keys[0].key, "/b");
	conf_free(&conf);
}

static void test_network_has(void **state) {
	static const struct {
		const char *networks, *address;
		bool want;
	} rows[] = {
	        {"192.0.2.0/24", "192.0.2.255", true},
	        {"192.0.2.0/24", "192.0.3.0", false},
	        {"192.0.2.0/25", "192.0.2.128", false},
	        {"192.0.2.0/23", "192.0.3.1", true},
	        {"192.0.2.7", "192.0.2.7", true},
	        {"192.0.2.7", "192.0.2.6", false},
	        {"0.0.0.0/0", "203.0.113.9", true},
	        {"0.0.0.0/0", "::1", false},
	        {"::/0", "2001:db8::1", true},
	        {"::/0", "192.0.2.1", false},
	        {"2001:db8::/32", "2001:db8:ffff::1", true},
	        {"2001:db8::/32", "2001:db9::1", false},
	        {"2001:db8::/33", "2001:db8:8000::1", false},
	        {"2001:db8::/32", "IPv6:2001:db8::1", true},
	        {"2001:db8::/32", "ipv6:2001:DB8::1", true},
	        {"192.0.2.0/24", "::ffff:192.0.2.9", true},
	        {"192.0.2.0/24", "IPv6:::ffff:192.0.2.9", true},
	        {"::ffff:192.0.2.0/120", "192.0.2.9", true},
	        {"10.0.0.0/8, ::1/128", "::1", true},
	        {"10.0.0.0/8, ::1/128", "10.9.8.7", true},
	        {"0.0.0.0/0, ::/0", "unknown", false},
	        {"0.0.0.0/0, ::/0", "", false},
	        {"0.0.0.0/0, ::/0", "192.0.2.1 ", false},
	        {"0.0.0.0/0, ::/0", "192.0.2.01", false},
	        {"0.0.0.0/0, ::/0", "IPv6:", false},
	        {"0.0.0.0/0, ::/0", "1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22:23", false},
	        {"", "127.0.0.1", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct conf *conf;
		char text[256];

		snprintf(text, sizeof text, "trusted = { %s }", rows[i].networks);
		conf = load_text(text);
		if (conf_network_has(&conf->trusted, span_of(rows[i].address)) != rows[i].want)
			fail_msg("%s in %s", rows[i].address, rows[i].networks);
		conf_free(&conf);
	}
}

#define PATH_100 "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void test_endpoints(void **state) {
	static const struct {
		const char *text;
		int want;
		bool is_unix;
		const char *where;
		unsigned port;
	} rows[] = {
	        {"unix:/run/x.sock", 0, true, "/run/x.sock", 0},
	        {"unix:" PATH_100 "1234567", 0, true, PATH_100 "1234567", 0},
	        {"unix:" PATH_100 "12345678", -1, false, "", 0},
	        {"unix:", -1, false, "", 0},
	        {"unix:x.sock", -1, false, "", 0},
	        {"inet:127.0.0.1:8080", 0, false, "127.0.0.1", 8080},
	        {"inet:127.0.0.1:0", 0, false, "127.0.0.1", 0},
	        {"inet:[::1]:65535", 0, false, "::1", 65535},
	        {"inet:[::1]:65536", -1, false, "", 0},
	        {"inet:[::1]", -1, false, "", 0},
	        {"inet:[::1:25", -1, false, "", 0},
	        {"inet:[::1]25", -1, false, "", 0},
	        {"inet:127.0.0.1:", -1, false, "", 0},
	        {"inet:127.0.0.1:-1", -1, false, "", 0},
	        {"inet:127.0.0.1:+1", -1, false, "", 0},
	        {"inet::25", -1, false, "", 0},
	        {"inet:mail.example.com:25", -1, false, "", 0},
	        {"127.0.0.1:25", -1, false, "", 0},
	        {"", -1, false, "", 0},
	};
	size_t i;

	(void)state;
	assert_int_equal(strlen(PATH_100 "1234567"), 107);
	for (i = 0; i < COUNT(rows); i++) {
		struct conf_endpoint got;

		if (conf_endpoint_parse(rows[i].text, &got) != rows[i].want)
			fail_msg("%s: want %d", rows[i].text, rows[i].want);
		if (rows[i].want != 0)
			continue;
		assert_int_equal(got.is_unix, rows[i].is_unix);
		assert_string_equal(rows[i].is_unix ? got.path : got.address, rows[i].where);
		assert_int_equal(got.port, rows[i].port);
	}
}

/* Reloads for ever: memory in use does not grow, whether the file is good or bad. */
static void test_reload_leaks_nothing(void **state) {
	size_t after_some = 0, after_all;
	struct buf errors;
	struct conf *conf;
	int i;

	(void)state;
	buf_init(&errors, TEXT_MAX);
	for (i = 0; i < 2500; i++) {
		const char *bad = i % 4 == 1 ? "list x { sender = { \"a\", } foo = 1" : "x = 1\nuser = = 2\n";

		write_file(i % 2 == 0 ? full : bad, strlen(i % 2 == 0 ? full : bad));
		buf_reset(&errors);
		conf = conf_load(file, &errors);
		assert_int_equal(conf != NULL, i % 2 == 0);
		conf_free(&conf);
		if (i == 499)
			after_some = mallinfo2().uordblks;
	}
	after_all = mallinfo2().uordblks;
	buf_free(&errors);
	/* The smallest block is 32 octets; what malloc keeps for itself varies by a few thousand. */
	assert_true(after_all < after_some + 2000 * 16);
}

static void *load_often(void *arg) {
	size_t *loaded = arg;
	int i;

	for (i = 0; i < 20; i++) {
		struct buf errors;
		struct conf *conf;

		buf_init(&errors, TEXT_MAX);
		conf = conf_load(file, &errors);
		*loaded += conf != NULL && conf->list_count == 1 && errors.len == 0;
		conf_free(&conf);
		buf_free(&errors);
	}
	return NULL;
}

/* libconfuse's lexer is one for the process. */
static void test_threads(void **state) {
	pthread_t threads[4];
	size_t loaded[4] = {0}, i;

	(void)state;
	write_file(full, strlen(full));
	for (i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, load_often, &loaded[i]), 0);
	for (i = 0; i < COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(loaded[i], 20);
	}
}

static void expect_documented(const struct conf_section *section, struct span manual) {
	size_t i;

	for (i = 0; i < section->option_count; i++) {
		char item[128];

		snprintf(item, sizeof item, "\n.It Ic %s\n", section->options[i].name);
		if (span_find(manual, span_of(item)) < 0)
			fail_msg("%s is not in the manual", section->options[i].name);
	}
	for (i = 0; i < section->section_count; i++)
		expect_documented(&section->sections[i], manual);
}

static void test_manual(void **state) {
	struct buf manual;

	(void)state;
	buf_init(&manual, TEXT_MAX);
	conf_manual(&manual);
	expect_documented(&conf_table, buf_span(&manual));
	assert_true(span_find(buf_span(&manual), SPAN(".Ss list NAME unsubscribe\n")) >= 0);
	assert_true(span_find(buf_span(&manual), SPAN("\nAllowed: ja or en.\nDefault:\n.Ql \"ja\" .\n")) >= 0);
	buf_free(&manual);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_bad_files),      cmocka_unit_test(test_unreadable_files),
	        cmocka_unit_test(test_large_files),    cmocka_unit_test(test_nul),
	        cmocka_unit_test(test_many_sections),  cmocka_unit_test(test_sample),
	        cmocka_unit_test(test_values),         cmocka_unit_test(test_dump_loads),
	        cmocka_unit_test(test_every_option),   cmocka_unit_test(test_defaults),
	        cmocka_unit_test(test_later_sections), cmocka_unit_test(test_network_has),
	        cmocka_unit_test(test_endpoints),      cmocka_unit_test(test_reload_leaks_nothing),
	        cmocka_unit_test(test_threads),        cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
