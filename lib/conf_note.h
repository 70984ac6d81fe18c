/*
 * Where in the file a value or a section stands, for complaints that can only
 * be made at its end.  A later note of the same place hides the earlier one, as
 * a later section replaces an earlier one.
 */
#ifndef LIB_CONF_NOTE_H
#define LIB_CONF_NOTE_H

#include "lib/text.h"

struct conf_note;

struct conf_notes {
	struct conf_note *at;
	size_t len, cap;
	bool failed; /* out of memory */
};

/* `option` is a constant; NULL for the section itself. */
void conf_note_add(struct conf_notes *notes, struct span where, const char *option, struct span value, long line);
/* The line, or 0 where there is none; `option` compares by its address. */
long conf_note_line(const struct conf_notes *notes, struct span where, const char *option, struct span value);
/* Was the option of the section that stands last in the file given any text? */
bool conf_note_given(const struct conf_notes *notes, struct span where, const char *option);
void conf_notes_free(struct conf_notes *notes);

#endif
