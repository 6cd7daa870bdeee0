/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/shelf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/owned.h"

const uint8_t shelf_key[KEY_SIZE] = "the key of these tests, number a";

struct store *
shelf_open(const struct scratch *dir)
{
	struct store *s;

	assert_int_equal(store_dir_init(dir->path), 0);
	assert_int_equal(store_dir_open(&s, dir->path), 0);
	return s;
}

struct sample
shelf_chunk(size_t n)
{
	OWNED_MEM(uint8_t) plain = sample_noise(n, n);

	return sample_chunk(plain, n, shelf_key);
}

int
shelf_put(struct store *s, const struct sample *o, bool *stored)
{
	return store_put(s, &o->name, o->w.bytes, o->w.length, o->header_length,
	    stored);
}

int
shelf_put_later(struct store *s, const struct sample *o)
{
	return store_put_later(s, &o->name, o->w.bytes, o->w.length,
	    o->header_length, NULL);
}

/* "ab" or "ab/abcdef…" in the store's directory. */
char *
shelf_path(const struct scratch *dir, const struct digest *name, bool whole)
{
	char hex[DIGEST_HEX_SIZE], *path;
	int n;

	digest_hex(name, hex);
	n = asprintf(&path, "%s/%.2s%s%s", dir->path, hex, whole ? "/" : "",
	    whole ? hex : "");
	assert_true(n > 0);
	return path;
}

/* Whether the store gives back exactly this object. */
bool
shelf_holds(struct store *s, const struct sample *o)
{
	const size_t n = o->w.length;
	OWNED_MEM(uint8_t) buf = malloc(n + 1);
	uint64_t size;
	size_t got;

	return store_has(s, &o->name, &size) == 0 && size == n &&
	    store_get(s, &o->name, 0, buf, n + 1, &got) == 0 && got == n &&
	    memcmp(buf, o->w.bytes, n) == 0;
}
