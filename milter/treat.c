#include "milter/treat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "milter/headers.h"

#define URL_MAX 512
#define SIGNATURE_MAX 8192

struct treat {
	const struct world *world;
	const struct treat_plan *plan;
	struct message *m;
	struct treated *out;
	time_t now;
};

static int fail(struct treat *t, const char *reason) {
	t->out->verdict = TREAT_TEMPFAIL;
	snprintf(t->out->reason, sizeof t->out->reason, "%s", reason);
	return -1;
}

static void settle(struct treat_plan *plan, enum treat_verdict verdict, const char *reason) {
	plan->verdict = verdict;
	snprintf(plan->reason, sizeof plan->reason, "%s", reason);
}

/* The envelope sender is a return path of ours: the message has been through
 * here before, and every change to it now would break what was signed. */
static bool been_through(const struct world *world, const struct message *m) {
	const char *domain = world->conf->bounced.domain;
	struct token token;
	struct addr sender;
	struct buf bytes;
	bool ours;

	if (domain[0] == '\0' || addr_parse(m->sender, &sender) != 0 ||
	    !span_equal(addr_domain(&sender), span_of(domain)) || !span_starts_nocase(addr_local(&sender), SPAN("b+")))
		return false;
	buf_init(&bytes, TOKEN_BYTES_MAX);
	ours = token_decode_base32(world->ring, span_from(addr_local(&sender), 2), &bytes, &token) == TOKEN_OK &&
	       token.purpose == TOKEN_BOUNCE;
	buf_free(&bytes);
	return ours;
}

/* A signature by the From domain aligns (D5).  List mail from a domain that has
 * no keys here is signed by that of its envelope sender: one-click needs a valid
 * signature, and no other can be had. */
static int choose_keys(const struct world *world, const struct message *m, const struct treat_plan *plan,
                       const struct dkimset_key **keys, struct err *err) {
	struct addr sender;
	int count = 0;

	if (plan->has_from)
		count = dkimset_signers(world->keys, addr_domain(&plan->from), keys, err);
	if (count == 0 && plan->list != NULL && addr_parse(m->sender, &sender) == 0)
		count = dkimset_signers(world->keys, addr_domain(&sender), keys, err);
	return count;
}

/* Without a signature list mail has no one-click and waits (H2); other mail is
 * none of our business and goes as it is. */
static void plan_signers(const struct world *world, const struct message *m, struct treat_plan *plan) {
	const struct dkimset_key *keys[DKIMSET_SIGNERS_MAX];
	struct err err = {{0}};
	int count = choose_keys(world, m, plan, keys, &err), i;

	if (count == 0 && plan->list == NULL)
		err_set(&err, "no list, no key for its From domain");
	else if (count == 0)
		err_set(&err, "no domain section covers %s, nor the envelope sender; one-click needs a signature",
		        plan->has_from ? plan->from.text + plan->from.at + 1 : "the From field");
	if (count <= 0)
		settle(plan, plan->list == NULL ? TREAT_PASS : TREAT_TEMPFAIL, err.text);
	for (i = 0; i < count; i++)
		plan->signers[i] = (struct dkim_signer){keys[i]->key, keys[i]->domain, keys[i]->selector};
	plan->signer_count = count < 0 ? 0 : (size_t)count;
}

static void plan_unknown_list(struct message *m, struct treat_plan *plan) {
	struct span named = message_value(m, ROUTING_LIST_HEADER);
	struct err err;

	err_set(&err, "X-Todoku-List names \"%.*s\", which is no list section", named.len > 64 ? 64 : (int)named.len,
	        named.at);
	settle(plan, TREAT_TEMPFAIL, err.text);
}

void treat_plan(const struct world *world, const struct origin *origin, struct message *m, struct treat_plan *plan_r) {
	*plan_r = (struct treat_plan){.verdict = TREAT_CHANGED};
	if (!origin->trusted) {
		settle(plan_r, TREAT_PASS, "not from a trusted client");
		return;
	}
	if (been_through(world, m)) {
		settle(plan_r, TREAT_PASS, "has been through before");
		return;
	}
	plan_r->has_from = addr_parse_header(message_value(m, "From"), &plan_r->from) == 0;
	switch (routing_list(world->conf, origin, m, plan_r->has_from ? &plan_r->from : NULL, &plan_r->list)) {
	case ROUTING_UNKNOWN:
		plan_unknown_list(m, plan_r);
		return;
	case ROUTING_NONE:
		plan_r->list = NULL;
		break;
	case ROUTING_LIST:
		break;
	}
	plan_signers(world, m, plan_r);
}

