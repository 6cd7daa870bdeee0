/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STREAM_H
#define WEIR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/model.h"
#include "vault/owned.h"

/*
 * The reader (reader.h) for bytes too many to hold: a range of a source, or
 * what a function makes (a member of a zip, inflated), read forward through
 * a small buffer.  A read past the end gives zeros and, like a failing source,
 * marks the stream bad for good.  Integers are little-endian.
 */
#define STREAM_BUFFER (256U << 10)

struct stream {
	const struct model_source *src; /* NULL: pull makes the bytes */
	int (*pull)(void *arg, void *buf, size_t n); /* exactly the next n */
	void *arg;
	uint64_t next;	 /* in src, of the first byte not yet in buf */
	uint64_t unread; /* bytes that are not yet in buf */
	uint64_t offset; /* bytes taken so far */
	uint8_t *buf;
	size_t at;
	size_t have;
	int err; /* 0 while all is well */
};

/* length bytes of src from offset on; the range must lie inside. */
int stream_open(struct stream *s, const struct model_source *src,
    uint64_t offset, uint64_t length) MUST_USE;
/* The length bytes that pull makes. */
int stream_open_pull(struct stream *s,
    int (*pull)(void *arg, void *buf, size_t n), void *arg, uint64_t length)
    MUST_USE;
void stream_close(struct stream *s); /* for one of zeros too */
#define OWNED_STREAM __attribute__((cleanup(stream_close))) struct stream

/* How many bytes are left to take; 0 when bad. */
uint64_t stream_left(const struct stream *s);

uint8_t stream_u8(struct stream *s);
uint16_t stream_u16(struct stream *s);
uint32_t stream_u32(struct stream *s);
uint64_t stream_u64(struct stream *s);

/* Copy n bytes to out; zeros if they are not there. */
void stream_copy(struct stream *s, void *out, size_t n);

/* Pass over n bytes. */
void stream_skip(struct stream *s, uint64_t n);

/*
 * Take bytes up to and with the next newline, which is not kept: the first
 * size - 1 go to line, with a NUL behind.  Returns how long the line is,
 * which may be more than was kept, or hold a NUL.  The stream is bad if it
 * ends before a newline; the line is then what there was.
 */
uint64_t stream_line(struct stream *s, char *line, size_t size);

#endif
