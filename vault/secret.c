/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "vault/err.h"
#include "vault/guarded.h"
#include "vault/log.h"

int
secret_init(void)
{
	const struct rlimit none = { 0, 0 };

	if (sodium_init() < 0)
		return log_err(ERR_IO, "libsodium does not start");
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		return log_sys("setrlimit RLIMIT_CORE");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return log_sys("prctl PR_SET_DUMPABLE");
	return 0;
}

void
secret_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

void
secret_wipe_32(void *p)
{
	sodium_memzero(p, 32);
}

void
secret_wipe_64(void *p)
{
	sodium_memzero(p, 64);
}

static int
key_from(void **out, const uint8_t bytes[static KEY_SIZE])
{
	void *p;
	int err = guarded_new(&p, KEY_SIZE);

	if (err != 0)
		return err;
	memcpy(p, bytes, KEY_SIZE);
	guarded_seal(p);
	*out = p;
	return 0;
}

static int
key_new(void **out)
{
	SECRET(uint8_t, bytes, 32);

	randombytes_buf(bytes, sizeof(bytes));
	return key_from(out, bytes);
}

#define SECRET_KEY_BODY(x)                                                     \
	struct x {                                                             \
		uint8_t bytes[KEY_SIZE];                                       \
	};                                                                     \
                                                                               \
	int x##_new(struct x **out)                                            \
	{                                                                      \
		void *p;                                                       \
		int err = key_new(&p);                                         \
                                                                               \
		if (err == 0)                                                  \
			*out = p;                                              \
		return err;                                                    \
	}                                                                      \
                                                                               \
	int x##_from(struct x **out, const uint8_t bytes[static KEY_SIZE])     \
	{                                                                      \
		void *p;                                                       \
		int err = key_from(&p, bytes);                                 \
                                                                               \
		if (err == 0)                                                  \
			*out = p;                                              \
		return err;                                                    \
	}                                                                      \
                                                                               \
	const uint8_t *x##_bytes(const struct x *k)                            \
	{                                                                      \
		return k->bytes;                                               \
	}                                                                      \
                                                                               \
	void x##_free(struct x *k)                                             \
	{                                                                      \
		guarded_free(k);                                               \
	}                                                                      \
	struct x

SECRET_KEY_BODY(root_key);
SECRET_KEY_BODY(epoch_key);
SECRET_KEY_BODY(version_key);
SECRET_KEY_BODY(page_key);
SECRET_KEY_BODY(family_key);
SECRET_KEY_BODY(sign_key);

struct chunk_key {
	uint8_t bytes[KEY_SIZE];
};

struct key_arena {
	pthread_mutex_t mutex;
	struct chunk_key *slots; /* guarded; alone in its memory */
	size_t count;
	bool *used;
	uint32_t *spare; /* stack of the free slots */
	size_t spares;
};

int
key_arena_new(struct key_arena **out, size_t slots)
{
	OWNED(key_arena) a = calloc(1, sizeof(*a));
	void *p;
	int err;

	if (slots == 0 || slots > UINT32_MAX)
		return ERR_USAGE;
	if (a == NULL)
		return ERR_NOMEM;
	pthread_mutex_init(&a->mutex, NULL);
	a->used = calloc(slots, sizeof(*a->used));
	a->spare = calloc(slots, sizeof(*a->spare));
	if (a->used == NULL || a->spare == NULL)
		return ERR_NOMEM;
	err = guarded_new(&p, slots * sizeof(*a->slots));
	if (err != 0)
		return err;
	a->slots = p;
	a->count = slots;
	for (; a->spares < slots; a->spares++)
		a->spare[a->spares] = (uint32_t)(slots - 1 - a->spares);
	*out = a;
	a = NULL;
	return 0;
}

void
key_arena_free(struct key_arena *a)
{
	if (a == NULL)
		return;
	guarded_free(a->slots);
	free(a->spare);
	free(a->used);
	pthread_mutex_destroy(&a->mutex);
	free(a);
}

int
chunk_key_from(struct chunk_key **out, struct key_arena *a,
    const uint8_t bytes[static KEY_SIZE])
{
	LOCKED(lock, &a->mutex);
	uint32_t slot;

	if (a->spares == 0)
		return ERR_LIMIT;
	slot = a->spare[--a->spares];
	a->used[slot] = true;
	memcpy(a->slots[slot].bytes, bytes, KEY_SIZE);
	*out = &a->slots[slot];
	return 0;
}

const uint8_t *
chunk_key_bytes(const struct chunk_key *k)
{
	return k->bytes;
}

void
chunk_key_drop(struct key_arena *a, struct chunk_key *k)
{
	LOCKED(lock, &a->mutex);
	size_t slot;

	if (k == NULL)
		return;
	slot = (size_t)(k - a->slots);
	assert(slot < a->count && a->used[slot]);
	sodium_memzero(k->bytes, KEY_SIZE);
	a->used[slot] = false;
	a->spare[a->spares++] = (uint32_t)slot;
}

struct secret_text {
	size_t length;
	uint8_t bytes[];
};

int
secret_text_from(struct secret_text **out, const void *bytes, size_t n)
{
	const size_t align = alignof(struct secret_text);
	struct secret_text *t;
	void *p;
	int err;

	if (n > SIZE_MAX - sizeof(*t) - align)
		return ERR_LIMIT;
	/* It ends at a page's end: round up to stay aligned. */
	err = guarded_new(&p, (sizeof(*t) + n + align - 1) / align * align);
	if (err != 0)
		return err;
	t = p;
	t->length = n;
	if (n > 0)
		memcpy(t->bytes, bytes, n);
	guarded_seal(t);
	*out = t;
	return 0;
}

const uint8_t *
secret_text_bytes(const struct secret_text *t, size_t *n)
{
	*n = t->length;
	return t->bytes;
}

void
secret_text_free(struct secret_text *t)
{
	guarded_free(t);
}
