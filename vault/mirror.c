/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/mirror.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/lanes.h"
#include "vault/log.h"

#define THREADS 4
#define TYPE_OFFSET 10 /* FORMAT.md, "Object" */
#define OBJECT_SIZE_MAX (OBJECT_HEADER_MAX + (8U << 20))

/* A run, shared by its threads. */
struct run {
	const struct mirror *m;
	pthread_mutex_t mutex;
	size_t next;
	struct mirror_totals totals;
	int err;
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

static int
read_whole(struct run *r, struct buffer *b, const struct digest *name,
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
	err = store_get(r->m->from, name, 0, b->bytes, size, &got);
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

static int
copy_one(struct run *r, struct buffer *b, const struct digest *name)
{
	const struct mirror *m = r->m;
	uint64_t size = 0, there = 0;
	uint32_t header = 0;
	bool stored = false;
	int err = store_has(m->from, name, &size);

	if (err == 0 && !m->read_all && store_has(m->to, name, &there) == 0 &&
	    there == size) {
		count(r, size, false);
		return 0;
	}
	if (err == 0)
		err = read_whole(r, b, name, size);
	if (err == 0)
		err = check(b, size, name, &header);
	if (is_news_of_it(err)) {
		tell_bad(r, name, err == ERR_NOT_FOUND);
		return 0;
	}
	if (err == 0)
		err = store_put_later(m->to, name, b->bytes, size, header,
		    &stored);
	if (err == 0)
		count(r, size, stored);
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

	pthread_mutex_init(&r.mutex, NULL);
	while (n < THREADS && pthread_create(&threads[n], NULL, work, &r) == 0)
		n++;
	if (n == 0)
		work(&r);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	pthread_mutex_destroy(&r.mutex);
	err = store_flush(m->to);
	*out = r.totals;
	return r.err != 0 ? r.err : err;
}
