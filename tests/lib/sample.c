/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/sample.h"

#include <stdlib.h>

uint8_t *
sample_noise(size_t n, uint64_t seed)
{
	uint8_t *buf = malloc(n > 0 ? n : 1);
	uint64_t x = seed * 2 + 1;

	if (buf == NULL)
		abort();
	/* xorshift64* */
	for (size_t i = 0; i < n; i++) {
		x ^= x >> 12;
		x ^= x << 25;
		x ^= x >> 27;
		buf[i] = (uint8_t)(x * UINT64_C(0x2545f4914f6cdd1d) >> 56);
	}
	return buf;
}

struct sample
sample_chunk(const void *plain, size_t n, const uint8_t key[static KEY_SIZE])
{
	static const uint8_t salt[32];
	struct sample s = {
		.w = writer_of(OBJECT_CHUNK_MAX + OBJECT_HEADER_MAX),
	};
	OWNED(object_payload) p = NULL;

	if (object_payload_new(&p, OBJECT_CHUNK, 0, plain, n) != 0 ||
	    object_seal(p, key, salt, NULL, &s.w, &s.name, &s.header_length) !=
		0)
		abort();
	return s;
}

void
sample_free(struct sample *s)
{
	writer_free(&s->w);
}
