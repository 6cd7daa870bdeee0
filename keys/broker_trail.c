/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "vault/err.h"
#include "vault/tlog.h"
#include "vault/trail.h"

/* What is published, and that it extends the log as it was at `old`: from the
 * files, as anybody sees them.  At most two tiles of each level are read. */
static int
prove(struct broker *b, uint64_t old, struct msg_consistency *m)
{
	OWNED(trail_reader) r = NULL;
	const struct note_checkpoint *now;
	size_t n = 0;
	int err;

	err = trail_reader_open(&r, b->how.vault->dir, &b->how.vault->key);
	if (err != 0)
		return err;
	now = trail_reader_checkpoint(r);
	/* Who has seen more than there is gets the note to show for it. */
	if (old < now->size)
		err = tlog_consistency(old, now->size, trail_reader_node, r,
		    m->proof, &n);
	if (err != 0)
		return err;
	m->count = (uint16_t)n;
	m->note = strdup(trail_reader_note(r));
	return m->note != NULL ? 0 : ERR_NOMEM;
}

int
broker_trail_consistency(struct broker_call *c)
{
	struct msg_consistency m = { 0 };
	uint64_t old;
	int err;

	if (msg_number_read(&old, &c->body) != 0)
		return broker_call_malformed(c);
	err = prove(c->b, old, &m);
	if (err == ERR_INTEGRITY) {
		broker_record_failed(c->b, err, "the trail was changed");
		return broker_call_fail(c, ERR_IO,
		    "weir-keyd stops: the trail's files were changed");
	}
	if (err != 0)
		return broker_call_fail(c, err, "the trail cannot be read");
	msg_consistency_write(&c->reply, &m);
	msg_consistency_clear(&m);
	return 0;
}
