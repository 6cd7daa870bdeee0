/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SECRET_H
#define WEIR_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"

/* Keys, secret texts and scratch that hold no secret longer than they must. */

#define KEY_SIZE 32

/* Once per process, before any key: libsodium, no core, not dumpable. */
int secret_init(void) MUST_USE;

/* Stack scratch that wipes itself: SECRET(uint8_t, tmp, 32); */
#define SECRET(type, name, n)                                                  \
	__attribute__((cleanup(secret_wipe_##n))) type name[n]
void secret_wipe_32(void *p);
void secret_wipe_64(void *p);

void secret_wipe(void *p, size_t n);

/*
 * Keys are types: one cannot be passed for another, printed or copied.  Each
 * lives in guarded memory (guarded.h) and is wiped when freed.
 *
 *	x_new(&k)		a fresh random key
 *	x_from(&k, bytes)	a key with these bytes
 *	x_bytes(k)		its KEY_SIZE bytes, for the crypto below
 *	x_free(k)
 */
#define SECRET_KEY(x)                                                          \
	struct x;                                                              \
	int x##_new(struct x **out) MUST_USE;                                  \
	int x##_from(struct x **out, const uint8_t bytes[static KEY_SIZE])     \
	    MUST_USE;                                                          \
	const uint8_t *x##_bytes(const struct x *k);                           \
	void x##_free(struct x *k);                                            \
	OWNED_TYPE(x)

SECRET_KEY(root_key);	 /* opens the keyring's body and wraps what lasts */
SECRET_KEY(epoch_key);	 /* wraps version keys */
SECRET_KEY(version_key); /* of one version: page_keys come from it */
SECRET_KEY(page_key);	 /* opens one kind of a version's pages */
SECRET_KEY(family_key);	 /* the family secret: chunk keys come from it */
SECRET_KEY(sign_key);	 /* an Ed25519 seed */

/*
 * Chunk keys come by the thousand: slots in one guarded, locked, bounded
 * arena.  Thread-safe.
 */
struct key_arena;
struct chunk_key;

/* slots keys at most.  ERR_NOMEM also when they cannot be locked. */
int key_arena_new(struct key_arena **out, size_t slots) MUST_USE;
void key_arena_free(struct key_arena *a); /* wipes all */
OWNED_TYPE(key_arena);

/* ERR_LIMIT when the arena is full: drop some and try again. */
int chunk_key_from(struct chunk_key **out, struct key_arena *a,
    const uint8_t bytes[static KEY_SIZE]) MUST_USE;
const uint8_t *chunk_key_bytes(const struct chunk_key *k);
/* Wipe and give the slot back to a; NULL does nothing. */
void chunk_key_drop(struct key_arena *a, struct chunk_key *k);

/* A variable-length secret (a passphrase) in guarded memory. */
struct secret_text;
int secret_text_from(struct secret_text **out, const void *bytes, size_t n)
    MUST_USE;
const uint8_t *secret_text_bytes(const struct secret_text *t, size_t *n);
void secret_text_free(struct secret_text *t);
OWNED_TYPE(secret_text);

#endif
