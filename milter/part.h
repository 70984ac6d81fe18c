/*
 * A part that may be changed, opened: decoded, masked, its links found.
 *
 * None of that depends on the recipient, and the copies that the splitter hands
 * over, one a recipient, have the same parts.  So an opened part is immutable
 * and counted, and a cache keeps those that come again: what was seen twice, octet
 * for octet, is opened no third time.  Mail that differs for each recipient costs
 * a hash more.
 *
 * Threads: any number at once.
 */
#ifndef MILTER_PART_H
#define MILTER_PART_H

#include "milter/html.h"
#include "milter/mime.h"

struct part {
	struct transfer_body body;
	const char *mask;      /* as long as body.text */
	struct html_scan scan; /* of HTML */
};

struct part_cache;

#define PART_CACHE_ENTRIES 8
#define PART_CACHE_RAW_MAX 262144 /* octets of a part that is kept */

/* NULL when out of memory. */
struct part_cache *part_cache_new(void);
void part_cache_free(struct part_cache **cache);

/* Opens what the map calls `place`, whose body is `raw`.  0 and the part, held by
 * the caller; or 0 and NULL where it passes through after all (undecodable, inline
 * PGP); -1 when out of memory.  The part may look into `raw`, which must outlive
 * it.  `cache` may be NULL. */
int part_open(struct part_cache *cache, const struct mime_part *place, struct span raw, const struct part **part_r);
void part_close(const struct part **part);

#endif
