#include "policyd/traffic.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/store_warmup.h"
#include "policyd/slices.h"

#define SORTS_MAX 4096 /* of stream and provider */

struct sort {
	char stream[SLICES_NAME_SIZE];
	char provider[PROVIDER_NAME_SIZE];
	long long count;
};

struct traffic {
	pthread_mutex_t lock;
	struct sort *sorts;
	size_t count;
	size_t room;
};

struct traffic *traffic_new(void) {
	struct traffic *traffic = calloc(1, sizeof *traffic);

	if (traffic != NULL)
		pthread_mutex_init(&traffic->lock, NULL);
	return traffic;
}

void traffic_free(struct traffic **traffic) {
	if (*traffic == NULL)
		return;
	pthread_mutex_destroy(&(*traffic)->lock);
	free((*traffic)->sorts);
	free(*traffic);
	*traffic = NULL;
}

/* NULL when out of memory. */
static struct sort *sort_of(struct traffic *traffic, const char *stream, const char *provider) {
	struct sort *sort;
	size_t i;

	for (i = 0; i < traffic->count; i++) {
		sort = &traffic->sorts[i];
		if (strcmp(sort->stream, stream) == 0 && strcmp(sort->provider, provider) == 0)
			return sort;
	}
	if (traffic->count == traffic->room) {
		size_t room = traffic->room == 0 ? 16 : traffic->room * 2;
		struct sort *bigger = room > SORTS_MAX ? NULL : reallocarray(traffic->sorts, room, sizeof *bigger);

		if (bigger == NULL)
			return NULL;
		traffic->sorts = bigger;
		traffic->room = room;
	}
	sort = &traffic->sorts[traffic->count++];
	*sort = (struct sort){.count = 0};
	strncpy(sort->stream, stream, sizeof sort->stream - 1);
	strncpy(sort->provider, provider, sizeof sort->provider - 1);
	return sort;
}

void traffic_count(struct traffic *traffic, const char *stream, const char *provider, int count) {
	struct sort *sort;

	pthread_mutex_lock(&traffic->lock);
	sort = sort_of(traffic, stream, provider);
	if (sort != NULL)
		sort->count += count;
	pthread_mutex_unlock(&traffic->lock);
}

int traffic_flush(struct traffic *traffic, struct store *store, time_t now, struct err *err) {
	struct sort *sorts;
	struct store_traffic *more;
	size_t count, used = 0, i;
	int outcome = 0;

	pthread_mutex_lock(&traffic->lock);
	count = traffic->count;
	sorts = traffic->sorts;
	traffic->sorts = NULL;
	traffic->count = traffic->room = 0;
	pthread_mutex_unlock(&traffic->lock);
	more = calloc(count + 1, sizeof *more);
	for (i = 0; i < count && more != NULL; i++)
		if (sorts[i].count > 0)
			more[used++] = (struct store_traffic){
			        .stream = span_of(sorts[i].stream),
			        .provider = span_of(sorts[i].provider),
			        .time = now,
			        .sent = (uint64_t)sorts[i].count,
			};
	if (more == NULL)
		outcome = err_set(err, "out of memory");
	else if (used > 0)
		outcome = store_add_traffic(store, more, used, err);
	for (i = 0; i < count; i++)
		if (outcome != 0 || sorts[i].count < 0)
			traffic_count(traffic, sorts[i].stream, sorts[i].provider, (int)sorts[i].count);
	free(sorts);
	free(more);
	return outcome;
}