static bool is_shared(const struct message *m) {
	size_t i;

	for (i = 1; i < m->recipient_count; i++)
		if (!span_equal(message_recipient_text(&m->recipients[i]), message_recipient_text(&m->recipients[0])))
			return true;
	return false;
}

/* What the tokens of this message have in common. */
static struct token base_token(const struct treat *t) {
	struct token token = {
	        .shared = t->out->shared,
	        .time = (uint32_t)t->now,
	        .list = token_list_id(t->world->ring, span_of(t->out->list->name)),
	        .campaign = t->out->campaign.id,
	};

	if (!token.shared)
		token.address_key = token_address_key(t->world->ring, message_recipient_text(&t->m->recipients[0]));
	return token;
}

static struct span make_token(struct treat *t, struct token token, enum token_purpose purpose, const char *before,
                              const char *after, bool base32) {
	struct buf out;
	struct span kept;

	token.purpose = purpose;
	buf_init(&out, URL_MAX);
	buf_add_text(&out, before);
	if ((base32 ? token_encode_base32 : token_encode)(t->world->ring, &token, &out) != 0)
		t->m->failed = true;
	buf_add_text(&out, after);
	t->m->failed |= out.failed;
	kept = message_keep(t->m, buf_span(&out));
	buf_free(&out);
	return kept;
}

static struct span in_bounce_domain(struct treat *t, struct token token, enum token_purpose purpose,
                                    const char *mailbox) {
	char after[300];

	snprintf(after, sizeof after, "@%s", t->world->conf->bounced.domain);
	return make_token(t, token, purpose, mailbox, after, purpose == TOKEN_BOUNCE);
}

/* Header fields, body and return path of list mail. */
static int treat_list(struct treat *t) {
	const struct conf *conf = t->world->conf;
	const struct conf_list *list = t->out->list;
	bool has_domain = conf->bounced.domain[0] != '\0';
	struct token token = base_token(t);
	char before[URL_MAX];
	struct headers_rules headers = {
	        .list = list,
	        .hostname = span_of(t->world->hostname),
	        .from_domain = t->plan->has_from ? addr_domain(&t->plan->from) : SPAN_NONE,
	        .campaign = t->out->campaign.id,
	};
	struct rewrite_rules body = {
	        .ring = t->world->ring,
	        .maps = t->world->maps,
	        .parts = t->world->parts,
	        .list = list,
	        .base_url = conf->webd.base_url,
	        .from_domain = headers.from_domain,
	        .token = token,
	};
	struct err err;

	snprintf(before, sizeof before, "%s/u/", conf->webd.base_url);
	headers.unsubscribe_url = make_token(t, token, TOKEN_UNSUBSCRIBE, before, "", false);
	/* A shared link can ask for the address; a mail can't. */
	if (list->unsubscribe.mailto && has_domain && !t->out->shared)
		headers.unsubscribe_mailto = in_bounce_domain(t, token, TOKEN_UNSUBSCRIBE, "unsubscribe+");
	headers_apply(t->m, &headers, &body.unsubscribe_uri);
	body.unsubscribe_url = headers.unsubscribe_url;
	if (rewrite_body(t->m, &body, &t->out->body, &err) != 0)
		return fail(t, err.text);
	if (has_domain && t->m->sender.len > 0)
		t->out->sender = in_bounce_domain(t, token, TOKEN_BOUNCE, "b+");
	return 0;
}

/* The fields and the body as they will leave, for the signatures. */
static int outgoing(struct message *m, struct dkim_message *message_r, size_t spare) {
	struct dkim_field *fields = calloc(m->field_count + spare + 1, sizeof *fields);
	struct span *body = calloc(m->piece_count + 1, sizeof *body);
	size_t count = spare, i;

	if (fields == NULL || body == NULL) {
		free(fields);
		free(body);
		return -1;
	}
	for (i = 0; i < m->field_count; i++)
		if (m->fields[i].fate != FIELD_DROPPED)
			fields[count++] = (struct dkim_field){m->fields[i].name, m->fields[i].value};
	for (i = 0; i < m->piece_count; i++)
		body[i] = message_piece(m, i);
	if (!m->body_changed)
		body[0] = message_body(m);
	*message_r = (struct dkim_message){fields, count, body, m->body_changed ? m->piece_count : 1};
	return 0;
}

/* Is this message among those that are verified? */
static bool is_sampled(const struct treat *t, const unsigned char hash[32]) {
	uint32_t dice = (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];

	return dice < t->world->conf->milter.self_verify * 4294967296.0;
}

