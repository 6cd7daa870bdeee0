/* SPDX-License-Identifier: Apache-2.0 */

/* What a host has seen outlives it, whole or not at all (FORMAT.md, "What a
 * host remembers"). */
#include "tests/lib/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/seen.h"

static const uint8_t vault[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	14, 15, 16 };
#define VAULT "0102030405060708090a0b0c0d0e0f10"
#define ENVELOPE "{\"payload\":\"eA==\"}"
#define NOTE "weir.example/audit\n3\nAAAA\n\n\xe2\x80\x94 a b\n"

static char line[2048]; /* the last one that was logged */

static void
keep_line(void *arg, const char *text)
{
	(void)arg;
	snprintf(line, sizeof(line), "%s", text);
}

static int
set_up(void **state)
{
	struct scratch *s = malloc(sizeof(*s));

	assert_non_null(s);
	*s = scratch_new();
	log_sink(keep_line, NULL);
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	scratch_free(*state);
	free(*state);
	log_sink(NULL, NULL);
	return 0;
}

static struct seen *
opened(const struct scratch *s)
{
	struct seen *seen;

	assert_int_equal(seen_open(&seen, s->path, vault), 0);
	return seen;
}

static struct seen_channel
channel(uint64_t serial)
{
	return (struct seen_channel){ .serial = serial,
		.version = digest_of("version", 7),
		.payload = digest_of("payload", 7) };
}

static const struct revoked poisoned = { .counted = true,
	.time_ms = 1769851800000,
	.reason = "poisoned" };

static int
fill(struct seen *seen, uint64_t serial)
{
	const struct seen_channel c = channel(serial);
	int err = seen_set_root(seen, ENVELOPE, serial + 1, serial % 2 == 0);

	if (err == 0)
		err = seen_set_channel(seen, "llama/base:prod", &c);
	if (err == 0)
		err = seen_set_channel(seen, "other:dev", &c);
	if (err == 0)
		err = seen_set_revoked(seen, "other", &c.payload, &poisoned);
	return err == 0 ? seen_set_checkpoint(seen, NOTE) : err;
}

/* The serial that it holds, and all that belongs to it; 0: nothing. */
static uint64_t
held(const struct seen *seen)
{
	struct seen_channel c = seen_channel(seen, "llama/base:prod");
	struct seen_channel other = seen_channel(seen, "other:dev");
	uint64_t number;
	bool first_use;
	const char *root = seen_root(seen, &number, &first_use);

	assert_int_equal(c.serial, other.serial);
	assert_int_equal(seen_revoked(seen, "other", &other.payload, NULL),
	    c.serial != 0);
	if (c.serial == 0) {
		assert_null(root);
		assert_null(seen_checkpoint(seen));
		return 0;
	}
	assert_string_equal(root, ENVELOPE);
	assert_int_equal(number, c.serial + 1);
	assert_int_equal(first_use, c.serial % 2 == 0);
	assert_memory_equal(&c.payload, &other.payload, sizeof(c.payload));
	assert_string_equal(seen_checkpoint(seen), NOTE);
	return c.serial;
}

static uint64_t
held_on_disk(const struct scratch *s)
{
	OWNED(seen) seen = opened(s);

	return held(seen);
}

static char *
load(const struct scratch *s, const char *name, size_t *n)
{
	char path[128];
	uint8_t *bytes;

	snprintf(path, sizeof(path), VAULT "/%s", name);
	assert_int_equal(file_load(s->dir, path, 8U << 20, &bytes, n), 0);
	return (char *)bytes;
}

static void
store(const struct scratch *s, const void *bytes, size_t n)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/" VAULT "/seen.json", s->path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* --- what it holds --- */

static void
it_begins_with_nothing(void **state)
{
	assert_int_equal(held_on_disk(*state), 0);
}

