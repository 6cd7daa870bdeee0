/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/archive.h"

#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#define EXTRA_SIZE 28 /* id, length, size, packed, header */

static size_t
deflate_to(uint8_t *out, size_t room, const void *bytes, size_t n)
{
	z_stream z = { .next_in = bytes,
		.avail_in = (uInt)n,
		.next_out = out,
		.avail_out = (uInt)room };

	if (deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8,
		Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return room - z.avail_out;
}

/* The fields that a member's header and its entry share. */
static void
put_fields(struct writer *w, const struct archive_member *m, uint32_t packed,
    bool wide)
{
	writer_u16(w, wide ? 45 : 20);
	writer_u16(w, 0); /* flags */
	writer_u16(w, m->deflated ? 8 : 0);
	writer_u32(w, 0); /* time */
	writer_u32(w, (uint32_t)crc32(0, m->bytes, (uInt)m->n));
	writer_u32(w, wide ? UINT32_MAX : packed);
	writer_u32(w, wide ? UINT32_MAX : (uint32_t)m->n);
	writer_u16(w, (uint16_t)strlen(m->name));
}

static void
put_extra(struct writer *w, const struct archive_member *m, uint64_t packed,
    uint64_t header)
{
	writer_u16(w, 1);
	writer_u16(w, EXTRA_SIZE - 4);
	writer_u64(w, m->n);
	writer_u64(w, packed);
	writer_u64(w, header);
}

static uint32_t
put_member(struct writer *w, const struct archive_member *m)
{
	size_t room = m->n + 64;
	uint8_t *packed = malloc(room);
	size_t n = m->n;

	if (packed == NULL)
		abort();
	if (m->deflated)
		n = deflate_to(packed, room, m->bytes, m->n);
	else if (n > 0)
		memcpy(packed, m->bytes, n);
	writer_u32(w, 0x04034b50);
	put_fields(w, m, (uint32_t)n, false);
	writer_u16(w, 0); /* extra */
	writer_bytes(w, m->name, strlen(m->name));
	writer_bytes(w, packed, n);
	free(packed);
	return (uint32_t)n;
}

static void
put_entry(struct writer *w, const struct archive_member *m, uint32_t packed,
    uint32_t header, bool wide)
{
	writer_u32(w, 0x02014b50);
	writer_u16(w, 20);
	put_fields(w, m, packed, wide);
	writer_u16(w, wide ? EXTRA_SIZE : 0);
	writer_u16(w, 0); /* comment */
	writer_u64(w, 0); /* disk, attributes */
	writer_u32(w, wide ? UINT32_MAX : header);
	writer_bytes(w, m->name, strlen(m->name));
	if (wide)
		put_extra(w, m, packed, header);
}

static void
put_end64(struct archive *a, size_t count)
{
	struct writer *w = &a->w;

	writer_u32(w, 0x06064b50);
	writer_u64(w, 44);
	writer_u32(w, 45);
	writer_u64(w, 0); /* disks */
	writer_u64(w, count);
	writer_u64(w, count);
	writer_u64(w, a->end - a->directory);
	writer_u64(w, a->directory);
	writer_u32(w, 0x07064b50);
	writer_u32(w, 0);
	writer_u64(w, a->end);
	writer_u32(w, 1);
}

struct archive
archive_make(const struct archive_member *members, size_t count, bool zip64)
{
	struct archive a = { .w = writer_of(SIZE_MAX / 2) };
	uint32_t *headers = calloc(count + 1, sizeof(*headers));
	uint32_t *packed = calloc(count + 1, sizeof(*packed));

	if (headers == NULL || packed == NULL)
		abort();
	for (size_t i = 0; i < count; i++) {
		headers[i] = (uint32_t)a.w.length;
		packed[i] = put_member(&a.w, &members[i]);
	}
	a.directory = a.w.length;
	for (size_t i = 0; i < count; i++)
		put_entry(&a.w, &members[i], packed[i], headers[i], zip64);
	a.end = a.w.length;
	if (zip64)
		put_end64(&a, count);
	writer_u32(&a.w, 0x06054b50);
	writer_u32(&a.w, 0);
	writer_u16(&a.w, zip64 ? UINT16_MAX : (uint16_t)count);
	writer_u16(&a.w, zip64 ? UINT16_MAX : (uint16_t)count);
	writer_u32(&a.w, zip64 ? UINT32_MAX : (uint32_t)(a.end - a.directory));
	writer_u32(&a.w, zip64 ? UINT32_MAX : (uint32_t)a.directory);
	writer_u16(&a.w, 0);
	if (!writer_ok(&a.w))
		abort();
	free(headers);
	free(packed);
	return a;
}

void
archive_free(struct archive *a)
{
	writer_free(&a->w);
}
