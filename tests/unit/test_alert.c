/* policyd/alert.h: the administrator's command is run, once, without a shell, and not for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"
#include "policyd/alert.h"

/* The command writes to a pipe by its name: the test reads until it has what it waits for. */
struct fixture {
	char dir[64];
	char pipe[96];
	char script[96];
	char *command[3];
	int fd;
	struct alert *alert;
	struct conf_policyd conf;
};

static void write_script(const struct fixture *fixture, const char *text) {
	FILE *file = fopen(fixture->script, "w");

	assert_non_null(file);
	fprintf(file, "#!/bin/sh\n%s\n", text);
	fclose(file);
	assert_int_equal(chmod(fixture->script, 0700), 0);
}

static int start(void **state) {
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct conf_log log = {.target = CONF_LOG_STDERR, .level = CONF_LOG_ERROR};

	log_setup("test_alert", &log);
	strcpy(fixture->dir, "/tmp/todoku-alert.XXXXXX");
	assert_non_null(mkdtemp(fixture->dir));
	snprintf(fixture->pipe, sizeof fixture->pipe, "%s/pipe", fixture->dir);
	snprintf(fixture->script, sizeof fixture->script, "%s/script", fixture->dir);
	assert_int_equal(mkfifo(fixture->pipe, 0600), 0);
	fixture->fd = open(fixture->pipe, O_RDWR | O_CLOEXEC);
	assert_true(fixture->fd >= 0);
	fixture->command[0] = fixture->script;
	fixture->command[1] = fixture->pipe;
	fixture->command[2] = (char[]){"$(id) `id`; a  b"};
	fixture->command[2] = strdup(fixture->command[2]);
	fixture->conf = (struct conf_policyd){
	        .alert_command = {fixture->command, 3}, .alert_interval = 3600, .alert_timeout = 30};
	fixture->alert = alert_start(NULL);
	assert_non_null(fixture->alert);
	*state = fixture;
	return 0;
}

static int stop(void **state) {
	struct fixture *fixture = *state;

	alert_stop(&fixture->alert);
	close(fixture->fd);
	unlink(fixture->pipe);
	unlink(fixture->script);
	rmdir(fixture->dir);
	free(fixture->command[2]);
	free(fixture);
	return 0;
}

/* A line of the pipe; fails where none comes in a minute. */
static void read_line(const struct fixture *fixture, char *line, size_t size) {
	struct pollfd watch = {.fd = fixture->fd, .events = POLLIN};
	size_t len = 0;

	while (len + 1 < size) {
		if (poll(&watch, 1, 60000) != 1)
			fail_msg("nothing came");
		assert_int_equal(read(fixture->fd, line + len, 1), 1);
		if (line[len] == '\n')
			break;
		len++;
	}
	line[len] = '\0';
}

static bool is_silent(const struct fixture *fixture) {
	struct pollfd watch = {.fd = fixture->fd, .events = POLLIN};

	return poll(&watch, 1, 0) == 0;
}

#define TELL "printf '%s|' \"$@\" > \"$1\"; echo > \"$1\""

static void test_arguments(void **state) {
	struct fixture *fixture = *state;
	char line[512], want[512];

	write_script(fixture, TELL);
	alert_raise(fixture->alert, &fixture->conf, ALERT_OPEN, "main", "12 \"hard\" bounces; $HOME `id` 10.00 %");
	read_line(fixture, line, sizeof line);
	snprintf(want, sizeof want, "%s|$(id) `id`; a  b|open|main|12 \"hard\" bounces; $HOME `id` 10.00 %%|",
	         fixture->pipe);
	assert_string_equal(line, want);
}

