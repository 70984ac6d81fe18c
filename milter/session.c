#include "milter/session.h"

#include <arpa/inet.h>
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "milter/apply.h"
#include "milter/headers.h"
#include "milter/policy.h"
#include "milter/standing.h"
#include "milter/trace.h"
#include "milter/treat.h"

#define MEMORY_FACTOR 4 /* a body decoded, masked, and written anew */
#define LOGIN_SIZE 512

/* libmilter hands its callbacks nothing of ours before the first of them, so
 * the one milter of the process is found here. */
static struct milter *the_milter;

struct session {
	struct snapshot *snapshot; /* in force for the message at hand */
	char client[INET6_ADDRSTRLEN];
	char login[LOGIN_SIZE];
	char queue_id[64];
	bool front;  /* hands over to the splitter */
	bool open;   /* a message is at hand */
	bool wanted; /* its body matters */
	struct treat_plan plan;
	struct message message;
	size_t charged;
	struct policy_client *policy; /* NULL until mail of a stream comes */
	bool asked;                   /* about the message at hand */
};

static const struct world *world_of(const struct session *s) {
	return snapshot_value(s->snapshot);
}

static const char *macro(SMFICTX *ctx, const char *name) {
	const char *value = smfi_getsymval(ctx, (char *)(uintptr_t)name);

	return value == NULL ? "" : value;
}

static void count_fate(enum counters_fate fate) {
	atomic_fetch_add(&the_milter->totals.fates[fate], 1);
	metric_add(the_milter->counters.messages[fate], 1);
}

/* In nanoseconds; `elapsed` may be processor time too. */
static void count_stage(enum counters_stage stage, uint64_t processor, uint64_t elapsed) {
	atomic_fetch_add(&the_milter->totals.stages[stage], processor);
	metric_observe(the_milter->counters.stages[stage], elapsed);
}

static void end_message(struct session *s) {
	if (s->open)
		message_free(&s->message);
	if (s->charged > 0)
		metric_set(the_milter->counters.memory,
		           (double)(atomic_fetch_sub(&the_milter->memory, s->charged) - s->charged));
	s->charged = 0;
	s->open = false;
	s->asked = false;
	snapshot_put(&s->snapshot);
}

/* A 4xx or 5xx with one line of text that libmilter can take. */
static sfsistat answer(SMFICTX *ctx, sfsistat action, const char *code, const char *status, const char *text) {
	char line[512];
	size_t i;

	snprintf(line, sizeof line, "todoku: %s", text);
	for (i = 0; line[i] != '\0'; i++)
		if (line[i] == '%' || (unsigned char)line[i] < ' ' || (unsigned char)line[i] > '~')
			line[i] = '?';
	smfi_setreply(ctx, (char *)(uintptr_t)code, (char *)(uintptr_t)status, line);
	return action;
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps, unsigned long spare,
                             unsigned long more, unsigned long *actions_r, unsigned long *steps_r,
                             unsigned long *spare_r, unsigned long *more_r) {
	static char connect[] = "{daemon_name} {client_addr}";
	static char mail[] = "i {auth_authen}";
	static char end[] = "i";

	(void)spare;
	(void)more;
	*actions_r = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY | SMFIF_CHGFROM | SMFIF_ADDRCPT | SMFIF_ADDRCPT_PAR |
	             SMFIF_DELRCPT | SMFIF_QUARANTINE | SMFIF_SETSYMLIST;
	*steps_r = SMFIP_NOHELO | SMFIP_NODATA | SMFIP_NOUNKNOWN | SMFIP_HDR_LEADSPC | SMFIP_SKIP | SMFIP_NR_CONN |
	           SMFIP_NR_MAIL | SMFIP_NR_RCPT | SMFIP_NR_HDR;
	*spare_r = *more_r = 0;
	if ((actions & *actions_r) != *actions_r || (steps & *steps_r) != *steps_r) {
		log_line(CONF_LOG_ERROR, "negotiate", "reason", "the MTA lacks a milter feature (Postfix 3.5 has all)",
		         NULL);
		return SMFIS_REJECT;
	}
	smfi_setsymlist(ctx, SMFIM_CONNECT, connect);
	smfi_setsymlist(ctx, SMFIM_ENVFROM, mail);
	smfi_setsymlist(ctx, SMFIM_EOM, end);
	return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *ctx, char *hostname, _SOCK_ADDR *address) {
	struct session *s = calloc(1, sizeof *s);
	struct snapshot *now = snapshot_get(the_milter->worlds);
	const struct world *world = snapshot_value(now);

	(void)hostname;
	if (s != NULL) {
		s->front = strcmp(macro(ctx, "{daemon_name}"), world->conf->milter.front_daemon) == 0;
		if (address != NULL && address->sa_family == AF_INET)
			inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)address)->sin_addr, s->client,
			          sizeof s->client);
		else if (address != NULL && address->sa_family == AF_INET6)
			inet_ntop(AF_INET6, &((struct sockaddr_in6 *)(void *)address)->sin6_addr, s->client,
			          sizeof s->client);
		smfi_setpriv(ctx, s);
	}
	snapshot_put(&now);
	return SMFIS_NOREPLY;
}

