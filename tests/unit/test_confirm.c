/* lib/confirm.h, lib/confirm_mail.h, lib/mailtext.h, lib/sendmail.h: what is asked, and the mail that asks. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/confirm_mail.h"
#include "lib/mailtext.h"
#include "lib/sendmail.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TEXT_MAX 262144

struct fixture {
	char folder[64];
	struct conf *conf;
	struct keyring *ring;
	struct confirm_mails *mails;
	struct buf out;
};

static void write_file(const char *folder, const char *name, const char *text) {
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static const char conf_text[] =
        "webd { base_url = \"https://t.example.com\" pages = \"%s/conf/pages\" sendmail = { /bin/sh, \"%s/sendmail\", "
        "out } }\n"
        "bounced { domain = bounce.example.com }\n"
        "list news { sender = { \"@example.com\", news@example.com } title = \"\xe5\xb1\x8a\xe3\x81\x8f\" }\n"
        "list plain { from = { plain@example.net } language = en title = 'Plain \"A\" news' footer_contact = 'x\\y'\n"
        "  form { expire = 1d } }\n"
        "list bare { form { from = owner@example.org } language = en }\n";

static int set_up(void **state) {
	static struct fixture f;
	const char *source = getenv("TODOKU_SRC");
	char path[256], text[4096];
	struct buf errors;
	struct err err = {{0}};

	memset(&f, 0, sizeof f);
	snprintf(f.folder, sizeof f.folder, "/tmp/todoku-confirm.XXXXXX");
	assert_non_null(mkdtemp(f.folder));
	snprintf(text, sizeof text, conf_text, source != NULL ? source : "..", f.folder);
	write_file(f.folder, "conf", text);
	snprintf(text, sizeof text, "cat >%s/mail; printf '%%s\\n' \"$@\" >%s/arguments\n", f.folder, f.folder);
	write_file(f.folder, "sendmail", text);
	snprintf(path, sizeof path, "%s/conf", f.folder);
	buf_init(&errors, TEXT_MAX);
	f.conf = conf_load(path, &errors);
	if (f.conf == NULL)
		fail_msg("%s", errors.at);
	snprintf(path, sizeof path, "%s/ring", f.folder);
	assert_int_equal(keyring_create(path, time(NULL), &err), 0);
	f.ring = keyring_load(path, &err);
	assert_non_null(f.ring);
	f.mails = confirm_mails_load(f.conf, &err);
	if (f.mails == NULL)
		fail_msg("%s", err.text);
	buf_init(&f.out, TEXT_MAX);
	buf_free(&errors);
	*state = &f;
	return 0;
}

static int tear_down(void **state) {
	static const char *const names[] = {"conf", "sendmail", "mail", "arguments", "ring"};
	struct fixture *f = *state;
	char path[256];
	size_t i;

	for (i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", f->folder, names[i]);
		unlink(path);
	}
	rmdir(f->folder);
	confirm_mails_free(&f->mails);
	keyring_free(&f->ring);
	conf_free(&f->conf);
	buf_free(&f->out);
	return 0;
}

static const struct confirm join = {.kind = CONFIRM_JOIN,
                                    .time = 1790000000,
                                    .campaign = 7,
                                    .address = SPAN("a@example.jp"),
                                    .who = SPAN("192.0.2.1"),
                                    .proof = SPAN("agreed\nname: \xe5\xb1\x8a")};

static void test_contents(void **state) {
	struct fixture *f = *state;
	struct confirm got, leave = {.kind = CONFIRM_LEAVE, .time = 1790000000, .address = SPAN("<a..b@EXAMPLE.jp>")};
	struct token token;
	struct buf bytes;

	buf_init(&bytes, TOKEN_BYTES_MAX);
	assert_int_equal(confirm_write(f->ring, SPAN("news"), &join, &f->out), 0);
	assert_int_equal(token_decode(f->ring, buf_span(&f->out), &bytes, &token), TOKEN_OK);
	assert_int_equal(token.list, token_list_id(f->ring, SPAN("news")));
	assert_true(token.address_key == token_address_key(f->ring, SPAN("a@example.jp")));
	assert_int_equal(confirm_read(&token, &got), 0);
	assert_int_equal(got.kind, CONFIRM_JOIN);
	assert_true(got.time == join.time && got.campaign == 7);
	assert_true(span_equal(got.address, join.address));
	assert_true(span_equal(got.who, join.who));
	assert_true(span_equal(got.proof, join.proof));

	buf_reset(&f->out);
	assert_int_equal(confirm_write(f->ring, SPAN("news"), &leave, &f->out), 0);
	assert_int_equal(token_decode(f->ring, buf_span(&f->out), &bytes, &token), TOKEN_OK);
	assert_int_equal(confirm_read(&token, &got), 0);
	assert_int_equal(got.kind, CONFIRM_LEAVE);
	assert_true(span_equal(got.address, SPAN("a..b@example.jp")));
	assert_int_equal(got.who.len + got.proof.len, 0);
	buf_free(&bytes);
}

/* What the tag proves, but no version of ours has written. */
static void test_contents_that_do_not_add_up(void **state) {
	static const struct {
		uint8_t kind;
		struct span contents;
		int want;
	} rows[] = {
	        {1, SPAN("\0\014a@example.jp\0"), 0},
	        {2, SPAN("\0\014a@example.jp\1xyz"), 0},
	        {0, SPAN("\0\014a@example.jp\0"), -1},
	        {3, SPAN("\0\014a@example.jp\0"), -1},
	        {1, SPAN("\0"), -1},
	        {1, SPAN("\0\014a@example.jp"), -1},
	        {1, SPAN("\0\015a@example.jp"), -1},
	        {1, SPAN("\0\014a@example.jp\2x"), -1},
	        {1, SPAN("\0\014a@EXAMPLE.jp\0"), -1},
	        {1, SPAN("\0\014a\r\nxample.jp\0"), -1},
	};
	struct token token = {.purpose = TOKEN_CONFIRM};
	struct confirm got;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		token.kind = rows[i].kind;
		token.target = rows[i].contents;
		if (confirm_read(&token, &got) != rows[i].want)
			fail_msg("row %zu", i);
	}
	/* The target of a click, whatever it holds. */
	token = (struct token){.purpose = TOKEN_CLICK, .kind = 1, .target = rows[0].contents};
	assert_int_equal(confirm_read(&token, &got), -1);
}

