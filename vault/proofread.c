/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/proofread.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/lockbox.h"
#include "vault/log.h"
#include "vault/model.h"
#include "vault/object.h"

#define SLOTS_A_THREAD 2
#define THREADS_MAX 16

enum slot_state { SLOT_FREE, SLOT_TAKEN, SLOT_OPENED };

/* A chunk on its way from an opener to the hasher. */
struct slot {
	enum slot_state state;
	struct version_row row;
	uint8_t key[KEY_SIZE];
	int err;
	uint8_t *plain; /* OBJECT_CHUNK_MAX */
};

/* A page of lockbox rows beside the manifest rows that they open. */
struct page {
	uint64_t first;
	size_t count;
	struct version_row *rows; /* MANIFEST_PAGE_ROWS */
	struct lockbox *box;
};

struct proofread {
	const struct proofread_how *how;
	const struct manifest *m;
	char *why;
	struct page page;
	struct tensor_list tensors; /* of the version's index */
	size_t tensor;		    /* the next one of it */
	struct digester *digester;
	uint64_t done; /* bytes */

	pthread_t threads[THREADS_MAX];
	unsigned int thread_count;
	pthread_mutex_t mutex;
	pthread_cond_t filled; /* a slot was taken: openers */
	pthread_cond_t opened; /* the hasher */
	struct slot *slots;
	unsigned int slot_count;
	uint64_t put, take, next; /* counts; a chunk's slot is its count mod */
	bool stop;
};

static int
wrong(struct proofread *p, const struct manifest_file *f, const char *what)
{
	char path[256];

	log_name(path, sizeof(path), f->path, strlen(f->path));
	snprintf(p->why, PROOFREAD_WHY, "%s: %.250s", path, what);
	return ERR_INTEGRITY;
}

static bool
tells_nothing(int err)
{
	return err == ERR_IO || err == ERR_NOMEM || err == ERR_SPACE ||
	    err == ERR_DENIED || err == ERR_CONFLICT || err == ERR_UNREACHABLE;
}

/* --- keys and rows, page by page --- */

static int
load_box(struct proofread *p, uint32_t index, struct lockbox **out)
{
	uint8_t *plain;
	size_t length;
	int err = store_open_page(p->how->store, &p->m->pages[index].lockbox,
	    OBJECT_LOCKBOX_PAGE, p->how->lockbox_key, &plain, &length);

	if (err != 0)
		return err;
	err = lockbox_parse(out, plain, length, index);
	secret_wipe(plain, length);
	free(plain);
	return err;
}

static int
load_page(struct proofread *p, uint64_t row)
{
	uint32_t index = (uint32_t)(row / MANIFEST_PAGE_ROWS);
	struct page *page = &p->page;
	int err;

	lockbox_free(page->box);
	page->box = NULL;
	page->first = (uint64_t)index * MANIFEST_PAGE_ROWS;
	err = version_rows_at(p->how->version, page->first, page->rows,
	    MANIFEST_PAGE_ROWS, &page->count);
	if (err == 0)
		err = load_box(p, index, &page->box);
	if (err == 0 && lockbox_count(page->box) != page->count)
		err = ERR_INTEGRITY;
	if (err != 0 && !tells_nothing(err)) {
		snprintf(p->why, PROOFREAD_WHY,
		    "page %u of its chunks, or of their keys: %s", index,
		    err == ERR_INTEGRITY ? "not what was vouched for" :
					   err_text(err));
		return ERR_INTEGRITY;
	}
	return err;
}

/* Row number `row` of the version, and its key. */
static int
find_row(struct proofread *p, uint64_t row, struct version_row *out,
    uint8_t key[static KEY_SIZE])
{
	struct page *page = &p->page;
	const struct lockbox_row *box;
	int err = 0;

	if (page->box == NULL || row < page->first ||
	    row >= page->first + page->count)
		err = load_page(p, row);
	if (err != 0)
		return err;
	*out = page->rows[row - page->first];
	box = lockbox_at(page->box, (uint32_t)(row - page->first));
	if (box->length != out->row.length) {
		snprintf(p->why, PROOFREAD_WHY,
		    "chunk %ju: its key's row states another length",
		    (uintmax_t)row);
		return ERR_INTEGRITY;
	}
	memcpy(key, box->key, KEY_SIZE);
	return 0;
}

/* --- chunks opened ahead --- */

static void
open_slot(struct proofread *p, struct slot *s)
{
	s->err = version_read(p->how->version, &s->row, s->key, 0, s->plain,
	    s->row.row.length);
	secret_wipe(s->key, KEY_SIZE);
}

