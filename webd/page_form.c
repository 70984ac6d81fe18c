/* The page behind /f/LIST: readers register, and are asked to confirm it by mail. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/utf8.h"
#include "webd/form_body.h"
#include "webd/guard.h"
#include "webd/pages_private.h"

#define CONSENT_MAX 4096
#define NAMES_MAX 256 /* octets of what a field needs in words: ids, its maximum */

enum fault { FAULT_NONE, FAULT_MISSING, FAULT_WRONG, FAULT_TOO_LONG };

/* What one field of the form was given. */
struct entry {
	const struct conf_form_field *field;
	struct buf value; /* cleaned */
	enum fault fault;
	char id[NAMES_MAX], described_by[2 * NAMES_MAX + 16], max[24];
};

/* A form as it was sent, and what is wrong with it. */
struct entries {
	const struct webd_world *world;
	const struct conf_list *list;
	struct span address; /* as it was typed */
	struct addr addr;
	enum fault address_fault;
	struct entry *fields; /* of list->form */
	bool consented, consent_missing;
	bool stale, too_much;
	struct buf consent; /* its words */
	struct buf proof;
};

static void entries_free(struct entries *e) {
	size_t i;

	for (i = 0; e->fields != NULL && i < e->list->form.field_count; i++)
		buf_free(&e->fields[i].value);
	free(e->fields);
	buf_free(&e->consent);
	buf_free(&e->proof);
}

static int entries_init(const struct webd_world *world, const struct conf_list *list, struct entries *e) {
	size_t i;

	*e = (struct entries){.world = world, .list = list};
	buf_init(&e->consent, CONSENT_MAX);
	buf_init(&e->proof, CONFIRM_PROOF_MAX);
	e->fields = calloc(list->form.field_count + 1, sizeof *e->fields);
	if (e->fields == NULL)
		return -1;
	for (i = 0; i < list->form.field_count; i++) {
		struct entry *entry = &e->fields[i];

		entry->field = &list->form.fields[i];
		buf_init(&entry->value, HTTP_BODY_MAX);
		snprintf(entry->id, sizeof entry->id, "f-%s", entry->field->name);
		snprintf(entry->max, sizeof entry->max, "%ld", entry->field->max);
	}
	pages_consent(world, list, &e->consent);
	return e->consent.failed ? -1 : 0;
}

/* Without what can't be shown: one line is one line, line ends are LF, and what is
 * no UTF-8 is a mark (H7).  The number of characters is returned. */
static size_t clean(struct span typed, bool lines, struct buf *out) {
	size_t characters = 0;

	typed = span_trim(typed);
	while (typed.len > 0) {
		size_t size = utf8_size(typed);

		if (size == 0)
			buf_add_text(out, "\xef\xbf\xbd");
		else if (!utf8_is_control(typed))
			buf_add(out, typed.at, size);
		else if (lines && typed.at[0] == '\n')
			buf_add_byte(out, '\n');
		else if (typed.at[0] != '\r')
			buf_add_byte(out, ' ');
		characters += size == 0 || typed.at[0] != '\r';
		typed = span_from(typed, size == 0 ? 1 : size);
	}
	return characters;
}

static void read_field(const struct form_body *form, struct entry *entry) {
	const struct conf_form_field *field = entry->field;
	char name[NAMES_MAX];
	size_t characters, i;
	bool offered = false;

	snprintf(name, sizeof name, "f-%s", field->name);
	characters = clean(form_body_value(form, name), field->kind == CONF_FIELD_KIND_TEXTAREA, &entry->value);
	for (i = 0; i < field->options.len; i++)
		offered |= span_equal(buf_span(&entry->value), span_of(field->options.at[i]));
	if (entry->value.len == 0)
		entry->fault = field->required ? FAULT_MISSING : FAULT_NONE;
	else if (field->kind == CONF_FIELD_KIND_CHOICE)
		entry->fault = offered ? FAULT_NONE : FAULT_MISSING;
	else if (characters > (size_t)field->max || entry->value.failed)
		entry->fault = FAULT_TOO_LONG;
}

/* One line a field; the lines of a text are indented behind the first. */
static void add_line(struct buf *proof, const char *name, struct span value) {
	size_t i;

	if (value.len == 0)
		return;
	buf_printf(proof, "\n%s: ", name);
	for (i = 0; i < value.len; i++) {
		buf_add_byte(proof, value.at[i]);
		if (value.at[i] == '\n')
			buf_add_byte(proof, '\t');
	}
}

