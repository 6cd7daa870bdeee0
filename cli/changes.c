/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/size.h"

/* One of the two versions, with what of it is looked at. */
struct side {
	struct version *version;
	const struct manifest *m;
	struct version_row *rows; /* all chunk rows; when deep */
	struct tensor_list tensors;
};

struct work {
	struct side from;
	struct side to;
	bool deep;
	json_t *files;
	json_t *tensors;
	json_int_t added;
	json_int_t removed;
	json_int_t changed;
	json_int_t same;
	uint64_t shared;
};

static const struct manifest nothing;

static void
side_clear(struct side *s)
{
	free(s->rows);
	tensor_list_clear(&s->tensors);
}

static void
work_clear(struct work *w)
{
	side_clear(&w->from);
	side_clear(&w->to);
	json_decref(w->files);
	json_decref(w->tensors);
}

static int
load_rows(struct side *s)
{
	uint64_t done = 0;

	s->rows = calloc(s->m->chunk_rows + 1, sizeof(*s->rows));
	if (s->rows == NULL)
		return ERR_NOMEM;
	while (done < s->m->chunk_rows) {
		size_t got;
		int r = version_rows_at(s->version, done, s->rows + done,
		    s->m->chunk_rows - done, &got);

		if (r != 0)
			return r;
		if (got == 0)
			return ERR_FORMAT;
		done += got;
	}
	return 0;
}

static int
load_side(struct side *s, struct version *v, bool deep)
{
	int r;

	s->version = v;
	s->m = v != NULL ? version_manifest(v) : &nothing;
	if (!deep || v == NULL)
		return 0;
	if ((r = load_rows(s)) != 0)
		return r;
	return version_tensors(v, &s->tensors);
}

/* The tensors of a file: the first one's place, and how many. */
static size_t
tensors_of(const struct side *s, const struct manifest_file *f, size_t *first)
{
	uint32_t row = (uint32_t)(f - s->m->files);
	size_t low = 0, high = s->tensors.count, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->tensors.items[middle].file < row)
			low = middle + 1;
		else
			high = middle;
	}
	*first = low;
	while (
	    low + n < s->tensors.count && s->tensors.items[low + n].file == row)
		n++;
	return n;
}

/* A tensor where it lies. */
struct piece {
	const struct side *side;
	const struct manifest_file *file;
	const struct tensor *t;
};

/* The last row of the file that begins at or before the tensor; the index is
 * from outside, so that it may lie anywhere. */
static const struct version_row *
row_at(const struct piece *p)
{
	const struct version_row *rows;
	size_t low = 0, high = p->file->rows;
	uint64_t end;

	if (p->side->rows == NULL || high == 0 ||
	    !size_add(p->t->offset, p->t->length, &end) || end > p->file->size)
		return NULL;
	rows = p->side->rows + p->file->first_row;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (rows[middle].row.offset <= p->t->offset)
			low = middle;
		else
			high = middle;
	}
	return &rows[low];
}

static bool
same_chunks(const struct piece *a, const struct piece *b)
{
	const struct version_row *x = row_at(a), *y = row_at(b);

	if (a->t->length != b->t->length || x == NULL || y == NULL)
		return false;
	if (a->t->length == 0)
		return true;
	for (;; x++, y++) {
		if (!digest_equal(&x->row.object, &y->row.object) ||
		    x->row.length != y->row.length ||
		    x->row.offset - a->t->offset !=
			y->row.offset - b->t->offset)
			return false;
		if (x->row.offset + x->row.length >=
		    a->t->offset + a->t->length)
			return true;
	}
}

static bool
same_shape(const struct tensor *a, const struct tensor *b)
{
	return a->type == b->type && a->dims == b->dims &&
	    memcmp(a->shape, b->shape, a->dims * sizeof(a->shape[0])) == 0;
}

static int
note_tensor(struct work *w, const struct piece *p, const char *change)
{
	json_t *shape = json_array();
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:o}", "path",
	    p->file->path, "name", p->t->name, "change", change, "dtype",
	    tensor_type_name(p->t->type), "shape", shape);

	if (j == NULL)
		j = json_pack("{s:s, s:s, s:s, s:s}", "path", p->file->path,
		    "name", "?", "change", change, "dtype",
		    tensor_type_name(p->t->type));
	for (uint8_t i = 0; j != NULL && i < p->t->dims; i++)
		(void)json_array_append_new(json_object_get(j, "shape"),
		    json_integer((json_int_t)p->t->shape[i]));
	return json_array_append_new(w->tensors, j) == 0 ? 0 : ERR_NOMEM;
}

