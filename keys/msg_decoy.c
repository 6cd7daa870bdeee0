/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/msg.h"
#include "vault/err.h"

void
msg_decoy_write(struct writer *w, const struct msg_decoy *m)
{
	writer_string(w, m->model);
	writer_string(w, m->reason);
}

int
msg_decoy_read(struct msg_decoy *out, struct reader *r)
{
	struct msg_decoy m = { 0 };

	m.model = msg_field_string(r);
	m.reason = msg_field_string(r);
	if (!reader_end(r)) {
		msg_decoy_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_decoy_clear(struct msg_decoy *m)
{
	free(m->model);
	free(m->reason);
	*m = (struct msg_decoy){ 0 };
}
