/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/verifier.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vault/reader.h"
#include "vault/writer.h"

/* What a verifier's two ends say to each other: what is taken is written back
 * as the same bytes. */
static void
same(const struct writer *w, const uint8_t *bytes, size_t n)
{
	if (!writer_ok(w) || w->length != n || memcmp(w->bytes, bytes, n) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED_WRITER news = writer_of(VERIFIER_MESSAGE_MAX);
	OWNED_WRITER job = writer_of(VERIFIER_MESSAGE_MAX);
	struct reader r = reader_of(bytes, n);
	struct verifier_news v;
	struct verifier_job j;

	if (verifier_news_read(&v, &r) == 0) {
		verifier_news_write(&news, &v);
		same(&news, bytes, n);
	}
	r = reader_of(bytes, n);
	if (verifier_job_read(&j, &r) == 0) {
		verifier_job_write(&job, &j);
		same(&job, bytes, n);
	}
	return 0;
}
