#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/err.h"
#include "report/fold.h"
#include "report/rules_private.h"

#define DEPTH_MAX 4   /* files that include one another */
#define WORDS_MAX 400 /* words of one rule */

/* One statement: its words, and where it began. */
struct statement {
	struct span words[WORDS_MAX];
	bool quoted[WORDS_MAX];
	size_t count;
	unsigned line;
};

struct parsing {
	struct rules *rules;
	const char *name;
	unsigned depth;
	struct buf *errors;
	struct span source; /* of the rules below it */
	bool wrong;
};

static void complain(struct parsing *p, unsigned line, const char *problem, struct span word) {
	buf_printf(p->errors, "%s:%u: %s%s%.*s%s\n", p->name, line, problem, word.len > 0 ? " \"" : "",
	           word.len > 100 ? 100 : (int)word.len, word.at == NULL ? "" : word.at, word.len > 0 ? "\"" : "");
	p->wrong = true;
}

/* The array with room for one more. */
static bool grow(void **at, size_t *room, size_t count, size_t size) {
	size_t more = *room == 0 ? 256 : *room * 2;
	void *grown;

	if (count < *room)
		return true;
	grown = realloc(*at, more * size);
	if (grown == NULL)
		return false;
	*at = grown;
	*room = more;
	return true;
}

/* A code with x for any number; digits and dots else. */
static bool add_codes(struct rules_codes **codes, struct span list, bool dotted) {
	if (*codes == NULL)
		*codes = calloc(1, sizeof **codes);
	while (*codes != NULL && list.len > 0) {
		ssize_t comma = span_find_byte(list, ',');
		struct span one = comma < 0 ? list : span_make(list.at, (size_t)comma);
		size_t i, dots = 0;

		if (one.len == 0 || one.len >= RULES_PATTERN_SIZE || (*codes)->count == RULES_PATTERNS_MAX ||
		    (!dotted && one.len != 3))
			return false;
		for (i = 0; i < one.len; i++) {
			dots += one.at[i] == '.';
			if (!ascii_is_digit(one.at[i]) && one.at[i] != 'x' && one.at[i] != '.')
				return false;
		}
		if (dots != (dotted ? 2 : 0))
			return false;
		memcpy((*codes)->at[(*codes)->count], one.at, one.len);
		(*codes)->at[(*codes)->count++][one.len] = '\0';
		list = comma < 0 ? SPAN_NONE : span_from(list, (size_t)comma + 1);
	}
	return *codes != NULL && (*codes)->count > 0;
}

static bool add_providers(const struct rules *r, uint64_t *bits, struct span list) {
	while (list.len > 0) {
		ssize_t comma = span_find_byte(list, ',');
		struct span one = comma < 0 ? list : span_make(list.at, (size_t)comma);
		size_t i;

		for (i = 0; i < r->provider_count && !span_equal(one, span_of(r->providers[i].name)); i++)
			;
		if (i == r->provider_count)
			return false;
		*bits |= (uint64_t)1 << i;
		list = comma < 0 ? SPAN_NONE : span_from(list, (size_t)comma + 1);
	}
	return *bits != 0;
}

static bool add_piece(struct rules *r, struct span piece) {
	if (!grow((void **)&r->piece_wording, &r->room[2], r->piece_count, sizeof *r->piece_wording) ||
	    phrases_add(r->phrases, piece, (uint32_t)r->piece_count) != 0)
		return false;
	r->piece_wording[r->piece_count++] = (uint32_t)r->wording_count;
	return true;
}

/* A text in quotation marks, with stars. */
static void add_wording(struct parsing *p, unsigned line, uint32_t rule, struct span text, enum wording_role role) {
	struct rules *r = p->rules;
	struct wording wording = {rule, role, (uint32_t)r->piece_count, 0};
	struct buf folded;

	if (!grow((void **)&r->wordings, &r->room[1], r->wording_count, sizeof *r->wordings)) {
		complain(p, line, "out of memory", SPAN_NONE);
		return;
	}
	while (text.at != NULL) {
		ssize_t star = span_find_byte(text, '*');
		struct span piece = star < 0 ? text : span_make(text.at, (size_t)star);

		buf_init(&folded, 4096);
		fold_text(span_trim(piece), &folded);
		/* A blank at the end: the word ends there. */
		if (star < 0 && piece.len > 0 && piece.at[piece.len - 1] == ' ')
			buf_add_byte(&folded, ' ');
		if (!add_piece(r, buf_span(&folded)))
			complain(p, line, "a text between stars has 4 to 250 octets, not", piece);
		buf_free(&folded);
		wording.pieces++;
		text = star < 0 ? SPAN_NONE : span_from(text, (size_t)star + 1);
	}
	r->wordings[r->wording_count++] = wording;
}

