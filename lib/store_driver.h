/*
 * What a back end of the store has to offer; private to lib/store*.c.
 *
 * The contracts are those of lib/store.h.  A back end's handle begins with a
 * `struct store`.
 */
#ifndef LIB_STORE_DRIVER_H
#define LIB_STORE_DRIVER_H

#include "lib/store.h"
#include "lib/store_hold.h"

struct store {
	const struct store_driver *driver;
	long wait_ms; /* for a lock, unless the caller says otherwise */
};

enum store_result {
	STORE_DONE,
	STORE_BUSY, /* locked by others all the time: worth another try */
	STORE_FAILED,
};

/* Leased quota and held mail (store_quota.h, store_hold.h). */
struct store_quota_driver {
	int (*lease)(struct store *store, struct store_lease *leases, size_t count, struct err *err);
	int (*give_back)(struct store *store, const struct store_return *returns, size_t count, struct err *err);
	int (*each)(struct store *store, struct span stream, struct span day,
	            int (*each)(void *context, struct span provider, int64_t leased), void *context, struct err *err);
	int (*hold_add)(struct store *store, const struct store_held *rows, size_t count, struct err *err);
	int (*hold_each)(struct store *store, struct span host,
	                 int (*each)(void *context, const struct store_held *row), void *context, struct err *err);
	int (*hold_take)(struct store *store, struct span host, struct span queue_id, struct store_lease *leases,
	                 size_t count, time_t now, bool *taken_r, struct err *err);
	int (*hold_drop)(struct store *store, struct span host, struct span queue_id, struct err *err);
};

struct store_driver {
	const char *name;
	/* With `create` false the store must exist. */
	struct store *(*open)(const struct conf_store *conf, bool create, long wait_ms, struct err *err);
	void (*close)(struct store *store);
	int (*version)(const struct store *store);
	/* Is it still the one that a new handle would get? */
	bool (*is_current)(const struct store *store);
	enum store_result (*add_sends)(struct store *store, const struct store_send *sends, size_t count, long wait_ms,
	                               struct err *err);
	int (*find_campaigns)(struct store *store, struct span id_or_name, struct store_campaign **found_r,
	                      size_t *count_r, struct err *err);
	int (*each_send)(struct store *store, uint64_t campaign,
	                 int (*each)(void *context, const struct store_send *send), void *context, struct err *err);
	int (*rollup)(struct store *store, uint64_t campaign, struct span kind, uint64_t *count_r, struct err *err);
	int (*expire)(struct store *store, time_t now, int keep_months, int *dropped_r, struct err *err);
	const struct store_quota_driver *quota;
};

extern const struct store_driver store_sqlite_driver;

/* The back end that the configuration names. */
const struct store_driver *store_driver_of(const struct conf_store *conf);

/* Can these be recorded?  One bad record must not spoil a group. */
int store_check_sends(const struct store_send *sends, size_t count, struct err *err);

/* Of a clock that nobody sets. */
long long store_now_ms(void);

#endif
