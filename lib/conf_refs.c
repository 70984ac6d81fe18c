#include "lib/conf_refs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf_check.h"
#include "lib/conf_number.h"
#include "lib/conf_value.h"

#define WHERE_MAX 2048

struct refs {
	const struct conf *conf;
	const struct conf_notes *notes;
	struct conf_issues *issues;
};

static struct buf where_of(const char *section, const char *title) {
	struct buf where;

	buf_init(&where, WHERE_MAX);
	conf_where_add(&where, section, span_of(title));
	return where;
}

/* `value` of `option`, in the titled section `section`, is not what is allowed.
 * Frees `where`.  A value that isn't in the file is complained of at the section. */
static void complain(const struct refs *refs, struct buf *where, const struct conf_section *section, const char *option,
                     const char *value, const char *allowed) {
	struct conf_place place = {buf_span(where), span_of(option), 0};
	const char *name = conf_table_option(section, span_of(option))->name;

	place.line = conf_note_line(refs->notes, place.where, name, span_of(value));
	if (place.line == 0)
		place.line = conf_note_line(refs->notes, place.where, NULL, SPAN_NONE);
	conf_issue_add(refs->issues, place, span_of(value), "%s", allowed);
	buf_free(where);
}

/* Then a wrong value has been complained of: nothing is missing. */
static bool is_given(const struct refs *refs, struct span where, const struct conf_section *section,
                     const char *option) {
	return conf_note_given(refs->notes, where, conf_table_option(section, span_of(option))->name);
}

/* Every list offers a way to unsubscribe, and its link begins with it (H1). */
static void check_base_url(const struct refs *refs) {
	const struct conf_section *webd = conf_table_section(&conf_table, SPAN("webd"));
	struct conf_place place = {SPAN("webd"), SPAN("base_url"), 0};
	struct buf where;

	if (refs->conf->list_count == 0 || refs->conf->webd.base_url[0] != '\0' ||
	    is_given(refs, place.where, webd, "base_url"))
		return;
	where = where_of("list", refs->conf->lists[0].name);
	place.line = conf_note_line(refs->notes, place.where, NULL, SPAN_NONE);
	if (place.line == 0)
		place.line = conf_note_line(refs->notes, buf_span(&where), NULL, SPAN_NONE);
	conf_issue_add(refs->issues, place, SPAN(""), "https://HOST, which the links of %s begin with", where.at);
	buf_free(&where);
}

/* A message of the largest size must fit, or it would be put off for ever. */
static void check_memory(const struct refs *refs) {
	struct conf_place place = {SPAN("bounced"), SPAN("memory"), 0};
	long need = 4 * refs->conf->bounced.max_message;
	char found[32];

	if (refs->conf->bounced.memory >= need)
		return;
	snprintf(found, sizeof found, "%ld", refs->conf->bounced.memory);
	place.line = conf_note_line(refs->notes, place.where, NULL, SPAN_NONE);
	conf_issue_add(refs->issues, place, span_of(found), "four times max_message at least, %ld octets", need);
}

/* A certificate is of no use without its key, nor the key without it. */
static void check_tls(const struct refs *refs) {
	const struct conf_section *section = conf_table_section(&conf_table, SPAN("webd"));
	const struct conf_webd *webd = &refs->conf->webd;
	bool has_cert = webd->tls_cert[0] != '\0', has_key = webd->tls_key[0] != '\0';
	const char *given = has_cert ? "tls_cert" : "tls_key", *missing = has_cert ? "tls_key" : "tls_cert";
	struct conf_place place = {SPAN("webd"), span_of(missing), 0};

	if (has_cert == has_key)
		return;
	/* Notes know an option by the table's own name, not by its letters. */
	place.line = conf_note_line(refs->notes, place.where, conf_table_option(section, span_of(given))->name,
	                            span_of(has_cert ? webd->tls_cert : webd->tls_key));
	conf_issue_add(refs->issues, place, SPAN(""), "a file, since %s is set", given);
}