static const char *phase_of(struct span name) {
	static const char *const phases[] = {"connect", "mail", "rcpt", "data"};
	size_t i;

	for (i = 0; i < sizeof phases / sizeof *phases; i++)
		if (span_equal(name, span_of(phases[i])))
			return phases[i];
	return NULL;
}

/* One word "name=value". */
static bool add_condition(struct parsing *p, struct rule *rule, struct span word) {
	ssize_t equals = span_find_byte(word, '=');
	struct span name, value;

	if (equals < 0)
		return false;
	name = span_make(word.at, (size_t)equals);
	value = span_from(word, (size_t)equals + 1);
	if (span_equal(name, SPAN("status")))
		return add_codes(&rule->status, value, true);
	if (span_equal(name, SPAN("reply")))
		return add_codes(&rule->reply, value, false);
	if (span_equal(name, SPAN("provider")))
		return add_providers(p->rules, &rule->providers, value);
	if (span_equal(name, SPAN("phase"))) {
		rule->phase = phase_of(value);
		return rule->phase != NULL;
	}
	return false;
}

/* "user_unknown" or "permanent_other/count_soft". */
static bool read_verdict(struct parsing *p, unsigned line, struct span word, struct rule *rule) {
	ssize_t slash = span_find_byte(word, '/');
	struct span action = slash < 0 ? SPAN_NONE : span_from(word, (size_t)slash + 1);

	if (report_category_of(slash < 0 ? word : span_make(word.at, (size_t)slash), &rule->category) != 0 ||
	    !report_is_failure(rule->category)) {
		complain(p, line, "neither a category of failure nor \"source\", \"provider\", \"include\":", word);
		return false;
	}
	rule->action = report_is_permanent(rule->category) ? REPORT_SUPPRESS : REPORT_COUNT_SOFT;
	if (slash < 0)
		return true;
	if (span_equal(action, SPAN("count_soft"))) {
		rule->action = REPORT_COUNT_SOFT;
	} else if (!span_equal(action, SPAN("suppress")) || rule->action != REPORT_SUPPRESS) {
		complain(p, line, "the action is count_soft, or suppress of a permanent category, not", action);
		return false;
	}
	return true;
}

static void read_conditions(struct parsing *p, const struct statement *s, struct rule *rule, uint32_t index) {
	enum wording_role role = WORDING_TEXT;
	size_t i;

	for (i = 1; i < s->count; i++) {
		if (s->quoted[i]) {
			add_wording(p, s->line, index, s->words[i], role);
			rule->by_text |= role == WORDING_TEXT;
			rule->with_count += role == WORDING_COMPANION;
			rule->unless_count += role == WORDING_EXCEPTION;
		} else if (span_equal(s->words[i], SPAN("with")) && role == WORDING_TEXT && rule->by_text) {
			role = WORDING_COMPANION;
			rule->with = (uint32_t)p->rules->wording_count;
		} else if (span_equal(s->words[i], SPAN("unless")) && role != WORDING_EXCEPTION) {
			role = WORDING_EXCEPTION;
			rule->unless = (uint32_t)p->rules->wording_count;
		} else if (span_equal(s->words[i], SPAN("uncoded"))) {
			rule->uncoded = true;
		} else if (!add_condition(p, rule, s->words[i])) {
			complain(
			        p, s->line,
			        "not a condition (status=, reply=, provider=, phase=, uncoded, with, unless, a text in "
			        "quotation "
			        "marks):",
			        s->words[i]);
		}
	}
}

static void add_rule(struct parsing *p, const struct statement *s) {
	struct rules *r = p->rules;
	struct rule rule = {0};
	char where[4200];

	if (!read_verdict(p, s->line, s->words[0], &rule))
		return;
	if (p->source.len == 0)
		complain(p, s->line, "a rule needs a \"source\" line above it", SPAN_NONE);
	if (r->count == RULES_MAX || !grow((void **)&r->all, &r->room[0], r->count, sizeof *r->all)) {
		complain(p, s->line, "too many rules, or out of memory", SPAN_NONE);
		return;
	}
	read_conditions(p, s, &rule, (uint32_t)r->count);
	if (!rule.by_text && rule.status == NULL && rule.reply == NULL)
		complain(p, s->line, "a rule needs a text, status= or reply=", SPAN_NONE);
	snprintf(where, sizeof where, "%s:%u", p->name, s->line);
	rule.where = strdup(where);
	r->all[r->count++] = rule;
}

