/* SPDX-License-Identifier: Apache-2.0 */

/*
 * signed-or-nothing: what a host accepts, and what it does not, whatever keyd
 * says.  Each lie is refused with its reason, noted on the host, and leaves
 * what it has seen as it was.
 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/unit/chain_scene.h"
#include "vault/err.h"

/* --- what is accepted --- */

static void
a_promoted_version_is_accepted_and_remembered(void **state)
{
	struct chain_scene *s = *state;
	struct chain_session out = { 0 };
	OWNED_MEM(char) seen = NULL;

	assert_int_equal(chain_scene_reads(s, PROD, &out), 0);
	assert_int_equal(out.trust, CHAIN_PINNED);
	assert_int_equal(s->keyd.trust, MSG_PINNED);
	assert_string_equal(s->keyd.ref, PROD);
	assert_true(out.versions[0].is_signed);
	assert_int_equal(out.versions[0].serial, 3);
	assert_string_equal(out.versions[0].signed_by, "p1, p2");
	assert_string_equal(out.versions[0].promoted_by, "p1, p2");
	assert_int_equal(out.versions[0].expires_ms, s->now + 30 * DAY);
	chain_session_clear(&out);
	seen = chain_scene_file(s, "seen.json");
	assert_non_null(strstr(seen, "\"llama/base:prod\":{\"serial\":3,"));
	assert_non_null(strstr(seen, "\"how\":\"pinned\""));
	assert_non_null(strstr(seen, "weir.example/audit\\n300\\n"));
	/* What was seen does, without the file. */
	s->how.trust_count = 0;
	remove(s->pin);
	chain_scene_accepts(s, PROD);
}

static void
a_signed_version_is_accepted_by_its_digits(void **state)
{
	struct chain_scene *s = *state;
	char hex[DIGEST_HEX_SIZE], ref[128];

	digest_hex(&s->keyd.version, hex);
	s->keyd.channel = NULL;
	s->keyd.promotion = NULL;
	snprintf(ref, sizeof(ref), "llama/base@%.8s", hex);
	chain_scene_accepts(s, ref);
	/* keyd is told the whole of it. */
	snprintf(ref, sizeof(ref), "llama/base@%s", hex);
	assert_string_equal(s->keyd.ref, ref);
	assert_int_equal(s->keyd.trust, MSG_PINNED);
}

static void
an_unsigned_version_is_accepted_when_told_to(void **state)
{
	struct chain_scene *s = *state;
	char hex[DIGEST_HEX_SIZE], ref[128], few[128];
	struct chain_session out = { 0 };

	digest_hex(&s->keyd.version, hex);
	snprintf(ref, sizeof(ref), "llama/base@%.32s", hex);
	snprintf(few, sizeof(few), "llama/base@%.31s", hex);
	s->keyd.channel = NULL;
	s->keyd.statement = s->keyd.promotion = NULL;
	chain_scene_refuses(s, ref, "nobody has signed llama/base@");
	s->how.allow_unsigned = true;
	chain_scene_accepts(s, ref);
	assert_int_equal(s->keyd.trust, MSG_UNSIGNED);
	assert_int_equal(chain_scene_reads(s, few, &out), ERR_USAGE);
	/* One that is signed is signed all the same. */
	s->keyd.statement = s->statement;
	chain_scene_accepts(s, few);
	assert_int_equal(s->keyd.trust, MSG_PINNED);
	/* A vault that has a trust root does not lose it. */
	s->keyd.root_count = 0;
	s->keyd.opened = s->keyd.closed = 0;
	chain_scene_refuses(s, ref, "keyd shows trust root 0");
}

static void
a_vault_without_a_trust_root_has_unsigned_versions_only(void **state)
{
	struct chain_scene *s = *state;
	char hex[DIGEST_HEX_SIZE], ref[128];
	struct chain_session out = { 0 };

	s->how.allow_unsigned = true;
	s->how.trust_count = 0;
	remove(s->pin);
	s->keyd.root_count = 0;
	s->keyd.channel = NULL;
	s->keyd.statement = s->keyd.promotion = NULL;
	snprintf(ref, sizeof(ref), "llama/base@%s",
	    digest_hex(&s->keyd.version, hex));
	chain_scene_accepts(s, ref);
	s->keyd.channel = "prod";
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_NOT_FOUND);
	s->how.first_use = true;
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_NOT_FOUND);
	s->how.allow_unsigned = false;
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_NOT_FOUND);
	assert_non_null(strstr(trails_line, "weir trust init"));
}

