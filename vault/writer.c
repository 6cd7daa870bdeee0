/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

struct writer
writer_of(size_t max)
{
	return (struct writer){ .max = max };
}

static void
wipe(uint8_t *bytes, size_t n)
{
	if (bytes != NULL)
		explicit_bzero(bytes, n);
}

void
writer_free(struct writer *w)
{
	wipe(w->bytes, w->capacity);
	free(w->bytes);
	*w = writer_of(w->max);
}

void
writer_reset(struct writer *w)
{
	wipe(w->bytes, w->length);
	w->length = 0;
	w->bad = false;
}

/* realloc would leave the old bytes in the heap. */
static bool
grow(struct writer *w, size_t need)
{
	size_t capacity = w->capacity != 0 ? w->capacity : FIRST_CAPACITY;
	uint8_t *bytes;

	while (capacity < need)
		capacity = capacity <= w->max / 2 ? capacity * 2 : w->max;
	if (capacity > w->max)
		capacity = w->max;
	bytes = malloc(capacity != 0 ? capacity : 1);
	if (bytes == NULL)
		return false;

	if (w->length > 0)
		memcpy(bytes, w->bytes, w->length);
	wipe(w->bytes, w->length);
	free(w->bytes);
	w->bytes = bytes;
	w->capacity = capacity;
	return true;
}

uint8_t *
writer_room(struct writer *w, size_t n)
{
	uint8_t *at;

	if (w->bad)
		return NULL;
	if (n > w->max - w->length) {
		w->bad = true;
		return NULL;
	}
	/* No bytes are still a place, so that NULL always means failure. */
	if ((w->bytes == NULL || n > w->capacity - w->length) &&
	    !grow(w, w->length + n)) {
		w->bad = true;
		return NULL;
	}
	at = w->bytes + w->length;
	w->length += n;
	return at;
}

void
writer_bytes(struct writer *w, const void *bytes, size_t n)
{
	uint8_t *at = writer_room(w, n);

	if (at != NULL && n > 0)
		memcpy(at, bytes, n);
}

static void
put_little_endian(uint8_t *at, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		at[i] = (uint8_t)(v & 0xff);
}

static void
little_endian(struct writer *w, uint64_t v, size_t n)
{
	uint8_t *at = writer_room(w, n);

	if (at != NULL)
		put_little_endian(at, v, n);
}

void
writer_u8(struct writer *w, uint8_t v)
{
	little_endian(w, v, 1);
}

void
writer_u16(struct writer *w, uint16_t v)
{
	little_endian(w, v, 2);
}

void
writer_u32(struct writer *w, uint32_t v)
{
	little_endian(w, v, 4);
}

void
writer_u64(struct writer *w, uint64_t v)
{
	little_endian(w, v, 8);
}

void
writer_string(struct writer *w, const char *s)
{
	size_t n = s != NULL ? strlen(s) : 0;

	if (n > UINT16_MAX) {
		w->bad = true;
		return;
	}
	writer_u16(w, (uint16_t)n);
	writer_bytes(w, s, n);
}

void
writer_blob(struct writer *w, const void *bytes, size_t n)
{
	if (n > UINT32_MAX) {
		w->bad = true;
		return;
	}
	writer_u32(w, (uint32_t)n);
	writer_bytes(w, bytes, n);
}

void
writer_patch_u32(struct writer *w, size_t offset, uint32_t v)
{
	if (w->bad)
		return;
	assert(w->length >= 4 && offset <= w->length - 4);
	put_little_endian(w->bytes + offset, v, 4);
}

uint8_t *
writer_take(struct writer *w, size_t *length)
{
	uint8_t *bytes;

	*length = 0;
	if (writer_room(w, 0) == NULL) {
		writer_free(w);
		return NULL;
	}
	bytes = w->bytes;
	*length = w->length;
	*w = writer_of(w->max);
	return bytes;
}

bool
writer_ok(const struct writer *w)
{
	return !w->bad;
}
