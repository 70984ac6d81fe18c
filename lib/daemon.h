/*
 * What every daemon's main() does: options, errors of the configuration, log,
 * sockets, privileges, signals.  The order is always
 *
 *     daemon_options   -c FILE, -f
 *     daemon_load      or what loads more than the configuration, with daemon_report()
 *     daemon_log
 *     daemon_become    opens the sockets, then is root no more
 *     daemon_signals
 *
 * and then the daemon's own loop, which reads the signals from a pipe.
 *
 * For the main thread, before there are others; daemon_report(), daemon_load() and
 * daemon_log() again at each reload.
 */
#ifndef LIB_DAEMON_H
#define LIB_DAEMON_H

#include "lib/conf.h"
#include "lib/err.h"
#include "lib/text.h"

/* Octets of errors that a load may write. */
#define DAEMON_ERRORS_MAX 65536

struct daemon {
	const char *program;   /* as "todoku-milter"; must stay valid */
	const char *conf_file; /* -c, or /etc/todoku/todoku.conf */
	bool foreground;       /* -f: log to standard error, whatever the configuration says */
};

/* 0, or -1 when the usage was written to standard error: exit with EX_USAGE. */
int daemon_options(struct daemon *daemon, const char *program, int argc, char **argv);

/* Each line of the errors: to standard error at start, later as a log line
 * `reload_refused`. */
void daemon_report(const struct daemon *daemon, const struct buf *errors, bool starting);
/* The configuration, or NULL after its errors were reported. */
struct conf *daemon_load(const struct daemon *daemon, bool starting);
void daemon_log(const struct daemon *daemon, const struct conf *conf);

/*
 * A socket to listen on: `unix:PATH`, `inet:ADDRESS:PORT` or `ADDRESS:PORT`.
 * A port 0 is chosen by the system; daemon_socket_port() tells which.
 */
struct daemon_socket {
	const char *listen;
	bool prepare_only; /* a library opens it: only the folder of a Unix socket is made */
	int fd;            /* out: listening, non-blocking, close-on-exec; -1 with prepare_only */
};

/*
 * Opens TCP sockets and makes the folders of Unix sockets (priv_prepare_socket),
 * becomes conf's user and group for good, and opens the Unix sockets as that user,
 * open to the group, as which Postfix comes in, and to nobody else.  The umask is 0007 from then
 * on.  -1 with the reason leaves the process in an undefined state: exit.
 */
int daemon_become(const struct conf *conf, struct daemon_socket *sockets, size_t count, struct err *err);
/* 0 for a Unix socket. */
unsigned short daemon_socket_port(const struct daemon_socket *socket);

/* Logs a warning where the user that we have become could not read the file at
 * a reload: keys may be root's alone, and are read before root is given up. */
void daemon_warn_unreadable(const struct conf *conf, const char *file);

/* From now on SIGHUP, SIGTERM, SIGINT and SIGUSR1 are bytes with their number in a
 * pipe, whose reading end this returns (non-blocking), or -1.  SIGPIPE is ignored. */
int daemon_signals(void);
/* The next signal, or 0 when none came in that time (-1: wait for one). */
int daemon_wait_signal(int signals, int timeout_ms);
/* For a thread's start: signals are the main thread's. */
void daemon_block_signals(void);

#endif
