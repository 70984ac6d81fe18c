/* The rules file: what is accepted, what is said of faults, what the shipped rules
 * say of the answers in reports/answers.tsv (N5 to N8). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cursor.h"
#include "report/rules.h"
#include "report/smtp.h"

static char *source_path(const char *name) {
	const char *folder = getenv("TODOKU_SRC");
	char *path;

	assert_true(asprintf(&path, "%s/%s", folder == NULL ? "." : folder, name) > 0);
	return path;
}

static struct rules *parse(const char *text, struct buf *errors) {
	buf_init(errors, 65536);
	return rules_parse("rules", span_of(text), errors);
}

static void judge(const struct rules *rules, struct span *row, struct verdict *verdict) {
	char status[SMTP_STATUS_SIZE] = "", phase[16] = "";
	struct smtp_codes codes;
	struct evidence e = {.diagnostic = row[4], .remote = row[2], .dsn_status = status, .phase = phase};

	smtp_read_status(row[3], status);
	snprintf(phase, sizeof phase, "%.*s", SPAN_ARG(row[1]));
	smtp_find_codes(row[4], &codes);
	e.status = codes.status;
	e.reply = codes.reply;
	rules_judge(rules, &e, verdict);
}

static void test_answers(void **state) {
	char *path = source_path("tests/unit/reports/answers.tsv"), *rules_path = source_path("conf/bounce-rules");
	struct buf errors;
	struct rules *rules;
	FILE *file = fopen(path, "r");
	char line[4096];
	int wrong = 0, rows = 0;

	(void)state;
	buf_init(&errors, 65536);
	rules = rules_load(rules_path, &errors);
	if (rules == NULL)
		fail_msg("%s", errors.at);
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		struct cursor c = cursor_make(span_trim(span_of(line)));
		struct span row[7];
		struct verdict v;
		int i;

		if (line[0] == '#')
			continue;
		for (i = 0; i < 7; i++)
			row[i] = cursor_until(&c, '\t');
		judge(rules, row, &v);
		rows++;
		if (!span_equal(row[5], span_of(report_category_name(v.category))) ||
		    !span_equal(row[6], span_of(report_action_name(v.action)))) {
			print_error("%.*s: \"%.*s\": want %.*s, got %s %s by %s\n", SPAN_ARG(row[0]), SPAN_ARG(row[4]),
			            SPAN_ARG(row[5]), report_category_name(v.category), report_action_name(v.action),
			            v.rule);
			wrong++;
		}
	}
	fclose(file);
	assert_int_equal(wrong, 0);
	assert_true(rows > 100);
	rules_free(&rules);
	buf_free(&errors);
	free(path);
	free(rules_path);
}

/* What is said of a fault, with its place. */
static void test_faults(void **state) {
	static const struct {
		const char *text;
		const char *want;
	} rows[] = {
	        {"refused \"some text\"\n", "rules:1: a rule needs a \"source\" line above it"},
	        {"source x\n\nrefuse \"text\"\n", "rules:3: neither a category of failure"},
	        {"source x\ncomplaint \"text\"\n", "rules:2: neither a category of failure"},
	        {"source x\nrefused/suppress \"text\"\n",
	         "rules:2: the action is count_soft, or suppress of a permanent"},
	        {"source x\nrefused/none \"text\"\n", "rules:2: the action is"},
	        {"source x\nrefused\n", "rules:2: a rule needs a text, status= or reply="},
	        {"source x\nrefused \"abc\"\n", "rules:2: a text between stars has 4 to 250 octets, not \"abc\""},
	        {"source x\nrefused \"some*ab*text\"\n",
	         "rules:2: a text between stars has 4 to 250 octets, not \"ab\""},
	        {"source x\nrefused \"some text\n", "rules:2: a quotation mark is missing behind \"some text\""},
	        {"source x\nrefused\n\t\"text\"\n\tstatus=5.1\n", "rules:2: not a condition"},
	        {"source x\nrefused status=5.1.y\n", "rules:2: not a condition"},
	        {"source x\nrefused reply=55\n", "rules:2: not a condition"},
	        {"source x\nrefused phase=quit \"text\"\n", "rules:2: not a condition"},
	        {"source x\nrefused provider=nobody \"text\"\n", "rules:2: not a condition"},
	        {"source x\nrefused colour=red \"text\"\n", "rules:2: not a condition"},
	        {"provider one\n", "rules:1: a provider needs a name and its hosts"},
	        {"source x\nrefused with \"text\"\n", "rules:2: not a condition"},
	        {"source x\nrefused \"text\" unless \"word\" with \"that\"\n", "rules:2: not a condition"},
	        {"include other\n", "rules:1: included too deep, or not from a file: \"other\""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf errors;
		struct rules *rules = parse(rows[i].text, &errors);

		if (rules != NULL || errors.at == NULL || strstr(errors.at, rows[i].want) == NULL)
			fail_msg("%s: want %s, got %s", rows[i].text, rows[i].want, errors.at == NULL ? "" : errors.at);
		buf_free(&errors);
	}
}

/* Every fault has its line, not only the first. */
static void test_all_faults(void **state) {
	struct buf errors;

	(void)state;
	assert_null(parse("source x\nrefuse \"text\"\n\nrefused \"ab\"\n", &errors));
	assert_non_null(strstr(errors.at, "rules:2:"));
	assert_non_null(strstr(errors.at, "rules:4:"));
	buf_free(&errors);
}

static void test_missing_file(void **state) {
	struct buf errors;

	(void)state;
	buf_init(&errors, 4096);
	assert_null(rules_load("/nonexistent/bounce-rules", &errors));
	assert_non_null(strstr(errors.at, "/nonexistent/bounce-rules: No such file"));
	buf_free(&errors);
}

#define RULES                                                                                                          \
	"provider one example.net\n"                                                                                   \
	"source x\n"                                                                                                   \
	"refused \"green cheese\" unless \"blue moon\"\n"                                                              \
	"mailbox_full \"cheese * moon\"\n"                                                                             \
	"user_unknown provider=one \"cheese\"\n"                                                                       \
	"too_large status=5.9.x \"stone\"\n"                                                                           \
	"domain_unknown \"from @ no\"\n"                                                                               \
	"permanent_other/count_soft reply=55x \"words\"\n"                                                             \
	"temporary_other \"word \"\n"                                                                                  \
	"domain_unknown status=5.8.1\n"                                                                                \
	"too_large reply=577\n"                                                                                        \
	"refused uncoded \"perhaps\"\n"                                                                                \
	"too_large \"brick\" with \"heavy\" \"wide * load\" unless \"feather\"\n"

/* How a rule fits. */
static void test_matching(void **state) {
	static const struct {
		const char *remote;
		const char *text;
		const char *want;
		const char *rule;
	} rows[] = {
	        {"", "550 Green  Cheese", "refused", "rules:3"},
	        {"", "550 green\r\n cheese", "refused", "rules:3"},
	        {"", "550 evergreen cheese", "permanent_other", ""},
	        {"", "550 green cheese, blue moon", "mailbox_full", "rules:4"},
	        {"", "550 moon, cheese", "permanent_other", ""},
	        {"mx.example.net", "550 green cheese", "user_unknown", "rules:5"},
	        {"mx.notexample.net", "550 green cheese", "refused", "rules:3"},
	        {"", "550 see https://mx.example.net/: cheese", "user_unknown", "rules:5"},
	        {"", "550 5.9.12 stone", "too_large", "rules:6"},
	        {"", "550 5.1.1 stone", "permanent_other", ""},
	        {"", "550 from \"a b\"@example.org no", "domain_unknown", "rules:7"},
	        {"", "550 stone@example.org 5.9.1", "permanent_other", ""},
	        {"", "559 words", "permanent_other", "rules:8"},
	        {"", "549 words", "permanent_other", ""},
	        {"", "549 word", "temporary_other", "rules:9"},
	        {"", "550 5.8.1 words elsewhere", "permanent_other", "rules:8"},
	        {"", "550 5.8.1 nothing", "domain_unknown", "rules:10"},
	        {"", "577 5.8.2 nothing", "too_large", "rules:11"},
	        {"", "450 5.8.1 nothing", "connection_failed", "rules:10"},
	        {"", "550 perhaps", "refused", "rules:12"},
	        {"", "550 5.8.0 perhaps", "refused", "rules:12"},
	        {"", "550 5.8.1 perhaps", "domain_unknown", "rules:10"},
	        {"", "550 5.8.3 perhaps", "refused", "rules:12"},
	        {"", "550 brick", "permanent_other", ""},
	        {"", "550 heavy", "permanent_other", ""},
	        {"", "550 brick is heavy", "too_large", "rules:13"},
	        {"", "550 heavy are the bricks", "too_large", "rules:13"},
	        {"", "550 a wide, wide load of brick", "too_large", "rules:13"},
	        {"", "550 heavy brick, heavy feather", "permanent_other", ""},
	        {"",
	         "550 brick 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 "
	         "123456789 123456789 123456789 123456789 heavy",
	         "permanent_other", ""},
	};
	struct buf errors;
	struct rules *rules = parse(RULES, &errors);
	size_t i;

	(void)state;
	if (rules == NULL)
		fail_msg("%s", errors.at);
	for (i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct span row[5] = {SPAN_NONE, SPAN_NONE, span_of(rows[i].remote), SPAN_NONE, span_of(rows[i].text)};
		struct verdict v;

		judge(rules, row, &v);
		if (strcmp(report_category_name(v.category), rows[i].want) != 0 || strcmp(v.rule, rows[i].rule) != 0)
			fail_msg("%s: want %s by %s, got %s by %s", rows[i].text, rows[i].want, rows[i].rule,
			         report_category_name(v.category), v.rule);
	}
	rules_free(&rules);
	buf_free(&errors);
}

/* An administrator's file before the one it includes. */
static void test_include(void **state) {
	char folder[] = "/tmp/todoku-rules-XXXXXX", own[64], other[64];
	struct span row[5] = {SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN_NONE, SPAN("550 green cheese")};
	struct buf errors;
	struct verdict v;
	struct rules *rules;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(own, sizeof own, "%s/own", folder);
	snprintf(other, sizeof other, "%s/other", folder);
	file = fopen(own, "w");
	fputs("source mine\nmailbox_full \"green cheese\"\ninclude other\n", file);
	fclose(file);
	file = fopen(other, "w");
	fputs("source theirs\nrefused \"green cheese\"\nrefused \"brown cheese\"\n", file);
	fclose(file);
	buf_init(&errors, 4096);
	rules = rules_load(own, &errors);
	if (rules == NULL)
		fail_msg("%s", errors.at);
	assert_int_equal(rules_count(rules), 3);
	judge(rules, row, &v);
	assert_int_equal(v.category, REPORT_MAILBOX_FULL);
	row[4] = SPAN("550 brown cheese");
	judge(rules, row, &v);
	assert_string_equal(v.rule + strlen(v.rule) - 7, "other:3");
	rules_free(&rules);
	buf_free(&errors);
	unlink(own);
	unlink(other);
	rmdir(folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_answers),      cmocka_unit_test(test_faults),   cmocka_unit_test(test_all_faults),
	        cmocka_unit_test(test_missing_file), cmocka_unit_test(test_matching), cmocka_unit_test(test_include),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
