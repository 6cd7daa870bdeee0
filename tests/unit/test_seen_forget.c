/* SPDX-License-Identifier: Apache-2.0 */

/* A host is made to forget a vault, or one revocation, and nothing else
 * (FORMAT.md, "What a host remembers"). */
#include "tests/lib/test.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/scratch.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/seen.h"

static const uint8_t one[16] = { 1 }, two[16] = { 2, 0xab }, never[16] = { 3 };

static const struct revoked poisoned = { .counted = true,
	.time_ms = 1769851800000,
	.reason = "poisoned" };

static int
set_up(void **state)
{
	struct scratch *s = malloc(sizeof(*s));

	assert_non_null(s);
	*s = scratch_new();
	log_sink(test_hush, NULL);
	assert_int_equal(setenv("WEIR_STATE_DIR", s->path, 1), 0);
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

static char *
path_of(const struct scratch *s, const uint8_t vault[static 16],
    const char *name)
{
	char id[SEEN_NAME], *path;

	assert_true(asprintf(&path, "%s/%s/%s", s->path,
			seen_vault_name(vault, id), name) > 0);
	return path;
}

static bool
is_there(const struct scratch *s, const uint8_t vault[static 16],
    const char *name)
{
	OWNED_MEM(char) path = path_of(s, vault, name);

	return access(path, F_OK) == 0;
}

static struct seen *
opened(const struct scratch *s, const uint8_t vault[static 16])
{
	struct seen *seen;

	assert_int_equal(seen_open(&seen, s->path, vault), 0);
	return seen;
}

/* Two versions that were revoked. */
static void
remember(const struct scratch *s, const uint8_t vault[static 16])
{
	OWNED(seen) seen = opened(s, vault);
	const struct digest a = digest_of("a", 1), b = digest_of("b", 1);

	assert_int_equal(seen_set_revoked(seen, "llama", &a, &poisoned), 0);
	assert_int_equal(seen_set_revoked(seen, "llama", &b, &poisoned), 0);
	assert_int_equal(seen_save(seen), 0);
}

static void
vaults_are_listed_that_something_is_remembered_of(void **state)
{
	const struct scratch *s = *state;
	OWNED_MEM(struct seen_vault) vaults = NULL;
	OWNED_MEM(struct seen_vault) none = NULL;
	OWNED_MEM(char) stray = NULL;
	size_t count;

	assert_int_equal(seen_vaults(&none, &count), 0);
	assert_int_equal(count, 0);
	assert_null(none);
	remember(s, two);
	remember(s, one);
	seen_free(opened(s, never)); /* a directory and a lock */
	assert_true(asprintf(&stray, "%s/0X", s->path) > 0);
	assert_int_equal(mkdir(stray, 0700), 0);
	assert_int_equal(seen_vaults(&vaults, &count), 0);
	assert_int_equal(count, 2);
	assert_memory_equal(vaults[0].id, one, 16);
	assert_memory_equal(vaults[1].id, two, 16);
}

static void
nowhere_is_nothing(void **state)
{
	const struct scratch *s = *state;
	OWNED_MEM(struct seen_vault) vaults = NULL;
	OWNED_MEM(char) gone = NULL;
	size_t count;

	assert_true(asprintf(&gone, "%s/gone", s->path) > 0);
	assert_int_equal(setenv("WEIR_STATE_DIR", gone, 1), 0);
	assert_int_equal(seen_vaults(&vaults, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(seen_forget(one, "t"), ERR_NOT_FOUND);
	assert_int_equal(access(gone, F_OK), -1);
}

static void
one_is_forgotten_and_no_other(void **state)
{
	const struct scratch *s = *state;
	OWNED_MEM(char) refused = path_of(s, one, "refused");
	char line[256] = "";
	FILE *f;

	remember(s, one);
	remember(s, two);
	assert_int_equal(seen_forget(one, "on purpose"), 0);
	assert_false(is_there(s, one, "seen.json"));
	assert_true(is_there(s, two, "seen.json"));
	f = fopen(refused, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_non_null(strstr(line, "\"reason\":\"on purpose\""));
	assert_int_equal(seen_forget(one, "again"), ERR_NOT_FOUND);
	assert_int_equal(seen_forget(never, "t"), ERR_NOT_FOUND);
	assert_false(is_there(s, never, "lock"));
}

static void
what_cannot_be_understood_is_forgotten_too(void **state)
{
	const struct scratch *s = *state;
	OWNED_MEM(char) path = path_of(s, one, "seen.json");
	struct seen *seen;
	FILE *f;

	remember(s, one);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("{", f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(seen_open(&seen, s->path, one), ERR_FORMAT);
	assert_int_equal(seen_forget(one, "t"), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void
one_revocation_is_taken_back(void **state)
{
	const struct scratch *s = *state;
	const struct digest a = digest_of("a", 1), b = digest_of("b", 1);
	struct seen *seen;

	remember(s, one);
	seen = opened(s, one);
	assert_int_equal(seen_drop_revoked(seen, "other", &a), ERR_NOT_FOUND);
	assert_int_equal(seen_drop_revoked(seen, "llama", &a), 0);
	assert_int_equal(seen_drop_revoked(seen, "llama", &a), ERR_NOT_FOUND);
	assert_int_equal(seen_save(seen), 0);
	seen_free(seen);
	seen = opened(s, one);
	assert_false(seen_revoked(seen, "llama", &a, NULL));
	assert_true(seen_revoked(seen, "llama", &b, NULL));
	seen_free(seen);
}

static void *
forget_one(void *unused)
{
	(void)unused;
	assert_int_equal(seen_forget(one, "t"), 0);
	return NULL;
}

/* Else what it holds would be written again behind it. */
static void
whoever_is_at_it_comes_first(void **state)
{
	const struct scratch *s = *state;
	const struct timespec pause = { .tv_nsec = 300000000 };
	struct seen *seen;
	pthread_t other;

	remember(s, one);
	seen = opened(s, one);
	assert_int_equal(pthread_create(&other, NULL, forget_one, NULL), 0);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	assert_true(is_there(s, one, "seen.json"));
	assert_int_equal(seen_save(seen), 0);
	seen_free(seen);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_false(is_there(s, one, "seen.json"));
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(vaults_are_listed_that_something_is_remembered_of),
		TEST(nowhere_is_nothing),
		TEST(one_is_forgotten_and_no_other),
		TEST(what_cannot_be_understood_is_forgotten_too),
		TEST(one_revocation_is_taken_back),
		TEST(whoever_is_at_it_comes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
