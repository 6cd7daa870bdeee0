/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

#include "vault/err.h"
#include "vault/tlog.h"

/* Vectors: entries `entry-0`, `entry-1`, ... (RFC 6962 hashing). */

static struct digest
leaf(uint64_t i)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "entry-%llu",
	    (unsigned long long)i);

	return tlog_leaf(text, (size_t)n);
}

static struct digest
root_of(uint64_t size)
{
	struct tlog_tree t = { 0 };

	for (uint64_t i = 0; i < size; i++) {
		struct digest d = leaf(i);

		tlog_tree_add(&t, &d);
	}
	return tlog_tree_root(&t);
}

static void
assert_hex(const struct digest *d, const char *hex)
{
	char buf[DIGEST_HEX_SIZE];

	assert_string_equal(digest_hex(d, buf), hex);
}

/* MTH of a complete subtree, by its definition. */
static int
node(void *arg, unsigned int level, uint64_t n, struct digest *out)
{
	struct digest left, right;

	if (level == 0) {
		*out = leaf(n);
		return 0;
	}
	node(arg, level - 1, 2 * n, &left);
	node(arg, level - 1, 2 * n + 1, &right);
	*out = tlog_node(&left, &right);
	return 0;
}

static void
roots_are_those_of_the_vectors(void **state)
{
	struct digest empty = tlog_empty(), r3 = root_of(3), r7 = root_of(7);
	struct digest r0 = root_of(0);

	(void)state;
	assert_true(digest_equal(&empty, &r0));
	assert_hex(&empty,
	    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_hex(&r3,
	    "a64bf26e09128f6fe2fe6f8b2d8c801e166b57c047a7cd9b2b809e7a96a2f1cb");
	assert_hex(&r7,
	    "9139601cc1ca8ab2a7a0c2c134c04845f2b1ba549a83d6c845cfcda439cc585d");
}

static void
proofs_are_those_of_the_vectors(void **state)
{
	static const char *const inclusion[] = {
		"194bb5a2d5bd10e5d1aa6fd5d42980b356caf1da623cd9987c4bfa2f81771e"
		"d7",
		"0cfda576ff4b29ea33c3afdaeed1bd637eb654b28a04302fcab5fd7db07801"
		"cc",
		"256b9e8825e5d370a4ae005d0901ea291977e2927f5cf8e3e72660dd09519e"
		"db",
	};
	static const char *const consistency[] = {
		"049d7dcdb56bcfebd313304c9839f196a3d4b6ef3bdc0b08298f93ac8191f0"
		"a8",
		"27479b6ab321d2ee477452f68ba527748e863cafe8fbd1df2bf89d1570d1b6"
		"97",
		"2f27a5082c1d42afa488ac350a9fc4390c084f54f71ecdff859e98db8429b4"
		"79",
		"e429c5b5ccaa9523c37297f1846766f903137e82195c5199e6be57130d1006"
		"c8",
	};
	struct digest proof[TLOG_PROOF_MAX];
	size_t n;

	(void)state;
	assert_int_equal(tlog_inclusion(5, 7, node, NULL, proof, &n), 0);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++)
		assert_hex(&proof[i], inclusion[i]);
	assert_int_equal(tlog_consistency(3, 7, node, NULL, proof, &n), 0);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++)
		assert_hex(&proof[i], consistency[i]);
}

static void
every_inclusion_holds_and_no_damaged_one(void **state)
{
	(void)state;
	for (uint64_t size = 1; size <= 20; size++) {
		struct digest root = root_of(size);

		for (uint64_t i = 0; i < size; i++) {
			struct digest proof[TLOG_PROOF_MAX], l = leaf(i);
			struct digest other = leaf(i + 1);
			size_t n;

			assert_int_equal(tlog_inclusion(i, size, node, NULL,
					     proof, &n),
			    0);
			assert_true(
			    tlog_inclusion_ok(i, size, &l, proof, n, &root));
			assert_false(tlog_inclusion_ok(i, size, &other, proof,
			    n, &root));
			assert_false(
			    tlog_inclusion_ok(size, size, &l, proof, n, &root));
			if (n == 0)
				continue;
			assert_false(tlog_inclusion_ok(i, size, &l, proof,
			    n - 1, &root));
			proof[n - 1].bytes[31] ^= 1;
			assert_false(
			    tlog_inclusion_ok(i, size, &l, proof, n, &root));
		}
	}
}

