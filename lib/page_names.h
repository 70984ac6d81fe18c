/*
 * The pages that readers see, by their files, and the names that the templates may
 * use (todoku-pages(5)).
 *
 * todoku-webd shows them, `todoku check` reads them, and the manual page is made
 * from these tables.  The values of a page stand in the order of its names, the
 * IN_... below.
 */
#ifndef LIB_PAGE_NAMES_H
#define LIB_PAGE_NAMES_H

#include "lib/template.h"

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

/* The template of that page, or of consent.txt, from a language's folder ("PAGES/ja"). */
struct template *page_load(const char *folder, enum page page, struct err *err);
struct template *page_load_consent(const char *folder, struct err *err);
/* Are all there and right, in both languages?  0, or -1 with the first that isn't. */
int page_check(const char *pages, struct err *err);

/* Places that every page has; webd/pages.c fills them. */
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

#endif
