/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/intake.h"
#include "vault/clock.h"

#include <stdlib.h>
#include <string.h>

#include "vault/binder.h"
#include "vault/err.h"
#include "vault/intake_file.h"
#include "vault/intake_sums.h"
#include "vault/log.h"
#include "vault/manifest.h"
#include "vault/pipeline.h"
#include "vault/walk.h"

#define PROGRESS_MS 100

/* A tree on its way in. */
struct intake {
	const struct intake_how *how;
	struct walk *walk;
	struct manifest manifest; /* its files' names are the walk's */
	struct pipeline *pipeline;
	struct binder *binder;
	struct intake_sums *sums; /* NULL: no file is remembered */
	struct tensor_list tensors;
	struct model_imports imports;
	struct intake_progress progress;
	int64_t told_ms;
};

void
intake_result_clear(struct intake_result *r)
{
	model_imports_clear(&r->imports);
	*r = (struct intake_result){ 0 };
}

static void
intake_clear(struct intake *in)
{
	pipeline_free(in->pipeline); /* it calls the others */
	binder_free(in->binder);
	intake_sums_free(in->sums);
	tensor_list_clear(&in->tensors);
	model_imports_clear(&in->imports);
	free(in->manifest.files);
	free(in->manifest.pages);
	walk_free(in->walk);
}

static int
no_memory(void)
{
	return log_err(ERR_NOMEM, "out of memory for the list of files");
}

static void
tell_progress(struct intake *in, bool always)
{
	const int64_t now = clock_ms();

	if (in->how->progress == NULL)
		return;
	if (!always && now - in->told_ms < PROGRESS_MS)
		return;
	in->told_ms = now;
	in->how->progress(in->how->progress_arg, &in->progress);
}

/* A chunk is in the store. */
static int
chunk_done(void *arg, const struct pipeline_chunk *c)
{
	struct intake *in = arg;
	int err = binder_add(in->binder, &c->object, c->offset, c->box);

	if (err != 0)
		return err;
	if (in->sums != NULL)
		intake_sums_chunk(in->sums, in->manifest.files, c->offset,
		    c->box);
	in->manifest.chunk_rows++;
	in->progress.bytes_done += c->box->length;
	if (c->stored_bytes > 0)
		in->progress.bytes_new += c->box->length;
	in->progress.stored_bytes += c->stored_bytes;
	tell_progress(in, false);
	return 0;
}

static int
prepare(struct intake *in)
{
	const struct intake_how *how = in->how;
	const struct walk_how walk = {
		.paths = how->paths,
		.path_count = how->path_count,
		.stdin_name = how->stdin_name,
		.stop = how->stop,
	};
	const struct binder_how binder = {
		.store = how->store,
		.manifest_key = how->keys->manifest_key,
		.lockbox_key = how->keys->lockbox_key,
	};
	const struct pipeline_how pipeline = {
		.store = how->store,
		.keys = how->keys,
		.effort = how->effort,
		.done = chunk_done,
		.arg = in,
	};
	int err = walk_new(&in->walk, &walk);

	if (err != 0)
		return err;
	in->progress.files_total = in->walk->files;
	in->progress.bytes_total = in->walk->stream ? 0 : in->walk->bytes;
	in->manifest.files = calloc(in->walk->count + 1,
	    sizeof(*in->manifest.files));
	if (in->manifest.files == NULL)
		return no_memory();
	err = binder_new(&in->binder, &binder);
	if (err == 0 && how->filesums != NULL)
		err = intake_sums_new(&in->sums, how->filesums, in->walk,
		    how->effort);
	if (err == 0)
		err = pipeline_new(&in->pipeline, &pipeline);
	return err;
}

static int
take_item(struct intake *in, const struct walk_item *item)
{
	struct intake_file_how file = {
		.walk = in->walk,
		.pipeline = in->pipeline,
		.allow_pickle = in->how->allow_pickle,
		.stop = in->how->stop,
		.tensors = &in->tensors,
		.imports = &in->imports,
	};
	struct manifest *m = &in->manifest;
	struct manifest_file *row = &m->files[m->file_count++];
	int err;

	row->kind = (enum manifest_kind)item->kind;
	row->mode = item->mode;
	row->path = item->path;
	row->target = item->target;
	if (row->kind != MANIFEST_FILE)
		return 0;
	file.summed = in->sums != NULL &&
	    intake_sums_guess(in->sums, (size_t)(item - in->walk->items),
		&row->digest);
	err = intake_file_take(&file, item, row);
	if (err != 0)
		return err;
	m->total_bytes += row->size;
	in->progress.files_done++;
	tell_progress(in, false);
	return 0;
}

/* The first chunk row of each file is the sum of the rows before. */
static void
number_rows(struct manifest *m)
{
	uint64_t next = 0;

	for (uint32_t i = 0; i < m->file_count; i++) {
		m->files[i].first_row = next;
		next += m->files[i].rows;
	}
}

static int
larger_first(const void *a, const void *b)
{
	struct manifest_file *const *fa = a, *const *fb = b;

	if ((*fa)->size != (*fb)->size)
		return (*fa)->size > (*fb)->size ? -1 : 1;
	return manifest_compare((*fa)->path, (*fb)->path);
}

