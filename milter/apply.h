/*
 * Tells Postfix what became of the model (message.h): the same changes, field by
 * field and piece by piece, so that what was signed is what leaves.  At the end
 * of the message only.  -1 when libmilter could not.
 */
#ifndef MILTER_APPLY_H
#define MILTER_APPLY_H

#include "milter/treat.h"

struct smfi_str; /* libmilter's SMFICTX */

/* The header fields; or of them only the end of control fields. */
int apply_fields(struct smfi_str *ctx, struct message *m, bool control_only);
/* Fields, body, signatures, return path, and who doesn't get it. */
int apply_treated(struct smfi_str *ctx, struct message *m, const struct treated *treated);

#endif