static void
it_holds_what_was_saved_and_no_more(void **state)
{
	OWNED(seen) seen = opened(*state);

	assert_int_equal(fill(seen, 1), 0);
	assert_int_equal(seen_save(seen), 0);
	assert_int_equal(fill(seen, 2), 0);
	assert_int_equal(held(seen), 2);
	seen_free(seen);
	seen = NULL;
	assert_int_equal(held_on_disk(*state), 1);
}

static void
vaults_are_kept_apart(void **state)
{
	const struct scratch *s = *state;
	uint8_t other[16] = { 0 };
	OWNED(seen) a = opened(s);
	OWNED(seen) b = NULL;

	assert_int_equal(fill(a, 1), 0);
	assert_int_equal(seen_save(a), 0);
	assert_int_equal(seen_open(&b, s->path, other), 0);
	assert_int_equal(held(b), 0);
}

static void
the_file_is_as_it_is_documented(void **state)
{
	OWNED(seen) seen = opened(*state);
	OWNED_MEM(char) text = NULL;
	size_t n;

	assert_int_equal(fill(seen, 1), 0);
	assert_int_equal(seen_save(seen), 0);
	text = load(*state, "seen.json", &n);
	assert_non_null(strstr(text,
	    "{\"weir\":1,\"root\":{\"number\":2,\"envelope\":" ENVELOPE
	    ",\"how\":\"pinned\"},\"channels\":{\"llama/base:prod\":"
	    "{\"serial\":1,\"version\":\""));
	assert_non_null(strstr(text, "},\"revoked\":{\"other@"));
	assert_non_null(strstr(text,
	    "\"time\":\"2026-01-31T09:30:00.000Z\",\"counted\":true,"
	    "\"reason\":\"poisoned\"}},\"checkpoint\":\""));
}

static void
only_channels_with_serials_are_kept(void **state)
{
	OWNED(seen) seen = opened(*state);
	struct seen_channel c = channel(0);
	static const char *const wrong[] = { "", "llama", "llama:", ":prod",
		"llama@01234567", "../x:prod" };

	assert_int_equal(seen_set_channel(seen, "llama:prod", &c), ERR_USAGE);
	c.serial = UINT64_C(1) << 53;
	assert_int_equal(seen_set_channel(seen, "llama:prod", &c), ERR_USAGE);
	c.serial--;
	assert_int_equal(seen_set_channel(seen, "llama:prod", &c), 0);
	assert_int_equal(seen_channel(seen, "llama:prod").serial, c.serial);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(seen_set_channel(seen, wrong[i], &c),
		    ERR_USAGE);
	assert_int_equal(seen_channel(seen, "llama:dev").serial, 0);
}

/* --- bytes that are not its own --- */

static int
try_bytes(const struct scratch *s, const char *bytes, size_t n)
{
	OWNED(seen) seen = NULL;
	int err;

	store(s, bytes, n);
	err = seen_open(&seen, s->path, vault);
	if (err == 0)
		(void)seen_channel(seen, "llama/base:prod");
	return err;
}

static void
save_one(const struct scratch *s)
{
	OWNED(seen) seen = opened(s);

	assert_int_equal(fill(seen, 1), 0);
	assert_int_equal(seen_save(seen), 0);
}

