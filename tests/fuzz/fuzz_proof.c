/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/proof.h"

#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "vault/proof_tlog.h"

#define VKEY                                                                   \
	"weir.example/audit+c5eef1ba+"                                         \
	"AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"

/* What parses is written again and parsed again; what is checked needs no more
 * than the bytes. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED(proof) p = NULL;
	OWNED(proof) again = NULL;
	OWNED_WRITER w = writer_of(PROOF_MAX);
	struct proof_verdict v;
	struct note_key k;
	char why[PROOF_WHY];

	if (note_key_parse(&k, VKEY) != 0)
		abort();
	if (proof_tlog_is(bytes, n)) {
		if (proof_tlog_parse(&p, bytes, n, why) != 0)
			return 0;
		if (proof_tlog_write(&w, p) != 0 ||
		    proof_tlog_parse(&again, w.bytes, w.length, why) != 0)
			abort();
		(void)!proof_verify(p, &k, &v, why);
		return 0;
	}
	if (proof_parse(&p, bytes, n, why) != 0)
		return 0;
	if (proof_verify(p, &k, &v, why) != 0 && why[0] == '\0')
		abort();
	if (proof_write(&w, p) != 0 ||
	    proof_parse(&again, w.bytes, w.length, why) != 0)
		abort();
	return 0;
}
