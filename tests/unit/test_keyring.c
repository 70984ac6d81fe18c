/* lib/keyring.h: the file format, its refusals, tags, hashes, and rotation. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/keyring.h"

#define ADDRESS_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_1_HEX "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
#define KEY_2_HEX "404142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F"
#define ADDRESS "address " ADDRESS_HEX "\n"
#define KEY_1 "key 1 2026-11-22T04:05:06Z " KEY_1_HEX "\n"
#define KEY_2 "key 2 2026-11-23T04:05:06Z " KEY_2_HEX "\n"
#define NOW 1795000000 /* 2026-11-18 */

struct fixture {
	char folder[64];
	char file[128];
};

static int set_up(void **state) {
	static struct fixture f;

	snprintf(f.folder, sizeof f.folder, "/tmp/test_keyring.XXXXXX");
	if (mkdtemp(f.folder) == NULL)
		return -1;
	snprintf(f.file, sizeof f.file, "%s/token.keys", f.folder);
	*state = &f;
	return 0;
}

static int tear_down(void **state) {
	struct fixture *f = *state;
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
	return system(command);
}

static void write_file(const char *name, const char *text, size_t len, mode_t mode) {
	FILE *file;

	unlink(name);
	file = fopen(name, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(name, mode), 0);
}

static char *read_file(const char *name) {
	FILE *file = fopen(name, "r");
	char *text = calloc(1, 131072);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, 131071, file) > 0);
	fclose(file);
	return text;
}

static struct keyring *load_text(const struct fixture *f, const char *text, struct err *err) {
	write_file(f->file, text, strlen(text), 0640);
	return keyring_load(f->file, err);
}

static size_t entries(const char *folder) {
	char command[128];
	size_t count = 0;
	FILE *list;

	snprintf(command, sizeof command, "ls -A '%s' | wc -l", folder);
	list = popen(command, "r");
	assert_non_null(list);
	assert_int_equal(fscanf(list, "%zu", &count), 1);
	pclose(list);
	return count;
}

static void test_load_accepts(void **state) {
	static const struct {
		const char *text;
		size_t want_size;
		uint8_t want_signer;
	} cases[] = {
	        {ADDRESS KEY_1, 1, 1},
	        {ADDRESS KEY_1 KEY_2, 2, 2},
	        {KEY_2 KEY_1 ADDRESS, 2, 2},
	        {ADDRESS "key 0 2026-11-22T04:05:06Z " KEY_2_HEX "\n" KEY_1, 2, 1},
	        {ADDRESS KEY_1 "key 255 2026-11-22T04:05:06Z " KEY_2_HEX "\n", 2, 255},
	        {"# a ring\r\n\n  " ADDRESS "\t" KEY_1 "   # the end", 1, 1},
	        {ADDRESS "key 1 2026-11-22T04:05:06Z " KEY_1_HEX "# new", 1, 1},
	        {ADDRESS "key 001 2026-11-22T04:05:06Z " KEY_1_HEX, 1, 1},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = {""};
		struct keyring *ring = load_text(*state, cases[i].text, &err);

		if (ring == NULL)
			fail_msg("case %zu: %s", i, err.text);
		assert_int_equal(keyring_size(ring), cases[i].want_size);
		assert_int_equal(keyring_signer(ring), cases[i].want_signer);
		assert_true(keyring_has(ring, cases[i].want_signer));
		assert_false(keyring_has(ring, 77));
		keyring_free(&ring);
		assert_null(ring);
		keyring_free(&ring);
	}
}