static void
every_truncation_is_refused(void **state)
{
	OWNED_MEM(char) text = NULL;
	size_t n;

	save_one(*state);
	text = load(*state, "seen.json", &n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(try_bytes(*state, text, i), ERR_FORMAT);
	assert_int_equal(try_bytes(*state, text, n), 0);
	assert_non_null(strstr(line, "restore it"));
}

/* It is not sealed: a flip may give another number.  None gives a crash, or a
 * file that is taken for an empty one. */
static void
no_flip_makes_a_host_forget(void **state)
{
	OWNED_MEM(char) text = NULL;
	size_t n;

	save_one(*state);
	text = load(*state, "seen.json", &n);
	for (size_t i = 0; i < n * 8; i++) {
		OWNED(seen) seen = NULL;
		uint64_t number;
		bool first_use;

		text[i / 8] ^= (char)(1 << i % 8);
		if (try_bytes(*state, text, n) == 0) {
			seen = opened(*state);
			assert_non_null(seen_root(seen, &number, &first_use));
			assert_non_null(seen_checkpoint(seen));
		}
		text[i / 8] ^= (char)(1 << i % 8);
	}
}

static void
what_is_none_is_refused_and_said(void **state)
{
	static const char least[] = "{\"weir\":1,\"channels\":{}}";
	static const char *const wrong[] = { "", "[]", "{}", "{\"weir\":1}",
		"{\"weir\":2,\"channels\":{}}", "{\"weir\":1,\"channels\":[]}",
		"{\"weir\":1,\"channels\":{},\"more\":1}",
		"{\"weir\":1,\"weir\":1,\"channels\":{}}",
		"{\"weir\":1,\"channels\":{\"llama\":{}}}",
		"{\"weir\":1,\"channels\":{\"llama:prod\":{\"serial\":1}}}",
		"{\"weir\":1,\"channels\":{},\"checkpoint\":1}",
		"{\"weir\":1,\"channels\":{},\"revoked\":[]}",
		"{\"weir\":1,\"channels\":{},\"revoked\":{\"llama\":{}}}",
		"{\"weir\":1,\"channels\":{},\"root\":{\"number\":0,"
		"\"envelope\":{},\"how\":\"pinned\"}}",
		"{\"weir\":1,\"channels\":{},\"root\":{\"number\":1,"
		"\"how\":\"pinned\"}}",
		"{\"weir\":1,\"channels\":{},\"root\":{\"number\":1,"
		"\"envelope\":{},\"how\":\"somehow\"}}" };

	(void)held_on_disk(*state);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		line[0] = '\0';
		assert_int_equal(try_bytes(*state, wrong[i], strlen(wrong[i])),
		    ERR_FORMAT);
		assert_non_null(strstr(line, VAULT "/seen.json"));
	}
	assert_int_equal(try_bytes(*state, least, strlen(least)), 0);
}

/* --- one writer, and no other --- */

