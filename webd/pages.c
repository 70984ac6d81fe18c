#include "webd/pages.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "lib/confirm_mail.h"
#include "lib/log.h"
#include "webd/colour.h"
#include "webd/pages_private.h"
#include "webd/rate.h"

#define FOLDER_SIZE 4200
#define POLICY_MAX 1024
#define STYLES_MAX 4
#define MAILING_MAX 4 /* half of the workers */
#define DAY_MS (86400 * INT64_C(1000))
#define HOUR_MS (3600 * INT64_C(1000))
#define PLAIN_COLOUR "#1a5fb4" /* where no list is known */

enum { LANGUAGES = 2 };

static const char *const languages[LANGUAGES] = {[CONF_LANGUAGE_JA] = "ja", [CONF_LANGUAGE_EN] = "en"};

/* Of each list, in the order of the configuration, and one more for none. */
struct look {
	char accent[COLOUR_SIZE];
	char accent_dark[COLOUR_SIZE];
};

/* The answer to a wrong link, made once: it is the same for all. */
struct constant_page {
	struct buf body;
	struct buf policy;
};

struct pages {
	struct template *pages[LANGUAGES][PAGES];
	struct template *consent[LANGUAGES];
	struct confirm_mails *mails;
	struct look *looks;
	struct constant_page wrong[LANGUAGES];
};

void pages_free(struct pages **pages) {
	int language, page;

	if (pages == NULL || *pages == NULL)
		return;
	for (language = 0; language < LANGUAGES; language++) {
		for (page = 0; page < PAGES; page++)
			template_free(&(*pages)->pages[language][page]);
		template_free(&(*pages)->consent[language]);
		buf_free(&(*pages)->wrong[language].body);
		buf_free(&(*pages)->wrong[language].policy);
	}
	confirm_mails_free(&(*pages)->mails);
	free((*pages)->looks);
	free(*pages);
	*pages = NULL;
}

/* `'sha256-...'` of what stands in the <style> elements: the page's own styles apply,
 * and none that found another way in (CSP 3, 6.7.2.3). */
