/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/msg.h"

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

#define TRY(x)                                                                 \
	do {                                                                   \
		struct msg_##x m = { 0 };                                      \
		struct reader body = r;                                        \
                                                                               \
		if (msg_##x##_read(&m, &body) == 0)                            \
			msg_##x##_clear(&m);                                   \
	} while (0)

static void
try_text(struct reader r)
{
	char *text = NULL;

	if (msg_text_read(&text, &r) == 0)
		free(text);
}

/* What clients read: the status, and the body as each reply. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct reader r = reader_of(bytes, n);
	char *sentence = NULL;
	int err;

	if (msg_status_read(&r, &err, &sentence) != 0)
		return 0;
	free(sentence);
	TRY(hello_reply);
	TRY(put_begin_reply);
	TRY(put_keys_reply);
	TRY(version);
	TRY(session);
	TRY(release_reply);
	TRY(consistency);
	TRY(sweep_reply);
	try_text(r);
	return 0;
}
