#include "lib/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/utf8.h"

#define VALUE_MAX 512
#define LINE_MAX_LEN 16384

struct settings {
	const char *program;
	int target, level, privacy;
};

/*
 * The log belongs to the process, as syslog(3)'s own state does, and is written
 * to from everywhere: the one place where handing it around would cost more
 * than it tells.
 */
static struct {
	pthread_rwlock_t lock;
	struct settings now;
} logging = {
        .lock = PTHREAD_RWLOCK_INITIALIZER,
        .now = {"todoku", CONF_LOG_STDERR, CONF_LOG_INFO, CONF_PRIVACY_FULL},
};

void log_setup(const char *program, const struct conf_log *conf) {
	pthread_rwlock_wrlock(&logging.lock);
	logging.now = (struct settings){program, conf->target, conf->level, conf->privacy};
	/* LOG_NDELAY: later, the process may be in another root. */
	if (conf->target == CONF_LOG_SYSLOG)
		openlog(program, LOG_PID | LOG_NDELAY, LOG_MAIL);
	else
		closelog();
	pthread_rwlock_unlock(&logging.lock);
}

static struct settings current(void) {
	struct settings now;

	pthread_rwlock_rdlock(&logging.lock);
	now = logging.now;
	pthread_rwlock_unlock(&logging.lock);
	return now;
}

/* Octets of the character at the start that may be shown as it is; else 0. */
static size_t harmless(struct span s) {
	size_t size = utf8_size(s);

	return size == 0 || utf8_is_control(s) || s.at[0] == '"' || s.at[0] == '\\' ? 0 : size;
}

static bool is_plain(struct span value) {
	size_t size;

	if (value.len == 0)
		return false;
	for (; value.len > 0; value = span_from(value, size)) {
		size = harmless(value);
		if (size == 0 || value.at[0] == ' ')
			return false;
	}
	return true;
}

/* At most VALUE_MAX octets, not in the middle of a character. */
static struct span cut(struct span value) {
	size_t len = 0;

	if (value.len <= VALUE_MAX)
		return value;
	for (;;) {
		size_t size = utf8_size(span_from(value, len));

		size = size == 0 ? 1 : size;
		if (len + size > VALUE_MAX)
			return span_make(value.at, len);
		len += size;
	}
}

void log_neutralise(struct buf *out, struct span value) {
	struct span left = cut(value);
	bool plain = is_plain(left);

	if (!plain)
		buf_add_byte(out, '"');
	while (left.len > 0) {
		size_t size = harmless(left);

		if (size > 0)
			buf_add(out, left.at, size);
		else
			buf_printf(out, "\\x%02x", (unsigned char)left.at[0]);
		left = span_from(left, size > 0 ? size : 1);
	}
	if (!plain)
		buf_add_byte(out, '"');
}

static int priority(enum conf_log_level level) {
	switch (level) {
	case CONF_LOG_ERROR:
		return LOG_ERR;
	case CONF_LOG_WARNING:
		return LOG_WARNING;
	case CONF_LOG_INFO:
		return LOG_INFO;
	case CONF_LOG_DEBUG:
		break;
	}
	return LOG_DEBUG;
}

/* A pair that no longer fits is left out whole, and all behind it. */
static void add_pairs(struct buf *line, va_list args) {
	const char *key;

	while ((key = va_arg(args, const char *)) != NULL) {
		const char *value = va_arg(args, const char *);
		size_t before = line->len;

		if (value == NULL)
			continue;
		buf_printf(line, " %s=", key);
		log_neutralise(line, span_of(value));
		if (!line->failed)
			continue;
		line->len = before;
		return;
	}
}

static void write_line(struct buf *line) {
	ssize_t wrote;

	/* The line end always fits. */
	line->failed = false;
	line->max++;
	buf_add_byte(line, '\n');
	do
		wrote = write(STDERR_FILENO, line->at, line->len);
	while (wrote < 0 && errno == EINTR);
}

void log_line(enum conf_log_level level, const char *event, ...) {
	struct settings now = current();
	int kept_errno = errno;
	struct buf line;
	va_list args;

	if ((int)level > now.level)
		return;
	buf_init(&line, LINE_MAX_LEN);
	if (now.target == CONF_LOG_STDERR)
		buf_printf(&line, "%s: ", now.program);
	buf_add_text(&line, "event=");
	log_neutralise(&line, span_of(event));
	va_start(args, event);
	add_pairs(&line, args);
	va_end(args);
	if (line.at != NULL && now.target == CONF_LOG_STDERR)
		write_line(&line);
	else if (line.at != NULL)
		syslog(LOG_MAIL | priority(level), "%.*s", (int)line.len, line.at);
	buf_free(&line);
	errno = kept_errno;
}

const char *log_address(char out[LOG_ADDRESS_SIZE], struct span canonical, uint64_t key) {
	ssize_t i = (ssize_t)canonical.len - 1;

	switch (current().privacy) {
	case CONF_PRIVACY_KEY:
		hex64_format(out, key);
		break;
	case CONF_PRIVACY_DOMAIN:
		/* A quoted local part may have an @ too: the last one counts. */
		while (i >= 0 && canonical.at[i] != '@')
			i--;
		canonical = i < 0 ? SPAN_NONE : span_from(canonical, (size_t)i);
		snprintf(out, LOG_ADDRESS_SIZE, "*%.*s", SPAN_ARG(canonical));
		break;
	default:
		snprintf(out, LOG_ADDRESS_SIZE, "%.*s", SPAN_ARG(canonical));
	}
	return out;
}

const char *log_number(char out[24], long long value) {
	snprintf(out, 24, "%lld", value);
	return out;
}
