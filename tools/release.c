#include "tools/release.h"

#include <stdio.h>

#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"
#include "lib/store_hold.h"
#include "lib/store_status.h"
#include "lib/warmup.h"

#define BATCH 100 /* messages told to Postfix at a time */
#define IDS_MAX (BATCH * 64)
/* How far a message's arrival, which is the beginning of its session, may be from the time
 * at which it was recorded, its end. */
#define ARRIVAL_BEFORE 3600
#define ARRIVAL_AFTER 60

struct row {
	char *queue_id, *stream, *list, *provider, *address;
	uint64_t key;
	time_t time;
	time_t released;
};

/* Held recipients, all of the host, those of one message in a row. */
struct rows {
	struct row *rows;
	size_t count;
	size_t room;
};

/* A message: its rows. */
struct held {
	const struct row *rows;
	size_t count;
	const struct postfix_mail *mail; /* in the hold queue; NULL: it isn't there */
};

/* Whose quota is used up, so that nobody overtakes: "stream" or "stream/provider". */
struct run {
	struct release *release;
	time_t now;
	long lifetime;
	struct strings full;
	struct buf release_ids, requeue_ids, delete_ids;
	struct strings told; /* to be forgotten once Postfix has heard */
};

/* ---- rows ---- */

static char *copy(struct span text) {
	return strndup(text.at == NULL ? "" : text.at, text.len);
}

static int add_row(void *context, const struct store_held *held) {
	struct rows *rows = context;
	struct row *row;

	if (rows->count == rows->room) {
		size_t room = rows->room == 0 ? 256 : rows->room * 2;
		struct row *more = reallocarray(rows->rows, room, sizeof *more);

		if (more == NULL)
			return 1;
		rows->rows = more;
		rows->room = room;
	}
	row = &rows->rows[rows->count++];
	*row = (struct row){copy(held->queue_id), copy(held->stream), copy(held->list), copy(held->provider),
	                    copy(held->address),  held->address_key,  held->time,       held->released};
	return row->queue_id == NULL || row->stream == NULL || row->list == NULL || row->provider == NULL ||
	       row->address == NULL;
}

static void free_rows(struct rows *rows) {
	size_t i;

	for (i = 0; i < rows->count; i++) {
		free(rows->rows[i].queue_id);
		free(rows->rows[i].stream);
		free(rows->rows[i].list);
		free(rows->rows[i].provider);
		free(rows->rows[i].address);
	}
	free(rows->rows);
	*rows = (struct rows){0};
}

/* By queue id at the place of its first row: rows of one message were added in one
 * transaction, and stand in a row already. */
static size_t message_rows(const struct rows *rows, size_t first) {
	size_t count = 1;

	while (first + count < rows->count &&
	       strcmp(rows->rows[first].queue_id, rows->rows[first + count].queue_id) == 0)
		count++;
	return count;
}

/* Queue ids are used again: it must be to the same people, or, where Postfix expanded an
 * alias, have come in at that time. */
static bool is_same(const struct postfix_mail *mail, const struct row *row) {
	struct addr addr;
	size_t i;

	if (mail->arrival <= row->time + ARRIVAL_AFTER && mail->arrival >= row->time - ARRIVAL_BEFORE)
		return true;
	for (i = 0; i < mail->recipients.len; i++)
		if (addr_parse(span_of(mail->recipients.at[i]), &addr) == 0 &&
		    span_equal(addr_span(&addr), span_of(row->address)))
			return true;
	return false;
}

static struct held look_up(const struct postfix_queue *queue, const struct row *rows, size_t count) {
	struct held held = {rows, count, postfix_find(queue, rows->queue_id)};

	if (held.mail != NULL && (strcmp(held.mail->queue, "hold") != 0 || !is_same(held.mail, rows)))
		held.mail = NULL;
	return held;
}

/* ---- decisions ---- */

static void record(const struct run *run, const struct held *held, const char *outcome, const char *reason,
                   const char *text) {
	size_t i;

	for (i = 0; i < held->count; i++) {
		const struct row *row = &held->rows[i];
		struct decision decision = {
		        .time = run->now,
		        .stage = SPAN("release"),
		        .outcome = span_of(outcome),
		        .reason = span_of(reason),
		        .text = span_of(text),
		        .list = span_of(row->list),
		        .stream = span_of(row->stream),
		        .address = span_of(row->address),
		        .address_key = row->key,
		        .queue_id = span_of(row->queue_id),
		};

		decisions_add(run->release->log, &decision);
	}
}

