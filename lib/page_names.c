#include "lib/page_names.h"

#include <stdio.h>

#define FOLDER_SIZE 4200

#define COMMON                                                                                                         \
	[IN_TITLE] = {.name = "title", .help = "what readers call the list; empty where none is known"},               \
	[IN_ACCENT] = {.name = "accent", .help = "the list's colour, fit for white"},                                  \
	[IN_ACCENT_DARK] = {.name = "accent_dark", .help = "the list's colour, fit for the dark page"},                \
	[IN_SENDER] = {.name = "sender", .help = "option footer_sender"},                                              \
	[IN_POSTAL] = {.name = "postal", .help = "option footer_address"},                                             \
	[IN_CONTACT] = {.name = "contact", .help = "option footer_contact"},                                           \
	[IN_CONTACT_URL] = {.name = "contact_url", .help = "the same where it is a URL"}

static const struct template_name common_names[] = {COMMON, [IN_COMMON] = {.name = NULL}};

static const struct template_name unsubscribe_names[] = {
        COMMON,
        [IN_UNSUBSCRIBE_ONCE] = {.name = "once", .help = "the pattern is once: one button"},
        [IN_UNSUBSCRIBE_CONFIRM] = {.name = "confirm", .help = "the pattern is confirm: a question"},
        [IN_UNSUBSCRIBE_ASK] = {.name = "ask_address", .help = "the pattern is address, or the link is shared"},
        [IN_UNSUBSCRIBE_ADDRESS] = {.name = "address", .help = "what was entered as the address"},
        [IN_UNSUBSCRIBE_ERROR] = {.name = "error", .help = "what was entered won't do"},
        [IN_UNSUBSCRIBE_MISSING] = {.name = "error_missing", .help = "nothing was entered"},
        [IN_UNSUBSCRIBE_WRONG] = {.name = "error_wrong", .help = "it is no address"},
        [IN_UNSUBSCRIBE_VALUES] = {.name = NULL},
};

static const struct template_name left_names[] = {
        COMMON,
        [IN_LEFT_FORM_URL] = {.name = "form_url", .help = "the list's form, where it is published"},
        [IN_LEFT_VALUES] = {.name = NULL},
};

static const struct template_name option_names[] = {
        [IN_OPTION_TEXT] = {.name = "option", .help = "the option's text"},
        [IN_OPTION_CHOSEN] = {.name = "chosen", .help = "it was chosen"},
        [IN_OPTION_VALUES] = {.name = NULL},
};

static const struct template_name field_names[] = {
        [IN_FIELD_ID] = {.name = "id", .help = "of the element"},
        [IN_FIELD_NAME] = {.name = "name", .help = "under which the value is sent"},
        [IN_FIELD_LABEL] = {.name = "label", .help = "option label"},
        [IN_FIELD_HINT] = {.name = "hint", .help = "option hint"},
        [IN_FIELD_VALUE] = {.name = "value", .help = "what was entered"},
        [IN_FIELD_MAX] = {.name = "max", .help = "option max"},
        [IN_FIELD_REQUIRED] = {.name = "required", .help = "option required"},
        [IN_FIELD_LINE] = {.name = "line", .help = "it is one line"},
        [IN_FIELD_LINES] = {.name = "lines", .help = "it is a text of several lines"},
        [IN_FIELD_CHOICE] = {.name = "choice", .help = "it is a choice"},
        [IN_FIELD_AUTOCOMPLETE] = {.name = "autocomplete", .help = "what a browser may fill in"},
        [IN_FIELD_DESCRIBED_BY] = {.name = "described_by", .help = "ids of hint and error, ID-hint and ID-error"},
        [IN_FIELD_ERROR] = {.name = "error", .help = "what was entered won't do"},
        [IN_FIELD_MISSING] = {.name = "missing", .help = "nothing was entered"},
        [IN_FIELD_TOO_LONG] = {.name = "too_long", .help = "it is too long"},
        [IN_FIELD_OPTIONS] = {.name = "options", .rows = option_names, .help = "what the choice offers"},
        [IN_FIELD_VALUES] = {.name = NULL},
};