static void
every_consistency_holds_and_no_damaged_one(void **state)
{
	(void)state;
	for (uint64_t new = 2; new <= 20; new ++) {
		struct digest to = root_of(new);

		for (uint64_t old = 1; old < new; old++) {
			struct digest proof[TLOG_PROOF_MAX];
			struct digest from = root_of(old);
			size_t n;

			assert_int_equal(tlog_consistency(old, new, node, NULL,
					     proof, &n),
			    0);
			assert_true(tlog_consistency_ok(old, new, &from, &to,
			    proof, n));
			from.bytes[0] ^= 1;
			assert_false(tlog_consistency_ok(old, new, &from, &to,
			    proof, n));
			from.bytes[0] ^= 1;
			proof[0].bytes[0] ^= 1;
			assert_false(tlog_consistency_ok(old, new, &from, &to,
			    proof, n));
		}
	}
}

static struct digest
leaf_of(void *arg, uint64_t index)
{
	struct digest d = leaf(index);

	/* One entry that is another: whose index *arg is. */
	if (arg != NULL && *(const uint64_t *)arg == index)
		d.bytes[0] ^= 1;
	return d;
}

static void
every_range_holds_and_no_damaged_one(void **state)
{
	(void)state;
	for (uint64_t size = 1; size <= 17; size++) {
		struct digest root = root_of(size);

		for (uint64_t i = 0; i < size * size; i++) {
			struct tlog_range r = { i / size, i % size + 1, size };
			struct digest proof[TLOG_RANGE_MAX], before;
			struct digest want = root_of(r.first);
			struct tlog_tree t;
			size_t n;

			if (r.first >= r.end) {
				assert_int_equal(tlog_range(&r, node, NULL,
						     proof, &n),
				    ERR_USAGE);
				continue;
			}
			assert_int_equal(tlog_range(&r, node, NULL, proof, &n),
			    0);
			assert_true(
			    tlog_range_ok(&r, leaf_of, NULL, proof, n, &root));
			assert_true(tlog_range_before(&t, &r, proof, n));
			before = tlog_tree_root(&t);
			assert_true(digest_equal(&before, &want));
			for (uint64_t bad = r.first; bad < r.end; bad++)
				assert_false(tlog_range_ok(&r, leaf_of, &bad,
				    proof, n, &root));
			for (size_t bad = 0; bad < n; bad++) {
				proof[bad].bytes[31] ^= 1;
				assert_false(tlog_range_ok(&r, leaf_of, NULL,
				    proof, n, &root));
				proof[bad].bytes[31] ^= 1;
			}
			assert_false(tlog_range_ok(&r, leaf_of, NULL, proof,
			    n + 1, &root));
			if (n > 0)
				assert_false(tlog_range_ok(&r, leaf_of, NULL,
				    proof, n - 1, &root));
		}
	}
}

static void
a_range_of_a_huge_log_is_cheap(void **state)
{
	struct digest proof[TLOG_RANGE_MAX] = { 0 }, root = { 0 };
	struct tlog_range r = { UINT64_MAX / 2, UINT64_MAX / 2 + 1,
		UINT64_MAX };
	const struct tlog_range backwards = { 2, 1, 3 }, beyond = { 0, 4, 3 };

	(void)state;
	assert_false(
	    tlog_range_ok(&r, leaf_of, NULL, proof, TLOG_RANGE_MAX, &root));
	assert_false(tlog_range_ok(&backwards, leaf_of, NULL, proof, 1, &root));
	assert_false(tlog_range_ok(&beyond, leaf_of, NULL, proof, 1, &root));
}

static void
paths_come_in_groups_of_three_digits(void **state)
{
	char buf[TLOG_PATH_MAX];

	(void)state;
	assert_string_equal(tlog_path(5, buf), "005");
	assert_string_equal(tlog_path(1000, buf), "x001/000");
	assert_string_equal(tlog_path(1234067, buf), "x001/x234/067");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_are_those_of_the_vectors),
		cmocka_unit_test(proofs_are_those_of_the_vectors),
		cmocka_unit_test(every_inclusion_holds_and_no_damaged_one),
		cmocka_unit_test(every_consistency_holds_and_no_damaged_one),
		cmocka_unit_test(every_range_holds_and_no_damaged_one),
		cmocka_unit_test(a_range_of_a_huge_log_is_cheap),
		cmocka_unit_test(paths_come_in_groups_of_three_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
