#include "milter/routing.h"

#include <string.h>

#include "lib/cursor.h"
#include "lib/list_match.h"

#define ORIGIN_MAX 1024
#define CAMPAIGN_NAME_MAX 255

struct origin origin_of(const struct conf *conf, struct span client, struct span login) {
	return (struct origin){.trusted = list_trusts(conf, client, login), .client = client, .login = login};
}

/* Layout, in base64url: key id (1), time (4), trusted (1), length of the client
 * (1), client, login, tag (16). */
int origin_write(const struct keyring *ring, const struct origin *origin, time_t now, struct buf *out) {
	unsigned char head[7], tag[KEYRING_TAG_SIZE];
	struct span parts[3], client = origin->client;
	struct buf bytes;
	size_t i;
	int status = -1;

	if (client.len > 255)
		client.len = 255;
	head[0] = keyring_signer(ring);
	for (i = 0; i < 4; i++)
		head[1 + i] = (unsigned char)((uint32_t)now >> (24 - 8 * i));
	head[5] = origin->trusted;
	head[6] = (unsigned char)client.len;
	parts[0] = span_make((const char *)head, sizeof head);
	parts[1] = client;
	parts[2] = origin->login;
	if (keyring_tag(ring, TOKEN_ORIGIN, head[0], parts, 3, tag) != 0)
		return -1;
	buf_init(&bytes, ORIGIN_MAX);
	for (i = 0; i < 3; i++)
		buf_add_span(&bytes, parts[i]);
	buf_add(&bytes, tag, sizeof tag);
	if (!bytes.failed) {
		base64url_encode(out, bytes.at, bytes.len);
		status = out->failed ? -1 : 0;
	}
	buf_free(&bytes);
	return status;
}

static int read_one(const struct keyring *ring, struct message *m, struct span text, struct origin *origin_r) {
	unsigned char tag[KEYRING_TAG_SIZE], differs = 0;
	struct span body, given;
	struct cursor c;
	struct buf bytes;
	int status = -1;
	size_t i;

	buf_init(&bytes, ORIGIN_MAX);
	if (base64url_decode(&bytes, text) != 0 || bytes.len < 7 + sizeof tag)
		goto out;
	body = span_make(bytes.at, bytes.len - sizeof tag);
	given = span_from(buf_span(&bytes), body.len);
	if (keyring_tag(ring, TOKEN_ORIGIN, (uint8_t)body.at[0], &body, 1, tag) != 0)
		goto out;
	for (i = 0; i < sizeof tag; i++)
		differs |= (unsigned char)(tag[i] ^ (unsigned char)given.at[i]);
	if (differs != 0)
		goto out;
	c = cursor_make(span_from(body, 5));
	origin_r->trusted = cursor_u8(&c) != 0;
	origin_r->client = message_keep(m, cursor_take(&c, cursor_u8(&c)));
	origin_r->login = message_keep(m, cursor_take(&c, cursor_left(&c)));
	status = c.failed || m->failed ? -1 : 0;
out:
	buf_free(&bytes);
	return status;
}

int origin_read(const struct keyring *ring, struct message *m, struct origin *origin_r) {
	struct field *field = message_find(m, ROUTING_ORIGIN_HEADER, 0);

	/* A forged one may stand beside the real one: any that verifies is ours. */
	while (field != NULL) {
		if (read_one(ring, m, span_trim(field->value), origin_r) == 0)
			return 0;
		field = message_find(m, ROUTING_ORIGIN_HEADER, (size_t)(field - m->fields) + 1);
	}
	return -1;
}

enum routing routing_list(const struct conf *conf, const struct origin *origin, struct message *m,
                          const struct addr *from, const struct conf_list **list_r) {
	struct list_traits traits = {.login = origin->login, .from = from, .client = origin->client};
	struct span named = message_value(m, ROUTING_LIST_HEADER);
	struct addr sender;

	if (!origin->trusted)
		return ROUTING_NONE;
	if (span_equal(named, SPAN("-")))
		return ROUTING_NONE;
	if (named.len > 0) {
		*list_r = conf_find_list(conf, named);
		return *list_r == NULL ? ROUTING_UNKNOWN : ROUTING_LIST;
	}
	if (addr_parse(m->sender, &sender) == 0)
		traits.sender = &sender;
	*list_r = list_match(conf, &traits);
	return *list_r == NULL ? ROUTING_NONE : ROUTING_LIST;
}

/* By the first of the configured headers that is there; its value cut to a
 * length that a report can show. */
static struct span named_campaign(const struct conf *conf, struct message *m) {
	struct span value = SPAN_NONE;
	size_t i;

	for (i = 0; i < conf->campaign_headers.len && value.len == 0; i++)
		value = message_value(m, conf->campaign_headers.at[i]);
	if (value.len > CAMPAIGN_NAME_MAX)
		value.len = CAMPAIGN_NAME_MAX;
	return value;
}

struct campaign routing_campaign(const struct conf *conf, const struct keyring *ring, const struct zone *zone,
                                 const struct conf_list *list, struct message *m, time_t now) {
	struct span parts[3] = {span_of(list->name), SPAN("name"), named_campaign(conf, m)};
	char day[DAY_SIZE];
	struct buf name;
	struct span kept;

	if (parts[2].len > 0)
		return (struct campaign){keyring_hash(ring, "campaign", parts, 3), parts[2]};
	zone_day(zone, now, day);
	buf_init(&name, CAMPAIGN_NAME_MAX);
	buf_add_text(&name, day);
	if (conf->campaign_by == CONF_CAMPAIGN_BY_SUBJECT) {
		struct span subject = message_value(m, "Subject");

		if (subject.len > CAMPAIGN_NAME_MAX - DAY_SIZE - 1)
			subject.len = CAMPAIGN_NAME_MAX - DAY_SIZE - 1;
		buf_add_byte(&name, ' ');
		buf_add_span(&name, subject);
	}
	m->failed |= name.failed;
	kept = message_keep(m, buf_span(&name));
	buf_free(&name);
	parts[1] = SPAN("day");
	parts[2] = kept;
	return (struct campaign){keyring_hash(ring, "campaign", parts, 3), kept};
}

bool routing_is_control(struct span field_name) {
	return span_starts_nocase(field_name, SPAN("X-Todoku-"));
}
