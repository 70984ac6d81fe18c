/* What a set of rules is made of: for rules.c, rules_parse.c and rules_judge.c. */
#ifndef REPORT_RULES_PRIVATE_H
#define REPORT_RULES_PRIVATE_H

#include "report/phrases.h"
#include "report/rules.h"

#define RULES_MAX 20000
#define RULES_PROVIDERS_MAX 64
#define RULES_PATTERNS_MAX 24 /* status or reply patterns of one rule */
#define RULES_GAP_MAX 120     /* octets that a * stands for at most */
#define RULES_PATTERN_SIZE 12

/* A code in which x stands for any number: "5.1.x", "55x". */
struct rules_codes {
	char at[RULES_PATTERNS_MAX][RULES_PATTERN_SIZE];
	size_t count;
};

struct rule {
	enum report_category category;
	enum report_action action;
	uint64_t providers; /* bits; 0 any */
	struct rules_codes *status;
	struct rules_codes *reply;
	const char *phase; /* NULL any */
	char *where;       /* "FILE:LINE" */
	size_t rank;       /* the lowest that fits decides */
	bool by_text;
	bool uncoded;  /* only where the answer's code does not say what it is */
	uint32_t with; /* first of its companions among the wordings, and how many */
	uint32_t with_count;
	uint32_t unless; /* the same of its exceptions */
	uint32_t unless_count;
};

/* What a text in quotation marks is to its rule. */
enum wording_role {
	WORDING_TEXT,      /* one of these is to be found */
	WORDING_COMPANION, /* and one of these near it */
	WORDING_EXCEPTION, /* and none of these anywhere */
};

/* One text in quotation marks: its pieces between stars. */
struct wording {
	uint32_t rule;
	enum wording_role role;
	uint32_t piece;
	uint32_t pieces;
};

struct provider {
	char *name;
	struct strings hosts;
	struct span *spans; /* the same, counted */
};

/* The automaton's ids: pieces first, then from RULES_HOST_ID on providers' hosts. */
#define RULES_HOST_ID 0x40000000U

struct rules {
	struct rule *all;
	size_t count;
	struct wording *wordings;
	size_t wording_count;
	uint32_t *piece_wording; /* the wording of each piece */
	size_t piece_count;
	uint32_t *coded; /* rules without words, in order of rank */
	size_t coded_count;
	struct provider providers[RULES_PROVIDERS_MAX];
	size_t provider_count;
	struct phrases *phrases;
	struct phrases *marks; /* of free-text notices, for the reader */
	size_t room[3];
};

/* Reads one text into the set: false where it is wrong, with lines in `errors`. */
bool rules_read(struct rules *rules, const char *name, struct span text, unsigned depth, struct buf *errors);
struct span rules_slurp(const char *path, struct buf *room, struct err *err);

#endif
