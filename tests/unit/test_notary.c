/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/notary.h"
#include "tests/lib/fault.h"
#include "tests/lib/scratch.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/tlog.h"

#define ORIGIN "weir.example/audit"
#define SIZES 12

static struct note_key log_key, own_key;
static struct sign_key *log_seed, *own_seed;
static uint64_t clock_now;

static uint64_t
now(void)
{
	return clock_now;
}

static int
make_keys(void **state)
{
	(void)state;
	log_sink(test_hush, NULL);
	return secret_init() != 0 || sign_key_new(&log_seed) != 0 ||
		sign_key_new(&own_seed) != 0 ||
		note_key_of(&log_key, ORIGIN, log_seed) != 0 ||
		note_key_of_witness(&own_key, "sec/w1", own_seed) != 0 ?
	    -1 :
	    0;
}

static int
drop_keys(void **state)
{
	(void)state;
	sign_key_free(log_seed);
	sign_key_free(own_seed);
	log_sink(NULL, NULL);
	return 0;
}

/* Leaf i of the log, or of a fork of it from `branch` on. */
struct branch {
	uint64_t from;
};

static int
node(void *arg, unsigned int level, uint64_t n, struct digest *out)
{
	const struct branch *b = arg;
	struct digest left, right;
	uint64_t i[2] = { n, b != NULL && n >= b->from };

	if (level == 0) {
		*out = tlog_leaf(i, sizeof(i));
		return 0;
	}
	node(arg, level - 1, 2 * n, &left);
	node(arg, level - 1, 2 * n + 1, &right);
	*out = tlog_node(&left, &right);
	return 0;
}

static char *
note_at(uint64_t size, struct branch *b, const struct note_key *k,
    const struct sign_key *seed)
{
	struct note_checkpoint c = { .size = size };
	char *note;

	snprintf(c.origin, sizeof(c.origin), "%s", k->name);
	assert_int_equal(tlog_root(size, node, b, &c.root), 0);
	assert_int_equal(note_checkpoint_sign(&note, &c, k, seed), 0);
	return note;
}

/* A witness with a directory of its own. */
struct stand {
	struct scratch s;
	struct witness_policy *policy;
	struct notary *notary;
};

static void
stand_free(struct stand *t)
{
	notary_free(t->notary);
	witness_policy_free(t->policy);
	scratch_free(&t->s);
}
#define OWNED_STAND __attribute__((cleanup(stand_free))) struct stand

static int
begin(struct stand *t)
{
	const struct notary_how how = { t->s.path, t->policy, &own_key,
		own_seed, now };

	notary_free(t->notary);
	t->notary = NULL;
	return notary_new(&t->notary, &how);
}

static struct stand
stand_new(void)
{
	OWNED_MEM(char) vkey = note_key_text(&log_key);
	struct stand t = { .s = scratch_new() };
	char text[512], why[WITNESS_WHY];

	snprintf(text, sizeof(text), "log %s\nquorum none\n", vkey);
	assert_int_equal(witness_policy_parse(&t.policy, text, strlen(text),
			     why),
	    0);
	clock_now = 1700000000;
	assert_int_equal(begin(&t), 0);
	return t;
}

/* Ask with this note; the status.  A cosignature that comes is checked. */
static unsigned int
ask(struct stand *t, uint64_t old, const char *note, const struct digest *proof,
    size_t n, char *said)
{
	struct witness_request q = { .old_size = old,
		.count = n,
		.note = note,
		.length = strlen(note) };
	OWNED_MEM(char) body = NULL;
	struct notary_reply r;
	unsigned int status;
	uint64_t time;

	if (n > 0)
		memcpy(q.proof, proof, n * sizeof(*proof));
	assert_int_equal(witness_request_write(&body, &q), 0);
	assert_int_equal(notary_add(t->notary, body, strlen(body), &r), 0);
	status = r.status;
	assert_string_equal(r.type,
	    status == 409 ? "text/x.tlog.size" : "text/plain; charset=utf-8");
	snprintf(said, 64, "%s", r.text);
	if (status == 200) {
		assert_int_equal(witness_line(note, strlen(note), r.text,
				     strlen(r.text), &own_key, &time),
		    0);
		assert_int_equal(time, clock_now);
	}
	notary_reply_clear(&r);
	return status;
}

/* Ask for `size` with the proof from `old`, both of a branch. */
static unsigned int
ask_for(struct stand *t, uint64_t old, uint64_t size, struct branch *b,
    char *said)
{
	OWNED_MEM(char) note = note_at(size, b, &log_key, log_seed);
	struct digest proof[TLOG_PROOF_MAX];
	size_t n = 0;

	if (old <= size)
		assert_int_equal(tlog_consistency(old, size, node, b, proof,
				     &n),
		    0);
	return ask(t, old, note, proof, n, said);
}

