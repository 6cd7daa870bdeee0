/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vault/codec.h"
#include "vault/object.h"
#include "vault/planes.h"

static void
twins(size_t width, const uint8_t *bytes, size_t n, uint8_t *const out[3])
{
	const uint8_t *planes[PLANES_MAX] = { NULL };
	size_t at = 0;

	planes_split(width, bytes, n, out[0]);
	planes_split_plain(width, bytes, n, out[1]);
	if (memcmp(out[0], out[1], n) != 0)
		abort();
	for (size_t p = 0; p < width; p++) {
		planes[p] = out[0] + at;
		at += planes_size(n, width, p);
	}
	planes_merge(width, planes, n, out[2]);
	planes_merge_plain(width, planes, n, out[1]);
	if (memcmp(out[2], bytes, n) != 0 || memcmp(out[1], bytes, n) != 0)
		abort();
}

static void
there_and_back(uint8_t how, const uint8_t *bytes, size_t n,
    uint8_t *const out[3])
{
	const struct codec_segment s = { bytes, n, how % 5 };
	OWNED(codec_packer) p = NULL;
	OWNED(codec_opener) o = NULL;
	enum codec codec;
	size_t length;

	if (codec_packer_new(&p, (enum codec_effort)(how / 5 % 3)) != 0 ||
	    codec_opener_new(&o) != 0)
		return;
	codec = codec_pack(p, &s, out[0], &length);
	if (length == 0 || length > n ||
	    codec_unpack(o, codec, out[0], length, out[1], n) != 0 ||
	    memcmp(out[1], bytes, n) != 0)
		abort();
}

/* A byte that says how, and a segment: the fast planes are the plain ones, and
 * what is packed comes back. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	uint8_t *out[3];

	if (n < 2 || n - 1 > OBJECT_SEGMENT)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		out[i] = malloc(n - 1);
		if (out[i] == NULL)
			abort();
	}
	twins(bytes[0] % 2 == 0 ? 2 : 4, bytes + 1, n - 1, out);
	there_and_back(bytes[0], bytes + 1, n - 1, out);
	for (size_t i = 0; i < 3; i++)
		free(out[i]);
	return 0;
}
