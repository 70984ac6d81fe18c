/*
 * What a back end of the store has to offer; private to lib/store*.c.
 *
 * The contracts are those of the public headers.  A back end's handle begins with
 * a `struct store`.  Each area has a table of its own.
 */
#ifndef LIB_STORE_DRIVER_H
#define LIB_STORE_DRIVER_H

#include "lib/store.h"
#include "lib/store_event.h"
#include "lib/store_status.h"

struct store {
	const struct store_driver *driver;
	long wait_ms; /* for a lock, unless the caller says otherwise */
};

enum store_result {
	STORE_DONE,
	STORE_BUSY, /* locked by others all the time: worth another try */
	STORE_FAILED,
};

/* lib/store_status.h; what is written has been checked */
struct store_status_driver {
	int (*change)(struct store *store, const struct store_change *changes, size_t count, size_t *changed_r,
	              struct err *err);
	int (*find_standing)(struct store *store, uint64_t address_key, struct span list,
	                     struct store_standing *standing_r, struct err *err);
	int (*find_address)(struct store *store, uint64_t address_key, struct buf *address, struct err *err);
	int (*each_standing)(struct store *store, uint64_t address_key,
	                     int (*each)(void *context, struct span list, const struct store_standing *standing),
	                     void *context, struct err *err);
	int (*each_change)(struct store *store, uint64_t address_key,
	                   int (*each)(void *context, const struct store_change *change), void *context,
	                   struct err *err);
	int (*mark_temporary)(struct store *store, uint64_t address_key, struct span address, time_t when,
	                      struct err *err);
	int (*erase)(struct store *store, uint64_t address_key, time_t now, bool *found_r, struct err *err);
	int (*expire_changes)(struct store *store, time_t before, uint64_t *dropped_r, struct err *err);
};

/* lib/store_event.h; what is written has been checked */
struct store_event_driver {
	int (*apply)(struct store *store, const struct store_event *events, size_t count, struct span source,
	             uint64_t position, struct err *err);
	int (*position)(struct store *store, struct span source, uint64_t *position_r, struct err *err);
	int (*forget_source)(struct store *store, struct span source, struct err *err);
	int (*each)(struct store *store, const struct store_event_query *query,
	            int (*each)(void *context, const struct store_event *event), void *context, struct err *err);
	int (*each_hour)(struct store *store, uint64_t campaign,
	                 int (*each)(void *context, time_t hour, struct span kind, uint64_t count), void *context,
	                 struct err *err);
	int (*each_kind)(struct store *store, uint64_t campaign,
	                 void (*each)(void *context, struct span kind, uint64_t count), void *context, struct err *err);
	int (*each_link)(struct store *store, uint64_t campaign,
	                 int (*each)(void *context, const struct store_link *link), void *context, struct err *err);
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

	const struct store_status_driver *status;
	const struct store_event_driver *event;
};

extern const struct store_driver store_sqlite_driver;

/* The back end that the configuration names. */
const struct store_driver *store_driver_of(const struct conf_store *conf);

/* The years 1970 to 9999. */
#define STORE_SECONDS_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

/* Can these be recorded?  One bad record must not spoil a group. */
int store_check_sends(const struct store_send *sends, size_t count, struct err *err);

/* Kind of the roll-up for a figure of events: "click.unique.human".  It stays where
 * it is. */
enum store_figure_part { STORE_TOTAL, STORE_HUMAN, STORE_UNIQUE, STORE_UNIQUE_HUMAN };
const char *store_figure_kind(enum store_event_kind kind, enum store_figure_part part);

/* Of a clock that nobody sets. */
long long store_now_ms(void);

#endif
