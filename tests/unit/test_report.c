/*
 * The report reader over the project's own messages, one or more of each family
 * (reports/NAME.eml, and what each yields in reports/expected.tsv), with LF and CRLF
 * line ends; what is bounded; what is told besides the verdict.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/cursor.h"
#include "report/report.h"
#include "report/rules.h"

#define MESSAGE_MAX (80U << 20)

static struct rules *rules;

static char *source_path(const char *folder, const char *name, const char *suffix) {
	const char *top = getenv("TODOKU_SRC");
	char *path;

	assert_true(asprintf(&path, "%s/%s/%s%s", top == NULL ? "." : top, folder, name, suffix) > 0);
	return path;
}

static int load_rules(void **state) {
	char *path = source_path("conf", "bounce-rules", "");
	struct buf errors;

	(void)state;
	buf_init(&errors, 65536);
	rules = rules_load(path, &errors);
	if (rules == NULL)
		print_error("%s", errors.at);
	buf_free(&errors);
	free(path);
	report_init();
	return rules == NULL ? -1 : 0;
}

static int free_rules(void **state) {
	(void)state;
	rules_free(&rules);
	return 0;
}

static void read_fixture(const char *name, bool crlf, struct buf *message) {
	char *path = source_path("tests/unit/reports", name, ".eml");
	FILE *file = fopen(path, "rb");
	int c;

	if (file == NULL)
		fail_msg("%s is missing", path);
	buf_init(message, MESSAGE_MAX);
	while ((c = getc(file)) != EOF) {
		if (c == '\n' && crlf)
			buf_add_byte(message, '\r');
		buf_add_byte(message, (char)c);
	}
	fclose(file);
	free(path);
}

struct expected {
	char name[64];
	char rows[8][4][128]; /* category, action, recipient, status */
	size_t count;
};

static int check_one(const struct expected *e, bool crlf) {
	struct buf message;
	struct report report;
	int wrong = 0;
	size_t i;

	read_fixture(e->name, crlf, &message);
	assert_int_equal(report_read(rules, buf_span(&message), &report), 0);
	if (report.count != e->count) {
		print_error("%s: want %zu results, got %zu\n", e->name, e->count, report.count);
		wrong = 1;
	}
	for (i = 0; i < report.count && i < e->count; i++) {
		const struct report_result *r = &report.results[i];
		const char *got[] = {report_category_name(r->category), report_action_name(r->action), r->recipient,
		                     r->status};
		int k;

		for (k = 0; k < 4; k++)
			if (strcmp(got[k], e->rows[i][k]) != 0) {
				print_error("%s%s, result %zu: want \"%s\", got \"%s\"\n", e->name,
				            crlf ? " (CRLF)" : "", i + 1, e->rows[i][k], got[k]);
				wrong = 1;
			}
	}
	report_free(&report);
	buf_free(&message);
	return wrong;
}

/* One message's rows at a time; they stand together. */
static int check_all(FILE *file, int *count_r) {
	struct expected e = {.count = 0};
	char line[1024];
	int wrong = 0;

	*count_r = 0;
	while (fgets(line, sizeof line, file) != NULL) {
		struct cursor c;
		struct span name;
		int k;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#')
			continue;
		c = cursor_make(span_of(line));
		name = cursor_until(&c, '\t');
		if (e.count > 0 && !span_equal(name, span_of(e.name))) {
			wrong += check_one(&e, false) + check_one(&e, true);
			(*count_r)++;
			e.count = 0;
		}
		snprintf(e.name, sizeof e.name, "%.*s", SPAN_ARG(name));
		assert_true(e.count < 8);
		for (k = 0; k < 4; k++) {
			struct span column = cursor_until(&c, '\t');

			snprintf(e.rows[e.count][k], sizeof e.rows[0][0], "%.*s", SPAN_ARG(column));
		}
		e.count++;
	}
	wrong += check_one(&e, false) + check_one(&e, true);
	(*count_r)++;
	return wrong;
}

static void test_families(void **state) {
	char *path = source_path("tests/unit/reports", "expected", ".tsv");
	FILE *file = fopen(path, "r");
	int count, wrong;

	(void)state;
	assert_non_null(file);
	wrong = check_all(file, &count);
	fclose(file);
	free(path);
	assert_int_equal(wrong, 0);
	assert_true(count > 80);
}

/* Cut anywhere, a report is still read to an end. */
static void test_truncated(void **state) {
	static const char *const names[] = {"postfix-three", "qmail",  "exim",       "arf-abuse",
	                                    "m365-de",       "nested", "ses-bounce", "global"};
	struct buf message;
	struct report report;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		read_fixture(names[i], i % 2 == 1, &message);
		for (len = 0; len < message.len; len += 7) {
			/* An exact copy, so that a sanitizer sees a read past the end. */
			char *cut = malloc(len + 1);

			assert_non_null(cut);
			memcpy(cut, message.at, len);
			cut = realloc(cut, len == 0 ? 1 : len);
			assert_int_equal(report_read(rules, span_make(cut, len), &report), 0);
			assert_true(report.count >= 1);
			report_free(&report);
			free(cut);
		}
		buf_free(&message);
	}
}

