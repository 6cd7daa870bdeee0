/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/plan.h"

#include <stdlib.h>
#include <string.h>

#include "tests/exfil/must.h"

static struct plan
empty(const struct family *f, size_t version)
{
	return (struct plan){ .rows = must_calloc(f->versions[version].rows + 1,
				  sizeof(uint32_t)) };
}

struct plan
plan_whole(const struct family *f, size_t version)
{
	return plan_part(f, version, 0, 1);
}

struct plan
plan_part(const struct family *f, size_t version, double from, double share)
{
	struct plan p = empty(f, version);
	double rows = (double)f->versions[version].rows;
	size_t end = (size_t)((from + share) * rows);

	if (end > f->versions[version].rows)
		end = f->versions[version].rows;
	for (size_t i = (size_t)(from * rows); i < end; i++)
		p.rows[p.length++] = (uint32_t)i;
	return p;
}

struct plan
plan_reverse(const struct family *f, size_t version)
{
	struct plan p = empty(f, version);

	for (size_t i = f->versions[version].rows; i > 0; i--)
		p.rows[p.length++] = (uint32_t)(i - 1);
	return p;
}

struct plan
plan_strided(const struct family *f, size_t version, size_t stride)
{
	struct plan p = empty(f, version);

	for (size_t start = 0; start < stride; start++)
		for (size_t i = start; i < f->versions[version].rows;
		     i += stride)
			p.rows[p.length++] = (uint32_t)i;
	return p;
}

struct plan
plan_random(const struct family *f, size_t version, struct dice *d)
{
	struct plan p = plan_whole(f, version);

	dice_shuffle(d, p.rows, p.length);
	return p;
}

struct plan
plan_files(const struct family *f, size_t version, struct dice *d)
{
	const struct family_version *v = &f->versions[version];
	struct plan p = empty(f, version);
	uint32_t files = (uint32_t)v->files[v->rows - 1] + 1;
	uint32_t *order = must_calloc(files, sizeof(*order));

	for (uint32_t i = 0; i < files; i++)
		order[i] = i;
	dice_shuffle(d, order, files);
	for (uint32_t i = 0; i < files; i++)
		for (size_t row = 0; row < v->rows; row++)
			if (v->files[row] == order[i])
				p.rows[p.length++] = (uint32_t)row;
	free(order);
	return p;
}

struct plan
plan_headers(const struct family *f, size_t version)
{
	struct plan p = empty(f, version);

	for (size_t i = 0; i < f->versions[version].rows; i++)
		if (!family_counts(f, version, i))
			p.rows[p.length++] = (uint32_t)i;
	return p;
}

struct plan
plan_cut(struct plan p, double share)
{
	p.length = (size_t)((double)p.length * share);
	return p;
}

struct plan
plan_again(struct plan p, size_t n)
{
	struct plan q = { .length = p.length * n };

	q.rows = must_calloc(q.length + 1, sizeof(*q.rows));
	for (size_t i = 0; i < n; i++)
		memcpy(q.rows + i * p.length, p.rows,
		    p.length * sizeof(*p.rows));
	free(p.rows);
	return q;
}

struct plan
plan_weights(const struct family *f, size_t version, struct plan p)
{
	size_t n = 0;

	for (size_t i = 0; i < p.length; i++)
		if (family_counts(f, version, p.rows[i]))
			p.rows[n++] = p.rows[i];
	p.length = n;
	return p;
}
