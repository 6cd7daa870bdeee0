/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/keyring.h"
#include "keys/msg.h"
#include "vault/err.h"
#include "vault/note.h"

void
msg_backup_write(struct writer *w, const struct msg_backup *m)
{
	writer_blob(w, m->note, strlen(m->note));
	writer_blob(w, m->keyring, m->keyring_length);
	writer_blob(w, m->epoch, m->epoch_length);
	writer_u64(w, m->epoch_number);
}

/* NULL and bad: there is none, or memory is short. */
static void *
read_blob(struct reader *r, size_t max, size_t *n)
{
	const uint8_t *at = reader_blob(r, max, n);
	char *copy = at != NULL && *n > 0 ? malloc(*n + 1) : NULL;

	if (copy == NULL) {
		reader_fail(r);
		return NULL;
	}
	memcpy(copy, at, *n);
	copy[*n] = '\0';
	return copy;
}

int
msg_backup_read(struct msg_backup *out, struct reader *r)
{
	struct msg_backup m = { 0 };
	size_t n;

	m.note = read_blob(r, NOTE_MAX, &n);
	m.keyring = read_blob(r, KEYRING_FILE_MAX, &m.keyring_length);
	m.epoch = read_blob(r, KEYRING_FILE_MAX, &m.epoch_length);
	m.epoch_number = reader_u64(r);
	if (!reader_end(r) || strlen(m.note) != n) {
		msg_backup_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_backup_clear(struct msg_backup *m)
{
	free(m->note);
	free(m->keyring);
	free(m->epoch);
	*m = (struct msg_backup){ 0 };
}
