#include "webd/routes.h"

#include <string.h>

#include "webd/admin.h"
#include "webd/oneclick.h"
#include "webd/pages.h"
#include "webd/track.h"

const struct route routes_public[] = {
        {"/c/", "", ROUTE_FAST, track_click, NULL, "click"},
        {"/o/", ".gif", ROUTE_FAST, track_open, NULL, "open"},
        {"/v/", ".gif", ROUTE_FAST, track_conversion, NULL, "conversion"},
        {"/u/", "", ROUTE_SLOW, oneclick_unsubscribe, oneclick_overflow, "unsubscribe"},
        {"/f/", "", ROUTE_SLOW, page_form, NULL, "form"},
        {"/j/", "", ROUTE_SLOW, page_confirm, NULL, "confirm"},
        {NULL, NULL, ROUTE_FAST, NULL, NULL, NULL},
};

/* The admin listener has a thread of its own, which may wait: it has to answer when the
 * workers don't. */
const struct route routes_admin[] = {
        {"/healthz", "", ROUTE_FAST, admin_healthz, NULL, "healthz"},
        {"/metrics", "", ROUTE_FAST, admin_metrics, NULL, "metrics"},
        {NULL, NULL, ROUTE_FAST, NULL, NULL, NULL},
};

const struct route *route_find(const struct route *table, struct http_request *request) {
	for (; table->prefix != NULL; table++) {
		struct span prefix = span_of(table->prefix), suffix = span_of(table->suffix), rest;

		if (prefix.at[prefix.len - 1] != '/') {
			if (!span_equal(request->path, prefix))
				continue;
			request->rest = SPAN_NONE;
			return table;
		}
		rest = span_from(request->path, prefix.len);
		if (!span_starts(request->path, prefix) || rest.len < suffix.len ||
		    !span_equal(span_from(rest, rest.len - suffix.len), suffix))
			continue;
		request->rest = span_make(rest.at, rest.len - suffix.len);
		return table;
	}
	return NULL;
}

void app_answer_busy(struct http_answer *answer) {
	http_answer_reset(answer);
	http_answer_text(answer, 503, "text/plain; charset=utf-8", "Please try again in a few minutes.\n");
	http_answer_field(answer, "Retry-After", SPAN("120"));
}
