/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/mirror.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/lanes.h"
#include "vault/log.h"

#define THREADS 4
#define BATCH_BYTES (1ULL << 30)
#define BATCH 4096
#define FILE_MODE 0444
#define TEMPORARY_MAX 80
#define TYPE_OFFSET 10 /* FORMAT.md, "Object" */
#define OBJECT_SIZE_MAX (OBJECT_HEADER_MAX + (8U << 20))

/* A run, shared by its threads. */
struct run {
	const struct mirror *m;
	pthread_mutex_t mutex;
	size_t next;
	struct mirror_totals totals;
	int err;
	struct store *there; /* what the directory has */
	/* Objects that are written, and have no name yet. */
	struct digest *batch;
	size_t batched;
	uint64_t batched_bytes;
	/* One sync at a time: after one that failed none is believed. */
	pthread_mutex_t naming;
	bool dead;
};

/* What one thread reads into. */
struct buffer {
	uint8_t *bytes;
	size_t capacity;
	struct lanes *lanes; /* NULL: one after another */
};

static bool
take(struct run *r, size_t *i)
{
	LOCKED(lock, &r->mutex);

	if (r->err == 0 && r->m->stop != NULL && *r->m->stop)
		r->err = ERR_CONFLICT;
	if (r->err != 0 || r->next == r->m->count)
		return false;
	*i = r->next++;
	return true;
}

static void
count(struct run *r, uint64_t size, bool copied)
{
	LOCKED(lock, &r->mutex);

	r->totals.objects++;
	r->totals.bytes += size;
	if (copied) {
		r->totals.copied++;
		r->totals.copied_bytes += size;
	}
	if (r->m->progress != NULL)
		r->m->progress(r->m->arg, &r->totals);
}

static void
tell_bad(struct run *r, const struct digest *name, bool missing)
{
	LOCKED(lock, &r->mutex);

	r->totals.objects++;
	r->totals.bad++;
	if (r->m->bad != NULL)
		r->m->bad(r->m->arg, name, missing);
}

static void
fail(struct run *r, int err)
{
	LOCKED(lock, &r->mutex);

	if (r->err == 0)
		r->err = err;
}

/* --- where to --- */

static int
open_there(struct run *r)
{
	int fd = openat(r->m->to->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return log_sys("open '%s'", r->m->to->name);
	r->batch = malloc(BATCH * sizeof(*r->batch));
	if (r->batch == NULL) {
		close(fd);
		return ERR_NOMEM;
	}
	return store_dir_adopt(&r->there, fd);
}

/* "ab/abcdef…", and what it is called until it is synced. */
static void
paths_of(const struct digest *name, char path[static TEMPORARY_MAX],
    char temporary[static TEMPORARY_MAX])
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(name, hex);
	snprintf(path, TEMPORARY_MAX, "%.2s/%s", hex, hex);
	snprintf(temporary, TEMPORARY_MAX, "%.2s/" FILE_TEMPORARY "%s", hex,
	    hex);
}

/* All that was written lasts; with naming held. */
static int
sync_there(struct run *r)
{
	const struct file *to = r->m->to;

	r->dead = syncfs(to->fd) != 0;
	return r->dead ? log_sys("sync the file system of '%s'", to->name) : 0;
}

/* Give names to what is written, which lasts before. */
static int
name_batch(struct run *r, const struct digest *batch, size_t n)
{
	LOCKED(lock, &r->naming);
	const struct file *to = r->m->to;
	int err;

	if (r->dead)
		return ERR_IO;
	if (n > 0 && (err = sync_there(r)) != 0)
		return err;
	for (size_t i = 0; i < n; i++) {
		char path[TEMPORARY_MAX], temporary[TEMPORARY_MAX];

		paths_of(&batch[i], path, temporary);
		if (renameat(to->fd, temporary, to->fd, path) != 0)
			return log_sys("rename to '%s/%s'", to->name, path);
	}
	/* Of 256 directories and the one that they are in, at once. */
	return sync_there(r);
}

/* One more is written; a full batch is taken off, for its names to be given
 * while others go on.  NULL: it is not full, or memory is short. */
static struct digest *
add_to_batch(struct run *r, const struct digest *name, uint64_t size, size_t *n)
{
	LOCKED(lock, &r->mutex);
	struct digest *full = r->batch, *next;

	r->batch[r->batched++] = *name;
	r->batched_bytes += size;
	if (r->batched < BATCH && r->batched_bytes < BATCH_BYTES)
		return NULL;
	next = malloc(BATCH * sizeof(*next));
	if (next == NULL) {
		if (r->err == 0)
			r->err = ERR_NOMEM;
		r->batched -= r->batched == BATCH;
		return NULL;
	}
	*n = r->batched;
	r->batch = next;
	r->batched = 0;
	r->batched_bytes = 0;
	return full;
}

