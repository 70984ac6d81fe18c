#include "webd/visitor.h"

#include <arpa/inet.h>
#include <string.h>

#define USER_AGENT_MAX 256 /* octets of it that are kept */

uint64_t visitor_hash(const struct keyring *ring, const struct http_request *request) {
	struct span parts[] = {request->client, http_field_value(request, "User-Agent")};
	uint64_t hash = keyring_hash(ring, "visitor", parts, 2);

	return hash == 0 ? 1 : hash;
}

struct span visitor_client(enum conf_privacy privacy, struct span client, char out[VISITOR_CLIENT_SIZE]) {
	unsigned char bytes[sizeof(struct in6_addr)];
	bool is_six = span_find_byte(client, ':') >= 0;

	if (privacy == CONF_PRIVACY_KEY || client.len >= VISITOR_CLIENT_SIZE)
		return SPAN_NONE;
	if (privacy == CONF_PRIVACY_FULL)
		return client;
	memcpy(out, client.at, client.len);
	out[client.len] = '\0';
	if (inet_pton(is_six ? AF_INET6 : AF_INET, out, bytes) != 1)
		return SPAN_NONE;
	if (is_six)
		memset(bytes + 6, 0, sizeof bytes - 6);
	else
		bytes[3] = 0;
	if (inet_ntop(is_six ? AF_INET6 : AF_INET, bytes, out, VISITOR_CLIENT_SIZE) == NULL)
		return SPAN_NONE;
	return span_of(out);
}

struct span visitor_user_agent(enum conf_privacy privacy, const struct http_request *request) {
	struct span value = http_field_value(request, "User-Agent");

	if (privacy == CONF_PRIVACY_KEY)
		return SPAN_NONE;
	if (value.len > USER_AGENT_MAX)
		value.len = USER_AGENT_MAX;
	return value;
}
