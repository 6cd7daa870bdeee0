/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stored.h"

#include <stdlib.h>

#include "vault/err.h"

/* A walk over the chunks of a version, in their order. */
struct count {
	struct stored *sums;
	const struct manifest *manifest;
	struct store *store;
	const struct tensor_list *tensors;
	uint32_t file; /* the row's that is at hand */
	size_t tensor; /* the first that may still be met */
};

void
stored_clear(struct stored *s)
{
	free(s->files);
	*s = (struct stored){ 0 };
}

double
stored_ratio(const struct stored_sum *s)
{
	return s->plain > 0 ? s->stored / (double)s->plain : 0;
}

/* Bytes of a file that lie one behind the other. */
struct span {
	uint64_t begin, end;
	double cost; /* in the store, of each byte */
};

static void
add(struct stored_sum *s, uint64_t plain, double cost)
{
	s->plain += plain;
	s->stored += (double)plain * cost;
}

/* The tensors that a segment is of. */
static void
count_tensors(struct count *c, const struct span *s)
{
	const struct tensor_list *l = c->tensors;

	while (c->tensor < l->count &&
	    (l->items[c->tensor].file < c->file ||
		(l->items[c->tensor].file == c->file &&
		    l->items[c->tensor].offset + l->items[c->tensor].length <=
			s->begin)))
		c->tensor++;
	for (size_t i = c->tensor; i < l->count; i++) {
		const struct tensor *t = &l->items[i];
		uint64_t begin = t->offset, end = t->offset + t->length;

		if (t->file != c->file || begin >= s->end)
			return;
		if (begin < s->begin)
			begin = s->begin;
		if (end > s->end)
			end = s->end;
		if (begin < end)
			add(&c->sums->dtypes[t->type], end - begin, s->cost);
	}
}

static int
count_chunk(struct count *c, const struct manifest_row *row)
{
	OWNED(object) o = NULL;
	uint64_t at = row->offset;
	double head;
	int r = store_header(c->store, &row->object, OBJECT_CHUNK, &o);

	if (r == ERR_NOT_FOUND || r == ERR_INTEGRITY) {
		c->sums->missing++;
		return 0;
	}
	if (r != 0)
		return r;
	head = (double)o->header_length / (double)o->segment_count;
	for (uint32_t i = 0; i < o->segment_count; i++) {
		const struct object_segment *g = &o->segments[i];
		const struct span s = {
			.begin = at,
			.end = at + g->plain_length,
			.cost = (g->sealed_length + head) / g->plain_length,
		};

		add(&c->sums->total, g->plain_length, s.cost);
		add(&c->sums->files[c->file], g->plain_length, s.cost);
		count_tensors(c, &s);
		at = s.end;
	}
	return 0;
}

static void
find_file(struct count *c, uint64_t number)
{
	const struct manifest_file *f = c->manifest->files;

	while (number - f[c->file].first_row >= f[c->file].rows)
		c->file++;
}

static int
count_rows(struct count *c, struct version *v)
{
	OWNED_MEM(struct version_row)
	rows = calloc(MANIFEST_PAGE_ROWS, sizeof(*rows));
	size_t got;

	if (rows == NULL)
		return ERR_NOMEM;
	for (uint64_t n = 0; n < c->manifest->chunk_rows; n += got) {
		int r = version_rows_at(v, n, rows, MANIFEST_PAGE_ROWS, &got);

		for (size_t i = 0; r == 0 && i < got; i++) {
			find_file(c, n + i);
			r = count_chunk(c, &rows[i].row);
		}
		if (r != 0)
			return r;
	}
	return 0;
}

int
stored_count(struct stored *out, struct version *v, struct store *s,
    const struct tensor_list *tensors)
{
	const struct manifest *m = version_manifest(v);
	struct count c = {
		.sums = out,
		.manifest = m,
		.store = s,
		.tensors = tensors,
	};

	*out = (struct stored){ 0 };
	out->files = calloc((size_t)m->file_count + 1, sizeof(*out->files));
	if (out->files == NULL)
		return ERR_NOMEM;
	return count_rows(&c, v);
}