static int
by_name(const void *a, const void *b)
{
	const struct tensor *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* A file's tensors by name; the caller frees. */
static const struct tensor **
sorted(const struct side *s, const struct manifest_file *f, size_t *n)
{
	const struct tensor **list;
	size_t first;

	*n = f != NULL ? tensors_of(s, f, &first) : 0;
	list = calloc(*n + 1, sizeof(const struct tensor *));
	for (size_t i = 0; list != NULL && i < *n; i++)
		list[i] = &s->tensors.items[first + i];
	if (list != NULL)
		qsort(list, *n, sizeof(const struct tensor *), by_name);
	return list;
}

/* The tensors of a file before and after; either may be NULL. */
static int
compare_tensors(struct work *w, const struct manifest_file *before,
    const struct manifest_file *after)
{
	size_t n, m, i = 0, k = 0;
	OWNED_MEM(const struct tensor *) old = sorted(&w->from, before, &n);
	OWNED_MEM(const struct tensor *) new = sorted(&w->to, after, &m);
	int r = old != NULL && new != NULL ? 0 : ERR_NOMEM;

	while (r == 0 && (i < n || k < m)) {
		struct piece a = { &w->from, before, i < n ? old[i] : NULL };
		struct piece b = { &w->to, after, k < m ? new[k] : NULL };
		int order = a.t == NULL ? 1 :
		    b.t == NULL		? -1 :
					  strcmp(a.t->name, b.t->name);

		if (order < 0)
			r = note_tensor(w, &a, "removed");
		else if (order > 0)
			r = note_tensor(w, &b, "added");
		else if (!same_shape(a.t, b.t) || !same_chunks(&a, &b))
			r = note_tensor(w, &b, "changed");
		i += order <= 0;
		k += order >= 0;
	}
	return r;
}

static const char *
kind_name(const struct manifest_file *f)
{
	return f->kind == MANIFEST_DIR ? "dir" :
	    f->kind == MANIFEST_LINK   ? "link" :
					 "file";
}

static int
note_file(struct work *w, const struct manifest_file *before,
    const struct manifest_file *after, const char *change)
{
	const struct manifest_file *f = after != NULL ? after : before;
	json_t *j = json_pack("{s:s, s:s, s:s}", "path", f->path, "kind",
	    kind_name(f), "change", change);
	size_t first;

	if (before != NULL && before->kind == MANIFEST_FILE)
		(void)json_object_set_new(j, "before",
		    json_integer((json_int_t)before->size));
	if (after != NULL && after->kind == MANIFEST_FILE) {
		(void)json_object_set_new(j, "after",
		    json_integer((json_int_t)after->size));
		if (w->deep)
			(void)json_object_set_new(j, "tensors",
			    json_integer(
				(json_int_t)tensors_of(&w->to, after, &first)));
	}
	if (json_array_append_new(w->files, j) != 0)
		return ERR_NOMEM;
	return w->deep && strcmp(change, "mode") != 0 ?
	    compare_tensors(w, before, after) :
	    0;
}

static bool
same_content(const struct manifest_file *a, const struct manifest_file *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == MANIFEST_LINK)
		return strcmp(a->target, b->target) == 0;
	return a->kind == MANIFEST_DIR ||
	    (a->size == b->size && digest_equal(&a->digest, &b->digest));
}

static int
compare_pair(struct work *w, const struct manifest_file *a,
    const struct manifest_file *b)
{
	if (!same_content(a, b)) {
		w->changed++;
		return note_file(w, a, b, "changed");
	}
	if (a->mode != b->mode || a->class != b->class) {
		w->changed++;
		return note_file(w, a, b, "mode");
	}
	w->same++;
	return 0;
}

static const struct manifest_file *
file_at(const struct manifest *m, uint32_t i)
{
	return i < m->file_count ? &m->files[i] : NULL;
}

/* Both file tables are in the same order. */
static int
compare_files(struct work *w)
{
	const struct manifest *from = w->from.m, *to = w->to.m;
	uint32_t i = 0, k = 0;
	int r = 0;

	while (r == 0 && (i < from->file_count || k < to->file_count)) {
		const struct manifest_file *a = file_at(from, i);
		const struct manifest_file *b = file_at(to, k);
		int order = a == NULL ? 1 :
		    b == NULL	      ? -1 :
					manifest_compare(a->path, b->path);

		if (order < 0) {
			w->removed++;
			r = note_file(w, a, NULL, "removed");
		} else if (order > 0) {
			w->added++;
			r = note_file(w, NULL, b, "added");
		} else {
			r = compare_pair(w, a, b);
		}
		i += order <= 0;
		k += order >= 0;
	}
	return r;
}

static int
by_object(const void *a, const void *b)
{
	const struct version_row *x = a, *y = b;

	return digest_compare(&x->row.object, &y->row.object);
}

/* How many bytes lie in chunks that both have; reorders the old one's rows. */
static void
count_shared(struct work *w)
{
	uint64_t n = w->from.m->chunk_rows;

	if (w->from.rows == NULL)
		return;
	qsort(w->from.rows, n, sizeof(*w->from.rows), by_object);
	for (uint64_t i = 0; i < w->to.m->chunk_rows; i++)
		if (bsearch(&w->to.rows[i], w->from.rows, n,
			sizeof(*w->from.rows), by_object) != NULL)
			w->shared += w->to.rows[i].row.length;
}

