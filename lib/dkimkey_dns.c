/* A key's record, as the DNS or a folder that stands for it has it (D6). */
#include "lib/dkimkey_dns.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cursor.h"

#define NAME_MAX_OCTETS 255   /* of a name in the DNS (RFC 1035 2.3.4) */
#define RECORD_FILE_MAX 65535 /* octets of a record, as of a TXT in the DNS */
#define ANSWER_MAX NS_MAXMSG  /* octets of an answer */
#define TIMEOUT_SECONDS 2     /* for one try */
#define TRIES 2               /* with each server */
#define SHOWN_MAX 100         /* octets of a record that an error shows */

/* The tags of a record that matter here. */
struct tags {
	struct span version; /* v= */
	struct span type;    /* k= */
	struct span hashes;  /* h= */
	struct span service; /* s= */
	struct span key;     /* p= */
	bool has_version, has_type, has_hashes, has_service, has_key;
	bool doubled; /* a tag twice: the record is none (RFC 6376 3.2) */
};

static void tags_take(struct tags *tags, struct span name, struct span value) {
	struct {
		struct span name;
		struct span *value;
		bool *has;
	} known[] = {
	        {SPAN("v"), &tags->version, &tags->has_version}, {SPAN("k"), &tags->type, &tags->has_type},
	        {SPAN("h"), &tags->hashes, &tags->has_hashes},   {SPAN("s"), &tags->service, &tags->has_service},
	        {SPAN("p"), &tags->key, &tags->has_key},
	};
	size_t i;

	for (i = 0; i < sizeof known / sizeof *known; i++) {
		if (!span_equal(name, known[i].name))
			continue;
		tags->doubled = tags->doubled || *known[i].has;
		*known[i].has = true;
		*known[i].value = value;
	}
}

static struct tags tags_parse(struct span text) {
	struct cursor c = cursor_make(text);
	struct tags tags = {.doubled = false};

	while (cursor_left(&c) > 0) {
		struct span tag = cursor_until(&c, ';');
		ssize_t equals = span_find_byte(tag, '=');

		if (equals >= 0)
			tags_take(&tags, span_trim(span_make(tag.at, (size_t)equals)),
			          span_trim(span_from(tag, (size_t)equals + 1)));
	}
	return tags;
}

/* Are two texts the same when blanks within them don't count? */
static bool same_but_blanks(struct span a, struct span b) {
	size_t i = 0, j = 0;

	for (;;) {
		while (i < a.len && ascii_is_blank(a.at[i]))
			i++;
		while (j < b.len && ascii_is_blank(b.at[j]))
			j++;
		if (i == a.len || j == b.len)
			return i == a.len && j == b.len;
		if (a.at[i++] != b.at[j++])
			return false;
	}
}

/* Does a list of words with colons between have the word? */
static bool list_has(struct span list, struct span word) {
	struct cursor c = cursor_make(list);

	while (cursor_left(&c) > 0)
		if (span_equal_nocase(span_trim(cursor_until(&c, ':')), word))
			return true;
	return false;
}

/* The start of a text from outside, fit for a log line. */
static void show(struct span text, char shown[SHOWN_MAX + 1]) {
	size_t i;

	for (i = 0; i < text.len && i < SHOWN_MAX; i++)
		shown[i] = text.at[i] >= 0x20 && text.at[i] < 0x7f ? text.at[i] : '?';
	shown[i] = '\0';
}

enum dkimkey_dns dkimkey_compare(const struct dkimkey *key, struct span text, struct err *err) {
	struct tags found = tags_parse(text), ours = tags_parse(span_of(dkimkey_record(key)));
	struct span type = found.has_type ? found.type : SPAN("rsa");
	char shown[SHOWN_MAX + 1];

	show(text, shown);
	if (found.doubled || (found.has_version && !span_equal(found.version, SPAN("DKIM1"))))
		err_set(err, "the record is no DKIM key: \"%s\"", shown);
	else if (!found.has_key)
		err_set(err, "the record has no p=: \"%s\"", shown);
	else if (found.key.len == 0) {
		err_set(err, "the record is revoked: its p= is empty");
		return DKIMKEY_DNS_ABSENT;
	} else if (!span_equal_nocase(type, ours.type))
		err_set(err, "the record is for a key of another type than %.*s: \"%s\"", SPAN_ARG(ours.type), shown);
	else if (!same_but_blanks(found.key, ours.key))
		err_set(err, "the record has another public key: \"%s\"", shown);
	else if (found.has_hashes && !list_has(found.hashes, SPAN("sha256")))
		err_set(err, "the record's h= doesn't allow sha256: \"%s\"", shown);
	else if (found.has_service && !list_has(found.service, SPAN("email")) && !list_has(found.service, SPAN("*")))
		err_set(err, "the record's s= doesn't allow e-mail: \"%s\"", shown);
	else {
		err_set(err, "the record is the key's");
		return DKIMKEY_DNS_SAME;
	}
	return DKIMKEY_DNS_DIFFERS;
}

/* Joins the strings of a TXT record (RFC 6376 3.6.2.2); -1 where it is cut. */
static int join_strings(struct span data, struct buf *text) {
	struct cursor c = cursor_make(data);

	while (cursor_left(&c) > 0)
		buf_add_span(text, cursor_take(&c, cursor_u8(&c)));
	return c.failed || text->failed ? -1 : 0;
}

