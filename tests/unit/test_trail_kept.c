/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tamper-evident, against who has the log's key: given one checkpoint that was
 * kept, cutting the trail at any record or in the middle of one, signing it
 * anew, and exchanging it are found.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/test.h"
#include "tests/lib/trails.h"
#include "vault/err.h"
#include "vault/tlog.h"

#define KEPT 20
#define NOW 26
#define NONE UINT64_MAX

/*
 * What somebody with the log's key makes: a trail of n entries of which one may
 * be another.  kept, if given, is the checkpoint at KEPT.
 */
static struct trails
forge(uint64_t n, uint64_t changed, struct note_checkpoint *kept)
{
	struct trails t = trails_new();
	struct note_checkpoint c;

	assert_int_equal(trails_open(&t, 0), 0);
	for (uint64_t i = 0; i < n; i++) {
		char text[32];
		size_t length = trails_text(text, i);
		uint64_t index;

		if (i == changed)
			text[0] = 'E';
		assert_int_equal(trail_append(t.trail, text, length, &index),
		    0);
		if (i + 1 == n || i + 1 == KEPT)
			assert_int_equal(trail_wait(t.trail, index), 0);
		if (kept != NULL && i + 1 == KEPT)
			assert_int_equal(trail_publish(t.trail, kept, NULL), 0);
	}
	assert_int_equal(trail_publish(t.trail, &c, NULL), 0);
	assert_int_equal(c.size, n);
	trails_close(&t);
	return t;
}

static struct note_checkpoint kept;

static int
setup(void **state)
{
	struct trails t = forge(NOW, NONE, &kept);
	struct trail_verdict v;

	(void)state;
	/* Control: the true one extends it. */
	assert_int_equal(trails_verify(&t, &kept, &v), 0);
	trails_free(&t);
	return 0;
}

static int
consistent(const struct trails *t)
{
	OWNED(trail_reader) r = NULL;
	const struct note_checkpoint *c;
	struct digest proof[TLOG_PROOF_MAX];
	size_t n;

	assert_int_equal(trail_reader_open(&r, t->s.dir, &t->key), 0);
	c = trail_reader_checkpoint(r);
	if (c->size < kept.size)
		return false;
	assert_int_equal(tlog_consistency(kept.size, c->size, trail_reader_node,
			     r, proof, &n),
	    0);
	return tlog_consistency_ok(kept.size, c->size, &kept.root, &c->root,
	    proof, n);
}

static void
a_trail_cut_and_signed_anew_is_found(void **state)
{
	(void)state;
	for (uint64_t n = 1; n < KEPT; n++) {
		OWNED_TRAILS t = forge(n, NONE, NULL);
		struct trail_verdict v;

		/* Control: by itself it is whole. */
		assert_int_equal(trails_verify(&t, NULL, &v), 0);
		assert_int_equal(trails_verify(&t, &kept, &v), ERR_INTEGRITY);
		assert_int_equal(v.bad_index, n);
		assert_false(consistent(&t));
	}
}

static void
a_trail_rewritten_and_signed_anew_is_found(void **state)
{
	static const uint64_t sizes[] = { KEPT, NOW };

	(void)state;
	for (size_t s = 0; s < 2; s++)
		for (uint64_t i = 0; i < sizes[s]; i++) {
			OWNED_TRAILS t = forge(sizes[s], i, NULL);
			/* What came after the checkpoint it does not know. */
			int want = i < KEPT ? ERR_INTEGRITY : 0;
			struct trail_verdict v;

			assert_int_equal(trails_verify(&t, NULL, &v), 0);
			assert_int_equal(trails_verify(&t, &kept, &v), want);
			assert_int_equal(consistent(&t), want == 0);
		}
}

static void
the_trail_of_another_vault_is_found(void **state)
{
	OWNED_TRAILS t = forge(NOW, NONE, NULL);
	OWNED(trail_reader) r = NULL;
	OWNED(sign_key) seed = NULL;
	struct note_key other;

	(void)state;
	assert_int_equal(sign_key_new(&seed), 0);
	assert_int_equal(note_key_of(&other, TRAILS_ORIGIN, seed), 0);
	assert_int_equal(trail_reader_open(&r, t.s.dir, &other), ERR_INTEGRITY);
	assert_null(r);
}

/* The journal ends at a byte, and is zeros behind it: where each record begins,
 * and in the middle of each. */
static void
a_journal_cut_at_or_in_a_record_is_found(void **state)
{
	static const uint8_t zeros[8192];
	OWNED_TRAILS t = forge(NOW, NONE, NULL);
	uint8_t bytes[8192];
	struct trail_verdict v;
	uint64_t at = 0;

	(void)state;
	trails_peek(&t, TRAILS_SEGMENT, bytes, sizeof(bytes), 0);
	for (uint64_t i = 0; i < NOW; i++) {
		char text[32];
		size_t length = 104 + trails_text(text, i);
		uint64_t cuts[] = { at, at + 1, at + length / 2,
			at + length - 1 };

		for (size_t k = 0; k < sizeof(cuts) / sizeof(cuts[0]); k++) {
			size_t n = sizeof(bytes) - (size_t)cuts[k];

			trails_poke(&t, TRAILS_SEGMENT, zeros, n, cuts[k]);
			assert_int_equal(trails_verify(&t, &kept, &v),
			    ERR_INTEGRITY);
			assert_int_equal(trails_open(&t, 0), ERR_INTEGRITY);
			trails_poke(&t, TRAILS_SEGMENT, bytes + cuts[k], n,
			    cuts[k]);
		}
		at += length;
	}
	assert_int_equal(trails_verify(&t, &kept, &v), 0);
	assert_int_equal(trails_open(&t, NOW), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trail_cut_and_signed_anew_is_found),
		cmocka_unit_test(a_trail_rewritten_and_signed_anew_is_found),
		cmocka_unit_test(the_trail_of_another_vault_is_found),
		cmocka_unit_test(a_journal_cut_at_or_in_a_record_is_found),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
