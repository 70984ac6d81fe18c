/*
 * The list's colour, made fit to be read (WCAG 2.2: 1.4.3 and 1.4.11 at AA).
 *
 * On the light page it is the ground of buttons, with white text, and the colour
 * of links on white; on the dark page that of links on the dark card, and the ground
 * of buttons with dark text.  It is darkened, or lightened, as little as each of
 * these needs: a contrast of 4.5.
 */
#ifndef WEBD_COLOUR_H
#define WEBD_COLOUR_H

#include "lib/text.h"

#define COLOUR_SIZE 8

/* As #rrggbb; `colour` is such a text (the configuration has checked that). */
void colour_for_light(const char *colour, char out[COLOUR_SIZE]);
void colour_for_dark(const char *colour, char out[COLOUR_SIZE]);
/* From 1 to 21 (WCAG 2.2, contrast ratio). */
double colour_contrast(const char *a, const char *b);

/* What the templates of ours stand on. */
#define COLOUR_LIGHT_CARD "#ffffff"
#define COLOUR_DARK_CARD "#1d2026"
#define COLOUR_DARK_TEXT "#14161a" /* on a button of the dark page */

#endif