static void
first_use_is_taken_when_told_to_and_recorded(void **state)
{
	struct chain_scene *s = *state;
	OWNED_MEM(char) seen = NULL;
	struct chain_session out = { 0 };

	s->how.trust_count = 0;
	remove(s->pin);
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_NOT_FOUND);
	assert_non_null(strstr(trails_line, "--trust FILE"));
	s->how.first_use = true;
	chain_scene_accepts(s, PROD);
	assert_int_equal(s->keyd.trust, MSG_FIRST_USE);
	seen = chain_scene_file(s, "seen.json");
	assert_non_null(strstr(seen, "\"how\":\"first-use\""));
	/* Once is enough; it stays what it is. */
	s->how.first_use = false;
	chain_scene_accepts(s, PROD);
	assert_int_equal(s->keyd.trust, MSG_FIRST_USE);
	/* Until the same root is pinned. */
	chain_scene_write(s->pin, s->roots[0]);
	chain_scene_accepts(s, PROD);
	assert_int_equal(s->keyd.trust, MSG_PINNED);
}

static void
a_root_that_one_signed_oneself_is_as_good_as_pinned(void **state)
{
	struct chain_scene *s = *state;
	OWNED_MEM(char) seen = NULL;
	struct statement_key mine = people_key(3);
	struct chain_session out = { 0 };

	s->how.trust_count = 0;
	remove(s->pin);
	s->how.own = &mine;
	s->how.own_count = 1;
	/* Person 3 is in the root, and has not signed it. */
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_NOT_FOUND);
	assert_non_null(strstr(trails_line, "--trust FILE"));
	/* A signature of person 3's that is in no root proves nothing. */
	mine = people_key(6);
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_NOT_FOUND);
	mine = people_key(2);
	chain_scene_accepts(s, PROD);
	assert_int_equal(s->keyd.trust, MSG_PINNED);
	seen = chain_scene_file(s, "seen.json");
	assert_non_null(strstr(seen, "\"how\":\"pinned\""));
}

static void
roots_that_follow_are_gone_along_with(void **state)
{
	struct chain_scene *s = *state;
	OWNED_MEM(char) seen = NULL;

	s->roots[1] = chain_scene_root(2, s->roots[0], 2, TWO);
	s->roots[2] = chain_scene_root(3, s->roots[1], 1, TWO);
	s->keyd.roots[1] = s->roots[1];
	s->keyd.roots[2] = s->roots[2];
	s->keyd.root_count = 3;
	chain_scene_accepts(s, PROD);
	seen = chain_scene_file(s, "seen.json");
	assert_non_null(strstr(seen, "\"root\":{\"number\":3,"));
	/* A newer one may be pinned over it, and need not be. */
	chain_scene_write(s->pin, s->roots[1]);
	chain_scene_accepts(s, PROD);
}

static void
a_rollback_is_a_promotion_with_a_new_serial(void **state)
{
	struct chain_scene *s = *state;
	struct statement_fields f = chain_scene_fields(s, 5);
	OWNED(statement) back = NULL;

	chain_scene_accepts(s, PROD);
	f.act = STATEMENT_ROLLBACK;
	f.to = 3;
	back = chain_scene_sign(people_statement(&f), TWO);
	s->keyd.promotion = back;
	s->keyd.opened = s->keyd.closed = 0;
	chain_scene_refuses(s, PROD,
	    "a rollback to what was never promoted there");
	s->keyd.earlier = s->promotion;
	chain_scene_accepts(s, PROD);
}

static void
a_channel_that_moves_meanwhile_is_looked_at_again(void **state)
{
	struct chain_scene *s = *state;
	const struct digest other = digest_of("other", 5);

	s->keyd.opens_version = &other;
	s->keyd.opens_once = 1;
	chain_scene_accepts(s, PROD);
	assert_int_equal(s->keyd.opened, 2);
	assert_int_equal(s->keyd.closed, 1);
}

static void
what_nobody_signs_is_wrong_usage(void **state)
{
	struct chain_scene *s = *state;
	struct chain_session out = { 0 };

	assert_int_equal(chain_scene_reads(s, "llama/base", &out), ERR_USAGE);
	assert_non_null(strstr(trails_line, "weir promote llama/base@DIGEST"));
	assert_int_equal(chain_scene_reads(s, "llama/base:latest", &out),
	    ERR_USAGE);
	assert_int_equal(chain_scene_reads(s, "llama/base@", &out), ERR_USAGE);
	assert_int_equal(s->keyd.opened, 0);
}

