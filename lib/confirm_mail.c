#include "lib/confirm_mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

#include "lib/mailtext.h"
#include "lib/sendmail.h"
#include "lib/template.h"

#define FOLDER_SIZE 4200
#define MAIL_MAX 262144
#define LINK_MAX 4096
#define ADDRESS_TEXT_MAX 700

enum { LANGUAGES = 2, KINDS = 3 };

struct confirm_mails {
	struct template *texts[LANGUAGES][KINDS]; /* by enum conf_language, enum confirm_kind */
};

enum {
	MAIL_TITLE,
	MAIL_ADDRESS,
	MAIL_LINK,
	MAIL_DAYS,
	MAIL_HOURS,
	MAIL_SENDER,
	MAIL_POSTAL,
	MAIL_CONTACT,
	MAIL_VALUES
};

const struct template_name confirm_mail_names[] = {
        [MAIL_TITLE] = {.name = "title", .help = "what readers call the list"},
        [MAIL_ADDRESS] = {.name = "address", .help = "the reader's address"},
        [MAIL_LINK] = {.name = "link", .help = "the page that confirms it"},
        [MAIL_DAYS] = {.name = "days", .help = "days that the link holds, 2 or more; empty where they are not whole"},
        [MAIL_HOURS] = {.name = "hours", .help = "hours that the link holds; empty where it is whole days"},
        [MAIL_SENDER] = {.name = "sender", .help = "option footer_sender"},
        [MAIL_POSTAL] = {.name = "postal", .help = "option footer_address"},
        [MAIL_CONTACT] = {.name = "contact", .help = "option footer_contact"},
        [MAIL_VALUES] = {.name = NULL},
};

static const char *const languages[LANGUAGES] = {[CONF_LANGUAGE_JA] = "ja", [CONF_LANGUAGE_EN] = "en"};
static const char *const files[KINDS] = {[CONFIRM_JOIN] = "join.txt", [CONFIRM_LEAVE] = "leave.txt"};

void confirm_mails_free(struct confirm_mails **mails) {
	int language, kind;

	if (mails == NULL || *mails == NULL)
		return;
	for (language = 0; language < LANGUAGES; language++)
		for (kind = 0; kind < KINDS; kind++)
			template_free(&(*mails)->texts[language][kind]);
	free(*mails);
	*mails = NULL;
}

/* "Subject: ...", an empty line, the body. */
static int split(struct span text, struct span *subject_r, struct span *body_r) {
	const struct span field = SPAN("Subject: ");
	ssize_t end = span_find_byte(text, '\n');

	if (!span_starts(text, field) || end < 0 || (size_t)end + 1 >= text.len || text.at[end + 1] != '\n')
		return -1;
	*subject_r = span_make(text.at + field.len, (size_t)end - field.len);
	*body_r = span_from(text, (size_t)end + 2);
	return subject_r->len > 0 ? 0 : -1;
}

/* Any values will do: the Subject's place does not depend on them. */
static int check(const struct template *t, const char *folder, const char *file, struct err *err) {
	struct template_value values[MAIL_VALUES];
	struct span subject, body;
	struct buf text;
	int status, i;

	for (i = 0; i < MAIL_VALUES; i++)
		values[i] = (struct template_value){.text = SPAN("x")};
	buf_init(&text, MAIL_MAX);
	template_render(t, values, &text);
	status = split(buf_span(&text), &subject, &body);
	buf_free(&text);
	return status == 0 ? 0
	                   : err_set(err,
	                             "%s/%s:1: found another beginning, allowed: a line \"Subject: ...\" "
	                             "and an empty one",
	                             folder, file);
}

struct confirm_mails *confirm_mails_load(const struct conf *conf, struct err *err) {
	struct confirm_mails *mails = calloc(1, sizeof *mails);
	char folder[FOLDER_SIZE];
	int language, kind;

