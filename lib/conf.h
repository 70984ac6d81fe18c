/*
 * The configuration: todoku.conf(5), read once into plain structs.
 *
 * conf_load() reads and checks the whole file, references between sections
 * included (also_sign, stream), and returns a configuration that is immutable
 * from then on: any thread may read it.  A daemon holds it inside a snapshot
 * (lib/snapshot.h), so a reload swaps the snapshot and a bad file leaves the
 * running one in force.
 *
 * Errors: one line for each thing wrong, at most 20, each
 *
 *     FILE:LINE: section "name": option: found "VALUE", allowed: WHAT
 *
 * separated by newlines, in the file's order; without LINE where the file as a
 * whole is wrong, without section and option where its syntax is.  An unknown
 * option or section is an error and names the closest one that exists.  A later
 * section of the same kind and name replaces the earlier one; sections without
 * a name (milter, store) are merged.
 */
#ifndef LIB_CONF_H
#define LIB_CONF_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/conf_options.h"
#include "lib/text.h"

#define CONF_FIELD_BOOL(name, preset, help) bool name;
#define CONF_FIELD_INT(name, preset, low, high, help) long name;
#define CONF_FIELD_REAL(name, preset, low, high, help) double name;
#define CONF_FIELD_TIME(name, preset, low, high, help) long name;
#define CONF_FIELD_SIZE(name, preset, low, high, help) long name;
#define CONF_FIELD_WORD(name, words, preset, help) int name;
#define CONF_FIELD_TEXT(name, check, preset, help) char *name;
#define CONF_FIELD_TEXTS(name, check, preset, help) struct strings name;
#define CONF_FIELDS(section)                                                                                           \
	section(CONF_FIELD_BOOL, CONF_FIELD_INT, CONF_FIELD_REAL, CONF_FIELD_TIME, CONF_FIELD_SIZE, CONF_FIELD_WORD,   \
	        CONF_FIELD_TEXT, CONF_FIELD_TEXTS)

enum conf_campaign_by { CONF_CAMPAIGN_BY_LIST, CONF_CAMPAIGN_BY_SUBJECT };
enum conf_on_error { CONF_ON_ERROR_TEMPFAIL, CONF_ON_ERROR_ACCEPT };
enum conf_suppressed { CONF_SUPPRESSED_REJECT, CONF_SUPPRESSED_DISCARD };
enum conf_log_target { CONF_LOG_SYSLOG, CONF_LOG_STDERR };
enum conf_log_level { CONF_LOG_ERROR, CONF_LOG_WARNING, CONF_LOG_INFO, CONF_LOG_DEBUG };
enum conf_privacy { CONF_PRIVACY_FULL, CONF_PRIVACY_DOMAIN, CONF_PRIVACY_KEY };
enum conf_dkim_dns { CONF_DKIM_DNS_REQUIRE, CONF_DKIM_DNS_WARN, CONF_DKIM_DNS_OFF };
enum conf_language { CONF_LANGUAGE_JA, CONF_LANGUAGE_EN };
enum conf_headers { CONF_HEADERS_KEEP, CONF_HEADERS_REPLACE };
enum conf_footer { CONF_FOOTER_AUTO, CONF_FOOTER_ALWAYS, CONF_FOOTER_NEVER };
enum conf_pattern { CONF_PATTERN_ONCE, CONF_PATTERN_CONFIRM, CONF_PATTERN_ADDRESS };
enum conf_breaker { CONF_BREAKER_HOLD, CONF_BREAKER_DEFER, CONF_BREAKER_OFF };
enum conf_temporary_failed { CONF_TEMPORARY_FAILED_MAIL, CONF_TEMPORARY_FAILED_REJECT };
enum conf_field_kind {
	CONF_FIELD_KIND_TEXT,
	CONF_FIELD_KIND_NAME,
	CONF_FIELD_KIND_COMPANY,
	CONF_FIELD_KIND_TEXTAREA,
	CONF_FIELD_KIND_CHOICE
};
enum conf_over_quota { CONF_OVER_QUOTA_HOLD, CONF_OVER_QUOTA_DEFER, CONF_OVER_QUOTA_REJECT };

