#include "lib/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cursor.h"

#define ZONE_FOLDER "/usr/share/zoneinfo/"
#define ZONE_FILE_MAX (1 << 20)
#define DAY_SECONDS 86400
#define OFFSET_MAX (26 * 3600) /* RFC 8536 3.2: from -25 to 26 hours */

/* The years that four digits can write. */
#define TIME_MIN (-62167219200LL) /* 0000-01-01T00:00:00Z */
#define TIME_MAX 253402300799LL   /* 9999-12-31T23:59:59Z */

/* When a rule of the footer begins, each year (POSIX 8.3, TZ). */
struct rule_date {
	enum { RULE_JULIAN, RULE_DAY, RULE_MONTH } kind; /* Jn, n, Mm.w.d */
	int month, week;
	int day;
	long second; /* of that day, in local time; RFC 8536 3.3.1: -167 to 167 hours */
};

struct rule {
	bool present;
	long standard; /* seconds east of Greenwich */
	bool has_summer;
	long summer;
	struct rule_date start, end;
};

struct change {
	int64_t when;
	int32_t offset; /* from then on */
};

struct zone {
	int32_t first_offset; /* before the first change */
	struct rule rule;     /* after the last */
	size_t count;
	struct change changes[];
};

/* Days since 1970-01-01 of a date in the Gregorian calendar.  The year is taken
 * to begin in March, so that the leap day is its last. */
static int64_t days_from_date(int64_t year, int month, int day) {
	int64_t y = month > 2 ? year : year - 1;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int64_t floor_div(int64_t a, int64_t b) {
	return a / b - (a % b < 0);
}

static void date_from_days(int64_t days, int *year_r, int *month_r, int *day_r) {
	int64_t era = floor_div(days + 719468, 146097);
	int64_t day_of_era = days + 719468 - era * 146097;
	int64_t year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * day_of_year + 2) / 153;

	*day_r = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	*month_r = (int)(month < 10 ? month + 3 : month - 9);
	*year_r = (int)(year + era * 400 + (*month_r <= 2));
}

static bool is_leap(int64_t year) {
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month) {
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[month - 1] + (month == 2 && is_leap(year));
}

static int64_t clamp_time(int64_t when) {
	return when < TIME_MIN ? TIME_MIN : when > TIME_MAX ? TIME_MAX : when;
}

/* Instant of a rule's date in a year, `offset` being what is in force before. */
static int64_t rule_instant(const struct rule_date *date, int year, long offset) {
	int64_t days = days_from_date(year, 1, 1);
	int64_t weekday;

	switch (date->kind) {
	case RULE_JULIAN: /* 1 to 365, February 29 never counted */
		days += date->day - 1 + (is_leap(year) && date->day >= 60);
		break;
	case RULE_DAY:
		days += date->day;
		break;
	case RULE_MONTH:
		days = days_from_date(year, date->month, 1);
		weekday = (days + 4) - floor_div(days + 4, 7) * 7; /* 1970-01-01 was a Thursday */
		days += (date->day - weekday + 7) % 7 + (date->week - 1) * 7;
		if (days >= days_from_date(year, date->month, 1) + days_in_month(year, date->month))
			days -= 7; /* week 5 is the last one */
		break;
	}
	return days * DAY_SECONDS + date->second - offset;
}

static long rule_offset(const struct rule *rule, int64_t when) {
	int64_t start, end;
	int year, month, day;
	bool summer;

	if (!rule->has_summer)
		return rule->standard;
	date_from_days(floor_div(when + rule->standard, DAY_SECONDS), &year, &month, &day);
	start = rule_instant(&rule->start, year, rule->standard);
	end = rule_instant(&rule->end, year, rule->summer);
	/* South of the equator summer goes over the year's end. */
	summer = start < end ? when >= start && when < end : when >= start || when < end;
	return summer ? rule->summer : rule->standard;
}