static int
result(const struct work *w, json_t **out)
{
	uint64_t bytes = w->to.m->total_bytes;
	OWNED_JSON j = json_pack("{s:O, s:I, s:I, s:I, s:I, s:I}", "files",
	    w->files, "added", w->added, "removed", w->removed, "changed",
	    w->changed, "same", w->same, "bytes", (json_int_t)bytes);
	int r = j != NULL ? 0 : ERR_NOMEM;

	if (r == 0 && w->deep &&
	    ((r = out_set(j, "tensors", json_incref(w->tensors))) != 0 ||
		(r = out_set(j, "shared_bytes",
		     json_integer((json_int_t)w->shared))) != 0 ||
		(r = out_set(j, "new_bytes",
		     json_integer((json_int_t)(bytes - w->shared)))) != 0))
		return r;
	if (r == 0) {
		*out = j;
		j = NULL;
	}
	return r;
}

int
changes_between(json_t **out, const struct changes_of *which)
{
	__attribute__((cleanup(work_clear))) struct work w = {
		.deep = which->deep,
		.files = json_array(),
		.tensors = json_array(),
	};
	int r;

	if (w.files == NULL || w.tensors == NULL)
		return ERR_NOMEM;
	if ((r = load_side(&w.from, which->from, w.deep)) != 0 ||
	    (r = load_side(&w.to, which->to, w.deep)) != 0 ||
	    (r = compare_files(&w)) != 0)
		return r;
	if (w.deep)
		count_shared(&w);
	return result(&w, out);
}

static char
letter(const char *change)
{
	return change[0] == 'a' ? '+' : change[0] == 'r' ? '-' : '~';
}

static void
print_file(FILE *to, const json_t *f)
{
	char before[OUT_SIZE], after[OUT_SIZE], size[2 * OUT_SIZE + 8] = "";
	const char *change = talk_text(f, "change");
	bool was = json_object_get(f, "before") != NULL;
	bool is = json_object_get(f, "after") != NULL;

	out_size(talk_number(f, "before"), before);
	out_size(talk_number(f, "after"), after);
	if (strcmp(change, "mode") == 0)
		snprintf(size, sizeof(size), "  mode or class only");
	else if (was && is && strcmp(before, after) != 0)
		snprintf(size, sizeof(size), "  %s, was %s", after, before);
	else if (was || is)
		snprintf(size, sizeof(size), "  %s", is ? after : before);
	out_line_to(to, "  %c %s%s%s", letter(change), talk_text(f, "path"),
	    strcmp(talk_text(f, "kind"), "dir") == 0 ? "/" : "", size);
}

static void
print_tensor(FILE *to, const json_t *t)
{
	char shape[256] = "";
	size_t i, n = 0;
	json_t *size;

	json_array_foreach(json_object_get(t, "shape"), i, size) {
		if (n < sizeof(shape))
			n += (size_t)snprintf(shape + n, sizeof(shape) - n,
			    "%s%lld", i > 0 ? "x" : "",
			    (long long)json_integer_value(size));
	}
	out_line_to(to, "  %c %s: %s  %s %s", letter(talk_text(t, "change")),
	    talk_text(t, "path"), talk_text(t, "name"), talk_text(t, "dtype"),
	    shape);
}

static void
print_list(FILE *to, const json_t *list, size_t most,
    void (*print)(FILE *, const json_t *))
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item) {
		if (most != 0 && i == most) {
			out_line_to(to, "  ... and %zu more",
			    json_array_size(list) - i);
			return;
		}
		print(to, item);
	}
}

void
changes_print(FILE *to, const json_t *c, size_t most)
{
	const json_t *tensors = json_object_get(c, "tensors");
	uint64_t bytes = talk_number(c, "bytes");
	uint64_t shared = talk_number(c, "shared_bytes");
	char fresh[OUT_SIZE], same[OUT_SIZE];

	out_line_to(to,
	    "paths: %llu added, %llu removed, %llu changed, %llu the same",
	    (unsigned long long)talk_number(c, "added"),
	    (unsigned long long)talk_number(c, "removed"),
	    (unsigned long long)talk_number(c, "changed"),
	    (unsigned long long)talk_number(c, "same"));
	print_list(to, json_object_get(c, "files"), most, print_file);
	if (tensors == NULL)
		return;
	if (json_array_size(tensors) > 0) {
		out_line_to(to, "tensors in chunks that are not the same: %zu",
		    json_array_size(tensors));
		print_list(to, tensors, most, print_tensor);
	}
	out_line_to(to, "bytes: %s shared, %s new (%.1f %%)",
	    out_size(shared, same), out_size(bytes - shared, fresh),
	    bytes > 0 ? 100.0 * (double)(bytes - shared) / (double)bytes : 0.0);
}