/* How many of its recipients have left, or are blocked. */
static int count_left(const struct run *run, const struct held *held, size_t *left_r, struct err *err) {
	struct store_standing standing;
	size_t i;

	*left_r = 0;
	for (i = 0; i < held->count; i++) {
		if (store_find_standing(run->release->store, held->rows[i].key, span_of(held->rows[i].list), &standing,
		                        err) != 0)
			return -1;
		*left_r += standing.status != STORE_ACTIVE;
	}
	return 0;
}

static bool is_full(const struct run *run, const char *stream, const char *provider) {
	char both[256];

	snprintf(both, sizeof both, "%s/%s", stream, provider);
	return strings_has(&run->full, span_of(stream)) || strings_has(&run->full, span_of(both));
}

static int set_full(struct run *run, const char *stream, const char *provider) {
	char both[256];

	if (provider == NULL)
		return strings_add(&run->full, span_of(stream));
	snprintf(both, sizeof both, "%s/%s", stream, provider);
	return strings_add(&run->full, span_of(both));
}

/* ---- units ---- */

struct bill {
	char day[DAY_SIZE];
	struct store_lease *leases; /* the stream's first, then each provider's */
	size_t count;
};

static void charge(struct bill *bill, const char *stream, const char *provider, int64_t limit) {
	size_t i;

	if (limit == STORE_NO_LIMIT)
		return;
	for (i = 0; i < bill->count; i++)
		if (span_equal(bill->leases[i].counter.provider, span_of(provider))) {
			bill->leases[i].want++;
			return;
		}
	bill->leases[bill->count++] = (struct store_lease){
	        .counter = {span_of(stream), span_of(bill->day), span_of(provider)},
	        .limit = limit,
	        .want = 1,
	        .parts = 1,
	};
}

static int64_t limit_of(long long quota) {
	return quota == WARMUP_UNLIMITED ? STORE_NO_LIMIT : quota;
}

static int make_bill(const struct run *run, const struct held *held, const struct warmup_today *today,
                     struct bill *bill, struct err *err) {
	size_t i;

	*bill = (struct bill){.leases = calloc(held->count + 1, sizeof *bill->leases)};
	if (bill->leases == NULL)
		return err_set(err, "out of memory");
	day_format(today->day, bill->day);
	for (i = 0; i < held->count; i++)
		charge(bill, held->rows[i].stream, "", limit_of(today->quota));
	for (i = 0; i < held->count; i++)
		charge(bill, held->rows[i].stream, held->rows[i].provider,
		       limit_of(warmup_provider_quota(run->release->conf, today, held->rows[i].provider)));
	return 0;
}

/* It can't go today, whatever is left: nobody waits for it, and no unit. */
static int park(const struct run *run, const struct held *held, const char *day, const char *reason, const char *text,
                struct err *err) {
	struct release *release = run->release;
	bool changed = false;

	if (store_hold_park(release->store, span_of(release->host), span_of(held->rows->queue_id), span_of(day),
	                    &changed, err) != 0)
		return -1;
	if (changed)
		record(run, held, "wait", reason, text);
	return 0;
}

/* It has more recipients than a day's quota. */
static bool is_too_large(const struct bill *bill) {
	size_t i;

	for (i = 0; i < bill->count; i++)
		if (bill->leases[i].limit > 0 && bill->leases[i].want > bill->leases[i].limit)
			return true;
	return false;
}

/* Who comes behind it waits too; of a provider's mail no unit of the stream is set aside today. */
static int note_one_full(struct run *run, const struct bill *bill, const struct store_lease *lease, struct err *err) {
	struct release *release = run->release;
	char provider[PROVIDER_NAME_SIZE], stream[128];

	snprintf(stream, sizeof stream, "%.*s", SPAN_ARG(lease->counter.stream));
	if (lease->counter.provider.len == 0)
		return set_full(run, stream, NULL);
	snprintf(provider, sizeof provider, "%.*s", SPAN_ARG(lease->counter.provider));
	return set_full(run, stream, provider) != 0
	               ? err_set(err, "out of memory")
	               : store_hold_park_provider(release->store, span_of(release->host), lease->counter.stream,
	                                          lease->counter.provider, span_of(bill->day), err);
}

