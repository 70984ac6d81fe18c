/*
 * The pages that readers see: leaving a list, joining one, and what went wrong.
 *
 * Their texts are the templates of todoku-pages(5), read at start and at each
 * reload; a page that was read can't fail while somebody waits for it.  A page is
 * one document: its style is inside, allowed by its hash in the
 * Content-Security-Policy, and nothing is fetched from anywhere.
 *
 * The handlers are for routes of kind ROUTE_SLOW:
 *
 *     /u/TOKEN   page_unsubscribe   GET, HEAD show; POST leaves, but for one-click,
 *                                   which the server answers before (RFC 8058)
 *     /f/LIST    page_form          GET, HEAD show; POST sends a confirmation mail
 *     /j/TOKEN   page_confirm       GET, HEAD show; POST joins or leaves
 *
 * A GET needs no store and changes nothing (U1).
 */
#ifndef WEBD_PAGES_H
#define WEBD_PAGES_H

#include "webd/app.h"

/* NULL with the reason: file, line, what was found and what is allowed. */
struct pages *pages_load(const struct conf *conf, struct err *err);
void pages_free(struct pages **pages);

route_handler page_unsubscribe;
route_handler page_form;
route_handler page_confirm;

/* The one answer to every bad token, unknown path and unknown list (S1): 404, the
 * same octets for all of them, in the language that the reader's browser asks for. */
void pages_not_found(const struct webd_world *world, const struct http_request *request, struct http_answer *answer);

#endif
