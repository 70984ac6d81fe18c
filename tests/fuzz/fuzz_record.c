/* The DNS record of a DKIM key, as anybody may write it (RFC 6376 3.6.1). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/dkimkey_dns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct dkimkey *the_key(void) {
	static struct dkimkey *key;
	char folder[] = "/tmp/todoku-fuzz.XXXXXX", file[64];
	struct err err;

	if (key != NULL)
		return key;
	if (mkdtemp(folder) == NULL)
		abort();
	strcpy(file, folder);
	strcat(file, "/key.pem");
	if (dkimkey_generate(file, DKIMKEY_ED25519, 0, &err) != 0 || (key = dkimkey_load(file, &err)) == NULL)
		abort();
	unlink(file);
	rmdir(folder);
	return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct span text = span_make((const char *)data, size);
	struct err err = {{0}};
	struct buf own;

	if (dkimkey_compare(the_key(), text, &err) != DKIMKEY_DNS_SAME && err.text[0] == '\0')
		abort();
	/* Unknown tags behind a right record change nothing (RFC 6376 3.2). */
	if (size > 0 && size < 64 && memchr(data, ';', size) == NULL && memchr(data, '=', size) == NULL) {
		buf_init(&own, 1024);
		buf_add_text(&own, dkimkey_record(the_key()));
		buf_add_text(&own, "; zz=");
		buf_add_span(&own, text);
		if (dkimkey_compare(the_key(), buf_span(&own), &err) == DKIMKEY_DNS_ABSENT)
			abort();
		buf_free(&own);
	}
	return 0;
}
