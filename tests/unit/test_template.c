/* lib/template.h: what is filled in, how it is escaped, and what is said of a wrong file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/template.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct template_name option_names[] = {{.name = "text"}, {.name = "chosen"}, {.name = NULL}};
static const struct template_name field_names[] = {
        {.name = "label"}, {.name = "title"}, {.name = "options", .rows = option_names}, {.name = NULL}};
static const struct template_name names[] = {
        {.name = "title"}, {.name = "empty"}, {.name = "fields", .rows = field_names}, {.name = NULL}};

static const struct template_value two_options[] = {
        {.text = SPAN("A")}, {.text = SPAN("")}, {.text = SPAN("B")}, {.text = SPAN("yes")}};
static const struct template_value two_fields[] = {{.text = SPAN("one")}, {.text = SPAN("inner")},
                                                   {.rows = NULL},        {.text = SPAN("two")},
                                                   {.text = SPAN("")},    {.rows = two_options, .row_count = 2}};
static const struct template_value values[] = {
        {.text = SPAN("T & <b> \"'")}, {.text = SPAN("")}, {.rows = two_fields, .row_count = 2}};

/* Files of the folder: name, text, name, text ... */
struct folder {
	const char *const *files;
	size_t count;
};

static int read_one(void *context, struct span name, struct buf *out, struct err *err) {
	const struct folder *folder = context;
	size_t i;

	for (i = 0; i + 1 < folder->count; i += 2)
		if (span_equal(span_of(folder->files[i]), name)) {
			buf_add_text(out, folder->files[i + 1]);
			return out->failed ? err_set(err, "too large") : 0;
		}
	return err_set(err, "can't be read: no such file");
}

static struct template *parse(enum template_kind kind, const char *text, struct err *err) {
	const char *files[] = {
	        "page", text, "part", "[{{title}}]\n", "open", "{{if title}}", "self", "{{include self}}", "empty", ""};
	struct folder folder = {files, COUNT(files)};

	return template_parse("ja", "page", kind, names, read_one, &folder, err);
}

