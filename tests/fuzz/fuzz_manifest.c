/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vault/manifest.h"

/* A manifest that is taken is written the same again; and pages. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED(manifest) m = NULL;
	OWNED(manifest_page) p = NULL;
	OWNED_WRITER w = writer_of(n);
	struct digest d = digest_of(bytes, n);

	if (manifest_parse(&m, bytes, n, NULL) == 0 &&
	    (manifest_write(m, &w, &d) != 0 || w.length != n ||
		memcmp(w.bytes, bytes, n) != 0))
		abort();
	for (uint32_t i = 0; m != NULL && i < m->file_count; i++)
		if (manifest_find(m, m->files[i].path) != &m->files[i])
			abort();
	if (n > 12 && manifest_page_parse(&p, bytes, n, bytes[12], &d) == 0 &&
	    (manifest_page_write(p, &w, &d) != 0 || w.length != n ||
		memcmp(w.bytes, bytes, n) != 0))
		abort();
	return 0;
}