	if (mails == NULL) {
		err_set(err, "no more memory");
		return NULL;
	}
	for (language = 0; language < LANGUAGES; language++)
		for (kind = CONFIRM_JOIN; kind < KINDS; kind++) {
			struct template **t = &mails->texts[language][kind];

			snprintf(folder, sizeof folder, "%s/%s", conf->webd.pages, languages[language]);
			*t = template_load(folder, files[kind], TEMPLATE_PLAIN, confirm_mail_names, err);
			if (*t == NULL || check(*t, folder, files[kind], err) != 0) {
				confirm_mails_free(&mails);
				return NULL;
			}
		}
	return mails;
}

static const char *first_address(const struct strings *list) {
	size_t i;

	for (i = 0; i < list->len; i++)
		if (list->at[i][0] != '@')
			return list->at[i];
	return NULL;
}

void confirm_mail_sender(const struct conf *conf, const struct conf_list *list, struct buf *out) {
	const char *address = list->form.from[0] != '\0' ? list->form.from : first_address(&list->from);

	if (address == NULL)
		address = first_address(&list->sender);
	if (address != NULL)
		buf_add_text(out, address);
	else
		buf_printf(out, "postmaster@%s", conf->hostname[0] != '\0' ? conf->hostname : "localhost");
}

static bool is_atom(char c) {
	return ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* As a header and sendmail(1) want it: the local parts of some carriers (`a..b`)
 * are no dot-atom, and stand in quotes (RFC 5322 3.4.1).  -1 where it would need
 * SMTPUTF8. */
static int add_address(struct span canonical, struct buf *out) {
	struct addr addr;
	bool atom = true, quoted;
	size_t i;

	if (addr_parse(canonical, &addr) != 0 || !span_is_ascii(addr_span(&addr)))
		return -1;
	for (i = 0; i < addr.at; i++)
		atom &= is_atom(addr.text[i]) ||
		        (addr.text[i] == '.' && i > 0 && i + 1 < addr.at && addr.text[i - 1] != '.');
	quoted = !atom;
	if (quoted)
		buf_add_byte(out, '"');
	for (i = 0; i < addr.at; i++) {
		if (quoted && (addr.text[i] == '"' || addr.text[i] == '\\'))
			buf_add_byte(out, '\\');
		buf_add_byte(out, addr.text[i]);
	}
	if (quoted)
		buf_add_byte(out, '"');
	buf_add_text(out, addr.text + addr.at);
	return 0;
}

static int add_link(const struct conf *conf, const struct keyring *ring, const struct conf_list *list,
                    const struct confirm *confirm, struct buf *out) {
	buf_printf(out, "%s/j/", conf->webd.base_url);
	return confirm_write(ring, span_of(list->name), confirm, out);
}

/* One day is 24 hours: no text has to tell one from many. */
long confirm_days(const struct conf_list *list) {
	return list->form.expire % 86400 == 0 && list->form.expire > 86400 ? list->form.expire / 86400 : 0;
}

static void fill_text(const struct confirm_mails *mails, const struct conf_list *list, const struct confirm *confirm,
                      struct span link, struct buf *out) {
	struct template_value values[MAIL_VALUES] = {
	        [MAIL_TITLE] = {.text = conf_list_title(list)},
	        [MAIL_ADDRESS] = {.text = confirm->address},
	        [MAIL_LINK] = {.text = link},
	        [MAIL_SENDER] = {.text = span_of(list->footer_sender)},
	        [MAIL_POSTAL] = {.text = span_of(list->footer_address)},
	        [MAIL_CONTACT] = {.text = span_of(list->footer_contact)},
	};
	long days = confirm_days(list);
	char number[24];

	snprintf(number, sizeof number, "%ld", days > 0 ? days : list->form.expire / 3600);
	values[days > 0 ? MAIL_DAYS : MAIL_HOURS].text = span_of(number);
	template_render(mails->texts[list->language][confirm->kind], values, out);
}

static void add_message_id(struct span from, time_t when, struct buf *out) {
	ssize_t at = span_find_byte(from, '@');
	unsigned char bytes[8] = {0};
	size_t i;

	/* Without random numbers there would be no daemon to call this. */
	out->failed |= RAND_bytes(bytes, sizeof bytes) != 1;
	buf_printf(out, "Message-ID: <%lld.", (long long)when);
	for (i = 0; i < sizeof bytes; i++)
		buf_printf(out, "%02x", bytes[i]);
	buf_printf(out, "@%.*s>\n", SPAN_ARG(span_from(from, (size_t)(at + 1))));
}

static void add_message(const struct conf *conf, const struct conf_list *list, const struct confirm *confirm,
                        struct span to, struct span subject, struct span body, struct buf *out) {
	const char *name = list->footer_sender[0] != '\0' ? list->footer_sender : list->title;
	struct buf from;

	buf_init(&from, ADDRESS_TEXT_MAX);
	confirm_mail_sender(conf, list, &from);
	mailtext_mailbox(out, "From", span_of(name), buf_span(&from));
	mailtext_mailbox(out, "To", SPAN_NONE, to);
	mailtext_field(out, "Subject", subject);
	mailtext_date(out, confirm->time);
	add_message_id(buf_span(&from), confirm->time, out);
	buf_add_text(out, "MIME-Version: 1.0\n"
	                  "Content-Type: text/plain; charset=UTF-8\n"
	                  "Content-Transfer-Encoding: base64\n"
	                  "Auto-Submitted: auto-generated\n"
	                  "X-Todoku-List: -\n"
	                  "\n");
	mailtext_base64(out, body);
	out->failed |= from.failed;
	buf_free(&from);
}

int confirm_mail_compose(const struct confirm_mails *mails, const struct conf *conf, const struct keyring *ring,
                         const struct conf_list *list, const struct confirm *confirm, struct buf *out,
                         struct err *err) {
	struct span subject, body;
	struct buf link, text, to;
	int status = -1;

	buf_init(&link, LINK_MAX);
	buf_init(&text, MAIL_MAX);
	buf_init(&to, ADDRESS_TEXT_MAX);
	if (add_address(confirm->address, &to) != 0) {
		err_set(err, "an address that needs SMTPUTF8");
		goto out;
	}
	if (add_link(conf, ring, list, confirm, &link) != 0) {
		err_set(err, "no link: what it has to hold is too long, or no more memory");
		goto out;
	}
	fill_text(mails, list, confirm, buf_span(&link), &text);
	if (split(buf_span(&text), &subject, &body) == 0)
		add_message(conf, list, confirm, buf_span(&to), subject, body, out);
	status = text.failed || to.failed || out->failed ? err_set(err, "the mail is too large, or no more memory") : 0;
out:
	buf_free(&link);
	buf_free(&text);
	buf_free(&to);
	return status;
}

int confirm_mail_send(const struct confirm_mails *mails, const struct conf *conf, const struct keyring *ring,
                      const struct conf_list *list, const struct confirm *confirm, struct err *err) {
	struct buf message, to, sender;
	int status = -1;

	buf_init(&message, MAIL_MAX);
	buf_init(&to, ADDRESS_TEXT_MAX);
	buf_init(&sender, ADDRESS_TEXT_MAX);
	/* Of no list, so that a policy on the list's mail, which may say that this
	 * address has left, does not stop it. */
	if (conf->bounced.domain[0] != '\0')
		buf_printf(&sender, CONFIRM_MAIL_LOCAL "@%s", conf->bounced.domain);
	else
		buf_add_text(&sender, "<>");
	if (confirm_mail_compose(mails, conf, ring, list, confirm, &message, err) == 0 &&
	    add_address(confirm->address, &to) == 0)
		status = sendmail_run(&conf->webd.sendmail, sender.at, to.at, buf_span(&message), CONFIRM_MAIL_TIMEOUT,
		                      err);
	buf_free(&message);
	buf_free(&to);
	buf_free(&sender);
	return status;
}
