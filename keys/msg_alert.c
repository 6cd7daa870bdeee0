/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "keys/msg.h"
#include "vault/err.h"

void
msg_alert_ack_write(struct writer *w, const struct msg_alert_ack *m)
{
	writer_u64(w, m->alert);
	writer_string(w, m->disposition);
	writer_string(w, m->note);
}

int
msg_alert_ack_read(struct msg_alert_ack *out, struct reader *r)
{
	struct msg_alert_ack m = { 0 };

	m.alert = reader_u64(r);
	m.disposition = msg_field_string(r);
	m.note = msg_field_string(r);
	if (!reader_end(r)) {
		msg_alert_ack_clear(&m);
		return ERR_FORMAT;
	}
	*out = m;
	return 0;
}

void
msg_alert_ack_clear(struct msg_alert_ack *m)
{
	free(m->disposition);
	free(m->note);
	*m = (struct msg_alert_ack){ 0 };
}
