/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/msg.h"
#include "vault/err.h"

void
msg_version_write(struct writer *w, const struct msg_version *m)
{
	writer_string(w, m->model);
	writer_bytes(w, m->version.bytes, DIGEST_SIZE);
	writer_bytes(w, m->object.bytes, DIGEST_SIZE);
	writer_bytes(w, m->manifest_key, KEY_SIZE);
	writer_u64(w, (uint64_t)m->created_ms);
	writer_string(w, m->by);
	msg_text_write(w, m->labels);
	writer_u64(w, (uint64_t)m->read_ms);
}

int
msg_version_read(struct msg_version *out, struct reader *r)
{
	struct msg_version m = { 0 };
	int err = 0;

	m.model = msg_field_string(r);
	reader_copy(r, m.version.bytes, DIGEST_SIZE);
	reader_copy(r, m.object.bytes, DIGEST_SIZE);
	reader_copy(r, m.manifest_key, KEY_SIZE);
	m.created_ms = (int64_t)reader_u64(r);
	m.by = msg_field_string(r);
	m.labels = msg_field_text(r);
	m.read_ms = (int64_t)reader_u64(r);
	if (reader_end(r)) {
		*out = m;
		secret_wipe(m.manifest_key, KEY_SIZE);
	} else {
		msg_version_clear(&m);
		err = ERR_FORMAT;
	}
	return err;
}

void
msg_version_clear(struct msg_version *m)
{
	free(m->model);
	free(m->channel);
	free(m->by);
	free(m->labels);
	secret_wipe(m, sizeof(*m));
}
