#include "report/kinds.h"

#include <string.h>

#include "report/smtp.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static bool any_starts(struct span text, const char *const *table, size_t count) {
	size_t i;

	for (i = 0; i < count; i++)
		if (span_starts_nocase(text, span_of(table[i])))
			return true;
	return false;
}

static bool any_within(struct span text, const char *const *table, size_t count) {
	size_t i;

	for (i = 0; i < count; i++)
		if (span_find_nocase(text, span_of(table[i])) >= 0)
			return true;
	return false;
}

static bool is_daemon(struct span from) {
	static const char *const names[] = {
	        "mailer-daemon",        "mailerdaemon",      "mail-daemon",        "maildaemon",
	        "mailer_daemon",        "postmaster",        "post_master",        "post-master",
	        "mail delivery",        "mail deliver",      "delivery subsystem", "mdaemon",
	        "system administrator", "ndr administrator", "mail administrator", "mailadmin",
	        "mail system",          "bounce@",           "bounces@",           "returned mail",
	        "delivery-status",      "email delivery",    "mail service",       "smtp server",
	};

	return any_within(from, names, COUNT(names));
}

bool kinds_from_daemon(const struct mail *mail) {
	struct span from = mail_find(&mail->header, SPAN("From"));

	return span_equal(from, SPAN("<>")) || is_daemon(from);
}

bool kinds_from_mailer(const struct mail *mail) {
	static const char *const names[] = {"mailer-daemon", "mailerdaemon", "mail-daemon", "maildaemon",
	                                    "mail delivery s"};

	return any_within(mail_find(&mail->header, SPAN("From")), names, COUNT(names));
}

bool kinds_null_path(const struct mail *mail) {
	struct span path = mail_find(&mail->header, SPAN("Return-Path"));

	return span_equal(path, SPAN("<>")) || span_find_nocase(path, SPAN("mailer-daemon")) >= 0;
}

static const char *const bounce_words[] = {
        "failure notice",
        "delivery fail",
        "delivery status",
        "mail failure",
        "mail could not",
        "failed mail",
        "rejected mail",
        "undeliver",
        "undelivered",
        "returned mail",
        "return mail",
        "mail delivery",
        "returning message",
        "returned to sender",
        "delivery error",
        "delivery problem",
        "delivery has failed",
        "non-deliver",
        "nondeliver",
        "could not be delivered",
        "couldn't be delivered",
        "could not send",
        "not delivered",
        "mail error",
        "mail system error",
        "error sending your mail",
        "message delivery",
        "delivery report",
        "delivery notification",
        "delivery unsuccessful",
        "undelivrable",
        "non remis",
        "non distribu",
        "echec de",
        "échec de",
        "unzustellbar",
        "nicht zustellbar",
        "zustellung",
        "nicht zugestellt",
        "no entregado",
        "no se pudo entregar",
        "devuelto",
        "nao entregue",
        "não entregue",
        "devolvid",
        "mancata consegna",
        "mancato recapito",
        "recapito",
        "onbestelbaar",
        "niet bezorgd",
        "kunde inte levereras",
        "недоставл",
        "не доставл",
        "配信不能",
        "配信でき",
        "配送でき",
        "送信でき",
        "送信エラー",
        "配信エラー",
        "配信失敗",
        "エラーメール",
        "退信",
        "退回",
        "无法投递",
        "未送达",
        "전송 실패",
        "발송 실패",
        "반송",
};

bool kinds_subject_of_bounce(struct span subject) {

	return any_within(subject, bounce_words, COUNT(bounce_words)) || kinds_subject_of_delay(subject);
}

static const char *const delay_words[] = {
        "delivery status notification (delay",
        "delayed mail",
        "delivery delayed",
        "message delayed",
        "mail delayed",
        "delivery is delayed",
        "warning: could not send",
        "warning--could not send",
        "warning: message",
        "delayed delivery",
        "still being retried",
        "delivery delay",
        "delayed (still",
        "配信遅延",
        "配信の遅",
};

bool kinds_subject_of_delay(struct span subject) {

	return any_within(subject, delay_words, COUNT(delay_words));
}

static const char *const reply_starts[] = {
        "automatic reply",
        "auto-reply",
        "autoreply",
        "auto reply",
        "auto response",
        "auto-response",
        "autoresponse",
        "automated reply",
        "automated response",
        "out of office",
        "out of the office",
        "out-of-office",
        "away from",
        "on vacation",
        "vacation",
        "i am away",
        "away until",
        "i'm out of",
        "automatische antwort",
        "abwesenheit",
        "abwesend",
        "automatisch antwoord",
        "afwezig",
        "réponse automatique",
        "reponse automatique",
        "absence du bureau",
        "absent",
        "en congé",
        "respuesta autom",
        "fuera de la oficina",
        "resposta autom",
        "fora do escrit",
        "ausencia",
        "ausência",
        "risposta automatica",
        "fuori sede",
        "fuori ufficio",
        "automatiskt svar",
        "autosvar",
        "automatisk svar",
        "automaattinen vastaus",
        "odpowiedź automatyczna",
        "automatická odpov",
        "otomatik yan",
        "автоответ",
        "Автоответ",
        "автоматический ответ",
        "Автоматический ответ",
        "自動返信",
        "自動応答",
        "自動回答",
        "自动回复",
        "自动答复",
        "自動回覆",
        "不在",
        "休暇",
        "부재",
        "자동 회신",
        "자동회신",
        "자동 응답",
};

