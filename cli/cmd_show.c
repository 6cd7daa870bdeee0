/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bom.h"
#include "cli/cmd.h"
#include "cli/inventory.h"
#include "cli/out.h"
#include "cli/stored.h"
#include "cli/subject.h"
#include "cli/talk.h"
#include "cli/vouched.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/size.h"

/* Files that a person is told of; JSON has all. */
#define FILES_SHOWN 20

#define PATH_SIZE 1024

/* What the tensors of one type come to. */
struct dtype {
	uint64_t tensors;
	uint64_t parameters;
	uint64_t bytes;
};

struct facts {
	const struct options *o;
	bool bom;
	const struct msg_version *m;
	const struct manifest *manifest;
	uint64_t kinds[MANIFEST_DIR + 1];
	uint64_t tensors;
	uint64_t parameters;
	struct dtype dtypes[256];
	struct stored stored;
	json_t *labels;
	const struct vouched *vouched;
	uint64_t objects; /* distinct ones */
	char hex[DIGEST_HEX_SIZE];
	char object[DIGEST_HEX_SIZE];
};

static void
count_tensors(struct facts *f, const struct tensor_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct tensor *t = &list->items[i];
		struct dtype *d = &f->dtypes[t->type];
		uint64_t parameters = 1;

		for (uint8_t k = 0; k < t->dims; k++)
			if (!size_mul(parameters, t->shape[k], &parameters))
				parameters = 0;
		d->tensors++;
		d->parameters += parameters;
		d->bytes += t->length;
		f->tensors++;
		f->parameters += parameters;
	}
}

static int
by_digest(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

/* The objects of a version: chunks, which files may share, and the pages that
 * name them and hold their keys. */
static int
count_objects(struct facts *f, struct version *version)
{
	const struct manifest *m = f->manifest;
	OWNED_MEM(struct digest)
	names = calloc(m->chunk_rows + 1, sizeof(*names));
	OWNED_MEM(struct version_row)
	rows = calloc(MANIFEST_PAGE_ROWS, sizeof(*rows));
	uint64_t n = 0;
	size_t got;
	int r;

	if (names == NULL || rows == NULL)
		return ERR_NOMEM;
	for (; n < m->chunk_rows; n += got) {
		r = version_rows_at(version, n, rows, MANIFEST_PAGE_ROWS, &got);
		if (r != 0)
			return r;
		for (size_t i = 0; i < got; i++)
			names[n + i] = rows[i].row.object;
	}
	qsort(names, n, sizeof(*names), by_digest);
	f->objects = 1 + 2 * (uint64_t)m->page_count +
	    !digest_is_zero(&m->tensor_digest);
	for (uint64_t i = 0; i < n; i++)
		f->objects += i == 0 || !digest_equal(&names[i], &names[i - 1]);
	return 0;
}

/* Ratios have three decimals. */
static json_t *
ratio_json(const struct stored_sum *s)
{
	return json_real(
	    (double)(int64_t)(stored_ratio(s) * 1000 + 0.5) / 1000);
}

static json_t *
stored_json(const struct stored_sum *s)
{
	return json_pack("{s:I, s:I, s:o}", "plain", (json_int_t)s->plain,
	    "stored", (json_int_t)s->stored, "ratio", ratio_json(s));
}

/* What the chunks take in the store: the version, and its files. */
static int
set_stored(const struct facts *f, json_t *j)
{
	json_t *all = stored_json(&f->stored.total), *files = json_array();

	if (json_object_set_new(j, "stored", all) != 0 ||
	    json_object_set_new(all, "missing",
		json_integer((json_int_t)f->stored.missing)) != 0 ||
	    json_object_set_new(all, "files", files) != 0)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < f->manifest->file_count; i++) {
		json_t *file;

		if (f->stored.files[i].plain == 0)
			continue;
		file = stored_json(&f->stored.files[i]);
		if (json_array_append_new(files, file) != 0 ||
		    json_object_set_new(file, "path",
			json_string(f->manifest->files[i].path)) != 0)
			return ERR_NOMEM;
	}
	return 0;
}

