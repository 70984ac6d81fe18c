/* The DNS's answer about a domain's mail, as anybody may send it. */
#include <stdlib.h>
#include <string.h>

#include "policyd/mx_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct mx_answer answer;
	size_t i, len;

	mx_answer_parse(span_make((const char *)data, size), SPAN("example.test"), &answer);
	len = strnlen(answer.host, sizeof answer.host);
	/* A name that can be looked for in a table and logged, or none. */
	if (len == sizeof answer.host || (answer.outcome == MX_FOUND) != (len > 0))
		abort();
	for (i = 0; i < len; i++)
		if (!ascii_is_alnum(answer.host[i]) && strchr(".-_", answer.host[i]) == NULL)
			abort();
	if (answer.outcome == MX_FAILED && answer.ttl != 0)
		abort();
	return 0;
}