static void check_domain(const struct refs *refs, const struct conf_domain *domain,
                         const struct conf_section *section) {
	const struct conf_section *dkim = conf_table_section(section, SPAN("dkim"));
	struct buf where;
	size_t i;

	for (i = 0; i < domain->key_count; i++) {
		if (domain->keys[i].key[0] != '\0')
			continue;
		where = where_of(section->name, domain->name);
		conf_where_add(&where, dkim->name, span_of(domain->keys[i].selector));
		if (is_given(refs, buf_span(&where), dkim, "key"))
			buf_free(&where);
		else
			complain(refs, &where, dkim, "key", "", "the file of the private key");
	}
	for (i = 0; i < domain->also_sign.len; i++) {
		const struct conf_domain *other = conf_find_domain(refs->conf, span_of(domain->also_sign.at[i]));

		if (other != NULL && other != domain)
			continue;
		where = where_of(section->name, domain->name);
		complain(refs, &where, section, "also_sign", domain->also_sign.at[i],
		         other == NULL ? "the name of a domain section" : "the name of another domain section");
	}
}

/* Nothing is looked for along a path, and no shell stands in between. */
static void check_command(const struct refs *refs, struct span section, struct span option,
                          const struct strings *command) {
	const struct conf_section *its = conf_table_section(&conf_table, section);
	struct conf_place place = {section, option, 0};
	const char *found = command->len == 0 ? "" : command->at[0];

	if (found[0] == '/')
		return;
	place.line = conf_note_line(refs->notes, section, conf_table_option(its, option)->name, span_of(found));
	conf_issue_add(refs->issues, place, span_of(found), "a command by its absolute path, then its arguments");
}

static void check_form_field(const struct refs *refs, const struct conf_list *list, const struct conf_form_field *field,
                             const struct conf_section *list_section) {
	const struct conf_section *form = conf_table_section(list_section, SPAN("form"));
	const struct conf_section *section = conf_table_section(form, SPAN("field"));
	bool choice = field->kind == CONF_FIELD_KIND_CHOICE;
	struct buf where;

	if (choice == (field->options.len > 0))
		return;
	where = where_of(list_section->name, list->name);
	conf_where_add(&where, form->name, SPAN_NONE);
	conf_where_add(&where, section->name, span_of(field->name));
	if (choice && is_given(refs, buf_span(&where), section, "options"))
		buf_free(&where);
	else if (choice)
		complain(refs, &where, section, "options", "", "what the choice offers");
	else
		complain(refs, &where, section, "options", field->options.at[0], "only where kind = \"choice\"");
}

static void check_list(const struct refs *refs, const struct conf_list *list, const struct conf_section *section) {
	const char *hostname = refs->conf->hostname;
	struct err allowed;
	struct buf where, id;
	char *checked;
	size_t i;

	if (list->stream[0] != '\0' && conf_find_stream(refs->conf, span_of(list->stream)) == NULL) {
		where = where_of(section->name, list->name);
		complain(refs, &where, section, "stream", list->stream, "the name of a stream section");
	}
	for (i = 0; i < list->form.field_count; i++)
		check_form_field(refs, list, &list->form.fields[i], section);
	if (list->list_id[0] != '\0' || hostname[0] == '\0')
		return;
	buf_init(&id, WHERE_MAX);
	buf_printf(&id, "%s.%s", list->name, hostname);
	checked = conf_value_checked(conf_check_list_id, buf_span(&id), &allowed);
	if (checked == NULL) {
		where = where_of(section->name, list->name);
		complain(refs, &where, section, "list_id", id.at, allowed.text);
	}
	free(checked);
	buf_free(&id);
}

/* Limits that decide the same, each worse than the one before. */
static void check_order(const struct refs *refs, const struct conf_stream *stream, const struct conf_section *section,
                        const char *option, double value, const char *less, double less_value) {
	struct buf where, found;
	char allowed[128];
	const char *name = conf_table_option(section, span_of(option))->name;
	struct conf_place place;

	if (value >= less_value)
		return;
	where = where_of(section->name, stream->name);
	place = (struct conf_place){buf_span(&where), span_of(option),
	                            conf_note_line(refs->notes, buf_span(&where), name, SPAN_NONE)};
	if (place.line == 0)
		place.line = conf_note_line(refs->notes, place.where, NULL, SPAN_NONE);
	buf_init(&found, 64);
	conf_number_print(CONF_KIND_REAL, value, &found);
	snprintf(allowed, sizeof allowed, "%s (%g) or more", less, less_value);
	conf_issue_add(refs->issues, place, buf_span(&found), "%s", allowed);
	buf_free(&found);
	buf_free(&where);
}

