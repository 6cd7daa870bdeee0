/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/witness.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

/* The bytes as what a witness is sent, and as a policy with a note behind its
 * first NUL. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const char *text = (const char *)bytes;
	const char *note = n > 0 ? memchr(text, '\0', n) : NULL;
	OWNED(witness_policy) p = NULL;
	struct witness_request r;
	struct note_checkpoint c;
	struct witness_verdict v;
	char why[WITNESS_WHY];

	if (witness_request_parse(&r, text, n) == 0 &&
	    note_checkpoint_parse(&c, r.note, r.length) != 0)
		return 0;
	if (note == NULL ||
	    witness_policy_parse(&p, text, (size_t)(note - text), why) != 0)
		return 0;
	note++;
	if (witness_policy_judge(p, note, n - (size_t)(note - text), &v) == 0)
		(void)witness_policy_moment(p, &v);
	return 0;
}