static void test_filled_in(void **state) {
	static const struct {
		enum template_kind kind;
		const char *text, *want;
	} rows[] = {
	        {TEMPLATE_HTML, "", ""},
	        {TEMPLATE_HTML, "a{b}c { { } }} d", "a{b}c { { } }} d"},
	        {TEMPLATE_HTML, "<p>{{title}}</p>", "<p>T &amp; &lt;b&gt; &quot;&#39;</p>"},
	        {TEMPLATE_HTML, "{{ title }}", "T &amp; &lt;b&gt; &quot;&#39;"},
	        {TEMPLATE_PLAIN, "<{{title}}>", "<T & <b> \"'>"},
	        {TEMPLATE_HTML, "{{if title}}yes{{else}}no{{end}}", "yes"},
	        {TEMPLATE_HTML, "{{if empty}}yes{{else}}no{{end}}.", "no."},
	        {TEMPLATE_HTML, "{{if empty}}yes{{end}}.", "."},
	        {TEMPLATE_HTML, "{{unless empty}}yes{{else}}no{{end}}", "yes"},
	        {TEMPLATE_HTML, "{{unless title}}yes{{else}}no{{end}}", "no"},
	        {TEMPLATE_HTML, "{{if fields}}{{if title}}{{if empty}}1{{else}}2{{end}}3{{end}}{{end}}", "23"},
	        /* The row's names go first, and those around are in reach. */
	        {TEMPLATE_HTML, "{{each fields}}{{label}}={{title}};{{end}}", "one=inner;two=;"},
	        {TEMPLATE_HTML, "{{each fields}}{{each options}}{{label}}{{text}}{{if chosen}}!{{end}} {{end}}{{end}}",
	         "twoA twoB! "},
	        {TEMPLATE_HTML, "{{each fields}}{{unless options}}none {{end}}{{empty}}{{end}}", "none "},
	        {TEMPLATE_HTML, "{{include part}}{{include part}}",
	         "[T &amp; &lt;b&gt; &quot;&#39;]\n[T &amp; &lt;b&gt; &quot;&#39;]\n"},
	        {TEMPLATE_HTML, "{{include empty}}", ""},
	        {TEMPLATE_PLAIN, "{{! a {{remark }}x", "x"},
	        /* A line of its own leaves no line; a value does. */
	        {TEMPLATE_PLAIN, "a\n  {{if title}}  \nb\n{{else}}\nc\n{{end}}\nd\n", "a\nb\nd\n"},
	        {TEMPLATE_PLAIN, "{{if title}}\nb\n{{end}}", "b\n"},
	        {TEMPLATE_PLAIN, "{{! one }}\n{{! two }}\n\n{{empty}}\n", "\n\n"},
	        {TEMPLATE_PLAIN, "a {{if title}}\nb\n{{end}} c\n", "a \nb\n c\n"},
	        {TEMPLATE_PLAIN, "a\r\n{{if title}}\r\nb\r\n{{end}}\r\n", "a\nb\n"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct err err = {{0}};
		struct template *t = parse(rows[i].kind, rows[i].text, &err);
		struct buf out;

		if (t == NULL)
			fail_msg("%s: %s", rows[i].text, err.text);
		buf_init(&out, 4096);
		template_render(t, values, &out);
		buf_add_byte(&out, '\0');
		assert_string_equal(out.at, rows[i].want);
		buf_free(&out);
		template_free(&t);
		assert_null(t);
	}
}

/* A value ends neither its element, nor its attribute, nor its line (H7). */
static void test_escaped(void **state) {
	static const struct {
		enum template_kind kind;
		struct span value;
		const char *want;
	} rows[] = {
	        {TEMPLATE_HTML, SPAN("</textarea><script>alert(\"1\")</script>"),
	         "&lt;/textarea&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"},
	        {TEMPLATE_HTML, SPAN("' onfocus='x"), "&#39; onfocus=&#39;x"},
	        {TEMPLATE_HTML, SPAN("&amp;"), "&amp;amp;"},
	        {TEMPLATE_HTML, SPAN("a\n\tb\rc\0d\x1b"), "a\n\tbcd"},
	        {TEMPLATE_HTML, SPAN("\xe5\xb1\x8a\xff\xe5\xb1"), "\xe5\xb1\x8a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	        {TEMPLATE_HTML, SPAN("{{title}}"), "{{title}}"},
	        {TEMPLATE_PLAIN, SPAN("a\r\nBcc: x@example.com"), "a  Bcc: x@example.com"},
	        {TEMPLATE_PLAIN,
	         SPAN("a\0b\xc2\x85"
	              "c\xe2\x80\xa8"
	              "d"),
	         "a b c d"},
	        {TEMPLATE_PLAIN, SPAN("\xe5\xb1\x8a<\xc0"), "\xe5\xb1\x8a<\xef\xbf\xbd"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct template_value own[] = {{.text = rows[i].value}, {.rows = NULL}, {.rows = NULL}};
		struct template *t = parse(rows[i].kind, "{{title}}", NULL);
		struct buf out;

		buf_init(&out, 4096);
		template_render(t, own, &out);
		assert_string_equal(out.at, rows[i].want);
		buf_free(&out);
		template_free(&t);
	}
}

static void test_errors(void **state) {
	static const struct {
		const char *text, *want;
	} rows[] = {
	        {"a\n{{titel}}\n", "ja/page:2: found \"{{titel}}\", allowed: title, empty"},
	        {"{{if titel}}{{end}}", "ja/page:1: found \"{{if titel}}\", allowed: title, empty, fields"},
	        {"{{fields}}", "ja/page:1: found \"{{fields}}\", allowed: title, empty"},
	        {"{{each title}}{{end}}", "ja/page:1: found \"{{each title}}\", allowed: fields"},
	        {"{{each fields}}\n\n{{x}}{{end}}", "ja/page:3: found \"{{x}}\", allowed: label, title, title, empty"},
	        {"{{label}}", "ja/page:1: found \"{{label}}\", allowed: title, empty"},
	        {"{{each fields}}{{end}}{{label}}", "ja/page:1: found \"{{label}}\", allowed: title, empty"},
	        {"\n\n{{if title}}\nx", "ja/page:3: found \"{{if}}\", allowed: an {{end}} for it in the same file"},
	        {"{{each fields}}", "ja/page:1: found \"{{each}}\", allowed: an {{end}} for it in the same file"},
	        {"x\n{{end}}",
	         "ja/page:2: found \"{{end}}\", allowed: one for each {{if}}, {{unless}} or {{each}} of this file"},
	        {"{{else}}", "ja/page:1: found \"{{else}}\", allowed: one in each {{if}} or {{unless}}"},
	        {"{{if title}}{{else}}{{else}}{{end}}",
	         "ja/page:1: found \"{{else}}\", allowed: one in each {{if}} or {{unless}}"},
	        {"{{each fields}}{{else}}{{end}}",
	         "ja/page:1: found \"{{else}}\", allowed: one in each {{if}} or {{unless}}"},
	        {"a\nb {{title\n}\n", "ja/page:2: found \"{{title\", allowed: }} behind {{"},
	        {"{{}}", "ja/page:1: found \"{{}}\", allowed: title, empty"},
	        {"{{if}}{{end}}", "ja/page:1: found \"{{if}}\", allowed: title, empty, fields"},
	        {"{{include ../secret}}",
	         "ja/page:1: found \"{{include ../secret}}\", allowed: the name of a file in the same folder"},
	        {"{{include .x}}",
	         "ja/page:1: found \"{{include .x}}\", allowed: the name of a file in the same folder"},
	        {"{{include none}}", "ja/none: can't be read: no such file"},
	        {"{{include open}}{{end}}", "ja/open:1: found \"{{if}}\", allowed: an {{end}} for it in the same file"},
	        {"{{include self}}", "ja/self:1: found \"self\", allowed: 8 files within one another at most"},
	        {"{{if title}}{{if title}}{{if title}}{{if title}}{{if title}}{{if title}}{{if title}}{{if "
	         "title}}\n{{if title}}",
	         "ja/page:2: found \"{{if title}}\", allowed: 8 blocks within one another at most"},
	        {"a\nb\xff", "ja/page:2: found \"a control character or no UTF-8\", allowed: text in UTF-8"},
	        {"a\x1b", "ja/page:1: found \"a control character or no UTF-8\", allowed: text in UTF-8"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		struct err err = {{0}};
		struct template *t = parse(TEMPLATE_HTML, rows[i].text, &err);

		assert_null(t);
		assert_string_equal(err.text, rows[i].want);
	}
}

/* From files, up to their largest. */
static void test_files(void **state) {
	char folder[] = "/tmp/todoku-template.XXXXXX", path[64];
	struct err err = {{0}};
	struct template *t;
	FILE *file;
	int i;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/a.html", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("{{title}}", file);
	for (i = 9; i < TEMPLATE_FILE_MAX; i++)
		fputc('x', file);
	fflush(file);
	t = template_load(folder, "a.html", TEMPLATE_HTML, names, &err);
	assert_non_null(t);
	template_free(&t);
	fputc('x', file);
	fclose(file);
	assert_null(template_load(folder, "a.html", TEMPLATE_HTML, names, &err));
	assert_non_null(strstr(err.text, "/a.html: found more than 65536 octets, allowed: less"));
	unlink(path);
	assert_null(template_load(folder, "a.html", TEMPLATE_HTML, names, &err));
	assert_non_null(strstr(err.text, "/a.html: can't be read: No such file"));
	rmdir(folder);
}

int main(void) {
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_filled_in),
	        cmocka_unit_test(test_escaped),
	        cmocka_unit_test(test_errors),
	        cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
