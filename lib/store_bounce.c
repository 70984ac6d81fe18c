#include "lib/store_bounce.h"

#include <assert.h>

#include "lib/addr.h"
#include "lib/store_driver.h"

#define NAME_MAX_LEN 1024

void store_sent_init(struct store_sent *sent) {
	sent->time = 0;
	buf_init(&sent->list, NAME_MAX_LEN);
	buf_init(&sent->stream, NAME_MAX_LEN);
	buf_init(&sent->address, STORE_TEXT_MAX);
}

void store_sent_free(struct store_sent *sent) {
	buf_free(&sent->list);
	buf_free(&sent->stream);
	buf_free(&sent->address);
}

static int check_time(time_t when, struct err *err) {
	if (when < 0 || when > STORE_SECONDS_MAX)
		return err_set(err, "time of a report: found %lld, allowed: years 1970 to 9999", (long long)when);
	return 0;
}

int store_find_sent(struct store *store, uint64_t campaign, uint64_t address_key, time_t from, time_t to,
                    struct store_sent *sent_r, bool *found_r, struct err *err) {
	if (check_time(from, err) != 0 || check_time(to, err) != 0)
		return -1;
	return store->driver->bounce->find_sent(store, campaign, address_key, from, to, sent_r, found_r, err);
}

int store_add_bounces(struct store *store, const struct store_bounce *bounces, size_t count,
                      enum store_bounce_result *results_r, bool *alone_r, struct err *err) {
	size_t i;

	*alone_r = true;
	for (i = 0; i < count; i++)
		if (check_time(bounces[i].time, err) != 0 || check_time(bounces[i].sent, err) != 0)
			return -1;
	*alone_r = false;
	return store->driver->bounce->add(store, bounces, count, results_r, alone_r, err);
}

int store_trim_bounces(struct store *store, const struct store_keep *keep, struct err *err) {
	return store->driver->bounce->trim(store, keep, err);
}

int store_each_bounce(struct store *store, const struct store_bounce_which *which,
                      int (*each)(void *context, const struct store_bounce_row *row), void *context, struct err *err) {
	assert(which->limit > 0);
	return store->driver->bounce->each(store, which, each, context, err);
}

int store_bounce_mail(struct store *store, int64_t id, struct buf *mail, struct err *err) {
	return store->driver->bounce->mail(store, id, mail, err);
}

int store_rejudge_bounce(struct store *store, int64_t id, const struct store_bounce *judged, struct err *err) {
	return store->driver->bounce->rejudge(store, id, judged, err);
}

int store_each_error(struct store *store, uint64_t campaign,
                     int (*each)(void *context, struct span category, uint64_t count), void *context, struct err *err) {
	return store->driver->bounce->each_error(store, campaign, each, context, err);
}

int store_each_feedback(struct store *store, struct span stream, time_t from, time_t to,
                        int (*each)(void *context, const struct store_feedback *feedback), void *context,
                        struct err *err) {
	return store->driver->bounce->each_feedback(store, stream, from, to, each, context, err);
}