/*
 * Hold the limit for what is not weights: the largest files are called weights
 * until the rest is within it (FORMAT.md, "Manifest").
 */
static int
limit_text(struct manifest *m)
{
	OWNED_MEM(struct manifest_file *)
	text = calloc(m->file_count + 1, sizeof(struct manifest_file *));
	uint64_t sum = 0;
	size_t count = 0;

	if (text == NULL)
		return no_memory();
	for (uint32_t i = 0; i < m->file_count; i++) {
		if (m->files[i].class == MANIFEST_WEIGHTS)
			continue;
		text[count++] = &m->files[i];
		sum += m->files[i].size;
	}
	qsort(text, count, sizeof(struct manifest_file *), larger_first);
	for (size_t i = 0; sum > manifest_text_limit(m->total_bytes); i++) {
		text[i]->class = MANIFEST_WEIGHTS;
		sum -= text[i]->size;
	}
	return 0;
}

static void
sum_weights(struct manifest *m)
{
	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct manifest_file *f = &m->files[i];

		if (f->kind == MANIFEST_FILE && f->class == MANIFEST_WEIGHTS)
			m->weight_bytes += f->size - f->header_bytes;
	}
}

static int
too_large(int err, const char *what)
{
	return err == ERR_LIMIT ?
	    log_err(err, "%s of one version are more than it can hold", what) :
	    err;
}

static int
store_tensors(struct intake *in)
{
	OWNED_WRITER w = writer_of(object_limit(OBJECT_TENSOR_INDEX));
	struct binder_record r = { .type = OBJECT_TENSOR_INDEX };
	int err;

	if (in->tensors.count == 0)
		return 0;
	tensor_list_sort(&in->tensors);
	err = tensor_index_write(&in->tensors, &w);
	if (err != 0)
		return too_large(err, "the tensors");
	in->manifest.tensor_digest = digest_of(w.bytes, w.length);
	r.bytes = w.bytes;
	r.length = w.length;
	return binder_store(in->how->store, in->how->keys->manifest_key, &r,
	    &in->manifest.tensor_object);
}

/* The manifest comes last: when it is there, all that it names is. */
static int
store_manifest(struct intake *in, struct digest *object)
{
	OWNED_WRITER w = writer_of(object_limit(OBJECT_MANIFEST));
	struct binder_record r = { .type = OBJECT_MANIFEST };
	int err = store_flush(in->how->store);

	if (err == 0)
		err = manifest_write(&in->manifest, &w, &in->manifest.version);
	if (err != 0)
		return too_large(err, "the files");
	r.bytes = w.bytes;
	r.length = w.length;
	err = binder_store(in->how->store, in->how->keys->manifest_key, &r,
	    object);
	if (err == 0)
		err = store_flush(in->how->store);
	return err;
}

/* Take the files in: *again if one was not what it was guessed to be. */
static int
take_files(struct intake *in, bool *again)
{
	int err = 0;

	*again = false;
	for (size_t i = 0; err == 0 && i < in->walk->count; i++)
		err = take_item(in, &in->walk->items[i]);
	if (err == 0)
		err = pipeline_finish(in->pipeline);
	if (err == 0 && in->sums != NULL)
		err = intake_sums_settle(in->sums, in->manifest.files, again);
	return err;
}

static int
take_all(struct intake *in, struct digest *object, bool *again)
{
	struct manifest *m = &in->manifest;
	int err = prepare(in);

	if (err == 0)
		err = take_files(in, again);
	if (err != 0 || *again)
		return err;
	err = binder_end(in->binder, &m->pages, &m->page_count);
	if (err == 0)
		err = limit_text(m);
	if (err == 0)
		err = store_tensors(in);
	if (err != 0)
		return err;
	m->root_mode = in->walk->root_mode;
	number_rows(m);
	sum_weights(m);
	return store_manifest(in, object);
}

/* *again: all that came of it is what it stored, which is added to *before. */
static int
run_once(const struct intake_how *how, struct intake_result *out,
    struct intake_progress *before, bool *again)
{
	__attribute__((cleanup(intake_clear))) struct intake in = {
		.how = how,
		.progress.bytes_new = before->bytes_new,
		.progress.stored_bytes = before->stored_bytes,
	};
	struct digest object;
	int err = take_all(&in, &object, again);

	*before = in.progress;
	if (err != 0 || *again)
		return err;
	in.progress.bytes_total = in.manifest.total_bytes;
	in.progress.done = true;
	tell_progress(&in, true);
	*out = (struct intake_result){
		.version = in.manifest.version,
		.object = object,
		.files = (uint32_t)in.walk->files,
		.bytes = in.manifest.total_bytes,
		.weights = in.manifest.weight_bytes,
		.chunks = in.manifest.chunk_rows,
		.imports = in.imports,
		.totals = in.progress,
	};
	in.imports = (struct model_imports){ 0 };
	return 0;
}

int
intake_run(const struct intake_how *how, struct intake_result *out)
{
	struct intake_progress before = { 0 };
	bool again = true;
	int err = store_sweep(how->store);

	while (err == 0 && again)
		err = run_once(how, out, &before, &again);
	return err;
}
