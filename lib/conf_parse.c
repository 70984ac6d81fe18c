#include "lib/conf_parse.h"

#include <confuse.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf_value.h"

/* Sections inside sections, the file included: file, list, track. */
#define DEPTH_MAX 4
#define WHERE_MAX 2048

struct frame {
	const struct conf_section *section;
	void *target; /* its struct; NULL when out of memory */
	cfg_t *cfg;
	size_t where_len; /* of the frame below */
};

struct parse {
	struct conf_issues *issues;
	struct conf_notes *notes;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	struct buf where; /* the innermost section */
	bool broken, failed;
};

/*
 * libconfuse's lexer keeps its state for the whole process, and its callbacks
 * get no pointer of ours: one parse at a time, and this is it.
 */
static struct {
	pthread_mutex_t lock;
	struct parse *parse;
} running = {.lock = PTHREAD_MUTEX_INITIALIZER};

/*
 * An option that no file can name, first in every section: libconfuse parses
 * its default when it makes the section, and so tells when one begins.
 */
#define OPENING_NAME "\001"

static struct frame *innermost(struct parse *parse) {
	return &parse->frames[parse->depth - 1];
}

/* A new element behind the others, zeroed; NULL when out of memory. */
static char *add_element(const struct conf_section *section, void *parent) {
	size_t count;
	char *array = conf_table_array(section, parent, &count);

	array = realloc(array, (count + 1) * section->size);
	if (array == NULL)
		return NULL;
	memset(array + count * section->size, 0, section->size);
	conf_table_array_set(section, parent, array, count + 1);
	return array + count * section->size;
}

/* The element of that title, reset to the defaults, or a new one. */
static void *titled_struct(const struct conf_section *section, void *parent, const char *title) {
	size_t count, i;
	char *array = conf_table_array(section, parent, &count), *element = NULL, *name = strdup(title);

	if (name == NULL)
		return NULL;
	for (i = 0; i < count && element == NULL; i++)
		if (strcmp(*(char **)(array + i * section->size), title) == 0)
			element = array + i * section->size;
	if (element == NULL) {
		element = add_element(section, parent);
	} else {
		free(*(char **)element);
		conf_struct_free(section, element);
	}
	if (element == NULL) {
		free(name);
		return NULL;
	}
	*(char **)element = name;
	return conf_struct_init(section, element) == 0 ? element : NULL;
}

static void *open_titled(struct parse *parse, const struct conf_section *section, void *parent, cfg_t *cfg) {
	struct span title = span_of(cfg_title(cfg));
	struct conf_place place = {buf_span(&parse->where), span_of(section->name), cfg->line};
	struct err allowed;
	char *checked = conf_value_checked(section->title, title, &allowed);
	void *target;

	if (checked == NULL)
		conf_issue_add(parse->issues, place, title, "%s", allowed.text);
	/* A wrong title still has options to check. */
	target = titled_struct(section, parent, checked == NULL ? title.at : checked);
	if (target == NULL)
		parse->failed = true;
	conf_where_add(&parse->where, section->name, checked == NULL ? title : span_of(checked));
	free(checked);
	return target;
}

static int on_open(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result) {
	struct parse *parse = running.parse;
	struct frame *parent = innermost(parse), *frame = parent + 1;

	(void)opt;
	(void)value;
	*(void **)result = NULL;
	/* A name in quotes, with escapes, can be any text. */
	if (parent->cfg == cfg)
		return -1;
	*frame = (struct frame){.cfg = cfg, .where_len = parse->where.len};
	frame->section = conf_table_section(parent->section, span_of(cfg_name(cfg)));
	if (parent->target != NULL && frame->section->title != NULL) {
		frame->target = open_titled(parse, frame->section, parent->target, cfg);
	} else if (parent->target != NULL) {
		frame->target = conf_table_struct(frame->section, parent->target);
		conf_where_add(&parse->where, frame->section->name, SPAN_NONE);
	}
	parse->depth++;
	conf_note_add(parse->notes, buf_span(&parse->where), NULL, SPAN_NONE, cfg->line);
	return 0;
}

/* An empty list makes no call to on_value(). */
static void empty_lists(const struct frame *frame) {
	size_t i;

	for (i = 0; i < frame->section->option_count; i++) {
		const struct conf_option *option = &frame->section->options[i];
		cfg_opt_t *opt = cfg_getopt(frame->cfg, option->name);

		if (option->kind == CONF_KIND_TEXTS && (opt->flags & CFGF_MODIFIED) != 0 && opt->nvalues == 0)
			strings_free(conf_value_texts(option, frame->target));
	}
}

static int on_close(cfg_t *cfg, cfg_opt_t *opt) {
	struct parse *parse = running.parse;
	struct frame *frame = innermost(parse);

	(void)cfg;
	(void)opt;
	if (frame->target != NULL)
		empty_lists(frame);
	parse->where.len = frame->where_len;
	parse->depth--;
	return 0;
}

/* The value as it was stored, for the texts that may be asked for at the end. */
static struct span stored(const struct conf_option *option, const void *target) {
	const struct strings *texts;