static long zone_offset(const struct zone *zone, int64_t when) {
	size_t low = 0, high = zone->count;

	/* The first change after `when`. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (zone->changes[middle].when <= when)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == zone->count && zone->rule.present)
		return rule_offset(&zone->rule, when);
	return low == 0 ? zone->first_offset : zone->changes[low - 1].offset;
}

/* The footer is a POSIX TZ string: std offset [dst [offset] , start , end]. */
static long rule_number(struct cursor *c, long low, long high) {
	long value = 0;
	int digits;

	for (digits = 0; cursor_left(c) > 0 && ascii_is_digit(*c->at) && digits < 4; digits++)
		value = value * 10 + (*cursor_take(c, 1).at - '0');
	if (digits == 0 || value < low || value > high)
		c->failed = true;
	return value;
}

static bool rule_take(struct cursor *c, char wanted) {
	if (cursor_left(c) == 0 || *c->at != wanted)
		return false;
	(void)cursor_take(c, 1);
	return true;
}

static void rule_name(struct cursor *c) {
	if (rule_take(c, '<')) {
		(void)cursor_until(c, '>');
		return;
	}
	if (cursor_left(c) == 0 || !ascii_is_alpha(*c->at))
		c->failed = true;
	while (cursor_left(c) > 0 && ascii_is_alpha(*c->at))
		(void)cursor_take(c, 1);
}

/* [+-]h[:m[:s]] in seconds. */
static long rule_time(struct cursor *c, long max_hours) {
	long sign = 1, seconds;

	if (rule_take(c, '-'))
		sign = -1;
	else
		(void)rule_take(c, '+');
	seconds = rule_number(c, 0, max_hours) * 3600;
	if (rule_take(c, ':')) {
		seconds += rule_number(c, 0, 59) * 60;
		if (rule_take(c, ':'))
			seconds += rule_number(c, 0, 59);
	}
	return sign * seconds;
}

static struct rule_date rule_date(struct cursor *c) {
	struct rule_date date = {.second = 7200};

	if (!rule_take(c, ','))
		c->failed = true;
	if (rule_take(c, 'M')) {
		date.kind = RULE_MONTH;
		date.month = (int)rule_number(c, 1, 12);
		c->failed |= !rule_take(c, '.');
		date.week = (int)rule_number(c, 1, 5);
		c->failed |= !rule_take(c, '.');
		date.day = (int)rule_number(c, 0, 6);
	} else if (rule_take(c, 'J')) {
		date.kind = RULE_JULIAN;
		date.day = (int)rule_number(c, 1, 365);
	} else {
		date.kind = RULE_DAY;
		date.day = (int)rule_number(c, 0, 365);
	}
	if (rule_take(c, '/'))
		date.second = rule_time(c, 167);
	return date;
}

static int parse_rule(struct span text, struct rule *rule) {
	struct cursor c = cursor_make(text);

	*rule = (struct rule){.present = text.len > 0};
	if (text.len == 0)
		return 0;
	rule_name(&c);
	rule->standard = -rule_time(&c, 24); /* POSIX counts west as positive */
	if (cursor_left(&c) > 0) {
		rule->has_summer = true;
		rule_name(&c);
		rule->summer = rule->standard + 3600;
		if (cursor_left(&c) > 0 && *c.at != ',')
			rule->summer = -rule_time(&c, 24);
		rule->start = rule_date(&c);
		rule->end = rule_date(&c);
	}
	return c.failed || cursor_left(&c) > 0 ? -1 : 0;
}

/* The counts of a TZif header (RFC 8536 3.1). */
struct header {
	char version;
	uint32_t isut, isstd, leap, times, types, chars;
};

static struct header take_header(struct cursor *c) {
	struct header h = {0};

	if (!span_equal(cursor_take(c, 4), SPAN("TZif")))
		c->failed = true;
	h.version = (char)cursor_u8(c);
	(void)cursor_take(c, 15);
	h.isut = cursor_u32(c);
	h.isstd = cursor_u32(c);
	h.leap = cursor_u32(c);
	h.times = cursor_u32(c);
	h.types = cursor_u32(c);
	h.chars = cursor_u32(c);
	/* So that no sum of sizes can overflow. */
	if ((h.isut | h.isstd | h.leap | h.times | h.types | h.chars) > 2 * ZONE_FILE_MAX)
		c->failed = true;
	return h;
}

static void skip_block(struct cursor *c, const struct header *h, size_t time_size) {
	(void)cursor_take(c, h->times * time_size + h->times + h->types * (size_t)6 + h->chars +
	                             h->leap * (time_size + 4) + h->isstd + h->isut);
}

static int64_t take_time(struct cursor *c, size_t time_size) {
	return time_size == 8 ? (int64_t)cursor_u64(c) : (int32_t)cursor_u32(c);
}

static int32_t type_offset(struct cursor types, uint8_t type, uint32_t count, bool *bad) {
	int32_t offset;

	(void)cursor_take(&types, type * (size_t)6);
	offset = (int32_t)cursor_u32(&types);
	if (type >= count || types.failed || offset > OFFSET_MAX || offset < -OFFSET_MAX)
		*bad = true;
	return offset;
}

/* The block's changes: times, then an index of a type for each, then the types. */
static struct zone *take_block(struct cursor *c, const struct header *h, size_t time_size) {
	struct cursor times = *c, indexes, types;
	struct zone *zone;
	bool bad;
	size_t i;

	skip_block(c, h, time_size);
	/* Leap seconds (the "right" zones) would need a clock that counts them. */
	if (c->failed || h->types == 0 || h->leap != 0)
		return NULL;
	indexes = types = times;
	(void)cursor_take(&indexes, h->times * time_size);
	(void)cursor_take(&types, h->times * (time_size + 1));
	zone = calloc(1, sizeof *zone + h->times * sizeof zone->changes[0]);
	if (zone == NULL)
		return NULL;
	bad = false;
	zone->first_offset = type_offset(types, 0, h->types, &bad);
	zone->count = h->times;
	for (i = 0; i < zone->count; i++) {
		zone->changes[i].when = take_time(&times, time_size);
		zone->changes[i].offset = type_offset(types, cursor_u8(&indexes), h->types, &bad);
		if (i > 0 && zone->changes[i].when <= zone->changes[i - 1].when)
			bad = true;
	}
	if (bad)
		zone_free(&zone);
	return zone;
}

struct zone *zone_parse(struct span file) {
	struct cursor c = cursor_make(file);
	struct header h = take_header(&c);
	struct zone *zone;

	/* Version 1 has 32-bit times; later ones repeat all with 64 bits. */
	if (h.version == '\0')
		return take_block(&c, &h, 4);
	skip_block(&c, &h, 4);
	h = take_header(&c);
	zone = take_block(&c, &h, 8);
	if (zone == NULL)
		return NULL;
	c.failed |= !rule_take(&c, '\n') || span_find_byte(span_make(c.at, cursor_left(&c)), '\n') < 0;
	if (parse_rule(cursor_until(&c, '\n'), &zone->rule) != 0 || c.failed)
		zone_free(&zone);
	return zone;
}

static int read_file(const char *path, struct buf *out) {
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t got;
	char *room;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (room = buf_reserve(out, ZONE_FILE_MAX)) == NULL) {
		close(fd);
		return -1;
	}
	do {
		got = read(fd, out->at + out->len, ZONE_FILE_MAX - out->len);
		out->len += got > 0 ? (size_t)got : 0;
	} while (got > 0 || (got < 0 && errno == EINTR));
	close(fd);
	return got < 0 || out->len == ZONE_FILE_MAX ? -1 : 0;
}

