/*
 * Numbers as todoku.conf(5) writes them: whole ones, fractions with a point
 * whatever the locale, times ("90s", "7d") and sizes ("64k").
 */
#ifndef LIB_CONF_NUMBER_H
#define LIB_CONF_NUMBER_H

#include "lib/conf_table.h"

/* `kind` is INT, REAL, TIME or SIZE; times are in seconds, sizes in octets.
 * Whole numbers stay below 2^53, so a double holds them exactly. */
bool conf_number_parse(enum conf_kind kind, struct span text, double *value_r);
/* The shortest form; parses to the same value. */
void conf_number_print(enum conf_kind kind, double value, struct buf *out);

#endif