static int make_signatures(struct treat *t, const struct dkim_message *unsigned_message, const unsigned char hash[32],
                           struct err *err) {
	struct dkim_message message = *unsigned_message;
	struct buf value;
	size_t i;

	message.fields += t->plan->signer_count;
	message.field_count -= t->plan->signer_count;
	buf_init(&value, SIGNATURE_MAX);
	for (i = 0; i < t->plan->signer_count; i++) {
		buf_reset(&value);
		if (dkim_sign_message(&message, hash, &t->plan->signers[i], t->now, t->world->conf->dkim_policy.expire,
		                      &value, err) != 0)
			break;
		t->out->signatures[i] = message_keep(t->m, buf_span(&value));
	}
	buf_free(&value);
	t->out->signature_count = i;
	return i == t->plan->signer_count && !t->m->failed ? 0 : -1;
}

static int sign(struct treat *t) {
	size_t spare = t->plan->signer_count, i;
	uint64_t started = processor_time(), signed_at;
	struct dkim_message message;
	struct dkim_field *fields;
	unsigned char hash[32];
	struct err err = {"out of memory"};
	int status;

	if (outgoing(t->m, &message, spare) != 0)
		return fail(t, err.text);
	status = dkim_body_hash(&message, hash) == 0 ? make_signatures(t, &message, hash, &err) : -1;
	signed_at = processor_time();
	t->out->cost.sign = signed_at - started;
	if (status == 0 && is_sampled(t, hash)) {
		fields = (struct dkim_field *)(uintptr_t)message.fields;
		for (i = 0; i < spare; i++)
			fields[i] = (struct dkim_field){SPAN("DKIM-Signature"), t->out->signatures[i]};
		status = dkim_verify_message(t->world->verifier, &message, t->plan->signers, spare, &err);
		t->out->cost.verify = processor_time() - signed_at;
	}
	free((void *)(uintptr_t)message.fields);
	free((void *)(uintptr_t)message.body);
	return status == 0 ? 0 : fail(t, err.text);
}

/* What tells two submissions apart, and is the same when one is tried again:
 * the Message-ID and, since applications repeat those, the topmost Received
 * that was there already (in the split wiring it holds the first queue id). */
static uint64_t message_identity(struct treat *t) {
	struct span parts[2] = {message_value(t->m, "Message-ID"), message_value(t->m, "Received")};

	return keyring_hash(t->world->ring, "message", parts, 2);
}

static int record_sends(struct treat *t, struct span queue_id) {
	struct treated *out = t->out;
	struct store_send send = {
	        .campaign = out->campaign.id,
	        .message = message_identity(t),
	        .time = t->now,
	        .list = span_of(out->list->name),
	        .campaign_name = out->campaign.name,
	        .stream = span_of(out->list->stream),
	        .queue_id = message_keep(t->m, queue_id),
	        .message_id = message_value(t->m, "Message-ID"),
	        .links = (uint16_t)out->body.links,
	        .flags = (uint8_t)((out->shared ? STORE_SEND_SHARED : 0) | (out->body.pixel ? STORE_SEND_PIXEL : 0) |
	                           (out->body.footer ? STORE_SEND_FOOTER : 0) |
	                           (t->m->body_changed ? STORE_SEND_BODY : 0)),
	};
	size_t i;

	out->sends = calloc(t->m->recipient_count + 1, sizeof *out->sends);
	if (out->sends == NULL)
		return fail(t, "out of memory");
	for (i = 0; i < t->m->recipient_count; i++) {
		send.address = message_recipient_text(&t->m->recipients[i]);
		send.address_key = token_address_key(t->world->ring, send.address);
		out->sends[out->send_count++] = send;
	}
	return 0;
}

void treat_message(const struct world *world, const struct treat_plan *plan, struct message *m, struct span queue_id,
                   time_t now, struct treated *treated_r) {
	struct treat t = {.world = world, .plan = plan, .m = m, .out = treated_r, .now = now};
	uint64_t started = processor_time();

	*treated_r = (struct treated){.verdict = plan->verdict, .list = plan->list};
	snprintf(treated_r->reason, sizeof treated_r->reason, "%s", plan->reason);
	if (plan->list != NULL) {
		treated_r->campaign = routing_campaign(world->conf, world->ring, world->zone, plan->list, m, now);
		treated_r->shadow = plan->list->shadow;
		treated_r->shared = is_shared(m);
	}
	headers_drop_control(m);
	if (plan->verdict != TREAT_CHANGED || (plan->list != NULL && treat_list(&t) != 0))
		return;
	headers_mend_blanks(m);
	treated_r->cost.rewrite = processor_time() - started;
	if (sign(&t) != 0)
		return;
	if (plan->list != NULL && !treated_r->shadow && record_sends(&t, queue_id) != 0)
		return;
	if (m->failed)
		fail(&t, "out of memory");
}
