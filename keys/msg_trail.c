/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/msg.h"
#include "vault/err.h"
#include "vault/note.h"

void
msg_consistency_write(struct writer *w, const struct msg_consistency *m)
{
	writer_blob(w, m->note, strlen(m->note));
	writer_u16(w, m->count);
	for (uint16_t i = 0; i < m->count; i++)
		writer_bytes(w, m->proof[i].bytes, DIGEST_SIZE);
}

int
msg_consistency_read(struct msg_consistency *out, struct reader *r)
{
	struct msg_consistency m = { 0 };
	const uint8_t *note;
	size_t n;

	note = reader_blob(r, NOTE_MAX, &n);
	m.count = reader_u16(r);
	if (m.count > TLOG_PROOF_MAX)
		return ERR_FORMAT;
	for (uint16_t i = 0; i < m.count; i++)
		reader_copy(r, m.proof[i].bytes, DIGEST_SIZE);
	if (!reader_end(r) || n == 0 || memchr(note, 0, n) != NULL)
		return ERR_FORMAT;
	m.note = strndup((const char *)note, n);
	if (m.note == NULL)
		return ERR_NOMEM;
	*out = m;
	return 0;
}

void
msg_consistency_clear(struct msg_consistency *m)
{
	free(m->note);
	*m = (struct msg_consistency){ 0 };
}