/* --- a keyd that lies --- */

static void
another_version_than_the_promoted_one_is_refused(void **state)
{
	struct chain_scene *s = *state;

	s->keyd.version = digest_of("other", 5);
	chain_scene_refuses(s, PROD, "made for something else");
}

static void
another_manifest_for_some_digits_is_refused(void **state)
{
	struct chain_scene *s = *state;

	s->keyd.channel = NULL;
	s->keyd.promotion = NULL;
	chain_scene_refuses(s, "llama/base@01234567",
	    "keyd answers with llama/base");
	s->how.allow_unsigned = true;
	chain_scene_refuses(s, "llama/base@01234567012345670123456701234567",
	    "keyd answers with llama/base");
	s->keyd.model = "llama/other";
	chain_scene_refuses(s, "llama/base@01234567",
	    "keyd answers with llama/other");
}

static void
a_session_for_another_version_is_closed_and_refused(void **state)
{
	struct chain_scene *s = *state;
	const struct digest other = digest_of("other", 5);

	s->keyd.opens_version = &other;
	chain_scene_refuses(s, PROD, "opens something else than what it shows");
	assert_int_equal(s->keyd.opened, 2);
	assert_string_equal(s->keyd.reason, "not what this host has accepted");
	s->keyd.opens_version = NULL;
	s->keyd.opens_model = "llama/other";
	chain_scene_refuses(s, PROD, "opens something else than what it shows");
}

static void
a_session_for_what_is_not_shown_is_closed(void **state)
{
	struct chain_scene *s = *state;
	struct chain_session out = { 0 };

	s->keyd.hide = ERR_DENIED;
	s->keyd.refuse = ERR_DENIED;
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_DENIED);
	s->keyd.refuse = 0;
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_DENIED);
	assert_int_equal(s->keyd.opened, 1);
	assert_int_equal(s->keyd.closed, 1);
	s->keyd.hide = ERR_CONFLICT;
	s->keyd.sentence = "give more digits";
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_CONFLICT);
	assert_non_null(strstr(trails_line, "give more digits"));
	assert_int_equal(s->keyd.opened, 1);
}

static void
a_promotion_that_too_few_have_signed_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct statement_fields f = chain_scene_fields(s, 4);
	OWNED(statement) one = chain_scene_sign(people_statement(&f), 1U << 1);

	/* p0 put it, and may not approve it. */
	people_sign(0, one);
	s->keyd.promotion = one;
	chain_scene_refuses(s, PROD,
	    "the rule of trust root 1 to promote asks for 2; counted: p1; "
	    "missing: p2, p3");
	people_sign(7, one);
	chain_scene_refuses(s, PROD, "counted: p1; missing: p2, p3");
	people_sign(3, one);
	chain_scene_accepts(s, PROD);
}

static void
a_version_that_too_few_have_signed_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct statement_fields f = people_fields(STATEMENT_VERSION);
	OWNED(statement) one = chain_scene_sign(people_statement(&f), 1U << 3);

	s->keyd.statement = one;
	chain_scene_refuses(s, PROD,
	    "the rule of trust root 1 to sign asks for 2; counted: p3; "
	    "missing: p0, p1, p2");
	s->keyd.statement = NULL;
	chain_scene_refuses(s, PROD, "nobody has signed llama/base@");
}

static void
a_forged_signature_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct statement_fields f = chain_scene_fields(s, 4);
	OWNED(statement) forged = chain_scene_sign(people_statement(&f), TWO);
	struct statement_signature sig = people_signature(3, s->statement);

	assert_int_equal(statement_add(forged, &sig), 0);
	s->keyd.promotion = forged;
	chain_scene_refuses(s, PROD,
	    "under the name of a key that did not sign it");
}

static void
a_statement_of_another_vault_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct statement_fields f = chain_scene_fields(s, 4);
	OWNED(statement) other = NULL;

	f.vault[0] ^= 1;
	other = chain_scene_sign(people_statement(&f), TWO);
	s->keyd.promotion = other;
	chain_scene_refuses(s, PROD, "made for another vault");
}

