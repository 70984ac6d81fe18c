#include "lib/conf_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/utf8.h"

static const struct conf_place whole_file;

static int refuse(struct conf_issues *issues, const char *found) {
	conf_issue_add(issues, whole_file, span_of(found), "a readable file of at most %d octets", CONF_FILE_MAX);
	return -1;
}

/* One octet over the ceiling is enough to know. */
static int read_all(int fd, struct buf *text, struct conf_issues *issues) {
	ssize_t got;

	do {
		char *room = buf_reserve(text, 16384);

		if (room == NULL)
			return refuse(issues, errno == EMSGSIZE ? "a larger file" : strerror(errno));
		got = read(fd, room, 16384);
		if (got < 0)
			return refuse(issues, strerror(errno));
		text->len += (size_t)got;
	} while (got > 0);
	if (text->len > CONF_FILE_MAX)
		return refuse(issues, "a larger file");
	return 0;
}

static int check_text(struct span text, struct conf_issues *issues) {
	struct conf_place place = {.line = 1};

	while (text.len > 0) {
		size_t size = utf8_size(text);

		if (size == 0 || (utf8_is_control(text) && strchr("\t\r\n", text.at[0]) == NULL) ||
		    text.at[0] == '\0') {
			conf_issue_add(issues, place, span_make(text.at, size == 0 ? 1 : size),
			               "UTF-8 text without control characters");
			return -1;
		}
		place.line += text.at[0] == '\n';
		text = span_from(text, size);
	}
	return 0;
}

int conf_file_read(struct buf *text, struct conf_issues *issues) {
	/* Without O_NONBLOCK a FIFO would hang the start. */
	int fd = open(issues->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int done;

	if (fd < 0)
		return refuse(issues, strerror(errno));
	if (fstat(fd, &st) != 0)
		done = refuse(issues, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		done = refuse(issues, S_ISDIR(st.st_mode) ? "a folder" : "no regular file");
	else
		done = read_all(fd, text, issues);
	close(fd);
	if (done == 0 && span_starts(buf_span(text), SPAN("\xef\xbb\xbf")))
		memcpy(text->at, "   ", 3);
	return done == 0 ? check_text(buf_span(text), issues) : -1;
}
