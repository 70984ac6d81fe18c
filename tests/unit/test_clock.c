/* lib/clock.h: local days as the C library's own zones have them, stamps, and zone files that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/clock.h"

#define DAY 86400
#define YEAR_2101 4133980800

static void want_day(time_t when, char out[DAY_SIZE]) {
	struct tm tm;

	assert_non_null(localtime_r(&when, &tm));
	assert_true(strftime(out, DAY_SIZE, "%Y-%m-%d", &tm) > 0);
}

static void compare(const struct zone *zone, const char *name, time_t when) {
	char got[DAY_SIZE], want[DAY_SIZE];

	want_day(when, want);
	zone_day(zone, when, got);
	if (strcmp(got, want) != 0)
		fail_msg("%s at %lld: want %s, got %s", name, (long long)when, want, got);
}

/* The seconds on both sides of each midnight from 1970 to 2100, and noon: with
 * them the offset is right on every day, also where the clocks change. */
static void test_every_midnight(void **state) {
	static const char *const names[] = {"America/New_York",    "Asia/Tokyo",       "Europe/London",
	                                    "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct zone *zone = zone_load(names[i], NULL);
		struct tm tm = {.tm_year = 70, .tm_mday = 2};
		int day;

		assert_non_null(zone);
		setenv("TZ", names[i], 1);
		tzset();
		for (day = 2; day < 47847; day++) {
			struct tm midnight = tm;
			time_t when;

			midnight.tm_mday = day;
			midnight.tm_isdst = -1;
			when = mktime(&midnight);
			compare(zone, names[i], when - 1);
			compare(zone, names[i], when);
			compare(zone, names[i], when + DAY / 2);
		}
		zone_free(&zone);
		assert_null(zone);
	}
	unsetenv("TZ");
	tzset();
}

/* Quarters of an hour around the days when clocks change. */
static void test_zones(void **state) {
	static const char *const names[] = {
	        "UTC",          "Europe/Dublin",  "Africa/Casablanca",  "America/Havana",      "Asia/Gaza",
	        "Asia/Tehran",  "Asia/Kathmandu", "Pacific/Apia",       "Pacific/Kiritimati",  "America/St_Johns",
	        "Asia/Beirut",  "America/Nuuk",   "America/Asuncion",   "Pacific/Chatham",     "Antarctica/Troll",
	        "Etc/GMT+12",   "EST5EDT",        "Africa/Monrovia",    "America/Sao_Paulo",   "Asia/Pyongyang",
	        "Asia/Kolkata", "Europe/Moscow",  "Australia/Adelaide", "America/Los_Angeles", "Pacific/Kwajalein",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct zone *zone = zone_load(names[i], NULL);
		unsigned seed = 1;
		time_t when;

		if (zone == NULL)
			fail_msg("%s", names[i]);
		setenv("TZ", names[i], 1);
		tzset();
		for (when = 0; when < YEAR_2101; when += 6 * 3600 + rand_r(&seed) % 40000)
			compare(zone, names[i], when);
		/* A year of each kind in full: with a change by table, and by the rule. */
		for (when = 1700000000; when < 1700000000 + 370 * DAY; when += 900)
			compare(zone, names[i], when);
		for (when = 4000000000; when < 4000000000 + 370 * (time_t)DAY; when += 900)
			compare(zone, names[i], when);
		for (when = -5000000000; when < 0; when += 100 * DAY + 4711)
			compare(zone, names[i], when);
		zone_free(&zone);
	}
	unsetenv("TZ");
	tzset();
}

/* The process's own zone plays no part, and stays. */
static void test_environment_stays(void **state) {
	struct zone *zone;
	char day[DAY_SIZE];

	(void)state;
	setenv("TZ", "America/New_York", 1);
	tzset();
	zone = zone_load("Asia/Tokyo", NULL);
	assert_non_null(zone);
	zone_day(zone, 1795187106, day);
	assert_string_equal(day, "2026-11-21");
	assert_string_equal(getenv("TZ"), "America/New_York");
	assert_int_equal(timezone, 5 * 3600);
	zone_free(&zone);
	zone_free(&zone);
	unsetenv("TZ");
	tzset();
}

