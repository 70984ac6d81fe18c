#include "lib/conf_note.h"

#include <stdlib.h>
#include <string.h>

struct conf_note {
	const char *option;
	long line;
	size_t where_len, value_len;
	char *text; /* where, then value */
};

void conf_note_add(struct conf_notes *notes, struct span where, const char *option, struct span value, long line) {
	struct conf_note *note;

	if (notes->len == notes->cap) {
		size_t cap = notes->cap == 0 ? 64 : notes->cap * 2;
		struct conf_note *grown = realloc(notes->at, cap * sizeof *grown);

		if (grown == NULL) {
			notes->failed = true;
			return;
		}
		notes->at = grown;
		notes->cap = cap;
	}
	note = &notes->at[notes->len];
	note->text = malloc(where.len + value.len + 1);
	if (note->text == NULL) {
		notes->failed = true;
		return;
	}
	if (where.len > 0)
		memcpy(note->text, where.at, where.len);
	if (value.len > 0)
		memcpy(note->text + where.len, value.at, value.len);
	note->option = option;
	note->line = line;
	note->where_len = where.len;
	note->value_len = value.len;
	notes->len++;
}

static bool is_at(const struct conf_note *note, struct span where, const char *option) {
	return note->option == option && span_equal(span_make(note->text, note->where_len), where);
}

long conf_note_line(const struct conf_notes *notes, struct span where, const char *option, struct span value) {
	size_t i;

	for (i = notes->len; i > 0; i--) {
		const struct conf_note *note = &notes->at[i - 1];

		if (is_at(note, where, option) &&
		    span_equal(span_make(note->text + note->where_len, note->value_len), value))
			return note->line;
	}
	return 0;
}

bool conf_note_given(const struct conf_notes *notes, struct span where, const char *option) {
	size_t i;

	for (i = notes->len; i > 0 && !is_at(&notes->at[i - 1], where, NULL); i--)
		if (is_at(&notes->at[i - 1], where, option))
			return notes->at[i - 1].value_len > 0;
	return false;
}

void conf_notes_free(struct conf_notes *notes) {
	size_t i;

	for (i = 0; i < notes->len; i++)
		free(notes->at[i].text);
	free(notes->at);
	*notes = (struct conf_notes){0};
}