	if (option->kind == CONF_KIND_TEXT)
		return span_of(*conf_value_text(option, target));
	if (option->kind != CONF_KIND_TEXTS)
		return SPAN_NONE;
	texts = conf_value_texts(option, target);
	return span_of(texts->at[texts->len - 1]);
}

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result) {
	struct parse *parse = running.parse;
	const struct frame *frame = innermost(parse);
	const struct conf_option *option = conf_table_option(frame->section, span_of(opt->name));
	struct conf_place place = {buf_span(&parse->where), span_of(opt->name), cfg->line};
	struct span given = span_of(value);
	struct err allowed;

	*(void **)result = NULL;
	if (frame->target == NULL)
		return 0;
	/* libconfuse has made room for this value: the first takes the default's place. */
	if (option->kind == CONF_KIND_TEXTS && opt->nvalues == 1)
		strings_free(conf_value_texts(option, frame->target));
	if (conf_value_set(option, frame->target, given, &allowed) != 0)
		conf_issue_add(parse->issues, place, given, "%s", allowed.text);
	else
		given = stored(option, frame->target);
	conf_note_add(parse->notes, place.where, option->name, given, cfg->line);
	return 0;
}

static void on_error(cfg_t *cfg, const char *format, va_list args) {
	struct parse *parse = running.parse;
	struct conf_place place = {buf_span(&parse->where), SPAN_NONE, cfg->line};
	char text[256];

	if (parse->broken)
		return;
	parse->broken = true;
	vsnprintf(text, sizeof text, format, args);
	conf_issue_add(parse->issues, place, span_of(text), "NAME = VALUE, NAME = {VALUE, ...} or SECTION {...}");
}

static void options_free(cfg_opt_t *opts) {
	size_t i;

	if (opts == NULL)
		return;
	for (i = 0; opts[i].name != NULL; i++)
		if (opts[i].type == CFGT_SEC)
			options_free(opts[i].subopts);
	free(opts);
}

/* Every option is text to libconfuse, so that it is checked in one place and
 * its line is known; every section may come again. */
static cfg_opt_t *options_new(const struct conf_section *section) {
	cfg_opt_t *opts = calloc(section->option_count + section->section_count + 2, sizeof *opts), *opt = opts;
	size_t i;

	if (opts == NULL)
		return NULL;
	*opt++ = (cfg_opt_t){.name = OPENING_NAME, .type = CFGT_PTR, .parsecb = on_open};
	if (section != &conf_table)
		opts[0].def.parsed = "0";
	for (i = 0; i < section->option_count; i++) {
		bool many = section->options[i].kind == CONF_KIND_TEXTS;

		*opt++ = (cfg_opt_t){.name = section->options[i].name,
		                     .type = CFGT_PTR,
		                     .flags = CFGF_NODEFAULT | (many ? CFGF_LIST : 0),
		                     .parsecb = on_value};
	}
	for (i = 0; i < section->section_count; i++) {
		const struct conf_section *sub = &section->sections[i];

		*opt = (cfg_opt_t){.name = sub->name, .type = CFGT_SEC, .validcb = on_close};
		opt->flags = CFGF_MULTI | (sub->title == NULL ? 0 : CFGF_TITLE);
		opt->subopts = options_new(sub);
		if (opt++->subopts == NULL) {
			options_free(opts);
			return NULL;
		}
	}
	return opts;
}

static bool parse_locked(struct parse *parse, struct span text) {
	cfg_opt_t *opts = options_new(&conf_table);
	FILE *file = fmemopen((char *)text.at, text.len, "r");
	cfg_t *cfg = opts == NULL ? NULL : cfg_init(opts, CFGF_NONE);
	bool done = false;

	if (cfg != NULL && file != NULL) {
		cfg_set_error_function(cfg, on_error);
		parse->frames[0].cfg = cfg;
		done = cfg_parse_fp(cfg, file) == CFG_SUCCESS;
		/* Without a word of why, it is memory. */
		parse->failed = parse->failed || (!done && !parse->broken);
		if (done)
			empty_lists(&parse->frames[0]);
	} else {
		parse->failed = true;
	}
	if (cfg != NULL)
		cfg_free(cfg);
	if (file != NULL)
		fclose(file);
	options_free(opts);
	return done;
}

bool conf_parse(struct conf *conf, struct span text, bool broken, struct conf_issues *issues,
                struct conf_notes *notes) {
	struct parse parse = {.issues = issues, .notes = notes, .broken = broken, .depth = 1};
	bool done;

	parse.frames[0] = (struct frame){.section = &conf_table, .target = conf};
	buf_init(&parse.where, WHERE_MAX);
	pthread_mutex_lock(&running.lock);
	running.parse = &parse;
	done = parse_locked(&parse, text);
	running.parse = NULL;
	pthread_mutex_unlock(&running.lock);
	if (parse.failed || parse.where.failed || notes->failed)
		conf_issue_add(issues, (struct conf_place){.line = 0}, span_of("no more memory"),
		               "a machine with some");
	buf_free(&parse.where);
	return done;
}
