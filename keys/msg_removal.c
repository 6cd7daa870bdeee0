/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/msg.h"
#include "vault/err.h"

void
msg_removal_write(struct writer *w, const struct msg_removal *m)
{
	writer_string(w, m->reference);
	writer_string(w, m->reason);
	writer_u64(w, m->grace_ms);
}

int
msg_removal_read(struct msg_removal *out, struct reader *r)
{
	struct msg_removal m = { 0 };

	m.reference = msg_field_string(r);
	m.reason = msg_field_string(r);
	m.grace_ms = reader_u64(r);
	if (!reader_end(r)) {
		msg_removal_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_removal_clear(struct msg_removal *m)
{
	free(m->reference);
	free(m->reason);
	*m = (struct msg_removal){ 0 };
}

void
msg_sweep_write(struct writer *w, const struct msg_sweep *m)
{
	msg_field_bool_write(w, m->dry);
	writer_u64(w, m->grace_ms);
	writer_u32(w, m->count);
	for (uint32_t i = 0; i < m->count; i++)
		writer_bytes(w, m->names[i].bytes, DIGEST_SIZE);
}

int
msg_sweep_read(struct msg_sweep *out, struct reader *r)
{
	struct msg_sweep m = { 0 };

	m.dry = msg_field_bool(r);
	m.grace_ms = reader_u64(r);
	m.count = reader_count(r, DIGEST_SIZE);
	if (m.count == 0 || m.count > MSG_SWEEP_MAX)
		return ERR_FORMAT;
	m.names = calloc(m.count, sizeof(*m.names));
	if (m.names == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < m.count; i++)
		reader_copy(r, m.names[i].bytes, DIGEST_SIZE);
	if (!reader_end(r)) {
		msg_sweep_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_sweep_clear(struct msg_sweep *m)
{
	free(m->names);
	*m = (struct msg_sweep){ 0 };
}

void
msg_sweep_reply_write(struct writer *w, const struct msg_sweep_reply *m)
{
	writer_u64(w, m->bytes);
	writer_u32(w, m->count);
	writer_bytes(w, m->what, m->count);
}

int
msg_sweep_reply_read(struct msg_sweep_reply *out, struct reader *r)
{
	struct msg_sweep_reply m = { 0 };

	m.bytes = reader_u64(r);
	m.count = reader_count(r, 1);
	if (m.count > MSG_SWEEP_MAX)
		return ERR_FORMAT;
	m.what = calloc(m.count + 1, 1);
	if (m.what == NULL)
		return ERR_NOMEM;
	reader_copy(r, m.what, m.count);
	if (!reader_end(r)) {
		msg_sweep_reply_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_sweep_reply_clear(struct msg_sweep_reply *m)
{
	free(m->what);
	*m = (struct msg_sweep_reply){ 0 };
}
