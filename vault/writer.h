/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WRITER_H
#define WEIR_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"

/*
 * A growing buffer with a maximum from birth; the reader's other half.  A
 * write past the maximum or out of memory marks it bad for good: write the
 * whole record, then ask writer_ok once.  Wiped when freed.
 */
struct writer {
	uint8_t *bytes;
	size_t length;
	size_t capacity;
	size_t max;
	bool bad;
};

struct writer writer_of(size_t max);
void writer_free(struct writer *w); /* wipes; the struct can go on */
#define OWNED_WRITER __attribute__((cleanup(writer_free))) struct writer

void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_bytes(struct writer *w, const void *bytes, size_t n);

/* u16 length and bytes; NULL is written as an empty string. */
void writer_string(struct writer *w, const char *s);

/* u32 length and bytes. */
void writer_blob(struct writer *w, const void *bytes, size_t n);

/* Overwrite a u32 written before at this offset (for lengths). */
void writer_patch_u32(struct writer *w, size_t offset, uint32_t v);

/* Append n bytes and return where they are; NULL and bad if they do not fit. */
uint8_t *writer_room(struct writer *w, size_t n);

/* Empty it, keeping the memory (wiped). */
void writer_reset(struct writer *w);

/* Hand the bytes to the caller, who frees them; the writer is empty after. */
uint8_t *writer_take(struct writer *w, size_t *length);

bool writer_ok(const struct writer *w);

#endif