static sfsistat on_sender(SMFICTX *ctx, char **arguments) {
	struct session *s = smfi_getpriv(ctx);

	if (s == NULL)
		return SMFIS_NOREPLY;
	end_message(s);
	s->snapshot = snapshot_get(the_milter->worlds);
	message_init(&s->message, (size_t)world_of(s)->conf->milter.max_message);
	s->open = true;
	s->wanted = true;
	message_set_sender(&s->message, span_of(arguments[0]));
	snprintf(s->login, sizeof s->login, "%s", macro(ctx, "{auth_authen}"));
	snprintf(s->queue_id, sizeof s->queue_id, "%s", macro(ctx, "i"));
	return SMFIS_NOREPLY;
}

static sfsistat on_recipient(SMFICTX *ctx, char **arguments) {
	struct session *s = smfi_getpriv(ctx);

	if (s != NULL && s->open)
		message_add_recipient(&s->message, span_of(arguments[0]), arguments + 1);
	return SMFIS_NOREPLY;
}

static sfsistat on_field(SMFICTX *ctx, char *name, char *value) {
	struct session *s = smfi_getpriv(ctx);

	if (s != NULL && s->open)
		message_add_field(&s->message, span_of(name), span_of(value));
	return SMFIS_NOREPLY;
}

static bool has_control(const struct message *m) {
	size_t i;

	for (i = 0; i < m->field_count; i++)
		if (routing_is_control(m->fields[i].name))
			return true;
	return false;
}

static sfsistat on_header_end(SMFICTX *ctx) {
	struct session *s = smfi_getpriv(ctx);
	struct origin origin;

	if (s == NULL || !s->open)
		return answer(ctx, SMFIS_TEMPFAIL, "451", "4.3.0", "out of memory");
	if (s->message.failed)
		return answer(ctx, SMFIS_REJECT, "552", "5.3.4", "the header is too large");
	message_begin_body(&s->message);
	if (s->front) {
		s->wanted = false;
		return SMFIS_CONTINUE;
	}
	if (origin_read(world_of(s)->ring, &s->message, &origin) != 0)
		origin = origin_of(world_of(s)->conf, span_of(s->client), span_of(s->login));
	treat_plan(world_of(s), &origin, &s->message, &s->plan);
	s->wanted = s->plan.verdict != TREAT_PASS;
	if (!s->wanted)
		log_line(CONF_LOG_DEBUG, "passed", "queue_id", s->queue_id, "reason", s->plan.reason, NULL);
	if (!s->wanted && !has_control(&s->message)) {
		count_fate(COUNTERS_PASSED);
		end_message(s);
		return SMFIS_ACCEPT;
	}
	return SMFIS_CONTINUE;
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *bytes, size_t len) {
	struct session *s = smfi_getpriv(ctx);
	const struct conf_milter *conf;

	if (s == NULL || !s->open || !s->wanted)
		return SMFIS_SKIP;
	conf = &world_of(s)->conf->milter;
	if (message_body(&s->message).len + len > (size_t)conf->max_message)
		return answer(ctx, SMFIS_REJECT, "552", "5.3.4", "the message is larger than milter.max_message");
	s->charged += len * MEMORY_FACTOR;
	if (atomic_fetch_add(&the_milter->memory, len * MEMORY_FACTOR) + len * MEMORY_FACTOR > (size_t)conf->memory)
		return answer(ctx, SMFIS_TEMPFAIL, "452", "4.3.1", "the messages at hand need more than milter.memory");
	if (message_add_body(&s->message, span_make((const char *)bytes, len)) != 0)
		return answer(ctx, SMFIS_TEMPFAIL, "451", "4.3.0", "out of memory");
	return SMFIS_CONTINUE;
}

