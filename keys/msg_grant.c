/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/msg.h"
#include "vault/err.h"

/* What may be left out. */
static void
write_optional(struct writer *w, const char *text)
{
	writer_string(w, text != NULL ? text : "");
}

void
msg_grant_add_write(struct writer *w, const struct msg_grant_add *m)
{
	writer_string(w, m->model);
	writer_string(w, m->channel);
	writer_string(w, m->version);
	writer_string(w, m->to);
	writer_u8(w, (uint8_t)m->type);
	writer_u32(w, m->loads);
	msg_field_bool_write(w, m->per_day);
	msg_field_bool_write(w, m->export);
	writer_u64(w, (uint64_t)m->until_ms);
	writer_string(w, m->reason);
	write_optional(w, m->hosts);
	write_optional(w, m->days);
	write_optional(w, m->hours);
	write_optional(w, m->zone);
	writer_u32(w, m->max_sessions);
	write_optional(w, m->exes);
}

int
msg_grant_add_read(struct msg_grant_add *out, struct reader *r)
{
	struct msg_grant_add m = { 0 };
	uint8_t type;

	m.model = msg_field_string(r);
	m.channel = msg_field_string(r);
	m.version = msg_field_string(r);
	m.to = msg_field_string(r);
	type = reader_u8(r);
	m.loads = reader_u32(r);
	m.per_day = msg_field_bool(r);
	m.export = msg_field_bool(r);
	m.until_ms = (int64_t)reader_u64(r);
	m.reason = msg_field_string(r);
	m.hosts = msg_field_string(r);
	m.days = msg_field_string(r);
	m.hours = msg_field_string(r);
	m.zone = msg_field_string(r);
	m.max_sessions = reader_u32(r);
	m.exes = msg_field_string(r);
	m.type = type == MSG_GRANT_BROWSE ? MSG_GRANT_BROWSE : MSG_GRANT_LOAD;
	if (!reader_end(r) || type != m.type || m.until_ms < 0) {
		msg_grant_add_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_grant_add_clear(struct msg_grant_add *m)
{
	free(m->model);
	free(m->channel);
	free(m->version);
	free(m->to);
	free(m->reason);
	free(m->hosts);
	free(m->days);
	free(m->hours);
	free(m->zone);
	free(m->exes);
	*m = (struct msg_grant_add){ 0 };
}

void
msg_grant_explain_write(struct writer *w, const struct msg_grant_explain *m)
{
	writer_string(w, m->principal);
	writer_string(w, m->reference);
	write_optional(w, m->host);
	msg_field_bool_write(w, m->export);
	writer_u64(w, (uint64_t)m->at_ms);
}

int
msg_grant_explain_read(struct msg_grant_explain *out, struct reader *r)
{
	struct msg_grant_explain m = { 0 };

	m.principal = msg_field_string(r);
	m.reference = msg_field_string(r);
	m.host = msg_field_string(r);
	m.export = msg_field_bool(r);
	m.at_ms = (int64_t)reader_u64(r);
	if (!reader_end(r) || m.at_ms < 0) {
		msg_grant_explain_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_grant_explain_clear(struct msg_grant_explain *m)
{
	free(m->principal);
	free(m->reference);
	free(m->host);
	*m = (struct msg_grant_explain){ 0 };
}

void
msg_budget_reset_write(struct writer *w, const struct msg_budget_reset *m)
{
	writer_string(w, m->model);
	writer_string(w, m->reason);
}

int
msg_budget_reset_read(struct msg_budget_reset *out, struct reader *r)
{
	struct msg_budget_reset m = { 0 };

	m.model = msg_field_string(r);
	m.reason = msg_field_string(r);
	if (!reader_end(r)) {
		msg_budget_reset_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_budget_reset_clear(struct msg_budget_reset *m)
{
	free(m->model);
	free(m->reason);
	*m = (struct msg_budget_reset){ 0 };
}
