/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/broker_state.h"
#include "vault/err.h"
#include "vault/guarded.h"
#include "vault/note.h"

#define CHECKPOINT "trail/checkpoint"

int
broker_status_hello(struct broker_call *c)
{
	struct msg_hello_reply reply = {
		.version = MSG_VERSION,
		.service = c->b->how.service,
		.principal = c->from->principal,
		.uid = c->from->peer.uid,
	};
	struct msg_hello m;
	uint16_t version;

	if (msg_hello_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	version = m.version;
	msg_hello_clear(&m);
	if (version != MSG_VERSION)
		return broker_call_fail(c, ERR_FORMAT,
		    "this weir-keyd speaks version %d of the protocol, the"
		    " client version %u",
		    MSG_VERSION, version);
	memcpy(reply.vault, c->b->how.vault->id, sizeof(reply.vault));
	msg_hello_reply_write(&c->reply, &reply);
	c->from->greeted = true;
	return 0;
}

/* The size of the last published checkpoint; 0 when it cannot be read. */
static uint64_t
published(const struct vaultdir *v)
{
	struct note_checkpoint checkpoint;
	OWNED_MEM(uint8_t) note = NULL;
	size_t n;

	if (file_load(v->dir, CHECKPOINT, NOTE_MAX, &note, &n) != 0 ||
	    note_checkpoint_read(&checkpoint, (const char *)note, n, &v->key) !=
		0)
		return 0;
	return checkpoint.size;
}

/* Whom they may be about is not told that there are any. */
static int
set_alerts(struct broker_call *c, json_t *j)
{
	unsigned int held;
	uint64_t count;
	int err = broker_call_roles(c, &held);

	if (err != 0 || !role_may(held, ROLE_MANAGER | ROLE_REVIEWER))
		return err;
	err = catalogue_alert_count(c->b->how.catalogue, &count);
	if (err != 0)
		return broker_call_unreadable(c, err);
	return json_object_set_new(j, "alerts",
		   json_pack("{s:I, s:I}", "unacknowledged", (json_int_t)count,
		       "undelivered",
		       (json_int_t)broker_watch_undelivered(c->b))) == 0 ?
	    0 :
	    ERR_NOMEM;
}

int
broker_status_status(struct broker_call *c)
{
	const struct vaultdir *v = c->b->how.vault;
	char started[ENTRY_TIME_SIZE], id[VAULTDIR_ID_SIZE];
	char locked[ENTRY_TIME_SIZE];
	uint64_t sessions, uploads;
	int64_t since = 0;
	json_t *j;
	int err;

	if (!reader_end(&c->body))
		return broker_call_malformed(c);
	err = catalogue_session_count(c->b->how.catalogue, &sessions);
	if (err == 0)
		err = catalogue_upload_count(c->b->how.catalogue, &uploads);
	if (err == 0)
		err = catalogue_secret_locked(c->b->how.catalogue, &since);
	if (err != 0)
		return broker_call_unreadable(c, err);
	entry_time_text(since, locked);
	j = json_pack(
	    "{s:s, s:s, s:I, s:s, s:s, s:s, s:{s:I, s:I}, s:I, s:I, s:s, s:s*}",
	    "vault", vaultdir_id(v, id), "mode",
	    c->b->how.service ? "service" : "embedded", "pid",
	    (json_int_t)getpid(), "weir", c->b->how.program, "principal",
	    c->from->principal, "started",
	    entry_time_text(c->b->started_ms, started), "trail", "entries",
	    (json_int_t)trail_size(c->b->how.trail), "checkpoint",
	    (json_int_t)published(v), "sessions", (json_int_t)sessions,
	    "uploads", (json_int_t)uploads, "key_memory",
	    guarded_name(guarded_kind(c->b->how.keyring->log_seed)), "locked",
	    since != 0 ? locked : NULL);
	err = j != NULL ? set_alerts(c, j) : 0;
	if (err != 0) {
		json_decref(j);
		return err;
	}
	return broker_call_json(c, j);
}

int
broker_status_publish(struct broker_call *c)
{
	if (!reader_end(&c->body))
		return broker_call_malformed(c);
	return broker_record_publish(c->b, &c->pending);
}

int
broker_status_check(struct broker_call *c)
{
	struct msg_check_report m;
	OWNED_ENTRY e = { 0 };

	if (msg_check_report_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	broker_call_entry(c, &e, ENTRY_CHECK);
	entry_number(&e, "objects", m.objects);
	entry_number(&e, "bytes", m.bytes);
	entry_bool(&e, "data", m.data);
	entry_number(&e, "damaged", m.damaged);
	entry_number(&e, "missing", m.missing);
	return broker_call_record_later(c, &e);
}