/* Which counter had too little? */
static int note_full(struct run *run, const struct held *held, const struct bill *bill, struct err *err) {
	int outcome = 0;
	size_t i;

	if (is_too_large(bill))
		return park(run, held, bill->day, "too_large",
		            "it has more recipients than the day's quota: it waits until that has grown", err);
	for (i = 0; i < bill->count && outcome == 0; i++)
		if (bill->leases[i].left < bill->leases[i].want)
			outcome = note_one_full(run, bill, &bill->leases[i], err);
	return outcome;
}

static int count_traffic(const struct run *run, const struct held *held, struct err *err) {
	struct store_traffic *traffic = calloc(held->count, sizeof *traffic);
	size_t i;
	int outcome;

	if (traffic == NULL)
		return err_set(err, "out of memory");
	for (i = 0; i < held->count; i++)
		traffic[i] = (struct store_traffic){span_of(held->rows[i].stream), span_of(held->rows[i].provider),
		                                    run->now, 1};
	outcome = store_add_traffic(run->release->store, traffic, held->count, err);
	free(traffic);
	return outcome;
}

/* A stream that is no more has no quota. */
static int look_at_today(const struct run *run, const struct held *held, struct warmup_today *today_r,
                         struct err *err) {
	const struct release *release = run->release;
	const struct conf_stream *stream = conf_find_stream(release->conf, span_of(held->rows->stream));

	*today_r = (struct warmup_today){.quota = WARMUP_UNLIMITED};
	return stream == NULL
	               ? 0
	               : warmup_refresh(release->store, release->conf, stream, release->zone, run->now, today_r, err);
}

/* One of several can't be taken out of a queue file: somebody has to say what is to become of it. */
static int wait_for_word(const struct run *run, const struct held *held, struct err *err) {
	struct warmup_today today;
	char day[DAY_SIZE];

	if (look_at_today(run, held, &today, err) != 0)
		return -1;
	day_format(today.day, day);
	return park(run, held, day, "left",
	            "some of its recipients have left or are blocked: todoku hold release or cancel it by its queue id",
	            err);
}

/* Takes its units, where they are to be had. */
static int take(struct run *run, const struct held *held, bool *taken_r, struct err *err) {
	struct release *release = run->release;
	struct warmup_today today;
	struct bill bill;
	int outcome;

	*taken_r = false;
	if (look_at_today(run, held, &today, err) != 0)
		return -1;
	if (today.open)
		return set_full(run, held->rows->stream, NULL);
	if (make_bill(run, held, &today, &bill, err) != 0)
		return -1;
	outcome = store_hold_take(release->store, span_of(release->host), span_of(held->rows->queue_id), bill.leases,
	                          bill.count, run->now, taken_r, err);
	if (outcome == 0 && !*taken_r)
		outcome = note_full(run, held, &bill, err);
	else if (outcome == 0)
		outcome = count_traffic(run, held, err);
	free(bill.leases);
	return outcome;
}

/* ---- orders to Postfix ---- */

static void add_id(struct buf *ids, const char *id) {
	buf_add_text(ids, id);
	buf_add_byte(ids, '\n');
}

static bool is_old(const struct run *run, const struct held *held) {
	return run->release->conf->bounced.domain[0] != '\0' && run->now - held->mail->arrival > run->lifetime / 2;
}

static int order_release(struct run *run, const struct held *held) {
	add_id(is_old(run, held) ? &run->requeue_ids : &run->release_ids, held->rows->queue_id);
	run->release->released++;
	record(run, held, "release", "quota", is_old(run, held) ? "requeued as new" : "let go");
	return strings_add(&run->told, span_of(held->rows->queue_id));
}

static int order_delete(struct run *run, const struct held *held, const char *reason, const char *text) {
	add_id(&run->delete_ids, held->rows->queue_id);
	run->release->cancelled++;
	record(run, held, "cancel", reason, text);
	return strings_add(&run->told, span_of(held->rows->queue_id));
}

