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
	WORD(on_error, "tempfail|accept", "tempfail", "what the daemons answer when they can't do their work")         \
	WORD(suppressed, "reject|discard", "reject",                                                                   \
	     "list mail to who left the list or is blocked: 550 5.7.1 with the reason, or quietly dropped and logged")

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
	TEXT(listen, endpoint, "unix:/run/todoku/policyd.sock", "unix:PATH, or inet:ADDRESS:PORT")                     \
	INT(threads, 2, 1, 64, "threads that answer")                                                                  \
	INT(connections, 4000, 1, 100000, "connections at once; further ones are closed")                              \
	TIME(time_limit, "3s", 1, 60, "how long an answer may wait for the store; then on_error decides")              \
	TIME(transaction_timeout, "15m", 1, 86400, "after which a unit of quota comes back whose message never ended") \
	TIME(leave_timeout, "10s", 1, 3600, "the same, once its connection has gone on or was closed")                 \
	WORD(temporary_failed, "mail|reject", "mail", "mail to addresses marked temporary-failed")                     \
	INT(decisions, 50000, 100, 10000000, "decisions kept for todoku explain, 1 KiB each")                          \
	TEXT(postfix_config, path_or_empty, "",                                                                        \
	     "folder of Postfix's configuration, for todoku hold; empty: Postfix's own")                               \
	TEXTS(alert_command, argument, "{}",                                                                           \
	      "program (absolute path) and its first arguments, run when a breaker opens or closes or a stream stops") \
	TIME(alert_interval, "15m", 1, 86400, "within which one stream is not reported twice for the same")            \
	TIME(alert_timeout, "30s", 1, 3600, "after which the program is ended")                                        \
	BOOL(mx_lookup, true, "look up whose mail a domain is, by its MX; else only by the tables of domains")         \
	TEXTS(nameserver, hostport, "{}", "ADDRESS:PORT of name servers for that; empty: the system's")

#define CONF_BOUNCED(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                   \
	TEXT(listen, endpoint, "unix:/run/todoku/bounced.sock", "unix:PATH, or inet:ADDRESS:PORT")                     \
	TEXT(domain, hostname_or_empty, "", "domain of the return paths; empty: envelope senders stay as they are")    \
	TEXT(rules, path_or_empty, "", "rules of classification; empty: those that were installed")                    \
	SIZE(max_message, "30M", 65536, 268435456, "octets of a message that are read; what lies behind is dropped")   \
	SIZE(memory, "256M", 1048576, 1099511627776,                                                                   \
	     "for all messages at hand together, four times their octets; more are put off with 452 4.3.1")            \
	INT(connections, 200, 1, 10000, "connections of Postfix at once; more get 421 4.3.2")                          \
	INT(workers, 4, 1, 64, "messages that are read at once")                                                       \
	TIME(timeout, "5m", 1, 86400, "how long Postfix may be silent before a connection is given up")                \
	TIME(token_age, "30d", 86400, 31536000,                                                                        \
	     "how old a return path may be; reports to an older one change nothing")                                   \
	INT(soft_days, 3, 1, 1000, "different days with temporary failures, after which an address is marked")         \
	TIME(soft_within, "365d", 86400, 315360000, "those days lie in this time")                                     \
	INT(full_days, 5, 1, 1000, "the same for full mailboxes, which do not count as the others")                    \
	TIME(full_within, "30d", 86400, 315360000, "those days lie in this time")                                      \
	SIZE(keep_mail, "256M", 0, 1099511627776, "of mails that were not understood, kept to be looked at")           \
	INT(keep_faulty, 200000, 0, 1000000000, "records of what changed nothing: forged, expired, foreign")

#define CONF_WEBD(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                      \
	TEXT(listen, hostport, "127.0.0.1:8080", "ADDRESS:PORT of the listener for readers")                           \
	TEXT(base_url, base_url, "", "what links in mail begin with, as https://t.example.com")                        \
	TEXT(pages, path, TODOKU_PAGES, "folder of the page and mail texts: todoku-pages(5)")                          \
	TEXTS(sendmail, argument, "{/usr/sbin/sendmail}",                                                              \
	      "the command that takes confirmation mails, and its arguments; run without a shell")                     \
	INT(mails_per_address, 3, 1, 1000, "confirmation mails that one address may be sent in a day")                 \
	INT(forms_per_network, 60, 1, 1000000,                                                                         \
	    "forms that one network (/24 of IPv4, /64 of IPv6) may send in an hour")                                   \
	TEXT(admin_listen, hostport, "127.0.0.1:8081", "ADDRESS:PORT of the listener for /metrics and /healthz")       \
	TEXTS(trusted_proxy, network, "{}", "proxies whose X-Forwarded-For says who the reader is")                    \
	TEXT(tls_cert, path_or_empty, "", "certificate with its chain, PEM; empty: plain HTTP, behind a proxy")        \
	TEXT(tls_key, path_or_empty, "", "private key of tls_cert, PEM")                                               \
	INT(threads, 0, 0, 256, "threads that serve connections; 0: two for each processor")                           \
	INT(connections, 4096, 16, 1000000, "connections open at once; a newer one takes the place of an idle one")    \
	INT(connections_per_ip, 64, 1, 1000000, "the same for each address that is no trusted proxy's")                \
	TIME(timeout, "10s", 1, 3600, "how long a request, or its answer, may take to cross the net")                  \
	SIZE(journal_max, "4G", 1048576, 1099511627776,                                                                \
	     "events that wait on disk for the store; more are not recorded, but a sixteenth is for who leaves")

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
	TEXT(title, any, "", "what readers call the list, on pages and in mail; empty: its name")                      \
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

