/*
 * The checks that lib/conf_options.h names, one for each kind of text, and
 * those of section titles.  All are `conf_check` (lib/conf_table.h): they append
 * the normal form, or say what is allowed.  The text has no control characters
 * and is UTF-8: the reader has seen to that (H7).
 *
 * An option's own default is always allowed and never checked; so the checks
 * named ..._or_empty are those of the kind without the suffix.
 */
#ifndef LIB_CONF_CHECK_H
#define LIB_CONF_CHECK_H

#include "lib/conf_table.h"

conf_check conf_check_any;
conf_check conf_check_path; /* absolute */
conf_check conf_check_word; /* a user, a group, a section */
conf_check conf_check_timezone;
conf_check conf_check_date;
conf_check conf_check_pattern;
conf_check conf_check_plan;
conf_check conf_check_argument; /* of a command */
conf_check conf_check_colour;   /* #rrggbb, lower case */

/* lib/conf_check_name.c: names of the net and of mail */
conf_check conf_check_hostname;
conf_check conf_check_domain;
conf_check conf_check_selector; /* RFC 6376 3.1 */
conf_check conf_check_name;     /* of a list or a stream */
conf_check conf_check_list_id;  /* RFC 2919 */
conf_check conf_check_header;   /* RFC 5322 3.6.8 */
conf_check conf_check_feedback;
conf_check conf_check_address;
conf_check conf_check_address_or_domain;

/* lib/conf_net.c: addresses of machines */
conf_check conf_check_network;
conf_check conf_check_endpoint;
conf_check conf_check_hostport;
conf_check conf_check_base_url;
conf_check conf_check_url; /* of a page */

#define conf_check_path_or_empty conf_check_path
#define conf_check_word_or_empty conf_check_word
#define conf_check_date_or_empty conf_check_date
#define conf_check_hostname_or_empty conf_check_hostname
#define conf_check_feedback_or_empty conf_check_feedback
#define conf_check_url_or_empty conf_check_url
#define conf_check_address_or_empty conf_check_address

#endif
