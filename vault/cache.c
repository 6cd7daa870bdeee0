/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/cache.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/queue.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "vault/err.h"

struct cache_item {
	UT_hash_handle hh;
	TAILQ_ENTRY(cache_item) age;
	struct cache *cache;
	struct digest key;
	void *value;
	size_t holders;
	bool listed; /* in the table; else only its holders know it */
};

struct cache {
	pthread_mutex_t mutex;
	struct cache_item *table;
	TAILQ_HEAD(, cache_item) ages; /* the oldest first */
	size_t count;
	size_t max;
	void (*drop)(void *value);
};

int
cache_new(struct cache **out, size_t max, void (*drop)(void *value))
{
	struct cache *c = calloc(1, sizeof(*c));

	assert(max > 0);
	if (c == NULL)
		return ERR_NOMEM;
	pthread_mutex_init(&c->mutex, NULL);
	TAILQ_INIT(&c->ages);
	c->max = max;
	c->drop = drop;
	*out = c;
	return 0;
}

static void
destroy(struct cache_item *i)
{
	i->cache->drop(i->value);
	free(i);
}

/* Out of the table.  Returns i if nobody holds it: to be destroyed. */
static struct cache_item *
unlist(struct cache *c, struct cache_item *i)
{
	HASH_DELETE(hh, c->table, i);
	TAILQ_REMOVE(&c->ages, i, age);
	c->count--;
	i->listed = false;
	return i->holders == 0 ? i : NULL;
}

void
cache_free(struct cache *c)
{
	if (c == NULL)
		return;
	while (!TAILQ_EMPTY(&c->ages)) {
		struct cache_item *i = TAILQ_FIRST(&c->ages);

		assert(i->holders == 0);
		destroy(unlist(c, i));
	}
	pthread_mutex_destroy(&c->mutex);
	free(c);
}

const void *
cache_item_value(const struct cache_item *i)
{
	return i->value;
}

void
cache_item_free(struct cache_item *i)
{
	bool last;

	if (i == NULL)
		return;
	{
		LOCKED(lock, &i->cache->mutex);

		last = --i->holders == 0 && !i->listed;
	}
	if (last)
		destroy(i);
}

static struct cache_item *
hold(struct cache *c, const struct digest *key)
{
	struct cache_item *i = NULL;

	HASH_FIND(hh, c->table, key, sizeof(*key), i);
	if (i == NULL)
		return NULL;
	TAILQ_REMOVE(&c->ages, i, age);
	TAILQ_INSERT_TAIL(&c->ages, i, age);
	i->holders++;
	return i;
}

struct cache_item *
cache_get(struct cache *c, const struct digest *key)
{
	LOCKED(lock, &c->mutex);

	return hold(c, key);
}

/* List i unless its key is there; *out is what is held then.  Returns what is
 * to be destroyed once the lock is gone. */
static struct cache_item *
list(struct cache *c, struct cache_item *i, struct cache_item **out)
{
	LOCKED(lock, &c->mutex);

	*out = hold(c, &i->key);
	if (*out != NULL)
		return i;
	HASH_ADD(hh, c->table, key, sizeof(i->key), i);
	if (i->hh.tbl == NULL)
		return i;
	TAILQ_INSERT_TAIL(&c->ages, i, age);
	c->count++;
	i->listed = true;
	i->holders = 1;
	*out = i;
	return c->count > c->max ? unlist(c, TAILQ_FIRST(&c->ages)) : NULL;
}

int
cache_add(struct cache_item **out, struct cache *c, const struct digest *key,
    void *value)
{
	struct cache_item *i = calloc(1, sizeof(*i)), *held, *old;

	if (i == NULL) {
		c->drop(value);
		return ERR_NOMEM;
	}
	i->cache = c;
	i->key = *key;
	i->value = value;
	old = list(c, i, &held);
	if (old != NULL)
		destroy(old);
	if (held == NULL)
		return ERR_NOMEM;
	*out = held;
	return 0;
}
