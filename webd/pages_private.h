/* What the files of the pages share. */
#ifndef WEBD_PAGES_PRIVATE_H
#define WEBD_PAGES_PRIVATE_H

#include "lib/confirm.h"
#include "lib/page_names.h"
#include "webd/pages.h"
#include "webd/unsubscribe.h"

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

/* Unsubscribes from the list (what->list is set here), and says so; or that it may work later. */
void pages_leave(struct app *app, const struct webd_world *world, const struct http_request *request,
                 const struct conf_list *list, struct unsubscribe *what, struct http_answer *answer);

/* What a reader typed as an address, made one: full-width characters as Japanese
 * keyboards give them are folded.  0; -1 where it is none of the open net. */
int pages_address(struct span typed, struct addr *addr_r);

/* Asks by mail: the limits looked at, the mail handed to sendmail, the page that
 * says so shown.  Over a limit the same page comes and no mail (the answer tells
 * nobody whose address this is). */
void pages_ask(struct app *app, const struct webd_world *world, const struct http_request *request,
               const struct conf_list *list, const struct confirm *confirm, struct http_answer *answer);

#endif
