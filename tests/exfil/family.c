/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/family.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exfil/must.h"

#define CHUNK (4U << 20)

struct family *
family_new(uint32_t id, const char *model)
{
	struct family *f = must_calloc(1, sizeof(*f));

	f->id = id;
	snprintf(f->model, sizeof(f->model), "%s", model);
	must_ok(budget_new(&f->budget), "budget_new");
	return f;
}

void
family_free(struct family *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->count; i++) {
		free(f->versions[i].chunks);
		free(f->versions[i].files);
	}
	free(f->versions);
	free(f->weights);
	budget_free(f->budget);
	free(f);
}

static uint32_t
add_chunk(struct family *f, uint32_t weights)
{
	uint32_t number;

	must_ok(budget_add_chunk(f->budget, weights, &number), "add_chunk");
	f->weights = must_grow(f->weights, f->chunks, sizeof(*f->weights));
	f->weights[f->chunks++] = weights;
	return number;
}

/* Mostly whole chunks; those that end at a tensor are shorter. */
static uint32_t
some_weights(struct dice *d)
{
	if (dice_below(d, 4) != 0)
		return CHUNK;
	return (uint32_t)dice_between(d, CHUNK / 4, CHUNK);
}

/* rows of it are yet to be filled. */
static struct family_version *
begin(struct family *f, size_t rows)
{
	struct family_version *v;

	f->versions = must_grow(f->versions, f->count, sizeof(*f->versions));
	v = &f->versions[f->count];
	*v = (struct family_version){ .rows = rows };
	v->chunks = must_calloc(rows, sizeof(*v->chunks));
	v->files = must_calloc(rows, sizeof(*v->files));
	memcpy(v->digest.bytes, &f->id, sizeof(f->id));
	v->digest.bytes[31] = 1;
	v->digest.bytes[4] = (uint8_t)f->count;
	v->digest.bytes[5] = (uint8_t)(f->count >> 8);
	return v;
}

static size_t
end(struct family *f)
{
	struct family_version *v = &f->versions[f->count];

	for (size_t i = 0; i < v->rows; i++)
		v->weights += f->weights[v->chunks[i]];
	must_ok(budget_add_version(f->budget, v->chunks, v->rows, &v->number),
	    "add_version");
	return f->count++;
}

size_t
family_add(struct family *f, struct dice *d, size_t files, size_t per_file)
{
	struct family_version *v = begin(f, FAMILY_AUX + files * per_file);
	size_t n = 0;

	for (; n < FAMILY_AUX; n++)
		v->chunks[n] = add_chunk(f, 0);
	for (size_t i = 0; i < files; i++)
		for (size_t j = 0; j < per_file; j++, n++) {
			v->chunks[n] = add_chunk(f,
			    j == 0 ? 0 : some_weights(d));
			v->files[n] = (uint16_t)(i + 1);
		}
	return end(f);
}

/* A version with of's rows, and more of them. */
static struct family_version *
copy(struct family *f, size_t of, size_t more)
{
	struct family_version *v = begin(f, f->versions[of].rows + more);
	const struct family_version *from = &f->versions[of];

	memcpy(v->chunks, from->chunks, from->rows * sizeof(*v->chunks));
	memcpy(v->files, from->files, from->rows * sizeof(*v->files));
	return v;
}

size_t
family_add_tuned(struct family *f, struct dice *d, size_t of, double share)
{
	struct family_version *v = copy(f, of, 0);

	for (size_t i = 0; i < v->rows; i++) {
		uint32_t weights = f->weights[v->chunks[i]];

		if (weights > 0 && dice_share(d) < share)
			v->chunks[i] = add_chunk(f, weights);
	}
	return end(f);
}

size_t
family_add_fork(struct family *f, size_t of)
{
	struct family_version *v = copy(f, of, 0);

	v->chunks[0] = add_chunk(f, 0);
	return end(f);
}

size_t
family_add_padded(struct family *f, struct dice *d, size_t of, double pad)
{
	size_t had = f->versions[of].rows;
	size_t more = (size_t)((double)had * pad);
	struct family_version *v = copy(f, of, more);

	for (size_t i = had; i < v->rows; i++) {
		v->chunks[i] = add_chunk(f, some_weights(d));
		v->files[i] = (uint16_t)(v->files[had - 1] + 1);
	}
	return end(f);
}

bool
family_counts(const struct family *f, size_t version, uint64_t row)
{
	return f->weights[f->versions[version].chunks[row]] > 0;
}
