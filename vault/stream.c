/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/stream.h"

#include <stdlib.h>
#include <string.h>

#include "vault/err.h"

static int
open_any(struct stream *out, struct stream s)
{
	s.buf = malloc(STREAM_BUFFER);
	if (s.buf == NULL)
		return ERR_NOMEM;
	*out = s;
	return 0;
}

int
stream_open(struct stream *s, const struct model_source *src, uint64_t offset,
    uint64_t length)
{
	return open_any(s,
	    (struct stream){ .src = src, .next = offset, .unread = length });
}

int
stream_open_pull(struct stream *s, int (*pull)(void *arg, void *buf, size_t n),
    void *arg, uint64_t length)
{
	return open_any(s,
	    (struct stream){ .pull = pull, .arg = arg, .unread = length });
}

void
stream_close(struct stream *s)
{
	free(s->buf);
	*s = (struct stream){ 0 };
}

uint64_t
stream_left(const struct stream *s)
{
	return s->err != 0 ? 0 : s->unread + (s->have - s->at);
}

static void
fail(struct stream *s, int err)
{
	s->err = err;
	s->at = s->have = 0;
	s->unread = 0;
}

/* Make at least one byte ready; false when bad. */
static bool
fill(struct stream *s)
{
	size_t n = STREAM_BUFFER;
	int err;

	if (s->at < s->have)
		return true;
	if (s->unread == 0) {
		if (s->err == 0)
			fail(s, ERR_FORMAT);
		return false;
	}
	if (n > s->unread)
		n = (size_t)s->unread;

	err = s->src != NULL ? s->src->read(s->src->arg, s->buf, n, s->next) :
			       s->pull(s->arg, s->buf, n);
	if (err != 0) {
		fail(s, err);
		return false;
	}
	s->next += n;
	s->unread -= n;
	s->at = 0;
	s->have = n;
	return true;
}

void
stream_copy(struct stream *s, void *out, size_t n)
{
	uint8_t *to = out;

	if (n > stream_left(s) && s->err == 0)
		fail(s, ERR_FORMAT);
	while (n > 0) {
		size_t part;

		if (!fill(s)) {
			memset(to, 0, n);
			return;
		}
		part = s->have - s->at < n ? s->have - s->at : n;
		memcpy(to, s->buf + s->at, part);
		s->at += part;
		s->offset += part;
		to += part;
		n -= part;
	}
}

void
stream_skip(struct stream *s, uint64_t n)
{
	if (n > stream_left(s)) {
		if (s->err == 0)
			fail(s, ERR_FORMAT);
		return;
	}
	while (n > 0) {
		uint64_t part = s->have - s->at;

		if (part == 0 && s->src != NULL) {
			s->next += n;
			s->unread -= n;
			s->offset += n;
			return;
		}
		if (part == 0) {
			if (!fill(s))
				return;
			continue;
		}
		if (part > n)
			part = n;
		s->at += (size_t)part;
		s->offset += part;
		n -= part;
	}
}

static uint64_t
little_endian(struct stream *s, size_t n)
{
	uint8_t bytes[8];
	uint64_t v = 0;

	stream_copy(s, bytes, n);
	while (n-- > 0)
		v = v << 8 | bytes[n];
	return v;
}

uint8_t
stream_u8(struct stream *s)
{
	if (!fill(s))
		return 0;
	s->offset++;
	return s->buf[s->at++];
}

uint16_t
stream_u16(struct stream *s)
{
	return (uint16_t)little_endian(s, 2);
}

uint32_t
stream_u32(struct stream *s)
{
	return (uint32_t)little_endian(s, 4);
}

uint64_t
stream_u64(struct stream *s)
{
	return little_endian(s, 8);
}

uint64_t
stream_line(struct stream *s, char *line, size_t size)
{
	uint64_t length = 0;

	while (fill(s)) {
		const uint8_t *from = s->buf + s->at;
		size_t ready = s->have - s->at;
		const uint8_t *end = memchr(from, '\n', ready);
		size_t part = end != NULL ? (size_t)(end - from) : ready;

		for (size_t i = 0; i < part && length + i + 1 < size; i++)
			line[length + i] = (char)from[i];
		length += part;
		s->at += part + (end != NULL);
		s->offset += part + (end != NULL);
		if (end != NULL)
			break;
	}
	line[length < size ? length : size - 1] = '\0';
	return length;
}
