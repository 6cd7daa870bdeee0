/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/opened.h"

#include <assert.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/guarded.h"

struct slot {
	struct digest object;
	uint32_t number;
	uint32_t length; /* 0: unused */
	uint64_t used;
};

/* Of a slot, in guarded memory. */
struct content {
	uint8_t plain[OPENED_BLOCK];
	uint8_t key[KEY_SIZE];
};

struct opened {
	pthread_mutex_t mutex; /* of what follows */
	struct slot *slots;
	struct content *contents;
	size_t count;
	uint64_t clock;
	bool closed;
};

int
opened_new(struct opened **out, size_t count)
{
	OWNED(opened) o = calloc(1, sizeof(*o));
	void *contents;
	int err;

	assert(count > 0);
	if (o == NULL)
		return ERR_NOMEM;
	pthread_mutex_init(&o->mutex, NULL);
	o->count = count;
	o->slots = calloc(count, sizeof(*o->slots));
	if (o->slots == NULL)
		return ERR_NOMEM;
	err = guarded_new(&contents, count * sizeof(*o->contents));
	if (err != 0)
		return err;
	o->contents = contents;
	*out = o;
	o = NULL;
	return 0;
}

void
opened_free(struct opened *o)
{
	if (o == NULL)
		return;
	guarded_free(o->contents);
	free(o->slots);
	pthread_mutex_destroy(&o->mutex);
	free(o);
}

/* The mutex is held, as in those below. */
static struct slot *
find(struct opened *o, const struct opened_block *b)
{
	for (size_t i = 0; i < o->count; i++) {
		struct slot *s = &o->slots[i];

		if (s->length > 0 && s->number == b->number &&
		    digest_equal(&s->object, b->object))
			return s;
	}
	return NULL;
}

static struct slot *
oldest(struct opened *o)
{
	struct slot *s = &o->slots[0];

	for (size_t i = 1; i < o->count; i++)
		if (o->slots[i].used < s->used)
			s = &o->slots[i];
	return s;
}

static void
clear(struct opened *o, struct slot *s)
{
	if (s->length > 0)
		secret_wipe(&o->contents[s - o->slots], sizeof(*o->contents));
	*s = (struct slot){ 0 };
}

bool
opened_take(struct opened *o, const struct opened_block *b, uint32_t from,
    void *buf, size_t n)
{
	LOCKED(lock, &o->mutex);
	struct slot *s = find(o, b);
	const struct content *c;

	if (s == NULL || from > s->length || n > s->length - from)
		return false;
	c = &o->contents[s - o->slots];
	if (sodium_memcmp(c->key, b->key, KEY_SIZE) != 0)
		return false;
	memcpy(buf, c->plain + from, n);
	s->used = ++o->clock;
	return true;
}

void
opened_keep(struct opened *o, const struct opened_block *b, const void *plain,
    size_t n)
{
	LOCKED(lock, &o->mutex);
	struct slot *s = find(o, b);
	struct content *c;

	assert(n > 0 && n <= OPENED_BLOCK);
	if (o->closed)
		return;
	if (s == NULL)
		s = oldest(o);
	c = &o->contents[s - o->slots];
	if (s->length > n)
		secret_wipe(c->plain + n, s->length - n);
	*s = (struct slot){ .object = *b->object,
		.number = b->number,
		.length = (uint32_t)n,
		.used = ++o->clock };
	memcpy(c->plain, plain, n);
	memcpy(c->key, b->key, KEY_SIZE);
}

static void
clear_all(struct opened *o)
{
	for (size_t i = 0; i < o->count; i++)
		clear(o, &o->slots[i]);
}

void
opened_wipe(struct opened *o)
{
	LOCKED(lock, &o->mutex);

	clear_all(o);
}

void
opened_close(struct opened *o)
{
	LOCKED(lock, &o->mutex);

	o->closed = true;
	clear_all(o);
}