/* The one TXT record of an answer: how many there are; `text` is the last. */
static int find_record(const unsigned char *answer, int len, struct buf *text) {
	int count = 0, i;
	ns_msg message;
	ns_rr record;

	if (ns_initparse(answer, len, &message) != 0)
		return -1;
	for (i = 0; i < ns_msg_count(message, ns_s_an); i++) {
		if (ns_parserr(&message, ns_s_an, i, &record) != 0)
			return -1;
		if (ns_rr_type(record) != ns_t_txt || ns_rr_class(record) != ns_c_in)
			continue;
		buf_reset(text);
		if (join_strings(span_make((const char *)ns_rr_rdata(record), ns_rr_rdlen(record)), text) != 0)
			return -1;
		count++;
	}
	return count;
}

static enum dkimkey_dns judge_answer(const struct dkimkey *key, const unsigned char *answer, int len, struct err *err) {
	enum dkimkey_dns result;
	struct buf text;
	int count;

	buf_init(&text, RECORD_FILE_MAX);
	count = find_record(answer, len, &text);
	if (count < 0) {
		err_set(err, "the answer is malformed");
		result = DKIMKEY_DNS_UNKNOWN;
	} else if (count == 0) {
		err_set(err, "the name has no TXT record");
		result = DKIMKEY_DNS_ABSENT;
	} else if (count > 1) {
		/* Which of them a verifier takes is anyone's guess. */
		err_set(err, "%d TXT records; allowed: one (RFC 6376 3.6.2.2)", count);
		result = DKIMKEY_DNS_DIFFERS;
	} else
		result = dkimkey_compare(key, buf_span(&text), err);
	buf_free(&text);
	return result;
}

static enum dkimkey_dns judge_no_answer(int reason, struct err *err) {
	if (reason == HOST_NOT_FOUND || reason == NO_DATA) {
		err_set(err, "%s", reason == NO_DATA ? "the name has no TXT record" : "no such name");
		return DKIMKEY_DNS_ABSENT;
	}
	err_set(err, "no answer from the DNS: %s", hstrerror(reason));
	return DKIMKEY_DNS_UNKNOWN;
}

enum dkimkey_dns dkimkey_ask(const struct dkimkey *key, const char *selector, const char *domain,
                             const struct sockaddr_in *server, struct err *err) {
	char name[NAME_MAX_OCTETS + 1];
	enum dkimkey_dns result;
	struct __res_state state;
	struct buf answer;
	int len;

	if ((size_t)snprintf(name, sizeof name, "%s._domainkey.%s", selector, domain) >= sizeof name) {
		err_set(err, "%s._domainkey.%s: too long for a name", selector, domain);
		return DKIMKEY_DNS_ABSENT;
	}
	memset(&state, 0, sizeof state);
	buf_init(&answer, ANSWER_MAX);
	if (buf_reserve(&answer, ANSWER_MAX) == NULL || res_ninit(&state) != 0) {
		err_set(err, "%s: the resolver can't be set up", name);
		buf_free(&answer);
		return DKIMKEY_DNS_UNKNOWN;
	}
	if (server != NULL) {
		state.nscount = 1;
		state.nsaddr_list[0] = *server;
	}
	state.retrans = TIMEOUT_SECONDS;
	state.retry = TRIES;
	/* EDNS: the record of an RSA key of 4096 bits is over 512 octets. */
	state.options |= RES_USE_EDNS0;
	len = res_nquery(&state, name, ns_c_in, ns_t_txt, (unsigned char *)answer.at, ANSWER_MAX);
	result = len < 0 ? judge_no_answer(state.res_h_errno, err)
	                 : judge_answer(key, (unsigned char *)answer.at, len, err);
	err_prefix(err, "%s", name);
	res_nclose(&state);
	buf_free(&answer);
	return result;
}

/* The file's text: 0, or -1 and errno. */
static int read_record(const char *path, struct buf *text) {
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char chunk[4096];
	ssize_t n = -1;
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		errno = EINVAL;
	else
		while ((n = read(fd, chunk, sizeof chunk)) > 0 && !text->failed)
			buf_add(text, chunk, (size_t)n);
	if (n < 0 || text->failed) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	close(fd);
	return 0;
}

static enum dkimkey_dns look_in_folder(const struct dkimkey *key, const char *selector, const char *domain,
                                       const char *dir, struct err *err) {
	enum dkimkey_dns result = DKIMKEY_DNS_UNKNOWN;
	struct buf path, text;

	buf_init(&path, 4096);
	buf_init(&text, RECORD_FILE_MAX);
	buf_printf(&path, "%s/%s._domainkey.%s", dir, selector, domain);
	if (path.failed || strchr(selector, '/') != NULL || strchr(domain, '/') != NULL)
		err_set(err, "%s._domainkey.%s: is no name", selector, domain);
	else if (read_record(path.at, &text) == 0) {
		result = dkimkey_compare(key, buf_span(&text), err);
		err_prefix(err, "%s", path.at);
	} else {
		result = errno == ENOENT ? DKIMKEY_DNS_ABSENT : DKIMKEY_DNS_UNKNOWN;
		err_set(err, "%s: %s", path.at, strerror(errno));
	}
	buf_free(&text);
	buf_free(&path);
	return result;
}

enum dkimkey_dns dkimkey_check_dns(const struct dkimkey *key, const char *selector, const char *domain, const char *dir,
                                   struct err *err) {
	return dir[0] != '\0' ? look_in_folder(key, selector, domain, dir, err)
	                      : dkimkey_ask(key, selector, domain, NULL, err);
}
