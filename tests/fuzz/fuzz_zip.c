/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/zip.h"

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/source.h"

static int
pass_over(void *arg, struct stream *s)
{
	(void)arg;
	/* A bomb may claim what it likes: so much of it is inflated. */
	for (size_t i = 0; i < 4096 && stream_left(s) > 0; i++)
		stream_u64(s);
	return s->err;
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct model_source src = source_of(bytes, n);
	char text[200];
	struct why why = { text, sizeof(text) };
	OWNED(zip) z = NULL;
	int err = zip_open(&z, &src, &why);

	for (size_t i = 0; err == 0 && i < z->count; i++)
		err = zip_member_use(&z->members[i], &src, pass_over, NULL,
		    &why);
	return 0;
}