struct conf_log {
	CONF_FIELDS(CONF_LOG)
};
struct conf_store {
	CONF_FIELDS(CONF_STORE)
};
struct conf_milter {
	CONF_FIELDS(CONF_MILTER)
};
struct conf_policyd {
	CONF_FIELDS(CONF_POLICYD)
};
struct conf_bounced {
	CONF_FIELDS(CONF_BOUNCED)
};
struct conf_webd {
	CONF_FIELDS(CONF_WEBD)
};
struct conf_dkim_policy {
	CONF_FIELDS(CONF_DKIM_POLICY)
};
struct conf_track {
	CONF_FIELDS(CONF_TRACK)
};
struct conf_unsubscribe {
	CONF_FIELDS(CONF_UNSUBSCRIBE)
};

/* domain "NAME" { dkim "SELECTOR" { ... } } */
struct conf_dkim_key {
	char *selector; /* lower case */
	CONF_FIELDS(CONF_DKIM_KEY)
};

struct conf_domain {
	char *name; /* lower case, A-label */
	CONF_FIELDS(CONF_DOMAIN)
	struct conf_dkim_key *keys;
	size_t key_count;
};

/* form { field "NAME" { ... } }, in the file's order */
struct conf_form_field {
	char *name;
	CONF_FIELDS(CONF_FORM_FIELD)
};

struct conf_form {
	CONF_FIELDS(CONF_FORM)
	struct conf_form_field *fields;
	size_t field_count;
};

struct conf_list {
	char *name;
	CONF_FIELDS(CONF_LIST)
	struct conf_track track;
	struct conf_unsubscribe unsubscribe;
	struct conf_form form;
};

struct conf_stream {
	char *name;
	CONF_FIELDS(CONF_STREAM)
};

/* A mailbox provider; one of the name of a built-in one (lib/provider.h) adds to it. */
struct conf_provider {
	char *name;
	CONF_FIELDS(CONF_PROVIDER)
};

struct conf {
	char *file; /* the name it was loaded from */
	CONF_FIELDS(CONF_TOP)
	struct conf_log log;
	struct conf_store store;
	struct conf_milter milter;
	struct conf_policyd policyd;
	struct conf_bounced bounced;
	struct conf_webd webd;
	struct conf_dkim_policy dkim_policy; /* dkim_policy { ... } */
	struct conf_domain *domains;
	size_t domain_count;
	struct conf_list *lists;
	size_t list_count;
	struct conf_stream *streams;
	size_t stream_count;
	struct conf_provider *providers;
	size_t provider_count;
};

/* The whole configuration, or NULL with the errors appended to `errors`.  May
 * be called by any thread; the calls wait for one another. */
struct conf *conf_load(const char *file, struct buf *errors);
void conf_free(struct conf **conf);

/* NULL when there is none.  Names compare without case. */
const struct conf_list *conf_find_list(const struct conf *conf, struct span name);
const struct conf_domain *conf_find_domain(const struct conf *conf, struct span name);
const struct conf_stream *conf_find_stream(const struct conf *conf, struct span name);
const struct conf_provider *conf_find_provider(const struct conf *conf, struct span name);

/* What readers call the list: its title, else its name. */
struct span conf_list_title(const struct conf_list *list);

/* The configuration in force, defaults included, in the file's own syntax. */
void conf_dump(const struct conf *conf, struct buf *out);
/* The option tables of todoku.conf(5), in mdoc. */
void conf_manual(struct buf *out);

/* Does the address of `text` ("192.0.2.1", "2001:db8::1", "IPv6:..." too) lie
 * in one of the networks ("192.0.2.0/24", "2001:db8::/32")?  A text that is no
 * address lies in none. */
bool conf_network_has(const struct strings *networks, struct span address);

/* "unix:PATH" and "inet:ADDRESS:PORT", taken apart. */
struct conf_endpoint {
	bool is_unix;
	char path[108];
	char address[64];
	unsigned short port;
};
/* 0, or -1 where the text is no endpoint. */
int conf_endpoint_parse(const char *text, struct conf_endpoint *endpoint_r);

#endif