struct zone *zone_load(const char *name, struct err *err) {
	struct zone *zone = NULL;
	char path[PATH_MAX];
	struct buf file;

	if (name[0] == '\0' || name[0] == '/' || strstr(name, "..") != NULL ||
	    snprintf(path, sizeof path, "%s%s", ZONE_FOLDER, name) >= (int)sizeof path) {
		err_set(err, "found \"%.64s\", allowed: the name of a zone under %s, as Asia/Tokyo", name, ZONE_FOLDER);
		return NULL;
	}
	buf_init(&file, ZONE_FILE_MAX);
	if (read_file(path, &file) == 0)
		zone = zone_parse(buf_span(&file));
	buf_free(&file);
	if (zone == NULL)
		err_set(err, "found \"%.64s\", which is no zone file under %s; allowed: as Asia/Tokyo", name,
		        ZONE_FOLDER);
	return zone;
}

void zone_free(struct zone **zone) {
	free(*zone);
	*zone = NULL;
}

/* Over the zeros of a template, the last digit at `end`. */
static void put_digits(char *end, int value, int digits) {
	for (; digits > 0; digits--, value /= 10)
		*end-- = (char)('0' + value % 10);
}

static void format_day(int64_t days, char out[DAY_SIZE]) {
	int year, month, day;

	date_from_days(days, &year, &month, &day);
	assert(year >= 0 && year <= 9999);
	memcpy(out, "0000-00-00", DAY_SIZE);
	put_digits(out + 3, year, 4);
	put_digits(out + 6, month, 2);
	put_digits(out + 9, day, 2);
}