static void test_too_much(void **state) {
	static char long_text[CONFIRM_PROOF_MAX + 1];
	struct fixture *f = *state;
	struct confirm confirm = join;

	memset(long_text, 'x', sizeof long_text);
	confirm.proof = span_make(long_text, CONFIRM_PROOF_MAX);
	assert_int_equal(confirm_write(f->ring, SPAN("news"), &confirm, &f->out), 0);
	/* B10 and RFC 5322 2.1.1: the link fits a line of any reader. */
	assert_true(f->out.len < 1500);
	confirm.proof.len++;
	assert_int_equal(confirm_write(f->ring, SPAN("news"), &confirm, &f->out), -1);
	confirm = join;
	confirm.who = span_make(long_text, CONFIRM_WHO_MAX + 1);
	assert_int_equal(confirm_write(f->ring, SPAN("news"), &confirm, &f->out), -1);
	confirm = join;
	confirm.address = SPAN("nobody");
	assert_int_equal(confirm_write(f->ring, SPAN("news"), &confirm, &f->out), -1);
}

static void test_fields(void **state) {
	static const struct {
		struct span value;
		const char *want;
	} rows[] = {
	        {SPAN("plain text"), "S: plain text\n"},
	        {SPAN(""), "S: \n"},
	        {SPAN("a\r\nBcc: x@example.com\0"), "S: a  Bcc: x@example.com\n"},
	        {SPAN("a =?UTF-8?B?eA==?="), "S: =?UTF-8?B?YSA9P1VURi04P0I/ZUE9PT89?=\n"},
	        {SPAN("\xe3\x80\x90\xe5\xb1\x8a\xe3\x81\x8f\xe3\x80\x91\xe3\x81\x94\xe7\x99\xbb\xe9\x8c\xb2"),
	         "S: =?UTF-8?B?44CQ5bGK44GP44CR44GU55m76Yyy?=\n"},
	        {SPAN("\xff"), "S: \n"},
	        {SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"),
	         "S: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"},
	};
	struct fixture *f = *state;
	struct buf kana;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		buf_reset(&f->out);
		mailtext_field(&f->out, "S", rows[i].value);
		assert_string_equal(f->out.at, rows[i].want);
	}
	/* RFC 2047 2: words of 75 at most, lines of 76, whole characters. */
	buf_init(&kana, 4096);
	for (i = 0; i < 100; i++)
		buf_add_text(&kana, "\xe3\x81\x82");
	buf_reset(&f->out);
	mailtext_field(&f->out, "Subject", buf_span(&kana));
	for (i = 0; i < f->out.len;) {
		struct span line = span_from(buf_span(&f->out), i);
		size_t len = (size_t)span_find_byte(line, '\n');

		assert_true(len <= 76);
		assert_int_equal((len - (i == 0 ? strlen("Subject: ") : 1) - 12) % 4, 0);
		i += len + 1;
	}
	buf_free(&kana);
}