static void log_treated(const struct session *s, const struct treated *t, const char *event) {
	char campaign[HEX64_SIZE], address[LOG_ADDRESS_SIZE], counts[5][24];
	const struct recipient *first = s->message.recipients;
	const char *rcpt = NULL;

	hex64_format(campaign, t->campaign.id);
	if (s->message.recipient_count == 1 && first->valid)
		rcpt = log_address(address, addr_span(&first->addr),
		                   token_address_key(world_of(s)->ring, addr_span(&first->addr)));
	log_line(CONF_LOG_INFO, event, "queue_id", s->queue_id, "list", t->list == NULL ? NULL : t->list->name,
	         "campaign", t->list == NULL ? NULL : campaign, "rcpt", rcpt, "recipients",
	         log_number(counts[0], (long long)s->message.recipient_count), "links",
	         log_number(counts[1], (long long)t->body.links), "pixel", t->body.pixel ? "yes" : "no", "footer",
	         t->body.footer ? "yes" : "no", "body", t->body.untouched == NULL ? "mapped" : t->body.untouched,
	         "signatures", log_number(counts[2], (long long)t->signature_count), "rewrite_us",
	         log_number(counts[3], (long long)(t->cost.rewrite / 1000)), "sign_us",
	         log_number(counts[4], (long long)(t->cost.sign / 1000)), NULL);
}

/* Nothing but the end of the control fields. */
static sfsistat let_pass(SMFICTX *ctx, struct session *s, enum counters_fate fate) {
	headers_drop_control(&s->message);
	count_fate(fate);
	if (apply_fields(ctx, &s->message, true) != 0)
		return answer(ctx, SMFIS_TEMPFAIL, "451", "4.3.0", "out of memory");
	return SMFIS_ACCEPT;
}

static struct trace trace_of(struct session *s) {
	return (struct trace){the_milter->decisions, world_of(s), s->plan.list, &s->message, span_of(s->queue_id)};
}

static sfsistat give_up(SMFICTX *ctx, struct session *s, const char *reason) {
	bool lenient = world_of(s)->conf->on_error == CONF_ON_ERROR_ACCEPT;
	struct trace trace = trace_of(s);

	trace_all(&trace, "error", lenient ? "untreated" : "tempfail", reason);
	log_line(CONF_LOG_ERROR, lenient ? "untreated" : "tempfail", "queue_id", s->queue_id, "reason", reason, NULL);
	if (lenient)
		return let_pass(ctx, s, COUNTERS_UNTREATED);
	count_fate(COUNTERS_TEMPFAILED);
	return answer(ctx, SMFIS_TEMPFAIL, "451", "4.3.0", reason);
}