int64_t zone_day_number(const struct zone *zone, time_t when) {
	int64_t instant = clamp_time(when);

	return floor_div(clamp_time(instant + zone_offset(zone, instant)), DAY_SECONDS);
}

void zone_day(const struct zone *zone, time_t when, char out[DAY_SIZE]) {
	format_day(zone_day_number(zone, when), out);
}

/* Where the offset changes around the day, its start is looked for in steps that no
 * change of a clock falls within: they come at quarters of an hour. */
#define START_STEP 900

static int64_t clamp_day(int64_t day) {
	int64_t first = floor_div(TIME_MIN, DAY_SECONDS), last = floor_div(TIME_MAX, DAY_SECONDS);

	return day < first ? first : day > last ? last : day;
}

time_t zone_day_start(const struct zone *zone, int64_t day) {
	int64_t midnight = clamp_day(day) * DAY_SECONDS;
	int64_t before = zone_offset(zone, midnight - OFFSET_MAX), after = zone_offset(zone, midnight + OFFSET_MAX);
	/* No clock of the zone shows the day earlier. */
	int64_t high = midnight - (before > after ? before : after), low = high;

	day = clamp_day(day);
	while (high < TIME_MAX && zone_day_number(zone, high) < day) {
		low = high;
		high += START_STEP;
	}
	while (high - low > 1) {
		int64_t middle = low + (high - low) / 2;

		if (zone_day_number(zone, middle) < day)
			low = middle;
		else
			high = middle;
	}
	return high;
}

void day_format(int64_t day, char out[DAY_SIZE]) {
	format_day(clamp_day(day), out);
}

int day_parse(const char *text, int64_t *day_r) {
	char stamp[STAMP_SIZE];
	time_t when;

	if (strlen(text) != DAY_SIZE - 1)
		return -1;
	snprintf(stamp, sizeof stamp, "%sT00:00:00Z", text);
	if (stamp_parse(stamp, &when) != 0)
		return -1;
	*day_r = floor_div(when, DAY_SECONDS);
	return 0;
}

void stamp_format(time_t when, char out[STAMP_SIZE]) {
	int64_t instant = clamp_time(when);
	int64_t days = floor_div(instant, DAY_SECONDS);
	int second = (int)(instant - days * DAY_SECONDS);

	format_day(days, out);
	memcpy(out + DAY_SIZE - 1, "T00:00:00Z", STAMP_SIZE - DAY_SIZE + 1);
	put_digits(out + 12, second / 3600, 2);
	put_digits(out + 15, second / 60 % 60, 2);
	put_digits(out + 18, second % 60, 2);
}

int stamp_parse(const char *text, time_t *when_r) {
	static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
	static const int low[] = {0, 1, 1, 0, 0, 0}, high[] = {9999, 12, 31, 23, 59, 59};
	int field[6] = {0};
	size_t i, n = 0;

	if (strlen(text) != STAMP_SIZE - 1)
		return -1;
	for (i = 0; i < sizeof shape - 1; i++) {
		if (shape[i] == 'd' ? !ascii_is_digit(text[i]) : text[i] != shape[i])
			return -1;
		if (shape[i] == 'd')
			field[n] = field[n] * 10 + (text[i] - '0');
		else
			n++;
	}
	for (n = 0; n < 6; n++)
		if (field[n] < low[n] || field[n] > high[n])
			return -1;
	if (field[2] > days_in_month(field[0], field[1]))
		return -1;
	*when_r =
	        days_from_date(field[0], field[1], field[2]) * DAY_SECONDS + field[3] * 3600 + field[4] * 60 + field[5];
	return 0;
}

uint64_t processor_time(void) {
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
