/*
 * webd/http_check.h and one-click's body: no octets of a request lead out of their
 * bounds, and what passes is what it has to be.  The input is a target, lines of
 * header fields, an empty line, and a body.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "webd/http_check.h"
#include "webd/oneclick.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span take_line(struct span *left) {
	ssize_t end = span_find_byte(*left, '\n');
	struct span line = end < 0 ? *left : span_make(left->at, (size_t)end);

	*left = span_from(*left, line.len + 1);
	return line;
}

static void check_target(struct span uri) {
	struct http_target target;
	size_t i;

	if (http_target_parse(uri, &target) != 0)
		return;
	assert(target.path.len > 0 && target.path.at[0] == '/');
	assert(span_find_byte(target.path, '?') < 0);
	/* An absolute form has its host looked at; nothing else gets by without one. */
	assert(uri.at[0] == '/' || target.authority.len > 0);
	for (i = 0; i < uri.len; i++)
		assert(uri.at[i] > 0x20 && uri.at[i] < 0x7f);
	if (target.authority.len > 0 && http_host_is(target.authority, SPAN("t.example.com")))
		assert(span_starts_nocase(target.authority, SPAN("t.example.com")));
	http_host_is_local(target.authority);
}

static size_t count_named(const struct http_request *request, const char *name) {
	size_t count = 0, i;

	for (i = 0; i < request->field_count; i++)
		count += span_equal_nocase(request->fields[i].name, span_of(name));
	return count;
}

static void check_fields(const struct http_request *request) {
	if (http_check_fields(request->fields, request->field_count, false) != 0)
		return;
	assert(count_named(request, "Host") == 1);
	assert(count_named(request, "Content-Length") + count_named(request, "Transfer-Encoding") <= 1);
}

static void check_client(const struct http_request *request) {
	static char *networks[] = {(char *)"10.0.0.0/8"};
	static const struct strings proxies = {networks, 1};
	unsigned char bytes[16];
	char client[HTTP_ADDRESS_SIZE];

	http_client(&proxies, SPAN("10.0.0.1"), request->fields, request->field_count, client);
	assert(inet_pton(strchr(client, ':') == NULL ? AF_INET : AF_INET6, client, bytes) == 1);
	http_client(&proxies, SPAN("192.0.2.1"), request->fields, request->field_count, client);
	assert(strcmp(client, "192.0.2.1") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span left = span_make((const char *)data, size), line;
	struct http_request request = {.method = HTTP_POST};

	check_target(take_line(&left));
	while ((line = take_line(&left)).len > 0 && request.field_count < HTTP_FIELDS_MAX) {
		ssize_t colon = span_find_byte(line, ':');
		size_t name = colon < 0 ? line.len : (size_t)colon;

		request.fields[request.field_count].name = span_make(line.at, name);
		request.fields[request.field_count++].value = span_trim(span_from(line, name + 1));
	}
	request.body = left;
	check_fields(&request);
	check_client(&request);
	if (oneclick_is(&request))
		assert(span_find(request.body, SPAN("One")) >= 0 || span_find_byte(request.body, '%') >= 0);
	http_fields_size(request.fields, request.field_count);
	return 0;
}
