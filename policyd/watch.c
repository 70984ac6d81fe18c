#include "policyd/watch.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/now.h"
#include "lib/provider.h"
#include "lib/warmup.h"
#include "policyd/alert.h"
#include "policyd/mx.h"

struct watch {
	struct policy *policy;
	struct metrics *metrics;
	struct alert *alert;
	struct mx *mx;    /* NULL: no lookups */
	long long looked; /* slices_now() of the last look; 0: never */
};

static const char *provider_of(const struct conf *conf, const struct mx_answer *answer) {
	const char *name = answer->outcome == MX_FOUND ? provider_by_mx(conf, span_of(answer->host)) : NULL;

	return name == NULL ? PROVIDER_OTHER : name;
}

static time_t expires_at(time_t now, uint32_t ttl) {
	return now + (ttl < WATCH_DOMAIN_MIN   ? WATCH_DOMAIN_MIN
	              : ttl > WATCH_DOMAIN_MAX ? WATCH_DOMAIN_MAX
	                                       : (time_t)ttl);
}

/* On the thread of the lookups.  Without an answer, what was known stays. */
static void on_mx(void *context, struct span domain, const struct mx_answer *answer) {
	struct watch *watch = context;
	const struct policy_world *world;
	struct snapshot *snapshot;
	struct err err = {""};
	time_t now = now_seconds();
	struct store *store;
	bool failed;

	if (answer->outcome == MX_FAILED)
		return;
	store = store_pool_take(watch->policy->pool, &err);
	if (store == NULL) {
		log_line(CONF_LOG_WARNING, "mx_not_kept", "reason", err.text, NULL);
		return;
	}
	snapshot = snapshot_get(watch->policy->worlds);
	world = snapshot_value(snapshot);
	failed = store_set_domain(store, domain, span_of(provider_of(world->conf, answer)),
	                          zone_day_number(world->zone, now), now, expires_at(now, answer->ttl), &err) != 0;
	snapshot_put(&snapshot);
	store_pool_give(watch->policy->pool, &store, failed);
	if (failed)
		log_line(CONF_LOG_WARNING, "mx_not_kept", "reason", err.text, NULL);
}

static void on_look_up(void *context, struct span domain) {
	struct watch *watch = context;

	mx_want(watch->mx, domain);
}

static void tell(struct watch *watch, const struct conf *conf, const struct conf_stream *stream, enum alert_kind kind,
                 const char *event, const char *reason) {
	log_line(CONF_LOG_WARNING, event, "stream", stream->name, "reason", reason, NULL);
	alert_raise(watch->alert, &conf->policyd, kind, stream->name, reason);
}

static void on_alert(void *context, const struct conf *conf, const struct conf_stream *stream, const void *found) {
	const struct warmup_today *today = found;
	struct watch *watch = context;

	if (today->now_stopped)
		tell(watch, conf, stream, ALERT_STOPPED, "stream_stopped", today->reason);
	if (today->now_closed)
		tell(watch, conf, stream, ALERT_CLOSED, "breaker_closed", today->breaker_reason);
	if (today->now_open)
		tell(watch, conf, stream, ALERT_OPEN, "breaker_open", today->breaker_reason);
}

static void set_gauge(struct metrics *metrics, const char *name, const char *help, const char *stream, double value) {
	struct buf labels;

	if (metrics == NULL)
		return;
	buf_init(&labels, METRICS_LABELS_SIZE - 1);
	metrics_label(&labels, "stream", span_of(stream));
	if (!labels.failed)
		metric_set(metrics_get(metrics, METRICS_GAUGE, name, labels.at, help), value);
	buf_free(&labels);
}

static int look_at(struct watch *watch, const struct policy_world *world, const struct conf_stream *stream,
                   struct store *store, struct err *err) {
	struct warmup_today today;

	if (warmup_refresh(store, world->conf, stream, world->zone, now_seconds(), &today, err) != 0)
		return -1;
	on_alert(watch, world->conf, stream, &today);
	set_gauge(watch->metrics, "todoku_policyd_stream_quota", "Recipients of the day; -1: no limit.", stream->name,
	          (double)today.quota);
	set_gauge(watch->metrics, "todoku_policyd_stream_stopped", "Stopped until it is resumed.", stream->name,
	          today.stopped);
	set_gauge(watch->metrics, "todoku_policyd_breaker_open", "The breaker is open.", stream->name, today.open);
	return 0;
}

static void look_at_all(struct watch *watch, struct store *store) {
	struct snapshot *snapshot = snapshot_get(watch->policy->worlds);
	const struct policy_world *world = snapshot_value(snapshot);
	struct err err = {""};
	bool failed = false;
	size_t i;

	for (i = 0; i < world->conf->stream_count && !failed; i++)
		failed = look_at(watch, world, &world->conf->streams[i], store, &err) != 0;
	if (failed)
		log_line(CONF_LOG_WARNING, "watch_failed", "reason", err.text, NULL);
	snapshot_put(&snapshot);
	store_pool_give(watch->policy->pool, &store, failed);
}

void watch_look(struct watch *watch) {
	struct err err = {""};
	struct store *store;

	if (watch->looked != 0 && slices_now() - watch->looked < WATCH_SECONDS * 1000)
		return;
	watch->looked = slices_now();
	store = store_pool_take(watch->policy->pool, &err);
	if (store == NULL)
		log_line(CONF_LOG_WARNING, "watch_failed", "reason", err.text, NULL);
	else
		look_at_all(watch, store);
}

/* "ADDRESS:PORT,..." */
static char *join(const struct strings *servers) {
	struct buf text;
	size_t i;

	buf_init(&text, 4096);
	buf_add_text(&text, "");
	for (i = 0; i < servers->len; i++)
		buf_printf(&text, "%s%s", i > 0 ? "," : "", servers->at[i]);
	return buf_take(&text);
}

static int start_mx(struct watch *watch, const struct conf *conf, struct err *err) {
	struct mx_options options = MX_OPTIONS(on_mx, watch);
	char *servers;

	if (!conf->policyd.mx_lookup)
		return 0;
	servers = join(&conf->policyd.nameserver);
	if (servers == NULL)
		return err_set(err, "lookups of MX: out of memory");
	options.servers = servers;
	watch->mx = mx_start(&options, err);
	free(servers);
	return watch->mx == NULL ? -1 : 0;
}

struct watch *watch_start(struct policy *policy, struct metrics *metrics, struct err *err) {
	struct watch *watch = calloc(1, sizeof *watch);
	struct snapshot *snapshot;
	int outcome;

	if (watch == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	watch->policy = policy;
	watch->metrics = metrics;
	watch->alert = alert_start(err);
	if (watch->alert == NULL) {
		watch_stop(&watch);
		return NULL;
	}
	snapshot = snapshot_get(policy->worlds);
	outcome = start_mx(watch, ((const struct policy_world *)snapshot_value(snapshot))->conf, err);
	snapshot_put(&snapshot);
	if (outcome != 0) {
		watch_stop(&watch);
		return NULL;
	}
	policy->alert = on_alert;
	policy->alert_context = watch;
	policy->look_up = watch->mx == NULL ? NULL : on_look_up;
	policy->look_up_context = watch;
	return watch;
}

void watch_stop(struct watch **watch) {
	if (*watch == NULL)
		return;
	(*watch)->policy->alert = NULL;
	(*watch)->policy->look_up = NULL;
	mx_stop(&(*watch)->mx);
	alert_stop(&(*watch)->alert);
	free(*watch);
	*watch = NULL;
}
