/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "vault/codec.h"

/* Two bytes of plain length less one, and a segment to unpack.  As zstd, and
 * then as planes. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED(codec_opener) p = NULL;
	OWNED_MEM(uint8_t) plain = NULL;
	size_t length;

	if (n < 2 || codec_opener_new(&p) != 0)
		return 0;
	length = (size_t)(bytes[0] | bytes[1] << 8) + 1;
	plain = malloc(length);
	if (plain == NULL)
		return 0;
	for (enum codec c = CODEC_ZSTD; c <= CODEC_PLANES4; c++) {
		if (codec_unpack(p, c, bytes + 2, n - 2, plain, length) != 0)
			continue;
		/* What was unpacked is all there. */
		for (size_t i = 0; i < length; i++)
			*(volatile uint8_t *)&plain[i] += 1;
	}
	return 0;
}
