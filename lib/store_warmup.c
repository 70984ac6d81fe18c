/* lib/store_warmup.h by the back end that the handle is of. */
#include "lib/store_warmup.h"

#include <assert.h>

#include "lib/store_driver.h"

int store_find_ramp(struct store *store, struct span stream, struct store_ramp *ramp_r, struct err *err) {
	return store->driver->warmup->find_ramp(store, stream, ramp_r, err);
}

int store_change_ramp(struct store *store, struct span stream, const struct store_ramp *ramp,
                      const struct store_ramp_event *event, bool *changed_r, struct err *err) {
	assert(ramp->hold_count <= STORE_RAMP_HOLDS_MAX);
	return store->driver->warmup->change_ramp(store, stream, ramp, event, changed_r, err);
}

int store_each_ramp_event(struct store *store, struct span stream, int count,
                          int (*each)(void *context, const struct store_ramp_event *event), void *context,
                          struct err *err) {
	return store->driver->warmup->each_ramp_event(store, stream, count, each, context, err);
}

int store_add_traffic(struct store *store, const struct store_traffic *traffic, size_t count, struct err *err) {
	return count == 0 ? 0 : store->driver->warmup->add_traffic(store, traffic, count, err);
}

int store_each_traffic(struct store *store, struct span stream, time_t from, time_t end,
                       int (*each)(void *context, struct span provider, uint64_t sent), void *context,
                       struct err *err) {
	return store->driver->warmup->each_traffic(store, stream, from, end, each, context, err);
}

int store_find_domain(struct store *store, struct span domain, int64_t day, bool *found_r,
                      struct store_domain *domain_r, struct err *err) {
	return store->driver->warmup->find_domain(store, domain, day, found_r, domain_r, err);
}

int store_set_domain(struct store *store, struct span domain, struct span provider, int64_t day, time_t now,
                     time_t expires, struct err *err) {
	return store->driver->warmup->set_domain(store, domain, provider, day, now, expires, err);
}