static void test_load_refuses(void **state) {
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
	        {"", "the address secret is missing"},
	        {"# nothing\n", "the address secret is missing"},
	        {ADDRESS, "a key is missing"},
	        {KEY_1, "the address secret is missing"},
	        {ADDRESS ADDRESS KEY_1, ":2: a second address secret"},
	        {ADDRESS KEY_1 KEY_1, ":3: a second key of the same id"},
	        {ADDRESS KEY_1 "kye 2\n", ":3: not understood"},
	        {ADDRESS KEY_1 "key\n", ":3: the key's id"},
	        {ADDRESS "key 256 2026-11-22T04:05:06Z " KEY_1_HEX, ":2: the key's id"},
	        {ADDRESS "key -1 2026-11-22T04:05:06Z " KEY_1_HEX, ":2: the key's id"},
	        {ADDRESS "key 0001 2026-11-22T04:05:06Z " KEY_1_HEX, ":2: the key's id"},
	        {ADDRESS "key 1 2026-11-22 " KEY_1_HEX, ":2: the key's time"},
	        {ADDRESS "key 1 2026-13-22T04:05:06Z " KEY_1_HEX, ":2: the key's time"},
	        {ADDRESS "key 1 2026-11-22T04:05:06Z " KEY_1_HEX "00", ":2: the key's secret"},
	        {ADDRESS "key 1 2026-11-22T04:05:06Z " KEY_1_HEX " x", ":2: the key's secret"},
	        {ADDRESS "key 1 2026-11-22T04:05:06Z 2021", ":2: the key's secret"},
	        {"address 00\n" KEY_1, ":1: the address secret isn't"},
	        {"address g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", ":1: the address"},
	        {"address " ADDRESS_HEX " " ADDRESS_HEX "\n" KEY_1, ":1: the address secret isn't"},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct err err = {""};

		assert_null(load_text(*state, cases[i].text, &err));
		if (strstr(err.text, cases[i].want) == NULL)
			fail_msg("case %zu: want %s, got %s", i, cases[i].want, err.text);
		/* A log is no place for a secret. */
		assert_null(strstr(err.text, "2021"));
		assert_null(strstr(err.text, "0001"));
	}
}

static void test_load_refuses_files(void **state) {
	static const struct {
		mode_t mode;
		bool want;
	} cases[] = {{0600, true},  {0640, true},  {0660, true},  {0440, true},
	             {0644, false}, {0641, false}, {0642, false}, {0604, false}};
	struct fixture *f = *state;
	struct err err = {""};
	char *big = malloc(65537);
	struct keyring *ring;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		write_file(f->file, ADDRESS KEY_1, strlen(ADDRESS KEY_1), cases[i].mode);
		ring = keyring_load(f->file, &err);
		if ((ring != NULL) != cases[i].want)
			fail_msg("mode %04o: want %d", (unsigned)cases[i].mode, cases[i].want);
		keyring_free(&ring);
	}
	assert_non_null(big);
	memset(big, '#', 65537);
	memcpy(big, ADDRESS KEY_1, strlen(ADDRESS KEY_1));
	write_file(f->file, big, 65536, 0600);
	ring = keyring_load(f->file, &err);
	assert_non_null(ring);
	keyring_free(&ring);
	write_file(f->file, big, 65537, 0600);
	assert_null(keyring_load(f->file, &err));
	assert_non_null(strstr(err.text, "65536"));
	free(big);
	unlink(f->file);
	assert_null(keyring_load(f->file, &err));
	assert_non_null(strstr(err.text, f->file));
	assert_int_equal(mkfifo(f->file, 0600), 0);
	assert_null(keyring_load(f->file, &err));
	assert_null(keyring_load(f->folder, &err));
	assert_null(keyring_load(f->folder, NULL));
}

