/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/msg.h"
#include "vault/err.h"

#define EXTENT_MIN (4 + 8 + 8 + 4 + 4 + 2)

void
msg_extents_write(struct writer *w, const struct msg_extents *m)
{
	writer_u64(w, m->session);
	writer_u16(w, m->version);
	writer_u32(w, m->count);
	for (uint32_t i = 0; i < m->count; i++) {
		const struct msg_extent *e = &m->extents[i];

		writer_u32(w, e->file);
		writer_u64(w, e->offset);
		writer_u64(w, e->length);
		writer_u32(w, e->uid);
		writer_u32(w, e->pid);
		writer_string(w, e->exe);
	}
}

static void
read_extents(struct msg_extents *m, struct reader *r)
{
	uint32_t count = reader_count(r, EXTENT_MIN);

	if (count == 0 || count > MSG_EXTENTS_MAX)
		reader_fail(r);
	else
		m->extents = calloc(count, sizeof(*m->extents));
	if (m->extents == NULL) {
		reader_fail(r);
		return;
	}
	for (m->count = 0; m->count < count; m->count++) {
		struct msg_extent *e = &m->extents[m->count];

		e->file = reader_u32(r);
		e->offset = reader_u64(r);
		e->length = reader_u64(r);
		e->uid = reader_u32(r);
		e->pid = reader_u32(r);
		e->exe = msg_field_string(r);
	}
}

int
msg_extents_read(struct msg_extents *out, struct reader *r)
{
	struct msg_extents m = { 0 };

	m.session = reader_u64(r);
	m.version = reader_u16(r);
	read_extents(&m, r);
	if (!reader_end(r)) {
		msg_extents_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_extents_clear(struct msg_extents *m)
{
	for (uint32_t i = 0; i < m->count; i++)
		free(m->extents[i].exe);
	free(m->extents);
	*m = (struct msg_extents){ 0 };
}
