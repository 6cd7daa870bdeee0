/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_READER_H
#define WEIR_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A bounded reader over bytes from outside.  A read past the end gives zeros
 * (or NULL) and marks the reader bad for good: parse the whole record, then
 * ask reader_end once.  Integers are little-endian.  The bytes are borrowed.
 */
struct reader {
	const uint8_t *at;
	size_t left;
	bool bad;
};

struct reader reader_of(const void *bytes, size_t length);

uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);

/* Copy n bytes to out; zeros if they are not there. */
void reader_copy(struct reader *r, void *out, size_t n);

/* Borrow n bytes; NULL if they are not there. */
const uint8_t *reader_bytes(struct reader *r, size_t n);

/* A u32 count of items of at least item_size (> 0) bytes each: never more
 * than the bytes left could hold, else 0 and bad. */
uint32_t reader_count(struct reader *r, size_t item_size);

/*
 * A u16 length and that many bytes, copied with a NUL behind.  NULL and bad
 * if they are not there, are more than max, hold a NUL, or memory is short.
 * The caller frees.
 */
char *reader_string(struct reader *r, size_t max);

/* A u32 length and that many bytes, borrowed; *length is 0 when bad. */
const uint8_t *reader_blob(struct reader *r, size_t max, size_t *length);

/* Mark bad unless the next bytes are these. */
void reader_expect(struct reader *r, const void *bytes, size_t n);

/* A reader over the next n bytes, which are skipped here. */
struct reader reader_sub(struct reader *r, size_t n);

void reader_fail(struct reader *r);

/* True iff nothing failed and nothing is left. */
bool reader_end(const struct reader *r);
bool reader_ok(const struct reader *r);

#endif