/* S2: expected values by Python's hmac. */
static void test_tags(void **state) {
	static const struct {
		enum token_purpose purpose;
		unsigned char want[KEYRING_TAG_SIZE + 1];
	} cases[] = {
	        {TOKEN_CLICK, "\xf6\x83\x9a\x49\x58\x35\x6d\x89\x61\xab\x14\x21\x81\x54\x47\xc6"},
	        {TOKEN_OPEN, "\x22\x28\xf8\x18\x41\x0b\xa4\xc0\xe0\xad\x42\x60\x83\x13\x91\x4d"},
	        {TOKEN_UNSUBSCRIBE, "\x6f\x01\xe5\x87\x0a\x56\xa7\xea\x33\x62\xb9\xe0\xd5\x58\xba\x0b"},
	        {TOKEN_BOUNCE, "\x1c\x8e\x10\xa4\x2e\xe0\xb8\xec\xee\x43\xe7\x82\x9f\x87\xa3\x70"},
	        {TOKEN_ORIGIN, "\xef\xd7\x29\x2b\x45\x3a\x3d\xcb\xa8\x37\x2d\x18\x4e\xd2\xa2\x03"},
	};
	const struct span whole[] = {SPAN("abc")}, parts[] = {SPAN("a"), SPAN_NONE, SPAN("bc")};
	struct keyring *ring = load_text(*state, ADDRESS KEY_1 KEY_2, NULL);
	unsigned char got[KEYRING_TAG_SIZE];
	size_t i;

	assert_non_null(ring);
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(keyring_tag(ring, cases[i].purpose, 1, whole, 1, got), 0);
		assert_memory_equal(got, cases[i].want, sizeof got);
		assert_int_equal(keyring_tag(ring, cases[i].purpose, 1, parts, 3, got), 0);
		assert_memory_equal(got, cases[i].want, sizeof got);
		assert_int_equal(keyring_tag(ring, cases[i].purpose, 2, whole, 1, got), 0);
		assert_memory_not_equal(got, cases[i].want, sizeof got);
		assert_int_equal(keyring_tag(ring, cases[i].purpose, 3, whole, 1, got), -1);
	}
	keyring_free(&ring);
}

static void test_hashes(void **state) {
	const struct span address[] = {SPAN("a@example.jp")}, name[] = {SPAN("news")};
	const struct span campaign[] = {SPAN("news"), SPAN("2026-11-22")}, joined[] = {SPAN("news2026-11-22")};
	const struct span one[] = {SPAN("ab"), SPAN("c")}, other[] = {SPAN("a"), SPAN("bc")};
	struct keyring *ring = load_text(*state, ADDRESS KEY_1, NULL);
	struct keyring *rotated = load_text(*state, ADDRESS KEY_1 KEY_2, NULL);

	assert_non_null(ring);
	assert_non_null(rotated);
	assert_true(keyring_hash(ring, "address", address, 1) == 0x4fa154e1565fefc7);
	assert_true(keyring_hash(ring, "campaign", campaign, 2) == 0xba7248924ff26cb7);
	assert_true(keyring_hash(ring, "list", name, 1) == 0x6d697f630ad8770d);
	assert_true(keyring_hash(rotated, "list", name, 1) == 0x6d697f630ad8770d);
	assert_true(keyring_hash(ring, "list", one, 2) != keyring_hash(ring, "list", other, 2));
	assert_true(keyring_hash(ring, "list", campaign, 2) != keyring_hash(ring, "list", joined, 1));
	assert_true(keyring_hash(ring, "list", campaign, 1) != keyring_hash(ring, "list", campaign, 2));
	keyring_free(&ring);
	keyring_free(&rotated);
}

