/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/msg.h"
#include "vault/err.h"

#define REF_MIN 2 /* bytes of a string at least */
/* Of a version in a reply: two strings and the fixed fields. */
#define VERSION_MIN (2 + 2 + 32 + 8 + 32 + 32 + 8 + 1 + 1 + 4 + 4 + 8)

void
msg_session_open_write(struct writer *w, const struct msg_session_open *m)
{
	writer_string(w, m->principal);
	writer_u8(w, (uint8_t)m->purpose);
	writer_string(w, m->mountpoint);
	writer_string(w, m->host);
	writer_u32(w, m->pid);
	writer_string(w, m->exe);
	writer_u8(w, (uint8_t)m->trust);
	writer_u16(w, m->count);
	for (uint16_t i = 0; i < m->count; i++)
		writer_string(w, m->refs[i]);
}

static void
read_refs(struct msg_session_open *m, struct reader *r)
{
	uint16_t count = reader_u16(r);

	if (count == 0 || count > MSG_VERSIONS_MAX || count > r->left / REF_MIN)
		reader_fail(r);
	else
		m->refs = calloc(count, sizeof(*m->refs));
	if (m->refs == NULL) {
		reader_fail(r);
		return;
	}
	for (m->count = 0; m->count < count; m->count++)
		m->refs[m->count] = msg_field_string(r);
}

static enum msg_trust
read_trust(struct reader *r)
{
	switch (reader_u8(r)) {
	case MSG_PINNED:
		return MSG_PINNED;
	case MSG_FIRST_USE:
		return MSG_FIRST_USE;
	case MSG_UNSIGNED:
		return MSG_UNSIGNED;
	}
	reader_fail(r);
	return MSG_UNSIGNED;
}

int
msg_session_open_read(struct msg_session_open *out, struct reader *r)
{
	struct msg_session_open m = { 0 };
	uint8_t purpose;

	m.principal = msg_field_string(r);
	purpose = reader_u8(r);
	m.purpose = purpose == MSG_GET ? MSG_GET : MSG_MOUNT;
	m.mountpoint = msg_field_string(r);
	m.host = msg_field_string(r);
	m.pid = reader_u32(r);
	m.exe = msg_field_string(r);
	m.trust = read_trust(r);
	read_refs(&m, r);
	if (!reader_end(r) || purpose != m.purpose) {
		msg_session_open_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_session_open_clear(struct msg_session_open *m)
{
	free(m->principal);
	free(m->mountpoint);
	free(m->host);
	free(m->exe);
	for (uint16_t i = 0; i < m->count; i++)
		free(m->refs[i]);
	free(m->refs);
	*m = (struct msg_session_open){ 0 };
}

static void
write_opened(struct writer *w, const struct msg_version *v)
{
	writer_string(w, v->model);
	writer_string(w, v->channel);
	writer_bytes(w, v->version.bytes, DIGEST_SIZE);
	writer_u64(w, (uint64_t)v->created_ms);
	writer_bytes(w, v->object.bytes, DIGEST_SIZE);
	writer_bytes(w, v->manifest_key, KEY_SIZE);
	writer_u64(w, v->grant);
	writer_u8(w, (uint8_t)v->type);
	msg_field_bool_write(w, v->export);
	writer_u32(w, v->window);
	writer_u32(w, v->readahead_kb);
	writer_u64(w, (uint64_t)v->expires_ms);
	msg_field_bool_write(w, v->exes);
}

static void
read_opened(struct msg_version *v, struct reader *r)
{
	uint8_t type;

	v->model = msg_field_string(r);
	v->channel = msg_field_string(r);
	reader_copy(r, v->version.bytes, DIGEST_SIZE);
	v->created_ms = (int64_t)reader_u64(r);
	reader_copy(r, v->object.bytes, DIGEST_SIZE);
	reader_copy(r, v->manifest_key, KEY_SIZE);
	v->grant = reader_u64(r);
	type = reader_u8(r);
	v->type = type == MSG_GRANT_BROWSE ? MSG_GRANT_BROWSE : MSG_GRANT_LOAD;
	v->export = msg_field_bool(r);
	v->window = reader_u32(r);
	v->readahead_kb = reader_u32(r);
	v->expires_ms = (int64_t)reader_u64(r);
	v->exes = msg_field_bool(r);
	if (type != v->type || v->window == 0 || v->window > MSG_WINDOW_MAX)
		reader_fail(r);
}

void
msg_session_write(struct writer *w, const struct msg_session *m)
{
	writer_u64(w, m->session);
	writer_bytes(w, m->token, sizeof(m->token));
	writer_u16(w, m->count);
	for (uint16_t i = 0; i < m->count; i++)
		write_opened(w, &m->versions[i]);
}

static void
read_versions(struct msg_session *m, struct reader *r)
{
	uint16_t count = reader_u16(r);

	if (count == 0 || count > MSG_VERSIONS_MAX ||
	    count > r->left / VERSION_MIN)
		reader_fail(r);
	else
		m->versions = calloc(count, sizeof(*m->versions));
	if (m->versions == NULL) {
		reader_fail(r);
		return;
	}
	for (m->count = 0; m->count < count; m->count++)
		read_opened(&m->versions[m->count], r);
}

int
msg_session_read(struct msg_session *out, struct reader *r)
{
	struct msg_session m = { 0 };

	m.session = reader_u64(r);
	reader_copy(r, m.token, sizeof(m.token));
	read_versions(&m, r);
	if (!reader_end(r)) {
		msg_session_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	secret_wipe(m.token, sizeof(m.token));
	return 0;
}

void
msg_session_clear(struct msg_session *m)
{
	for (uint16_t i = 0; i < m->count; i++)
		msg_version_clear(&m->versions[i]);
	free(m->versions);
	secret_wipe(m, sizeof(*m));
}

void
msg_session_resume_write(struct writer *w, const struct msg_session_resume *m)
{
	writer_u64(w, m->session);
	writer_bytes(w, m->token, sizeof(m->token));
}

int
msg_session_resume_read(struct msg_session_resume *out, struct reader *r)
{
	struct msg_session_resume m;

	m.session = reader_u64(r);
	reader_copy(r, m.token, sizeof(m.token));
	if (!reader_end(r))
		return ERR_FORMAT;
	*out = m;
	secret_wipe(&m, sizeof(m));
	return 0;
}

void
msg_session_resume_clear(struct msg_session_resume *m)
{
	secret_wipe(m, sizeof(*m));
}

void
msg_session_exe_write(struct writer *w, const struct msg_session_exe *m)
{
	writer_u64(w, m->session);
	writer_u32(w, m->pid);
	writer_string(w, m->exe);
	msg_field_bool_write(w, m->seen);
	writer_bytes(w, m->digest.bytes, DIGEST_SIZE);
}

int
msg_session_exe_read(struct msg_session_exe *out, struct reader *r)
{
	struct msg_session_exe m = { 0 };

	m.session = reader_u64(r);
	m.pid = reader_u32(r);
	m.exe = msg_field_string(r);
	m.seen = msg_field_bool(r);
	reader_copy(r, m.digest.bytes, DIGEST_SIZE);
	if (!reader_end(r)) {
		msg_session_exe_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_session_exe_clear(struct msg_session_exe *m)
{
	free(m->exe);
	*m = (struct msg_session_exe){ 0 };
}
