/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/model.h"
#include "vault/object.h"
#include "vault/proofread_parts.h"

static const struct manifest_file *
row_of(const struct proofread_file *f)
{
	return &f->version->m->files[f->number];
}

static int
wrong(struct proofread_file *f, const char *what)
{
	const char *name = row_of(f)->path;
	char path[256];

	log_name(path, sizeof(path), name, strlen(name));
	snprintf(f->why, sizeof(f->why), "%s: %.250s", path, what);
	return ERR_INTEGRITY;
}

static bool
tells_nothing(int err)
{
	return err == ERR_IO || err == ERR_NOMEM || err == ERR_SPACE ||
	    err == ERR_DENIED || err == ERR_CONFLICT || err == ERR_UNREACHABLE;
}

/* --- the tensor index, which diffs and the trail show --- */

int
proofread_version_open(struct proofread_version *out,
    const struct proofread_how *how, char why[static PROOFREAD_WHY])
{
	struct proofread_version v = { .how = how,
		.m = version_manifest(how->version) };
	int err = version_tensors(how->version, &v.tensors);

	if (err == 0) {
		*out = v;
		return 0;
	}
	if (tells_nothing(err))
		return err;
	snprintf(why, PROOFREAD_WHY, "its tensor index: %s",
	    err == ERR_INTEGRITY ? "not what was vouched for" : err_text(err));
	return ERR_INTEGRITY;
}

void
proofread_version_close(struct proofread_version *v)
{
	tensor_list_clear(&v->tensors);
}

