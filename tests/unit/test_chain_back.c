/* SPDX-License-Identifier: Apache-2.0 */

/*
 * no-rollback: a keyd that shows less than this host has seen, another trust
 * root, or another trail.
 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/unit/chain_scene.h"
#include "vault/err.h"

/* The Makefile wraps it: a host that has forgotten what it saw of channels is
 * the control of the tests below. */
struct seen_channel __real_seen_channel(const struct seen *s, const char *key);
struct seen_channel __wrap_seen_channel(const struct seen *s, const char *key);
static bool forgetful;

struct seen_channel
__wrap_seen_channel(const struct seen *s, const char *key)
{
	return forgetful ? (struct seen_channel){ 0 } :
			   __real_seen_channel(s, key);
}

/* --- a keyd that goes back --- */

static void
a_lower_serial_is_refused(void **state)
{
	struct chain_scene *s = *state;
	OWNED(statement) lower = chain_scene_promotion(s, 2);

	s->keyd.promotion = lower;
	chain_scene_refuses_after(s, PROD,
	    "keyd shows serial 2, and this host has seen serial 3");
	/* The control: it is this check that refuses it. */
	forgetful = true;
	chain_scene_accepts(s, PROD);
}

static void
an_equal_serial_with_another_promotion_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct statement_fields f = chain_scene_fields(s, 3);
	OWNED(statement) other = NULL;

	f.reason = "another one";
	other = chain_scene_sign(people_statement(&f), TWO);
	s->keyd.promotion = other;
	chain_scene_refuses_after(s, PROD,
	    "keyd shows another promotion with serial 3");
	forgetful = true;
	chain_scene_accepts(s, PROD);
}

static void
an_older_trust_root_is_refused(void **state)
{
	struct chain_scene *s = *state;

	s->roots[1] = chain_scene_root(2, s->roots[0], 2, TWO);
	s->keyd.roots[1] = s->roots[1];
	s->keyd.root_count = 2;
	chain_scene_accepts(s, PROD);
	s->keyd.opened = s->keyd.closed = 0;
	s->keyd.root_count = 1;
	chain_scene_refuses(s, PROD,
	    "keyd shows trust root 1, older than trust root 2");
	s->how.trust_count = 0;
	remove(s->pin);
	chain_scene_refuses(s, PROD, "this host goes by trust root 2 already");
	s->keyd.newest = 2;
	chain_scene_refuses(s, PROD, "keyd does not show trust root 2");
	s->keyd.root_count = 2;
	s->keyd.root = 1;
	chain_scene_refuses(s, PROD,
	    "keyd goes by trust root 1, this host by 2");
	s->keyd.newest = 3;
	chain_scene_refuses(s, PROD, "does not show what follows root 2");
}

static void
another_trust_root_of_the_same_number_is_refused(void **state)
{
	struct chain_scene *s = *state;

	s->roots[1] = chain_scene_root(1, NULL, 1, TWO);
	s->roots[2] = chain_scene_root(2, s->roots[1], 1, TWO);
	s->keyd.roots[0] = s->roots[1];
	s->keyd.roots[1] = s->roots[2];
	s->keyd.root_count = 2;
	chain_scene_refuses(s, PROD,
	    "another trust root 1 than the one that this host goes by");
	s->keyd.roots[0] = s->roots[0];
	chain_scene_refuses(s, PROD, "a trust root that follows another one");
	s->keyd.roots[0] = s->roots[1];
	s->how.trust_count = 0;
	s->how.first_use = true;
	remove(s->pin);
	chain_scene_accepts(s, PROD);
	s->keyd.opened = s->keyd.closed = 0;
	/* The one that is pinned afterwards is not what was taken. */
	chain_scene_write(s->pin, s->roots[0]);
	s->keyd.roots[0] = s->roots[0];
	chain_scene_refuses(s, PROD, "follows another one");
	s->keyd.root_count = 1;
	chain_scene_refuses(s, PROD, "older than trust root 2");
}

static void
a_trust_root_that_too_few_have_signed_is_refused(void **state)
{
	struct chain_scene *s = *state;

	s->roots[1] = chain_scene_root(2, s->roots[0], 1, 1U << 2);
	s->keyd.roots[1] = s->roots[1];
	s->keyd.root_count = 2;
	chain_scene_refuses(s, PROD,
	    "the rule of trust root 1 to root asks for 2; counted: p2");
	s->roots[2] = chain_scene_root(1, NULL, 2, 1U << 2);
	s->keyd.roots[0] = s->roots[2];
	s->keyd.root_count = 1;
	s->how.trust_count = 0;
	s->how.first_use = true;
	remove(s->pin);
	chain_scene_refuses(s, PROD, "counted: p2; missing: p0, p1, p3");
	/* Nor do strangers count. */
	people_sign(7, s->roots[2]);
	chain_scene_refuses(s, PROD, "counted: p2; missing: p0, p1, p3");
}

