/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/msg.h"
#include "vault/err.h"

static void
write_secret(struct writer *w, const struct unlock *u)
{
	size_t n;
	const uint8_t *bytes = secret_text_bytes(u->secret, &n);

	writer_u8(w, (uint8_t)u->kind);
	writer_blob(w, bytes, n);
}

/* Marks r bad, or is to be cleared. */
static void
read_secret(struct unlock *out, struct reader *r)
{
	uint8_t kind = reader_u8(r);
	size_t n;
	const uint8_t *bytes = reader_blob(r, UNLOCK_MAX, &n);

	if (!reader_ok(r) || n == 0 || kind < UNLOCK_PASSPHRASE ||
	    kind > UNLOCK_RECOVERY ||
	    secret_text_from(&out->secret, bytes, n) != 0) {
		reader_fail(r);
		return;
	}
	out->kind = (enum unlock_kind)kind;
}

void
msg_secret_add_write(struct writer *w, const struct msg_secret_add *m)
{
	write_secret(w, &m->proof);
	write_secret(w, &m->fresh);
	writer_string(w, m->label);
	msg_field_bool_write(w, m->replace);
	writer_string(w, m->slot);
}

int
msg_secret_add_read(struct msg_secret_add *out, struct reader *r)
{
	struct msg_secret_add m = { 0 };

	read_secret(&m.proof, r);
	read_secret(&m.fresh, r);
	m.label = msg_field_string(r);
	m.replace = msg_field_bool(r);
	m.slot = msg_field_string(r);
	if (!reader_end(r)) {
		msg_secret_add_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_secret_add_clear(struct msg_secret_add *m)
{
	unlock_clear(&m->proof);
	unlock_clear(&m->fresh);
	free(m->label);
	free(m->slot);
	*m = (struct msg_secret_add){ 0 };
}

void
msg_secret_rm_write(struct writer *w, const struct msg_secret_rm *m)
{
	write_secret(w, &m->proof);
	writer_string(w, m->slot);
}

int
msg_secret_rm_read(struct msg_secret_rm *out, struct reader *r)
{
	struct msg_secret_rm m = { 0 };

	read_secret(&m.proof, r);
	m.slot = msg_field_string(r);
	if (!reader_end(r)) {
		msg_secret_rm_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_secret_rm_clear(struct msg_secret_rm *m)
{
	unlock_clear(&m->proof);
	free(m->slot);
	*m = (struct msg_secret_rm){ 0 };
}

void
msg_unlock_write(struct writer *w, const struct msg_unlock *m)
{
	write_secret(w, &m->secret);
}

int
msg_unlock_read(struct msg_unlock *out, struct reader *r)
{
	struct msg_unlock m = { 0 };

	read_secret(&m.secret, r);
	if (!reader_end(r)) {
		msg_unlock_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_unlock_clear(struct msg_unlock *m)
{
	unlock_clear(&m->secret);
	*m = (struct msg_unlock){ 0 };
}

void
msg_lock_reply_write(struct writer *w, const struct msg_lock_reply *m)
{
	msg_field_bool_write(w, m->again);
	writer_u64(w, m->number);
}

int
msg_lock_reply_read(struct msg_lock_reply *out, struct reader *r)
{
	struct msg_lock_reply m = { 0 };

	m.again = msg_field_bool(r);
	m.number = reader_u64(r);
	if (!reader_end(r))
		return ERR_FORMAT;
	*out = m;
	return 0;
}

void
msg_lock_reply_clear(struct msg_lock_reply *m)
{
	*m = (struct msg_lock_reply){ 0 };
}

void
msg_rekey_write(struct writer *w, const struct msg_rekey *m)
{
	write_secret(w, &m->proof);
	write_secret(w, &m->recovery);
	msg_field_bool_write(w, m->drop);
	writer_u16(w, m->count);
	for (uint16_t i = 0; i < m->count; i++)
		write_secret(w, &m->others[i]);
}

int
msg_rekey_read(struct msg_rekey *out, struct reader *r)
{
	struct msg_rekey m = { 0 };
	uint16_t count;

	read_secret(&m.proof, r);
	read_secret(&m.recovery, r);
	m.drop = msg_field_bool(r);
	count = reader_u16(r);
	if (count > MSG_SECRETS_MAX || m.recovery.kind != UNLOCK_RECOVERY)
		reader_fail(r);
	if (reader_ok(r))
		m.others = calloc(count + 1U, sizeof(*m.others));
	while (reader_ok(r) && m.others != NULL && m.count < count)
		read_secret(&m.others[m.count++], r);
	if (m.others == NULL || !reader_end(r)) {
		msg_rekey_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_rekey_clear(struct msg_rekey *m)
{
	unlock_clear(&m->proof);
	unlock_clear(&m->recovery);
	for (uint16_t i = 0; i < m->count; i++)
		unlock_clear(&m->others[i]);
	free(m->others);
	*m = (struct msg_rekey){ 0 };
}