/* Where those of row `file` begin in the index, which is in order of rows. */
static size_t
first_tensor(const struct tensor_list *l, uint32_t file)
{
	size_t low = 0, high = l->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (l->items[middle].file < file)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
same_tensor(const struct tensor *a, const struct tensor *b)
{
	return a->offset == b->offset && a->length == b->length &&
	    a->type == b->type && a->dims == b->dims &&
	    memcmp(a->shape, b->shape, a->dims * sizeof(a->shape[0])) == 0 &&
	    strcmp(a->name, b->name) == 0;
}

/* Those of the file in the index are these, no more and no fewer. */
static bool
same_tensors(const struct proofread_file *f, struct tensor_list *is)
{
	const struct tensor_list *l = &f->version->tensors;
	size_t first = first_tensor(l, f->number);

	if (first_tensor(l, f->number + 1) - first != is->count)
		return false;
	tensor_list_sort(is);
	for (size_t i = 0; i < is->count; i++)
		if (!same_tensor(&l->items[first + i], &is->items[i]))
			return false;
	return true;
}

/* --- keys and rows, page by page --- */

int
proofread_file_new(struct proofread_file *f, const struct proofread_version *v)
{
	*f = (struct proofread_file){ .version = v };
	f->page.rows = calloc(MANIFEST_PAGE_ROWS, sizeof(*f->page.rows));
	if (f->page.rows == NULL || digester_new(&f->digester) != 0)
		return ERR_NOMEM;
	return 0;
}

void
proofread_file_clear(struct proofread_file *f)
{
	free(f->page.rows);
	lockbox_free(f->page.box);
	digester_free(f->digester);
	*f = (struct proofread_file){ 0 };
}

static int
load_page(struct proofread_file *f, uint64_t row)
{
	const struct proofread_version *v = f->version;
	uint32_t index = (uint32_t)(row / MANIFEST_PAGE_ROWS);
	struct proofread_page *page = &f->page;
	int err;

	lockbox_free(page->box);
	page->box = NULL;
	page->first = (uint64_t)index * MANIFEST_PAGE_ROWS;
	err = version_rows_at(v->how->version, page->first, page->rows,
	    MANIFEST_PAGE_ROWS, &page->count);
	if (err == 0)
		err = store_open_lockbox(v->how->store,
		    &v->m->pages[index].lockbox, v->how->lockbox_key, index,
		    &page->box);
	if (err == 0 && lockbox_count(page->box) != page->count)
		err = ERR_INTEGRITY;
	if (err != 0 && !tells_nothing(err)) {
		snprintf(f->why, sizeof(f->why),
		    "page %u of its chunks, or of their keys: %s", index,
		    err == ERR_INTEGRITY ? "not what was vouched for" :
					   err_text(err));
		return ERR_INTEGRITY;
	}
	return err;
}

int
proofread_file_row(struct proofread_file *f, uint64_t row,
    struct version_row *out, uint8_t key[static KEY_SIZE])
{
	struct proofread_page *page = &f->page;
	const struct lockbox_row *box;
	int err = 0;

	if (page->box == NULL || row < page->first ||
	    row >= page->first + page->count)
		err = load_page(f, row);
	if (err != 0)
		return err;
	*out = page->rows[row - page->first];
	box = lockbox_at(page->box, (uint32_t)(row - page->first));
	if (box->length != out->row.length) {
		snprintf(f->why, sizeof(f->why),
		    "chunk %ju: its key's row states another length",
		    (uintmax_t)row);
		return ERR_INTEGRITY;
	}
	memcpy(key, box->key, KEY_SIZE);
	return 0;
}

/* --- its content --- */

int
proofread_file_chunk(struct proofread_file *f, const struct manifest_row *row,
    const uint8_t *plain, int err)
{
	char hex[DIGEST_HEX_SIZE], what[160];

	if (err == 0) {
		digester_add(f->digester, plain, row->length);
		return 0;
	}
	if (tells_nothing(err))
		return err;
	snprintf(what, sizeof(what), "object %s: %s",
	    digest_hex(&row->object, hex),
	    err == ERR_NOT_FOUND ? "missing" :
				   "not what was vouched for, or not its key");
	return wrong(f, what);
}

/* Bytes of the file, for the parser of its header. */
static int
read_head(void *arg, void *buf, size_t n, uint64_t offset)
{
	struct proofread_file *f = arg;
	struct version *v = f->version->how->version;
	uint8_t *at = buf;

	while (n > 0) {
		struct version_row row, again;
		SECRET(uint8_t, key, 32);
		uint64_t in;
		size_t count, part;
		int err = version_rows(v, row_of(f), offset, n, &row, 1,
		    &count);

		if (err == 0 && count != 1)
			err = ERR_INTEGRITY;
		if (err == 0)
			err = proofread_file_row(f, row.number, &again, key);
		if (err != 0)
			return err;
		in = offset - row.row.offset;
		part = row.row.length - (size_t)in;
		if (part > n)
			part = n;
		err = version_read(v, &row, key, (uint32_t)in, at, part);
		if (err != 0)
			return err;
		at += part;
		offset += part;
		n -= part;
	}
	return 0;
}

static int
inspect(struct proofread_file *f, struct model_info *out)
{
	const struct model_source src = { .size = row_of(f)->size,
		.read = read_head,
		.arg = f };
	char what[PROOFREAD_WHY / 2] = "";
	int err = model_inspect(out, row_of(f)->path, &src, what, sizeof(what));

	if (err == 0 || tells_nothing(err))
		return err;
	return wrong(f, what[0] != '\0' ? what : err_text(err));
}

/* The bytes that do not count as weights are those of the header, and no
 * more; where there is none, no tensors are known. */
static int
check_head(struct proofread_file *f)
{
	const struct manifest_file *row = row_of(f);
	struct model_info info = { 0 };
	char what[PROOFREAD_WHY / 2];
	int err = 0;

	if (row->class == MANIFEST_WEIGHTS && row->header_bytes != 0)
		err = inspect(f, &info);
	if (err != 0)
		return err;
	if (row->class == MANIFEST_WEIGHTS &&
	    row->header_bytes != info.header_bytes) {
		snprintf(what, sizeof(what),
		    "its header has %ju bytes, and the file table says %ju",
		    (uintmax_t)info.header_bytes, (uintmax_t)row->header_bytes);
		err = wrong(f, what);
	} else if (!same_tensors(f, &info.tensors)) {
		err = wrong(f, "its tensors are not those of the tensor index");
	}
	model_info_clear(&info);
	return err;
}

int
proofread_file_end(struct proofread_file *f)
{
	struct digest d = digester_end(f->digester);

	if (!digest_equal(&d, &row_of(f)->digest))
		return wrong(f,
		    "its content is not the one whose SHA-256 "
		    "the manifest has");
	return check_head(f);
}
