/*
 * What the daemons will want at their start besides keys: texts of mails, rules
 * of classification, a certificate.
 */
#ifndef TOOLS_CHECK_H
#define TOOLS_CHECK_H

#include "lib/conf.h"

/* False after having said, one line each, what is wrong.  A certificate that ends soon
 * is told of, and no fault. */
bool check_daemons(const struct conf *conf);

#endif
