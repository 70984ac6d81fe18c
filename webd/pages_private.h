/* What the files of the pages share: which pages there are, and the places in them. */
#ifndef WEBD_PAGES_PRIVATE_H
#define WEBD_PAGES_PRIVATE_H

#include "lib/confirm.h"
#include "lib/template.h"
#include "webd/pages.h"

enum page {
	PAGE_UNSUBSCRIBE,
	PAGE_LEFT,
	PAGE_KEPT,
	PAGE_FORM,
	PAGE_SENT,
	PAGE_CONFIRM,
	PAGE_JOINED,
	PAGE_BLOCKED,
	PAGE_EXPIRED,
	PAGE_WRONG,
	PAGE_ERROR,
	PAGES,
};

struct page_kind {
	const char *file;
	const char *help; /* for todoku-pages(5) */
	const struct template_name *names;
};
extern const struct page_kind page_kinds[PAGES];
extern const struct template_name page_consent_names[];

/* Places that every page has; pages_show() fills them. */
enum { IN_TITLE, IN_ACCENT, IN_ACCENT_DARK, IN_SENDER, IN_POSTAL, IN_CONTACT, IN_CONTACT_URL, IN_COMMON };

enum {
	IN_UNSUBSCRIBE_ONCE = IN_COMMON,
	IN_UNSUBSCRIBE_CONFIRM,
	IN_UNSUBSCRIBE_ASK,
	IN_UNSUBSCRIBE_ADDRESS,
	IN_UNSUBSCRIBE_ERROR,
	IN_UNSUBSCRIBE_MISSING,
	IN_UNSUBSCRIBE_WRONG,
	IN_UNSUBSCRIBE_VALUES,
};

enum { IN_LEFT_FORM_URL = IN_COMMON, IN_LEFT_VALUES };

enum {
	IN_FORM_INTRO = IN_COMMON,
	IN_FORM_TOKEN,
	IN_FORM_ERROR,
	IN_FORM_STALE,
	IN_FORM_TOO_MUCH,
	IN_FORM_ADDRESS,
	IN_FORM_ADDRESS_ERROR,
	IN_FORM_ADDRESS_MISSING,
	IN_FORM_ADDRESS_WRONG,
	IN_FORM_FIELDS,
	IN_FORM_CONSENT,
	IN_FORM_CONSENT_BOX,
	IN_FORM_CONSENTED,
	IN_FORM_CONSENT_MISSING,
	IN_FORM_PRIVACY_URL,
	IN_FORM_VALUES,
};

/* Of each field of a form. */
enum {
	IN_FIELD_ID,
	IN_FIELD_NAME,
	IN_FIELD_LABEL,
	IN_FIELD_HINT,
	IN_FIELD_VALUE,
	IN_FIELD_MAX,
	IN_FIELD_REQUIRED,
	IN_FIELD_LINE,
	IN_FIELD_LINES,
	IN_FIELD_CHOICE,
	IN_FIELD_AUTOCOMPLETE,
	IN_FIELD_DESCRIBED_BY,
	IN_FIELD_ERROR,
	IN_FIELD_MISSING,
	IN_FIELD_TOO_LONG,
	IN_FIELD_OPTIONS,
	IN_FIELD_VALUES,
};

enum { IN_OPTION_TEXT, IN_OPTION_CHOSEN, IN_OPTION_VALUES };

/* The pages around a confirmation: sent, confirm, joined, blocked, expired. */
enum {
	IN_CONFIRM_JOIN = IN_COMMON,
	IN_CONFIRM_LEAVE,
	IN_CONFIRM_ADDRESS,
	IN_CONFIRM_DAYS,
	IN_CONFIRM_HOURS,
	IN_CONFIRM_FORM_URL,
	IN_CONFIRM_VALUES,
};

enum { IN_ERROR_LATER = IN_COMMON, IN_ERROR_VALUES };

/* Where a name only has to be given or not. */
#define PAGE_YES ((struct template_value){.text = SPAN("yes")})
#define PAGE_FLAG(is) ((is) ? PAGE_YES : (struct template_value){.text = SPAN_NONE})

/* `values` has room for the page's; those that every page has are filled in.
 * `list` is NULL where none is known. */
void pages_show(const struct webd_world *world, const struct conf_list *list, enum page page, unsigned status,
                struct template_value *values, struct http_answer *answer);
/* 503: nothing was done, later it may be. */
void pages_show_later(const struct webd_world *world, const struct conf_list *list, struct http_answer *answer);
/* 403 or 400: nothing was done, and will not be. */
void pages_show_refused(const struct webd_world *world, const struct conf_list *list, unsigned status,
                        struct http_answer *answer);
/* One of the pages around a confirmation. */
void pages_show_confirm(const struct webd_world *world, const struct conf_list *list, enum page page, unsigned status,
                        const struct confirm *confirm, struct http_answer *answer);
/* The words of consent: form.consent, else consent.txt; appended. */
void pages_consent(const struct webd_world *world, const struct conf_list *list, struct buf *out);
/* BASE_URL/f/LIST where the list's form is published; appended. */
void pages_form_url(const struct webd_world *world, const struct conf_list *list, struct buf *out);

/* What a reader typed as an address, made one: full-width characters as Japanese
 * keyboards give them are folded.  0; -1 where it is none of the open net. */
int pages_address(struct span typed, struct addr *addr_r);

/* Asks by mail: the limits looked at, the mail handed to sendmail, the page that
 * says so shown.  Over a limit the same page comes and no mail (the answer tells
 * nobody whose address this is). */
void pages_ask(struct app *app, const struct webd_world *world, const struct http_request *request,
               const struct conf_list *list, const struct confirm *confirm, struct http_answer *answer);

#endif