static void check_stream(const struct refs *refs, const struct conf_stream *stream,
                         const struct conf_section *section) {
	check_order(refs, stream, section, "bounce_back", stream->bounce_back, "bounce_hold", stream->bounce_hold);
	check_order(refs, stream, section, "bounce_stop", stream->bounce_stop, "bounce_back", stream->bounce_back);
	check_order(refs, stream, section, "complaint_stop", stream->complaint_stop, "complaint_hold",
	            stream->complaint_hold);
}

/* An entry that makes something one section's. */
struct claim {
	const char *value;
	size_t owner;
};

static int compare_claims(const void *a, const void *b) {
	const struct claim *one = a, *two = b;
	int order = strcmp(one->value, two->value);

	return order != 0 ? order : one->owner < two->owner ? -1 : one->owner > two->owner;
}

/* The title is the first member of a titled section's struct. */
static const char *title_of(const char *element) {
	return *(char *const *)(const void *)element;
}

/* A second section with the same entry would never get what is the first's. */
static void check_claims(const struct refs *refs, const struct conf_section *section, const char *name) {
	const struct conf_option *option = conf_table_option(section, span_of(name));
	size_t elements, count = 0, i, j;
	const char *array = conf_table_array(section, refs->conf, &elements);
	struct claim *claims;

	for (i = 0; i < elements; i++)
		count += conf_value_texts(option, array + i * section->size)->len;
	claims = calloc(count + 1, sizeof *claims);
	if (claims == NULL) {
		conf_issue_add(refs->issues, (struct conf_place){.line = 0}, SPAN("no more memory"),
		               "a machine with some");
		return;
	}
	for (i = count = 0; i < elements; i++) {
		const struct strings *texts = conf_value_texts(option, array + i * section->size);

		for (j = 0; j < texts->len; j++)
			claims[count++] = (struct claim){texts->at[j], i};
	}
	qsort(claims, count, sizeof *claims, compare_claims);
	for (i = 1; i < count; i++) {
		struct buf where;
		char allowed[256];

		if (strcmp(claims[i].value, claims[i - 1].value) != 0 || claims[i].owner == claims[i - 1].owner)
			continue;
		where = where_of(section->name, title_of(array + claims[i].owner * section->size));
		snprintf(allowed, sizeof allowed, "one %s for each; %s \"%s\" has it", section->name, section->name,
		         title_of(array + claims[i - 1].owner * section->size));
		complain(refs, &where, section, name, claims[i].value, allowed);
	}
	free(claims);
}

void conf_refs_check(const struct conf *conf, const struct conf_notes *notes, struct conf_issues *issues) {
	const struct conf_section *domain = conf_table_section(&conf_table, SPAN("domain"));
	const struct conf_section *list = conf_table_section(&conf_table, SPAN("list"));
	const struct conf_section *stream = conf_table_section(&conf_table, SPAN("stream"));
	const struct conf_section *provider = conf_table_section(&conf_table, SPAN("provider"));
	struct refs refs = {conf, notes, issues};
	size_t i;

	check_base_url(&refs);
	check_memory(&refs);
	check_tls(&refs);
	check_command(&refs, SPAN("webd"), SPAN("sendmail"), &conf->webd.sendmail);
	if (conf->policyd.alert_command.len > 0)
		check_command(&refs, SPAN("policyd"), SPAN("alert_command"), &conf->policyd.alert_command);
	for (i = 0; i < conf->domain_count; i++)
		check_domain(&refs, &conf->domains[i], domain);
	for (i = 0; i < conf->list_count; i++)
		check_list(&refs, &conf->lists[i], list);
	check_claims(&refs, list, "sender");
	check_claims(&refs, list, "from");
	check_claims(&refs, list, "sasl_login");
	for (i = 0; i < conf->stream_count; i++)
		check_stream(&refs, &conf->streams[i], stream);
	check_claims(&refs, provider, "domain");
	check_claims(&refs, provider, "mx");
}