#define HEAD "Return-Path: <>\nFrom: MAILER-DAEMON@relay.example.org\nTo: news@example.com\nSubject: Undelivered Mail\n"

static double seconds(void) {
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Reads it and says how long it took. */
static double read_message(const struct buf *message, struct report *report) {
	double start = seconds();

	assert_false(message->failed);
	assert_int_equal(report_read(rules, buf_span(message), report), 0);
	return seconds() - start;
}

static void many_groups(struct buf *b, int count) {
	int i;

	buf_init(b, MESSAGE_MAX);
	buf_add_text(b, HEAD "Content-Type: multipart/report; report-type=delivery-status; boundary=B\n\n--B\n"
	                     "Content-Type: text/plain\n\nThis is the mail system at host relay.example.org.\n\n");
	for (i = 0; i < count; i++)
		buf_printf(b, "<u%d@example.net>: host mx said: 550 5.1.1 user unknown\n\n", i);
	buf_add_text(b, "--B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example.org\n\n");
	for (i = 0; i < count; i++)
		buf_printf(b, "Final-Recipient: rfc822; u%d@example.net\nAction: failed\nStatus: 5.0.0\n\n", i);
	buf_add_text(b, "--B--\n");
}

static void many_lines(struct buf *b, int count) {
	int i;

	buf_init(b, MESSAGE_MAX);
	buf_add_text(b, HEAD "\nHi. This is the qmail-send program at relay.example.org.\n\n");
	for (i = 0; i < count; i++)
		buf_printf(b,
		           "<u%d@example.net>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 user "
		           "unknown\n\n",
		           i);
}

static void many_addresses(struct buf *b, int count) {
	int i;

	buf_init(b, MESSAGE_MAX);
	buf_add_text(b, HEAD "\nYour message could not be delivered to:\n\n");
	for (i = 0; i < count; i++)
		buf_printf(b, "<u%d@example.net>\n", i);
	buf_add_text(b, "\nThere is no such user.\n");
}

static void test_many_recipients(void **state) {
	static void (*const writers[])(struct buf * b, int count) = {many_groups, many_lines, many_addresses};
	size_t i, k;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct buf message;
		struct report report;
		double few, many;

		writers[i](&message, 1000);
		few = read_message(&message, &report);
		assert_int_equal(report.count, 1000);
		report_free(&report);
		buf_free(&message);
		writers[i](&message, 10000);
		many = read_message(&message, &report);
		assert_int_equal(report.count, 10000);
		for (k = 0; k < report.count; k++) {
			char want[64];

			snprintf(want, sizeof want, "u%zu@example.net", k);
			assert_string_equal(report.results[k].recipient, want);
			assert_int_equal(report.results[k].category, REPORT_USER_UNKNOWN);
		}
		report_free(&report);
		buf_free(&message);
		/* Ten times as many: far from a hundred times as long. */
		if (many > few * 40 + 0.5)
			fail_msg("1,000 recipients took %.3f s, 10,000 took %.3f s", few, many);
	}
}

/* More than are kept: said so. */
static void test_too_many_recipients(void **state) {
	struct buf message;
	struct report report;

	(void)state;
	many_groups(&message, REPORT_RESULTS_MAX + 5);
	read_message(&message, &report);
	assert_int_equal(report.count, REPORT_RESULTS_MAX);
	assert_true(report.cut_off);
	report_free(&report);
	buf_free(&message);
}

