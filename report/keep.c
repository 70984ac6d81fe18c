#include "report/keep.h"

#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"

#define BLOCK_SIZE 8192

struct keep_block {
	struct keep_block *next;
	size_t used;
	size_t size;
	char bytes[];
};

struct report_text *keep_new(void) {
	return calloc(1, sizeof(struct report_text));
}

void keep_free(struct report_text **keep) {
	struct keep_block *block, *next;

	if (*keep == NULL)
		return;
	for (block = (*keep)->blocks; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	free(*keep);
	*keep = NULL;
}

static char *reserve(struct report_text *keep, size_t size) {
	struct keep_block *block = keep->blocks;

	if (block == NULL || block->size - block->used < size) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		block = malloc(sizeof *block + room);
		if (block == NULL) {
			keep->failed = true;
			return NULL;
		}
		*block = (struct keep_block){.next = keep->blocks, .size = room};
		keep->blocks = block;
	}
	return block->bytes + block->used;
}

const char *keep_text(struct report_text *keep, struct span text, size_t max) {
	char *to = reserve(keep, (text.len < max ? text.len : max) + 1);
	size_t len = 0;

	if (to == NULL)
		return "";
	while (text.len > 0 && len < max) {
		size_t size;

		if (text.at[0] > ' ' && text.at[0] < 0x7f) {
			to[len++] = text.at[0];
			text = span_make(text.at + 1, text.len - 1);
			continue;
		}
		size = utf8_size(text);
		if (size == 0) {
			to[len++] = '?';
			size = 1;
		} else if (text.at[0] == ' ' || utf8_is_control(text)) {
			if (len > 0 && to[len - 1] != ' ')
				to[len++] = ' ';
		} else if (len + size <= max) {
			memcpy(to + len, text.at, size);
			len += size;
		} else {
			break;
		}
		text = span_from(text, size);
	}
	while (len > 0 && to[len - 1] == ' ')
		len--;
	to[len] = '\0';
	keep->blocks->used += len + 1;
	return len == 0 ? "" : to;
}

const char *keep_lower(struct report_text *keep, struct span text, size_t max) {
	char *at = (char *)(uintptr_t)keep_text(keep, text, max), *c;

	for (c = at; *c != '\0'; c++)
		*c = ascii_lower(*c);
	return at;
}

struct span keep_bytes(struct report_text *keep, struct span bytes) {
	char *to = reserve(keep, bytes.len + 1);

	if (to == NULL)
		return SPAN_NONE;
	if (bytes.len > 0)
		memcpy(to, bytes.at, bytes.len);
	to[bytes.len] = '\0';
	keep->blocks->used += bytes.len + 1;
	return span_make(to, bytes.len);
}
