/*
 * The list of active formatting elements and what is done with it (HTML Living
 * Standard 13.2.4.3, and the adoption agency algorithm of 13.2.6.4.7).
 */
#include <string.h>

#include "milter/html_stack.h"

static void insert_at(struct html_stack *s, size_t index, struct html_formatting entry) {
	if (s->formatting_count == HTML_FORMATTING_MAX) {
		s->overflow = true;
		return;
	}
	memmove(s->formatting + index + 1, s->formatting + index,
	        (s->formatting_count - index) * sizeof s->formatting[0]);
	s->formatting[index] = entry;
	s->formatting_count++;
}

static void remove_at(struct html_stack *s, size_t index) {
	s->formatting_count--;
	memmove(s->formatting + index, s->formatting + index + 1,
	        (s->formatting_count - index) * sizeof s->formatting[0]);
}

static ssize_t find(const struct html_stack *s, uint32_t id) {
	ssize_t i = (ssize_t)s->formatting_count;

	while (i-- > 0 && s->formatting[i].element.id != id)
		;
	return i;
}

/* The last entry of that tag behind the last marker, or -1. */
static ssize_t find_tag(const struct html_stack *s, enum html_tag tag) {
	ssize_t i = (ssize_t)s->formatting_count;

	while (i-- > 0) {
		if (s->formatting[i].element.id == 0)
			return -1;
		if (s->formatting[i].element.tag == tag)
			return i;
	}
	return -1;
}

uint32_t html_formatting_last(const struct html_stack *s, enum html_tag tag) {
	ssize_t i = find_tag(s, tag);

	return i < 0 ? 0 : s->formatting[i].element.id;
}

void html_formatting_drop(struct html_stack *s, uint32_t id) {
	ssize_t i = find(s, id);

	if (i >= 0)
		remove_at(s, (size_t)i);
}

static uint64_t attributes_of(const struct html_stack *s, struct html_formatting *entry) {
	if (entry->attributes == 0)
		entry->attributes = html_lex_attributes_hash(&s->in, entry->element.at);
	return entry->attributes;
}

/* Noah's Ark clause: with three alike behind the last marker, the earliest goes.
 * Attributes are looked at only where three have the tag. */
static void make_room(struct html_stack *s, struct html_formatting *entry) {
	size_t i, same_tag = 0, alike = 0, earliest = 0;

	for (i = s->formatting_count; i-- > 0 && s->formatting[i].element.id != 0;)
		same_tag += s->formatting[i].element.tag == entry->element.tag;
	if (same_tag < 3)
		return;
	for (i = s->formatting_count; i-- > 0 && s->formatting[i].element.id != 0;) {
		if (s->formatting[i].element.tag != entry->element.tag ||
		    attributes_of(s, &s->formatting[i]) != attributes_of(s, entry))
			continue;
		alike++;
		earliest = i;
	}
	if (alike >= 3)
		remove_at(s, earliest);
}

void html_formatting_add(struct html_stack *s) {
	struct html_formatting entry = {.element = *html_stack_top(s)};

	make_room(s, &entry);
	insert_at(s, s->formatting_count, entry);
}

void html_formatting_mark(struct html_stack *s) {
	insert_at(s, s->formatting_count, (struct html_formatting){.attributes = 0});
}

void html_formatting_clear(struct html_stack *s) {
	while (s->formatting_count > 0 && s->formatting[--s->formatting_count].element.id != 0)
		;
}

/* Is the entry a marker, or is its element open? */
static bool is_settled(const struct html_stack *s, size_t i) {
	return s->formatting[i].element.id == 0 || html_stack_find(s, s->formatting[i].element.id) >= 0;
}

void html_formatting_reconstruct(struct html_stack *s) {
	size_t i = s->formatting_count;

	while (i > 0 && !is_settled(s, i - 1))
		i--;
	for (; i < s->formatting_count && !s->overflow; i++) {
		struct html_element *element = &s->formatting[i].element;

		html_stack_push(s, element->at, element->tag, HTML_SPACE_HTML);
		element->id = s->last_id;
	}
}

/* The furthest block: the special element that was opened next after the
 * formatting element at `from`; 0 where there is none. */
static size_t furthest_block(const struct html_stack *s, size_t from) {
	size_t i;

	for (i = from + 1; i < s->depth; i++)
		if (html_element_is_special(&s->open[i]))
			return i;
	return 0;
}

/*
 * The inner loop: from the furthest block down to the formatting element at
 * `from`, elements that aren't in the list leave the stack, and the first three
 * that are get clones.  Returns the furthest block's new index and moves the
 * bookmark.
 */
static size_t adopt_between(struct html_stack *s, size_t from, size_t block, size_t *bookmark) {
	size_t i;
	int round = 0;
	bool first = true;

	for (i = block; --i > from;) {
		ssize_t entry = find(s, s->open[i].id);

		round++;
		if (entry >= 0 && round > 3) {
			remove_at(s, (size_t)entry);
			if ((size_t)entry < *bookmark)
				--*bookmark;
			entry = -1;
		}
		if (entry < 0) {
			html_stack_remove(s, i);
			block--;
			continue;
		}
		s->open[i].id = ++s->last_id;
		s->formatting[entry].element.id = s->open[i].id;
		if (first)
			*bookmark = (size_t)entry + 1;
		first = false;
	}
	return block;
}

/* One round of the outer loop; false where it was the last. */
static bool adopt_once(struct html_stack *s, enum html_tag subject) {
	ssize_t entry = find_tag(s, subject), from;
	struct html_formatting clone;
	size_t block, bookmark;

	if (entry < 0)
		return false;
	from = html_stack_find(s, s->formatting[entry].element.id);
	if (from < 0) {
		remove_at(s, (size_t)entry);
		return false;
	}
	if (!html_stack_in_scope(s, subject, HTML_SCOPE_DEFAULT))
		return false;
	block = furthest_block(s, (size_t)from);
	if (block == 0) {
		while (s->depth > (size_t)from)
			html_stack_pop(s);
		remove_at(s, (size_t)entry);
		return false;
	}
	bookmark = (size_t)entry;
	block = adopt_between(s, (size_t)from, block, &bookmark);
	entry = find_tag(s, subject);
	clone = s->formatting[entry];
	clone.element.id = ++s->last_id;
	if ((size_t)entry < bookmark)
		bookmark--;
	remove_at(s, (size_t)entry);
	insert_at(s, bookmark, clone);
	/* The clone goes in right above the block, which moves down by one as the
	 * formatting element leaves. */
	memmove(s->open + from, s->open + from + 1, (block - (size_t)from) * sizeof s->open[0]);
	s->open[block] = clone.element;
	return true;
}

void html_stack_adopt(struct html_stack *s, enum html_tag subject) {
	int round;

	/* One that the list has lost (Noah's Ark) just closes. */
	if (html_stack_top_is(s, subject) && find(s, html_stack_top(s)->id) < 0) {
		html_stack_pop(s);
		return;
	}
	for (round = 0; round < 8 && !s->overflow; round++)
		if (!adopt_once(s, subject))
			return;
}
