/*
 * The element names that the tree builder knows (HTML Living Standard 13.2.6),
 * and what it does with each: one row a name.
 *
 *   T(ID, name, properties, start, end)
 *
 * `start` and `end` name the rules of "in body" (13.2.6.4.7) for its tags; they
 * are functions of milter/html_body.c.  A name without a row is
 * HTML_TAG_UNKNOWN; unknown names count as one and the same element.
 *
 * milter/html_tag_hash.h is made from the names and must be made anew when one is
 * added; the unit test fails where it lags behind.
 */
#ifndef MILTER_HTML_TAG_H
#define MILTER_HTML_TAG_H

#include <stddef.h>
#include <stdint.h>

#include "lib/text.h"

enum {
	HTML_SPECIAL = 1 << 0,       /* category "special" (13.2.4.2) */
	HTML_SCOPE = 1 << 1,         /* ends a look for an element in scope */
	HTML_IMPLIED = 1 << 2,       /* end tag may be implied (13.2.6.3) */
	HTML_BREAKOUT = 1 << 3,      /* start tag leaves foreign content (13.2.6.5) */
	HTML_HEADING = 1 << 4,       /* h1 to h6 */
	HTML_TABLE_PART = 1 << 5,    /* caption, col, colgroup, tbody, td, tfoot, th, thead, tr */
	HTML_METADATA = 1 << 6,      /* "in head" treats its start tag, wherever it is found */
	HTML_ATTRIBUTES = 1 << 7,    /* its attributes matter */
	HTML_FOREIGN_POINT = 1 << 8, /* special and a scope's end in SVG or MathML */
	HTML_REPLACED = 1 << 9,      /* shows something else than text */
	HTML_BREAKS = 1 << 10,       /* sets text apart */
};

#define HTML_BLOCK HTML_SPECIAL | HTML_BREAKS

