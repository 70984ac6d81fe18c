#include "milter/headers.h"

#include <string.h>

#include "milter/dkim.h"
#include "milter/routing.h"

#define LIST_ID_MAX 255  /* RFC 2919 3 */
#define SENDER_ID_MAX 15 /* Feedback-ID's SenderId: 5 to 15 characters */
#define SENDER_ID_MIN 5
#define VALUE_MAX 8192

static const char unsubscribe_name[] = "List-Unsubscribe";
static const char post_name[] = "List-Unsubscribe-Post";
static const struct span post_value = {"List-Unsubscribe=One-Click", 26};

/* Nothing that could end a field or a URI early (H7). */
static bool is_clean_uri(struct span uri) {
	size_t i;

	for (i = 0; i < uri.len; i++)
		if ((unsigned char)uri.at[i] <= ' ' || (unsigned char)uri.at[i] >= 0x7f || uri.at[i] == '<')
			return false;
	return uri.len > 0;
}

void headers_read_unsubscribe(struct span value, struct headers_unsubscribe *said_r) {
	ssize_t open, shut;

	*said_r = (struct headers_unsubscribe){0};
	while ((open = span_find_byte(value, '<')) >= 0) {
		struct span uri;

		value = span_from(value, (size_t)open + 1);
		shut = span_find_byte(value, '>');
		if (shut < 0)
			return;
		uri = span_make(value.at, (size_t)shut);
		value = span_from(value, (size_t)shut + 1);
		if (!is_clean_uri(uri))
			continue;
		if (span_starts_nocase(uri, SPAN("https://")) && said_r->https_count++ == 0)
			said_r->https = uri;
		else if (span_starts_nocase(uri, SPAN("mailto:")) && said_r->mailto_count++ == 0)
			said_r->mailto = uri;
	}
}

/* Drops the fields of that name behind the one at `keep`. */
static void drop_others(struct message *m, const char *name, const struct field *keep) {
	size_t kept = (size_t)(keep - m->fields), i;

	for (i = 0; i < m->field_count; i++)
		if (i != kept && span_equal_nocase(m->fields[i].name, span_of(name)))
			m->fields[i].fate = FIELD_DROPPED;
}

/* Keeps the application's field, once; false where there is none to keep. */
static bool keep_field(struct message *m, const struct conf_list *list, const char *name, size_t max) {
	struct field *field = message_find(m, name, 0);
	size_t len = field == NULL ? 0 : span_trim(field->value).len;

	if (list->headers == CONF_HEADERS_REPLACE || len == 0 || len > max) {
		message_drop(m, name);
		return false;
	}
	drop_others(m, name, field);
	return true;
}

/* The application's own one-click unsubscription, complete and alone (H6). */
static bool keep_unsubscribe(struct message *m, struct headers_unsubscribe *said_r) {
	struct field *field = message_find(m, unsubscribe_name, 0);
	struct field *post = message_find(m, post_name, 0);

	headers_read_unsubscribe(message_value(m, unsubscribe_name), said_r);
	if (said_r->https_count != 1 || said_r->mailto_count > 1 || post == NULL ||
	    !span_equal_nocase(message_value(m, post_name), post_value))
		return false;
	drop_others(m, unsubscribe_name, field);
	drop_others(m, post_name, post);
	return true;
}

static struct span put_unsubscribe(struct message *m, const struct headers_rules *rules, struct span mailto) {
	struct span uri = message_keep(m, rules->unsubscribe_url);
	struct buf value;

	message_drop(m, unsubscribe_name);
	message_drop(m, post_name);
	buf_init(&value, VALUE_MAX);
	buf_printf(&value, "<%.*s>", SPAN_ARG(uri));
	if (mailto.len > 0)
		buf_printf(&value, ",\n\t<%.*s>", SPAN_ARG(mailto));
	else if (rules->unsubscribe_mailto.len > 0)
		buf_printf(&value, ",\n\t<mailto:%.*s>", SPAN_ARG(rules->unsubscribe_mailto));
	m->failed |= value.failed;
	message_put(m, unsubscribe_name, buf_span(&value));
	message_put(m, post_name, post_value);
	buf_free(&value);
	return uri;
}

