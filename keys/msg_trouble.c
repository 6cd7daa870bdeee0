/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/msg.h"
#include "vault/err.h"

void
msg_trouble_write(struct writer *w, const struct msg_trouble *m)
{
	writer_u64(w, m->session);
	writer_u8(w, m->what);
}

int
msg_trouble_read(struct msg_trouble *out, struct reader *r)
{
	struct msg_trouble m = { 0 };

	m.session = reader_u64(r);
	m.what = reader_u8(r);
	if (!reader_end(r) || (m.what & ~MSG_TROUBLE_ALL) != 0)
		return ERR_FORMAT;
	*out = m;
	return 0;
}

void
msg_trouble_clear(struct msg_trouble *m)
{
	*m = (struct msg_trouble){ 0 };
}
