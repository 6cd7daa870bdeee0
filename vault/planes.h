/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PLANES_H
#define WEIR_PLANES_H

#include <stddef.h>
#include <stdint.h>

/*
 * Byte planes (FORMAT.md, "Codecs"): plane p of n bytes holds the bytes at p,
 * p + width, p + 2 width, ...  Pure.  Vector instructions where the compiler
 * targets them; the plain twins, for tests, give the same bytes.
 */
#define PLANES_MAX 4

/* The bytes in plane p; width is 2 or 4. */
size_t planes_size(size_t n, size_t width, size_t p);

/* The planes of in, one behind the other: n bytes.  in and out are apart. */
void planes_split(size_t width, const uint8_t *in, size_t n, uint8_t *out);
void planes_split_plain(size_t width, const uint8_t *in, size_t n,
    uint8_t *out);

/* The other way: planes[p] has planes_size(n, width, p) bytes. */
void planes_merge(size_t width, const uint8_t *const planes[PLANES_MAX],
    size_t n, uint8_t *out);
void planes_merge_plain(size_t width, const uint8_t *const planes[PLANES_MAX],
    size_t n, uint8_t *out);

#endif