static void *
hold_for_a_while(void *arg)
{
	const struct timespec pause = { .tv_nsec = 400000000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	(void)!seen_save(arg);
	seen_free(arg);
	return NULL;
}

static void
there_is_one_writer_at_a_time(void **state)
{
	struct seen *seen = opened(*state);
	pthread_t thread;

	assert_int_equal(fill(seen, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, hold_for_a_while, seen),
	    0);
	/* It waits, and then sees what the other one saved. */
	assert_int_equal(held_on_disk(*state), 1);
	pthread_join(thread, NULL);
}

static void
a_directory_that_others_write_is_refused(void **state)
{
	const struct scratch *s = *state;
	struct seen *seen;
	char path[256];

	(void)held_on_disk(s);
	snprintf(path, sizeof(path), "%s/" VAULT, s->path);
	assert_int_equal(chmod(path, 0770), 0);
	assert_int_equal(seen_open(&seen, s->path, vault), ERR_DENIED);
	assert_non_null(strstr(line, "chmod 700"));
	assert_int_equal(chmod(path, 0700), 0);
	if (getuid() != 0)
		return;
	assert_int_equal(chown(path, 1, 1), 0);
	assert_int_equal(seen_open(&seen, s->path, vault), ERR_DENIED);
	assert_non_null(strstr(line, "belongs to uid 1"));
}

static void
the_directory_is_made_with_those_above_it(void **state)
{
	const struct scratch *s = *state;
	OWNED(seen) seen = NULL;
	char path[256];
	struct stat st;

	snprintf(path, sizeof(path), "%s/a/b", s->path);
	assert_int_equal(seen_open(&seen, path, vault), 0);
	snprintf(path, sizeof(path), "%s/a/b/" VAULT "/lock", s->path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
it_lies_where_it_is_told_to(void **state)
{
	char *path;

	(void)state;
	setenv("WEIR_STATE_DIR", "/there", 1);
	assert_int_equal(seen_directory(&path), 0);
	assert_string_equal(path, "/there");
	free(path);
	unsetenv("WEIR_STATE_DIR");
	if (geteuid() == 0) {
		assert_int_equal(seen_directory(&path), 0);
		assert_string_equal(path, "/var/lib/weir");
		free(path);
		assert_int_equal(seteuid(1), 0);
	}
	setenv("XDG_STATE_HOME", "/state", 1);
	assert_int_equal(seen_directory(&path), 0);
	assert_string_equal(path, "/state/weir");
	free(path);
	setenv("XDG_STATE_HOME", "relative", 1);
	setenv("HOME", "/home/x", 1);
	assert_int_equal(seen_directory(&path), 0);
	assert_string_equal(path, "/home/x/.local/state/weir");
	free(path);
	unsetenv("XDG_STATE_HOME");
	setenv("HOME", "", 1);
	assert_int_equal(seen_directory(&path), ERR_NOT_FOUND);
	assert_non_null(strstr(line, "WEIR_STATE_DIR"));
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

/* --- on a failing disk --- */

static void
a_save_that_fails_leaves_the_old_or_the_new(void **state)
{
	save_one(*state);
	for (unsigned int n = 1;; n++) {
		struct seen *seen = opened(*state);
		uint64_t was = held(seen), is;
		int err;

		assert_int_equal(fill(seen, was + 1), 0);
		fault_fail(FAULT_DISK | FAULT_MEMORY, n, EIO);
		err = seen_save(seen);
		if (!fault_off()) {
			assert_int_equal(err, 0);
			seen_free(seen);
			assert_true(n > 4);
			return;
		}
		seen_free(seen);
		is = held_on_disk(*state);
		assert_true(is == was + 1 || (err != 0 && is == was));
	}
}

/* --- refusals --- */

static void
refusals_are_kept_a_line_each(void **state)
{
	OWNED(seen) seen = opened(*state);
	OWNED_MEM(char) text = NULL;
	size_t n;

	assert_int_equal(seen_refused(seen, "llama:prod", "it was \"odd\""), 0);
	assert_int_equal(seen_refused(seen, "", "cut \xe2\x80"), 0);
	text = load(*state, "refused", &n);
	assert_non_null(strstr(text,
	    "\"reference\":\"llama:prod\",\"reason\":\"it was "
	    "\\\"odd\\\"\"}\n{\"time\":\"20"));
	assert_non_null(strstr(text, "cut \\\\xe2\\\\x80"));
	assert_int_equal(text[n - 1], '\n');
}

static void
refusals_do_not_fill_the_disk(void **state)
{
	OWNED(seen) seen = opened(*state);
	OWNED_MEM(char) reason = calloc(1, 300001);
	OWNED_MEM(char) now = NULL;
	OWNED_MEM(char) old = NULL;
	size_t n, m;

	memset(reason, 'x', 300000);
	for (int i = 0; i < 10; i++)
		assert_int_equal(seen_refused(seen, "llama:prod", reason), 0);
	now = load(*state, "refused", &n);
	old = load(*state, "refused.old", &m);
	assert_true(n > 300000 && n < 1500000);
	assert_true(m > 1000000 && m < 1500000);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_begins_with_nothing),
		TEST(it_holds_what_was_saved_and_no_more),
		TEST(vaults_are_kept_apart),
		TEST(the_file_is_as_it_is_documented),
		TEST(only_channels_with_serials_are_kept),
		TEST(every_truncation_is_refused),
		TEST(no_flip_makes_a_host_forget),
		TEST(what_is_none_is_refused_and_said),
		TEST(there_is_one_writer_at_a_time),
		TEST(a_directory_that_others_write_is_refused),
		TEST(the_directory_is_made_with_those_above_it),
		TEST(it_lies_where_it_is_told_to),
		TEST(a_save_that_fails_leaves_the_old_or_the_new),
		TEST(refusals_are_kept_a_line_each),
		TEST(refusals_do_not_fill_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