static json_t *
dtype_json(const struct facts *f, uint8_t type)
{
	const struct dtype *d = &f->dtypes[type];
	const struct stored_sum *s = &f->stored.dtypes[type];

	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o}", "dtype",
	    tensor_type_name(type), "tensors", (json_int_t)d->tensors,
	    "parameters", (json_int_t)d->parameters, "bytes",
	    (json_int_t)d->bytes, "stored", (json_int_t)s->stored, "ratio",
	    ratio_json(s));
}

static int
print_json(const struct facts *f)
{
	char created[ENTRY_TIME_SIZE], read[ENTRY_TIME_SIZE];
	json_t *dtypes = json_array();
	OWNED_JSON j = json_pack(
	    "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
	    "s:I, s:I, s:o}",
	    "model", f->m->model, "version", f->hex, "object", f->object,
	    "created", entry_time_text(f->m->created_ms, created), "by",
	    f->m->by, "files", (json_int_t)f->kinds[MANIFEST_FILE], "dirs",
	    (json_int_t)f->kinds[MANIFEST_DIR], "links",
	    (json_int_t)f->kinds[MANIFEST_LINK], "bytes",
	    (json_int_t)f->manifest->total_bytes, "weights",
	    (json_int_t)f->manifest->weight_bytes, "chunks",
	    (json_int_t)f->manifest->chunk_rows, "pages",
	    (json_int_t)f->manifest->page_count, "objects",
	    (json_int_t)f->objects, "tensors", (json_int_t)f->tensors,
	    "parameters", (json_int_t)f->parameters, "dtypes", dtypes);

	if (j == NULL || json_object_set(j, "labels", f->labels) != 0 ||
	    inventory_formats(j, f->manifest) != 0 ||
	    (f->m->read_ms != 0 &&
		out_set(j, "last_read",
		    json_string(entry_time_text(f->m->read_ms, read))) != 0) ||
	    vouched_set(f->vouched, j) != 0)
		return ERR_NOMEM;
	for (unsigned int i = 0; i < 256; i++)
		if (f->dtypes[i].tensors > 0 &&
		    json_array_append_new(dtypes, dtype_json(f, (uint8_t)i)) !=
			0)
			return ERR_NOMEM;
	if (set_stored(f, j) != 0)
		return ERR_NOMEM;
	return out_json(j);
}

static void
print_file(const struct facts *f, uint32_t i)
{
	const struct stored_sum *s = &f->stored.files[i];
	char path[PATH_SIZE], size[OUT_SIZE];

	out_line("         %.3f of %s: %s", stored_ratio(s),
	    out_size(s->plain, size),
	    log_name(path, sizeof(path), f->manifest->files[i].path,
		strlen(f->manifest->files[i].path)));
}

/* What the store holds of it, and of the first files with bytes. */
static void
print_stored(const struct facts *f)
{
	const struct stored *s = &f->stored;
	char size[OUT_SIZE], count[OUT_COUNT];
	uint64_t more = 0;

	if (s->total.plain > 0)
		out_line("stored   %s, %.3f of the plain bytes",
		    out_size((uint64_t)s->total.stored, size),
		    stored_ratio(&s->total));
	if (s->missing > 0)
		out_line("         %s missing or damaged: see 'weir check'",
		    out_count(s->missing, "chunk", count));
	for (uint32_t i = 0, shown = 0; i < f->manifest->file_count; i++) {
		if (s->files[i].plain == 0)
			continue;
		if (shown++ < FILES_SHOWN)
			print_file(f, i);
		else
			more++;
	}
	if (more > 0)
		out_line("         and %s more: see --json",
		    out_count(more, "file", count));
}

static void
print_dtypes(const struct facts *f)
{
	char size[OUT_SIZE], count[OUT_COUNT];

	for (unsigned int i = 0; i < 256; i++)
		if (f->dtypes[i].tensors > 0)
			out_line("         %s: %s, %s, stored in %.3f of that",
			    tensor_type_name((uint8_t)i),
			    out_count(f->dtypes[i].tensors, "tensor", count),
			    out_size(f->dtypes[i].bytes, size),
			    stored_ratio(&f->stored.dtypes[i]));
}