static void put_list_id(struct message *m, const struct headers_rules *rules) {
	const struct conf_list *list = rules->list;
	struct buf value;

	buf_init(&value, LIST_ID_MAX + 2);
	if (list->list_id[0] != '\0')
		buf_printf(&value, "<%s>", list->list_id);
	else
		buf_printf(&value, "<%s.%.*s>", list->name, SPAN_ARG(rules->hostname));
	m->failed |= value.failed;
	message_put(m, "List-Id", buf_span(&value));
	buf_free(&value);
}

/* SenderId as configured, or the From domain's letters and digits. */
static void add_sender_id(struct buf *value, const struct headers_rules *rules) {
	size_t start = value->len, i;

	if (rules->list->feedback_sender[0] != '\0') {
		buf_add_text(value, rules->list->feedback_sender);
		return;
	}
	for (i = 0; i < rules->from_domain.len && value->len - start < SENDER_ID_MAX; i++)
		if (ascii_is_alnum(rules->from_domain.at[i]))
			buf_add_byte(value, rules->from_domain.at[i]);
	while (value->len - start < SENDER_ID_MIN)
		buf_add_byte(value, '0');
}

static void put_feedback_id(struct message *m, const struct headers_rules *rules) {
	char campaign[HEX64_SIZE];
	struct buf value;

	hex64_format(campaign, rules->campaign);
	buf_init(&value, VALUE_MAX);
	buf_printf(&value, "%s:%s:%s:", campaign, rules->list->name, rules->list->stream);
	add_sender_id(&value, rules);
	m->failed |= value.failed;
	message_put(m, "Feedback-ID", buf_span(&value));
	buf_free(&value);
}

static void put_cfbl_address(struct message *m, const struct conf_list *list) {
	struct buf value;

	buf_init(&value, VALUE_MAX);
	buf_printf(&value, "%s; report=arf", list->cfbl_address);
	m->failed |= value.failed;
	message_put(m, "CFBL-Address", buf_span(&value));
	buf_free(&value);
}

void headers_apply(struct message *m, const struct headers_rules *rules, struct span *unsubscribe_uri_r) {
	const struct conf_list *list = rules->list;
	struct headers_unsubscribe said;

	if (list->headers == CONF_HEADERS_KEEP && keep_unsubscribe(m, &said))
		*unsubscribe_uri_r = message_keep(m, said.https);
	else
		*unsubscribe_uri_r =
		        put_unsubscribe(m, rules, list->headers == CONF_HEADERS_KEEP ? said.mailto : SPAN_NONE);
	if (!keep_field(m, list, "List-Id", LIST_ID_MAX))
		put_list_id(m, rules);
	if (!keep_field(m, list, "Feedback-ID", VALUE_MAX))
		put_feedback_id(m, rules);
	if (list->cfbl_address[0] != '\0' && !keep_field(m, list, "CFBL-Address", VALUE_MAX))
		put_cfbl_address(m, list);
}

void headers_mend_blanks(struct message *m) {
	size_t i, j;

	for (i = 0; i < m->field_count; i++) {
		struct field *field = &m->fields[i];
		struct span value = field->value;
		char *mended;

		if (field->fate == FIELD_DROPPED || !dkim_signs(field->name) ||
		    (span_find_byte(value, '\v') < 0 && span_find_byte(value, '\f') < 0))
			continue;
		value = message_keep(m, value);
		mended = (char *)(uintptr_t)value.at;
		for (j = 0; j < value.len; j++)
			if (mended[j] == '\v' || mended[j] == '\f')
				mended[j] = ' ';
		field->value = value;
		if (field->fate == FIELD_KEPT)
			field->fate = FIELD_CHANGED;
	}
}

void headers_drop_control(struct message *m) {
	size_t i;

	for (i = 0; i < m->field_count; i++)
		if (routing_is_control(m->fields[i].name))
			m->fields[i].fate = FIELD_DROPPED;
}
