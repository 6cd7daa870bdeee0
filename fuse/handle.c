/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/handle.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/queue.h>

#define HASH_NONFATAL_OOM 1 /* hh.tbl is NULL then */
#include <uthash.h>

#include "vault/clock.h"
#include "vault/err.h"

#define FAILED_KEPT 16
#define AGAIN_MS 1000
#define OTHERS 16 /* users who did not open it, and are told of */

struct failed {
	uint64_t offset;
	uint64_t size; /* 0: unused */
	int64_t until;
};

/* What handles of one file share. */
struct place {
	uint64_t ino;
	unsigned int refs; /* by the set's mutex */
	pthread_mutex_t mutex;
	struct window window;
	struct failed failed[FAILED_KEPT];
	size_t next_failed;
	UT_hash_handle hh;
};

struct handle {
	TAILQ_ENTRY(handle) link;
	struct handle_set *set;
	atomic_uint refs;
	struct handle_file file;
	uint32_t uid;
	uint32_t pid;
	struct place *place;
	pthread_mutex_t mutex; /* of what follows */
	struct pattern pattern;
	struct extents extents;
	uint32_t other; /* the last user who asked without having opened it */
	uint32_t others;
};

struct handle_set {
	pthread_mutex_t mutex;
	TAILQ_HEAD(, handle) handles;
	struct place *places;
	void (*closed)(void *arg, struct handle *h);
	void *arg;
};

int
handle_set_new(struct handle_set **out,
    void (*closed)(void *arg, struct handle *h), void *arg)
{
	struct handle_set *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ERR_NOMEM;
	pthread_mutex_init(&s->mutex, NULL);
	TAILQ_INIT(&s->handles);
	s->closed = closed;
	s->arg = arg;
	*out = s;
	return 0;
}

