#include "lib/conf_table.h"

#include <string.h>

#include "lib/conf_check.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* STRUCT is the struct of the section whose rows are being expanded. */
#define ROW(row, its_kind, text, explanation)                                                                          \
	.name = #row, .kind = (its_kind), .at = offsetof(STRUCT, row), .preset = (text), .help = (explanation)
#define ROW_BOOL(name, preset, help) {ROW(name, CONF_KIND_BOOL, #preset, help)},
#define ROW_INT(name, preset, from, to, help) {ROW(name, CONF_KIND_INT, #preset, help), .low = (from), .high = (to)},
#define ROW_REAL(name, preset, from, to, help) {ROW(name, CONF_KIND_REAL, #preset, help), .low = (from), .high = (to)},
#define ROW_TIME(name, preset, from, to, help) {ROW(name, CONF_KIND_TIME, preset, help), .low = (from), .high = (to)},
#define ROW_SIZE(name, preset, from, to, help) {ROW(name, CONF_KIND_SIZE, preset, help), .low = (from), .high = (to)},
#define ROW_WORD(name, choice, preset, help) {ROW(name, CONF_KIND_WORD, preset, help), .words = (choice)},
#define ROW_TEXT(name, checked, preset, help) {ROW(name, CONF_KIND_TEXT, preset, help), .check = conf_check_##checked},
#define ROW_TEXTS(name, checked, preset, help)                                                                         \
	{ROW(name, CONF_KIND_TEXTS, preset, help), .check = conf_check_##checked},
#define ROWS(section)                                                                                                  \
	{ section(ROW_BOOL, ROW_INT, ROW_REAL, ROW_TIME, ROW_SIZE, ROW_WORD, ROW_TEXT, ROW_TEXTS) }

#define STRUCT struct conf
static const struct conf_option top_options[] = ROWS(CONF_TOP);
#undef STRUCT
#define STRUCT struct conf_log
static const struct conf_option log_options[] = ROWS(CONF_LOG);
#undef STRUCT
#define STRUCT struct conf_store
static const struct conf_option store_options[] = ROWS(CONF_STORE);
#undef STRUCT
#define STRUCT struct conf_milter
static const struct conf_option milter_options[] = ROWS(CONF_MILTER);
#undef STRUCT
#define STRUCT struct conf_policyd
static const struct conf_option policyd_options[] = ROWS(CONF_POLICYD);
#undef STRUCT
#define STRUCT struct conf_bounced
static const struct conf_option bounced_options[] = ROWS(CONF_BOUNCED);
#undef STRUCT
#define STRUCT struct conf_webd
static const struct conf_option webd_options[] = ROWS(CONF_WEBD);
#undef STRUCT
#define STRUCT struct conf_dkim_policy
static const struct conf_option dkim_policy_options[] = ROWS(CONF_DKIM_POLICY);
#undef STRUCT
#define STRUCT struct conf_domain
static const struct conf_option domain_options[] = ROWS(CONF_DOMAIN);
#undef STRUCT
#define STRUCT struct conf_dkim_key
static const struct conf_option dkim_options[] = ROWS(CONF_DKIM_KEY);
#undef STRUCT
#define STRUCT struct conf_list
static const struct conf_option list_options[] = ROWS(CONF_LIST);
#undef STRUCT
#define STRUCT struct conf_track
static const struct conf_option track_options[] = ROWS(CONF_TRACK);
#undef STRUCT
#define STRUCT struct conf_unsubscribe
static const struct conf_option unsubscribe_options[] = ROWS(CONF_UNSUBSCRIBE);
#undef STRUCT
#define STRUCT struct conf_form
static const struct conf_option form_options[] = ROWS(CONF_FORM);
#undef STRUCT
#define STRUCT struct conf_form_field
static const struct conf_option form_field_options[] = ROWS(CONF_FORM_FIELD);
#undef STRUCT
#define STRUCT struct conf_stream
static const struct conf_option stream_options[] = ROWS(CONF_STREAM);
#undef STRUCT
#define STRUCT struct conf_provider
static const struct conf_option provider_options[] = ROWS(CONF_PROVIDER);
#undef STRUCT

#define OPTIONS(rows) .options = (rows), .option_count = COUNT(rows)
#define SECTIONS(rows) .sections = (rows), .section_count = COUNT(rows)
#define INSIDE(parent, field) .at = offsetof(parent, field), .size = sizeof(((parent *)NULL)->field)
#define MANY(parent, field, count, checked)                                                                            \
	.at = offsetof(parent, field), .size = sizeof *((parent *)NULL)->field, .count_at = offsetof(parent, count),   \
	.title = conf_check_##checked

_Static_assert(offsetof(struct conf_dkim_key, selector) == 0, "the title is the first member");
_Static_assert(offsetof(struct conf_domain, name) == 0, "the title is the first member");
_Static_assert(offsetof(struct conf_list, name) == 0, "the title is the first member");
_Static_assert(offsetof(struct conf_form_field, name) == 0, "the title is the first member");
_Static_assert(offsetof(struct conf_stream, name) == 0, "the title is the first member");
_Static_assert(offsetof(struct conf_provider, name) == 0, "the title is the first member");

static const struct conf_section domain_sections[] = {
        {.name = "dkim",
         .help = "A key that signs the domain's mail, by its selector.",
         OPTIONS(dkim_options),
         MANY(struct conf_domain, keys, key_count, selector)},
};

static const struct conf_section form_sections[] = {
        {.name = "field",
         .help = "A field of the form beside the address, in the order of the file.",
         OPTIONS(form_field_options),
         MANY(struct conf_form, fields, field_count, name)},
};

static const struct conf_section list_sections[] = {
        {.name = "track", .help = "What is measured.", OPTIONS(track_options), INSIDE(struct conf_list, track)},
        {.name = "unsubscribe",
         .help = "How readers leave.",
         OPTIONS(unsubscribe_options),
         INSIDE(struct conf_list, unsubscribe)},
        {.name = "form",
         .help = "How readers join, and what the list's pages look like.",
         OPTIONS(form_options),
         SECTIONS(form_sections),
         INSIDE(struct conf_list, form)},
};

static const struct conf_section top_sections[] = {
        {.name = "log", .help = "What is logged, and where.", OPTIONS(log_options), INSIDE(struct conf, log)},
        {.name = "store",
         .help = "Where addresses, sendings and events are kept.",
         OPTIONS(store_options),
         INSIDE(struct conf, store)},
        {.name = "milter", .help = "The mail filter.", OPTIONS(milter_options), INSIDE(struct conf, milter)},
        {.name = "policyd", .help = "The policy server.", OPTIONS(policyd_options), INSIDE(struct conf, policyd)},
        {.name = "bounced",
         .help = "The reader of bounces and complaints.",
         OPTIONS(bounced_options),
         INSIDE(struct conf, bounced)},
        {.name = "webd", .help = "The web server.", OPTIONS(webd_options), INSIDE(struct conf, webd)},
        {.name = "dkim_policy",
         .help = "How mail is signed, whatever the domain.",
         OPTIONS(dkim_policy_options),
         INSIDE(struct conf, dkim_policy)},
        {.name = "domain",
         .help = "A From domain whose mail is signed.",
         OPTIONS(domain_options),
         SECTIONS(domain_sections),
         MANY(struct conf, domains, domain_count, domain)},
        {.name = "list",
         .help = "A kind of mail with its own consent.",
         OPTIONS(list_options),
         SECTIONS(list_sections),
         MANY(struct conf, lists, list_count, name)},
        {.name = "stream",
         .help = "What a reputation sticks to, and so what is warmed up.",
         OPTIONS(stream_options),
         MANY(struct conf, streams, stream_count, name)},
        {.name = "provider",
         .help = "A mailbox provider: its own, or more about one that is built in.",
         OPTIONS(provider_options),
         MANY(struct conf, providers, provider_count, name)},
};

const struct conf_section conf_table = {
        .name = "", OPTIONS(top_options), SECTIONS(top_sections), .size = sizeof(struct conf)};

const struct conf_option *conf_table_option(const struct conf_section *section, struct span name) {
	size_t i;

	for (i = 0; i < section->option_count; i++)
		if (span_equal(span_of(section->options[i].name), name))
			return &section->options[i];
	return NULL;
}

const struct conf_section *conf_table_section(const struct conf_section *section, struct span name) {
	size_t i;

	for (i = 0; i < section->section_count; i++)
		if (span_equal(span_of(section->sections[i].name), name))
			return &section->sections[i];
	return NULL;
}

#define NAME_MAX_LEN 32

/* Levenshtein's distance, letters compared without their case; names longer
 * than any of ours are cut. */
static size_t distance(struct span a, struct span b) {
	size_t row[NAME_MAX_LEN + 1], i, j;

	a.len = a.len > NAME_MAX_LEN ? NAME_MAX_LEN : a.len;
	b.len = b.len > NAME_MAX_LEN ? NAME_MAX_LEN : b.len;
	for (j = 0; j <= b.len; j++)
		row[j] = j;
	for (i = 1; i <= a.len; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (j = 1; j <= b.len; j++) {
			size_t best = corner + (ascii_lower(a.at[i - 1]) != ascii_lower(b.at[j - 1]));

			corner = row[j];
			best = row[j] + 1 < best ? row[j] + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[b.len];
}

const char *conf_table_closest(const struct conf_section *section, struct span name) {
	size_t i, best = SIZE_MAX;
	const char *closest = NULL;

	for (i = 0; i < section->option_count + section->section_count; i++) {
		const char *other = i < section->option_count ? section->options[i].name
		                                              : section->sections[i - section->option_count].name;
		size_t away = distance(name, span_of(other));

		if (away < best) {
			best = away;
			closest = other;
		}
	}
	return closest;
}

void *conf_table_struct(const struct conf_section *section, const void *parent) {
	return (char *)parent + section->at;
}

/* Copied as bytes: the member is a pointer to the element's type, not to void. */
void *conf_table_array(const struct conf_section *section, const void *parent, size_t *count_r) {
	void *array;

	memcpy(&array, (const char *)parent + section->at, sizeof array);
	memcpy(count_r, (const char *)parent + section->count_at, sizeof *count_r);
	return array;
}

void conf_table_array_set(const struct conf_section *section, void *parent, void *array, size_t count) {
	memcpy((char *)parent + section->at, &array, sizeof array);
	memcpy((char *)parent + section->count_at, &count, sizeof count);
}
