/* Leased quota and held mail: what every back end does alike. */
#include "lib/store_hold.h"

#include <assert.h>

#include "lib/store_driver.h"

int store_quota_lease(struct store *store, struct store_lease *leases, size_t count, struct err *err) {
	size_t i;

	for (i = 0; i < count; i++) {
		assert(leases[i].want > 0 && leases[i].parts > 0);
		leases[i].granted = 0;
	}
	return store->driver->quota->lease(store, leases, count, err);
}

int store_quota_return(struct store *store, const struct store_return *returns, size_t count, struct err *err) {
	return store->driver->quota->give_back(store, returns, count, err);
}

static int add_up(void *context, struct span provider, int64_t leased) {
	struct store_lease *sought = context;

	if (span_equal(provider, sought->counter.provider))
		sought->left = leased;
	return 0;
}

int store_quota_leased(struct store *store, const struct store_counter *counter, int64_t *leased_r, struct err *err) {
	struct store_lease sought = {.counter = *counter};

	*leased_r = 0;
	if (store->driver->quota->each(store, counter->stream, counter->day, add_up, &sought, err) != 0)
		return -1;
	*leased_r = sought.left;
	return 0;
}

int store_quota_each(struct store *store, struct span stream, struct span day,
                     int (*each)(void *context, struct span provider, int64_t leased), void *context, struct err *err) {
	return store->driver->quota->each(store, stream, day, each, context, err);
}

int store_hold_add(struct store *store, const struct store_held *rows, size_t count, struct err *err) {
	return store->driver->quota->hold_add(store, rows, count, err);
}

int store_hold_each(struct store *store, struct span host, int (*each)(void *context, const struct store_held *row),
                    void *context, struct err *err) {
	return store->driver->quota->hold_each(store, host, each, context, err);
}

int store_hold_take(struct store *store, struct span host, struct span queue_id, struct store_lease *leases,
                    size_t count, time_t now, bool *taken_r, struct err *err) {
	*taken_r = false;
	return store->driver->quota->hold_take(store, host, queue_id, leases, count, now, taken_r, err);
}

int store_hold_drop(struct store *store, struct span host, struct span queue_id, struct err *err) {
	return store->driver->quota->hold_drop(store, host, queue_id, err);
}

int store_hold_park(struct store *store, struct span host, struct span queue_id, struct span day, bool *changed_r,
                    struct err *err) {
	return store->driver->quota->hold_park(store, host, queue_id, day, changed_r, err);
}

int store_hold_park_provider(struct store *store, struct span host, struct span stream, struct span provider,
                             struct span day, struct err *err) {
	return store->driver->quota->hold_park_provider(store, host, stream, provider, day, err);
}
