/*
 * policyd against a small model of its promise: random questions, ends, days, restarts and
 * status changes, and what the answer to each must be.
 *
 * The model knows a day's quota, how many of it are spent, and which recipients of
 * which open messages have a unit; nothing of slices, stores or time-outs.
 * TODOKU_SEED repeats a sequence; TODOKU_RUNS sets their number.
 */
#include "tests/unit/policy_fixture.h"

#define QUOTA 7
#define MESSAGES 6
#define RECIPIENTS 4
#define PEOPLE 9
#define STEPS 400

struct place {
	int person; /* -1: none */
	int day;    /* on which its unit was taken */
};

struct model_message {
	char name[32];
	struct place places[RECIPIENTS]; /* in the order in which they came */
	int count;
	bool sent;
};

struct model {
	struct model_message messages[MESSAGES];
	bool blocked[PEOPLE];
	int day;
	int spent; /* of the day */
	int serial;
};

struct run {
	struct policy_fixture *f;
	struct model m;
	unsigned seed, first;
	int step;
	char last[256];
};

static int pick(struct run *run, int count) {
	run->seed = run->seed * 1103515245U + 12345U;
	return (int)((run->seed >> 16) % (unsigned)count);
}

static void expect(struct run *run, const char *got, const char *want) {
	if (strncmp(got, want, strlen(want)) != 0)
		fail_msg("seed %u, step %d: %s: got \"%s\", want \"%s\"", run->first, run->step, run->last, got, want);
}

static const char *address_of(char out[32], int person) {
	/* Written in several ways (W7). */
	static const char *const forms[] = {"p%d@example.jp", "<p%d@EXAMPLE.jp>", "\"p%d\"@example.jp"};

	snprintf(out, 32, forms[person % 3], person);
	return out;
}

static int reserved(const struct model *m) {
	int i, j, count = 0;

	for (i = 0; i < MESSAGES; i++)
		for (j = 0; j < m->messages[i].count && !m->messages[i].sent; j++)
			count += m->messages[i].places[j].day == m->day;
	return count;
}

static void take_out(struct model_message *message, int at) {
	memmove(message->places + at, message->places + at + 1,
	        (size_t)(message->count - at - 1) * sizeof message->places[0]);
	message->count--;
}

static int find(const struct model_message *message, int person) {
	int i;

	for (i = 0; i < message->count; i++)
		if (message->places[i].person == person)
			return i;
	return -1;
}

/* What must be said of that recipient now, and what it does to the model. */
static const char *judge(struct model *m, struct model_message *message, int person) {
	int at = find(message, person);

	if (m->blocked[person]) {
		if (at >= 0)
			take_out(message, at);
		return "550 5.7.1 ";
	}
	if (at >= 0 && message->places[at].day == m->day)
		return "DUNNO";
	if (reserved(m) + m->spent >= QUOTA) {
		if (at >= 0)
			take_out(message, at);
		return "450 4.7.1 ";
	}
	if (at < 0) {
		at = message->count++;
		message->places[at].person = person;
	}
	message->places[at].day = m->day;
	return "DUNNO";
}

static void begin_message(struct run *run, struct model_message *message) {
	*message = (struct model_message){.count = 0};
	snprintf(message->name, sizeof message->name, "%u.%d", run->first, run->m.serial++);
}

static void ask_rcpt(struct run *run, struct model_message *message) {
	int person = pick(run, PEOPLE);
	char address[32];
	const char *want;

	if (message->sent || (message->count == RECIPIENTS && find(message, person) < 0))
		return;
	snprintf(run->last, sizeof run->last, "RCPT %s person %d", message->name, person);
	want = judge(&run->m, message, person);
	expect(run, policy_rcpt(run->f, message->name, address_of(address, person)), want);
}

/* All of them are asked about once more; one that may not go keeps all. */
static void ask_end(struct run *run, struct model_message *message) {
	struct model_message before = *message;
	bool deferred = false, refused = false;
	int i;

	if (message->count == 0)
		return;
	snprintf(run->last, sizeof run->last, "END %s of %d", message->name, message->count);
	if (!message->sent) {
		for (i = 0; i < before.count; i++) {
			const char *said = judge(&run->m, message, before.places[i].person);

			deferred |= said[0] == '4';
			refused |= said[0] == '5';
		}
		message->sent = !deferred && !refused;
		if (message->sent)
			run->m.spent += message->count;
	}
	expect(run, policy_end_of(run->f, message->name, "", (unsigned long)before.count, "Q"),
	       deferred  ? "450 4.7.1 "
	       : refused ? "550 5.7.1 "
	                 : "DUNNO");
	if (!message->sent)
		for (i = 0; i < message->count; i++)
			message->places[i].day = -1; /* given back; they are asked about again */
}

