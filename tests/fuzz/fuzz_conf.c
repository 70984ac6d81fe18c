/*
 * The configuration: whatever the bytes, an answer without a leak; a file that
 * loads dumps to one that loads to the same dump.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Loads bytes through a file in memory. */
static struct conf *load(const void *bytes, size_t size, struct buf *errors) {
	int fd = memfd_create("todoku.conf", MFD_CLOEXEC);
	struct conf *conf;
	char path[64];

	if (fd < 0 || (size > 0 && write(fd, bytes, size) != (ssize_t)size))
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	conf = conf_load(path, errors);
	close(fd);
	return conf;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct buf errors, first, second;
	struct conf *conf, *again;

	buf_init(&errors, 1 << 20);
	buf_init(&first, 8 << 20);
	buf_init(&second, 8 << 20);
	conf = load(data, size, &errors);
	if ((conf == NULL) != (errors.len > 0))
		abort();
	/* What libconfuse refuses without a word comes out as this. */
	if (span_find(buf_span(&errors), SPAN("\"no more memory\", allowed: a machine")) >= 0)
		abort();
	if (conf != NULL) {
		conf_dump(conf, &first);
		again = load(first.at, first.len, &errors);
		if (again == NULL)
			abort();
		conf_dump(again, &second);
		if (!span_equal(buf_span(&first), buf_span(&second)))
			abort();
		conf_free(&again);
	}
	conf_free(&conf);
	buf_free(&errors);
	buf_free(&first);
	buf_free(&second);
	return 0;
}
