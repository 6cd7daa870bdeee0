/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SAMPLE_H
#define WEIR_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "vault/object.h"

/* Bytes and objects to test with.  What cannot be made ends the program. */

/* The same n bytes for the same seed, which do not compress; to be freed. */
uint8_t *sample_noise(size_t n, uint64_t seed);

/* An object as it lies in a store: header and body in w. */
struct sample {
	struct writer w;
	struct digest name;
	uint32_t header_length;
};

/* Sealed as a chunk under key. */
struct sample sample_chunk(const void *plain, size_t n,
    const uint8_t key[static KEY_SIZE]);
void sample_free(struct sample *s);
#define OWNED_SAMPLE __attribute__((cleanup(sample_free))) struct sample

#endif