static void test_mailboxes(void **state) {
	static const struct {
		struct span display;
		const char *want;
	} rows[] = {
	        {SPAN(""), "From: <a@example.com>\n"},
	        {SPAN("A \"b\" \\"), "From: \"A \\\"b\\\" \\\\\"\n <a@example.com>\n"},
	        {SPAN("\xe5\xb1\x8a"), "From: =?UTF-8?B?5bGK?=\n <a@example.com>\n"},
	        {SPAN("a\nBcc: b@example.com"), "From: \"a Bcc: b@example.com\"\n <a@example.com>\n"},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < COUNT(rows); i++) {
		buf_reset(&f->out);
		mailtext_mailbox(&f->out, "From", rows[i].display, SPAN("a@example.com"));
		assert_string_equal(f->out.at, rows[i].want);
	}
	buf_reset(&f->out);
	mailtext_date(&f->out, 1790000000);
	assert_string_equal(f->out.at, "Date: Mon, 21 Sep 2026 14:13:20 +0000\n");
	buf_reset(&f->out);
	mailtext_base64(&f->out, SPAN("a\nb\n"));
	assert_string_equal(f->out.at, "YQ0KYg0K\n");
}

static const char *line_of(const struct buf *mail, const char *name) {
	const char *at = strstr(mail->at, name);

	return at == NULL ? "" : at;
}

static void compose(struct fixture *f, const char *list, const struct confirm *confirm) {
	struct err err = {{0}};

	buf_reset(&f->out);
	if (confirm_mail_compose(f->mails, f->conf, f->ring, conf_find_list(f->conf, span_of(list)), confirm, &f->out,
	                         &err) != 0)
		fail_msg("%s", err.text);
}

static void test_mail(void **state) {
	struct fixture *f = *state;
	struct confirm odd = join;
	struct err err = {{0}};

	compose(f, "news", &join);
	assert_true(span_starts(buf_span(&f->out),
	                        SPAN("From: =?UTF-8?B?5bGK44GP?=\n <news@example.com>\nTo: <a@example.jp>\n"
	                             "Subject: =?UTF-8?B?")));
	assert_non_null(strstr(f->out.at, "\nX-Todoku-List: -\n"));
	assert_non_null(strstr(f->out.at, "\nAuto-Submitted: auto-generated\n"));
	assert_non_null(strstr(f->out.at, "\nMessage-ID: <1790000000."));
	assert_true(span_is_ascii(buf_span(&f->out)));

	compose(f, "plain", &join);
	assert_true(span_starts(buf_span(&f->out), SPAN("From: \"Plain \\\"A\\\" news\"\n <plain@example.net>\n")));
	assert_true(strncmp(line_of(&f->out, "Subject:"),
	                    "Subject: Please confirm your registration: Plain \"A\" news\n", 57) == 0);
	compose(f, "bare", &join);
	assert_true(span_starts(buf_span(&f->out), SPAN("From: <owner@example.org>\n")));
	odd.address = SPAN("a..b@example.jp");
	compose(f, "news", &odd);
	assert_non_null(strstr(f->out.at, "\nTo: <\"a..b\"@example.jp>\n"));
	odd.address = SPAN("\xe5\xb1\x8a@example.jp");
	assert_int_equal(confirm_mail_compose(f->mails, f->conf, f->ring, &f->conf->lists[0], &odd, &f->out, &err), -1);
	assert_string_equal(err.text, "an address that needs SMTPUTF8");
}

