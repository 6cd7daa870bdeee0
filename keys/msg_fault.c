/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/msg.h"
#include "vault/err.h"

void
msg_fault_write(struct writer *w, const struct msg_fault *m)
{
	writer_u64(w, m->session);
	writer_u16(w, m->version);
	writer_bytes(w, m->object.bytes, DIGEST_SIZE);
	writer_u32(w, m->file);
	writer_string(w, m->reason);
}

int
msg_fault_read(struct msg_fault *out, struct reader *r)
{
	struct msg_fault m = { 0 };

	m.session = reader_u64(r);
	m.version = reader_u16(r);
	reader_copy(r, m.object.bytes, DIGEST_SIZE);
	m.file = reader_u32(r);
	m.reason = msg_field_string(r);
	if (!reader_end(r)) {
		msg_fault_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_fault_clear(struct msg_fault *m)
{
	free(m->reason);
	*m = (struct msg_fault){ 0 };
}
