#include "lib/list_match.h"

static bool any_matches(const struct strings *patterns, const struct addr *addr) {
	size_t i;

	for (i = 0; i < patterns->len; i++)
		if (addr_matches(addr, span_of(patterns->at[i])))
			return true;
	return false;
}

static bool has_exactly(const struct strings *list, struct span s) {
	size_t i;

	for (i = 0; i < list->len; i++)
		if (span_equal(span_of(list->at[i]), s))
			return true;
	return false;
}

enum step { BY_LOGIN, BY_SENDER, BY_FROM, BY_CLIENT, STEPS };

static bool step_matches(enum step step, const struct conf_list *list, const struct list_traits *traits) {
	switch (step) {
	case BY_LOGIN:
		return traits->login.len > 0 && has_exactly(&list->sasl_login, traits->login);
	case BY_SENDER:
		return traits->sender != NULL && any_matches(&list->sender, traits->sender);
	case BY_FROM:
		return traits->from != NULL && any_matches(&list->from, traits->from);
	default:
		return traits->client.len > 0 && conf_network_has(&list->client, traits->client);
	}
}

const struct conf_list *list_match(const struct conf *conf, const struct list_traits *traits) {
	enum step step;
	size_t i;

	for (step = 0; step < STEPS; step++)
		for (i = 0; i < conf->list_count; i++)
			if (step_matches(step, &conf->lists[i], traits))
				return &conf->lists[i];
	return NULL;
}

bool list_trusts(const struct conf *conf, struct span client, struct span login) {
	return client.len == 0 || login.len > 0 || conf_network_has(&conf->trusted, client);
}