/* Committed first, told second: what Postfix sends is always on record. */
static int commit(const struct treated *t, struct err *err) {
	uint64_t processor = processor_time(), started = metrics_now();
	int status = t->send_count == 0 ? 0 : store_writer_add(the_milter->writer, t->sends, t->send_count, err);

	if (t->send_count > 0)
		count_stage(COUNTERS_STORE, processor_time() - processor, metrics_now() - started);
	return status;
}

struct refusal {
	struct session *s;
	char text[STANDING_TEXT_SIZE]; /* of the first in the envelope, which is called last */
};

static void refuse(void *context, const struct recipient *recipient, const struct store_standing *standing) {
	struct refusal *refusal = context;
	struct session *s = refusal->s;
	const struct conf_list *list = s->plan.list;
	bool quiet = world_of(s)->conf->suppressed == CONF_SUPPRESSED_DISCARD;
	struct trace trace = trace_of(s);
	char address[LOG_ADDRESS_SIZE], since[STAMP_SIZE];
	struct span text = message_recipient_text(recipient);

	stamp_format(standing->since, since);
	standing_text(world_of(s)->zone, list, recipient, standing, refusal->text);
	trace_recipient(&trace, recipient,
	                list->shadow ? "shadow"
	                : quiet      ? "discard"
	                             : "reject",
	                store_status_name(standing->status), refusal->text);
	log_line(CONF_LOG_INFO, list->shadow ? "would_refuse" : "refused", "queue_id", s->queue_id, "list", list->name,
	         "rcpt", log_address(address, text, token_address_key(world_of(s)->ring, text)), "status",
	         store_status_name(standing->status), "of", standing->of_address ? "address" : "list", "reason",
	         standing->reason, "since", since, NULL);
}

/* Takes away who may not have mail of the list.  0; -1 when the store can't say. */
static int refuse_some(struct session *s, struct refusal *refusal, struct err *err) {
	uint64_t processor = processor_time(), started = metrics_now();
	size_t count = s->message.recipient_count;
	int status;

	*refusal = (struct refusal){.s = s};
	if (s->plan.list == NULL || s->plan.verdict != TREAT_CHANGED)
		return 0;
	status = standing_check(the_milter->pool, world_of(s), s->plan.list, &s->message, refuse, refusal, err);
	if (s->plan.list->shadow) {
		/* Only told, not done. */
		s->message.recipient_count = count;
		s->message.refused_count = 0;
		status = 0;
	}
	metric_add(the_milter->counters.refused, s->message.refused_count);
	count_stage(COUNTERS_STANDING, processor_time() - processor, metrics_now() - started);
	return status;
}

static sfsistat refuse_all(SMFICTX *ctx, const struct session *s, const struct refusal *refusal) {
	if (world_of(s)->conf->suppressed == CONF_SUPPRESSED_DISCARD) {
		count_fate(COUNTERS_DISCARDED);
		log_line(CONF_LOG_INFO, "discarded", "queue_id", s->queue_id, "list", s->plan.list->name, NULL);
		return SMFIS_DISCARD;
	}
	count_fate(COUNTERS_REFUSED);
	return answer(ctx, SMFIS_REJECT, "550", "5.7.1", refusal->text);
}

static void count_treated(const struct session *s, const struct treated *treated) {
	count_stage(COUNTERS_REWRITE, treated->cost.rewrite, treated->cost.rewrite);
	count_stage(COUNTERS_SIGN, treated->cost.sign, treated->cost.sign);
	if (treated->cost.verify > 0)
		count_stage(COUNTERS_VERIFY, treated->cost.verify, treated->cost.verify);
	if (treated->send_count > 0)
		metric_add(the_milter->counters.sent, s->message.recipient_count);
}