static bool read_entries(const struct http_request *request, const struct form_body *form, struct entries *e) {
	bool good = true;
	size_t i;

	e->address = span_trim(form_body_value(form, "address"));
	if (e->address.len == 0)
		e->address_fault = FAULT_MISSING;
	else if (pages_address(e->address, &e->addr) != 0)
		e->address_fault = FAULT_WRONG;
	buf_add_span(&e->proof, buf_span(&e->consent));
	for (i = 0; i < e->list->form.field_count; i++) {
		read_field(form, &e->fields[i]);
		add_line(&e->proof, e->fields[i].field->name, buf_span(&e->fields[i].value));
		good &= e->fields[i].fault == FAULT_NONE;
	}
	e->consented = span_equal(form_body_value(form, "consent"), SPAN("yes"));
	e->consent_missing = e->list->form.consent[0] != '\0' && !e->consented;
	e->stale = !guard_token_holds(e->world, request->path, (time_t)(request->now_ms / 1000),
	                              form_body_value(form, "token"));
	e->too_much = e->proof.failed;
	return good && e->address_fault == FAULT_NONE && !e->consent_missing && !e->stale && !e->too_much;
}

static const char *autocomplete(const struct conf_form_field *field) {
	return field->kind == CONF_FIELD_KIND_NAME      ? "name"
	       : field->kind == CONF_FIELD_KIND_COMPANY ? "organization"
	                                                : "off";
}

static void fill_options(const struct entry *entry, struct template_value *options) {
	size_t i;

	for (i = 0; i < entry->field->options.len; i++) {
		struct template_value *row = options + i * IN_OPTION_VALUES;
		struct span text = span_of(entry->field->options.at[i]);

		row[IN_OPTION_TEXT].text = text;
		row[IN_OPTION_CHOSEN] = PAGE_FLAG(span_equal(text, buf_span(&entry->value)));
	}
}

static void fill_field(struct entry *entry, struct template_value *row, const struct template_value *options) {
	const struct conf_form_field *field = entry->field;
	bool hint = field->hint[0] != '\0', fault = entry->fault != FAULT_NONE;
	bool choice = field->kind == CONF_FIELD_KIND_CHOICE, lines = field->kind == CONF_FIELD_KIND_TEXTAREA;

	snprintf(entry->described_by, sizeof entry->described_by, "%s%s%s%s%s", hint ? entry->id : "",
	         hint ? "-hint" : "", hint && fault ? " " : "", fault ? entry->id : "", fault ? "-error" : "");
	row[IN_FIELD_ID].text = span_of(entry->id);
	row[IN_FIELD_NAME].text = span_of(entry->id);
	row[IN_FIELD_LABEL].text = span_of(field->label[0] != '\0' ? field->label : field->name);
	row[IN_FIELD_HINT].text = span_of(field->hint);
	row[IN_FIELD_VALUE].text = buf_span(&entry->value);
	row[IN_FIELD_MAX].text = span_of(entry->max);
	row[IN_FIELD_REQUIRED] = PAGE_FLAG(field->required);
	row[IN_FIELD_LINE] = PAGE_FLAG(!choice && !lines);
	row[IN_FIELD_LINES] = PAGE_FLAG(lines);
	row[IN_FIELD_CHOICE] = PAGE_FLAG(choice);
	row[IN_FIELD_AUTOCOMPLETE].text = span_of(autocomplete(field));
	row[IN_FIELD_DESCRIBED_BY].text = span_of(entry->described_by);
	row[IN_FIELD_ERROR] = PAGE_FLAG(fault);
	row[IN_FIELD_MISSING] = PAGE_FLAG(entry->fault == FAULT_MISSING);
	row[IN_FIELD_TOO_LONG] = PAGE_FLAG(entry->fault == FAULT_TOO_LONG);
	row[IN_FIELD_OPTIONS] = (struct template_value){.rows = options, .row_count = field->options.len};
}

/* The rows of all fields, and of all their options behind them; NULL when out of
 * memory. */
static struct template_value *make_rows(struct entries *e) {
	size_t count = e->list->form.field_count, total = count * IN_FIELD_VALUES, i;
	struct template_value *rows, *options;