static void
a_promotion_to_staging_is_none_to_prod(void **state)
{
	struct chain_scene *s = *state;
	struct statement_fields f = chain_scene_fields(s, 4);
	OWNED(statement) staging = NULL;

	f.channel = "staging";
	staging = chain_scene_sign(people_statement(&f), TWO);
	s->keyd.promotion = staging;
	chain_scene_refuses(s, PROD, "made for something else");
	s->keyd.channel = "staging";
	chain_scene_refuses(s, PROD, "keyd answers with llama/base:staging");
	s->keyd.channel = "prod";
	s->keyd.promotion = NULL;
	chain_scene_refuses(s, PROD, "shows no promotion");
	/* Another kind of statement is none either. */
	s->keyd.promotion = s->statement;
	chain_scene_refuses(s, PROD, "made for something else");
}

static void
a_promotion_of_other_files_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct statement_fields f = chain_scene_fields(s, 4);
	OWNED(statement) other = NULL;

	f.root = digest_of("other", 5);
	other = chain_scene_sign(people_statement(&f), TWO);
	s->keyd.promotion = other;
	chain_scene_refuses(s, PROD, "name different files");
}

/* Else whoever put it could approve it under another name. */
static void
a_promotion_that_names_another_uploader_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct statement_fields f = chain_scene_fields(s, 3);
	OWNED(statement) other = NULL;

	f.put_by = "user:mallory";
	other = chain_scene_sign(people_statement(&f), TWO);
	s->keyd.promotion = other;
	chain_scene_refuses(s, PROD,
	    "its promotion says that user:mallory put it");
	s->keyd.promotion = s->promotion;
	chain_scene_accepts(s, PROD);
}

static void
a_promotion_that_expired_or_lasts_too_long_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct statement_fields f = chain_scene_fields(s, 4);
	OWNED(statement) late = NULL;
	OWNED(statement) ever = NULL;

	f.expires_ms = s->now - 1;
	late = chain_scene_sign(people_statement(&f), TWO);
	s->keyd.promotion = late;
	chain_scene_refuses(s, PROD, "serial 4 expired 20");
	f.expires_ms = f.time_ms + 91 * DAY;
	ever = chain_scene_sign(people_statement(&f), TWO);
	s->keyd.promotion = ever;
	chain_scene_refuses(s, PROD,
	    "good for longer than the rule's days allow");
}

static void
what_is_not_well_formed_is_refused(void **state)
{
	struct chain_scene *s = *state;
	struct chain_session out = { 0 };

	s->keyd.raw = "{\"model\":\"llama/base\",\"channel\":\"prod\","
		      "\"version\":\"x\",\"root\":1,\"revoked\":[]}";
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_FORMAT);
	s->keyd.raw = "[";
	assert_int_equal(chain_scene_reads(s, PROD, &out), ERR_FORMAT);
	s->keyd.raw =
	    "{\"model\":\"llama/base\",\"channel\":\"prod\",\"version\":"
	    "\"0000000000000000000000000000000000000000000000000000000000000000"
	    "\",\"root\":1,\"revoked\":[],\"promotion\":{\"payload\":\"\"}}";
	chain_scene_refuses(s, PROD, "the promotion is not well-formed");
	assert_int_equal(s->keyd.opened, 0);
}

#define TEST(f)                                                                \
	cmocka_unit_test_setup_teardown(f, chain_scene_new, chain_scene_free)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_promoted_version_is_accepted_and_remembered),
		TEST(a_signed_version_is_accepted_by_its_digits),
		TEST(an_unsigned_version_is_accepted_when_told_to),
		TEST(a_vault_without_a_trust_root_has_unsigned_versions_only),
		TEST(first_use_is_taken_when_told_to_and_recorded),
		TEST(a_root_that_one_signed_oneself_is_as_good_as_pinned),
		TEST(roots_that_follow_are_gone_along_with),
		TEST(a_rollback_is_a_promotion_with_a_new_serial),
		TEST(a_channel_that_moves_meanwhile_is_looked_at_again),
		TEST(what_nobody_signs_is_wrong_usage),
		TEST(another_version_than_the_promoted_one_is_refused),
		TEST(another_manifest_for_some_digits_is_refused),
		TEST(a_session_for_another_version_is_closed_and_refused),
		TEST(a_session_for_what_is_not_shown_is_closed),
		TEST(a_promotion_that_too_few_have_signed_is_refused),
		TEST(a_version_that_too_few_have_signed_is_refused),
		TEST(a_forged_signature_is_refused),
		TEST(a_statement_of_another_vault_is_refused),
		TEST(a_promotion_to_staging_is_none_to_prod),
		TEST(a_promotion_of_other_files_is_refused),
		TEST(a_promotion_that_names_another_uploader_is_refused),
		TEST(a_promotion_that_expired_or_lasts_too_long_is_refused),
		TEST(what_is_not_well_formed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
