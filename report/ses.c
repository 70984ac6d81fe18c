/* Amazon SES notifications: JSON in the text, as SNS mails it. */
#include <jansson.h>
#include <string.h>

#include "report/dsn.h"
#include "report/job.h"
#include "report/kinds.h"
#include "report/smtp.h"

#define JSON_MAX (1U << 20)

static const char *text_of(const json_t *object, const char *name) {
	const char *text = json_string_value(json_object_get(object, name));

	return text == NULL ? "" : text;
}

/* Each kind of notification: its object, the list in it, what it says. */
static const struct kind {
	const char *type;
	const char *object;
	const char *list;
	enum report_category category;
} kinds[] = {
        {"Bounce", "bounce", "bouncedRecipients", REPORT_UNDETERMINED},
        {"Complaint", "complaint", "complainedRecipients", REPORT_COMPLAINT},
        {"Delivery", "delivery", "recipients", REPORT_DELIVERED},
        {"DeliveryDelay", "deliveryDelay", "delayedRecipients", REPORT_DELAYED},
};

static void judge(struct job *job, const json_t *object, const json_t *recipient, struct report_result *result) {
	struct smtp_codes codes;
	char dsn_status[SMTP_STATUS_SIZE] = "";
	struct evidence e = {.dsn_status = dsn_status, .phase = "", .recipient = span_of(result->recipient)};
	struct verdict verdict;
	struct buf words;

	buf_init(&words, JOB_SPEECH_MAX);
	buf_add_span(&words, dsn_untyped(span_of(text_of(recipient, "diagnosticCode"))));
	smtp_find_codes(buf_span(&words), &codes);
	buf_printf(&words, " (SES bounce: %s %s)", text_of(object, "bounceType"), text_of(object, "bounceSubType"));
	smtp_read_status(span_of(text_of(recipient, "status")), dsn_status);
	e.diagnostic = buf_span(&words);
	e.status = codes.status;
	e.reply = codes.reply;
	rules_judge(job->rules, &e, &verdict);
	job_settle(job, &e, &verdict, result);
	buf_free(&words);
}

static void add_recipient(struct job *job, const struct kind *kind, const json_t *object, const json_t *recipient) {
	const char *address =
	        json_is_string(recipient) ? json_string_value(recipient) : text_of(recipient, "emailAddress");
	enum report_category category = kind->category;
	struct report_result *result;

	if (category == REPORT_COMPLAINT && text_of(object, "complaintFeedbackType")[0] != '\0' &&
	    !kinds_is_complaint(span_of(text_of(object, "complaintFeedbackType"))))
		category = REPORT_NOT_A_BOUNCE;
	result = job_add(job, category);
	if (result == NULL)
		return;
	result->recipient = result->final = job_keep_address(job, span_of(address));
	if (category == REPORT_UNDETERMINED)
		judge(job, object, recipient, result);
}

static void read_notification(struct job *job, const json_t *said) {
	const char *type = text_of(said, "notificationType");
	const json_t *object, *list, *mail = json_object_get(said, "mail");
	size_t i, j;

	if (type[0] == '\0')
		type = text_of(said, "eventType");
	for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(type, kinds[i].type) != 0)
			continue;
		object = json_object_get(said, kinds[i].object);
		list = json_object_get(object, kinds[i].list);
		for (j = 0; j < json_array_size(list); j++)
			add_recipient(job, &kinds[i], object, json_array_get(list, j));
	}
	job->report->family = "amazonses";
	job->report->returned_from = keep_text(job->report->text, span_of(text_of(mail, "source")), 400);
	job->report->message_id = keep_text(job->report->text,
	                                    span_of(text_of(json_object_get(mail, "commonHeaders"), "messageId")), 500);
}

bool job_read_ses(struct job *job) {
	struct span text = job->text;
	json_t *outer = NULL, *inner = NULL;

	if (text.len == 0 || text.at[0] != '{' || text.len > JSON_MAX ||
	    (span_find(text, SPAN("notificationType")) < 0 && span_find(text, SPAN("eventType")) < 0))
		return false;
	outer = json_loadb(text.at, text.len, JSON_DISABLE_EOF_CHECK, NULL);
	/* SNS puts the notification, as text, into a message of its own. */
	if (text_of(outer, "Message")[0] == '{')
		inner = json_loads(text_of(outer, "Message"), 0, NULL);
	read_notification(job, inner != NULL ? inner : outer);
	json_decref(inner);
	json_decref(outer);
	return job->report->count > 0;
}
