#include "policyd/mx_answer.h"

#include <arpa/nameser.h>
#include <limits.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>

/* For what isn't there, where the zone doesn't say. */
#define TTL_NONE 3600

/* A host's name, not one of the DNS's other names.  Into lower case. */
static bool take_host(char *name) {
	size_t i;

	if (name[0] == '\0' || strlen(name) >= MX_HOST_SIZE)
		return false;
	for (i = 0; name[i] != '\0'; i++) {
		name[i] = ascii_lower(name[i]);
		if (!ascii_is_alnum(name[i]) && strchr(".-_", name[i]) == NULL)
			return false;
	}
	return true;
}

struct best {
	bool any;  /* an MX record that can be read */
	bool null; /* RFC 7505 */
	unsigned preference;
	uint32_t ttl; /* the shortest */
	char host[MX_HOST_SIZE];
};

static void take_mx(ns_msg *message, const ns_rr *record, struct best *best) {
	const unsigned char *data = ns_rr_rdata(*record);
	char host[NS_MAXDNAME];
	unsigned preference;

	if (ns_rr_type(*record) != ns_t_mx || ns_rr_class(*record) != ns_c_in || ns_rr_rdlen(*record) < 3)
		return;
	preference = ns_get16(data);
	if (ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message), data + 2, host, sizeof host) < 0)
		return;
	if (host[0] == '\0' || strcmp(host, ".") == 0)
		best->null = true;
	else if (!take_host(host))
		return;
	else if (best->host[0] == '\0' || preference < best->preference ||
	         (preference == best->preference && strcmp(host, best->host) < 0)) {
		snprintf(best->host, sizeof best->host, "%.*s", MX_HOST_SIZE - 1, host);
		best->preference = preference;
	}
	if (!best->any || ns_rr_ttl(*record) < best->ttl)
		best->ttl = ns_rr_ttl(*record);
	best->any = true;
}

/* RFC 2308 5: the lesser of the SOA's own time and its last field. */
static uint32_t negative_ttl(ns_msg *message) {
	int i;

	for (i = 0; i < ns_msg_count(*message, ns_s_ns); i++) {
		uint32_t least;
		ns_rr record;

		if (ns_parserr(message, ns_s_ns, i, &record) != 0)
			break;
		if (ns_rr_type(record) != ns_t_soa || ns_rr_rdlen(record) < 22)
			continue;
		least = (uint32_t)ns_get32(ns_rr_rdata(record) + ns_rr_rdlen(record) - 4);
		return least < ns_rr_ttl(record) ? least : ns_rr_ttl(record);
	}
	return TTL_NONE;
}

static void read_records(ns_msg *message, struct best *best) {
	int i;

	for (i = 0; i < ns_msg_count(*message, ns_s_an); i++) {
		ns_rr record;

		if (ns_parserr(message, ns_s_an, i, &record) != 0)
			break;
		take_mx(message, &record, best);
	}
}

void mx_answer_parse(struct span packet, struct span domain, struct mx_answer *answer_r) {
	struct best best = {.any = false};
	ns_msg message;

	*answer_r = (struct mx_answer){.outcome = MX_FAILED};
	if (packet.len > NS_MAXMSG || packet.len < NS_HFIXEDSZ ||
	    ns_initparse((const unsigned char *)packet.at, (int)packet.len, &message) != 0 ||
	    ns_msg_getflag(message, ns_f_tc) || !ns_msg_getflag(message, ns_f_qr))
		return;
	if (ns_msg_getflag(message, ns_f_rcode) == ns_r_nxdomain) {
		*answer_r = (struct mx_answer){.outcome = MX_NONE, .ttl = negative_ttl(&message)};
		return;
	}
	if (ns_msg_getflag(message, ns_f_rcode) != ns_r_noerror)
		return;
	read_records(&message, &best);
	if (best.host[0] != '\0') {
		*answer_r = (struct mx_answer){.outcome = MX_FOUND, .ttl = best.ttl};
		snprintf(answer_r->host, sizeof answer_r->host, "%s", best.host);
	} else if (best.null) {
		*answer_r = (struct mx_answer){.outcome = MX_NONE, .ttl = best.ttl};
	} else if (ns_msg_count(message, ns_s_an) == 0) {
		*answer_r = (struct mx_answer){.outcome = MX_FOUND, .ttl = negative_ttl(&message)};
		snprintf(answer_r->host, sizeof answer_r->host, "%.*s", SPAN_ARG(domain));
	}
}