static void
a_log_that_grows_is_cosigned_at_each_size(void **state)
{
	OWNED_STAND t = stand_new();
	char said[64];

	(void)state;
	for (uint64_t size = 1; size <= SIZES; size++) {
		assert_int_equal(ask_for(&t, size - 1, size, NULL, said), 200);
		/* Again, and after it began anew. */
		assert_int_equal(ask_for(&t, size, size, NULL, said), 200);
		assert_int_equal(begin(&t), 0);
		assert_int_equal(ask_for(&t, size, size, NULL, said), 200);
	}
}

static void
who_does_not_know_the_size_is_told_it(void **state)
{
	OWNED_STAND t = stand_new();
	char said[64];

	(void)state;
	assert_int_equal(ask_for(&t, 3, 7, NULL, said), 409);
	assert_string_equal(said, "0\n");
	assert_int_equal(ask_for(&t, 0, 7, NULL, said), 200);
	assert_int_equal(ask_for(&t, 0, 9, NULL, said), 409);
	assert_string_equal(said, "7\n");
	assert_int_equal(ask_for(&t, 5, 9, NULL, said), 409);
	assert_int_equal(ask_for(&t, 7, 9, NULL, said), 200);
}

/* The first one that did not fit is kept, for whoever looks into it. */
static bool
kept_is(const struct stand *t, const char *as, const char *want)
{
	struct digest d = digest_of(ORIGIN, strlen(ORIGIN));
	OWNED_MEM(uint8_t) note = NULL;
	char hex[DIGEST_HEX_SIZE], name[DIGEST_HEX_SIZE + 16];
	size_t n;

	snprintf(name, sizeof(name), "%s.%s", digest_hex(&d, hex), as);
	if (file_load(t->s.dir, name, NOTE_MAX, &note, &n) != 0)
		return want == NULL;
	return want != NULL && strcmp((const char *)note, want) == 0;
}

static void
the_note_of_a_fork_is_kept_as_evidence(void **state)
{
	OWNED_STAND t = stand_new();
	struct branch b = { 2 }, other = { 1 };
	OWNED_MEM(char) fork = note_at(5, &b, &log_key, log_seed);
	char said[64];

	(void)state;
	assert_int_equal(ask_for(&t, 0, 4, NULL, said), 200);
	assert_int_equal(ask_for(&t, 1, 5, &b, said), 409);
	assert_true(kept_is(&t, "refused", NULL));
	assert_int_equal(ask_for(&t, 4, 5, &b, said), 422);
	assert_int_equal(ask_for(&t, 4, 6, &other, said), 422);
	assert_true(kept_is(&t, "refused", fork));
}

/* A stranger has published notes, and can send them with proofs of nothing. */
static void
a_stranger_cannot_take_the_place_of_a_forks_note(void **state)
{
	OWNED_STAND t = stand_new();
	struct branch b = { 2 };
	OWNED_MEM(char) honest = note_at(6, NULL, &log_key, log_seed);
	OWNED_MEM(char) fork = note_at(4, &b, &log_key, log_seed);
	OWNED_MEM(char) kept = note_at(4, NULL, &log_key, log_seed);
	const struct digest some = { { 1 } };
	char said[64];

	(void)state;
	assert_int_equal(ask_for(&t, 0, 4, NULL, said), 200);
	assert_int_equal(ask(&t, 4, honest, &some, 1, said), 422);
	assert_true(kept_is(&t, "refused", honest));
	assert_true(kept_is(&t, "fork", NULL));
	assert_int_equal(ask_for(&t, 4, 4, &b, said), 409);
	assert_true(kept_is(&t, "fork", fork));
	assert_true(kept_is(&t, "refused", honest));
	/* Nor does what it was a fork of go when the log goes on. */
	assert_int_equal(ask_for(&t, 4, 9, NULL, said), 200);
	assert_true(kept_is(&t, "fork.kept", kept));
}

