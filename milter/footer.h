/*
 * The footer of marketing mail: sender, address, contact and the link by which
 * to leave (U5; Act on Regulation of Transmission of Specified Electronic Mail,
 * art. 4), in the list's language.
 */
#ifndef MILTER_FOOTER_H
#define MILTER_FOOTER_H

#include "lib/conf.h"

/* For a text part, UTF-8, lines ending in CRLF and beginning with one that sets
 * it off; the URL stands alone in its line.  Unset fields leave no line. */
void footer_text(const struct conf_list *list, struct span url, struct buf *out);
/* The same in ASCII whatever the language: for a part whose charset lacks
 * Japanese.  Fields that are not ASCII are left out. */
void footer_text_ascii(const struct conf_list *list, struct span url, struct buf *out);
/* For an HTML part: one <div>, pure ASCII (character references), escaped. */
void footer_html(const struct conf_list *list, struct span url, struct buf *out);

#endif
