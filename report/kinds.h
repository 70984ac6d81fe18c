/* What a message is that holds no delivery report, told by its header. */
#ifndef REPORT_KINDS_H
#define REPORT_KINDS_H

#include "report/mail.h"

/* Does a mail system write this, by the sender's name? */
bool kinds_from_daemon(const struct mail *mail);
/* The same by a name that no person has: mailer-daemon and its kin. */
bool kinds_from_mailer(const struct mail *mail);
/* The same, by the return path: null, or a mail system's. */
bool kinds_null_path(const struct mail *mail);
bool kinds_subject_of_bounce(struct span subject);
bool kinds_subject_of_delay(struct span subject);
/* An answer that no person wrote: RFC 3834, and what vacation programs did before
 * it and still do (N3). */
bool kinds_is_auto_reply(const struct mail *mail, struct span subject);
/* Does it belong to a conversation, by subject or reference?  People send each other
 * bounces to ask about them. */
bool kinds_is_talk(const struct mail *mail, struct span subject);
/* Microsoft's complaints (JMRP), which are no RFC 5965 reports. */
bool kinds_is_jmrp(const struct mail *mail, struct span subject);
/* Does a Feedback-Type say that the recipient complained (N3)? */
bool kinds_is_complaint(struct span feedback_type);

#endif