/* May it go, by policyd?  With true `result_r` is the last word. */
static bool stopped_by_policy(SMFICTX *ctx, struct session *s, bool *hold_r, sfsistat *result_r) {
	const struct conf *conf = world_of(s)->conf;
	struct policy_verdict verdict;

	*hold_r = false;
	if (!policy_wants(conf, s->plan.list) || s->plan.verdict != TREAT_CHANGED)
		return false;
	if (s->policy == NULL)
		s->policy = policy_client_new();
	if (s->policy == NULL) {
		*result_r = give_up(ctx, s, "out of memory");
		return true;
	}
	s->asked = true;
	policy_ask(s->policy, conf, s->plan.list, &s->message, span_of(s->queue_id), &verdict);
	*hold_r = verdict.fate == POLICY_HOLD;
	switch (verdict.fate) {
	case POLICY_GO:
	case POLICY_HOLD:
		return false;
	case POLICY_DISCARD:
		count_fate(COUNTERS_DISCARDED);
		*result_r = SMFIS_DISCARD;
		return true;
	case POLICY_PUT_OFF:
		count_fate(COUNTERS_TEMPFAILED);
		*result_r = answer(ctx, SMFIS_TEMPFAIL, verdict.code, verdict.status, verdict.text);
		return true;
	case POLICY_REFUSE:
		count_fate(COUNTERS_REFUSED);
		*result_r = answer(ctx, SMFIS_REJECT, verdict.code, verdict.status, verdict.text);
		return true;
	default:
		*result_r = give_up(ctx, s, verdict.text);
		return true;
	}
}

/* The fate, told to policyd before Postfix hears it.  What waits must be on record there;
 * a unit that could not be told to be spent is taken for lost when it was not. */
static int tell_policy(struct session *s, enum policy_end end, struct err *err) {
	return !s->asked ? 0 : policy_end(s->policy, world_of(s)->conf, end, err);
}

/* Postfix throws the reason away; policyd has it. */
static int apply_hold(SMFICTX *ctx, bool hold) {
	static char reason[] = "waits for quota";

	return !hold || smfi_quarantine(ctx, reason) == MI_SUCCESS ? 0 : -1;
}

static sfsistat finish(SMFICTX *ctx, struct session *s) {
	struct treated treated;
	struct refusal refusal;
	struct trace trace = trace_of(s);
	struct err err = {"out of memory"};
	sfsistat result;
	bool hold;

	if (refuse_some(s, &refusal, &err) != 0)
		return give_up(ctx, s, err.text);
	if (s->message.recipient_count == 0)
		return refuse_all(ctx, s, &refusal);
	if (stopped_by_policy(ctx, s, &hold, &result))
		return result;
	message_end_body(&s->message);
	treat_message(world_of(s), &s->plan, &s->message, span_of(s->queue_id), time(NULL), &treated);
	if (treated.verdict == TREAT_TEMPFAIL && treated.shadow) {
		log_line(CONF_LOG_WARNING, "would_tempfail", "queue_id", s->queue_id, "reason", treated.reason, NULL);
		result = let_pass(ctx, s, COUNTERS_PASSED);
	} else if (treated.verdict == TREAT_TEMPFAIL) {
		result = give_up(ctx, s, treated.reason);
	} else if (treated.shadow) {
		log_treated(s, &treated, "would_treat");
		trace_treated(&trace, &treated);
		result = let_pass(ctx, s, COUNTERS_PASSED);
	} else if (commit(&treated, &err) != 0 || tell_policy(s, hold ? POLICY_END_HELD : POLICY_END_SENT, &err) != 0) {
		result = give_up(ctx, s, err.text);
	} else if (apply_treated(ctx, &s->message, &treated) != 0 || apply_hold(ctx, hold) != 0) {
		result = answer(ctx, SMFIS_TEMPFAIL, "451", "4.3.0", "could not tell the changes");
	} else {
		count_fate(COUNTERS_TREATED);
		count_treated(s, &treated);
		log_treated(s, &treated, hold ? "held" : "treated");
		trace_treated(&trace, &treated);
		result = SMFIS_ACCEPT;
	}
	if (result != SMFIS_ACCEPT)
		tell_policy(s, POLICY_END_FAILED, &err);
	free(treated.sends);
	return result;
}

