#include "webd/label.h"

struct agent {
	const char *text; /* without regard to case, where a word begins */
	enum store_machine machine;
};

#define PROXY(text)                                                                                                    \
	{ text, STORE_MACHINE_PROXY }
#define SCANNER(text)                                                                                                  \
	{ text, STORE_MACHINE_SCANNER }
#define AGENTS(...)                                                                                                    \
	(const struct agent[]) {                                                                                       \
		__VA_ARGS__, {                                                                                         \
			NULL, STORE_MACHINE_NONE                                                                       \
		}                                                                                                      \
	}

/* By first letter.  Scanners of mail gateways, previews of messengers, programs and
 * libraries; and the proxies through which mail providers fetch images for their
 * readers. */
static const struct agent *const agents[26] = {
        ['a' - 'a'] = AGENTS(SCANNER("aiohttp"), SCANNER("Apache-HttpClient"), SCANNER("AHC/"), SCANNER("axios/")),
        ['b' - 'a'] = AGENTS(SCANNER("barracuda"), SCANNER("BingPreview"), SCANNER("bingbot")),
        ['c' - 'a'] = AGENTS(SCANNER("CiscoSecureEmail"), SCANNER("curl/")),
        ['d' - 'a'] = AGENTS(PROXY("DuckDuckGo-Email"), SCANNER("Discordbot")),
        ['f' - 'a'] = AGENTS(SCANNER("fortiguard"), SCANNER("fortimail"), SCANNER("facebookexternalhit")),
        ['g' - 'a'] =
                AGENTS(PROXY("GoogleImageProxy"), PROXY("ggpht.com"), SCANNER("googlebot"), SCANNER("Go-http-client")),
        ['h' - 'a'] = AGENTS(SCANNER("hornetsecurity"), SCANNER("HeadlessChrome")),
        ['i' - 'a'] = AGENTS(SCANNER("ironport")),
        ['j' - 'a'] = AGENTS(SCANNER("Jakarta")),
        ['l' - 'a'] = AGENTS(SCANNER("linkcheck"), SCANNER("libwww-perl")),
        ['m' - 'a'] = AGENTS(SCANNER("mimecast"), SCANNER("messagelabs"), SCANNER("mailmarshal")),
        ['n' - 'a'] = AGENTS(SCANNER("node-fetch")),
        ['p' - 'a'] = AGENTS(SCANNER("proofpoint"), SCANNER("paloalto"), SCANNER("PhantomJS"),
                             SCANNER("python-requests"), SCANNER("python-urllib")),
        ['s' - 'a'] = AGENTS(SCANNER("symantec"), SCANNER("sophos"), SCANNER("safelinks"), SCANNER("SkypeUriPreview"),
                             SCANNER("Slackbot")),
        ['t' - 'a'] =
                AGENTS(SCANNER("trendmicro"), SCANNER("trend micro"), SCANNER("trustwave"), SCANNER("Twitterbot")),
        ['w' - 'a'] = AGENTS(SCANNER("WhatsApp/"), SCANNER("Wget/")),
        ['y' - 'a'] = AGENTS(PROXY("YahooMailProxy"), PROXY("YahooCacheSystem")),
        ['z' - 'a'] = AGENTS(SCANNER("zscaler")),
};

/* Where a word ends: there are new ones every day. */
static const struct span endings[] = {SPAN("crawler"), SPAN("spider"), SPAN("scanner")};

static enum store_machine find_word(struct span from_word, size_t word_len) {
	const struct agent *agent = NULL;
	char first = ascii_lower(from_word.at[0]);
	size_t i;

	if (ascii_is_alpha(first))
		agent = agents[first - 'a'];
	for (; agent != NULL && agent->text != NULL; agent++)
		if (span_starts_nocase(from_word, span_of(agent->text)))
			return agent->machine;
	for (i = 0; i < sizeof endings / sizeof *endings; i++)
		if (span_ends_nocase(span_make(from_word.at, word_len), endings[i]))
			return STORE_MACHINE_SCANNER;
	return STORE_MACHINE_NONE;
}

static enum store_machine find_agent(struct span user_agent) {
	enum store_machine machine = STORE_MACHINE_NONE;
	struct span left = user_agent;
	size_t len;

	/* Apple's proxy says no more than this, and no browser says so little. */
	if (span_equal(user_agent, SPAN("Mozilla/5.0")))
		return STORE_MACHINE_PROXY;
	/* Every browser and mail program names itself. */
	if (user_agent.len == 0)
		return STORE_MACHINE_SCANNER;
	for (; left.len > 0 && machine == STORE_MACHINE_NONE; left = span_from(left, len)) {
		for (len = 0; len < left.len && ascii_is_alnum(left.at[len]);)
			len++;
		if (len > 0)
			machine = find_word(left, len);
		else
			len = 1;
	}
	return machine;
}

enum store_machine label_find(const struct label_input *input) {
	enum store_machine machine;

	if (input->is_head)
		return STORE_MACHINE_HEAD;
	machine = find_agent(input->user_agent);
	if (machine != STORE_MACHINE_NONE)
		return machine;
	if (input->made > 0 && input->time_ms < ((int64_t)input->made + LABEL_TOO_SOON) * 1000)
		return STORE_MACHINE_TOO_SOON;
	return STORE_MACHINE_NONE;
}
