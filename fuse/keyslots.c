/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/keyslots.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define HASH_NONFATAL_OOM 1 /* hh.tbl is NULL then */
#include <uthash.h>

#include "vault/err.h"

/* All keys of one release: they come and go together. */
struct group {
	TAILQ_ENTRY(group) link;
	size_t count;
	struct entry *entries[MSG_WINDOW_MAX];
};

struct entry {
	uint64_t id; /* version and row */
	struct chunk_key *key;
	struct group *group;
	UT_hash_handle hh;
};

TAILQ_HEAD(group_list, group);

struct keyslots {
	pthread_mutex_t mutex;
	struct key_arena *arena;
	struct entry *entries;	  /* by id */
	struct group_list groups; /* the most recently used one first */
};

/* Rows are below 2^48: a version of 2^48 chunks would be 2^64 bytes. */
static uint64_t
id_of(uint16_t version, uint64_t row)
{
	return (uint64_t)version << 48 | row;
}

int
keyslots_new(struct keyslots **out, size_t slots)
{
	OWNED(keyslots) k = calloc(1, sizeof(*k));
	int err;

	assert(slots >= MSG_WINDOW_MAX);
	if (k == NULL)
		return ERR_NOMEM;
	pthread_mutex_init(&k->mutex, NULL);
	TAILQ_INIT(&k->groups);
	err = key_arena_new(&k->arena, slots);
	if (err != 0)
		return err;
	*out = k;
	k = NULL;
	return 0;
}

static void
drop_group(struct keyslots *k, struct group *g)
{
	for (size_t i = 0; i < g->count; i++) {
		struct entry *e = g->entries[i];

		HASH_DEL(k->entries, e);
		chunk_key_drop(k->arena, e->key);
		free(e);
	}
	TAILQ_REMOVE(&k->groups, g, link);
	free(g);
}

static void
drop_all(struct keyslots *k)
{
	struct group *g;

	while ((g = TAILQ_FIRST(&k->groups)) != NULL)
		drop_group(k, g);
}

void
keyslots_free(struct keyslots *k)
{
	if (k == NULL)
		return;
	drop_all(k);
	key_arena_free(k->arena);
	pthread_mutex_destroy(&k->mutex);
	free(k);
}

void
keyslots_wipe(struct keyslots *k)
{
	LOCKED(lock, &k->mutex);

	drop_all(k);
}

static struct entry *
find(struct keyslots *k, uint16_t version, uint64_t row)
{
	uint64_t id = id_of(version, row);
	struct entry *e;

	HASH_FIND(hh, k->entries, &id, sizeof(id), e);
	return e;
}

bool
keyslots_get(struct keyslots *k, uint16_t version, uint64_t row,
    uint8_t key[static KEY_SIZE])
{
	LOCKED(lock, &k->mutex);
	struct entry *e = find(k, version, row);

	if (e == NULL)
		return false;
	memcpy(key, chunk_key_bytes(e->key), KEY_SIZE);
	if (e->group != TAILQ_FIRST(&k->groups)) {
		TAILQ_REMOVE(&k->groups, e->group, link);
		TAILQ_INSERT_HEAD(&k->groups, e->group, link);
	}
	return true;
}

bool
keyslots_has(struct keyslots *k, uint16_t version, uint64_t row)
{
	LOCKED(lock, &k->mutex);

	return find(k, version, row) != NULL;
}

/* A slot with this key; older releases go until there is one.  The group being
 * made is the first in the list and is never the last one to go. */
static int
take_slot(struct keyslots *k, const uint8_t key[static KEY_SIZE],
    struct chunk_key **out)
{
	int err;

	while ((err = chunk_key_from(out, k->arena, key)) == ERR_LIMIT) {
		struct group *oldest = TAILQ_LAST(&k->groups, group_list);

		assert(oldest != TAILQ_FIRST(&k->groups));
		drop_group(k, oldest);
	}
	return err;
}

static int
put_one(struct keyslots *k, struct group *g, uint64_t id,
    const uint8_t key[static KEY_SIZE])
{
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return ERR_NOMEM;
	int err = take_slot(k, key, &e->key);

	if (err != 0) {
		free(e);
		return err;
	}
	e->id = id;
	e->group = g;
	HASH_ADD(hh, k->entries, id, sizeof(e->id), e);
	if (e->hh.tbl == NULL) {
		chunk_key_drop(k->arena, e->key);
		free(e);
		return ERR_NOMEM;
	}
	g->entries[g->count++] = e;
	return 0;
}

int
keyslots_put(struct keyslots *k, uint16_t version, uint64_t first,
    const struct msg_release_reply *keys)
{
	LOCKED(lock, &k->mutex);
	struct group *g = calloc(1, sizeof(*g));
	int err = 0;

	if (g == NULL)
		return ERR_NOMEM;
	TAILQ_INSERT_HEAD(&k->groups, g, link);
	for (uint32_t i = 0; err == 0 && i < keys->count; i++)
		if (find(k, version, first + i) == NULL)
			err = put_one(k, g, id_of(version, first + i),
			    keys->rows[i].key);
	if (g->count == 0)
		drop_group(k, g);
	return err;
}