/* The front smtpd's milter only says whose the message is. */
static sfsistat hand_over(SMFICTX *ctx, struct session *s) {
	static char name[] = ROUTING_ORIGIN_HEADER;
	struct origin origin = origin_of(world_of(s)->conf, span_of(s->client), span_of(s->login));
	sfsistat result = SMFIS_ACCEPT;
	struct buf value;

	buf_init(&value, 4096);
	buf_add_byte(&value, ' ');
	if (origin_write(world_of(s)->ring, &origin, time(NULL), &value) != 0 ||
	    smfi_insheader(ctx, 0, name, value.at) != MI_SUCCESS)
		result = answer(ctx, SMFIS_TEMPFAIL, "451", "4.3.0", "out of memory");
	buf_free(&value);
	return result;
}

static sfsistat end_of(SMFICTX *ctx, struct session *s) {
	if (atomic_load(&the_milter->stopping))
		return answer(ctx, SMFIS_TEMPFAIL, "451", "4.3.2", "stopping");
	if (s->queue_id[0] == '\0')
		snprintf(s->queue_id, sizeof s->queue_id, "%s", macro(ctx, "i"));
	if (s->front)
		return hand_over(ctx, s);
	return s->wanted ? finish(ctx, s) : let_pass(ctx, s, COUNTERS_PASSED);
}

static sfsistat on_end(SMFICTX *ctx) {
	struct session *s = smfi_getpriv(ctx);
	uint64_t started;
	sfsistat result;

	if (s == NULL || !s->open)
		return answer(ctx, SMFIS_TEMPFAIL, "451", "4.3.0", "out of memory");
	/* Counted before the look at `stopping`, so that who waits for none sees it. */
	atomic_fetch_add(&the_milter->busy, 1);
	started = metrics_now();
	result = end_of(ctx, s);
	metric_observe(the_milter->counters.end, metrics_now() - started);
	end_message(s);
	atomic_fetch_sub(&the_milter->busy, 1);
	return result;
}

static sfsistat on_abort(SMFICTX *ctx) {
	struct session *s = smfi_getpriv(ctx);

	if (s != NULL)
		end_message(s);
	return SMFIS_CONTINUE;
}

static sfsistat on_close(SMFICTX *ctx) {
	struct session *s = smfi_getpriv(ctx);

	if (s != NULL) {
		end_message(s);
		policy_client_free(&s->policy);
		free(s);
		smfi_setpriv(ctx, NULL);
	}
	return SMFIS_CONTINUE;
}

int session_open(struct milter *milter, const char *listen, long timeout, const char **reason_r) {
	static char name[] = "todoku-milter";
	struct smfiDesc desc = {
	        .xxfi_name = name,
	        .xxfi_version = SMFI_VERSION,
	        .xxfi_flags = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY | SMFIF_CHGFROM | SMFIF_ADDRCPT |
	                      SMFIF_ADDRCPT_PAR | SMFIF_DELRCPT | SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
	        .xxfi_connect = on_connect,
	        .xxfi_envfrom = on_sender,
	        .xxfi_envrcpt = on_recipient,
	        .xxfi_header = on_field,
	        .xxfi_eoh = on_header_end,
	        .xxfi_body = on_body,
	        .xxfi_eom = on_end,
	        .xxfi_abort = on_abort,
	        .xxfi_close = on_close,
	        .xxfi_negotiate = on_negotiate,
	};

	the_milter = milter;
	*reason_r = "libmilter refuses the address";
	if (smfi_setconn((char *)(uintptr_t)listen) != MI_SUCCESS || smfi_register(desc) != MI_SUCCESS ||
	    smfi_settimeout((int)timeout) != MI_SUCCESS || smfi_setbacklog(512) != MI_SUCCESS)
		return -1;
	*reason_r = "cannot open the socket";
	return smfi_opensocket(true) == MI_SUCCESS ? 0 : -1;
}

void session_run(void) {
	smfi_main();
}
