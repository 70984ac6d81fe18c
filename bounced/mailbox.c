#include "bounced/mailbox.h"

#include <string.h>

static const char *const offices[] = {"postmaster", "abuse", "mailer-daemon", "fbl", "confirm"};

static struct span local_part(struct span recipient) {
	const char *at = recipient.len == 0 ? NULL : memrchr(recipient.at, '@', recipient.len);

	return at == NULL ? recipient : span_make(recipient.at, (size_t)(at - recipient.at));
}

/* `s` begins with the word, in any case: what stands behind it. */
static bool behind(struct span s, struct span word, struct span *left_r) {
	*left_r = span_from(s, word.len);
	return span_starts_nocase(s, word);
}

/* LIST of subscribe-LIST; an extension (+...) is nobody's business. */
static bool names_list(const struct conf *conf, struct span local, struct span word, enum mailbox_kind kind,
                       struct mailbox *mailbox_r) {
	struct span name;

	if (!behind(local, word, &name))
		return false;
	mailbox_r->list = conf_find_list(conf, name);
	mailbox_r->kind = mailbox_r->list == NULL ? MAILBOX_UNKNOWN : kind;
	return true;
}

struct mailbox mailbox_of(const struct conf *conf, struct span recipient) {
	struct span local = local_part(recipient);
	struct mailbox mailbox = {.name = local};
	size_t i;

	if (behind(local, SPAN("b+"), &mailbox.token)) {
		mailbox.kind = MAILBOX_RETURN;
		mailbox.name = SPAN("b");
		return mailbox;
	}
	if (behind(local, SPAN("unsubscribe+"), &mailbox.token)) {
		mailbox.kind = MAILBOX_UNSUBSCRIBE;
		mailbox.name = SPAN("unsubscribe");
		return mailbox;
	}
	mailbox.token = SPAN_NONE;
	if (names_list(conf, local, SPAN("subscribe-"), MAILBOX_JOIN, &mailbox) ||
	    names_list(conf, local, SPAN("unsubscribe-"), MAILBOX_LEAVE, &mailbox))
		return mailbox;
	if (span_equal_nocase(local, SPAN("b")))
		mailbox.kind = MAILBOX_RETURN;
	for (i = 0; i < sizeof offices / sizeof *offices; i++)
		if (span_equal_nocase(local, span_of(offices[i])))
			mailbox.kind = MAILBOX_OFFICE;
	return mailbox;
}
