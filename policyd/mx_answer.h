/*
 * What an answer of the DNS says of a domain's mail (RFC 1035, RFC 5321 5.1).
 *
 * Any bytes may come in.  Records that make no sense are passed over.
 */
#ifndef POLICYD_MX_ANSWER_H
#define POLICYD_MX_ANSWER_H

#include <stdint.h>

#include "lib/text.h"

#define MX_HOST_SIZE 256

enum mx_outcome {
	MX_FOUND, /* `host` takes the mail: the most preferred MX, or the domain itself without any */
	MX_NONE,  /* no such domain, or one that wants no mail (RFC 7505) */
	MX_FAILED /* no answer, or none that can be read */
};

struct mx_answer {
	enum mx_outcome outcome;
	char host[MX_HOST_SIZE]; /* lower case, without a final dot; of several alike the first by name */
	uint32_t ttl;            /* seconds; as the zone has it for what isn't there (RFC 2308) */
};

void mx_answer_parse(struct span packet, struct span domain, struct mx_answer *answer_r);

#endif
