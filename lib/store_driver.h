/*
 * What a back end of the store has to offer; private to lib/store*.c.
 *
 * The contracts are those of the public headers.  A back end's handle begins with
 * a `struct store`.  Each area has a table of its own.
 */
#ifndef LIB_STORE_DRIVER_H
#define LIB_STORE_DRIVER_H

#include "lib/store.h"
#include "lib/store_bounce.h"
#include "lib/store_event.h"
#include "lib/store_hold.h"
#include "lib/store_status.h"
#include "lib/store_warmup.h"

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
	int (*mark_temporary)(struct store *store, const struct store_mark *marks, size_t count, struct err *err);
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

/* lib/store_export.h */
struct store_export_driver {
	int (*each_address)(struct store *store, int (*each)(void *context, uint64_t address_key, struct span address),
	                    void *context, struct err *err);
};

/* lib/store_quota.h, lib/store_hold.h */
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
	int (*hold_park)(struct store *store, struct span host, struct span queue_id, struct span day, bool *changed_r,
	                 struct err *err);
	int (*hold_park_provider)(struct store *store, struct span host, struct span stream, struct span provider,
	                          struct span day, struct err *err);
};

/* lib/store_warmup.h */
struct store_warmup_driver {
	int (*find_ramp)(struct store *store, struct span stream, struct store_ramp *ramp_r, struct err *err);
	int (*change_ramp)(struct store *store, struct span stream, const struct store_ramp *ramp,
	                   const struct store_ramp_event *event, bool *changed_r, struct err *err);
	int (*each_ramp_event)(struct store *store, struct span stream, int count,
	                       int (*each)(void *context, const struct store_ramp_event *event), void *context,
	                       struct err *err);
	int (*add_traffic)(struct store *store, const struct store_traffic *traffic, size_t count, struct err *err);
	int (*each_traffic)(struct store *store, struct span stream, time_t from, time_t end,
	                    int (*each)(void *context, struct span provider, uint64_t sent), void *context,
	                    struct err *err);
	int (*find_domain)(struct store *store, struct span domain, int64_t day, bool *found_r,
	                   struct store_domain *domain_r, struct err *err);
	int (*set_domain)(struct store *store, struct span domain, struct span provider, int64_t day, time_t now,
	                  time_t expires, struct err *err);
};

/* lib/store_bounce.h; times have been checked */
struct store_bounce_driver {
	int (*find_sent)(struct store *store, uint64_t campaign, uint64_t address_key, time_t from, time_t to,
	                 struct store_sent *sent_r, bool *found_r, struct err *err);
	int (*add)(struct store *store, const struct store_bounce *bounces, size_t count,
	           enum store_bounce_result *results_r, bool *alone_r, struct err *err);
	int (*trim)(struct store *store, const struct store_keep *keep, struct err *err);
	int (*each)(struct store *store, const struct store_bounce_which *which,
	            int (*each)(void *context, const struct store_bounce_row *row), void *context, struct err *err);
	int (*mail)(struct store *store, int64_t id, struct buf *mail, struct err *err);
	int (*rejudge)(struct store *store, int64_t id, const struct store_bounce *judged, struct err *err);
	int (*each_error)(struct store *store, uint64_t campaign,
	                  int (*each)(void *context, struct span category, uint64_t count), void *context,
	                  struct err *err);
	int (*each_feedback)(struct store *store, struct span stream, time_t from, time_t to,
	                     int (*each)(void *context, const struct store_feedback *feedback), void *context,
	                     struct err *err);
};

/* lib/store_filter.h */
struct store_commit_mark {
	uint64_t identity; /* of the store: of another one nothing holds */
	uint64_t head[6];  /* anything else after each commit */
};
struct store_filter_driver {
	/* Of the newest commit; false where it can't be told.  Without a lock or a system call. */
	bool (*mark)(struct store *store, struct store_commit_mark *mark_r);
	/* The keys that got a standing after that news, or all that have one
	 * (`after` -1, or too long ago).  Stops when it returns non-zero. */
	int (*each_key)(struct store *store, int64_t after, int (*each)(void *context, uint64_t address_key),
	                void *context, int64_t *last_r, struct err *err);
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
	const struct store_export_driver *export;
	const struct store_warmup_driver *warmup;
	const struct store_quota_driver *quota;
	const struct store_filter_driver *filter;
	const struct store_bounce_driver *bounce;
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
