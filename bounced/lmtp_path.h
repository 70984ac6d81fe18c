/*
 * What stands behind MAIL and RCPT (RFC 5321 4.1.2, 4.1.1.11).
 */
#ifndef BOUNCED_LMTP_PATH_H
#define BOUNCED_LMTP_PATH_H

#include "lib/text.h"

/* `arguments` is ` FROM:<a@b> SIZE=1`, `keyword` is `FROM:`, in any case.  The path
 * without its brackets and source route, and what stands behind it; -1 where
 * there is no path.  Blanks behind the colon are allowed. */
int lmtp_path_parse(struct span arguments, struct span keyword, struct span *path_r, struct span *left_r);

/* Are all of them parameters of MAIL that were offered?  SIZE, BODY, SMTPUTF8. */
bool lmtp_parameters_known(struct span parameters);

#endif
