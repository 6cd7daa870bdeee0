/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/msg.h"
#include "vault/err.h"

#define ROW_SIZE (KEY_SIZE + 4)

void
msg_release_write(struct writer *w, const struct msg_release *m)
{
	writer_u64(w, m->session);
	writer_u16(w, m->version);
	writer_u64(w, m->first);
	writer_u32(w, m->count);
}

int
msg_release_read(struct msg_release *out, struct reader *r)
{
	struct msg_release m;

	m.session = reader_u64(r);
	m.version = reader_u16(r);
	m.first = reader_u64(r);
	m.count = reader_u32(r);
	if (!reader_end(r) || m.count == 0 || m.count > MSG_WINDOW_MAX)
		return ERR_FORMAT;
	*out = m;
	return 0;
}

void
msg_release_clear(struct msg_release *m)
{
	*m = (struct msg_release){ 0 };
}

void
msg_release_reply_write(struct writer *w, const struct msg_release_reply *m)
{
	for (uint32_t i = 0; i < m->count; i++) {
		writer_bytes(w, m->rows[i].key, KEY_SIZE);
		writer_u32(w, m->rows[i].length);
	}
}

int
msg_release_reply_read(struct msg_release_reply *out, struct reader *r)
{
	size_t count = r->left / ROW_SIZE;

	if (r->left % ROW_SIZE != 0 || count == 0 || count > MSG_WINDOW_MAX) {
		reader_fail(r);
		return ERR_FORMAT;
	}
	/* Nothing can fail from here on. */
	out->count = (uint32_t)count;
	for (uint32_t i = 0; i < count; i++) {
		reader_copy(r, out->rows[i].key, KEY_SIZE);
		out->rows[i].length = reader_u32(r);
	}
	return 0;
}

void
msg_release_reply_clear(struct msg_release_reply *m)
{
	secret_wipe(m, sizeof(*m));
}