	for (i = 0; i < count; i++)
		total += e->fields[i].field->options.len * IN_OPTION_VALUES;
	rows = calloc(total + 1, sizeof *rows);
	if (rows == NULL)
		return NULL;
	options = rows + count * IN_FIELD_VALUES;
	for (i = 0; i < count; i++) {
		fill_options(&e->fields[i], options);
		fill_field(&e->fields[i], rows + i * IN_FIELD_VALUES, options);
		options += e->fields[i].field->options.len * IN_OPTION_VALUES;
	}
	return rows;
}

static void show(const struct http_request *request, struct entries *e, bool again, struct http_answer *answer) {
	const struct conf_form *form = &e->list->form;
	struct template_value *rows = make_rows(e);
	char token[GUARD_TOKEN_SIZE];
	struct template_value values[IN_FORM_VALUES] = {
	        [IN_FORM_INTRO] = {.text = span_of(form->intro)},
	        [IN_FORM_ERROR] = PAGE_FLAG(again),
	        [IN_FORM_STALE] = PAGE_FLAG(e->stale),
	        [IN_FORM_TOO_MUCH] = PAGE_FLAG(e->too_much),
	        [IN_FORM_ADDRESS] = {.text = e->address},
	        [IN_FORM_ADDRESS_ERROR] = PAGE_FLAG(e->address_fault != FAULT_NONE),
	        [IN_FORM_ADDRESS_MISSING] = PAGE_FLAG(e->address_fault == FAULT_MISSING),
	        [IN_FORM_ADDRESS_WRONG] = PAGE_FLAG(e->address_fault == FAULT_WRONG),
	        [IN_FORM_FIELDS] = {.rows = rows, .row_count = form->field_count},
	        [IN_FORM_CONSENT] = {.text = buf_span(&e->consent)},
	        [IN_FORM_CONSENT_BOX] = PAGE_FLAG(form->consent[0] != '\0'),
	        [IN_FORM_CONSENTED] = PAGE_FLAG(e->consented),
	        [IN_FORM_CONSENT_MISSING] = PAGE_FLAG(e->consent_missing),
	        [IN_FORM_PRIVACY_URL] = {.text = span_of(form->privacy_url)},
	};

	if (rows == NULL || guard_token(e->world, request->path, (time_t)(request->now_ms / 1000), token) != 0) {
		free(rows);
		pages_show_later(e->world, e->list, answer);
		return;
	}
	values[IN_FORM_TOKEN].text = span_of(token);
	pages_show(e->world, e->list, PAGE_FORM, again ? 422 : 200, values, answer);
	free(rows);
}

static void post(struct app *app, const struct http_request *request, struct entries *e, struct http_answer *answer) {
	struct confirm confirm = {
	        .kind = CONFIRM_JOIN, .time = (time_t)(request->now_ms / 1000), .who = request->client};
	struct form_body form;

	if (!guard_same_site(e->world, request)) {
		pages_show_refused(e->world, e->list, 403, answer);
		return;
	}
	if (form_body_parse(http_field_value(request, "Content-Type"), request->body, &form) != 0) {
		pages_show_refused(e->world, e->list, 400, answer);
	} else if (!read_entries(request, &form, e)) {
		show(request, e, true, answer);
	} else {
		confirm.address = addr_span(&e->addr);
		confirm.proof = buf_span(&e->proof);
		/* Nobody sees this field: what fills it in is a program. */
		if (form_body_value(&form, "website").len > 0) {
			log_line(CONF_LOG_INFO, "form_trapped", "list", e->list->name, NULL);
			pages_show_confirm(e->world, e->list, PAGE_SENT, 200, &confirm, answer);
		} else {
			pages_ask(app, e->world, request, e->list, &confirm, answer);
		}
	}
	form_body_free(&form);
}

void page_form(struct app *app, const struct webd_world *world, const struct http_request *request,
               struct http_answer *answer) {
	const struct conf_list *list = conf_find_list(world->conf, request->rest);
	struct entries entries;

	/* One spelling: another would be another form to its token. */
	if (list == NULL || !list->form.published || !span_equal(span_of(list->name), request->rest)) {
		pages_not_found(world, request, answer);
		return;
	}
	if (request->method == HTTP_OTHER) {
		http_answer_not_allowed(answer, "GET, HEAD, POST");
		return;
	}
	if (entries_init(world, list, &entries) != 0)
		pages_show_later(world, list, answer);
	else if (request->method == HTTP_POST)
		post(app, request, &entries, answer);
	else
		show(request, &entries, false, answer);
	entries_free(&entries);
}