/* The same of the same stream once in the interval, another kind and stream at once. */
static void test_interval(void **state) {
	struct fixture *fixture = *state;
	char line[512];
	int i;

	write_script(fixture, "echo \"$3 $4\" > \"$1\"");
	for (i = 0; i < 10; i++)
		alert_raise(fixture->alert, &fixture->conf, ALERT_OPEN, "main", "why");
	alert_raise(fixture->alert, &fixture->conf, ALERT_CLOSED, "main", "why");
	alert_raise(fixture->alert, &fixture->conf, ALERT_OPEN, "other", "why");
	read_line(fixture, line, sizeof line);
	assert_string_equal(line, "open main");
	read_line(fixture, line, sizeof line);
	assert_string_equal(line, "closed main");
	read_line(fixture, line, sizeof line);
	assert_string_equal(line, "open other");
	fixture->conf.alert_interval = 0;
	alert_raise(fixture->alert, &fixture->conf, ALERT_STOPPED, "last", "why");
	alert_raise(fixture->alert, &fixture->conf, ALERT_STOPPED, "last", "why");
	read_line(fixture, line, sizeof line);
	read_line(fixture, line, sizeof line);
	assert_string_equal(line, "stopped last");
	assert_true(is_silent(fixture));
}

static bool is_alive(pid_t pid) {
	return kill(pid, 0) == 0 || errno != ESRCH;
}

/* One that hangs is ended with all that it started, and the next has its turn. */
static void test_timeout(void **state) {
	struct fixture *fixture = *state;
	char line[512];
	pid_t child;
	int i;

	fixture->conf.alert_timeout = 1;
	write_script(fixture, "trap '' TERM; [ \"$4\" = next ] && { echo next > \"$1\"; exit; }\n"
	                      "sleep 1000 & echo $! > \"$1\"; wait");
	alert_raise(fixture->alert, &fixture->conf, ALERT_OPEN, "main", "why");
	alert_raise(fixture->alert, &fixture->conf, ALERT_OPEN, "next", "why");
	read_line(fixture, line, sizeof line);
	child = (pid_t)atoi(line);
	assert_true(child > 1);
	read_line(fixture, line, sizeof line);
	assert_string_equal(line, "next");
	for (i = 0; i < 6000 && is_alive(child); i++)
		nanosleep(&(struct timespec){0, 10000000}, NULL);
	assert_false(is_alive(child));
}

/* Stopping doesn't wait for one that hangs. */
static void test_stop(void **state) {
	struct fixture *fixture = *state;
	char line[512];
	time_t begun = time(NULL);
	int i;

	fixture->conf.alert_timeout = 3600;
	write_script(fixture, "echo here > \"$1\"; sleep 1000");
	for (i = 0; i < 200; i++) {
		char stream[32];

		snprintf(stream, sizeof stream, "s%d", i);
		alert_raise(fixture->alert, &fixture->conf, ALERT_OPEN, stream, "why");
	}
	read_line(fixture, line, sizeof line);
	alert_stop(&fixture->alert);
	assert_null(fixture->alert);
	assert_true(time(NULL) - begun < 60);
}

/* None configured, one that isn't there, and one that may not be run. */
static void test_no_command(void **state) {
	struct fixture *fixture = *state;
	struct conf_policyd none = {.alert_interval = 1};
	char line[512];

	alert_raise(fixture->alert, &none, ALERT_OPEN, "main", "why");
	alert_raise(fixture->alert, &fixture->conf, ALERT_OPEN, "main", "why");
	write_script(fixture, TELL);
	chmod(fixture->script, 0600);
	alert_raise(fixture->alert, &fixture->conf, ALERT_CLOSED, "main", "why");
	alert_stop(&fixture->alert);
	fixture->alert = alert_start(NULL);
	chmod(fixture->script, 0700);
	alert_raise(fixture->alert, &fixture->conf, ALERT_STOPPED, "main", "why");
	read_line(fixture, line, sizeof line);
	assert_non_null(strstr(line, "stopped|main|why|"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(test_arguments, start, stop),
	        cmocka_unit_test_setup_teardown(test_interval, start, stop),
	        cmocka_unit_test_setup_teardown(test_timeout, start, stop),
	        cmocka_unit_test_setup_teardown(test_stop, start, stop),
	        cmocka_unit_test_setup_teardown(test_no_command, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
