/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/frame.h"
#include "keys/msg.h"

#include "tests/fuzz/fuzz.h"

#define TRY(x)                                                                 \
	do {                                                                   \
		struct msg_##x m = { 0 };                                      \
		struct reader r = reader_of(f.body, f.length);                 \
                                                                               \
		if (msg_##x##_read(&m, &r) == 0)                               \
			msg_##x##_clear(&m);                                   \
	} while (0)

/* What keyd reads: a frame, and its body as each request. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct frame f;
	size_t used;

	if (secret_init() != 0 || frame_parse(&f, bytes, n, &used) != 0 ||
	    used == 0)
		return 0;
	TRY(hello);
	TRY(role);
	TRY(grant_add);
	TRY(id_reason);
	TRY(list);
	TRY(put_keys);
	TRY(put_commit);
	TRY(session_open);
	TRY(session_resume);
	TRY(session_exe);
	TRY(release);
	TRY(extents);
	TRY(fault);
	TRY(trouble);
	TRY(check_report);
	TRY(statement_sign);
	TRY(sign_oms);
	TRY(alert_ack);
	TRY(decoy);
	TRY(secret_add);
	TRY(secret_rm);
	TRY(unlock);
	TRY(rekey);
	TRY(removal);
	TRY(sweep);
	return 0;
}
