#include "lib/conf.h"

#include <stdlib.h>
#include <string.h>

#include "lib/conf_file.h"
#include "lib/conf_parse.h"
#include "lib/conf_refs.h"
#include "lib/conf_scan.h"
#include "lib/conf_value.h"

void conf_free(struct conf **conf) {
	if (conf == NULL || *conf == NULL)
		return;
	free((*conf)->file);
	conf_struct_free(&conf_table, *conf);
	free(*conf);
	*conf = NULL;
}

static struct conf *conf_new(const char *file) {
	struct conf *conf = calloc(1, sizeof *conf);

	if (conf == NULL)
		return NULL;
	conf->file = strdup(file);
	if (conf->file == NULL || conf_struct_init(&conf_table, conf) != 0)
		conf_free(&conf);
	return conf;
}

static void read_text(struct conf *conf, struct buf *text, struct conf_issues *issues) {
	struct conf_scan scan = {.text = text->at, .len = text->len, .issues = issues};
	struct conf_notes notes = {0};

	conf_scan(&scan, &conf_table);
	/* A file cut short to nothing must not pass for one that configures nothing. */
	if (scan.statements == 0 && !scan.broken)
		conf_issue_add(issues, (struct conf_place){.line = 0}, SPAN("an empty file"), "options and sections");
	else if (conf_parse(conf, buf_span(text), scan.broken, issues, &notes) && !scan.broken)
		conf_refs_check(conf, &notes, issues);
	conf_notes_free(&notes);
}

struct conf *conf_load(const char *file, struct buf *errors) {
	struct conf_issues issues = {.file = file};
	struct conf *conf = conf_new(file);
	struct buf text;

	if (conf == NULL) {
		buf_printf(errors, "%s: found \"no more memory\", allowed: a machine with some", file);
		return NULL;
	}
	/* Room for one read more, which tells that a file is too large. */
	buf_init(&text, CONF_FILE_MAX + 32768);
	if (conf_file_read(&text, &issues) == 0)
		read_text(conf, &text, &issues);
	buf_free(&text);
	if (issues.found > 0) {
		conf_issues_print(&issues, errors);
		conf_free(&conf);
	}
	conf_issues_free(&issues);
	return conf;
}

struct span conf_list_title(const struct conf_list *list) {
	return span_of(list->title[0] != '\0' ? list->title : list->name);
}

const struct conf_list *conf_find_list(const struct conf *conf, struct span name) {
	size_t i;

	for (i = 0; i < conf->list_count; i++)
		if (span_equal_nocase(span_of(conf->lists[i].name), name))
			return &conf->lists[i];
	return NULL;
}

const struct conf_domain *conf_find_domain(const struct conf *conf, struct span name) {
	size_t i;

	for (i = 0; i < conf->domain_count; i++)
		if (span_equal_nocase(span_of(conf->domains[i].name), name))
			return &conf->domains[i];
	return NULL;
}

const struct conf_stream *conf_find_stream(const struct conf *conf, struct span name) {
	size_t i;

	for (i = 0; i < conf->stream_count; i++)
		if (span_equal_nocase(span_of(conf->streams[i].name), name))
			return &conf->streams[i];
	return NULL;
}

const struct conf_provider *conf_find_provider(const struct conf *conf, struct span name) {
	size_t i;

	for (i = 0; i < conf->provider_count; i++)
		if (span_equal_nocase(span_of(conf->providers[i].name), name))
			return &conf->providers[i];
	return NULL;
}