static void read_file(const char *folder, const char *name, char *text, size_t size) {
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	file = fopen(path, "r");
	assert_non_null(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

static void test_sent(void **state) {
	struct fixture *f = *state;
	struct confirm dash = join;
	struct err err = {{0}};
	char got[8192];

	dash.address = SPAN("-bs@example.jp");
	if (confirm_mail_send(f->mails, f->conf, f->ring, &f->conf->lists[0], &dash, &err) != 0)
		fail_msg("%s", err.text);
	read_file(f->folder, "arguments", got, sizeof got);
	assert_string_equal(got, "out\n-i\n-f\nconfirm@bounce.example.com\n--\n-bs@example.jp\n");
	read_file(f->folder, "mail", got, sizeof got);
	assert_non_null(strstr(got, "\nTo: <-bs@example.jp>\n"));
	write_file(f->folder, "sendmail", "echo 'no room' >&2; exit 75\n");
	assert_int_equal(confirm_mail_send(f->mails, f->conf, f->ring, &f->conf->lists[0], &join, &err), -1);
	assert_string_equal(err.text, "/bin/sh ended with status 75: no room ");
}

/* What can go wrong with a program, large input that it doesn't read included. */
static void test_programs(void **state) {
	static const struct {
		const char *script, *want; /* NULL: taken */
	} rows[] = {
	        {"cat >/dev/null", NULL},
	        {"exit 0", NULL},
	        {"head -c 100000 /dev/zero; cat >/dev/null", NULL},
	        {"kill -9 $$", "/bin/sh ended by signal 9: "},
	        {"exec 0<&- 1>&- 2>&-; exec sleep infinity", "/bin/sh did not end within 1 seconds"},
	        {"exec sleep infinity", "/bin/sh did not end within 1 seconds"},
	};
	static char message[300000];
	char program[] = "/bin/sh", option[] = "-c", script[256];
	char *argv[] = {program, option, script};
	struct strings command = {argv, 3};
	struct err err;
	size_t i;

	(void)state;
	memset(message, 'x', sizeof message);
	for (i = 0; i < COUNT(rows); i++) {
		int got;

		snprintf(script, sizeof script, "%s", rows[i].script);
		err.text[0] = '\0';
		got = sendmail_run(&command, "<>", "a@example.com", span_make(message, sizeof message),
		                   rows[i].want == NULL || i < 4 ? 60 : 1, &err);
		assert_int_equal(got, rows[i].want == NULL ? 0 : -1);
		if (rows[i].want != NULL)
			assert_string_equal(err.text, rows[i].want);
	}
	argv[0] = script;
	snprintf(script, sizeof script, "/nonexistent/sendmail");
	assert_int_equal(sendmail_run(&command, "<>", "a@example.com", SPAN("x"), 60, &err), -1);
	assert_string_equal(err.text, "/nonexistent/sendmail can't be run: No such file or directory");
}

static void test_texts(void **state) {
	struct fixture *f = *state;
	char folder[] = "/tmp/todoku-texts.XXXXXX", path[64], pages[64];
	static const char *const names[] = {"ja/join.txt", "ja/leave.txt", "en/join.txt", "en/leave.txt"};
	char *own = f->conf->webd.pages;
	struct confirm_mails *mails;
	struct err err = {{0}};
	size_t i;

	assert_non_null(mkdtemp(folder));
	snprintf(pages, sizeof pages, "%s", folder);
	f->conf->webd.pages = pages;
	assert_null(confirm_mails_load(f->conf, &err));
	assert_non_null(strstr(err.text, "/ja/join.txt: can't be read: No such file"));
	snprintf(path, sizeof path, "%s/ja", folder);
	mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/en", folder);
	mkdir(path, 0755);
	for (i = 0; i < COUNT(names); i++)
		write_file(folder, names[i], "Subject: {{title}}\n\n{{link}}\n");
	mails = confirm_mails_load(f->conf, &err);
	assert_non_null(mails);
	confirm_mails_free(&mails);
	write_file(folder, "en/leave.txt", "Subject: x\nTo: {{address}}\n\n{{link}}\n");
	assert_null(confirm_mails_load(f->conf, &err));
	assert_non_null(
	        strstr(err.text, "/en/leave.txt:1: found another beginning, allowed: a line \"Subject: ...\" and"));
	write_file(folder, "en/leave.txt", "Subject: x\n\n{{url}}\n");
	assert_null(confirm_mails_load(f->conf, &err));
	assert_non_null(strstr(err.text, "/en/leave.txt:3: found \"{{url}}\", allowed: title, address, link, "));
	f->conf->webd.pages = own;
	for (i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof path, "%s/ja", folder);
	rmdir(path);
	snprintf(path, sizeof path, "%s/en", folder);
	rmdir(path);
	rmdir(folder);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        WITH(test_contents),  cmocka_unit_test(test_contents_that_do_not_add_up),
	        WITH(test_too_much),  WITH(test_fields),
	        WITH(test_mailboxes), WITH(test_mail),
	        WITH(test_sent),      cmocka_unit_test(test_programs),
	        WITH(test_texts),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
