#include "policyd/limits.h"

#include <stdio.h>
#include <stdlib.h>

#define FRESH_MS 1000

struct known {
	const struct conf_stream *stream;
	long long looked; /* slices_now() */
	time_t when;
	struct warmup_today today;
};

struct limits {
	struct known *known;
	size_t count;
};

struct limits *limits_new(void) {
	return calloc(1, sizeof(struct limits));
}

void limits_reset(struct limits *limits) {
	free(limits->known);
	*limits = (struct limits){0};
}

void limits_free(struct limits **limits) {
	if (*limits == NULL)
		return;
	limits_reset(*limits);
	free(*limits);
	*limits = NULL;
}

static struct known *find(struct limits *limits, const struct conf_stream *stream) {
	struct known *more;
	size_t i;

	for (i = 0; i < limits->count; i++)
		if (limits->known[i].stream == stream)
			return &limits->known[i];
	more = reallocarray(limits->known, limits->count + 1, sizeof *more);
	if (more == NULL)
		return NULL;
	limits->known = more;
	limits->known[limits->count] = (struct known){.stream = stream};
	return &limits->known[limits->count++];
}

/* The same second or a later one, of the same day. */
static bool is_fresh(const struct known *known, time_t now) {
	return known->looked != 0 && slices_now() - known->looked < FRESH_MS && now >= known->when &&
	       (known->today.ends == 0 || now < known->today.ends);
}

const struct warmup_today *limits_today(struct limits *limits, struct store *store, const struct conf *conf,
                                        const struct conf_stream *stream, const struct zone *zone, time_t now,
                                        struct err *err) {
	struct known *known = find(limits, stream);

	if (known == NULL) {
		err_set(err, "out of memory");
		return NULL;
	}
	if (is_fresh(known, now)) {
		known->today.now_stopped = known->today.now_open = known->today.now_closed = false; /* was told */
		return &known->today;
	}
	known->looked = 0;
	if (warmup_refresh(store, conf, stream, zone, now, &known->today, err) != 0)
		return NULL;
	known->looked = slices_now();
	known->when = now;
	return &known->today;
}

static int64_t limit_of(long long quota) {
	return quota == WARMUP_UNLIMITED ? STORE_NO_LIMIT : quota;
}

void limits_terms(const struct conf *conf, const struct conf_stream *stream, const struct warmup_today *today,
                  const char *provider, struct slices_terms *terms_r) {
	*terms_r = (struct slices_terms){
	        .limit = limit_of(today->quota),
	        .provider_limit = limit_of(warmup_provider_quota(conf, today, provider)),
	};
	snprintf(terms_r->stream, sizeof terms_r->stream, "%s", stream->name);
	snprintf(terms_r->provider, sizeof terms_r->provider, "%s", provider);
	day_format(today->day, terms_r->day);
}