static const char *const reply_words[] = {
        "out of office",   "automatic reply",      "auto-reply",        "autoreply",
        "auto-response",   "automatische antwort", "abwesenheitsnotiz", "réponse automatique",
        "respuesta autom", "risposta automatica",  "自動返信",          "自動応答",
};

static bool subject_of_reply(struct span subject) {

	while (subject.len > 0 && strchr("[(\"' ", subject.at[0]) != NULL)
		subject = span_from(subject, 1);
	while (span_starts_nocase(subject, SPAN("re:")) || span_starts_nocase(subject, SPAN("aw:")))
		subject = span_trim(span_from(subject, 3));
	return any_starts(subject, reply_starts, COUNT(reply_starts)) ||
	       any_within(subject, reply_words, COUNT(reply_words));
}

/* "Fwd: Undelivered Mail": a person asks what it means. */
static bool subject_of_talk(struct span subject) {
	static const char *const starts[] = {
	        "re:",  "re :", "re[",  "aw:",   "sv:",   "vs:",   "antw:",   "ynt:",  "odp:",  "fw:",   "fwd:",
	        "wg:",  "tr:",  "rv:",  "rif:",  "res:",  "enc:",  "doorst:", "vl:",   "vb:",   "[fwd:", "fw：",
	        "re：", "转发", "轉寄", "答复:", "回复:", "回覆:", "転送:",   "返信:", "전달:", "회신:",
	};

	return any_starts(subject, starts, COUNT(starts));
}

bool kinds_is_talk(const struct mail *mail, struct span subject) {
	const struct mail_header *h = &mail->header;

	return subject_of_talk(subject) || mail_find(h, SPAN("In-Reply-To")).len > 0 ||
	       mail_find(h, SPAN("References")).len > 0;
}

bool kinds_is_auto_reply(const struct mail *mail, struct span subject) {
	static const char *const telling[] = {
	        "X-Autoreply",     "X-Autorespond",         "X-Autoresponder",     "X-Auto-Reply",
	        "X-Auto-Response", "X-AutoReply-From",      "X-Mail-Autoreply",    "X-Vacation",
	        "Vacation",        "X-Autogenerated",       "Autorespond",         "X-Away",
	        "X-Auto-Respond",  "X-FC-MachineGenerated", "X-POST-MessageClass",
	};
	const struct mail_header *h = &mail->header;
	struct span automatic = mail_find(h, SPAN("Auto-Submitted"));
	struct span precedence = mail_find(h, SPAN("Precedence"));
	size_t i;

	if (span_starts_nocase(automatic, SPAN("auto-replied")) ||
	    span_starts_nocase(automatic, SPAN("auto-notified")) || span_starts_nocase(automatic, SPAN("vacation")))
		return true;
	for (i = 0; i < COUNT(telling); i++)
		if (mail_find(h, span_of(telling[i])).len > 0)
			return true;
	if (span_starts_nocase(precedence, SPAN("auto_reply")) || span_starts_nocase(precedence, SPAN("auto-reply")) ||
	    span_find_nocase(mail_find(h, SPAN("Content-Type")), SPAN("report-type=disposition-notification")) >= 0)
		return true;
	/* Machines write it on other mail too: it needs to be an answer. */
	if (automatic.len > 0 && !span_starts_nocase(automatic, SPAN("no")) &&
	    mail_find(h, SPAN("In-Reply-To")).len > 0 && span_starts_nocase(subject, SPAN("re:")))
		return true;
	return subject_of_reply(subject);
}

bool kinds_is_jmrp(const struct mail *mail, struct span subject) {
	struct span from = mail_find(&mail->header, SPAN("From"));

	return span_find_nocase(subject, SPAN("complaint about message from")) >= 0 &&
	       (span_find_nocase(from, SPAN("staff@")) >= 0 || span_find_nocase(from, SPAN("@hotmail")) >= 0 ||
	        span_find_nocase(from, SPAN("@outlook")) >= 0 || span_find_nocase(from, SPAN("microsoft")) >= 0);
}

bool kinds_is_complaint(struct span feedback_type) {
	static const char *const types[] = {"abuse", "fraud", "virus", "opt-out", "opt-out-list", "spam", "complaint"};
	size_t i;

	for (i = 0; i < COUNT(types); i++)
		if (span_equal_nocase(span_trim(feedback_type), span_of(types[i])))
			return true;
	return false;
}