static void test_names_refused(void **state) {
	static const char *const names[] = {
	        "",        "/etc/localtime", "../zoneinfo/UTC",         "Asia/../UTC", "Asia",
	        "No/Such", "tzdata.zi",      "/usr/share/zoneinfo/UTC", "..",          ".",
	        "zone.tab"};
	char longer[9000];
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		err.text[0] = '\0';
		assert_null(zone_load(names[i], &err));
		if (strstr(err.text, "Asia/Tokyo") == NULL)
			fail_msg("%s: got %s", names[i], err.text);
	}
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_null(zone_load(longer, &err));
	assert_null(zone_load("No/Such", NULL));
}

/* Files made by hand: a header and its block, twice, and a footer. */
#define COUNTS(leap, times, types) "\0\0\0\0\0\0\0\0\0\0\0" leap "\0\0\0" times "\0\0\0" types "\0\0\0\4"
#define RESERVED "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define V1_EMPTY "TZif2" RESERVED COUNTS("\0", "\0", "\1") "\0\0\0\0\0\0UTC\0"
#define V2(leap, times, types) "TZif2" RESERVED COUNTS(leap, times, types)
#define TYPE_UTC "\0\0\0\0\0\0"
#define TYPE_9 "\0\0\x7e\x90\0\4"
#define AT_0 "\0\0\0\0\0\0\0\0"
#define AT_54000 "\0\0\0\0\0\0\xd2\xf0"
#define AT_100 "\0\0\0\0\0\0\0\x64"

static void test_parse_accepts(void **state) {
	static const struct {
		struct span file;
		time_t when;
		const char *want;
	} cases[] = {
	        {SPAN("TZif\0" RESERVED COUNTS("\0", "\0", "\1") TYPE_9 "JST\0"), 54000, "1970-01-02"},
	        {SPAN("TZif\0" RESERVED COUNTS("\0", "\1", "\2") "\0\0\0\x64\1" TYPE_UTC TYPE_9 "JST\0"), 99,
	         "1970-01-01"},
	        {SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_9 "JST\0\n\n"), 54000, "1970-01-02"},
	        {SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_UTC "JST\0\nJST-9\n"), 54000, "1970-01-02"},
	        {SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_UTC "JST\0\n<+09>-9:00:00\n"), 54000, "1970-01-02"},
	        {SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_UTC "JST\0\nWST+9\n"), 0, "1969-12-31"},
	        /* Summer all year (RFC 8536 3.3.1), days counted with and without the leap day. */
	        {SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_UTC "X\0\0\0\nXXX3EDT4,0/0,J365/23\n"), 13000, "1969-12-31"},
	        {SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_UTC "X\0\0\0\nAAA0BBB-1,J60/0,J61/0\n"), 68252400,
	         "1972-02-29"},
	        {SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_UTC "X\0\0\0\nAAA0BBB-1,J60/0,J62/1\n"), 68338800,
	         "1972-03-02"},
	        {SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_UTC "X\0\0\0\nAAA0BBB-1,59/0,61/1\n"), 68252400, "1972-03-01"},
	        /* The change counts from its very second on. */
	        {SPAN(V1_EMPTY V2("\0", "\1", "\2") AT_54000 "\1" TYPE_UTC TYPE_9 "JST\0\n\n"), 53999, "1970-01-01"},
	        {SPAN(V1_EMPTY V2("\0", "\1", "\2") AT_54000 "\1" TYPE_UTC TYPE_9 "JST\0\n\n"), 54000, "1970-01-02"},
	        {SPAN(V1_EMPTY V2("\0", "\2", "\2") AT_0 AT_100 "\1\0" TYPE_UTC TYPE_9 "JST\0\nJST-9\n"), 54000,
	         "1970-01-02"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct zone *zone = zone_parse(cases[i].file);
		char got[DAY_SIZE];

		if (zone == NULL)
			fail_msg("case %zu is refused", i);
		zone_day(zone, cases[i].when, got);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("case %zu: want %s, got %s", i, cases[i].want, got);
		zone_free(&zone);
	}
}

