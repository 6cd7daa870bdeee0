/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/tlog.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vault/err.h"

#define DIGITS_MAX 20 /* of a uint64_t */

static bool
is_power_of_two(uint64_t n)
{
	return (n & (n - 1)) == 0;
}

size_t
tlog_leaf_bytes(uint8_t *out, const void *entry, size_t n)
{
	out[0] = 0x00;
	memcpy(out + 1, entry, n);
	return n + 1;
}

size_t
tlog_node_bytes(uint8_t out[static TLOG_NODE_BYTES], const struct digest *left,
    const struct digest *right)
{
	out[0] = 0x01;
	memcpy(out + 1, left->bytes, DIGEST_SIZE);
	memcpy(out + 1 + DIGEST_SIZE, right->bytes, DIGEST_SIZE);
	return TLOG_NODE_BYTES;
}

struct digest
tlog_leaf(const void *entry, size_t n)
{
	static const uint8_t prefix = 0x00;

	return digest_of2(&prefix, 1, entry, n);
}

struct digest
tlog_node(const struct digest *left, const struct digest *right)
{
	uint8_t bytes[TLOG_NODE_BYTES];

	return digest_of(bytes, tlog_node_bytes(bytes, left, right));
}

struct digest
tlog_empty(void)
{
	return digest_of("", 0);
}

void
tlog_tree_add(struct tlog_tree *t, const struct digest *leaf)
{
	struct digest h = *leaf;
	unsigned int k = 0;

	assert(t->size != UINT64_MAX);
	for (; (t->size >> k & 1) != 0; k++)
		h = tlog_node(&t->peaks[k], &h);
	t->peaks[k] = h;
	t->size++;
}

struct digest
tlog_tree_root(const struct tlog_tree *t)
{
	struct digest r;
	bool any = false;

	for (unsigned int k = 0; k < 64; k++) {
		if ((t->size >> k & 1) == 0)
			continue;
		r = any ? tlog_node(&t->peaks[k], &r) : t->peaks[k];
		any = true;
	}
	return any ? r : tlog_empty();
}