static void *
opener(void *arg)
{
	struct proofread *p = arg;

	pthread_mutex_lock(&p->mutex);
	while (!p->stop) {
		struct slot *s;

		if (p->next == p->put) {
			pthread_cond_wait(&p->filled, &p->mutex);
			continue;
		}
		s = &p->slots[p->next++ % p->slot_count];
		pthread_mutex_unlock(&p->mutex);
		open_slot(p, s);
		pthread_mutex_lock(&p->mutex);
		s->state = SLOT_OPENED;
		pthread_cond_broadcast(&p->opened);
	}
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

/* Give rows of f up to `end` to the openers, as far as there is room. */
static int
feed(struct proofread *p, uint64_t *row, uint64_t end)
{
	while (*row < end && p->put - p->take < p->slot_count) {
		struct slot *s = &p->slots[p->put % p->slot_count];
		int err = find_row(p, *row, &s->row, s->key);

		if (err != 0)
			return err;
		s->state = SLOT_TAKEN;
		pthread_mutex_lock(&p->mutex);
		p->put++;
		pthread_cond_signal(&p->filled);
		pthread_mutex_unlock(&p->mutex);
		++*row;
	}
	return 0;
}

/* The oldest chunk under way, opened. */
static struct slot *
await(struct proofread *p)
{
	struct slot *s = &p->slots[p->take % p->slot_count];

	pthread_mutex_lock(&p->mutex);
	while (s->state != SLOT_OPENED)
		pthread_cond_wait(&p->opened, &p->mutex);
	pthread_mutex_unlock(&p->mutex);
	p->take++;
	s->state = SLOT_FREE;
	return s;
}

static int
hash_chunk(struct proofread *p, const struct manifest_file *f,
    const struct slot *s, uint32_t files)
{
	char hex[DIGEST_HEX_SIZE], what[160];

	if (s->err != 0 && tells_nothing(s->err))
		return s->err;
	if (s->err != 0) {
		snprintf(what, sizeof(what), "object %s: %s",
		    digest_hex(&s->row.row.object, hex),
		    s->err == ERR_NOT_FOUND ? "missing" :
					      "not what was vouched for, or "
					      "not its key");
		return wrong(p, f, what);
	}
	digester_add(p->digester, s->plain, s->row.row.length);
	p->done += s->row.row.length;
	return p->how->progress(p->how->arg, files, p->done);
}

/* --- files --- */

/* Bytes of one file, for the parser of its header. */
struct head {
	struct proofread *p;
	const struct manifest_file *f;
};

static int
read_head(void *arg, void *buf, size_t n, uint64_t offset)
{
	const struct head *h = arg;
	uint8_t *at = buf;

	while (n > 0) {
		struct version_row row, again;
		SECRET(uint8_t, key, 32);
		uint64_t in;
		size_t count, part;
		int err = version_rows(h->p->how->version, h->f, offset, n,
		    &row, 1, &count);

		if (err == 0 && count != 1)
			err = ERR_INTEGRITY;
		if (err == 0)
			err = find_row(h->p, row.number, &again, key);
		if (err != 0)
			return err;
		in = offset - row.row.offset;
		part = row.row.length - (size_t)in;
		if (part > n)
			part = n;
		err = version_read(h->p->how->version, &row, key, (uint32_t)in,
		    at, part);
		if (err != 0)
			return err;
		at += part;
		offset += part;
		n -= part;
	}
	return 0;
}

/* --- the tensor index, which diffs and the trail show --- */

static int
load_tensors(struct proofread *p)
{
	int err = version_tensors(p->how->version, &p->tensors);

	if (err == 0 || tells_nothing(err))
		return err;
	snprintf(p->why, PROOFREAD_WHY, "its tensor index: %s",
	    err == ERR_INTEGRITY ? "not what was vouched for" : err_text(err));
	return ERR_INTEGRITY;
}

static bool
same_tensor(const struct tensor *a, const struct tensor *b)
{
	return a->offset == b->offset && a->length == b->length &&
	    a->type == b->type && a->dims == b->dims &&
	    memcmp(a->shape, b->shape, a->dims * sizeof(a->shape[0])) == 0 &&
	    strcmp(a->name, b->name) == 0;
}

/* Those of row `file` in the index are these (NULL: not known), no more and no
 * fewer. */
static bool
same_tensors(struct proofread *p, uint32_t file, struct tensor_list *is)
{
	size_t first = p->tensor, n;

	while (p->tensor < p->tensors.count &&
	    p->tensors.items[p->tensor].file == file)
		p->tensor++;
	if (is == NULL)
		return true;
	n = p->tensor - first;
	if (n != is->count)
		return false;
	tensor_list_sort(is);
	for (size_t i = 0; i < n; i++)
		if (!same_tensor(&p->tensors.items[first + i], &is->items[i]))
			return false;
	return true;
}

static int
inspect(struct proofread *p, const struct manifest_file *f,
    struct model_info *out)
{
	struct head head = { .p = p, .f = f };
	const struct model_source src = { .size = f->size,
		.read = read_head,
		.arg = &head };
	char what[PROOFREAD_WHY / 2] = "";
	int err = model_inspect(out, f->path, &src, what, sizeof(what));

	if (err == 0 || tells_nothing(err))
		return err;
	return wrong(p, f, what[0] != '\0' ? what : err_text(err));
}

/* The bytes that do not count as weights are those of the header, and no
 * more; where there is none, no tensors are known. */
static int
check_head(struct proofread *p, const struct manifest_file *f, uint32_t file)
{
	struct model_info info = { 0 };
	char what[PROOFREAD_WHY / 2];
	int err = 0;

	if (f->class == MANIFEST_WEIGHTS && f->header_bytes != 0)
		err = inspect(p, f, &info);
	if (err != 0)
		return err;
	if (f->class == MANIFEST_WEIGHTS &&
	    f->header_bytes != info.header_bytes) {
		snprintf(what, sizeof(what),
		    "its header has %ju bytes, and the file table says %ju",
		    (uintmax_t)info.header_bytes, (uintmax_t)f->header_bytes);
		err = wrong(p, f, what);
	} else if (!same_tensors(p, file, &info.tensors)) {
		err = wrong(p, f,
		    "its tensors are not those of the tensor index");
	}
	model_info_clear(&info);
	return err;
}

static int
check_file(struct proofread *p, const struct manifest_file *f, uint32_t files)
{
	uint64_t row = f->first_row, end = f->first_row + f->rows;
	struct digest d;
	int err = 0;

	while (err == 0 && (row < end || p->take < p->put)) {
		err = feed(p, &row, end);
		if (err == 0)
			err = hash_chunk(p, f, await(p), files);
	}
	d = digester_end(p->digester);
	if (err != 0)
		return err;
	if (!digest_equal(&d, &f->digest))
		return wrong(p, f,
		    "its content is not the one whose SHA-256 "
		    "the manifest has");
	return check_head(p, f, files);
}

static int
check_files(struct proofread *p)
{
	int err = load_tensors(p);

	for (uint32_t i = 0; err == 0 && i < p->m->file_count; i++) {
		const struct manifest_file *f = &p->m->files[i];

		if (i < p->how->first_file)
			(void)same_tensors(p, i, NULL);
		if (f->kind == MANIFEST_FILE && i < p->how->first_file)
			p->done += f->size;
		else if (f->kind == MANIFEST_FILE)
			err = check_file(p, f, i);
		/* What was read earlier is no step back. */
		if (err == 0 && i + 1 >= p->how->first_file)
			err = p->how->progress(p->how->arg, i + 1, p->done);
	}
	return err;
}

/* --- its threads --- */

static int
start(struct proofread *p)
{
	unsigned int want = p->how->threads;

	if (want == 0 || want > THREADS_MAX)
		want = want == 0 ? 1 : THREADS_MAX;
	p->slot_count = want * SLOTS_A_THREAD + 1;
	p->slots = calloc(p->slot_count, sizeof(*p->slots));
	p->page.rows = calloc(MANIFEST_PAGE_ROWS, sizeof(*p->page.rows));
	if (p->slots == NULL || p->page.rows == NULL ||
	    digester_new(&p->digester) != 0)
		return ERR_NOMEM;
	for (unsigned int i = 0; i < p->slot_count; i++) {
		p->slots[i].plain = malloc(OBJECT_CHUNK_MAX);
		if (p->slots[i].plain == NULL)
			return ERR_NOMEM;
	}
	for (; p->thread_count < want; p->thread_count++)
		if (pthread_create(&p->threads[p->thread_count], NULL, opener,
			p) != 0)
			return ERR_NOMEM;
	return 0;
}

static void
stop(struct proofread *p)
{
	pthread_mutex_lock(&p->mutex);
	p->stop = true;
	pthread_cond_broadcast(&p->filled);
	pthread_mutex_unlock(&p->mutex);
	for (unsigned int i = 0; i < p->thread_count; i++)
		pthread_join(p->threads[i], NULL);
	for (unsigned int i = 0; p->slots != NULL && i < p->slot_count; i++) {
		if (p->slots[i].plain != NULL)
			secret_wipe(p->slots[i].plain, OBJECT_CHUNK_MAX);
		secret_wipe(p->slots[i].key, KEY_SIZE);
		free(p->slots[i].plain);
	}
	free(p->slots);
	free(p->page.rows);
	lockbox_free(p->page.box);
	tensor_list_clear(&p->tensors);
	digester_free(p->digester);
	pthread_cond_destroy(&p->opened);
	pthread_cond_destroy(&p->filled);
	pthread_mutex_destroy(&p->mutex);
}

int
proofread_run(const struct proofread_how *how, char why[static PROOFREAD_WHY])
{
	struct proofread p = { .how = how,
		.m = version_manifest(how->version),
		.why = why };
	int err;

	why[0] = '\0';
	pthread_mutex_init(&p.mutex, NULL);
	pthread_cond_init(&p.filled, NULL);
	pthread_cond_init(&p.opened, NULL);
	err = start(&p);
	if (err == 0)
		err = check_files(&p);
	stop(&p);
	return err;
}
