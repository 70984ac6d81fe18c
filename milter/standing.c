#include "milter/standing.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/token.h"

static int find_all(struct store *store, const struct world *world, struct span list, const struct message *m,
                    struct store_standing *standings, struct err *err) {
	size_t i;

	for (i = 0; i < m->recipient_count; i++) {
		uint64_t key = token_address_key(world->ring, message_recipient_text(&m->recipients[i]));

		if (store_find_standing(store, key, list, &standings[i], err) != 0)
			return -1;
	}
	return 0;
}

int standing_check(struct store_pool *pool, const struct world *world, const struct conf_list *list, struct message *m,
                   standing_refused *refused, void *context, struct err *err) {
	struct store_standing *standings = calloc(m->recipient_count + 1, sizeof *standings);
	struct store *store = standings == NULL ? NULL : store_pool_take(pool, err);
	size_t i;
	int status = -1;

	if (standings == NULL)
		return err_set(err, "out of memory");
	if (store != NULL) {
		status = find_all(store, world, span_of(list->name), m, standings, err);
		store_pool_give(pool, &store, status != 0);
	}
	for (i = m->recipient_count; status == 0 && i-- > 0;) {
		if (standings[i].status == STORE_ACTIVE)
			continue;
		refused(context, &m->recipients[i], &standings[i]);
		message_refuse(m, i);
	}
	free(standings);
	return status;
}

void standing_text(const struct zone *zone, const struct conf_list *list, const struct recipient *recipient,
                   const struct store_standing *standing, char out[STANDING_TEXT_SIZE]) {
	struct span address = message_recipient_text(recipient), detail = span_of(standing->detail);
	bool left = standing->status == STORE_UNSUBSCRIBED;
	bool shown = detail.len > 0 && span_is_ascii(detail);
	char day[DAY_SIZE];

	zone_day(zone, standing->since, day);
	snprintf(out, STANDING_TEXT_SIZE, "%.*s %s%s%s since %s: %s%s%.120s%s; remove it from the list%s",
	         address.len > 200 ? 200 : (int)address.len, address.at,
	         left ? "has unsubscribed from list " : "is blocked",
	         !left && !standing->of_address ? " for list " : "", left || !standing->of_address ? list->name : "",
	         day, standing->reason, shown ? " (" : "", shown ? standing->detail : "", shown ? ")" : "",
	         left ? "" : ", or if it is alive again: todoku address unblock");
}
