#include "report/phrases.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET_BITS 13
#define BUCKET_COUNT (1U << BUCKET_BITS)

struct phrase {
	char *text;
	uint32_t len;
	uint32_t id;
	uint32_t head; /* its first four octets */
};

struct phrases {
	struct phrase *all;
	size_t count;
	size_t room;
	/* Of the sorted phrases: where those of a bucket begin; one more than buckets. */
	uint32_t *starts;
	/* A bit for each bucket that holds any: it stays in the nearest cache. */
	uint64_t used[BUCKET_COUNT / 64];
};

static uint32_t head_of(const char *at) {
	uint32_t head;

	memcpy(&head, at, sizeof head);
	return head;
}

static uint32_t bucket_of(uint32_t head) {
	return (head * 2654435761U) >> (32 - BUCKET_BITS);
}

struct phrases *phrases_new(void) {
	return calloc(1, sizeof(struct phrases));
}

void phrases_free(struct phrases **phrases) {
	size_t i;

	if (*phrases == NULL)
		return;
	for (i = 0; i < (*phrases)->count; i++)
		free((*phrases)->all[i].text);
	free((*phrases)->all);
	free((*phrases)->starts);
	free(*phrases);
	*phrases = NULL;
}

int phrases_add(struct phrases *phrases, struct span folded, uint32_t id) {
	struct phrase *grown;
	char *copy;

	if (folded.len < PHRASE_MIN || folded.len > PHRASE_MAX)
		return -1;
	if (phrases->count == phrases->room) {
		size_t room = phrases->room == 0 ? 256 : phrases->room * 2;

		grown = realloc(phrases->all, room * sizeof *grown);
		if (grown == NULL)
			return -1;
		phrases->all = grown;
		phrases->room = room;
	}
	copy = malloc(folded.len);
	if (copy == NULL)
		return -1;
	memcpy(copy, folded.at, folded.len);
	phrases->all[phrases->count++] = (struct phrase){copy, (uint32_t)folded.len, id, head_of(folded.at)};
	return 0;
}

static int compare(const void *a, const void *b) {
	uint32_t left = bucket_of(((const struct phrase *)a)->head),
	         right = bucket_of(((const struct phrase *)b)->head);

	return left < right ? -1 : left > right;
}

int phrases_seal(struct phrases *phrases) {
	size_t i, bucket = 0;

	phrases->starts = calloc(BUCKET_COUNT + 1, sizeof *phrases->starts);
	if (phrases->starts == NULL)
		return -1;
	if (phrases->count > 0)
		qsort(phrases->all, phrases->count, sizeof *phrases->all, compare);
	for (i = 0; i < phrases->count; i++)
		while (bucket <= bucket_of(phrases->all[i].head))
			phrases->starts[bucket++] = (uint32_t)i;
	for (i = 0; i < phrases->count; i++) {
		uint32_t of = bucket_of(phrases->all[i].head);

		phrases->used[of / 64] |= (uint64_t)1 << (of % 64);
	}
	while (bucket <= BUCKET_COUNT)
		phrases->starts[bucket++] = (uint32_t)phrases->count;
	return 0;
}

/* Letters and digits: a phrase that begins with one is found where a word begins. */
static const bool is_word[256] = {
        ['0' ... '9'] = true,
        ['A' ... 'Z'] = true,
        ['a' ... 'z'] = true,
};

size_t phrases_find(const struct phrases *phrases, struct span folded, struct phrase_hit *hits, size_t max) {
	size_t found = 0, i;
	bool before = false, word;

	for (i = 0; i + PHRASE_MIN <= folded.len; i++, before = word) {
		uint32_t head, bucket, at;

		word = is_word[(unsigned char)folded.at[i]];
		if (word && before)
			continue;
		head = head_of(folded.at + i);
		bucket = bucket_of(head);
		if ((phrases->used[bucket / 64] >> (bucket % 64) & 1) == 0)
			continue;
		for (at = phrases->starts[bucket]; at < phrases->starts[bucket + 1]; at++) {
			const struct phrase *p = &phrases->all[at];

			if (p->head != head || p->len > folded.len - i ||
			    p->text[p->len - 1] != folded.at[i + p->len - 1] ||
			    memcmp(p->text, folded.at + i, p->len) != 0)
				continue;
			if (found == max)
				return found;
			hits[found++] = (struct phrase_hit){p->id, (uint32_t)i, (uint32_t)(i + p->len)};
		}
	}
	return found;
}