static void
another_vault_than_the_pinned_one_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct chain_session out = { 0 };
	char path[300], *text;
	struct stat st;

	s->keyd.peer.vault[0] = 9;
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_INTEGRITY);
	assert_non_null(strstr(trails_line, "a trust root of another one"));
	snprintf(path, sizeof(path),
	    "%s/0902030405060708090a0b0c0d0e0f10/refused", s->host.path);
	assert_int_equal(stat(path, &st), 0);
	/* One of the directory is passed over: it is of any vault. */
	s->how.trust_count = 0;
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_NOT_FOUND);
	/* And keyd's own root is of the vault that it says it is. */
	s->how.first_use = true;
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_INTEGRITY);
	text = strstr(trails_line, "made for another vault");
	assert_non_null(text);
}

static void
files_that_are_no_trust_root_are_told(void **state)
{
	struct chain_scene *s = *state;
	struct chain_session out = { 0 };

	chain_scene_write(s->pin, s->statement);
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_FORMAT);
	assert_non_null(strstr(trails_line, "it is a version statement"));
	s->pins[0] = "/nowhere/root.json";
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_NOT_FOUND);
	assert_non_null(strstr(trails_line, "'/nowhere/root.json'"));
	/* In the directory it is passed over, and said. */
	s->how.trust_count = 0;
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_NOT_FOUND);
}

/* --- the trail --- */

static void
a_trail_that_grew_is_accepted(void **state)
{
	struct chain_scene *s = *state;
	OWNED_MEM(char) seen = NULL;

	chain_scene_accepts(s, PROD);
	assert_int_equal(trails_open(&s->trails, 0), 0);
	assert_int_equal(trails_add(&s->trails, 700), 0);
	trails_close(&s->trails);
	chain_scene_accepts(s, PROD);
	seen = chain_scene_file(s, "seen.json");
	assert_non_null(strstr(seen, "weir.example/audit\\n700\\n"));
}

static void
a_trail_that_was_cut_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct trails shorter = trails_new();

	assert_int_equal(trails_open(&shorter, 0), 0);
	assert_int_equal(trails_add(&shorter, 299), 0);
	trails_close(&shorter);
	s->keyd.trails = &shorter;
	chain_scene_refuses_after(s, PROD,
	    "the trail has 299 entries, and this host has seen 300");
	trails_free(&shorter);
}

/* Signed by the log's own key, and longer. */
static void
a_trail_that_was_rewritten_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct trails forked = trails_new();
	uint64_t index;

	assert_int_equal(trails_open(&forked, 0), 0);
	assert_int_equal(trails_add(&forked, 100), 0);
	assert_int_equal(trail_append(forked.trail, "other", 5, &index), 0);
	for (int i = 0; i < 300; i++)
		assert_int_equal(trail_append(forked.trail, "other", 5, &index),
		    0);
	trails_close(&forked);
	s->keyd.trails = &forked;
	chain_scene_refuses_after(s, PROD, "it was rewritten");
	trails_free(&forked);
}

static void
a_trail_with_another_key_is_refused(void **state)
{
	static const uint8_t seed[KEY_SIZE] = { 1, 2, 3 };
	struct chain_scene *s = *state;
	OWNED(sign_key) other = NULL;
	OWNED_MEM(char) policy = people_policy(4, 2);
	OWNED_MEM(char) ours = note_key_text(&s->trails.key);
	OWNED_MEM(char) theirs = NULL;
	OWNED_MEM(char) edited = NULL;
	struct note_key key;

	assert_int_equal(sign_key_from(&other, seed), 0);
	assert_int_equal(note_key_of(&key, TRAILS_ORIGIN, other), 0);
	theirs = note_key_text(&key);
	edited = people_edit(policy, ours, theirs);
	s->roots[1] = chain_scene_sign(people_root(edited, 1, NULL), TWO);
	chain_scene_write(s->pin, s->roots[1]);
	s->keyd.roots[0] = s->roots[1];
	chain_scene_refuses(s, PROD,
	    "is not signed by the key that trust root 1 names");
}

/* --- how long it takes --- */

static void
it_takes_milliseconds(void **state)
{
	struct chain_scene *s = *state;
	struct timespec a, b;
	double best = 1e9;

	for (int i = 0; i < 20; i++) {
		double ms;

		clock_gettime(CLOCK_MONOTONIC, &a);
		chain_scene_accepts(s, PROD);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ms = (double)(b.tv_sec - a.tv_sec) * 1e3 +
		    (double)(b.tv_nsec - a.tv_nsec) / 1e6;
		best = ms < best ? ms : best;
	}
	print_message("# chain check: %.2f ms, the disk's sync included\n",
	    best);
	assert_true(best < 1000);
}

static int
tear_down(void **state)
{
	forgetful = false;
	return chain_scene_free(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, chain_scene_new, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lower_serial_is_refused),
		TEST(an_equal_serial_with_another_promotion_is_refused),
		TEST(an_older_trust_root_is_refused),
		TEST(another_trust_root_of_the_same_number_is_refused),
		TEST(a_trust_root_that_too_few_have_signed_is_refused),
		TEST(another_vault_than_the_pinned_one_is_refused),
		TEST(files_that_are_no_trust_root_are_told),
		TEST(a_trail_that_grew_is_accepted),
		TEST(a_trail_that_was_cut_is_refused),
		TEST(a_trail_that_was_rewritten_is_refused),
		TEST(a_trail_with_another_key_is_refused),
		TEST(it_takes_milliseconds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