bool
tlog_inclusion_ok(uint64_t index, uint64_t size, const struct digest *leaf,
    const struct digest *proof, size_t proof_length, const struct digest *root)
{
	struct digest r = *leaf;
	uint64_t fn = index, sn = size - 1;

	if (index >= size)
		return false;
	for (size_t i = 0; i < proof_length; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) != 0 || fn == sn) {
			r = tlog_node(&proof[i], &r);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			r = tlog_node(&r, &proof[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && digest_equal(&r, root);
}

/* The part of the check with 0 < old_size < new_size; first is the hash that
 * both roots start from. */
static bool
extends(uint64_t fn, uint64_t sn, const struct digest *first,
    const struct digest *proof, size_t n, const struct digest roots[static 2])
{
	struct digest fr = *first, sr = *first;

	for (size_t i = 0; i < n; i++) {
		if (sn == 0)
			return false;
		if ((fn & 1) != 0 || fn == sn) {
			fr = tlog_node(&proof[i], &fr);
			sr = tlog_node(&proof[i], &sr);
			while ((fn & 1) == 0 && fn != 0) {
				fn >>= 1;
				sn >>= 1;
			}
		} else {
			sr = tlog_node(&sr, &proof[i]);
		}
		fn >>= 1;
		sn >>= 1;
	}
	return sn == 0 && digest_equal(&fr, &roots[0]) &&
	    digest_equal(&sr, &roots[1]);
}

bool
tlog_consistency_ok(uint64_t old_size, uint64_t new_size,
    const struct digest *old_root, const struct digest *new_root,
    const struct digest *proof, size_t proof_length)
{
	const struct digest roots[2] = { *old_root, *new_root };
	const struct digest empty = tlog_empty();
	uint64_t fn = old_size - 1, sn = new_size - 1;

	if (old_size > new_size)
		return false;
	if (old_size == 0 && !digest_equal(old_root, &empty))
		return false;
	if (old_size == new_size)
		return proof_length == 0 && digest_equal(old_root, new_root);
	if (old_size == 0)
		return proof_length == 0;

	while ((fn & 1) != 0) {
		fn >>= 1;
		sn >>= 1;
	}
	if (is_power_of_two(old_size))
		return extends(fn, sn, old_root, proof, proof_length, roots);
	if (proof_length == 0)
		return false;
	return extends(fn, sn, &proof[0], proof + 1, proof_length - 1, roots);
}

/* A proof in the making. */
struct maker {
	uint64_t size;
	tlog_node_fn *node;
	void *arg;
	struct digest *proof;
	size_t length;
};

/*
 * Append MTH(D[n << level : (n + 1) << level]), cut at the end of the log.
 * What is cut is made of complete subtrees, the largest first.
 */
static int
push(struct maker *m, unsigned int level, uint64_t n)
{
	struct tlog_tree edge = { 0 };
	uint64_t at = n << level;
	int err;

	assert(m->length < TLOG_PROOF_MAX);
	if (m->size >> level > n) {
		err = m->node(m->arg, level, n, &m->proof[m->length]);
		m->length += err == 0;
		return err;
	}
	edge.size = m->size - at;
	for (unsigned int k = level; k-- > 0;) {
		if ((edge.size >> k & 1) == 0)
			continue;
		err = m->node(m->arg, k, at >> k, &edge.peaks[k]);
		if (err != 0)
			return err;
		at += UINT64_C(1) << k;
	}
	m->proof[m->length++] = tlog_tree_root(&edge);
	return 0;
}

/* The siblings on the way from node fn of this level to the root. */
static int
climb(struct maker *m, unsigned int level, uint64_t fn, uint64_t sn)
{
	int err = 0;

	for (; sn > 0 && err == 0; level++) {
		if ((fn & 1) != 0)
			err = push(m, level, fn - 1);
		else if (fn < sn)
			err = push(m, level, fn + 1);
		fn >>= 1;
		sn >>= 1;
	}
	return err;
}

int
tlog_inclusion(uint64_t index, uint64_t size, tlog_node_fn *node, void *arg,
    struct digest *proof, size_t *proof_length)
{
	struct maker m = { size, node, arg, proof, 0 };
	int err;

	if (index >= size)
		return ERR_USAGE;
	err = climb(&m, 0, index, size - 1);
	if (err == 0)
		*proof_length = m.length;
	return err;
}

int
tlog_consistency(uint64_t old_size, uint64_t new_size, tlog_node_fn *node,
    void *arg, struct digest *proof, size_t *proof_length)
{
	struct maker m = { new_size, node, arg, proof, 0 };
	uint64_t fn = old_size - 1, sn = new_size - 1;
	unsigned int level = 0;
	int err = 0;

	if (old_size > new_size)
		return ERR_USAGE;
	if (old_size == 0 || old_size == new_size) {
		*proof_length = 0;
		return 0;
	}
	for (; (fn & 1) != 0; level++) {
		fn >>= 1;
		sn >>= 1;
	}
	if (!is_power_of_two(old_size))
		err = push(&m, level, fn);
	if (err == 0)
		err = climb(&m, level, fn, sn);
	if (err == 0)
		*proof_length = m.length;
	return err;
}

char *
tlog_path(uint64_t n, char buf[static TLOG_PATH_MAX])
{
	char digits[DIGITS_MAX + 3];
	int length = snprintf(digits, sizeof(digits), "%03" PRIu64, n);
	int pad = (3 - length % 3) % 3;
	char *out = buf;

	length = snprintf(digits, sizeof(digits), "%0*" PRIu64, length + pad,
	    n);
	for (int i = 0; i < length; i += 3) {
		bool last = i + 3 == length;

		out += snprintf(out, (size_t)(buf + TLOG_PATH_MAX - out),
		    "%s%.3s%s", last ? "" : "x", digits + i, last ? "" : "/");
	}
	return buf;
}
