#include "lib/now.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static long long offset_of(const char *file) {
	char text[32];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return 0;
	got = read(fd, text, sizeof text - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	return strtoll(text, NULL, 10);
}

time_t now_seconds(void) {
	const char *file = getenv("TODOKU_CLOCK");

	return time(NULL) + (file == NULL ? 0 : (time_t)offset_of(file));
}