static const struct template_name form_names[] = {
        COMMON,
        [IN_FORM_INTRO] = {.name = "intro", .help = "option form.intro"},
        [IN_FORM_TOKEN] = {.name = "token", .help = "has to be sent as token"},
        [IN_FORM_ERROR] = {.name = "error", .help = "something won't do"},
        [IN_FORM_STALE] = {.name = "stale", .help = "the form was given out too long ago"},
        [IN_FORM_TOO_MUCH] = {.name = "too_much", .help = "all fields together are too long"},
        [IN_FORM_ADDRESS] = {.name = "address", .help = "what was entered as the address"},
        [IN_FORM_ADDRESS_ERROR] = {.name = "address_error", .help = "it won't do"},
        [IN_FORM_ADDRESS_MISSING] = {.name = "address_missing", .help = "nothing was entered"},
        [IN_FORM_ADDRESS_WRONG] = {.name = "address_wrong", .help = "it is no address"},
        [IN_FORM_FIELDS] = {.name = "fields", .rows = field_names, .help = "the form's fields, in order"},
        [IN_FORM_CONSENT] = {.name = "consent", .help = "option form.consent, else consent.txt"},
        [IN_FORM_CONSENT_BOX] = {.name = "consent_box", .help = "form.consent is set: a box has to be ticked"},
        [IN_FORM_CONSENTED] = {.name = "consented", .help = "the box is ticked"},
        [IN_FORM_CONSENT_MISSING] = {.name = "consent_missing", .help = "it isn't, and has to be"},
        [IN_FORM_PRIVACY_URL] = {.name = "privacy_url", .help = "option form.privacy_url"},
        [IN_FORM_VALUES] = {.name = NULL},
};

static const struct template_name confirm_names[] = {
        COMMON,
        [IN_CONFIRM_JOIN] = {.name = "join", .help = "it is about joining"},
        [IN_CONFIRM_LEAVE] = {.name = "leave", .help = "it is about leaving"},
        [IN_CONFIRM_ADDRESS] = {.name = "address", .help = "the address"},
        [IN_CONFIRM_DAYS] = {.name = "days", .help = "days that the link holds, where they are whole"},
        [IN_CONFIRM_HOURS] = {.name = "hours", .help = "hours that it holds, where they aren't"},
        [IN_CONFIRM_FORM_URL] = {.name = "form_url", .help = "the list's form, where it is published"},
        [IN_CONFIRM_VALUES] = {.name = NULL},
};

static const struct template_name error_names[] = {
        COMMON,
        [IN_ERROR_LATER] = {.name = "later", .help = "it may work later; else it won't"},
        [IN_ERROR_VALUES] = {.name = NULL},
};

const struct template_name page_consent_names[] = {
        {.name = "title", .help = "what readers call the list"},
        {.name = NULL},
};

const struct page_kind page_kinds[PAGES] = {
        [PAGE_UNSUBSCRIBE] = {"unsubscribe.html", "The page behind the unsubscribe link", unsubscribe_names},
        [PAGE_LEFT] = {"left.html", "The reader is unsubscribed", left_names},
        [PAGE_KEPT] = {"kept.html", "The reader chose to stay", common_names},
        [PAGE_FORM] = {"form.html", "The form by which readers join", form_names},
        [PAGE_SENT] = {"sent.html", "A confirmation mail is on its way", confirm_names},
        [PAGE_CONFIRM] = {"confirm.html", "The page behind the link in a confirmation mail", confirm_names},
        [PAGE_JOINED] = {"joined.html", "The reader is on the list", confirm_names},
        [PAGE_BLOCKED] = {"blocked.html", "The address is blocked and can't join", confirm_names},
        [PAGE_EXPIRED] = {"expired.html", "The link of a confirmation mail is too old", confirm_names},
        [PAGE_WRONG] = {"wrong.html", "Every wrong link; one answer for all of them", common_names},
        [PAGE_ERROR] = {"error.html", "It could not be done, or was refused", error_names},
};

struct template *page_load(const char *folder, enum page page, struct err *err) {
	return template_load(folder, page_kinds[page].file, TEMPLATE_HTML, page_kinds[page].names, err);
}

struct template *page_load_consent(const char *folder, struct err *err) {
	return template_load(folder, "consent.txt", TEMPLATE_PLAIN, page_consent_names, err);
}

static int check_one(struct template *t) {
	bool good = t != NULL;

	template_free(&t);
	return good ? 0 : -1;
}

int page_check(const char *pages, struct err *err) {
	static const char *const languages[] = {"ja", "en"};
	char folder[FOLDER_SIZE];
	size_t i;
	int page;

	for (i = 0; i < sizeof languages / sizeof *languages; i++) {
		snprintf(folder, sizeof folder, "%s/%s", pages, languages[i]);
		for (page = 0; page < PAGES; page++)
			if (check_one(page_load(folder, (enum page)page, err)) != 0)
				return -1;
		if (check_one(page_load_consent(folder, err)) != 0)
			return -1;
	}
	return 0;
}
