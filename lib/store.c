#include "lib/store_driver.h"

#include <assert.h>
#include <stdlib.h>

/* By the words of the option store.driver. */
static const struct store_driver *const drivers[] = {&store_sqlite_driver};

const struct store_driver *store_driver_of(const struct conf_store *conf) {
	assert(conf->driver >= 0 && (size_t)conf->driver < sizeof drivers / sizeof drivers[0]);
	return drivers[conf->driver];
}

long long store_now_ms(void) {
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct store *store_open(const struct conf_store *conf, struct err *err) {
	return store_driver_of(conf)->open(conf, true, conf->busy_timeout * 1000, err);
}

void store_close(struct store **store) {
	if (*store == NULL)
		return;
	(*store)->driver->close(*store);
	*store = NULL;
}

int store_version(const struct store *store) {
	return store->driver->version(store);
}

int store_check_sends(const struct store_send *sends, size_t count, struct err *err) {
	size_t i;

	for (i = 0; i < count; i++)
		if (sends[i].time < 0 || sends[i].time > STORE_SECONDS_MAX)
			return err_set(err, "time of a send: found %lld, allowed: years 1970 to 9999",
			               (long long)sends[i].time);
	return 0;
}

int store_add_sends(struct store *store, const struct store_send *sends, size_t count, struct err *err) {
	if (store_check_sends(sends, count, err) != 0)
		return -1;
	return store->driver->add_sends(store, sends, count, store->wait_ms, err) == STORE_DONE ? 0 : -1;
}

int store_find_campaigns(struct store *store, struct span id_or_name, struct store_campaign **found_r, size_t *count_r,
                         struct err *err) {
	return store->driver->find_campaigns(store, id_or_name, found_r, count_r, err);
}

void store_campaigns_free(struct store_campaign **found, size_t count) {
	size_t i;

	if (*found == NULL)
		return;
	for (i = 0; i < count; i++) {
		free((*found)[i].list);
		free((*found)[i].name);
	}
	free(*found);
	*found = NULL;
}

int store_each_send(struct store *store, uint64_t campaign, int (*each)(void *context, const struct store_send *send),
                    void *context, struct err *err) {
	return store->driver->each_send(store, campaign, each, context, err);
}

int store_rollup(struct store *store, uint64_t campaign, struct span kind, uint64_t *count_r, struct err *err) {
	return store->driver->rollup(store, campaign, kind, count_r, err);
}

int store_expire(struct store *store, time_t now, int keep_months, int *dropped_r, struct err *err) {
	assert(now >= 0 && now <= STORE_SECONDS_MAX && keep_months >= 0);
	return store->driver->expire(store, now, keep_months, dropped_r, err);
}