void
handle_set_free(struct handle_set *s)
{
	if (s == NULL)
		return;
	/* The kernel releases what is open before it lets go of a mount, but
	 * not when the connection is aborted. */
	while (!TAILQ_EMPTY(&s->handles)) {
		struct handle *h = TAILQ_FIRST(&s->handles);

		atomic_store(&h->refs, 1);
		handle_free(h);
	}
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

/* The place of a file, made if this is its first handle; NULL: no memory. */
static struct place *
hold_place(struct handle_set *s, const struct handle_file *file)
{
	struct place *p;

	HASH_FIND(hh, s->places, &file->ino, sizeof(file->ino), p);
	if (p == NULL) {
		p = calloc(1, sizeof(*p));
		if (p == NULL)
			return NULL;
		p->ino = file->ino;
		pthread_mutex_init(&p->mutex, NULL);
		window_init(&p->window, file->window);
		HASH_ADD(hh, s->places, ino, sizeof(p->ino), p);
		if (p->hh.tbl == NULL) {
			pthread_mutex_destroy(&p->mutex);
			free(p);
			return NULL;
		}
	}
	p->refs++;
	return p;
}

static void
drop_place(struct handle_set *s, struct place *p)
{
	if (--p->refs > 0)
		return;
	HASH_DEL(s->places, p);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}

int
handle_open(struct handle **out, struct handle_set *s,
    const struct handle_file *file, uint32_t uid, uint32_t pid)
{
	struct handle *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return ERR_NOMEM;
	h->set = s;
	h->file = *file;
	h->uid = uid;
	h->pid = pid;
	atomic_init(&h->refs, 1);
	pattern_init(&h->pattern);
	pthread_mutex_init(&h->mutex, NULL);

	LOCKED(lock, &s->mutex);

	h->place = hold_place(s, file);
	if (h->place == NULL) {
		pthread_mutex_destroy(&h->mutex);
		free(h);
		return ERR_NOMEM;
	}
	TAILQ_INSERT_TAIL(&s->handles, h, link);
	*out = h;
	return 0;
}

struct handle *
handle_hold(struct handle *h)
{
	atomic_fetch_add(&h->refs, 1);
	return h;
}

void
handle_free(struct handle *h)
{
	if (h == NULL || atomic_fetch_sub(&h->refs, 1) > 1)
		return;
	{
		LOCKED(lock, &h->set->mutex);

		TAILQ_REMOVE(&h->set->handles, h, link);
		drop_place(h->set, h->place);
	}
	if (h->set->closed != NULL)
		h->set->closed(h->set->arg, h);
	extents_clear(&h->extents);
	pthread_mutex_destroy(&h->mutex);
	free(h);
}

const struct handle_file *
handle_file(const struct handle *h)
{
	return &h->file;
}

bool
handle_is_of(const struct handle *h, uint32_t uid)
{
	return h->uid == uid;
}

bool
handle_handed_on(struct handle *h, uint32_t uid, struct extent *opener)
{
	LOCKED(lock, &h->mutex);

	if ((h->others > 0 && h->other == uid) || h->others == OTHERS)
		return false;
	h->other = uid;
	h->others++;
	*opener = (struct extent){ .uid = h->uid, .pid = h->pid };
	return true;
}

uint32_t
handle_index(const struct handle *h)
{
	return (uint32_t)(h->file.file - h->file.manifest->files);
}

/* From rows of the file to rows of the version, none beyond the file's. */
static struct window_ask
cut(const struct handle *h, struct window_ask ask)
{
	const struct manifest_file *f = h->file.file;
	uint64_t left = ask.first < f->rows ? f->rows - ask.first : 0;

	if (ask.count > left)
		ask.count = (uint32_t)left;
	ask.first += f->first_row;
	return ask;
}

enum pattern_kind
handle_note(struct handle *h, uint64_t row, uint32_t count)
{
	LOCKED(lock, &h->mutex);

	pattern_note(&h->pattern, row - h->file.file->first_row, count);
	return pattern_kind(&h->pattern);
}

static struct pattern_ahead
ahead_of(struct handle *h, uint64_t row)
{
	LOCKED(lock, &h->mutex);

	return pattern_ahead(&h->pattern, row - h->file.file->first_row);
}

struct window_ask
handle_miss(struct handle *h, uint64_t row, uint32_t need)
{
	const struct pattern_ahead ahead = ahead_of(h, row);
	LOCKED(lock, &h->place->mutex);

	return cut(h,
	    window_miss(&h->place->window, row - h->file.file->first_row, need,
		&ahead));
}

bool
handle_hit(struct handle *h, uint64_t row, struct window_ask *out)
{
	const struct pattern_ahead ahead = ahead_of(h, row);
	LOCKED(lock, &h->place->mutex);
	struct window_ask ask;

	if (!window_hit(&h->place->window, row - h->file.file->first_row,
		&ahead, &ask))
		return false;
	ask = cut(h, ask);
	if (ask.count == 0)
		return false;
	*out = ask;
	return true;
}

bool
handle_again(struct handle *h, uint64_t offset, uint64_t size)
{
	struct place *p = h->place;
	LOCKED(lock, &p->mutex);
	int64_t now = clock_ms();

	for (size_t i = 0; i < FAILED_KEPT; i++)
		if (p->failed[i].size == size &&
		    p->failed[i].offset == offset && now < p->failed[i].until) {
			p->failed[i].size = 0;
			return true;
		}
	p->failed[p->next_failed] = (struct failed){ offset, size,
		now + AGAIN_MS };
	p->next_failed = (p->next_failed + 1) % FAILED_KEPT;
	return false;
}

int
handle_read(struct handle *h, const struct extent *x)
{
	LOCKED(lock, &h->mutex);
	struct extent read = *x;

	if (read.uid == h->uid)
		read.pid = h->pid;
	return extents_add(&h->extents, &read);
}

struct extents
handle_take(struct handle *h)
{
	LOCKED(lock, &h->mutex);
	struct extents taken = h->extents;

	h->extents = (struct extents){ 0 };
	return taken;
}

void
handle_each(struct handle_set *s, void (*each)(void *arg, struct handle *h),
    void *arg)
{
	LOCKED(lock, &s->mutex);
	struct handle *h;

	TAILQ_FOREACH(h, &s->handles, link)
		each(arg, h);
}
