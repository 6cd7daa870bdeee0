/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "vault/err.h"
#include "vault/tlog.h"

/* The largest power of two below n, for n > 1. */
static uint64_t
half(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

static bool
outside(const struct tlog_range *r, uint64_t from, uint64_t to)
{
	return to <= r->first || from >= r->end;
}

static bool
sound(const struct tlog_range *r)
{
	return r->first < r->end && r->end <= r->size;
}

/* ---- making ---- */

struct maker {
	const struct tlog_range *r;
	tlog_node_fn *node;
	void *arg;
	struct digest *proof;
	size_t length;
};

/* MTH(D[from:to]) of complete subtrees, the largest first. */
static int
subtree(struct maker *m, uint64_t from, uint64_t to, struct digest *out)
{
	struct tlog_tree t = { .size = to - from };

	for (unsigned int k = 64; k-- > 0;) {
		int err;

		if ((t.size >> k & 1) == 0)
			continue;
		err = m->node(m->arg, k, from >> k, &t.peaks[k]);
		if (err != 0)
			return err;
		from += UINT64_C(1) << k;
	}
	*out = tlog_tree_root(&t);
	return 0;
}

/* Recursion goes as deep as the tree: 64 at most. */
static int
make(struct maker *m, uint64_t from, uint64_t to)
{
	uint64_t middle;
	int err;

	if (outside(m->r, from, to)) {
		if (m->length == TLOG_RANGE_MAX)
			return ERR_LIMIT;
		return subtree(m, from, to, &m->proof[m->length++]);
	}
	if (from >= m->r->first && to <= m->r->end)
		return 0;
	middle = from + half(to - from);
	err = make(m, from, middle);
	return err != 0 ? err : make(m, middle, to);
}

int
tlog_root(uint64_t size, tlog_node_fn *node, void *arg, struct digest *out)
{
	struct maker m = { .node = node, .arg = arg };

	return subtree(&m, 0, size, out);
}

int
tlog_range(const struct tlog_range *r, tlog_node_fn *node, void *arg,
    struct digest *proof, size_t *proof_length)
{
	struct maker m = { r, node, arg, proof, 0 };
	int err;

	if (!sound(r))
		return ERR_USAGE;
	err = make(&m, 0, r->size);
	if (err == 0)
		*proof_length = m.length;
	return err;
}

/* ---- checking ---- */

struct checker {
	const struct tlog_range *r;
	tlog_leaf_fn *leaf;
	void *arg;
	const struct digest *proof;
	size_t left;
	bool bad;
};

static struct digest
check(struct checker *c, uint64_t from, uint64_t to)
{
	struct digest left, right;
	uint64_t middle;

	if (outside(c->r, from, to)) {
		if (c->left == 0) {
			c->bad = true;
			return tlog_empty();
		}
		c->left--;
		return *c->proof++;
	}
	if (to - from == 1)
		return c->leaf(c->arg, from);
	middle = from + half(to - from);
	left = check(c, from, middle);
	right = check(c, middle, to);
	return tlog_node(&left, &right);
}

bool
tlog_range_ok(const struct tlog_range *r, tlog_leaf_fn *leaf, void *arg,
    const struct digest *proof, size_t proof_length, const struct digest *root)
{
	struct checker c = { r, leaf, arg, proof, proof_length, false };
	struct digest have;

	if (!sound(r))
		return false;
	have = check(&c, 0, r->size);
	return !c.bad && c.left == 0 && digest_equal(&have, root);
}

/* What lies left of the run are its peaks, the largest first. */
bool
tlog_range_before(struct tlog_tree *out, const struct tlog_range *r,
    const struct digest *proof, size_t proof_length)
{
	struct tlog_tree t = { .size = r->first };

	for (unsigned int k = 64; k-- > 0;) {
		if ((t.size >> k & 1) == 0)
			continue;
		if (proof_length == 0)
			return false;
		t.peaks[k] = *proof++;
		proof_length--;
	}
	*out = t;
	return true;
}
