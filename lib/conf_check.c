#include "lib/conf_check.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORD_MAX_LEN 63
#define PATTERN_MAX_LEN 2000 /* as the longest link (B10) */
#define PLAN_STEPS_MAX 1000
#define PLAN_COUNT_MAX 1000000000L
#define ZONE_FOLDER "/usr/share/zoneinfo/"

int conf_check_any(struct span text, struct buf *out, struct err *allowed) {
	(void)allowed;
	buf_add_span(out, text);
	return 0;
}

int conf_check_path(struct span text, struct buf *out, struct err *allowed) {
	if (text.len == 0 || text.at[0] != '/' || text.len >= PATH_MAX)
		return err_set(allowed, "an absolute path of at most %d octets", PATH_MAX - 1);
	buf_add_span(out, text);
	return 0;
}

int conf_check_word(struct span text, struct buf *out, struct err *allowed) {
	size_t i;
	bool good = text.len > 0 && text.len <= WORD_MAX_LEN && text.at[0] != '-';

	for (i = 0; good && i < text.len; i++)
		good = ascii_is_alnum(text.at[i]) || strchr("._-", text.at[i]) != NULL;
	if (!good)
		return err_set(allowed, "a name of letters, digits, \".\", \"_\" and \"-\", at most %d octets",
		               WORD_MAX_LEN);
	buf_add_span(out, text);
	return 0;
}

/* Names a file below the zone folder and nothing else: no zone's name has a dot. */
static bool zone_name_is_safe(struct span text) {
	size_t i;

	if (text.len == 0 || text.len > NAME_MAX || text.at[0] == '/')
		return false;
	for (i = 0; i < text.len; i++)
		if (!ascii_is_alnum(text.at[i]) && strchr("/_-+", text.at[i]) == NULL)
			return false;
	return true;
}

/* RFC 8536 3.1: a zone file begins with "TZif". */
static bool zone_file_exists(struct span name) {
	char path[sizeof ZONE_FOLDER + NAME_MAX + 1], magic[4];
	struct stat st;
	bool found;
	int fd;

	snprintf(path, sizeof path, ZONE_FOLDER "%.*s", SPAN_ARG(name));
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return false;
	found = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && read(fd, magic, sizeof magic) == sizeof magic &&
	        memcmp(magic, "TZif", sizeof magic) == 0;
	close(fd);
	return found;
}

int conf_check_timezone(struct span text, struct buf *out, struct err *allowed) {
	if (!zone_name_is_safe(text) || !zone_file_exists(text))
		return err_set(allowed, "a zone of " ZONE_FOLDER ", as Asia/Tokyo");
	buf_add_span(out, text);
	return 0;
}

/* Exactly `digits` digits at `at`; -1 where they aren't. */
static int number_at(struct span text, size_t at, size_t digits) {
	int value = 0;
	size_t i;

	for (i = at; i < at + digits; i++) {
		if (i >= text.len || !ascii_is_digit(text.at[i]))
			return -1;
		value = value * 10 + (text.at[i] - '0');
	}
	return value;
}

int conf_check_date(struct span text, struct buf *out, struct err *allowed) {
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = number_at(text, 0, 4), month = number_at(text, 5, 2), day = number_at(text, 8, 2);
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	if (text.len != 10 || text.at[4] != '-' || text.at[7] != '-' || year < 1970 || month < 1 || month > 12 ||
	    day < 1 || day > days[month - 1] + (month == 2 && leap))
		return err_set(allowed, "a day of the calendar from 1970 on, as 2026-12-01");
	buf_add_span(out, text);
	return 0;
}

int conf_check_pattern(struct span text, struct buf *out, struct err *allowed) {
	if (text.len == 0 || text.len > PATTERN_MAX_LEN || span_find_byte(text, ' ') >= 0)
		return err_set(allowed, "a URL pattern without blanks, as https://*.example.org/*, at most %d octets",
		               PATTERN_MAX_LEN);
	buf_add_span(out, text);
	return 0;
}

/* Does it begin with a number of 1 to PLAN_COUNT_MAX, written without a leading
 * zero?  Takes it off. */
static bool take_count(struct span *text) {
	long value = 0;
	size_t i;

	for (i = 0; i < text->len && ascii_is_digit(text->at[i]); i++) {
		value = value * 10 + (text->at[i] - '0');
		if (value == 0 || value > PLAN_COUNT_MAX)
			return false;
	}
	*text = span_from(*text, i);
	return i > 0;
}

static bool plan_is_good(struct span text) {
	int steps = 0;

	if (span_equal(text, SPAN("none")) || span_equal(text, SPAN("gradual")))
		return true;
	if (span_starts(text, SPAN("monthly:"))) {
		text = span_from(text, strlen("monthly:"));
		return take_count(&text) && text.len == 0;
	}
	if (!span_starts(text, SPAN("steps:")))
		return false;
	text = span_from(text, strlen("steps:"));
	while (take_count(&text) && ++steps <= PLAN_STEPS_MAX) {
		if (text.len == 0)
			return true;
		if (text.at[0] != ',')
			return false;
		text = span_from(text, 1);
	}
	return false;
}

int conf_check_plan(struct span text, struct buf *out, struct err *allowed) {
	if (!plan_is_good(text))
		return err_set(allowed, "none, gradual, monthly:N or steps:N,N,... (at most %d), N from 1 to %ld",
		               PLAN_STEPS_MAX, PLAN_COUNT_MAX);
	buf_add_span(out, text);
	return 0;
}

int conf_check_argument(struct span text, struct buf *out, struct err *allowed) {
	if (text.len == 0)
		return err_set(allowed, "a command by its absolute path, then its arguments");
	buf_add_span(out, text);
	return 0;
}

int conf_check_colour(struct span text, struct buf *out, struct err *allowed) {
	bool good = text.len == 7 && text.at[0] == '#';
	size_t i;

	for (i = 1; good && i < text.len; i++)
		good = hex_value(text.at[i]) >= 0;
	if (!good)
		return err_set(allowed, "a colour in hexadecimal, as #1a5fb4");
	for (i = 0; i < text.len; i++)
		buf_add_byte(out, ascii_lower(text.at[i]));
	return 0;
}
