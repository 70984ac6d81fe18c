#include "lib/conf_value.h"

#include <stdlib.h>
#include <string.h>

#include "lib/conf_check.h"
#include "lib/conf_issue.h"
#include "lib/conf_number.h"
#include "lib/utf8.h"

#define VALUE_MAX 65536

char **conf_value_text(const struct conf_option *option, const void *target) {
	return (char **)((char *)target + option->at);
}

struct strings *conf_value_texts(const struct conf_option *option, const void *target) {
	return (struct strings *)((char *)target + option->at);
}

static bool parse_bool(struct span text, bool *value_r) {
	static const struct {
		const char *text;
		bool value;
	} words[] = {{"true", true}, {"yes", true}, {"on", true}, {"false", false}, {"no", false}, {"off", false}};
	size_t i;

	for (i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (!span_equal_nocase(text, span_of(words[i].text)))
			continue;
		*value_r = words[i].value;
		return true;
	}
	return false;
}

/* The word at `*words`, which moves behind it. */
static struct span next_word(const char **words) {
	struct span word = span_make(*words, strcspn(*words, "|"));

	*words += word.len + ((*words)[word.len] == '|');
	return word;
}

static int parse_word(struct span text, const char *words) {
	int i;

	for (i = 0; *words != '\0'; i++)
		if (span_equal(next_word(&words), text))
			return i;
	return -1;
}

void conf_value_print_allowed(const struct conf_option *option, struct buf *out) {
	const char *words = option->words;

	switch (option->kind) {
	case CONF_KIND_BOOL:
		buf_add_text(out, "true or false");
		break;
	case CONF_KIND_WORD:
		while (*words != '\0') {
			buf_add_span(out, next_word(&words));
			if (*words != '\0')
				buf_add_text(out, strchr(words, '|') == NULL ? " or " : ", ");
		}
		break;
	case CONF_KIND_INT:
	case CONF_KIND_REAL:
	case CONF_KIND_TIME:
	case CONF_KIND_SIZE:
		conf_number_print(option->kind, option->low, out);
		buf_add_text(out, " to ");
		conf_number_print(option->kind, option->high, out);
		if (option->kind == CONF_KIND_TIME)
			buf_add_text(out, ", with a unit: s, m, h or d");
		if (option->kind == CONF_KIND_SIZE)
			buf_add_text(out, ", in octets or with a unit: k, M or G");
		break;
	case CONF_KIND_TEXT:
	case CONF_KIND_TEXTS:
		break;
	}
}

static int refuse(const struct conf_option *option, struct err *allowed) {
	struct buf words;

	buf_init(&words, sizeof allowed->text);
	conf_value_print_allowed(option, &words);
	err_set(allowed, "%s", words.len == 0 ? "" : words.at);
	buf_free(&words);
	return -1;
}

static bool text_is_clean(struct span text) {
	while (text.len > 0) {
		size_t size = utf8_size(text);

		if (size == 0 || utf8_is_control(text))
			return false;
		text = span_from(text, size);
	}
	return true;
}

char *conf_value_checked(conf_check *check, struct span text, struct err *allowed) {
	struct buf out;
	char *checked;

	if (!text_is_clean(text)) {
		err_set(allowed, "UTF-8 text on one line, without control characters");
		return NULL;
	}
	buf_init(&out, VALUE_MAX);
	if (check(text, &out, allowed) != 0) {
		buf_free(&out);
		return NULL;
	}
	checked = buf_take(&out);
	if (checked == NULL)
		err_set(allowed, "at most %d octets", VALUE_MAX);
	return checked;
}

static int set_text(const struct conf_option *option, void *target, struct span text, struct err *allowed) {
	bool preset = option->kind == CONF_KIND_TEXT && span_equal(text, span_of(option->preset));
	char *checked = conf_value_checked(preset ? conf_check_any : option->check, text, allowed);
	int added;

	if (checked == NULL)
		return -1;
	if (option->kind == CONF_KIND_TEXT) {
		free(*conf_value_text(option, target));
		*conf_value_text(option, target) = checked;
		return 0;
	}
	added = strings_add(conf_value_texts(option, target), span_of(checked));
	free(checked);
	return added == 0 ? 0 : err_set(allowed, "what fits into memory");
}

static int set_number(const struct conf_option *option, void *target, struct span text, struct err *allowed) {
	char *at = (char *)target + option->at;
	double value;

	if (!conf_number_parse(option->kind, text, &value) || value < option->low || value > option->high)
		return refuse(option, allowed);
	if (option->kind == CONF_KIND_REAL)
		*(double *)at = value;
	else
		*(long *)at = (long)value;
	return 0;
}

