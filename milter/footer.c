#include "milter/footer.h"

#include "lib/utf8.h"

#define REPLACEMENT 0xfffd /* for bytes that are no UTF-8 */

struct footer_words {
	const char *sender;
	const char *address;
	const char *contact;
	const char *leave;
};

static const struct footer_words *words_of(int language) {
	static const struct footer_words japanese = {"送信者", "住所", "お問い合わせ", "配信停止はこちら"};
	static const struct footer_words english = {"Sender", "Address", "Contact", "Unsubscribe"};

	return language == CONF_LANGUAGE_JA ? &japanese : &english;
}

/* Takes the first character off; never stands still. */
static uint32_t take_character(struct span *s) {
	size_t size = utf8_size(*s), i;
	uint32_t code = size == 0 ? REPLACEMENT : (unsigned char)s->at[0];

	if (size > 1)
		code &= 0x7fU >> size;
	for (i = 1; i < size; i++)
		code = code << 6 | ((unsigned char)s->at[i] & 0x3f);
	*s = span_from(*s, size == 0 ? 1 : size);
	return code;
}

static void add_plain(struct span s, struct buf *out) {
	while (s.len > 0) {
		const char *start = s.at;

		if (take_character(&s) == REPLACEMENT)
			buf_add_text(out, "\xef\xbf\xbd");
		else
			buf_add(out, start, (size_t)(s.at - start));
	}
}

/* ASCII that reads the same in every charset: `\` and `~` don't in Shift_JIS. */
static void add_escaped(struct span s, struct buf *out) {
	while (s.len > 0) {
		uint32_t code = take_character(&s);

		if (code < ' ' || code >= 0x7e || code == '\\')
			buf_printf(out, "&#%u;", (unsigned)code);
		else if (code == '&')
			buf_add_text(out, "&amp;");
		else if (code == '<')
			buf_add_text(out, "&lt;");
		else if (code == '>')
			buf_add_text(out, "&gt;");
		else if (code == '"')
			buf_add_text(out, "&quot;");
		else
			buf_add_byte(out, (char)code);
	}
}

typedef void line_writer(const char *label, const char *value, struct buf *out);

static void line_text(const char *label, const char *value, struct buf *out) {
	buf_printf(out, "%s: ", label);
	add_plain(span_of(value), out);
	buf_add_text(out, "\r\n");
}

static void line_ascii(const char *label, const char *value, struct buf *out) {
	if (span_is_ascii(span_of(value)))
		line_text(label, value, out);
}

static void line_html(const char *label, const char *value, struct buf *out) {
	add_escaped(span_of(label), out);
	buf_add_text(out, ": ");
	add_escaped(span_of(value), out);
	buf_add_text(out, "<br>\r\n");
}

static void add_lines(const struct conf_list *list, const struct footer_words *words, line_writer *line,
                      struct buf *out) {
	const struct {
		const char *label;
		const char *value;
	} lines[] = {
	        {words->sender, list->footer_sender},
	        {words->address, list->footer_address},
	        {words->contact, list->footer_contact},
	};
	size_t i;

	for (i = 0; i < sizeof lines / sizeof lines[0]; i++)
		if (lines[i].value[0] != '\0')
			line(lines[i].label, lines[i].value, out);
}

static void write_text(const struct conf_list *list, const struct footer_words *words, line_writer *line,
                       struct span url, struct buf *out) {
	buf_add_text(out, "--------------------------------------------------\r\n");
	add_lines(list, words, line, out);
	buf_printf(out, "%s:\r\n", words->leave);
	buf_add_span(out, url);
	buf_add_text(out, "\r\n");
}

void footer_text(const struct conf_list *list, struct span url, struct buf *out) {
	write_text(list, words_of(list->language), line_text, url, out);
}

void footer_text_ascii(const struct conf_list *list, struct span url, struct buf *out) {
	write_text(list, words_of(CONF_LANGUAGE_EN), line_ascii, url, out);
}

/* Line ends keep the lines short: a character takes up to ten octets here. */
void footer_html(const struct conf_list *list, struct span url, struct buf *out) {
	const struct footer_words *words = words_of(list->language);

	buf_add_text(out, "<div style=\"margin:24px 0 0;padding:12px 0 0;border-top:1px solid #cccccc;font-size:12px;"
	                  "line-height:1.6;color:#666666\">\r\n");
	add_lines(list, words, line_html, out);
	buf_add_text(out, "<a href=\"");
	add_escaped(url, out);
	buf_add_text(out, "\" style=\"color:#666666\">");
	add_escaped(span_of(words->leave), out);
	buf_add_text(out, "</a></div>\r\n");
}
