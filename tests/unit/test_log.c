/* lib/log.h: one event, one line, whatever its values hold (S5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/utf8.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct conf_log to_stderr = {CONF_LOG_STDERR, CONF_LOG_INFO, CONF_PRIVACY_FULL};

/* Standard error, caught in a datagram socket: each write is a message of its own. */
struct caught {
	int saved, out;
};

static void catch_stderr(struct caught *caught) {
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	caught->saved = dup(STDERR_FILENO);
	caught->out = ends[0];
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
}

static void release_stderr(struct caught *caught) {
	dup2(caught->saved, STDERR_FILENO);
	close(caught->saved);
	close(caught->out);
}

/* The next write's text, "" where there is none. */
static const char *next_write(struct caught *caught, char text[32768]) {
	ssize_t got = recv(caught->out, text, 32767, MSG_DONTWAIT);

	text[got < 0 ? 0 : got] = '\0';
	return text;
}

static void expect_neutral(struct span value, const char *want) {
	struct buf out;

	buf_init(&out, 65536);
	log_neutralise(&out, value);
	assert_string_equal(out.at, want);
	buf_free(&out);
}

static void test_neutralise(void **state) {
	static const struct {
		const char *value, *want;
	} rows[] = {
	        {"a@example.jp", "a@example.jp"},
	        {"", "\"\""},
	        {"a b", "\"a b\""},
	        {"a\r\nevent=forged", "\"a\\x0d\\x0aevent=forged\""},
	        {"\"\\", "\"\\x22\\x5c\""},
	        {"\x1b[2J\x7f\t", "\"\\x1b[2J\\x7f\\x09\""},
	        {"\xe5\xb1\x8a\xe3\x81\x8f", "\xe5\xb1\x8a\xe3\x81\x8f"},
	        {"\xe5\xb1", "\"\\xe5\\xb1\""},
	        {"\xc2\x9b"
	         "2J",
	         "\"\\xc2\\x9b2J\""},
	        {"\xe2\x80\xa8", "\"\\xe2\\x80\\xa8\""},
	        {"\xc0\xaf", "\"\\xc0\\xaf\""},
	        {"\xed\xa0\x80", "\"\\xed\\xa0\\x80\""},
	        {"\xf0\x9f\x93\xab", "\xf0\x9f\x93\xab"},
	        {"\xf5\x80\x80\x80", "\"\\xf5\\x80\\x80\\x80\""},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		expect_neutral(span_of(rows[i].value), rows[i].want);
	expect_neutral(SPAN("a\0b"), "\"a\\x00b\"");
}

/* At most 512 octets, whole characters. */
static void test_cut(void **state) {
	char value[600], want[600];
	size_t i;

	(void)state;
	memset(value, 'x', sizeof value);
	memset(want, 'x', sizeof want);
	want[512] = '\0';
	expect_neutral(span_make(value, 512), want);
	expect_neutral(span_make(value, 513), want);
	expect_neutral(span_make(value, sizeof value), want);
	for (i = 0; i + 3 <= sizeof value; i += 3)
		memcpy(value + i, "\xe3\x81\x8f", 3);
	memcpy(want, value, 510);
	want[510] = '\0';
	expect_neutral(span_make(value, sizeof value), want);
}

static void test_line(void **state) {
	struct caught caught;
	char first[32768], second[32768], third[32768];

	(void)state;
	log_setup("todoku-test", &to_stderr);
	catch_stderr(&caught);
	errno = ENOENT;
	log_line(CONF_LOG_INFO, "signed", "queue_id", "4XYZ", "list", NULL, "rcpt", "a@example.jp", NULL);
	assert_int_equal(errno, ENOENT);
	log_line(CONF_LOG_ERROR, "bad\nname", "text", "one\ntwo", NULL);
	next_write(&caught, first);
	next_write(&caught, second);
	next_write(&caught, third);
	release_stderr(&caught);
	assert_string_equal(first, "todoku-test: event=signed queue_id=4XYZ rcpt=a@example.jp\n");
	assert_string_equal(second, "todoku-test: event=\"bad\\x0aname\" text=\"one\\x0atwo\"\n");
	assert_string_equal(third, "");
}

/* A line has an end: pairs over 16 KB are left out whole. */
static void test_long_line(void **state) {
	char value[512], got[32768];
	struct caught caught;

	(void)state;
	memset(value, '\x01', sizeof value);
	value[sizeof value - 1] = '\0';
	log_setup("p", &to_stderr);
	catch_stderr(&caught);
	log_line(CONF_LOG_INFO, "e", "a", value, "b", value, "c", value, "d", value, "e", value, "f", value, "g", value,
	         "h", value, "i", value, NULL);
	next_write(&caught, got);
	release_stderr(&caught);
	assert_true(strlen(got) < 16386);
	assert_non_null(strstr(got, " g="));
	assert_null(strstr(got, " i="));
	assert_string_equal(got + strlen(got) - 6, "\\x01\"\n");
}

#define FULL value, "k"

/* A line of exactly 16 KB: its end still fits. */
static void test_full_line(void **state) {
	char value[513], got[32768];
	struct caught caught;

	(void)state;
	memset(value, 'x', 512);
	value[512] = '\0';
	log_setup("p", &to_stderr);
	catch_stderr(&caught);
	log_line(CONF_LOG_INFO, "e", "k", FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL,
	         FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL, FULL,
	         FULL, value + 106, NULL);
	next_write(&caught, got);
	release_stderr(&caught);
	assert_int_equal(strlen(got), 16385);
	assert_string_equal(got + 16383, "x\n");
}

/* Nowhere to write to: the caller's errno stays. */
static void test_errno(void **state) {
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_RDONLY | O_CLOEXEC), got;

	(void)state;
	log_setup("p", &to_stderr);
	dup2(null, STDERR_FILENO);
	errno = ENOENT;
	log_line(CONF_LOG_ERROR, "e", NULL);
	got = errno;
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(null);
	assert_int_equal(got, ENOENT);
}

