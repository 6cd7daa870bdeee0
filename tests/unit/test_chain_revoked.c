/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a host was shown a revocation of stays refused there,
 * whatever keyd shows later.
 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/chain_scene.h"
#include "vault/err.h"

/* The Makefile wraps them: a host that has forgotten is the control, and one
 * that cannot write what it is to remember. */
bool __real_seen_revoked(const struct seen *s, const char *model,
    const struct digest *version, struct revoked *out);
bool __wrap_seen_revoked(const struct seen *s, const char *model,
    const struct digest *version, struct revoked *out);
int __real_seen_save(struct seen *s);
int __wrap_seen_save(struct seen *s);
static bool forgetful, full;

bool
__wrap_seen_revoked(const struct seen *s, const char *model,
    const struct digest *version, struct revoked *out)
{
	return !forgetful && __real_seen_revoked(s, model, version, out);
}

int
__wrap_seen_save(struct seen *s)
{
	return full ? ERR_IO : __real_seen_save(s);
}

static struct statement *
revocation(unsigned int who)
{
	struct statement_fields f = people_fields(STATEMENT_REVOCATION);

	return chain_scene_sign(people_statement(&f), who);
}

static const char *
by_digest(const struct chain_scene *s, char ref[static 128])
{
	char hex[DIGEST_HEX_SIZE];

	snprintf(ref, 128, "llama/base@%s", digest_hex(&s->keyd.version, hex));
	return ref;
}

/* keyd shows nothing of it any more, as if it had never been. */
static void
withhold(struct chain_scene *s)
{
	s->keyd.revocation = NULL;
	s->keyd.opened = s->keyd.closed = 0;
}

static void
a_revoked_version_is_refused_in_every_way(void **state)
{
	struct chain_scene *s = *state;
	OWNED(statement) one = revocation(1U << 1);
	char ref[128];

	s->keyd.revocation = one;
	/* It takes two; who knows if it took effect under another root. */
	chain_scene_refuses_new(s, PROD,
	    "was revoked, as keyd shows: poisoned (under trust root 1 too few");
	people_sign(2, one);
	s->keyd.opened = s->keyd.closed = 0;
	chain_scene_refuses_new(s, PROD, "was revoked: poisoned");
	chain_scene_refuses(s, PROD, "was revoked: poisoned");
	s->keyd.channel = NULL;
	s->how.allow_unsigned = true;
	chain_scene_refuses(s, by_digest(s, ref), "was revoked: poisoned");
}

static void
it_stays_refused_when_keyd_withholds_it(void **state)
{
	struct chain_scene *s = *state;
	OWNED(statement) r = revocation(TWO);
	OWNED(statement) newer = chain_scene_promotion(s, 9);
	char ref[128];

	s->keyd.revocation = r;
	chain_scene_refuses_new(s, PROD, "was revoked: poisoned");
	withhold(s);
	chain_scene_refuses(s, PROD, "keyd does not show now: poisoned");
	/* Nor does another promotion make it good. */
	s->keyd.promotion = newer;
	chain_scene_refuses(s, PROD, "keyd does not show now: poisoned");
	s->keyd.channel = NULL;
	chain_scene_refuses(s, by_digest(s, ref), "keyd does not show now");
	s->how.allow_unsigned = true;
	chain_scene_refuses(s, by_digest(s, ref), "keyd does not show now");
	/* The control: it is this memory that refuses it. */
	forgetful = true;
	chain_scene_accepts(s, by_digest(s, ref));
	s->keyd.channel = "prod";
	s->how.allow_unsigned = false;
	chain_scene_accepts(s, PROD);
}

static void
one_that_did_not_count_stays_and_says_how_it_goes(void **state)
{
	struct chain_scene *s = *state;
	OWNED(statement) r = revocation(1U << 1);

	s->keyd.revocation = r;
	chain_scene_refuses_new(s, PROD, "was revoked, as keyd shows");
	withhold(s);
	chain_scene_refuses(s, PROD, "if it was false: weir trust forget ");
	/* Shown again, with those who count: from then on it does. */
	people_sign(2, r);
	s->keyd.revocation = r;
	chain_scene_refuses_new(s, PROD, "was revoked: poisoned");
	withhold(s);
	chain_scene_refuses(s, PROD, "as this host was shown on 20");
}

static void
one_without_a_trust_root_is_remembered_too(void **state)
{
	struct chain_scene *s = *state;
	OWNED(statement) r = revocation(TWO);
	char ref[128];

	s->keyd.root_count = 0;
	s->how.trust_count = 0;
	s->how.allow_unsigned = s->how.may_lack = true;
	remove(s->pin);
	s->keyd.statement = NULL;
	s->keyd.channel = NULL;
	chain_scene_accepts(s, by_digest(s, ref));
	withhold(s);
	s->keyd.revocation = r;
	chain_scene_refuses_new(s, by_digest(s, ref), "was revoked: poisoned");
	withhold(s);
	chain_scene_refuses(s, by_digest(s, ref), "does not show now");
}

static void
another_version_is_not_meant(void **state)
{
	struct chain_scene *s = *state;
	struct statement_fields f = people_fields(STATEMENT_REVOCATION);
	OWNED(statement) other = NULL;
	OWNED_MEM(char) seen = NULL;

	f.version = digest_of("another", 7);
	other = chain_scene_sign(people_statement(&f), TWO);
	s->keyd.revocation = other;
	chain_scene_accepts(s, PROD);
	seen = chain_scene_file(s, "seen.json");
	assert_null(strstr(seen, "revoked"));
}

static void
what_was_accepted_before_is_kept_beside_it(void **state)
{
	struct chain_scene *s = *state;
	OWNED(statement) r = revocation(TWO);
	OWNED_MEM(char) before = NULL;
	OWNED_MEM(char) after = NULL;

	chain_scene_accepts(s, PROD);
	before = chain_scene_file(s, "seen.json");
	s->keyd.opened = s->keyd.closed = 0;
	s->keyd.revocation = r;
	chain_scene_refuses_new(s, PROD, "was revoked: poisoned");
	after = chain_scene_file(s, "seen.json");
	assert_non_null(strstr(after, "\"revoked\":{\"llama/base@"));
	/* All up to there, and the checkpoint after it. */
	assert_memory_equal(before, after,
	    (size_t)(strstr(before, ",\"checkpoint\"") - before));
	assert_non_null(strstr(after, strstr(before, ",\"checkpoint\"")));
}

static void
a_host_that_cannot_write_it_refuses_all_the_same(void **state)
{
	struct chain_scene *s = *state;
	OWNED(statement) r = revocation(TWO);

	s->keyd.revocation = r;
	full = true;
	chain_scene_refuses(s, PROD, "was revoked: poisoned");
	full = false;
	withhold(s);
	/* Not written, not remembered. */
	chain_scene_accepts(s, PROD);
}

static int
tear_down(void **state)
{
	forgetful = full = false;
	return chain_scene_free(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, chain_scene_new, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_revoked_version_is_refused_in_every_way),
		TEST(it_stays_refused_when_keyd_withholds_it),
		TEST(one_that_did_not_count_stays_and_says_how_it_goes),
		TEST(one_without_a_trust_root_is_remembered_too),
		TEST(another_version_is_not_meant),
		TEST(what_was_accepted_before_is_kept_beside_it),
		TEST(a_host_that_cannot_write_it_refuses_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