static void test_create(void **state) {
	struct fixture *f = *state;
	struct err err = {""};
	struct keyring *ring;
	char *before, *after;
	struct stat st;
	mode_t mask = umask(077);

	assert_int_equal(keyring_create(f->file, NOW, &err), 0);
	umask(0);
	assert_int_equal(stat(f->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(entries(f->folder), 1);
	ring = keyring_load(f->file, &err);
	assert_non_null(ring);
	assert_int_equal(keyring_size(ring), 1);
	keyring_free(&ring);
	before = read_file(f->file);
	assert_int_equal(keyring_create(f->file, NOW, &err), -1);
	assert_non_null(strstr(err.text, "exists"));
	after = read_file(f->file);
	assert_string_equal(before, after);
	assert_int_equal(entries(f->folder), 1);
	unlink(f->file);
	assert_int_equal(keyring_create(f->file, NOW, &err), 0);
	free(after);
	after = read_file(f->file);
	assert_string_not_equal(before, after);
	free(before);
	free(after);
	assert_int_equal(keyring_create("/nonexistent/token.keys", NOW, &err), -1);
	umask(mask);
}

static void test_rotate(void **state) {
	static const char old[] = "# ours, kept\n" ADDRESS "\n" KEY_1 "# no newline at the end";
	const struct span part = SPAN("abc");
	unsigned char before[KEYRING_TAG_SIZE], after[KEYRING_TAG_SIZE];
	struct fixture *f = *state;
	struct err err = {""};
	struct keyring *ring = load_text(f, old, &err);
	uint64_t hash;
	struct stat st;
	char *text;

	assert_non_null(ring);
	keyring_tag(ring, TOKEN_CLICK, 1, &part, 1, before);
	hash = keyring_hash(ring, "list", &part, 1);
	keyring_free(&ring);
	chmod(f->file, 0400);
	if (geteuid() == 0)
		assert_int_equal(chown(f->file, 65534, 65533), 0);
	assert_int_equal(keyring_rotate(f->file, 1900000000, &err), 0);
	assert_int_equal(stat(f->file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	if (geteuid() == 0) {
		assert_int_equal(st.st_uid, 65534);
		assert_int_equal(st.st_gid, 65533);
	}
	text = read_file(f->file);
	assert_memory_equal(text, old, strlen(old));
	assert_non_null(strstr(text, "end\nkey 2 2030-03-17T17:46:40Z "));
	free(text);
	ring = keyring_load(f->file, &err);
	assert_non_null(ring);
	assert_int_equal(keyring_size(ring), 2);
	assert_int_equal(keyring_signer(ring), 2);
	keyring_tag(ring, TOKEN_CLICK, 1, &part, 1, after);
	assert_memory_equal(before, after, sizeof before);
	assert_true(keyring_hash(ring, "list", &part, 1) == hash);
	keyring_free(&ring);
	assert_int_equal(entries(f->folder), 1);
}

/* The new key signs although the clock says that it is older. */
static void test_rotate_after_clock_went_back(void **state) {
	struct fixture *f = *state;
	struct keyring *ring = load_text(f, ADDRESS KEY_1 KEY_2, NULL);

	keyring_free(&ring);
	assert_int_equal(keyring_rotate(f->file, 0, NULL), 0);
	ring = keyring_load(f->file, NULL);
	assert_non_null(ring);
	assert_int_equal(keyring_signer(ring), 3);
	keyring_free(&ring);
}

static void test_rotate_through_link(void **state) {
	struct fixture *f = *state;
	struct keyring *ring = load_text(f, ADDRESS KEY_1, NULL);
	char name[160];
	struct stat st;

	keyring_free(&ring);
	snprintf(name, sizeof name, "%s/link", f->folder);
	assert_int_equal(symlink(f->file, name), 0);
	assert_int_equal(keyring_rotate(name, NOW, NULL), 0);
	assert_int_equal(lstat(name, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	ring = keyring_load(f->file, NULL);
	assert_non_null(ring);
	assert_int_equal(keyring_size(ring), 2);
	keyring_free(&ring);
}

static void test_rotate_refuses(void **state) {
	struct fixture *f = *state;
	struct err err = {""};
	char *before, *after, *big;
	int i;

	assert_int_equal(keyring_rotate(f->file, NOW, &err), -1);
	assert_int_equal(entries(f->folder), 0);
	write_file(f->file, ADDRESS KEY_1 "oops\n", strlen(ADDRESS KEY_1 "oops\n"), 0600);
	assert_int_equal(keyring_rotate(f->file, NOW, &err), -1);
	assert_non_null(strstr(err.text, ":3: not understood"));
	write_file(f->file, ADDRESS KEY_1, strlen(ADDRESS KEY_1), 0644);
	assert_int_equal(keyring_rotate(f->file, NOW, &err), -1);
	big = malloc(65536);
	assert_non_null(big);
	memset(big, '#', 65536);
	memcpy(big, ADDRESS KEY_1, strlen(ADDRESS KEY_1));
	/* The new line has 92 octets, and the last one lacks its newline. */
	write_file(f->file, big, 65536 - 92, 0600);
	assert_int_equal(keyring_rotate(f->file, NOW, &err), -1);
	assert_non_null(strstr(err.text, "comments"));
	write_file(f->file, big, 65536 - 93, 0600);
	assert_int_equal(keyring_rotate(f->file, NOW, &err), 0);
	free(big);
	write_file(f->file, ADDRESS KEY_1, strlen(ADDRESS KEY_1), 0600);
	for (i = 1; i < 256; i++)
		assert_int_equal(keyring_rotate(f->file, NOW, &err), 0);
	before = read_file(f->file);
	assert_int_equal(keyring_rotate(f->file, NOW, &err), -1);
	assert_non_null(strstr(err.text, "256"));
	after = read_file(f->file);
	assert_string_equal(before, after);
	free(before);
	free(after);
	assert_int_equal(entries(f->folder), 1);
}

static void test_rotate_two_at_once(void **state) {
	enum { PROCESSES = 4, TIMES = 12 };
	struct fixture *f = *state;
	struct keyring *ring = load_text(f, ADDRESS KEY_1, NULL);
	pid_t child[PROCESSES];
	int i, j, status;

	keyring_free(&ring);
	for (i = 0; i < PROCESSES; i++) {
		child[i] = fork();
		assert_true(child[i] >= 0);
		if (child[i] == 0) {
			for (j = 0; j < TIMES; j++)
				if (keyring_rotate(f->file, NOW, NULL) != 0)
					_exit(1);
			_exit(0);
		}
	}
	for (i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	ring = keyring_load(f->file, NULL);
	assert_non_null(ring);
	assert_int_equal(keyring_size(ring), 1 + PROCESSES * TIMES);
	keyring_free(&ring);
}

/* A process killed while it rotates leaves a ring with all the keys there were. */
static void test_rotate_killed(void **state) {
	enum { KILLS = 60 };
	struct fixture *f = *state;
	unsigned seed = 4711;
	size_t size = 0;
	int i, status;

	for (i = 0; i < KILLS; i++) {
		struct err err = {""};
		struct keyring *ring;
		pid_t child;

		if (size == 0 || size > 200) {
			unlink(f->file);
			assert_int_equal(keyring_create(f->file, NOW, &err), 0);
			size = 1;
		}
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			while (keyring_rotate(f->file, NOW, NULL) == 0)
				;
			_exit(0);
		}
		usleep((useconds_t)(rand_r(&seed) % 5000));
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		ring = keyring_load(f->file, &err);
		if (ring == NULL)
			fail_msg("after kill %d: %s", i, err.text);
		assert_true(keyring_size(ring) >= size);
		size = keyring_size(ring);
		keyring_free(&ring);
	}
	if (size < 256)
		assert_int_equal(keyring_rotate(f->file, NOW, NULL), 0);
	assert_int_equal(entries(f->folder), 1);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
	        WITH_FOLDER(test_load_accepts),
	        WITH_FOLDER(test_load_refuses),
	        WITH_FOLDER(test_load_refuses_files),
	        WITH_FOLDER(test_tags),
	        WITH_FOLDER(test_hashes),
	        WITH_FOLDER(test_create),
	        WITH_FOLDER(test_rotate),
	        WITH_FOLDER(test_rotate_after_clock_went_back),
	        WITH_FOLDER(test_rotate_through_link),
	        WITH_FOLDER(test_rotate_refuses),
	        WITH_FOLDER(test_rotate_two_at_once),
	        WITH_FOLDER(test_rotate_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