#define CONF_FORM(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                      \
	BOOL(published, false, "whether BASE_URL/f/LIST lets anyone register")                                         \
	TEXT(colour, colour, "#1a5fb4",                                                                                \
	     "colour of the list's pages; darkened or lightened where text could not be read")                         \
	TEXT(intro, any, "", "a paragraph above the fields")                                                           \
	TEXT(consent, any, "",                                                                                         \
	     "what the reader agrees to, word for word; kept as proof; empty: consent.txt of the pages")               \
	TEXT(privacy_url, url_or_empty, "", "page with the privacy policy, linked from the form; empty: no link")      \
	TEXT(from, address_or_empty, "",                                                                               \
	     "From of confirmation mails; empty: the first address of from, else of sender")                           \
	TIME(expire, "3d", 3600, 2592000, "how long the link in a confirmation mail holds")

#define CONF_FORM_FIELD(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                \
	WORD(kind, "text|name|company|textarea|choice", "text",                                                        \
	     "one line, a name, a company, several lines, or one of the options")                                      \
	TEXT(label, any, "", "what stands at the field; empty: its name")                                              \
	TEXT(hint, any, "", "a line of help at the field")                                                             \
	BOOL(required, false, "whether it must be filled in")                                                          \
	INT(max, 100, 1, 300, "characters at most")                                                                    \
	TEXTS(options, any, "{}", "what a choice offers")

#define CONF_STREAM(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                    \
	TEXT(plan, plan, "none", "none, gradual, monthly:N or steps:N,N,...: recipients a day while warming up")       \
	TEXT(start, date_or_empty, "", "first day of the plan, as 2026-12-01")                                         \
	WORD(over_quota, "hold|defer|reject", "hold", "mail over the day's quota")                                     \
	INT(idle_days, 30, 1, 3650, "days without mail after which the plan starts anew")                              \
	INT(min_sample, 100, 1, 1000000000,                                                                            \
	    "recipients a day without which its rates say nothing (or the day's quota, where that is less)")           \
	REAL(min_use, 0.5, 0.0, 1.0, "share of the day's quota that must be used for the next day to grow")            \
	REAL(bounce_hold, 0.02, 0.0, 1.0, "share of hard bounces from which the next day doesn't grow")                \
	REAL(bounce_back, 0.05, 0.0, 1.0, "from which it goes a step back")                                            \
	REAL(bounce_stop, 0.10, 0.0, 1.0, "from which the stream stops until todoku warmup resume")                    \
	REAL(complaint_hold, 0.001, 0.0, 1.0, "share of complaints from which the next day doesn't grow")              \
	REAL(complaint_stop, 0.003, 0.0, 1.0, "from which the stream stops until todoku warmup resume")                \
	REAL(refusal_hold, 0.05, 0.0, 1.0,                                                                             \
	     "share of a mailbox provider's mail refused by it from which that provider alone doesn't grow")           \
	WORD(breaker, "hold|defer|off", "hold", "list mail while the breaker is open: held, deferred; off: none")      \
	TIME(breaker_window, "24h", 3600, 604800, "over which the breaker looks, in whole hours")                      \
	INT(breaker_sample, 200, 1, 1000000000, "recipients in the window without which the breaker stays closed")     \
	REAL(breaker_bounces, 0.10, 0.0, 1.0, "share of hard bounces from which the breaker opens")                    \
	REAL(breaker_complaints, 0.003, 0.0, 1.0, "share of complaints from which the breaker opens")                  \
	REAL(breaker_refusals, 0.30, 0.0, 1.0,                                                                         \
	     "share of mail refused for the sender's sake (reputation, content, DNSBL) from which it opens")

#define CONF_PROVIDER(BOOL, INT, REAL, TIME, SIZE, WORD, TEXT, TEXTS)                                                  \
	TEXTS(domain, domain, "{}", "domains of its mail addresses; those below them too")                             \
	TEXTS(mx, domain, "{}", "names that its MX hosts end in, as mail.protection.outlook.com")                      \
	REAL(share, 1.0, 0.0, 1.0, "share of a stream's day that it may get")                                          \
	INT(quota, 0, 0, 1000000000, "recipients a day of each stream at most; 0: no limit of its own")

#endif