static int tell(struct run *run, struct err *err) {
	struct release *release = run->release;
	size_t i;

	if (postfix_order(release->postfix, POSTFIX_DELETE, buf_span(&run->delete_ids), err) != 0 ||
	    postfix_order(release->postfix, POSTFIX_RELEASE, buf_span(&run->release_ids), err) != 0 ||
	    postfix_order(release->postfix, POSTFIX_REQUEUE, buf_span(&run->requeue_ids), err) != 0)
		return -1;
	for (i = 0; i < run->told.len; i++)
		if (store_hold_drop(release->store, span_of(release->host), span_of(run->told.at[i]), err) != 0)
			return -1;
	buf_reset(&run->delete_ids);
	buf_reset(&run->release_ids);
	buf_reset(&run->requeue_ids);
	strings_free(&run->told);
	return 0;
}

/* ---- one message ---- */

static int forget(struct run *run, const struct held *held, struct err *err) {
	struct release *release = run->release;

	if (held->rows->released == 0 && run->now - held->rows->time < RELEASE_FORGET_SECONDS) {
		release->waiting++;
		return 0;
	}
	release->forgotten++;
	if (held->rows->released == 0)
		record(run, held, "forget", "gone", "it is not in the hold queue any more");
	return store_hold_drop(release->store, span_of(release->host), span_of(held->rows->queue_id), err);
}

static bool overtakes(const struct run *run, const struct held *held) {
	size_t i;

	for (i = 0; i < held->count; i++)
		if (is_full(run, held->rows[i].stream, held->rows[i].provider))
			return true;
	return false;
}

static int consider(struct run *run, const struct held *held, struct err *err) {
	struct release *release = run->release;
	bool named = release->only != NULL, taken;
	size_t left;

	if (named && !strings_has(release->only, span_of(held->rows->queue_id)))
		return 0;
	if (held->mail == NULL)
		return forget(run, held, err);
	if (held->rows->released != 0)
		return order_release(run, held);
	if (count_left(run, held, &left, err) != 0)
		return -1;
	if (left == held->count)
		return order_delete(run, held, "left", "all its recipients have left the list or are blocked");
	if (!named && (left > 0 || overtakes(run, held))) {
		release->waiting++;
		return left > 0 ? wait_for_word(run, held, err) : 0;
	}
	if (take(run, held, &taken, err) != 0)
		return -1;
	if (!taken) {
		release->waiting++;
		return 0;
	}
	return order_release(run, held);
}

static int for_all(struct run *run, int (*each)(struct run *run, const struct held *held, struct err *err),
                   struct err *err) {
	struct release *release = run->release;
	struct postfix_queue queue = {0};
	struct rows rows = {0};
	size_t i, count;
	int outcome;

	outcome = store_hold_each(release->store, span_of(release->host), add_row, &rows, err);
	if (outcome == 0 && rows.count > 0)
		outcome = postfix_read_queue(release->postfix, &queue, err);
	for (i = 0; i < rows.count && outcome == 0; i += count) {
		struct held held;

		count = message_rows(&rows, i);
		held = look_up(&queue, &rows.rows[i], count);
		outcome = each(run, &held, err);
		if (outcome == 0 && run->told.len >= BATCH)
			outcome = tell(run, err);
	}
	/* Also after a failure: their units are taken. */
	if (run->told.len > 0 && tell(run, outcome == 0 ? err : NULL) != 0)
		outcome = -1;
	postfix_queue_free(&queue);
	free_rows(&rows);
	return outcome;
}

static int with_run(struct release *release, time_t now,
                    int (*each)(struct run *run, const struct held *held, struct err *err), struct err *err) {
	struct run run = {.release = release, .now = now};
	int outcome;

	buf_init(&run.release_ids, IDS_MAX);
	buf_init(&run.requeue_ids, IDS_MAX);
	buf_init(&run.delete_ids, IDS_MAX);
	outcome = postfix_lifetime(release->postfix, &run.lifetime, err) != 0 ? -1 : for_all(&run, each, err);
	buf_free(&run.release_ids);
	buf_free(&run.requeue_ids);
	buf_free(&run.delete_ids);
	strings_free(&run.told);
	strings_free(&run.full);
	return outcome;
}

int release_run(struct release *release, time_t now, struct err *err) {
	return with_run(release, now, consider, err);
}

static int cancel_one(struct run *run, const struct held *held, struct err *err) {
	if (!strings_has(run->release->only, span_of(held->rows->queue_id)))
		return 0;
	if (held->mail == NULL)
		return forget(run, held, err);
	return order_delete(run, held, "hand", "cancelled by hand");
}

int release_cancel(struct release *release, time_t now, struct err *err) {
	return with_run(release, now, cancel_one, err);
}
