/*
 * Every option of todoku.conf, once.
 *
 * Each section is a list of rows; a row is one option.  The rows expand into
 * the structs of lib/conf.h, the libconfuse options and the checks of
 * lib/conf.c, `todoku check --dump` and the table of todoku.conf(5).  To add an
 * option, add a row; nothing else names it.
 *
 *   BOOL (name, default, help)                      bool
 *   INT  (name, default, low, high, help)           long, low <= value <= high
 *   REAL (name, default, low, high, help)           double
 *   TIME (name, default, low, high, help)           long seconds; written "90s", "15m", "4h", "7d"
 *   SIZE (name, default, low, high, help)           long bytes; written "64k", "25M"
 *   WORD (name, words, default, help)               int: index into the words, which are
 *                                                   listed as "keep|replace"
 *   TEXT (name, check, default, help)               char *; "" where unset, never NULL
 *   TEXTS(name, check, default, help)               struct strings; default as "{a, b}"
 *
 * `check` names a function conf_check_CHECK of lib/conf_check.h; `any` allows
 * every text without control characters.
 */
#ifndef LIB_CONF_OPTIONS_H
#define LIB_CONF_OPTIONS_H

#define CONF_TOP(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                       \
	TEXT(hostname, hostname, "", "name of this host in log lines and identifiers; empty: the system's")            \
	TEXT(timezone, timezone, "UTC", "zone whose midnight ends a day, as Asia/Tokyo")                               \
	TEXT(data_dir, path, "/var/lib/todoku", "where the daemons keep their data")                                   \
	TEXT(user, word, "todoku", "user that the daemons become after start; ignored unless started by root")         \
	TEXT(group, word, "postfix", "group that the daemons become: Postfix's, so that it may use the sockets")       \
	TEXT(token_keys, path, "/etc/todoku/token.keys", "key ring that makes links and return paths (todoku key)")    \
	TEXTS(trusted, network, "{127.0.0.0/8, ::1/128}",                                                              \
	      "clients whose mail is ours to treat and whose X-Todoku-* headers count; a SASL login counts as well")   \
	TEXTS(campaign_headers, header, "{X-Todoku-Campaign}",                                                         \
	      "headers that name the campaign; the first present counts")                                              \
	WORD(campaign_by, "list|subject", "list",                                                                      \
	     "campaign of mail without such a header: list and day, or also Subject")                                  \
	WORD(on_error, "tempfail|accept", "tempfail", "what the daemons answer when they can't do their work")

#define CONF_LOG(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                       \
	WORD(target, "syslog|stderr", "syslog", "syslog's mail facility, or standard error")                           \
	WORD(level, "error|warning|info|debug", "info", "the least urgent lines to log")                               \
	WORD(privacy, "full|domain|key", "full", "how an address is logged: whole, only its domain, only its key")

#define CONF_STORE(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                     \
	WORD(driver, "sqlite", "sqlite", "kind of store")                                                              \
	TEXT(path, path, "/var/lib/todoku/todoku.db", "the SQLite file")                                               \
	TIME(busy_timeout, "5s", 0, 600, "how long to wait for a locked store")                                        \
	INT(keep_months, 36, 1, 1200, "months that send and event records are kept")                                   \
	INT(keep_proof_months, 36, 1, 1200,                                                                            \
	    "months that proofs of consent and refusal are kept; those of consent in force are, too, while it lasts")

#define CONF_MILTER(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                    \
	TEXT(listen, endpoint, "unix:/run/todoku/milter.sock", "unix:PATH, or inet:ADDRESS:PORT")                      \
	REAL(self_verify, 1.0, 0.0, 1.0, "share of signed messages that are verified before they leave")               \
	SIZE(max_message, "64M", 65536, 1073741824, "largest message taken; a larger one is refused with 552 5.3.4")   \
	SIZE(memory, "512M", 1048576, 1099511627776,                                                                   \
	     "for all messages at hand together, four times their bodies; more are put off with 452 4.3.1")            \
	TIME(timeout, "2h", 1, 86400, "how long Postfix may be silent before a connection is given up")                \
	TEXT(front_daemon, word, "todoku-front", "{daemon_name} of the smtpd that hands mail to the splitter")