#define HTML_TAGS(T)                                                                                                   \
	T(A, "a", HTML_ATTRIBUTES, start_a, end_formatting)                                                            \
	T(ABBR, "abbr", 0, start_other, end_other)                                                                     \
	T(ACRONYM, "acronym", 0, start_other, end_other)                                                               \
	T(ADDRESS, "address", HTML_BLOCK, start_block, end_block)                                                      \
	T(ANNOTATION_XML, "annotation-xml", HTML_ATTRIBUTES | HTML_FOREIGN_POINT, start_other, end_other)              \
	T(APPLET, "applet", HTML_SPECIAL | HTML_SCOPE | HTML_REPLACED, start_object, end_object)                       \
	T(AREA, "area", HTML_SPECIAL | HTML_ATTRIBUTES | HTML_REPLACED, start_void, end_other)                         \
	T(ARTICLE, "article", HTML_BLOCK, start_block, end_block)                                                      \
	T(ASIDE, "aside", HTML_BLOCK, start_block, end_block)                                                          \
	T(AUDIO, "audio", HTML_REPLACED, start_other, end_other)                                                       \
	T(B, "b", HTML_BREAKOUT, start_formatting, end_formatting)                                                     \
	T(BASE, "base", HTML_SPECIAL | HTML_METADATA, start_metadata, end_other)                                       \
	T(BASEFONT, "basefont", HTML_SPECIAL | HTML_METADATA, start_metadata, end_other)                               \
	T(BDI, "bdi", 0, start_other, end_other)                                                                       \
	T(BDO, "bdo", 0, start_other, end_other)                                                                       \
	T(BGSOUND, "bgsound", HTML_SPECIAL | HTML_METADATA, start_metadata, end_other)                                 \
	T(BIG, "big", HTML_BREAKOUT, start_formatting, end_formatting)                                                 \
	T(BLINK, "blink", 0, start_other, end_other)                                                                   \
	T(BLOCKQUOTE, "blockquote", HTML_BLOCK | HTML_BREAKOUT, start_block, end_block)                                \
	T(BODY, "body", HTML_SPECIAL | HTML_BREAKOUT, start_body, end_body)                                            \
	T(BR, "br", HTML_BLOCK | HTML_BREAKOUT, start_void, end_br)                                                    \
	T(BUTTON, "button", HTML_SPECIAL, start_button, end_block)                                                     \
	T(CANVAS, "canvas", HTML_REPLACED, start_other, end_other)                                                     \
	T(CAPTION, "caption", HTML_BLOCK | HTML_SCOPE | HTML_TABLE_PART, start_nowhere, end_other)                     \
	T(CENTER, "center", HTML_BLOCK | HTML_BREAKOUT, start_block, end_block)                                        \
	T(CITE, "cite", 0, start_other, end_other)                                                                     \
	T(CODE, "code", HTML_BREAKOUT, start_formatting, end_formatting)                                               \
	T(COL, "col", HTML_SPECIAL | HTML_TABLE_PART, start_nowhere, end_other)                                        \
	T(COLGROUP, "colgroup", HTML_SPECIAL | HTML_TABLE_PART, start_nowhere, end_other)                              \
	T(DATA, "data", 0, start_other, end_other)                                                                     \
	T(DATALIST, "datalist", 0, start_other, end_other)                                                             \
	T(DD, "dd", HTML_BLOCK | HTML_IMPLIED | HTML_BREAKOUT, start_definition, end_definition)                       \
	T(DEL, "del", 0, start_other, end_other)                                                                       \
	T(DESC, "desc", HTML_FOREIGN_POINT, start_other, end_other)                                                    \
	T(DETAILS, "details", HTML_BLOCK, start_block, end_block)                                                      \
	T(DFN, "dfn", 0, start_other, end_other)                                                                       \
	T(DIR, "dir", HTML_BLOCK, start_block, end_block)                                                              \
	T(DIV, "div", HTML_BLOCK | HTML_BREAKOUT, start_block, end_block)                                              \
	T(DL, "dl", HTML_BLOCK | HTML_BREAKOUT, start_block, end_block)                                                \
	T(DT, "dt", HTML_BLOCK | HTML_IMPLIED | HTML_BREAKOUT, start_definition, end_definition)                       \
	T(EM, "em", HTML_BREAKOUT, start_formatting, end_formatting)                                                   \
	T(EMBED, "embed", HTML_SPECIAL | HTML_BREAKOUT | HTML_REPLACED, start_void, end_other)                         \
	T(FIELDSET, "fieldset", HTML_BLOCK, start_block, end_block)                                                    \
	T(FIGCAPTION, "figcaption", HTML_BLOCK, start_block, end_block)                                                \
	T(FIGURE, "figure", HTML_BLOCK, start_block, end_block)                                                        \
	T(FONT, "font", HTML_ATTRIBUTES, start_formatting, end_formatting)                                             \
	T(FOOTER, "footer", HTML_BLOCK, start_block, end_block)                                                        \
	T(FOREIGNOBJECT, "foreignobject", HTML_FOREIGN_POINT, start_other, end_other)                                  \
	T(FORM, "form", HTML_BLOCK, start_form, end_form)                                                              \
	T(FRAME, "frame", HTML_SPECIAL, start_nowhere, end_other)                                                      \
	T(FRAMESET, "frameset", HTML_SPECIAL, start_frameset, end_other)                                               \
	T(H1, "h1", HTML_BLOCK | HTML_HEADING | HTML_BREAKOUT, start_heading, end_heading)                             \
	T(H2, "h2", HTML_BLOCK | HTML_HEADING | HTML_BREAKOUT, start_heading, end_heading)                             \
	T(H3, "h3", HTML_BLOCK | HTML_HEADING | HTML_BREAKOUT, start_heading, end_heading)                             \
	T(H4, "h4", HTML_BLOCK | HTML_HEADING | HTML_BREAKOUT, start_heading, end_heading)                             \
	T(H5, "h5", HTML_BLOCK | HTML_HEADING | HTML_BREAKOUT, start_heading, end_heading)                             \
	T(H6, "h6", HTML_BLOCK | HTML_HEADING | HTML_BREAKOUT, start_heading, end_heading)                             \
	T(HEAD, "head", HTML_SPECIAL | HTML_BREAKOUT, start_nowhere, end_other)                                        \
	T(HEADER, "header", HTML_BLOCK, start_block, end_block)                                                        \
	T(HGROUP, "hgroup", HTML_BLOCK, start_block, end_block)                                                        \
	T(HR, "hr", HTML_BLOCK | HTML_BREAKOUT, start_hr, end_other)                                                   \
	T(HTML, "html", HTML_SPECIAL | HTML_SCOPE, start_html, end_html)                                               \
	T(I, "i", HTML_BREAKOUT, start_formatting, end_formatting)                                                     \
	T(IFRAME, "iframe", HTML_SPECIAL | HTML_REPLACED, start_iframe, end_other)                                     \
	T(IMAGE, "image", HTML_REPLACED, start_void, end_other)                                                        \
	T(IMG, "img", HTML_SPECIAL | HTML_BREAKOUT | HTML_REPLACED, start_void, end_other)                             \
	T(INPUT, "input", HTML_SPECIAL | HTML_ATTRIBUTES | HTML_REPLACED, start_input, end_other)                      \
	T(INS, "ins", 0, start_other, end_other)                                                                       \
	T(ISINDEX, "isindex", HTML_SPECIAL | HTML_REPLACED, start_isindex, end_other)                                  \
	T(KBD, "kbd", 0, start_other, end_other)                                                                       \
	T(KEYGEN, "keygen", HTML_REPLACED, start_void, end_other)                                                      \
	T(LABEL, "label", 0, start_other, end_other)                                                                   \
	T(LEGEND, "legend", 0, start_other, end_other)                                                                 \
	T(LI, "li", HTML_BLOCK | HTML_IMPLIED | HTML_BREAKOUT, start_li, end_li)                                       \
	T(LINK, "link", HTML_SPECIAL | HTML_METADATA, start_metadata, end_other)                                       \
	T(LISTING, "listing", HTML_BLOCK | HTML_BREAKOUT, start_pre, end_block)                                        \
	T(MAIN, "main", HTML_BREAKS, start_block, end_block)                                                           \
	T(MALIGNMARK, "malignmark", 0, start_other, end_other)                                                         \
	T(MAP, "map", 0, start_other, end_other)                                                                       \
	T(MARK, "mark", 0, start_other, end_other)                                                                     \
	T(MARQUEE, "marquee", HTML_SPECIAL | HTML_SCOPE, start_object, end_object)                                     \
	T(MATH, "math", HTML_REPLACED, start_math, end_other)                                                          \
	T(MENU, "menu", HTML_BLOCK | HTML_BREAKOUT, start_block, end_block)                                            \
	T(MENUITEM, "menuitem", HTML_SPECIAL | HTML_METADATA, start_metadata, end_other)                               \
	T(META, "meta", HTML_SPECIAL | HTML_BREAKOUT | HTML_METADATA, start_metadata, end_other)                       \
	T(METER, "meter", HTML_REPLACED, start_other, end_other)                                                       \
	T(MGLYPH, "mglyph", 0, start_other, end_other)                                                                 \
	T(MI, "mi", HTML_FOREIGN_POINT, start_other, end_other)                                                        \
	T(MN, "mn", HTML_FOREIGN_POINT, start_other, end_other)                                                        \
	T(MO, "mo", HTML_FOREIGN_POINT, start_other, end_other)                                                        \
	T(MS, "ms", HTML_FOREIGN_POINT, start_other, end_other)                                                        \
	T(MTEXT, "mtext", HTML_FOREIGN_POINT, start_other, end_other)                                                  \
	T(MULTICOL, "multicol", 0, start_other, end_other)                                                             \
	T(NAV, "nav", HTML_BLOCK, start_block, end_block)                                                              \
	T(NEXTID, "nextid", 0, start_other, end_other)                                                                 \
	T(NOBR, "nobr", HTML_BREAKOUT, start_nobr, end_formatting)                                                     \
	T(NOEMBED, "noembed", HTML_SPECIAL, start_noembed, end_other)                                                  \
	T(NOFRAMES, "noframes", HTML_SPECIAL | HTML_METADATA, start_metadata, end_other)                               \
	T(NOSCRIPT, "noscript", HTML_SPECIAL, start_other, end_other)                                                  \
	T(OBJECT, "object", HTML_SPECIAL | HTML_SCOPE | HTML_REPLACED, start_object, end_object)                       \
	T(OL, "ol", HTML_BLOCK | HTML_BREAKOUT, start_block, end_block)                                                \
	T(OPTGROUP, "optgroup", HTML_IMPLIED, start_option, end_other)                                                 \
	T(OPTION, "option", HTML_IMPLIED, start_option, end_other)                                                     \
	T(OUTPUT, "output", 0, start_other, end_other)                                                                 \
	T(P, "p", HTML_BLOCK | HTML_IMPLIED | HTML_BREAKOUT, start_block, end_p)                                       \
	T(PARAM, "param", HTML_SPECIAL, start_param, end_other)                                                        \
	T(PLAINTEXT, "plaintext", HTML_BLOCK, start_plaintext, end_other)                                              \
	T(PRE, "pre", HTML_BLOCK | HTML_BREAKOUT, start_pre, end_block)                                                \
	T(PROGRESS, "progress", HTML_REPLACED, start_other, end_other)                                                 \
	T(Q, "q", 0, start_other, end_other)                                                                           \
	T(RB, "rb", HTML_IMPLIED, start_ruby_base, end_other)                                                          \
	T(RP, "rp", HTML_IMPLIED, start_ruby_text, end_other)                                                          \
	T(RT, "rt", HTML_IMPLIED, start_ruby_text, end_other)                                                          \
	T(RTC, "rtc", HTML_IMPLIED, start_ruby_base, end_other)                                                        \
	T(RUBY, "ruby", HTML_BREAKOUT, start_other, end_other)                                                         \
	T(S, "s", HTML_BREAKOUT, start_formatting, end_formatting)                                                     \
	T(SAMP, "samp", 0, start_other, end_other)                                                                     \
	T(SCRIPT, "script", HTML_SPECIAL | HTML_METADATA, start_metadata, end_other)                                   \
	T(SECTION, "section", HTML_BLOCK, start_block, end_block)                                                      \
	T(SELECT, "select", HTML_SPECIAL | HTML_REPLACED, start_select, end_other)                                     \
	T(SMALL, "small", HTML_BREAKOUT, start_formatting, end_formatting)                                             \
	T(SOURCE, "source", 0, start_param, end_other)                                                                 \
	T(SPACER, "spacer", 0, start_other, end_other)                                                                 \
	T(SPAN, "span", HTML_BREAKOUT, start_other, end_other)                                                         \
	T(STRIKE, "strike", HTML_BREAKOUT, start_formatting, end_formatting)                                           \
	T(STRONG, "strong", HTML_BREAKOUT, start_formatting, end_formatting)                                           \
	T(STYLE, "style", HTML_SPECIAL | HTML_METADATA, start_metadata, end_other)                                     \
	T(SUB, "sub", HTML_BREAKOUT, start_other, end_other)                                                           \
	T(SUMMARY, "summary", HTML_BLOCK, start_block, end_block)                                                      \
	T(SUP, "sup", HTML_BREAKOUT, start_other, end_other)                                                           \
	T(SVG, "svg", HTML_REPLACED, start_svg, end_other)                                                             \
	T(TABLE, "table", HTML_BLOCK | HTML_SCOPE | HTML_BREAKOUT, start_table, end_other)                             \
	T(TBODY, "tbody", HTML_BLOCK | HTML_TABLE_PART, start_nowhere, end_other)                                      \
	T(TD, "td", HTML_BLOCK | HTML_SCOPE | HTML_TABLE_PART, start_nowhere, end_other)                               \
	T(TEMPLATE, "template", HTML_SPECIAL | HTML_SCOPE | HTML_METADATA, start_metadata, end_template)               \
	T(TEXTAREA, "textarea", HTML_SPECIAL | HTML_REPLACED, start_textarea, end_other)                               \
	T(TFOOT, "tfoot", HTML_BLOCK | HTML_TABLE_PART, start_nowhere, end_other)                                      \
	T(TH, "th", HTML_BLOCK | HTML_SCOPE | HTML_TABLE_PART, start_nowhere, end_other)                               \
	T(THEAD, "thead", HTML_BLOCK | HTML_TABLE_PART, start_nowhere, end_other)                                      \
	T(TIME, "time", 0, start_other, end_other)                                                                     \
	T(TITLE, "title", HTML_SPECIAL | HTML_METADATA | HTML_FOREIGN_POINT, start_metadata, end_other)                \
	T(TR, "tr", HTML_BLOCK | HTML_TABLE_PART, start_nowhere, end_other)                                            \
	T(TRACK, "track", 0, start_param, end_other)                                                                   \
	T(TT, "tt", HTML_BREAKOUT, start_formatting, end_formatting)                                                   \
	T(U, "u", HTML_BREAKOUT, start_formatting, end_formatting)                                                     \
	T(UL, "ul", HTML_BLOCK | HTML_BREAKOUT, start_block, end_block)                                                \
	T(VAR, "var", HTML_BREAKOUT, start_other, end_other)                                                           \
	T(VIDEO, "video", HTML_REPLACED, start_other, end_other)                                                       \
	T(WBR, "wbr", HTML_SPECIAL, start_void, end_other)                                                             \
	T(XMP, "xmp", HTML_SPECIAL, start_xmp, end_other)

#define HTML_TAG_ID(id, name, properties, start, end) HTML_TAG_##id,
enum html_tag { HTML_TAG_UNKNOWN, HTML_TAGS(HTML_TAG_ID) HTML_TAG_COUNT };

/* Eight bytes as a number, the first lowest (compilers make one load of it). */
static inline uint64_t html_load64(const char *bytes) {
	const unsigned char *at = (const unsigned char *)bytes;

	return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
	       (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
}

/* The tag of a name, in either case. */
enum html_tag html_tag_of(struct span name);
/* The same, faster, where `readable` bytes can be read from the name's start. */
enum html_tag html_tag_at(struct span name, size_t readable);
/* Its name in lower case; "" for HTML_TAG_UNKNOWN. */
struct span html_tag_name(enum html_tag tag);
/* HTML_SPECIAL | ... */
unsigned html_tag_properties(enum html_tag tag);

#endif