/* Every pair of sizes, every place to fork: nothing of the fork is cosigned. */
static void
a_fork_is_never_cosigned(void **state)
{
	(void)state;
	for (uint64_t kept = 1; kept <= 6; kept++) {
		OWNED_STAND t = stand_new();
		char said[64];

		assert_int_equal(ask_for(&t, 0, kept, NULL, said), 200);
		for (uint64_t from = 0; from < kept; from++)
			for (uint64_t size = kept; size <= 9; size++) {
				struct branch b = { from };
				unsigned int want = size == kept ? 409 : 422;

				assert_int_equal(ask_for(&t, kept, size, &b,
						     said),
				    want);
			}
		/* Control: a fork behind what is kept is not one yet. */
		assert_int_equal(ask_for(&t, kept, 9, &(struct branch){ kept },
				     said),
		    200);
		assert_int_equal(ask_for(&t, 9, 9, NULL, said), 409);
	}
}

static void
a_log_that_was_cut_is_not_cosigned(void **state)
{
	OWNED_STAND t = stand_new();
	char said[64];

	(void)state;
	assert_int_equal(ask_for(&t, 0, 9, NULL, said), 200);
	assert_int_equal(ask_for(&t, 4, 5, NULL, said), 409);
	assert_string_equal(said, "9\n");
	assert_int_equal(ask_for(&t, 9, 5, NULL, said), 400);
}

static void
strangers_get_the_statuses_of_the_specification(void **state)
{
	OWNED_STAND t = stand_new();
	OWNED(sign_key) seed = NULL;
	struct note_key impostor, stranger;
	OWNED_MEM(char) forged = NULL;
	OWNED_MEM(char) unknown = NULL;
	struct notary_reply r;
	char said[64];

	(void)state;
	assert_int_equal(sign_key_new(&seed), 0);
	assert_int_equal(note_key_of(&impostor, ORIGIN, seed), 0);
	assert_int_equal(note_key_of(&stranger, "other.example/log", seed), 0);
	forged = note_at(3, NULL, &impostor, seed);
	unknown = note_at(3, NULL, &stranger, seed);
	assert_int_equal(ask(&t, 0, forged, NULL, 0, said), 403);
	assert_int_equal(ask(&t, 0, unknown, NULL, 0, said), 404);
	assert_int_equal(notary_add(t.notary, "old 0\n\nx\n", 9, &r), 0);
	assert_int_equal(r.status, 400);
	notary_reply_clear(&r);
	assert_int_equal(notary_add(t.notary, "", 0, &r), 0);
	assert_int_equal(r.status, 400);
	notary_reply_clear(&r);
}

static void
a_proof_where_none_belongs_is_refused(void **state)
{
	OWNED_STAND t = stand_new();
	OWNED_MEM(char) note = note_at(3, NULL, &log_key, log_seed);
	const struct digest some = { { 1 } };
	char said[64];

	(void)state;
	assert_int_equal(ask(&t, 0, note, &some, 1, said), 422);
	assert_int_equal(ask(&t, 0, note, NULL, 0, said), 200);
	assert_int_equal(ask(&t, 3, note, &some, 1, said), 422);
}

/* What it cannot keep it does not sign, and what it signed it has kept. */
static void
nothing_is_cosigned_that_is_not_kept(void **state)
{
	bool fired = true;

	(void)state;
	for (unsigned int nth = 1; fired; nth++) {
		OWNED_STAND t = stand_new();
		OWNED_MEM(char) note = note_at(5, NULL, &log_key, log_seed);
		OWNED_MEM(char) body = NULL;
		struct witness_request q = { .note = note,
			.length = strlen(note) };
		struct notary_reply r = { 0 };
		char said[64];
		int err;

		assert_int_equal(ask_for(&t, 0, 3, NULL, said), 200);
		q.old_size = 3;
		assert_int_equal(tlog_consistency(3, 5, node, NULL, q.proof,
				     &q.count),
		    0);
		assert_int_equal(witness_request_write(&body, &q), 0);
		fault_fail(FAULT_DISK, nth, EIO);
		err = notary_add(t.notary, body, strlen(body), &r);
		fired = fault_off();
		assert_int_equal(err, fired ? ERR_IO : 0);
		notary_reply_clear(&r);
		assert_int_equal(begin(&t), 0);
		/* Either is kept whole; the old one only where it was not
		 * answered. */
		if (ask_for(&t, 5, 5, NULL, said) != 200) {
			assert_true(fired);
			assert_int_equal(ask_for(&t, 3, 5, NULL, said), 200);
		}
	}
}