static int
write_object(struct run *r, const struct digest *name, const uint8_t *bytes,
    uint64_t size)
{
	const struct file *to = r->m->to;
	char path[TEMPORARY_MAX], temporary[TEMPORARY_MAX], ab[3];
	struct digest *full;
	OWNED(file) f = NULL;
	size_t n = 0;
	int err;

	paths_of(name, path, temporary);
	snprintf(ab, sizeof(ab), "%.2s", path);
	if (mkdirat(to->fd, ab, 0777) != 0 && errno != EEXIST)
		return log_sys("make '%s/%s'", to->name, ab);
	/* A run that was killed may have left one, of no use. */
	if (unlinkat(to->fd, temporary, 0) != 0 && errno != ENOENT)
		return log_sys("remove '%s/%s'", to->name, temporary);
	err = file_open(&f, to, temporary, O_WRONLY | O_CREAT | O_EXCL,
	    FILE_MODE);
	if (err == 0)
		err = file_write_at(f, bytes, size, 0);
	if (err != 0)
		return err;
	/* The disk may begin; whether it can is no matter. */
	(void)sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	full = add_to_batch(r, name, size, &n);
	if (full != NULL)
		err = name_batch(r, full, n);
	free(full);
	return err;
}

/* --- where from --- */

static int
read_whole(struct store *s, struct buffer *b, const struct digest *name,
    uint64_t size)
{
	size_t got;
	int err;

	if (size < OBJECT_HEADER_FIXED || size > OBJECT_SIZE_MAX)
		return ERR_INTEGRITY;
	if (size > b->capacity) {
		free(b->bytes);
		b->capacity = 0;
		b->bytes = malloc(size);
		if (b->bytes == NULL)
			return ERR_NOMEM;
		b->capacity = size;
	}
	err = store_get(s, name, 0, b->bytes, size, &got);
	return err == 0 && got != size ? ERR_INTEGRITY : err;
}

/* Header by the name, body by the header. */
static int
check(const struct buffer *b, uint64_t size, const struct digest *name,
    uint32_t *header)
{
	OWNED(object) o = NULL;
	int err = object_peek(b->bytes, header);

	if (err == 0 && *header > size)
		err = ERR_INTEGRITY;
	if (err == 0)
		err = object_parse(&o, b->bytes, *header,
		    (enum object_type)b->bytes[TYPE_OFFSET], name);
	if (err == 0)
		err = object_check_body(o, b->lanes, b->bytes + *header,
		    size - *header);
	return err;
}

static bool
is_news_of_it(int err)
{
	return err == ERR_NOT_FOUND || err == ERR_INTEGRITY ||
	    err == ERR_FORMAT || err == ERR_LIMIT;
}

/* Whether a sound copy is there, as far as one is asked to look. */
static bool
is_there(struct run *r, struct buffer *b, const struct digest *name,
    uint64_t size)
{
	uint64_t there = 0;
	uint32_t header;

	if (store_has(r->there, name, &there) != 0 || there != size)
		return false;
	return !r->m->read_all ||
	    (read_whole(r->there, b, name, size) == 0 &&
		check(b, size, name, &header) == 0);
}

static int
copy_one(struct run *r, struct buffer *b, const struct digest *name)
{
	uint64_t size = 0;
	uint32_t header = 0;
	int err = store_has(r->m->from, name, &size);

	if (err == 0 && is_there(r, b, name, size)) {
		count(r, size, false);
		return 0;
	}
	if (err == 0)
		err = read_whole(r->m->from, b, name, size);
	if (err == 0)
		err = check(b, size, name, &header);
	if (is_news_of_it(err)) {
		tell_bad(r, name, err == ERR_NOT_FOUND);
		return 0;
	}
	if (err == 0)
		err = write_object(r, name, b->bytes, size);
	if (err == 0)
		count(r, size, true);
	return err;
}

static void *
work(void *arg)
{
	struct run *r = arg;
	struct buffer b = { 0 };
	size_t i;

	if (lanes_new(&b.lanes, LANES_FASTER) != 0)
		b.lanes = NULL;
	while (take(r, &i)) {
		int err = copy_one(r, &b, &r->m->names[i]);

		if (err != 0)
			fail(r, err);
	}
	lanes_free(b.lanes);
	free(b.bytes);
	return NULL;
}

int
mirror_run(const struct mirror *m, struct mirror_totals *out)
{
	struct run r = { .m = m };
	pthread_t threads[THREADS];
	int err, n = 0;

	err = open_there(&r);
	if (err != 0)
		return err;
	pthread_mutex_init(&r.mutex, NULL);
	pthread_mutex_init(&r.naming, NULL);
	while (n < THREADS && pthread_create(&threads[n], NULL, work, &r) == 0)
		n++;
	if (n == 0)
		work(&r);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	err = name_batch(&r, r.batch, r.batched);
	pthread_mutex_destroy(&r.mutex);
	pthread_mutex_destroy(&r.naming);
	free(r.batch);
	store_free(r.there);
	*out = r.totals;
	return r.err != 0 ? r.err : err;
}
