/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/msg.h"
#include "vault/err.h"

#define STRING_MIN 2 /* bytes of a string at least */

void
msg_statement_sign_write(struct writer *w, const struct msg_statement_sign *m)
{
	writer_u64(w, m->statement);
	writer_bytes(w, m->keyid.bytes, DIGEST_SIZE);
	writer_bytes(w, m->sig, sizeof(m->sig));
}

int
msg_statement_sign_read(struct msg_statement_sign *out, struct reader *r)
{
	struct msg_statement_sign m;

	m.statement = reader_u64(r);
	reader_copy(r, m.keyid.bytes, DIGEST_SIZE);
	reader_copy(r, m.sig, sizeof(m.sig));
	if (!reader_end(r))
		return ERR_FORMAT;
	*out = m;
	return 0;
}

void
msg_statement_sign_clear(struct msg_statement_sign *m)
{
	*m = (struct msg_statement_sign){ 0 };
}

void
msg_sign_oms_write(struct writer *w, const struct msg_sign_oms *m)
{
	writer_string(w, m->reference);
	writer_string(w, m->name);
	writer_u16(w, m->count);
	for (uint16_t i = 0; i < m->count; i++)
		writer_string(w, m->ignored[i]);
	writer_string(w, m->key);
	writer_blob(w, m->sig, m->sig_length);
}

static void
read_ignored(struct msg_sign_oms *m, struct reader *r)
{
	uint16_t count = reader_u16(r);

	if (count > MSG_IGNORED_MAX || count > r->left / STRING_MIN)
		reader_fail(r);
	else
		m->ignored = calloc((size_t)count + 1, sizeof(*m->ignored));
	if (m->ignored == NULL) {
		reader_fail(r);
		return;
	}
	for (m->count = 0; m->count < count; m->count++)
		m->ignored[m->count] = msg_field_string(r);
}

int
msg_sign_oms_read(struct msg_sign_oms *out, struct reader *r)
{
	struct msg_sign_oms m = { 0 };
	const uint8_t *sig;

	m.reference = msg_field_string(r);
	m.name = msg_field_string(r);
	read_ignored(&m, r);
	m.key = msg_field_string(r);
	sig = reader_blob(r, sizeof(m.sig), &m.sig_length);
	if (!reader_end(r) || m.sig_length == 0) {
		msg_sign_oms_clear(&m);
		return ERR_FORMAT;
	}
	memcpy(m.sig, sig, m.sig_length);
	*out = m;
	return 0;
}

void
msg_sign_oms_clear(struct msg_sign_oms *m)
{
	free(m->reference);
	free(m->name);
	for (uint16_t i = 0; i < m->count; i++)
		free(m->ignored[i]);
	free(m->ignored);
	free(m->key);
	*m = (struct msg_sign_oms){ 0 };
}