static void test_levels(void **state) {
	static const enum conf_log_level levels[] = {CONF_LOG_ERROR, CONF_LOG_WARNING, CONF_LOG_INFO, CONF_LOG_DEBUG};
	size_t set, of;

	(void)state;
	for (set = 0; set < COUNT(levels); set++) {
		for (of = 0; of < COUNT(levels); of++) {
			struct conf_log conf = {CONF_LOG_STDERR, (int)levels[set], CONF_PRIVACY_FULL};
			struct caught caught;
			char got[32768];

			log_setup("p", &conf);
			catch_stderr(&caught);
			log_line(levels[of], "e", NULL);
			next_write(&caught, got);
			release_stderr(&caught);
			assert_string_equal(got, of <= set ? "p: event=e\n" : "");
		}
	}
	log_setup("p", &to_stderr);
}

static void test_address(void **state) {
	static const struct {
		int privacy;
		const char *address, *want;
	} rows[] = {
	        {CONF_PRIVACY_FULL, "a@example.jp", "a@example.jp"},
	        {CONF_PRIVACY_DOMAIN, "a@example.jp", "*@example.jp"},
	        {CONF_PRIVACY_DOMAIN, "a@b@example.jp", "*@example.jp"},
	        {CONF_PRIVACY_DOMAIN, "nobody", "*"},
	        {CONF_PRIVACY_KEY, "a@example.jp", "00000000000000ff"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct conf_log conf = {CONF_LOG_STDERR, CONF_LOG_INFO, rows[i].privacy};
		char out[LOG_ADDRESS_SIZE];

		log_setup("p", &conf);
		assert_ptr_equal(log_address(out, span_of(rows[i].address), 255), out);
		assert_string_equal(out, rows[i].want);
	}
	log_setup("p", &to_stderr);
}

static void test_number(void **state) {
	char out[24];

	(void)state;
	assert_string_equal(log_number(out, 0), "0");
	assert_string_equal(log_number(out, INT64_MIN), "-9223372036854775808");
	assert_string_equal(log_number(out, INT64_MAX), "9223372036854775807");
}

static void *write_lines(void *arg) {
	int i;

	(void)arg;
	for (i = 0; i < 200; i++)
		log_line(CONF_LOG_INFO, "thread", "value", "x", NULL);
	return NULL;
}

/* Settings may change while others log; no line is torn. */
static void test_threads(void **state) {
	static const struct conf_log quiet = {CONF_LOG_STDERR, CONF_LOG_ERROR, CONF_PRIVACY_KEY};
	char path[] = "/tmp/test_log.XXXXXX", line[256];
	int saved = dup(STDERR_FILENO), fd = mkstemp(path);
	pthread_t threads[4];
	size_t i, lines = 0;
	FILE *in;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
	dup2(fd, STDERR_FILENO);
	for (i = 0; i < COUNT(threads); i++)
		pthread_create(&threads[i], NULL, write_lines, NULL);
	for (i = 0; i < 200; i++)
		log_setup("p", i % 2 == 0 ? &quiet : &to_stderr);
	for (i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	log_line(CONF_LOG_INFO, "thread", "value", "x", NULL);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fd);
	in = fopen(path, "r");
	unlink(path);
	assert_non_null(in);
	for (; fgets(line, sizeof line, in) != NULL; lines++)
		assert_string_equal(line, "p: event=thread value=x\n");
	fclose(in);
	assert_true(lines >= 1 && lines <= 801);
}

static void test_utf8_size(void **state) {
	static const struct {
		const char *text;
		size_t want;
	} rows[] = {
	        {"", 0},
	        {"a", 1},
	        {"\x7f", 1},
	        {"\x80", 0},
	        {"\xc1\xbf", 0},
	        {"\xc2\x80", 2},
	        {"\xc2", 0},
	        {"\xc2"
	         "A",
	         0},
	        {"\xdf\xbf", 2},
	        {"\xe0\x9f\xbf", 0},
	        {"\xe0\xa0\x80", 3},
	        {"\xe0\xa0", 0},
	        {"\xed\x9f\xbf", 3},
	        {"\xed\xa0\x80", 0},
	        {"\xef\xbf\xbf", 3},
	        {"\xf0\x8f\xbf\xbf", 0},
	        {"\xf0\x90\x80\x80", 4},
	        {"\xf0\x90\x80", 0},
	        {"\xf4\x8f\xbf\xbf", 4},
	        {"\xf4\x90\x80\x80", 0},
	        {"\xff", 0},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		if (utf8_size(span_of(rows[i].text)) != rows[i].want)
			fail_msg("row %zu: want %zu", i, rows[i].want);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_neutralise), cmocka_unit_test(test_cut),       cmocka_unit_test(test_line),
	        cmocka_unit_test(test_long_line),  cmocka_unit_test(test_full_line), cmocka_unit_test(test_errno),
	        cmocka_unit_test(test_levels),     cmocka_unit_test(test_address),   cmocka_unit_test(test_number),
	        cmocka_unit_test(test_threads),    cmocka_unit_test(test_utf8_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