#define CONF_POLICYD(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                   \
	TEXT(listen, endpoint, "unix:/run/todoku/policyd.sock", "unix:PATH, or inet:ADDRESS:PORT")

#define CONF_BOUNCED(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                   \
	TEXT(listen, endpoint, "unix:/run/todoku/bounced.sock", "unix:PATH, or inet:ADDRESS:PORT")                     \
	TEXT(domain, hostname_or_empty, "", "domain of the return paths; empty: envelope senders stay as they are")

#define CONF_WEBD(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                      \
	TEXT(listen, hostport, "127.0.0.1:8080", "ADDRESS:PORT of the listener for readers")                           \
	TEXT(base_url, base_url, "", "what links in mail begin with, as https://t.example.com")

#define CONF_DKIM_POLICY(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                               \
	TIME(expire, "7d", 172800, 31536000,                                                                           \
	     "x=: how long a signature holds; the queue's lifetime and 2 days at least")                               \
	WORD(dns, "require|warn|off", "require",                                                                       \
	     "a key whose record in DNS is absent or differs: not used, used with a warning, not looked up")           \
	TEXT(dns_dir, path_or_empty, "",                                                                               \
	     "folder with a file SELECTOR._domainkey.DOMAIN for each record, instead of DNS")                          \
	TIME(dns_interval, "5m", 1, 86400, "time between two looks at the DNS")

#define CONF_DOMAIN(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                    \
	TEXTS(also_sign, domain, "{}",                                                                                 \
	      "further domain sections whose keys sign this domain's mail too (the operator's own)")

#define CONF_DKIM_KEY(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                  \
	TEXT(key, path, "", "private key, PEM: RSA of at least 1024 bits, or Ed25519")

#define CONF_LIST(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                      \
	TEXTS(sender, address_or_domain, "{}", "envelope senders of this list: addresses, or @domain")                 \
	TEXTS(from, address_or_domain, "{}", "From addresses of this list: addresses, or @domain")                     \
	TEXTS(sasl_login, any, "{}", "SASL logins whose mail is this list's")                                          \
	TEXTS(client, network, "{}", "client networks whose mail is this list's")                                      \
	TEXT(list_id, list_id, "", "List-Id, as news.example.com; empty: NAME.HOSTNAME")                               \
	WORD(language, "ja|en", "ja", "language of footer and pages")                                                  \
	TEXT(stream, word_or_empty, "", "stream section that this list's mail warms up")                               \
	WORD(headers, "keep|replace", "keep",                                                                          \
	     "List-Id, Feedback-ID and the like set by the application: kept or replaced")                             \
	TEXT(feedback_sender, feedback_or_empty, "",                                                                   \
	     "SenderId of Feedback-ID, 5-15 letters or digits; empty: made from the From domain")                      \
	TEXT(cfbl_address, address_or_empty, "", "CFBL-Address (RFC 9477); empty: none")                               \
	TEXTS(no_track, pattern, "{}", "URLs left alone: patterns with * and ?, as https://*.example.org/*")           \
	WORD(footer, "auto|always|never", "auto",                                                                      \
	     "footer with sender and unsubscribe link: where the mail has no link of its own, always, never")          \
	TEXT(footer_sender, any, "", "the footer's sender, by name")                                                   \
	TEXT(footer_address, any, "", "the footer's postal address")                                                   \
	TEXT(footer_contact, any, "", "the footer's contact: telephone, address or URL")                               \
	BOOL(shadow, false, "log what would be changed, change nothing")

#define CONF_TRACK(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                     \
	BOOL(clicks, true, "rewrite links in HTML")                                                                    \
	BOOL(opens, true, "add the open pixel to HTML")                                                                \
	BOOL(text, false, "rewrite links in plain text too")

#define CONF_UNSUBSCRIBE(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                               \
	WORD(pattern, "once|confirm|address", "confirm",                                                               \
	     "the page: one button, a question first, or enter the address")                                           \
	BOOL(mailto, true, "List-Unsubscribe offers a mailto: as well")

#define CONF_STREAM(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                    \
	TEXT(plan, plan, "none", "none, gradual, monthly:N or steps:N,N,...: recipients a day while warming up")       \
	TEXT(start, date_or_empty, "", "first day of the plan, as 2026-12-01")                                         \
	WORD(over_quota, "hold|defer|reject", "hold", "mail over the day's quota")

#endif
