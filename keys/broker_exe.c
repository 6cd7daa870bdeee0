/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "keys/broker_state.h"
#include "keys/grant.h"
#include "vault/err.h"

#define EXE_RECORDED 1024

/* The grants of the session that list programs, and not this one. */
static int
write_unlisted(struct broker_call *c, const struct session *s,
    const struct digest *exe, struct entry *e)
{
	uint64_t last = 0;
	bool open = false;

	for (uint16_t i = 0; i < s->count; i++) {
		uint64_t id = s->versions[i].grant;
		struct grant g;
		int err = id == last ?
		    ERR_NOT_FOUND :
		    catalogue_grant_get(c->b->how.catalogue, id, &g);

		if (err != 0 && err != ERR_NOT_FOUND)
			return broker_call_unreadable(c, err);
		last = id;
		if (err != 0 || grant_exe_lists(g.exes, exe))
			continue;
		if (!open)
			entry_open_list(e, "unlisted");
		open = true;
		entry_number(e, NULL, id);
	}
	if (open)
		entry_close(e);
	return 0;
}

static int
record(struct broker_call *c, const struct broker_session *s,
    const struct msg_session_exe *m)
{
	const struct digest *exe = m->seen ? &m->digest : NULL;
	char path[EXE_RECORDED];
	OWNED_ENTRY e = { 0 };
	int err;

	snprintf(path, sizeof(path), "%s", m->exe);
	broker_call_entry(c, &e, ENTRY_SESSION_EXE);
	entry_number(&e, "session", s->id);
	entry_number(&e, "pid", m->pid);
	entry_text(&e, "exe", path[0] != '\0' ? path : NULL);
	if (exe != NULL)
		entry_digest(&e, "sha256", exe);
	err = write_unlisted(c, s->s, exe, &e);
	return err == 0 ? broker_call_record_later(c, &e) : err;
}

int
broker_exe_exe(struct broker_call *c)
{
	const struct broker_session *s;
	struct msg_session_exe m;
	int err;

	if (msg_session_exe_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	s = broker_session_of(c->from, m.session);
	c->session = s;
	err = s != NULL ?
	    record(c, s, &m) :
	    broker_call_refuse(c, "not a session of this connection",
		"session %ju is not one of this connection's: open or resume"
		" it first",
		(uintmax_t)m.session);
	msg_session_exe_clear(&m);
	return err;
}
