/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/msg.h"
#include "vault/err.h"

void
msg_put_begin_reply_write(struct writer *w, const struct msg_put_begin_reply *m)
{
	writer_u64(w, m->upload);
	writer_bytes(w, m->manifest_key, KEY_SIZE);
	writer_bytes(w, m->lockbox_key, KEY_SIZE);
}

int
msg_put_begin_reply_read(struct msg_put_begin_reply *out, struct reader *r)
{
	struct msg_put_begin_reply m;
	int err = 0;

	m.upload = reader_u64(r);
	reader_copy(r, m.manifest_key, KEY_SIZE);
	reader_copy(r, m.lockbox_key, KEY_SIZE);
	if (reader_end(r))
		*out = m;
	else
		err = ERR_FORMAT;
	secret_wipe(&m, sizeof(m));
	return err;
}

void
msg_put_begin_reply_clear(struct msg_put_begin_reply *m)
{
	secret_wipe(m, sizeof(*m));
}

void
msg_put_keys_write(struct writer *w, const struct msg_put_keys *m)
{
	writer_u64(w, m->upload);
	writer_u32(w, m->count);
	for (uint32_t i = 0; i < m->count; i++)
		writer_bytes(w, m->digests[i].bytes, DIGEST_SIZE);
}

int
msg_put_keys_read(struct msg_put_keys *out, struct reader *r)
{
	struct msg_put_keys m = { 0 };

	m.upload = reader_u64(r);
	m.count = reader_count(r, DIGEST_SIZE);
	if (m.count == 0 || m.count > MSG_PUT_KEYS_MAX)
		return ERR_FORMAT;
	m.digests = calloc(m.count, sizeof(*m.digests));
	if (m.digests == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < m.count; i++)
		reader_copy(r, m.digests[i].bytes, DIGEST_SIZE);
	if (!reader_end(r)) {
		msg_put_keys_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_put_keys_clear(struct msg_put_keys *m)
{
	free(m->digests);
	*m = (struct msg_put_keys){ 0 };
}

void
msg_put_keys_reply_write(struct writer *w, const struct msg_put_keys_reply *m)
{
	for (uint32_t i = 0; i < m->count; i++)
		writer_bytes(w, m->keys[i], KEY_SIZE);
}

int
msg_put_keys_reply_read(struct msg_put_keys_reply *out, struct reader *r)
{
	size_t count = r->left / KEY_SIZE;
	struct msg_put_keys_reply m = { 0 };

	if (r->left % KEY_SIZE != 0 || count == 0 || count > MSG_PUT_KEYS_MAX) {
		reader_fail(r);
		return ERR_FORMAT;
	}
	m.count = (uint32_t)count;
	m.keys = calloc(count, sizeof(*m.keys));
	if (m.keys == NULL)
		return ERR_NOMEM;
	reader_copy(r, m.keys, count * KEY_SIZE);
	*out = m;
	return 0;
}

void
msg_put_keys_reply_clear(struct msg_put_keys_reply *m)
{
	if (m->keys != NULL)
		secret_wipe(m->keys, m->count * sizeof(*m->keys));
	free(m->keys);
	*m = (struct msg_put_keys_reply){ 0 };
}

void
msg_put_commit_write(struct writer *w, const struct msg_put_commit *m)
{
	writer_u64(w, m->upload);
	writer_bytes(w, m->version.bytes, DIGEST_SIZE);
	writer_bytes(w, m->object.bytes, DIGEST_SIZE);
	writer_u32(w, m->files);
	writer_u64(w, m->bytes);
	writer_u64(w, m->weights);
	writer_u64(w, m->chunks);
	msg_text_write(w, m->labels);
	msg_text_write(w, m->imports);
}

int
msg_put_commit_read(struct msg_put_commit *out, struct reader *r)
{
	struct msg_put_commit m = { 0 };

	m.upload = reader_u64(r);
	reader_copy(r, m.version.bytes, DIGEST_SIZE);
	reader_copy(r, m.object.bytes, DIGEST_SIZE);
	m.files = reader_u32(r);
	m.bytes = reader_u64(r);
	m.weights = reader_u64(r);
	m.chunks = reader_u64(r);
	m.labels = msg_field_text(r);
	m.imports = msg_field_text(r);
	if (!reader_end(r)) {
		msg_put_commit_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_put_commit_clear(struct msg_put_commit *m)
{
	free(m->labels);
	free(m->imports);
	*m = (struct msg_put_commit){ 0 };
}
