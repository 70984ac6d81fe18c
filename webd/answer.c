/* An answer of ours as one of libmicrohttpd's. */
#include <microhttpd.h>

#include <stdlib.h>
#include <string.h>

#include "webd/server_private.h"

/* The header fields that every answer has, unless its handler said otherwise (T2, S3). */
static const struct {
	const char *name;
	const char *value;
	bool with_body;
} always[] = {
        {"Cache-Control", "no-store", false},
        {"Referrer-Policy", "no-referrer", false},
        {"X-Robots-Tag", "noindex", false},
        {"X-Content-Type-Options", "nosniff", true},
        {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
         true},
};

static struct MHD_Response *make_response(struct http_answer *answer) {
	struct MHD_Response *response;
	size_t len = answer->body.len;
	char *text;

	if (answer->constant_body != NULL)
		return MHD_create_response_from_buffer(answer->constant_len, (void *)answer->constant_body,
		                                       MHD_RESPMEM_PERSISTENT);
	if (len == 0)
		return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	text = buf_take(&answer->body);
	if (text == NULL)
		return NULL;
	response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
		free(text);
	return response;
}

static bool add_fields(struct MHD_Response *response, const struct http_answer *answer, bool has_body) {
	bool good = true;
	size_t i;

	for (i = 0; i < answer->field_count; i++)
		good &= answer->fields[i].value[0] == '\0' ||
		        MHD_add_response_header(response, answer->fields[i].name, answer->fields[i].value) == MHD_YES;
	for (i = 0; i < sizeof always / sizeof *always; i++)
		if ((has_body || !always[i].with_body) && http_answer_find(answer, always[i].name) == NULL)
			good &= MHD_add_response_header(response, always[i].name, always[i].value) == MHD_YES;
	if (answer->close)
		good &= MHD_add_response_header(response, "Connection", "close") == MHD_YES;
	return good;
}

static bool is_plain_redirect(const struct http_answer *answer) {
	return answer->status == 302 && !answer->failed && answer->constant_body == NULL && answer->body.len == 0 &&
	       !answer->close && answer->field_count == 1 && http_answer_find(answer, "Location") != NULL;
}

/* A click's answer, of which there are many: the one before it on the same connection
 * has gone out, and nothing but its Location differs. */
static int send_redirect(struct link *link, struct MHD_Connection *connection, const struct http_answer *answer) {
	static const struct http_answer nothing;
	const char *before;

	if (link->redirect == NULL) {
		link->redirect = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
		if (link->redirect == NULL || !add_fields(link->redirect, &nothing, false))
			return -1;
	}
	before = MHD_get_response_header(link->redirect, "Location");
	if ((before != NULL && MHD_del_response_header(link->redirect, "Location", before) != MHD_YES) ||
	    MHD_add_response_header(link->redirect, "Location", answer->fields[0].value) != MHD_YES)
		return -1;
	return MHD_queue_response(connection, answer->status, link->redirect) == MHD_YES ? 0 : -1;
}

void answer_forget(struct link *link) {
	if (link->redirect != NULL)
		MHD_destroy_response(link->redirect);
	link->redirect = NULL;
}

int answer_send(struct link *link, struct MHD_Connection *connection, struct http_answer *answer) {
	struct MHD_Response *response;
	enum MHD_Result result = MHD_NO;
	bool has_body;

	if (is_plain_redirect(answer) && !answer->record.failed)
		return send_redirect(link, connection, answer);
	if (answer->failed || answer->body.failed || answer->record.failed) {
		http_answer_reset(answer);
		http_answer_text(answer, 500, "text/plain; charset=utf-8", "Something went wrong here.\n");
	}
	has_body = answer->constant_body != NULL || answer->body.len > 0;
	response = make_response(answer);
	if (response == NULL)
		return -1;
	if (add_fields(response, answer, has_body))
		result = MHD_queue_response(connection, answer->status, response);
	MHD_destroy_response(response);
	return result == MHD_YES ? 0 : -1;
}
