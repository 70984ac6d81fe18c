/*
 * The state of a daemon that a reload replaces: shared, immutable, counted.
 *
 * A `snapshot_box` holds the one in force.  A connection takes it with
 * snapshot_get(), reads it as long as it likes, and gives it back with
 * snapshot_put(); the last one to let go of a replaced value destroys it.
 * Every function may be called by any thread.
 */
#ifndef LIB_SNAPSHOT_H
#define LIB_SNAPSHOT_H

struct snapshot_box;
struct snapshot;

/* `destroy` is called once for each value, by whichever thread lets go last.
 * NULL when out of memory. */
struct snapshot_box *snapshot_box_new(void (*destroy)(void *value));
void snapshot_box_free(struct snapshot_box **box);

/* Puts the value in force; the box owns it.  0, or -1 when out of memory (the
 * value is then still the caller's). */
int snapshot_set(struct snapshot_box *box, void *value);
/* NULL only before the first snapshot_set(). */
struct snapshot *snapshot_get(struct snapshot_box *box);
void snapshot_put(struct snapshot **snapshot);
void *snapshot_value(const struct snapshot *snapshot);

#endif