static void add_policy(struct span page, struct buf *out) {
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char text[SHA256_DIGEST_LENGTH * 2];
	ssize_t at;
	int i;

	buf_add_text(out, "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
	for (i = 0; i < STYLES_MAX && (at = span_find(page, SPAN("<style>"))) >= 0; i++) {
		ssize_t end;

		page = span_from(page, (size_t)at + strlen("<style>"));
		end = span_find(page, SPAN("</style>"));
		if (end < 0)
			break;
		SHA256((const unsigned char *)page.at, (size_t)end, digest);
		EVP_EncodeBlock((unsigned char *)text, digest, sizeof digest);
		buf_printf(out, "%s'sha256-%s'", i == 0 ? "; style-src " : " ", text);
		page = span_from(page, (size_t)end);
	}
}

static void set_look(const char *colour, struct look *look) {
	colour_for_light(colour, look->accent);
	colour_for_dark(colour, look->accent_dark);
}

/* A contact that is a URL becomes a link, an address one to write to. */
static bool is_url(const char *text) {
	return span_starts_nocase(span_of(text), SPAN("https://")) ||
	       span_starts_nocase(span_of(text), SPAN("http://"));
}

static void fill_common(const struct pages *pages, const struct conf *conf, const struct conf_list *list,
                        struct template_value *values) {
	size_t at = list == NULL ? conf->list_count : (size_t)(list - conf->lists);

	values[IN_ACCENT].text = span_of(pages->looks[at].accent);
	values[IN_ACCENT_DARK].text = span_of(pages->looks[at].accent_dark);
	if (list == NULL)
		return;
	values[IN_TITLE].text = conf_list_title(list);
	values[IN_SENDER].text = span_of(list->footer_sender);
	values[IN_POSTAL].text = span_of(list->footer_address);
	values[IN_CONTACT].text = span_of(list->footer_contact);
	if (is_url(list->footer_contact))
		values[IN_CONTACT_URL].text = span_of(list->footer_contact);
}

static int make_wrong(struct pages *pages, const struct conf *conf) {
	struct template_value values[IN_COMMON] = {0};
	int language;

	fill_common(pages, conf, NULL, values);
	for (language = 0; language < LANGUAGES; language++) {
		struct constant_page *wrong = &pages->wrong[language];

		template_render(pages->pages[language][PAGE_WRONG], values, &wrong->body);
		add_policy(buf_span(&wrong->body), &wrong->policy);
		if (wrong->body.failed || wrong->policy.failed)
			return -1;
	}
	return 0;
}

static int load_language(struct pages *pages, const struct conf *conf, int language, struct err *err) {
	char folder[FOLDER_SIZE];
	int page;

	snprintf(folder, sizeof folder, "%s/%s", conf->webd.pages, languages[language]);
	for (page = 0; page < PAGES; page++) {
		pages->pages[language][page] = page_load(folder, (enum page)page, err);
		if (pages->pages[language][page] == NULL)
			return -1;
	}
	pages->consent[language] = page_load_consent(folder, err);
	return pages->consent[language] == NULL ? -1 : 0;
}

struct pages *pages_load(const struct conf *conf, struct err *err) {
	struct pages *pages = calloc(1, sizeof *pages);
	size_t i;
	int language;

	if (pages == NULL)
		goto out_of_memory;
	for (language = 0; language < LANGUAGES; language++) {
		buf_init(&pages->wrong[language].body, HTTP_ANSWER_MAX);
		buf_init(&pages->wrong[language].policy, POLICY_MAX);
	}
	pages->looks = calloc(conf->list_count + 1, sizeof *pages->looks);
	if (pages->looks == NULL)
		goto out_of_memory;
	for (i = 0; i < conf->list_count; i++)
		set_look(conf->lists[i].form.colour, &pages->looks[i]);
	set_look(PLAIN_COLOUR, &pages->looks[conf->list_count]);
	for (language = 0; language < LANGUAGES; language++)
		if (load_language(pages, conf, language, err) != 0)
			goto fail;
	pages->mails = confirm_mails_load(conf, err);
	if (pages->mails == NULL)
		goto fail;
	if (make_wrong(pages, conf) == 0)
		return pages;
out_of_memory:
	err_set(err, "no more memory");
fail:
	pages_free(&pages);
	return NULL;
}

static void set_fields(enum conf_language language, unsigned status, struct span policy, struct http_answer *answer) {
	answer->status = status;
	http_answer_field(answer, "Content-Type", SPAN("text/html; charset=utf-8"));
	http_answer_field(answer, "Content-Language", span_of(languages[language]));
	http_answer_field(answer, "Content-Security-Policy", policy);
	/* With `no-referrer` a browser would say `Origin: null` of our own forms. */
	http_answer_field(answer, "Referrer-Policy", SPAN("same-origin"));
}

void pages_show(const struct webd_world *world, const struct conf_list *list, enum page page, unsigned status,
                struct template_value *values, struct http_answer *answer) {
	enum conf_language language = list == NULL ? CONF_LANGUAGE_JA : (enum conf_language)list->language;
	struct buf policy;

	http_answer_reset(answer);
	fill_common(world->pages, world->conf, list, values);
	template_render(world->pages->pages[language][page], values, &answer->body);
	buf_init(&policy, POLICY_MAX);
	add_policy(buf_span(&answer->body), &policy);
	set_fields(language, status, buf_span(&policy), answer);
	answer->failed |= answer->body.failed || policy.failed;
	buf_free(&policy);
}

void pages_show_later(const struct webd_world *world, const struct conf_list *list, struct http_answer *answer) {
	struct template_value values[IN_ERROR_VALUES] = {[IN_ERROR_LATER] = PAGE_YES};

	pages_show(world, list, PAGE_ERROR, 503, values, answer);
	http_answer_field(answer, "Retry-After", SPAN("120"));
}

void pages_show_refused(const struct webd_world *world, const struct conf_list *list, unsigned status,
                        struct http_answer *answer) {
	struct template_value values[IN_ERROR_VALUES] = {0};

	pages_show(world, list, PAGE_ERROR, status, values, answer);
}

void pages_consent(const struct webd_world *world, const struct conf_list *list, struct buf *out) {
	struct template_value values[] = {{.text = conf_list_title(list)}};
	struct span text;

	if (list->form.consent[0] != '\0') {
		buf_add_text(out, list->form.consent);
		return;
	}
	template_render(world->pages->consent[list->language], values, out);
	text = span_trim(buf_span(out));
	if (out->len > 0 && text.at == out->at)
		out->len = text.len;
}

void pages_leave(struct app *app, const struct webd_world *world, const struct http_request *request,
                 const struct conf_list *list, struct unsubscribe *what, struct http_answer *answer) {
	struct template_value values[IN_LEFT_VALUES] = {0};
	struct buf url;

	what->list = span_of(list->name);
	if (unsubscribe_now(app, world, request, what) != 0) {
		pages_show_later(world, list, answer);
		return;
	}
	buf_init(&url, HTTP_URI_MAX);
	pages_form_url(world, list, &url);
	values[IN_LEFT_FORM_URL].text = buf_span(&url);
	pages_show(world, list, PAGE_LEFT, 200, values, answer);
	buf_free(&url);
}

void pages_form_url(const struct webd_world *world, const struct conf_list *list, struct buf *out) {
	if (list->form.published)
		buf_printf(out, "%.*s/f/%s", SPAN_ARG(world->base_url), list->name);
}

void pages_show_confirm(const struct webd_world *world, const struct conf_list *list, enum page page, unsigned status,
                        const struct confirm *confirm, struct http_answer *answer) {
	bool join = confirm->kind == CONFIRM_JOIN, days = confirm_days(list) > 0;
	struct template_value values[IN_CONFIRM_VALUES] = {
	        [IN_CONFIRM_JOIN] = PAGE_FLAG(join),
	        [IN_CONFIRM_LEAVE] = PAGE_FLAG(!join),
	        [IN_CONFIRM_ADDRESS] = {.text = confirm->address},
	};
	struct buf url;
	char number[24];

	snprintf(number, sizeof number, "%ld", days ? confirm_days(list) : list->form.expire / 3600);
	values[days ? IN_CONFIRM_DAYS : IN_CONFIRM_HOURS].text = span_of(number);
	buf_init(&url, HTTP_URI_MAX);
	pages_form_url(world, list, &url);
	values[IN_CONFIRM_FORM_URL].text = buf_span(&url);
	pages_show(world, list, page, status, values, answer);
	buf_free(&url);
}

/* The first of ours that the browser names; else that of the first list. */
static enum conf_language wanted_language(const struct webd_world *world, const struct http_request *request) {
	struct span wanted = http_field_value(request, "Accept-Language");
	ssize_t ja = span_find_nocase(wanted, SPAN("ja")), en = span_find_nocase(wanted, SPAN("en"));

	if (ja < 0 && en < 0)
		return wanted.len > 0                ? CONF_LANGUAGE_EN
		       : world->conf->list_count > 0 ? (enum conf_language)world->conf->lists[0].language
		                                     : CONF_LANGUAGE_EN;
	return ja >= 0 && (en < 0 || ja < en) ? CONF_LANGUAGE_JA : CONF_LANGUAGE_EN;
}

void pages_not_found(const struct webd_world *world, const struct http_request *request, struct http_answer *answer) {
	enum conf_language language = wanted_language(world, request);
	const struct constant_page *wrong = &world->pages->wrong[language];

	http_answer_reset(answer);
	buf_add_span(&answer->body, buf_span(&wrong->body));
	set_fields(language, 404, buf_span(&wrong->policy), answer);
	answer->failed |= answer->body.failed;
}

/* U+FF01 to U+FF5E are the ASCII characters in full width, U+3000 the blank. */
static void add_narrow(struct span typed, struct buf *out) {
	while (typed.len > 0) {
		const unsigned char *at = (const unsigned char *)typed.at;
		size_t size = 1;

		if (typed.len >= 3 && at[0] == 0xef && (at[1] == 0xbc || at[1] == 0xbd) &&
		    at[2] >= (at[1] == 0xbc ? 0x81 : 0x80) && at[2] <= (at[1] == 0xbc ? 0xbf : 0x9e)) {
			buf_add_byte(out, (char)(at[2] - (at[1] == 0xbc ? 0x60 : 0x20)));
			size = 3;
		} else if (span_starts(typed, SPAN("\xe3\x80\x80"))) {
			buf_add_byte(out, ' ');
			size = 3;
		} else {
			buf_add_byte(out, typed.at[0]);
		}
		typed = span_from(typed, size);
	}
}

int pages_address(struct span typed, struct addr *addr_r) {
	struct buf text;
	struct span domain;
	struct addr again;
	int status = -1;

	buf_init(&text, HTTP_BODY_MAX);
	add_narrow(typed, &text);
	/* Local parts in UTF-8 would need a sendmail that does SMTPUTF8. */
	if (!text.failed && addr_parse(buf_span(&text), addr_r) == 0 && span_is_ascii(addr_span(addr_r))) {
		domain = addr_domain(addr_r);
		/* What only quotes make an address (a blank in the local part), a link can't
		 * hold in its canonical form. */
		status = domain.at[0] != '[' && span_find_byte(domain, '.') > 0 &&
		                         addr_parse(addr_span(addr_r), &again) == 0
		                 ? 0
		                 : -1;
	}
	buf_free(&text);
	return status;
}

static const char *kind_of(const struct confirm *confirm) {
	return confirm->kind == CONFIRM_JOIN ? "join" : "leave";
}

/* A network over its limit spends nothing of the address's. */
static bool may_ask(struct app *app, const struct conf_webd *conf, const struct http_request *request,
                    const struct confirm *confirm) {
	struct buf network;
	bool may;

	buf_init(&network, HTTP_URI_MAX);
	rate_network(request->client, &network);
	may = rate_take(app->rates, "network", buf_span(&network), conf->forms_per_network, HOUR_MS, request->now_ms) &&
	      rate_take(app->rates, kind_of(confirm), confirm->address, conf->mails_per_address, DAY_MS,
	                request->now_ms);
	buf_free(&network);
	return may;
}

/* A sendmail that hangs must not keep all workers from those who want to leave. */
static int hand_over(struct app *app, const struct webd_world *world, const struct conf_list *list,
                     const struct confirm *confirm, struct err *err) {
	int status;

	if (atomic_fetch_add(&app->mailing, 1) >= MAILING_MAX)
		status = err_set(err, "%d mails are being handed over already", MAILING_MAX);
	else
		status = confirm_mail_send(world->pages->mails, world->conf, world->ring, list, confirm, err);
	atomic_fetch_sub(&app->mailing, 1);
	return status;
}

void pages_ask(struct app *app, const struct webd_world *world, const struct http_request *request,
               const struct conf_list *list, const struct confirm *confirm, struct http_answer *answer) {
	uint64_t key = token_address_key(world->ring, confirm->address);
	const char *what = kind_of(confirm);
	char shown[LOG_ADDRESS_SIZE];
	struct err err = {{0}};
	bool may = may_ask(app, &world->conf->webd, request, confirm);

	if (may && hand_over(app, world, list, confirm, &err) != 0) {
		/* No mail went: the next try must not end with a page that says one did. */
		rate_give_back(app->rates, what, confirm->address, world->conf->webd.mails_per_address, DAY_MS);
		log_line(CONF_LOG_ERROR, "confirm_failed", "list", list->name, "to", what, "reason", err.text, NULL);
		pages_show_later(world, list, answer);
		return;
	}
	log_line(CONF_LOG_INFO, may ? "confirm_sent" : "confirm_limited", "list", list->name, "to", what, "rcpt",
	         log_address(shown, confirm->address, key), NULL);
	pages_show_confirm(world, list, PAGE_SENT, 200, confirm, answer);
}
