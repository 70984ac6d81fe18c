/*
 * Log lines: syslog's mail facility or standard error, one event a line, as
 *
 *     event=signed queue_id=4XYZ list=news rcpt=a@example.jp
 *
 * log_line() takes key and value in turns and ends with NULL; a NULL value
 * leaves its pair out.  Values are neutralised: one with a blank stands in
 * quotes; control characters, quotes, backslashes and invalid UTF-8 come out as
 * \xNN inside quotes, and anything over 512 octets is cut, so that no input can
 * forge a line (S5).  Whole tokens are never to be passed in.
 *
 * log_setup() may be called again after a reload.  Lines may be written by any
 * thread; one line is one write.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/conf.h"
#include "lib/text.h"

/* `program` must stay valid. */
void log_setup(const char *program, const struct conf_log *conf);
void log_line(enum conf_log_level level, const char *event, ...) __attribute__((sentinel));

/* An address as the privacy setting shows it: into `out`, NUL-terminated. */
#define LOG_ADDRESS_SIZE 400
const char *log_address(char out[LOG_ADDRESS_SIZE], struct span canonical, uint64_t key);
const char *log_number(char out[24], long long value);

/* The neutralised form, appended; for the tests and for reports on terminals. */
void log_neutralise(struct buf *out, struct span value);

#endif