/* Units are alike: of two messages to one person the milter may take either's. */
static bool is_elsewhere(const struct model *m, const struct model_message *message) {
	int i, j;

	for (i = 0; i < MESSAGES; i++)
		for (j = 0; j < message->count && &m->messages[i] != message; j++)
			if (find(&m->messages[i], message->places[j].person) >= 0)
				return true;
	return false;
}

/* The same message at the milter's end. */
static void ask_milter(struct run *run, struct model_message *message) {
	struct model_message own;
	char name[40], address[32];
	int i, person;
	bool good = true;

	if (message->sent || message->count == 0 || is_elsewhere(&run->m, message))
		return;
	begin_message(run, &own);
	snprintf(name, sizeof name, "m%s", own.name);
	for (i = message->count - 1; i >= 0; i--) {
		const char *want;

		person = message->places[i].person;
		snprintf(run->last, sizeof run->last, "milter %s person %d", name, person);
		/* The unit goes over to the milter's message; one of yesterday stays where it is. */
		if (run->m.blocked[person] || message->places[i].day == run->m.day ||
		    reserved(&run->m) + own.count + run->m.spent < QUOTA)
			want = run->m.blocked[person] ? "550 5.7.1 " : "DUNNO";
		else
			want = "450 4.7.1 ";
		if (want[0] == 'D') {
			own.count++;
			if (message->places[i].day == run->m.day)
				take_out(message, i);
		}
		good &= want[0] == 'D';
		expect(run, policy_milter(run->f, name, "news", address_of(address, person)), want);
	}
	if (good)
		run->m.spent += own.count;
	policy_milter_tells(run->f, name, good ? "sent" : "failed", (unsigned long)own.count);
}

static void forget_all(struct run *run) {
	int i;

	for (i = 0; i < MESSAGES; i++)
		begin_message(run, &run->m.messages[i]);
}

static void restart(struct run *run) {
	policy_stop(run->f);
	policy_start(run->f);
	forget_all(run);
}

static void change_status(struct run *run) {
	int person = pick(run, PEOPLE);
	char address[32];

	snprintf(address, sizeof address, "p%d@example.jp", person);
	run->m.blocked[person] = !run->m.blocked[person];
	policy_change(run->f, address, "news", run->m.blocked[person] ? STORE_BLOCKED : STORE_ACTIVE, "hand");
}

static void next_day(struct run *run) {
	run->m.day++;
	run->m.spent = 0;
	policy_set_time(run->f, POLICY_NOON + run->m.day * POLICY_DAY);
}

static void abandon(struct run *run, struct model_message *message) {
	struct policy_request other = policy_ask_rcpt("other", "a@example.jp");

	/* The connection goes on to something else; time passes. */
	other.sender = SPAN("nobody@example.com");
	policy_put(run->f, &other);
	ledger_leave(run->f->policy.ledger, span_of(message->name));
	ledger_tidy(run->f->policy.ledger, true);
	forget_all(run);
}

static void step(struct run *run) {
	struct model_message *message = &run->m.messages[pick(run, MESSAGES)];
	int what = pick(run, 100);

	if (what < 50)
		ask_rcpt(run, message);
	else if (what < 70)
		ask_end(run, message);
	else if (what < 80)
		ask_milter(run, message);
	else if (what < 86)
		change_status(run);
	else if (what < 90)
		abandon(run, message);
	else if (what < 93)
		restart(run);
	else if (what < 97)
		next_day(run);
	else if (message->sent)
		begin_message(run, message);
	if (run->m.spent > QUOTA)
		fail_msg("seed %u, step %d: %d of %d", run->first, run->step, run->m.spent, QUOTA);
}

static void play(unsigned seed) {
	struct run run = {.f = policy_new(), .seed = seed, .first = seed};

	policy_configure(run.f, "",
	                 "list \"news\" { sender = { \"news@example.com\" } stream = \"main\" }\n"
	                 "stream \"main\" { plan = \"steps:7\" over_quota = \"defer\" idle_days = 3650 }\n");
	policy_start(run.f);
	forget_all(&run);
	for (run.step = 0; run.step < STEPS; run.step++)
		step(&run);
	policy_stop(run.f);
	policy_remove(run.f);
}

static void test_model(void **state) {
	const char *given = getenv("TODOKU_SEED"), *runs = getenv("TODOKU_RUNS");
	unsigned first = given == NULL ? 1 : (unsigned)atoi(given), seed;
	unsigned count = given != NULL ? 1 : runs == NULL ? 12 : (unsigned)atoi(runs);

	(void)state;
	for (seed = first; seed < first + count; seed++)
		play(seed);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_model)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
