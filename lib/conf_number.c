#include "lib/conf_number.h"

#include <math.h>
#include <stdio.h>

#define DIGITS_MAX 15
#define FRACTION_DIGITS 9

struct unit {
	char letter;
	long worth;
};

static const struct unit time_units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'\0', 0}};
static const struct unit size_units[] = {{'\0', 1}, {'k', 1L << 10}, {'M', 1L << 20}, {'G', 1L << 30}, {'\0', 0}};
static const struct unit no_units[] = {{'\0', 1}, {'\0', 0}};

static const struct unit *units_of(enum conf_kind kind) {
	return kind == CONF_KIND_TIME ? time_units : kind == CONF_KIND_SIZE ? size_units : no_units;
}

/* Decimal digits at the start, taken off; -1 where there are none or too many. */
static long take_digits(struct span *text) {
	long value = 0;
	size_t i;

	for (i = 0; i < text->len && ascii_is_digit(text->at[i]); i++) {
		if (i == DIGITS_MAX)
			return -1;
		value = value * 10 + (text->at[i] - '0');
	}
	*text = span_from(*text, i);
	return i == 0 ? -1 : value;
}

static bool parse_whole(struct span text, const struct unit *units, double *value_r) {
	long value = take_digits(&text);
	char letter = text.len == 0 ? '\0' : text.at[0];

	if (value < 0 || text.len > 1)
		return false;
	for (; units->worth > 0; units++) {
		if (ascii_lower(units->letter) != ascii_lower(letter))
			continue;
		*value_r = (double)value * (double)units->worth;
		return true;
	}
	return false;
}

/* Not strtod(3), which follows the locale. */
static bool parse_real(struct span text, double *value_r) {
	long whole = take_digits(&text), fraction = 0;
	double scale = 1;

	if (whole >= 0 && text.len > 1 && text.at[0] == '.' && text.len - 1 <= FRACTION_DIGITS) {
		text = span_from(text, 1);
		scale = pow(10, (double)text.len);
		fraction = take_digits(&text);
	}
	*value_r = (double)whole + (double)fraction / scale;
	return whole >= 0 && fraction >= 0 && text.len == 0;
}

bool conf_number_parse(enum conf_kind kind, struct span text, double *value_r) {
	return kind == CONF_KIND_REAL ? parse_real(text, value_r) : parse_whole(text, units_of(kind), value_r);
}

static void print_real(double value, struct buf *out) {
	long long parts = llround(value * pow(10, FRACTION_DIGITS));
	char digits[48];
	size_t len;

	len = (size_t)snprintf(digits, sizeof digits, "%lld.%09lld", parts / 1000000000, parts % 1000000000);
	while (digits[len - 1] == '0' && digits[len - 2] != '.')
		len--;
	buf_add(out, digits, len);
}

void conf_number_print(enum conf_kind kind, double value, struct buf *out) {
	const struct unit *units = units_of(kind), *best = units;
	long whole = (long)value;

	if (kind == CONF_KIND_REAL) {
		print_real(value, out);
		return;
	}
	for (; units->worth > 0; units++)
		if (whole != 0 && whole % units->worth == 0)
			best = units;
	buf_printf(out, "%ld", whole / best->worth);
	if (best->letter != '\0')
		buf_add_byte(out, best->letter);
}
