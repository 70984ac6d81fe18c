#include "webd/label.h"

struct agent {
	struct span text; /* without regard to case, where a word begins */
	enum store_machine machine;
};

/* Scanners of mail gateways, previews of messengers, programs and libraries; and
 * the proxies through which mail providers fetch images for their readers. */
static const struct agent agents[] = {
        {SPAN("GoogleImageProxy"), STORE_MACHINE_PROXY},
        {SPAN("ggpht.com"), STORE_MACHINE_PROXY},
        {SPAN("YahooMailProxy"), STORE_MACHINE_PROXY},
        {SPAN("YahooCacheSystem"), STORE_MACHINE_PROXY},
        {SPAN("DuckDuckGo-Email"), STORE_MACHINE_PROXY},
        {SPAN("barracuda"), STORE_MACHINE_SCANNER},
        {SPAN("proofpoint"), STORE_MACHINE_SCANNER},
        {SPAN("mimecast"), STORE_MACHINE_SCANNER},
        {SPAN("messagelabs"), STORE_MACHINE_SCANNER},
        {SPAN("symantec"), STORE_MACHINE_SCANNER},
        {SPAN("trendmicro"), STORE_MACHINE_SCANNER},
        {SPAN("trend micro"), STORE_MACHINE_SCANNER},
        {SPAN("fortiguard"), STORE_MACHINE_SCANNER},
        {SPAN("fortimail"), STORE_MACHINE_SCANNER},
        {SPAN("sophos"), STORE_MACHINE_SCANNER},
        {SPAN("CiscoSecureEmail"), STORE_MACHINE_SCANNER},
        {SPAN("ironport"), STORE_MACHINE_SCANNER},
        {SPAN("hornetsecurity"), STORE_MACHINE_SCANNER},
        {SPAN("trustwave"), STORE_MACHINE_SCANNER},
        {SPAN("mailmarshal"), STORE_MACHINE_SCANNER},
        {SPAN("zscaler"), STORE_MACHINE_SCANNER},
        {SPAN("paloalto"), STORE_MACHINE_SCANNER},
        {SPAN("safelinks"), STORE_MACHINE_SCANNER},
        {SPAN("BingPreview"), STORE_MACHINE_SCANNER},
        {SPAN("SkypeUriPreview"), STORE_MACHINE_SCANNER},
        {SPAN("facebookexternalhit"), STORE_MACHINE_SCANNER},
        {SPAN("Slackbot"), STORE_MACHINE_SCANNER},
        {SPAN("Twitterbot"), STORE_MACHINE_SCANNER},
        {SPAN("Discordbot"), STORE_MACHINE_SCANNER},
        {SPAN("WhatsApp/"), STORE_MACHINE_SCANNER},
        {SPAN("googlebot"), STORE_MACHINE_SCANNER},
        {SPAN("bingbot"), STORE_MACHINE_SCANNER},
        {SPAN("linkcheck"), STORE_MACHINE_SCANNER},
        {SPAN("HeadlessChrome"), STORE_MACHINE_SCANNER},
        {SPAN("PhantomJS"), STORE_MACHINE_SCANNER},
        {SPAN("python-requests"), STORE_MACHINE_SCANNER},
        {SPAN("python-urllib"), STORE_MACHINE_SCANNER},
        {SPAN("aiohttp"), STORE_MACHINE_SCANNER},
        {SPAN("Go-http-client"), STORE_MACHINE_SCANNER},
        {SPAN("Apache-HttpClient"), STORE_MACHINE_SCANNER},
        {SPAN("Jakarta"), STORE_MACHINE_SCANNER},
        {SPAN("libwww-perl"), STORE_MACHINE_SCANNER},
        {SPAN("curl/"), STORE_MACHINE_SCANNER},
        {SPAN("Wget/"), STORE_MACHINE_SCANNER},
        {SPAN("AHC/"), STORE_MACHINE_SCANNER},
        {SPAN("node-fetch"), STORE_MACHINE_SCANNER},
        {SPAN("axios/"), STORE_MACHINE_SCANNER},
};

/* Where a word ends: there are new ones every day. */
static const struct span endings[] = {SPAN("crawler"), SPAN("spider"), SPAN("scanner")};

static enum store_machine find_word(struct span from_word, size_t word_len) {
	struct span word = span_make(from_word.at, word_len);
	size_t i;

	for (i = 0; i < sizeof agents / sizeof *agents; i++)
		if (span_starts_nocase(from_word, agents[i].text))
			return agents[i].machine;
	for (i = 0; i < sizeof endings / sizeof *endings; i++)
		if (span_ends_nocase(word, endings[i]))
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
