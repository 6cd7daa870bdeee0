/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/msg.h"

#include <stdlib.h>
#include <string.h>

#include "vault/err.h"

void
msg_field_bool_write(struct writer *w, bool v)
{
	writer_u8(w, v ? 1 : 0);
}

bool
msg_field_bool(struct reader *r)
{
	uint8_t v = reader_u8(r);

	if (v > 1)
		reader_fail(r);
	return v == 1;
}

char *
msg_field_string(struct reader *r)
{
	return reader_string(r, MSG_TEXT_MAX);
}

/* NULL and bad if it holds a NUL. */
char *
msg_field_text(struct reader *r)
{
	size_t n;
	const uint8_t *at = reader_blob(r, MSG_JSON_MAX, &n);
	char *s = NULL;

	if (at != NULL && memchr(at, '\0', n) == NULL)
		s = malloc(n + 1);
	if (s == NULL) {
		reader_fail(r);
		return NULL;
	}
	memcpy(s, at, n);
	s[n] = '\0';
	return s;
}

void
msg_ok_write(struct writer *w)
{
	writer_u8(w, 0);
}

void
msg_error_write(struct writer *w, int err, const char *sentence)
{
	char cut[MSG_TEXT_MAX + 1];
	size_t n = strnlen(sentence, MSG_TEXT_MAX);

	memcpy(cut, sentence, n);
	cut[n] = '\0';
	writer_u8(w, (uint8_t)-err);
	writer_string(w, cut);
}

int
msg_status_read(struct reader *r, int *err, char **sentence)
{
	int status = reader_u8(r);
	char *s;

	if (!reader_ok(r) || status > -ERR_SPACE)
		return ERR_FORMAT;
	if (status == 0) {
		*err = 0;
		return 0;
	}
	s = msg_field_string(r);
	if (!reader_end(r)) {
		free(s);
		return ERR_FORMAT;
	}
	*err = -status;
	*sentence = s;
	return 0;
}

void
msg_text_write(struct writer *w, const char *text)
{
	writer_blob(w, text, strlen(text));
}

int
msg_text_read(char **out, struct reader *r)
{
	size_t n;
	const uint8_t *at = reader_blob(r, MSG_JSON_MAX, &n);
	char *s;

	if (!reader_end(r) || memchr(at, '\0', n) != NULL)
		return ERR_FORMAT;
	s = malloc(n + 1);
	if (s == NULL)
		return ERR_NOMEM;
	memcpy(s, at, n);
	s[n] = '\0';
	*out = s;
	return 0;
}

void
msg_string_write(struct writer *w, const char *s)
{
	writer_string(w, s);
}

int
msg_string_read(char **out, struct reader *r)
{
	char *s = msg_field_string(r);

	if (!reader_end(r)) {
		free(s);
		return ERR_FORMAT;
	}
	*out = s;
	return 0;
}

void
msg_number_write(struct writer *w, uint64_t n)
{
	writer_u64(w, n);
}

int
msg_number_read(uint64_t *out, struct reader *r)
{
	uint64_t n = reader_u64(r);

	if (!reader_end(r))
		return ERR_FORMAT;
	*out = n;
	return 0;
}

void
msg_hello_write(struct writer *w, const struct msg_hello *m)
{
	writer_u16(w, m->version);
	writer_string(w, m->program);
}

int
msg_hello_read(struct msg_hello *out, struct reader *r)
{
	struct msg_hello m = { 0 };

	m.version = reader_u16(r);
	m.program = msg_field_string(r);
	if (!reader_end(r)) {
		msg_hello_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_hello_clear(struct msg_hello *m)
{
	free(m->program);
	*m = (struct msg_hello){ 0 };
}

void
msg_hello_reply_write(struct writer *w, const struct msg_hello_reply *m)
{
	writer_u16(w, m->version);
	writer_bytes(w, m->vault, sizeof(m->vault));
	msg_field_bool_write(w, m->service);
	writer_string(w, m->principal);
	writer_u32(w, m->uid);
}

int
msg_hello_reply_read(struct msg_hello_reply *out, struct reader *r)
{
	struct msg_hello_reply m = { 0 };

	m.version = reader_u16(r);
	reader_copy(r, m.vault, sizeof(m.vault));
	m.service = msg_field_bool(r);
	m.principal = msg_field_string(r);
	m.uid = reader_u32(r);
	if (!reader_end(r)) {
		msg_hello_reply_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_hello_reply_clear(struct msg_hello_reply *m)
{
	free(m->principal);
	*m = (struct msg_hello_reply){ 0 };
}

void
msg_role_write(struct writer *w, const struct msg_role *m)
{
	writer_string(w, m->role);
	writer_string(w, m->family);
	writer_string(w, m->to);
}

int
msg_role_read(struct msg_role *out, struct reader *r)
{
	struct msg_role m = { 0 };

	m.role = msg_field_string(r);
	m.family = msg_field_string(r);
	m.to = msg_field_string(r);
	if (!reader_end(r)) {
		msg_role_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_role_clear(struct msg_role *m)
{
	free(m->role);
	free(m->family);
	free(m->to);
	*m = (struct msg_role){ 0 };
}

void
msg_id_reason_write(struct writer *w, const struct msg_id_reason *m)
{
	writer_u64(w, m->id);
	writer_string(w, m->reason);
}

int
msg_id_reason_read(struct msg_id_reason *out, struct reader *r)
{
	struct msg_id_reason m = { 0 };

	m.id = reader_u64(r);
	m.reason = msg_field_string(r);
	if (!reader_end(r)) {
		msg_id_reason_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_id_reason_clear(struct msg_id_reason *m)
{
	free(m->reason);
	*m = (struct msg_id_reason){ 0 };
}

void
msg_check_report_write(struct writer *w, const struct msg_check_report *m)
{
	writer_u64(w, m->objects);
	writer_u64(w, m->bytes);
	msg_field_bool_write(w, m->data);
	writer_u64(w, m->damaged);
	writer_u64(w, m->missing);
}

int
msg_check_report_read(struct msg_check_report *out, struct reader *r)
{
	struct msg_check_report m = { 0 };

	m.objects = reader_u64(r);
	m.bytes = reader_u64(r);
	m.data = msg_field_bool(r);
	m.damaged = reader_u64(r);
	m.missing = reader_u64(r);
	if (!reader_end(r))
		return ERR_FORMAT;
	*out = m;
	return 0;
}

void
msg_check_report_clear(struct msg_check_report *m)
{
	*m = (struct msg_check_report){ 0 };
}
