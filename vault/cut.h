/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CUT_H
#define WEIR_CUT_H

#include <stddef.h>
#include <stdint.h>

#include "vault/tensor.h"

/* Where a file is cut into chunks (FORMAT.md, "Cutting").  Pure. */

#define CUT_MIN (64U << 10)
#define CUT_MAX (4U << 20)

/* The chunk limit C for a file of this size. */
uint32_t cut_limit(uint64_t size);

/* A file to be cut.  tensors are this file's, ascending by offset; none and
 * header_bytes 0 for a file that is not a model file. */
struct cut {
	uint64_t size;
	uint64_t header_bytes;
	const struct tensor *tensors;
	size_t tensor_count;
	size_t next_tensor;  /* 0 at first; the walk's place */
	size_t width_tensor; /* the same, for cut_widths */
};

/*
 * What the codec is to be told of the n bytes from offset, segment by segment
 * of OBJECT_SEGMENT bytes: the element's width of the tensor in the segment's
 * middle.  CODEC_BYTES in a header, between tensors and for types without
 * planes; CODEC_GUESS in a file without tensors.  Ascending, too.
 */
void cut_widths(struct cut *c, uint64_t offset, uint64_t n, uint8_t *widths);

/* The end of the chunk that starts at offset (< size): never more than
 * offset + cut_limit(size).  Offsets must be asked for in ascending order. */
uint64_t cut_next(struct cut *c, uint64_t offset);

#endif
