/*
 * The mail that asks for confirmation: composed from a template in the list's
 * language, and handed to the local sendmail(1).
 *
 * The texts are PAGES/ja/join.txt, leave.txt and the same under en
 * (todoku-pages(5)), where PAGES is option webd.pages.  The first line of each
 * is the Subject.  The mail is one text/plain part in UTF-8 and
 * base64, with Auto-Submitted (RFC 3834), and `X-Todoku-List: -`, so that the
 * milter signs it and leaves it alone otherwise.  No text of a reader's is in it
 * but the address it goes to.
 *
 * Who may be sent such a mail, and how often, is the caller's to decide.
 *
 * Threads: a loaded set is immutable; mails may be sent by any number of threads.
 */
#ifndef LIB_CONFIRM_MAIL_H
#define LIB_CONFIRM_MAIL_H

#include "lib/conf.h"
#include "lib/confirm.h"
#include "lib/template.h"

struct confirm_mails;

/* The names that the texts may use. */
extern const struct template_name confirm_mail_names[];

/* Local part of the envelope sender, at bounced.domain: what comes back to it says
 * nothing of a list, and may be thrown away. */
#define CONFIRM_MAIL_LOCAL "confirm"

/* Reads the texts.  NULL with the reason: file, line, what was found and what is
 * allowed. */
struct confirm_mails *confirm_mails_load(const struct conf *conf, struct err *err);
void confirm_mails_free(struct confirm_mails **mails);

/* Composes and sends: 0 once sendmail(1) has taken it.  Waits for that, some
 * hundredths of a second as a rule, CONFIRM_MAIL_TIMEOUT seconds at most. */
#define CONFIRM_MAIL_TIMEOUT 20
int confirm_mail_send(const struct confirm_mails *mails, const struct conf *conf, const struct keyring *ring,
                      const struct conf_list *list, const struct confirm *confirm, struct err *err);

/* Only the message, with the line ends of the system. */
int confirm_mail_compose(const struct confirm_mails *mails, const struct conf *conf, const struct keyring *ring,
                         const struct conf_list *list, const struct confirm *confirm, struct buf *out, struct err *err);

/* Whole days that the link holds, 2 or more; 0 where hours say it better. */
long confirm_days(const struct conf_list *list);

/* Sender of the mail: form.from, else the first whole address among the list's
 * `from`, then `sender`; else postmaster of the host. */
void confirm_mail_sender(const struct conf *conf, const struct conf_list *list, struct buf *out);

#endif
