/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/reader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct reader
reader_of(const void *bytes, size_t length)
{
	/* No bytes are still a place, so that NULL always means failure. */
	return (struct reader){ .at = bytes != NULL ? bytes : (const void *)"",
		.left = bytes != NULL ? length : 0 };
}

void
reader_fail(struct reader *r)
{
	r->bad = true;
	r->left = 0;
}

const uint8_t *
reader_bytes(struct reader *r, size_t n)
{
	const uint8_t *at = r->at;

	if (r->bad || n > r->left) {
		reader_fail(r);
		return NULL;
	}
	r->at += n;
	r->left -= n;
	return at;
}

static uint64_t
little_endian(struct reader *r, size_t n)
{
	const uint8_t *at = reader_bytes(r, n);
	uint64_t v = 0;

	if (at == NULL)
		return 0;
	while (n-- > 0)
		v = v << 8 | at[n];
	return v;
}

uint8_t
reader_u8(struct reader *r)
{
	return (uint8_t)little_endian(r, 1);
}

uint16_t
reader_u16(struct reader *r)
{
	return (uint16_t)little_endian(r, 2);
}

uint32_t
reader_u32(struct reader *r)
{
	return (uint32_t)little_endian(r, 4);
}

uint64_t
reader_u64(struct reader *r)
{
	return little_endian(r, 8);
}

void
reader_copy(struct reader *r, void *out, size_t n)
{
	const uint8_t *at = reader_bytes(r, n);

	if (n == 0)
		return;
	if (at == NULL)
		memset(out, 0, n);
	else
		memcpy(out, at, n);
}

uint32_t
reader_count(struct reader *r, size_t item_size)
{
	uint32_t n = reader_u32(r);

	assert(item_size > 0);
	if (n > r->left / item_size) {
		reader_fail(r);
		return 0;
	}
	return n;
}

char *
reader_string(struct reader *r, size_t max)
{
	size_t n = reader_u16(r);
	const uint8_t *at = NULL;
	char *s = NULL;

	if (n <= max)
		at = reader_bytes(r, n);
	if (at != NULL && memchr(at, '\0', n) == NULL)
		s = malloc(n + 1);
	if (s == NULL) {
		reader_fail(r);
		return NULL;
	}
	memcpy(s, at, n);
	s[n] = '\0';
	return s;
}

const uint8_t *
reader_blob(struct reader *r, size_t max, size_t *length)
{
	size_t n = reader_u32(r);
	const uint8_t *at = NULL;

	if (n <= max)
		at = reader_bytes(r, n);
	if (at == NULL) {
		reader_fail(r);
		n = 0;
	}
	*length = n;
	return at;
}

void
reader_expect(struct reader *r, const void *bytes, size_t n)
{
	const uint8_t *at = reader_bytes(r, n);

	if (at != NULL && n > 0 && memcmp(at, bytes, n) != 0)
		reader_fail(r);
}

struct reader
reader_sub(struct reader *r, size_t n)
{
	const uint8_t *at = reader_bytes(r, n);
	struct reader sub = reader_of(at, n);

	if (at == NULL)
		reader_fail(&sub);
	return sub;
}

bool
reader_end(const struct reader *r)
{
	return !r->bad && r->left == 0;
}

bool
reader_ok(const struct reader *r)
{
	return !r->bad;
}