static void
what_is_kept_must_be_the_logs(void **state)
{
	OWNED_STAND t = stand_new();
	struct digest d = digest_of(ORIGIN, strlen(ORIGIN));
	OWNED_MEM(uint8_t) note = NULL;
	char name[DIGEST_HEX_SIZE], said[64];
	size_t n;

	(void)state;
	assert_int_equal(ask_for(&t, 0, 3, NULL, said), 200);
	digest_hex(&d, name);
	assert_int_equal(file_load(t.s.dir, name, NOTE_MAX, &note, &n), 0);
	for (size_t i = 0; i < n; i++) {
		note[i] ^= 1;
		assert_int_equal(file_replace(t.s.dir, name, note, n, 0600), 0);
		assert_int_equal(begin(&t), ERR_INTEGRITY);
		note[i] ^= 1;
	}
	assert_int_equal(file_replace(t.s.dir, name, note, n, 0600), 0);
	assert_int_equal(begin(&t), 0);
}

static void
a_directory_has_one_witness(void **state)
{
	OWNED_STAND t = stand_new();
	const struct notary_how how = { t.s.path, t.policy, &own_key, own_seed,
		now };
	OWNED(notary) second = NULL;

	(void)state;
	assert_int_equal(notary_new(&second, &how), ERR_CONFLICT);
}

static void
a_clock_that_goes_back_does_not_make_an_earlier_time(void **state)
{
	OWNED_STAND t = stand_new();
	OWNED_MEM(char) note = note_at(1, NULL, &log_key, log_seed);
	OWNED_MEM(char) body = NULL;
	struct witness_request q = { .old_size = 1,
		.note = note,
		.length = strlen(note) };
	struct notary_reply r;
	char said[64];
	uint64_t time;

	(void)state;
	assert_int_equal(ask_for(&t, 0, 1, NULL, said), 200);
	clock_now -= 100;
	assert_int_equal(witness_request_write(&body, &q), 0);
	assert_int_equal(notary_add(t.notary, body, strlen(body), &r), 0);
	assert_int_equal(r.status, 200);
	assert_int_equal(witness_line(note, strlen(note), r.text,
			     strlen(r.text), &own_key, &time),
	    0);
	assert_int_equal(time, clock_now + 100);
	notary_reply_clear(&r);
}

static void
a_key_file_is_for_its_owner_alone(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED(sign_key) seed = NULL;
	struct note_key made, loaded;
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/key", s.path);
	assert_int_equal(notary_key_make(&made, path, "sec/w1"), 0);
	assert_int_equal(notary_key_make(&made, path, "sec/w1"), ERR_CONFLICT);
	assert_int_equal(notary_key_load(&loaded, &seed, path), 0);
	assert_memory_equal(loaded.id, made.id, sizeof(made.id));
	assert_memory_equal(loaded.public_key, made.public_key, 32);
	sign_key_free(seed);
	seed = NULL;
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(notary_key_load(&loaded, &seed, path), ERR_DENIED);
	assert_int_equal(notary_key_make(&made, path, "a+b"), ERR_USAGE);
}

/* A disk that fails leaves no file that is no key in the next try's way. */
static void
a_key_file_is_whole_or_not_there(void **state)
{
	bool fired = true;

	(void)state;
	for (unsigned int nth = 1; fired; nth++) {
		OWNED_SCRATCH s = scratch_new();
		OWNED(sign_key) seed = NULL;
		struct note_key made, loaded;
		char path[256];
		int err;

		snprintf(path, sizeof(path), "%s/key", s.path);
		fault_fail(FAULT_DISK, nth, ENOSPC);
		err = notary_key_make(&made, path, "sec/w1");
		fired = fault_off();
		assert_int_equal(err, fired ? ERR_SPACE : 0);
		if (notary_key_load(&loaded, &seed, path) != 0)
			assert_int_equal(notary_key_make(&made, path, "sec/w1"),
			    0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_log_that_grows_is_cosigned_at_each_size),
		cmocka_unit_test(who_does_not_know_the_size_is_told_it),
		cmocka_unit_test(the_note_of_a_fork_is_kept_as_evidence),
		cmocka_unit_test(
		    a_stranger_cannot_take_the_place_of_a_forks_note),
		cmocka_unit_test(a_fork_is_never_cosigned),
		cmocka_unit_test(a_log_that_was_cut_is_not_cosigned),
		cmocka_unit_test(
		    strangers_get_the_statuses_of_the_specification),
		cmocka_unit_test(a_proof_where_none_belongs_is_refused),
		cmocka_unit_test(nothing_is_cosigned_that_is_not_kept),
		cmocka_unit_test(what_is_kept_must_be_the_logs),
		cmocka_unit_test(a_directory_has_one_witness),
		cmocka_unit_test(
		    a_clock_that_goes_back_does_not_make_an_earlier_time),
		cmocka_unit_test(a_key_file_is_for_its_owner_alone),
		cmocka_unit_test(a_key_file_is_whole_or_not_there),
	};

	return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