static void add_provider(struct parsing *p, const struct statement *s) {
	struct rules *r = p->rules;
	struct provider *provider = NULL;
	size_t i;

	if (s->count < 3) {
		complain(p, s->line, "a provider needs a name and its hosts", SPAN_NONE);
		return;
	}
	for (i = 0; i < r->provider_count; i++)
		if (span_equal(s->words[1], span_of(r->providers[i].name)))
			provider = &r->providers[i];
	if (provider == NULL) {
		if (r->provider_count == RULES_PROVIDERS_MAX) {
			complain(p, s->line, "more than 64 providers", SPAN_NONE);
			return;
		}
		provider = &r->providers[r->provider_count++];
		provider->name = strndup(s->words[1].at, s->words[1].len);
	}
	for (i = 2; i < s->count; i++)
		if (s->words[i].len < PHRASE_MIN || s->words[i].len > PHRASE_MAX ||
		    strings_add(&provider->hosts, s->words[i]) != 0)
			complain(p, s->line, "not a host:", s->words[i]);
}

/* A path beside the file that includes it, unless it is absolute. */
static void include(struct parsing *p, const struct statement *s) {
	char path[4096];
	const char *slash = strrchr(p->name, '/');
	int folder = slash == NULL ? 0 : (int)(slash - p->name) + 1;
	struct buf room;
	struct err err;
	struct span text;

	if (s->count != 2 || s->words[1].len > 2000) {
		complain(p, s->line, "include needs one file", SPAN_NONE);
		return;
	}
	if (p->depth >= DEPTH_MAX) {
		complain(p, s->line, "included too deep, or not from a file:", s->words[1]);
		return;
	}
	snprintf(path, sizeof path, "%.*s%.*s", s->words[1].at[0] == '/' ? 0 : folder, p->name, SPAN_ARG(s->words[1]));
	text = rules_slurp(path, &room, &err);
	if (text.at == NULL)
		complain(p, s->line, err.text, SPAN_NONE);
	else if (!rules_read(p->rules, path, text, p->depth + 1, p->errors))
		p->wrong = true;
	buf_free(&room);
}

static void run(struct parsing *p, const struct statement *s) {
	if (s->count == 0)
		return;
	if (span_equal(s->words[0], SPAN("provider")))
		add_provider(p, s);
	else if (span_equal(s->words[0], SPAN("include")))
		include(p, s);
	else
		add_rule(p, s);
}

/* Adds the words of a line; what is behind a # that is not quoted is a comment. */
static void split(struct parsing *p, struct statement *s, struct span line, unsigned number) {
	for (;;) {
		struct span word;
		size_t len = 0;
		bool quoted;

		line = span_trim(line);
		if (line.len == 0 || line.at[0] == '#')
			return;
		quoted = line.at[0] == '"';
		if (quoted) {
			ssize_t end = span_find_byte(span_from(line, 1), '"');

			if (end < 0) {
				complain(p, number, "a quotation mark is missing behind", span_from(line, 1));
				return;
			}
			word = span_make(line.at + 1, (size_t)end);
			len = (size_t)end + 2;
		} else {
			while (len < line.len && !ascii_is_blank(line.at[len]) && line.at[len] != '"')
				len++;
			word = span_make(line.at, len);
		}
		if (s->count == WORDS_MAX) {
			complain(p, number, "too many words in one rule", SPAN_NONE);
			return;
		}
		s->quoted[s->count] = quoted;
		s->words[s->count++] = word;
		line = span_from(line, len);
	}
}

bool rules_read(struct rules *rules, const char *name, struct span text, unsigned depth, struct buf *errors) {
	struct parsing p = {.rules = rules, .name = name, .depth = depth, .errors = errors};
	struct statement s = {.count = 0};
	unsigned number = 0;

	while (text.len > 0) {
		ssize_t end = span_find_byte(text, '\n');
		struct span line = end < 0 ? text : span_make(text.at, (size_t)end);

		number++;
		text = span_from(text, end < 0 ? text.len : (size_t)end + 1);
		if (span_find_byte(line, '\0') >= 0) {
			complain(&p, number, "a NUL character", SPAN_NONE);
			continue;
		}
		if (line.len > 0 && !ascii_is_blank(line.at[0])) {
			run(&p, &s);
			s.count = 0;
			s.line = number;
		}
		if (span_starts(line, SPAN("source ")))
			p.source = span_trim(span_from(line, 7));
		else
			split(&p, &s, line, number);
	}
	run(&p, &s);
	return !p.wrong && !errors->failed;
}