static void test_parse_refuses(void **state) {
	static const struct span cases[] = {
	        SPAN(""),
	        SPAN("TZif"),
	        SPAN("TZiF\0" RESERVED COUNTS("\0", "\0", "\1") TYPE_9 "JST\0"),
	        SPAN("TZif\0" RESERVED COUNTS("\0", "\0", "\0") "JST\0"),
	        SPAN("TZif\0" RESERVED COUNTS("\0", "\0", "\1") TYPE_9 "JST"),
	        SPAN("TZif\0" RESERVED COUNTS("\1", "\0", "\1") TYPE_9 "JST\0\0\0\0\1\0\0\0\1"),
	        SPAN("TZif\0" RESERVED
	             "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	             "\xff\xff\xff\xff" TYPE_9),
	        SPAN(V1_EMPTY),
	        SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_9 "JST\0"),
	        SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_9 "JST\0\nJST-9"),
	        SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_9 "JST\0JST-9\n"),
	        SPAN(V1_EMPTY V2("\0", "\0", "\1") "\x7f\xff\xff\xff\0\0JST\0\n\n"),
	        /* A type that isn't there; times that don't grow. */
	        SPAN(V1_EMPTY V2("\0", "\1", "\1") AT_0 "\1" TYPE_UTC "JST\0\n\n"),
	        SPAN(V1_EMPTY V2("\0", "\1", "\1") AT_0 "\1" TYPE_UTC "\0\0\0\0\n\n"),
	        SPAN(V1_EMPTY V2("\0", "\1", "\1") AT_0 "\xff" TYPE_UTC "JST\0\n\n"),
	        SPAN(V1_EMPTY V2("\0", "\2", "\1") AT_0 AT_0 "\0\0" TYPE_UTC "JST\0\n\n"),
	        SPAN(V1_EMPTY V2("\0", "\2", "\1") AT_100 AT_0 "\0\0" TYPE_UTC "JST\0\n\n"),
	};
	static const char *const footers[] = {"JST",          "9",
	                                      "JST-25",       "JST-9x",
	                                      "JST-9:60",     "JST--9",
	                                      "<JST-9",       "JST-9JDT",
	                                      "JST-9JDT,0",   "JST-9JDT,0,366",
	                                      "A0B,J0,1",     "A0B,M13.1.0,1",
	                                      "A0B,M1.6.0,1", "A0B,M1.1.7,1",
	                                      "A0B,M1,1",     "A0B,0/168,1",
	                                      "A0B,0,1,2",    "A0B,99999,1",
	                                      "A12345"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (zone_parse(cases[i]) != NULL)
			fail_msg("case %zu is accepted", i);
	for (i = 0; i < sizeof footers / sizeof footers[0]; i++) {
		struct buf file;

		buf_init(&file, 1024);
		buf_add_span(&file, SPAN(V1_EMPTY V2("\0", "\0", "\1") TYPE_9 "JST\0\n"));
		buf_printf(&file, "%s\n", footers[i]);
		if (zone_parse(buf_span(&file)) != NULL)
			fail_msg("footer %s is accepted", footers[i]);
		buf_free(&file);
	}
}

/* Nothing that a broken file holds may hurt (the sanitizers watch). */
static void test_parse_broken(void **state) {
	static const char name[] = "/usr/share/zoneinfo/America/New_York";
	char text[65536], copy[65536], day[DAY_SIZE];
	FILE *file = fopen(name, "r");
	unsigned seed = 1;
	size_t len;
	int i, j;

	(void)state;
	assert_non_null(file);
	len = fread(text, 1, sizeof text, file);
	fclose(file);
	assert_true(len > 1000 && len < sizeof text);
	for (i = 0; i < 3000; i++) {
		struct zone *zone;

		memcpy(copy, text, len);
		for (j = rand_r(&seed) % 4; j >= 0; j--)
			copy[(size_t)rand_r(&seed) % (i % 2 == 0 ? 64 : len)] = (char)rand_r(&seed);
		if (i % 3 == 0)
			memcpy(copy + len - 20, "\nA0B,M3.2.0,M11.1.0\n", 20);
		zone = zone_parse(span_make(copy, i % 5 == 0 ? (size_t)rand_r(&seed) % len : len));
		if (zone != NULL)
			for (j = -3; j <= 3; j++)
				zone_day(zone, j * (time_t)3000000000 + rand_r(&seed), day);
		zone_free(&zone);
	}
}