static int
print_text(const struct facts *f)
{
	char created[OUT_TIME], size[OUT_SIZE], weights[OUT_SIZE];
	char count[OUT_COUNT];
	OWNED_MEM(char) labels = NULL;
	int r;

	if ((r = talk_labels_text(f->labels, &labels)) != 0)
		return r;

	out_line("version  %s@%s", f->m->model, f->hex);
	out_line("created  %s UTC by %s", out_time(f->m->created_ms, created),
	    f->m->by);
	if (labels[0] != '\0')
		out_line("labels   %s", labels);
	out_line("files    %llu (directories: %llu, links: %llu)",
	    (unsigned long long)f->kinds[MANIFEST_FILE],
	    (unsigned long long)f->kinds[MANIFEST_DIR],
	    (unsigned long long)f->kinds[MANIFEST_LINK]);
	out_line("bytes    %s, of which %s are weights",
	    out_size(f->manifest->total_bytes, size),
	    out_size(f->manifest->weight_bytes, weights));
	out_line("chunks   %llu", (unsigned long long)f->manifest->chunk_rows);
	out_line("objects  %llu, of which the manifest %.12s and %u pages",
	    (unsigned long long)f->objects, f->object, f->manifest->page_count);
	if (f->tensors > 0)
		out_line("tensors  %llu, %s", (unsigned long long)f->tensors,
		    out_count(f->parameters, "parameter", count));
	print_dtypes(f);
	print_stored(f);
	if (f->m->read_ms != 0)
		out_line("read     last %s UTC",
		    out_time(f->m->read_ms, created));
	else
		out_line("read     never");
	vouched_print(f->vouched);
	return 0;
}

static int
print_bom(const struct facts *f)
{
	OWNED_JSON dtypes = json_array();
	const struct bom_of of = {
		.m = f->m,
		.manifest = f->manifest,
		.labels = f->labels,
		.vouched = f->vouched,
		.parameters = f->parameters,
		.dtypes = dtypes,
	};

	for (unsigned int i = 0; i < 256; i++)
		if (f->dtypes[i].tensors > 0 &&
		    json_array_append_new(dtypes, dtype_json(f, (uint8_t)i)) !=
			0)
			return ERR_NOMEM;
	return bom_print(&of);
}

static int
show(struct facts *f, struct version *version, struct store *store)
{
	struct tensor_list tensors;
	int r;

	f->manifest = version_manifest(version);
	for (uint32_t i = 0; i < f->manifest->file_count; i++)
		f->kinds[f->manifest->files[i].kind]++;
	if ((r = version_tensors(version, &tensors)) != 0)
		return r;
	count_tensors(f, &tensors);
	r = stored_count(&f->stored, version, store, &tensors);
	tensor_list_clear(&tensors);
	if (r != 0 || (r = count_objects(f, version)) != 0)
		return r;
	digest_hex(&f->m->version, f->hex);
	digest_hex(&f->m->object, f->object);
	if (f->bom)
		return print_bom(f);
	if (f->o->json)
		return print_json(f);
	return print_text(f);
}

static int
look(struct facts *f, struct client *client, struct store *store,
    const struct ref *ref)
{
	OWNED_SUBJECT subject = { 0 };
	OWNED_VOUCHED vouched = { 0 };
	int r = subject_open_digest(&subject, client, store, f->m->model,
	    &f->m->version);

	if (r == 0)
		r = vouched_open(&vouched, client, ref, &subject);
	f->vouched = &vouched;
	return r == 0 ? show(f, subject.version, store) : r;
}

int
cmd_show(struct options *o, int argc, char **argv)
{
	bool bom = false;
	const struct options_own own[] = {
		{ "bom", 0, OPTIONS_FLAG, &bom },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED(store) store = NULL;
	OWNED_MEM(struct facts) facts = calloc(1, sizeof(*facts));
	OWNED_JSON labels = NULL;
	struct msg_version m;
	struct ref ref;
	int r;

	if (facts == NULL)
		return ERR_NOMEM;
	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = talk_ref(o, operands.items[0], &ref)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_store(&store, o, false)) != 0 ||
	    (r = client_version_get(client, operands.items[0], &m)) != 0)
		return r;
	facts->o = o;
	facts->bom = bom;
	facts->m = &m;
	r = talk_labels(&m, &labels);
	facts->labels = labels;
	if (r == 0)
		r = look(facts, client, store, &ref);
	stored_clear(&facts->stored);
	msg_version_clear(&m);
	return r;
}
