#include "lib/store_status.h"
#include "lib/store_driver.h"

#include <assert.h>

static const struct span names[] = {
        [STORE_ACTIVE] = {"active", 6},
        [STORE_UNSUBSCRIBED] = {"unsubscribed", 12},
        [STORE_BLOCKED] = {"blocked", 7},
};
#define STATUSES (sizeof names / sizeof names[0])

const char *store_status_name(enum store_status status) {
	assert((size_t)status < STATUSES);
	return names[status].at;
}

int store_status_parse(struct span name, enum store_status *status_r) {
	size_t i;

	for (i = 0; i < STATUSES; i++)
		if (span_equal(name, names[i])) {
			*status_r = (enum store_status)i;
			return 0;
		}
	return -1;
}

static int check_change(const struct store_change *change, struct err *err) {
	if ((size_t)change->status >= STATUSES)
		return err_set(err, "status: found %d, allowed: 0 to %zu", (int)change->status, STATUSES - 1);
	if (change->list.len == 0 && change->status == STORE_UNSUBSCRIBED)
		return err_set(err, "status of an address itself: found unsubscribed, allowed: active, blocked");
	if (change->list.len > STORE_TEXT_MAX)
		return err_set(err, "list of a status: found %zu octets, allowed: %d", change->list.len,
		               STORE_TEXT_MAX);
	if (change->reason.len == 0 || change->reason.len >= STORE_REASON_SIZE)
		return err_set(err, "reason of a status: found %zu octets, allowed: 1 to %d", change->reason.len,
		               STORE_REASON_SIZE - 1);
	if (change->time < 0 || change->time > STORE_SECONDS_MAX)
		return err_set(err, "time of a status: found %lld, allowed: years 1970 to 9999",
		               (long long)change->time);
	return change->event == NULL ? 0 : store_check_event(change->event, err);
}

int store_change_status(struct store *store, const struct store_change *changes, size_t count, size_t *changed_r,
                        struct err *err) {
	size_t changed, i;

	for (i = 0; i < count; i++)
		if (check_change(&changes[i], err) != 0)
			return -1;
	return store->driver->status->change(store, changes, count, changed_r == NULL ? &changed : changed_r, err);
}

int store_find_standing(struct store *store, uint64_t address_key, struct span list, struct store_standing *standing_r,
                        struct err *err) {
	return store->driver->status->find_standing(store, address_key, list, standing_r, err);
}

int store_find_address(struct store *store, uint64_t address_key, struct buf *address, struct err *err) {
	return store->driver->status->find_address(store, address_key, address, err);
}

int store_each_standing(struct store *store, uint64_t address_key,
                        int (*each)(void *context, struct span list, const struct store_standing *standing),
                        void *context, struct err *err) {
	return store->driver->status->each_standing(store, address_key, each, context, err);
}

int store_each_change(struct store *store, uint64_t address_key,
                      int (*each)(void *context, const struct store_change *change), void *context, struct err *err) {
	return store->driver->status->each_change(store, address_key, each, context, err);
}

int store_mark_all(struct store *store, const struct store_mark *marks, size_t count, struct err *err) {
	size_t i;

	for (i = 0; i < count; i++)
		if (marks[i].when < 0 || marks[i].when > STORE_SECONDS_MAX)
			return err_set(err, "time of a mark: found %lld, allowed: years 1970 to 9999",
			               (long long)marks[i].when);
	return store->driver->status->mark_temporary(store, marks, count, err);
}

int store_mark_temporary(struct store *store, uint64_t address_key, struct span address, time_t when, struct err *err) {
	struct store_mark mark = {address_key, address, when};

	return store_mark_all(store, &mark, 1, err);
}

int store_erase_address(struct store *store, uint64_t address_key, time_t now, bool *found_r, struct err *err) {
	assert(now >= 0 && now <= STORE_SECONDS_MAX);
	return store->driver->status->erase(store, address_key, now, found_r, err);
}

int store_expire_changes(struct store *store, time_t now, int keep_months, uint64_t *dropped_r, struct err *err) {
	struct tm tm;

	assert(now >= 0 && now <= STORE_SECONDS_MAX && keep_months >= 0);
	gmtime_r(&now, &tm);
	tm.tm_mon -= keep_months;
	return store->driver->status->expire_changes(store, timegm(&tm), dropped_r, err);
}