static void test_stamps(void **state) {
	static const struct {
		time_t when;
		const char *text;
	} cases[] = {
	        {0, "1970-01-01T00:00:00Z"},
	        {-1, "1969-12-31T23:59:59Z"},
	        {1795320306, "2026-11-22T04:05:06Z"},
	        {951782400, "2000-02-29T00:00:00Z"},
	        {4107542399, "2100-02-28T23:59:59Z"},
	        {4107542400, "2100-03-01T00:00:00Z"},
	        {2147483648, "2038-01-19T03:14:08Z"},
	        {253402300799, "9999-12-31T23:59:59Z"},
	        {-62167219200, "0000-01-01T00:00:00Z"},
	};
	static const char *const refused[] = {"",
	                                      "2026-11-22",
	                                      "2026-11-22T04:05:06",
	                                      "2026-11-22T04:05:06z",
	                                      "2026-11-22 04:05:06Z",
	                                      "2026-11-22T04:05:06ZZ",
	                                      "2026-11-22T04:05:06.Z",
	                                      "2026-00-22T04:05:06Z",
	                                      "2026-13-22T04:05:06Z",
	                                      "2026-11-00T04:05:06Z",
	                                      "2026-11-31T04:05:06Z",
	                                      "2026-02-29T04:05:06Z",
	                                      "2100-02-29T04:05:06Z",
	                                      "2026-11-22T24:05:06Z",
	                                      "2026-11-22T04:60:06Z",
	                                      "2026-11-22T04:05:60Z",
	                                      "+026-11-22T04:05:06Z",
	                                      "2026-1 -22T04:05:06Z"};
	char text[STAMP_SIZE];
	time_t when = 0, got;
	unsigned seed = 1;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		stamp_format(cases[i].when, text);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(stamp_parse(text, &got), 0);
		assert_int_equal(got, cases[i].when);
	}
	for (i = 0; i < sizeof refused / sizeof refused[0]; i++)
		if (stamp_parse(refused[i], &got) != -1)
			fail_msg("%s is accepted", refused[i]);
	for (when = -5000000000; when < 9000000000; when += 40000 + rand_r(&seed) % 100000) {
		char want[STAMP_SIZE];
		struct tm tm;

		gmtime_r(&when, &tm);
		strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%SZ", &tm);
		stamp_format(when, text);
		assert_string_equal(text, want);
		assert_int_equal(stamp_parse(text, &got), 0);
		assert_int_equal(got, when);
	}
}

/* What four digits can't write is held to the nearest that they can. */
static void test_far_times(void **state) {
	struct zone *zone = zone_load("Asia/Tokyo", NULL);
	char text[STAMP_SIZE], day[DAY_SIZE];

	(void)state;
	assert_non_null(zone);
	stamp_format((time_t)INT64_MAX, text);
	assert_string_equal(text, "9999-12-31T23:59:59Z");
	stamp_format((time_t)INT64_MIN, text);
	assert_string_equal(text, "0000-01-01T00:00:00Z");
	zone_day(zone, (time_t)INT64_MAX, day);
	assert_string_equal(day, "9999-12-31");
	zone_day(zone, (time_t)INT64_MIN, day);
	assert_string_equal(day, "0000-01-01");
	zone_free(&zone);
}

/* Every day from 1970 to 2100 begins when its first second is shown; only one that the zone
 * left out begins with the next. */