static void test_levels(void **state) {
	struct buf message;
	struct report report;
	int i;

	(void)state;
	buf_init(&message, MESSAGE_MAX);
	buf_add_text(&message, HEAD);
	for (i = 0; i < 200; i++)
		buf_printf(&message, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
	buf_add_text(&message, "Content-Type: text/plain\n\nUndelivered: <a@example.net>: 550 5.1.1 user unknown\n");
	for (i = 199; i >= 0; i--)
		buf_printf(&message, "--b%d--\n", i);
	read_message(&message, &report);
	assert_int_equal(report.count, 1);
	report_free(&report);
	/* The same of messages within messages. */
	buf_reset(&message);
	buf_add_text(&message, HEAD);
	for (i = 0; i < 200; i++)
		buf_add_text(&message, "Content-Type: message/rfc822\n\n" HEAD);
	buf_add_text(&message, "\n");
	read_message(&message, &report);
	assert_true(report.count >= 1);
	report_free(&report);
	buf_free(&message);
}

/* 30 MB of what each reader is slowest with. */
static void test_large(void **state) {
	static const struct {
		const char *name;
		const char *head;
		const char *unit;
	} rows[] = {
	        {"long lines", "\nNot delivered: <a@example.net>:\n", "550 5.1.1 user unknown @ "},
	        {"addresses", "\nNot delivered:\n", "<a@example.net>: no\n"},
	        {"at signs", "\nNot delivered:\n", "a@@\"@"},
	        {"header", "", "X-A: b@example.net\n"},
	        {"header that goes on", "X-A: b\n", " c"},
	        {"boundaries", "Content-Type: multipart/mixed; boundary=B\n\n", "--B\n\n"},
	        {"nearly boundaries", "Content-Type: multipart/mixed; boundary=B\n\n--B\n\n", "--C\n"},
	        {"groups", "Content-Type: message/delivery-status\n\n", "Final-Recipient: rfc822; a@example.net\n\n"},
	        {"folded",
	         "Content-Type: message/delivery-status\n\nFinal-Recipient: rfc822; a@example.net\nDiagnostic-Code: x",
	         "\n y"},
	        {"HTML", "Content-Type: text/html\n\nNot delivered", "<p>"},
	        {"kanji", "Content-Type: text/plain; charset=iso-2022-jp\n\n", "\033$B%a\033(B"},
	        {"empty lines", "\n", "\n"},
	        {"quotation marks", "\nNot delivered: ", "\""},
	        {"JSON", "\n{\"notificationType\":\"Bounce\",\"x\":", "["},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf message;
		struct report report;
		double took;

		buf_init(&message, MESSAGE_MAX);
		buf_add_text(&message, HEAD);
		buf_add_text(&message, rows[i].head);
		while (message.len < 30U << 20)
			buf_add_text(&message, rows[i].unit);
		took = read_message(&message, &report);
		if (took > 20)
			fail_msg("%s: 30 MB took %.1f s", rows[i].name, took);
		report_free(&report);
		buf_free(&message);
	}
}

/* What the caller is told besides. */
static void test_told(void **state) {
	struct buf message, field;
	struct report report;

	(void)state;
	read_fixture("postfix-three", true, &message);
	read_message(&message, &report);
	assert_string_equal(report.family, "postfix");
	assert_string_equal(report.message_id, "m1@example.com");
	assert_string_equal(report.returned_from, "news@example.com");
	assert_string_equal(report.returned_to, "a@example.net");
	assert_string_equal(report.returned_subject, "December news");
	assert_string_equal(report.arrival_date, "Mon, 7 Dec 2026 10:00:00 +0900");
	assert_string_equal(report.results[0].remote, "mx.example.net");
	assert_string_equal(report.results[0].phase, "rcpt");
	assert_int_equal(report.results[0].reply, 550);
	assert_string_equal(report.results[0].diagnostic,
	                    "550 5.1.1 <a@example.net>: Recipient address rejected: User unknown");
	buf_init(&field, 4096);
	assert_true(report_returned_field(&report, SPAN("Received"), &field));
	assert_non_null(strstr(field.at, "with ESMTP id 4F00"));
	assert_null(strchr(field.at, '\n'));
	assert_false(report_returned_field(&report, SPAN("X-Absent"), &field));
	report_free(&report);
	buf_free(&message);
	read_fixture("arf-not-spam", false, &message);
	read_message(&message, &report);
	assert_string_equal(report.feedback_type, "not-spam");
	assert_string_equal(report.source_ip, "192.0.2.25");
	assert_string_equal(report.family, "arf");
	report_free(&report);
	buf_free(&message);
	buf_free(&field);
}

/* Text that is told is clean, whatever came. */
static void test_clean(void **state) {
	static const char text[] =
	        HEAD "\nNot delivered:\n<a@example.net>: 550 bad\x01\x1b[2J \xff\xfe \xc2\x85 user unknown\n";
	struct report report;

	(void)state;
	assert_int_equal(report_read(rules, SPAN(text), &report), 0);
	assert_int_equal(report.count, 1);
	assert_null(strpbrk(report.results[0].diagnostic, "\x01\x1b\xff"));
	assert_int_equal(report.results[0].category, REPORT_USER_UNKNOWN);
	report_free(&report);
}

static void test_nothing(void **state) {
	static const char *const rows[] = {"",  "\n",       "\r\n", "\n\n", "a", "From: a@example.net\n",
	                                   ":", "--\n--\n", "\0"};
	struct report report;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(report_read(rules, span_of(rows[i]), &report), 0);
		assert_int_equal(report.count, 1);
		assert_int_equal(report.results[0].category, REPORT_NOT_A_BOUNCE);
		assert_int_equal(report.results[0].action, REPORT_NONE);
		report_free(&report);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_families), cmocka_unit_test(test_truncated),
	        cmocka_unit_test(test_told),     cmocka_unit_test(test_clean),
	        cmocka_unit_test(test_nothing),  cmocka_unit_test(test_many_recipients),
	        cmocka_unit_test(test_levels),   cmocka_unit_test(test_too_many_recipients),
	        cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests(tests, load_rules, free_rules);
}
