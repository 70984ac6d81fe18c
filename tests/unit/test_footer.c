/* milter/footer.h: what marketing mail must display (U5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "milter/footer.h"

#define URL SPAN("https://t.example.com/u/AbC-_9")
#define RULE "--------------------------------------------------\r\n"
#define DIV                                                                                                            \
	"<div style=\"margin:24px 0 0;padding:12px 0 0;border-top:1px solid #cccccc;font-size:12px;line-height:1.6;"   \
	"color:#666666\">\r\n"
#define LINK "<a href=\"https://t.example.com/u/AbC-_9\" style=\"color:#666666\">"
/* 配信停止はこちら */
#define LEAVE_JA "&#37197;&#20449;&#20572;&#27490;&#12399;&#12371;&#12385;&#12425;"

struct row {
	const char *what;
	void (*write)(const struct conf_list *list, struct span url, struct buf *out);
	int language;
	const char *sender;
	const char *address;
	const char *contact;
	const char *want;
};

static const struct row rows[] = {
        {"U5: Japanese text", footer_text, CONF_LANGUAGE_JA, "株式会社例", "東京都千代田区1-1", "03-0000-0000",
         RULE "送信者: 株式会社例\r\n住所: 東京都千代田区1-1\r\nお問い合わせ: 03-0000-0000\r\n"
              "配信停止はこちら:\r\nhttps://t.example.com/u/AbC-_9\r\n"},
        {"U5: English text", footer_text, CONF_LANGUAGE_EN, "Example Ltd", "1 High St", "help@example.com",
         RULE "Sender: Example Ltd\r\nAddress: 1 High St\r\nContact: help@example.com\r\n"
              "Unsubscribe:\r\nhttps://t.example.com/u/AbC-_9\r\n"},
        {"unset fields leave no line", footer_text, CONF_LANGUAGE_JA, "", "", "help@example.com",
         RULE "お問い合わせ: help@example.com\r\n配信停止はこちら:\r\nhttps://t.example.com/u/AbC-_9\r\n"},
        {"no field set", footer_text, CONF_LANGUAGE_EN, "", "", "",
         RULE "Unsubscribe:\r\nhttps://t.example.com/u/AbC-_9\r\n"},
        {"invalid UTF-8 in a field", footer_text, CONF_LANGUAGE_EN, "a\xff\xe3\x81", "", "",
         RULE "Sender: a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\r\nUnsubscribe:\r\nhttps://t.example.com/u/AbC-_9\r\n"},
        {"ASCII: fields that are not are left out", footer_text_ascii, CONF_LANGUAGE_JA, "株式会社例", "1-1 Chiyoda",
         "03-0000-0000",
         RULE "Address: 1-1 Chiyoda\r\nContact: 03-0000-0000\r\nUnsubscribe:\r\nhttps://t.example.com/u/AbC-_9\r\n"},
        {"U5: Japanese HTML", footer_html, CONF_LANGUAGE_JA, "例", "", "",
         DIV "&#36865;&#20449;&#32773;: &#20363;<br>\r\n" LINK LEAVE_JA "</a></div>\r\n"},
        {"U5: English HTML", footer_html, CONF_LANGUAGE_EN, "Example", "1 High St", "help@example.com",
         DIV "Sender: Example<br>\r\nAddress: 1 High St<br>\r\nContact: help@example.com<br>\r\n" LINK
             "Unsubscribe</a></div>\r\n"},
        {"HTML is escaped", footer_html, CONF_LANGUAGE_EN, "A&B <b>\"'\\~", "", "",
         DIV "Sender: A&amp;B &lt;b&gt;&quot;'&#92;&#126;<br>\r\n" LINK "Unsubscribe</a></div>\r\n"},
        {"beyond the BMP and invalid bytes", footer_html, CONF_LANGUAGE_EN, "\xf0\xa0\xae\xb7\xc0\xaf", "", "",
         DIV "Sender: &#134071;&#65533;&#65533;<br>\r\n" LINK "Unsubscribe</a></div>\r\n"},
};

static void test_footers(void **state) {
	size_t i;

	(void)state;
	for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct conf_list list = {.language = rows[i].language,
		                         .footer_sender = (char *)(uintptr_t)rows[i].sender,
		                         .footer_address = (char *)(uintptr_t)rows[i].address,
		                         .footer_contact = (char *)(uintptr_t)rows[i].contact};
		struct buf got;

		print_message("# %s\n", rows[i].what);
		buf_init(&got, 4096);
		rows[i].write(&list, URL, &got);
		assert_false(got.failed);
		assert_string_equal(got.at, rows[i].want);
		buf_free(&got);
	}
}

/* The URL is the application's own in places (H6), so it is escaped too. */
static void test_url_is_escaped(void **state) {
	struct conf_list list = {.language = CONF_LANGUAGE_EN, .footer_sender = (char *)(uintptr_t) ""};
	struct buf got;

	(void)state;
	list.footer_address = list.footer_contact = list.footer_sender;
	buf_init(&got, 4096);
	footer_html(&list, SPAN("https://example.com/u?a=1&b=\"><script>"), &got);
	assert_true(span_find(buf_span(&got), SPAN("\"https://example.com/u?a=1&amp;b=&quot;&gt;&lt;script&gt;\"")) >
	            0);
	buf_free(&got);
}

/* For a part whose charset lacks Japanese, whatever the fields say. */
static void test_ascii_alone(void **state) {
	struct conf_list list = {.language = CONF_LANGUAGE_JA, .footer_sender = (char *)(uintptr_t) "株式会社"};
	void (*const writers[])(const struct conf_list *, struct span, struct buf *) = {footer_html, footer_text_ascii};
	size_t i, k;

	(void)state;
	list.footer_address = list.footer_contact = list.footer_sender;
	for (i = 0; i < sizeof writers / sizeof writers[0]; i++) {
		struct buf got;

		buf_init(&got, 4096);
		writers[i](&list, URL, &got);
		assert_false(got.failed);
		for (k = 0; k < got.len; k++)
			assert_true((unsigned char)got.at[k] < 0x7f);
		buf_free(&got);
	}
}

static void test_ceiling(void **state) {
	struct conf_list list = {.language = CONF_LANGUAGE_EN, .footer_sender = (char *)(uintptr_t) "x"};
	struct buf got;

	(void)state;
	list.footer_address = list.footer_contact = list.footer_sender;
	buf_init(&got, 60);
	footer_html(&list, URL, &got);
	assert_true(got.failed);
	buf_free(&got);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_footers),
	        cmocka_unit_test(test_url_is_escaped),
	        cmocka_unit_test(test_ascii_alone),
	        cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