static int set_word(const struct conf_option *option, void *target, struct span text, struct err *allowed) {
	int index = parse_word(text, option->words);

	if (index < 0)
		return refuse(option, allowed);
	*(int *)((char *)target + option->at) = index;
	return 0;
}

int conf_value_set(const struct conf_option *option, void *target, struct span text, struct err *allowed) {
	switch (option->kind) {
	case CONF_KIND_BOOL:
		return parse_bool(text, (bool *)((char *)target + option->at)) ? 0 : refuse(option, allowed);
	case CONF_KIND_WORD:
		return set_word(option, target, text, allowed);
	case CONF_KIND_TEXT:
	case CONF_KIND_TEXTS:
		return set_text(option, target, text, allowed);
	case CONF_KIND_INT:
	case CONF_KIND_REAL:
	case CONF_KIND_TIME:
	case CONF_KIND_SIZE:
		break;
	}
	return set_number(option, target, text, allowed);
}

static void print_texts(const struct strings *texts, struct buf *out) {
	size_t i;

	buf_add_byte(out, '{');
	for (i = 0; i < texts->len; i++) {
		buf_add_text(out, i == 0 ? "" : ", ");
		conf_quote(out, span_of(texts->at[i]));
	}
	buf_add_byte(out, '}');
}

void conf_value_print(const struct conf_option *option, const void *target, struct buf *out) {
	const char *at = (const char *)target + option->at;
	const char *words = option->words;
	int i;

	switch (option->kind) {
	case CONF_KIND_BOOL:
		buf_add_text(out, *(const bool *)at ? "true" : "false");
		break;
	case CONF_KIND_REAL:
		conf_number_print(option->kind, *(const double *)at, out);
		break;
	case CONF_KIND_WORD:
		for (i = *(const int *)at; i > 0; i--)
			next_word(&words);
		conf_quote(out, next_word(&words));
		break;
	case CONF_KIND_TEXT:
		conf_quote(out, span_of(*conf_value_text(option, target)));
		break;
	case CONF_KIND_TEXTS:
		print_texts(conf_value_texts(option, target), out);
		break;
	case CONF_KIND_INT:
	case CONF_KIND_TIME:
	case CONF_KIND_SIZE:
		conf_number_print(option->kind, (double)*(const long *)at, out);
		break;
	}
}

/* The default of a TEXTS option: "{a, b}", without quotes. */
static int preset_texts(const struct conf_option *option, void *target, struct err *wrong) {
	struct span left = span_make(option->preset + 1, strlen(option->preset) - 2);

	while (left.len > 0) {
		ssize_t comma = span_find_byte(left, ',');
		struct span one = comma < 0 ? left : span_make(left.at, (size_t)comma);

		if (conf_value_set(option, target, span_trim(one), wrong) != 0)
			return -1;
		left = comma < 0 ? SPAN_NONE : span_from(left, (size_t)comma + 1);
	}
	return 0;
}

int conf_struct_init(const struct conf_section *section, void *target) {
	struct err wrong;
	size_t i;

	for (i = 0; i < section->option_count; i++) {
		const struct conf_option *option = &section->options[i];

		if (option->kind == CONF_KIND_TEXTS
		            ? preset_texts(option, target, &wrong) != 0
		            : conf_value_set(option, target, span_of(option->preset), &wrong) != 0)
			return -1;
	}
	for (i = 0; i < section->section_count; i++)
		if (section->sections[i].title == NULL &&
		    conf_struct_init(&section->sections[i], conf_table_struct(&section->sections[i], target)) != 0)
			return -1;
	return 0;
}

static void free_options(const struct conf_section *section, void *target) {
	size_t i;

	for (i = 0; i < section->option_count; i++) {
		if (section->options[i].kind == CONF_KIND_TEXT)
			free(*conf_value_text(&section->options[i], target));
		if (section->options[i].kind == CONF_KIND_TEXTS)
			strings_free(conf_value_texts(&section->options[i], target));
	}
}

void conf_struct_free(const struct conf_section *section, void *target) {
	size_t i, j, count;

	free_options(section, target);
	for (i = 0; i < section->section_count; i++) {
		const struct conf_section *sub = &section->sections[i];
		char *array;

		if (sub->title == NULL) {
			conf_struct_free(sub, conf_table_struct(sub, target));
			continue;
		}
		array = conf_table_array(sub, target, &count);
		for (j = 0; j < count; j++) {
			free(*(char **)(array + j * sub->size));
			conf_struct_free(sub, array + j * sub->size);
		}
		free(array);
		conf_table_array_set(sub, target, NULL, 0);
	}
	memset(target, 0, section->size);
}