static void test_day_starts(void **state) {
	static const struct {
		const char *name;
		int left_out; /* days */
	} zones[] = {{"Asia/Tokyo", 0},
	             {"America/New_York", 0},
	             {"America/Sao_Paulo", 0},
	             {"America/Havana", 0},
	             {"Pacific/Apia", 1},
	             {"Australia/Lord_Howe", 0},
	             {"Africa/Cairo", 0},
	             {"America/Toronto", 0},
	             {"Asia/Kathmandu", 0},
	             {"Africa/Monrovia", 0},
	             {"UTC", 0},
	             {"Pacific/Kwajalein", 1}};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof zones / sizeof zones[0]; i++) {
		struct zone *zone = zone_load(zones[i].name, NULL);
		int left_out = 0;
		int64_t day;

		assert_non_null(zone);
		for (day = 1; day < 47847; day++) {
			time_t start = zone_day_start(zone, day);
			char got[DAY_SIZE], want[DAY_SIZE];

			if (zone_day_number(zone, start) < day || zone_day_number(zone, start - 1) >= day)
				fail_msg("%s, day %lld: %lld is not its start", zones[i].name, (long long)day,
				         (long long)start);
			left_out += zone_day_number(zone, start) != day;
			zone_day(zone, start, got);
			day_format(zone_day_number(zone, start), want);
			assert_string_equal(got, want);
		}
		if (left_out != zones[i].left_out)
			fail_msg("%s: want %d days left out, got %d", zones[i].name, zones[i].left_out, left_out);
		zone_free(&zone);
	}
}

static void test_day_lengths(void **state) {
	static const struct {
		const char *zone, *day;
		long hours;
	} cases[] = {
	        {"America/New_York", "2026-03-08", 23},  {"America/New_York", "2026-11-01", 25},
	        {"America/New_York", "2028-02-29", 24},  {"Asia/Tokyo", "2026-03-08", 24},
	        {"Asia/Tokyo", "2028-02-29", 24},        {"America/Sao_Paulo", "2018-11-04", 23},
	        {"America/Sao_Paulo", "2018-02-17", 25}, {"Pacific/Apia", "2011-12-30", 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct zone *zone = zone_load(cases[i].zone, NULL);
		int64_t day;

		assert_non_null(zone);
		assert_int_equal(day_parse(cases[i].day, &day), 0);
		if (zone_day_start(zone, day + 1) - zone_day_start(zone, day) != cases[i].hours * 3600)
			fail_msg("%s %s: want %ld hours, got %ld s", cases[i].zone, cases[i].day, cases[i].hours,
			         (long)(zone_day_start(zone, day + 1) - zone_day_start(zone, day)));
		zone_free(&zone);
	}
}

static void test_day_texts(void **state) {
	static const char *const refused[] = {"",           "2026-12-1",  "2026-02-29",  "2026-13-01",
	                                      "2026-12-32", "2026/12/01", "2026-12-01 ", "x026-12-01"};
	char text[DAY_SIZE];
	int64_t day;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof refused / sizeof refused[0]; i++)
		if (day_parse(refused[i], &day) == 0)
			fail_msg("%s is accepted", refused[i]);
	assert_int_equal(day_parse("1970-01-01", &day), 0);
	assert_int_equal(day, 0);
	assert_int_equal(day_parse("2028-02-29", &day), 0);
	day_format(day + 1, text);
	assert_string_equal(text, "2028-03-01");
	day_format(INT64_MAX, text);
	assert_string_equal(text, "9999-12-31");
	day_format(INT64_MIN, text);
	assert_string_equal(text, "0000-01-01");
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_every_midnight),    cmocka_unit_test(test_zones),
	        cmocka_unit_test(test_environment_stays), cmocka_unit_test(test_names_refused),
	        cmocka_unit_test(test_parse_accepts),     cmocka_unit_test(test_parse_refuses),
	        cmocka_unit_test(test_parse_broken),      cmocka_unit_test(test_stamps),
	        cmocka_unit_test(test_far_times),         cmocka_unit_test(test_day_starts),
	        cmocka_unit_test(test_day_lengths),       cmocka_unit_test(test_day_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
