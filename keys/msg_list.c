/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/msg.h"
#include "vault/err.h"

void
msg_list_write(struct writer *w, const struct msg_list *m)
{
	writer_string(w, m->model);
	writer_u64(w, m->id);
	msg_field_bool_write(w, m->ended);
	writer_string(w, m->after);
}

int
msg_list_read(struct msg_list *out, struct reader *r)
{
	struct msg_list m = { 0 };

	m.model = msg_field_string(r);
	m.id = reader_u64(r);
	m.ended = msg_field_bool(r);
	m.after = msg_field_string(r);
	if (!reader_end(r)) {
		msg_list_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_list_clear(struct msg_list *m)
{
	free(m->model);
	free(m->after);
	*m = (struct msg_list){ 0 };
}
