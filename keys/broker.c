/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/broker.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/broker_budget.h"
#include "keys/broker_lock.h"
#include "keys/broker_removal.h"
#include "keys/broker_state.h"
#include "vault/err.h"
#include "vault/log.h"

/* PROTOCOL.md's table.  Where the role depends on what is asked for, the
 * handler decides. */
static const struct broker_request requests[] = {
	{ MSG_HELLO, "hello", 0, BROKER_NEEDS_NONE, broker_status_hello },
	{ MSG_STATUS, "status", 0, BROKER_NEEDS_NONE, broker_status_status },
	{ MSG_PUBLISH, "publish", 0, BROKER_NEEDS_NONE, broker_status_publish },
	{ MSG_ROLE_LS, "role.ls", ROLE_MANAGER | ROLE_REVIEWER,
	    BROKER_NEEDS_NONE, broker_role_ls },
	{ MSG_ROLE_ADD, "role.add", ROLE_OWNER, BROKER_NEEDS_NONE,
	    broker_role_add },
	{ MSG_ROLE_RM, "role.rm", ROLE_OWNER, BROKER_NEEDS_NONE,
	    broker_role_rm },
	{ MSG_GRANT_ADD, "grant.add", ROLE_MANAGER, BROKER_NEEDS_NONE,
	    broker_grant_add },
	{ MSG_GRANT_RM, "grant.rm", ROLE_MANAGER, BROKER_NEEDS_NONE,
	    broker_grant_rm },
	{ MSG_GRANT_LS, "grant.ls", 0, BROKER_NEEDS_NONE, broker_grant_ls },
	{ MSG_GRANT_SHOW, "grant.show", 0, BROKER_NEEDS_NONE,
	    broker_grant_show },
	{ MSG_BUDGET_RESET, "budget.reset", ROLE_MANAGER, BROKER_NEEDS_NONE,
	    broker_grant_reset },
	{ MSG_GRANT_EXPLAIN, "grant.explain", 0, BROKER_NEEDS_NONE,
	    broker_explain_explain },
	{ MSG_GRANT_REVIEW, "grant.review", ROLE_MANAGER | ROLE_REVIEWER,
	    BROKER_NEEDS_NONE, broker_review_review },
	{ MSG_PUT_BEGIN, "put.begin", 0, BROKER_NEEDS_KEYS, broker_put_begin },
	{ MSG_PUT_KEYS, "put.keys", 0, BROKER_NEEDS_KEYS, broker_put_keys },
	{ MSG_PUT_COMMIT, "put.commit", 0, BROKER_NEEDS_KEYS,
	    broker_put_commit },
	{ MSG_MODEL_LS, "model.ls", 0, BROKER_NEEDS_NONE, broker_model_ls },
	{ MSG_VERSION_GET, "version.get", 0, BROKER_NEEDS_KEYS,
	    broker_model_version },
	{ MSG_SESSION_OPEN, "session.open", 0, BROKER_NEEDS_KEYS,
	    broker_open_open },
	{ MSG_SESSION_RESUME, "session.resume", 0, BROKER_NEEDS_NONE,
	    broker_open_resume },
	{ MSG_RELEASE, "release", 0, BROKER_NEEDS_KEYS,
	    broker_release_release },
	{ MSG_EXTENTS, "extents", 0, BROKER_NEEDS_NONE,
	    broker_release_extents },
	{ MSG_FAULT, "fault", 0, BROKER_NEEDS_NONE, broker_release_fault },
	{ MSG_SESSION_CLOSE, "session.close", 0, BROKER_NEEDS_NONE,
	    broker_session_close },
	{ MSG_SESSION_LS, "session.ls", 0, BROKER_NEEDS_NONE,
	    broker_session_ls },
	{ MSG_SESSION_EXE, "session.exe", 0, BROKER_NEEDS_NONE,
	    broker_exe_exe },
	{ MSG_TROUBLE, "trouble", 0, BROKER_NEEDS_NONE,
	    broker_release_trouble },
	{ MSG_CHECK_REPORT, "check.report", ROLE_REVIEWER, BROKER_NEEDS_NONE,
	    broker_status_check },
	{ MSG_TRUST_GET, "trust.get", 0, BROKER_NEEDS_NONE,
	    broker_channel_trust },
	{ MSG_STATEMENT_ADD, "statement.add", ROLE_MANAGER, BROKER_NEEDS_KEYS,
	    broker_statement_add },
	{ MSG_STATEMENT_SIGN, "statement.sign", ROLE_MANAGER, BROKER_NEEDS_KEYS,
	    broker_statement_sign },
	{ MSG_STATEMENT_WITHDRAW, "statement.withdraw", ROLE_MANAGER,
	    BROKER_NEEDS_NONE, broker_statement_withdraw },
	{ MSG_STATEMENT_GET, "statement.get", ROLE_MANAGER | ROLE_REVIEWER,
	    BROKER_NEEDS_NONE, broker_statement_get },
	{ MSG_STATEMENT_LS, "statement.ls", ROLE_MANAGER | ROLE_REVIEWER,
	    BROKER_NEEDS_NONE, broker_statement_ls },
	{ MSG_CHANNEL_PROOF, "channel.proof", 0, BROKER_NEEDS_NONE,
	    broker_channel_proof },
	{ MSG_CHANNEL_LOG, "channel.log", 0, BROKER_NEEDS_NONE,
	    broker_channel_log },
	{ MSG_VERSION_VERIFY, "version.verify", 0, BROKER_NEEDS_KEYS,
	    broker_verify_verify },
	{ MSG_SIGN_OMS, "sign.oms", ROLE_MANAGER, BROKER_NEEDS_KEYS,
	    broker_oms_sign },
	{ MSG_TRAIL_CONSISTENCY, "trail.consistency", 0, BROKER_NEEDS_NONE,
	    broker_trail_consistency },
	{ MSG_ALERT_LS, "alert.ls", ROLE_MANAGER | ROLE_REVIEWER,
	    BROKER_NEEDS_NONE, broker_alert_ls },
	{ MSG_ALERT_ACK, "alert.ack", ROLE_REVIEWER, BROKER_NEEDS_NONE,
	    broker_alert_ack },
	{ MSG_DECOY_ADD, "decoy.add", ROLE_REVIEWER, BROKER_NEEDS_NONE,
	    broker_decoy_add },
	{ MSG_DECOY_RM, "decoy.rm", ROLE_REVIEWER, BROKER_NEEDS_NONE,
	    broker_decoy_rm },
	{ MSG_DECOY_LS, "decoy.ls", ROLE_REVIEWER, BROKER_NEEDS_NONE,
	    broker_decoy_ls },
	{ MSG_SECRET_LS, "secret.ls", ROLE_REVIEWER, BROKER_NEEDS_NONE,
	    broker_secret_ls },
	{ MSG_SECRET_ADD, "secret.add", ROLE_OWNER, BROKER_NEEDS_NONE,
	    broker_secret_add },
	{ MSG_SECRET_RM, "secret.rm", ROLE_OWNER, BROKER_NEEDS_NONE,
	    broker_secret_rm },
	{ MSG_LOCK, "lock", ROLE_OWNER, BROKER_NEEDS_NONE, broker_lock_lock },
	{ MSG_UNLOCK, "unlock", ROLE_OWNER, BROKER_NEEDS_NONE,
	    broker_lock_unlock },
	{ MSG_REKEY, "rekey", ROLE_OWNER, BROKER_NEEDS_KEYS,
	    broker_rekey_rekey },
	{ MSG_VERSION_RM, "version.rm", ROLE_MANAGER, BROKER_NEEDS_NONE,
	    broker_removal_rm },
	{ MSG_VERSION_UNDELETE, "version.undelete", ROLE_MANAGER,
	    BROKER_NEEDS_NONE, broker_removal_undelete },
	{ MSG_GC_BEGIN, "gc.begin", ROLE_OWNER, BROKER_NEEDS_NONE,
	    broker_gc_begin },
	{ MSG_GC_SWEEP, "gc.sweep", ROLE_OWNER, BROKER_NEEDS_NONE,
	    broker_gc_sweep },
	{ MSG_GC_END, "gc.end", ROLE_OWNER, BROKER_NEEDS_NONE, broker_gc_end },
	{ MSG_BACKUP, "backup", 0, BROKER_NEEDS_NONE, broker_backup_backup },
	{ MSG_SHRED_BEGIN, "shred.begin", ROLE_OWNER, BROKER_NEEDS_KEYS,
	    broker_shred_begin },
	{ MSG_SHRED_SWEEP, "shred.sweep", ROLE_OWNER, BROKER_NEEDS_NONE,
	    broker_shred_sweep },
	{ MSG_SHRED_CERTIFICATE, "shred.certificate", ROLE_REVIEWER,
	    BROKER_NEEDS_NONE, broker_shred_certificate },
};

static const struct broker_request *
find_request(uint16_t type)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (requests[i].type == type)
			return &requests[i];
	return NULL;
}

static int
record_start(struct broker *b)
{
	const int64_t boot_s = accounting_boot();
	uint8_t boot[ACCOUNTING_BOOT];
	char hex[2 * ACCOUNTING_BOOT + 1];
	OWNED_ENTRY e = { 0 };

	broker_record_begin(&e, ENTRY_KEYD_START);
	entry_number(&e, "pid", (uint64_t)getpid());
	entry_text(&e, "mode", b->how.service ? "service" : "embedded");
	entry_text(&e, "weir", b->how.program);
	entry_number(&e, "clock", accounting_at(&b->accounting, boot_s));
	accounting_boot_id(boot);
	sodium_bin2hex(hex, sizeof(hex), boot, sizeof(boot));
	entry_text(&e, "boot", sodium_is_zero(boot, sizeof(boot)) ? NULL : hex);
	entry_number(&e, "uptime", boot_s > 0 ? (uint64_t)boot_s : 0);
	entry_text(&e, "rules", b->how.rules);
	if (b->how.keyring->slot != 0)
		entry_number(&e, "secret", b->how.keyring->slot);
	return broker_record_wait(b, &e);
}

static int
record_stop(struct broker *b)
{
	OWNED_ENTRY e = { 0 };

	broker_record_begin(&e, ENTRY_KEYD_STOP);
	entry_number(&e, "pid", (uint64_t)getpid());
	entry_text(&e, "mode", b->how.service ? "service" : "embedded");
	entry_text(&e, "weir", b->how.program);
	entry_number(&e, "clock", broker_budget_clock(b));
	return broker_record_wait(b, &e);
}

int
broker_new(struct broker **out, const struct broker_how *how)
{
	OWNED(broker) b = calloc(1, sizeof(*b));
	struct accounting_start now = { .boot_s = accounting_boot() };
	int err;

	if (b == NULL)
		return ERR_NOMEM;
	b->how = *how;
	b->started_ms = broker_record_clock();
	accounting_boot_id(now.boot);
	b->accounting = accounting_begin(catalogue_clock(how->catalogue),
	    b->started_ms, &now);
	STAILQ_INIT(&b->pending);
	STAILQ_INIT(&b->publishing);
	STAILQ_INIT(&b->slow);
	STAILQ_INIT(&b->checks);
	STAILQ_INIT(&b->verifying);
	b->look_verify = how->service;
	STAILQ_INIT(&b->checked);
	pthread_mutex_init(&b->mutex, NULL);
	pthread_cond_init(&b->settled, NULL);
	pthread_cond_init(&b->check_work, NULL);
	err = pages_new(&b->pages, how->store, PAGES_MANIFEST_BYTES);
	if (err == 0)
		err = catalogue_upload_drop_all(how->catalogue);
	if (err == 0)
		err = broker_shred_settle(b);
	if (err == 0)
		err = record_start(b);
	if (err == 0)
		err = broker_session_load_all(b);
	if (err == 0)
		err = broker_session_end_unfounded(b);
	if (err == 0)
		err = broker_shred_resume(b);
	if (err == 0)
		err = broker_lock_start(b);
	if (err == 0)
		err = broker_watch_post_all(b);
	if (err != 0)
		return err;
	*out = b;
	b = NULL;
	return 0;
}

int
broker_stop(struct broker *b)
{
	int err;

	b->stopping = true;
	broker_check_stop(b);
	broker_check_deliver(b);
	err = broker_record_finish(b);
	if (err == 0 && !b->how.service)
		/* An embedded keyd leaves with its last client. */
		err = broker_session_end_left(b, 0);
	if (err == 0)
		err = broker_watch_finish(b);
	if (err == 0)
		err = record_stop(b);
	return err;
}

void
broker_free(struct broker *b)
{
	struct broker_link *l, *next;

	if (b == NULL)
		return;
	broker_check_free_all(b);
	broker_record_clear(b);
	b->stopping = true;
	HASH_ITER(hh, b->links, l, next)
		broker_detach(l);
	broker_session_free_all(b);
	broker_budget_free_all(b);
	broker_verify_clear(b);
	broker_guard_free_all(b);
	broker_gc_free_all(b);
	pages_free(b->pages);
	pthread_cond_destroy(&b->settled);
	pthread_cond_destroy(&b->check_work);
	pthread_mutex_destroy(&b->mutex);
	free(b);
}

/* The name service is asked once a minute for each user, not for each
 * connection. */
static const char *
principal_of(struct broker *b, uid_t uid)
{
	struct broker_name *n = &b->names[uid % BROKER_NAMES];

	if (n->known && n->uid == uid && b->now_ms < n->until_ms)
		return n->principal;
	peer_principal(uid, n->principal);
	n->known = true;
	n->uid = uid;
	n->until_ms = b->now_ms + BROKER_NAME_MS;
	return n->principal;
}

int
broker_attach(struct broker *b, const struct peer *peer, void *link_arg,
    struct broker_link **out)
{
	struct broker_link *l;

	if (!b->how.service && peer->uid != b->how.own_uid)
		return ERR_DENIED;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return ERR_NOMEM;
	l->b = b;
	l->id = ++b->last_link;
	l->arg = link_arg;
	l->peer = *peer;
	snprintf(l->principal, sizeof(l->principal), "%s",
	    principal_of(b, peer->uid));
	LIST_INIT(&l->uploads);
	LIST_INIT(&l->holds);
	HASH_ADD(hh, b->links, id, sizeof(l->id), l);
	if (l->hh.tbl == NULL) {
		free(l);
		return ERR_NOMEM;
	}
	*out = l;
	return 0;
}

void
broker_detach(struct broker_link *l)
{
	broker_put_drop(l);
	broker_session_let_go(l);
	HASH_DELETE(hh, l->b->links, l);
	free(l);
}

size_t
broker_waiting(const struct broker_link *l)
{
	return l->waiting;
}

bool
broker_held_back(const struct broker_link *l)
{
	return l->held > 0;
}

/* What the caller is told of an error without a sentence. */
static const char *
sentence(const struct broker_call *c, int err)
{
	return c->sentence[0] != '\0' ? c->sentence : err_text(err);
}

/* The reply frame, whole; an error's if need be. */
static int
finish(struct broker_call *c, uint16_t type, int err)
{
	if (err == 0 && frame_end(&c->reply) == 0)
		return 0;
	if (err == 0)
		err = broker_call_fail(c, ERR_LIMIT, "the reply is too long");
	frame_begin(&c->reply, type | FRAME_REPLY, c->id);
	msg_error_write(&c->reply, err, sentence(c, err));
	return frame_end(&c->reply);
}

static int
handle(struct broker_call *c, uint16_t type)
{
	if (c->b->failed != 0)
		return broker_call_fail(c, ERR_IO, "weir-keyd stops");
	if (c->request == NULL)
		return broker_call_fail(c, ERR_FORMAT,
		    "weir-keyd knows no request %u", type);
	if (!c->from->greeted && type != MSG_HELLO)
		return broker_call_fail(c, ERR_USAGE, "%s came before hello",
		    c->request->name);
	if (c->request->wanted != 0) {
		int err = broker_call_need(c, c->request->wanted);

		if (err != 0)
			return err;
	}
	if (c->request->keys == BROKER_NEEDS_KEYS &&
	    keyring_locked(c->b->how.keyring))
		return broker_lock_says(c);
	return c->request->handle(c);
}

/* Now, with the entry that it waits for, or when something has been looked
 * at. */
static void
answer(struct broker_call *c, uint16_t type)
{
	struct broker_pending *p = c->pending;

	if (c->later) {
		c->from->waiting++;
		return;
	}
	if (p == NULL) {
		c->b->how.send(c->from->arg, c->reply.bytes, c->reply.length);
		return;
	}
	p->type = type;
	p->id = c->id;
	p->link = c->from->id;
	p->reply = c->reply;
	c->reply = writer_of(FRAME_BUFFER);
	c->from->waiting++;
}

int
broker_request(struct broker_link *l, const struct frame *f)
{
	struct broker_call c = {
		.b = l->b,
		.from = l,
		.request = find_request(f->type),
		.id = f->id,
		.body = reader_of(f->body, f->length),
		.reply = writer_of(FRAME_BUFFER),
	};
	int err;

	if ((f->type & (FRAME_REPLY | FRAME_EVENT)) != 0)
		return ERR_FORMAT;
	frame_begin(&c.reply, f->type | FRAME_REPLY, f->id);
	msg_ok_write(&c.reply);
	err = handle(&c, f->type);
	err = finish(&c, f->type, err);
	if (err == 0)
		answer(&c, f->type);
	writer_free(&c.reply);
	return err;
}

void
broker_call_go_on(struct broker_link *l, struct broker_check *k)
{
	struct broker_call c = {
		.b = l->b,
		.from = l,
		.request = find_request((uint16_t)k->type),
		.id = k->id,
		.reply = writer_of(FRAME_BUFFER),
	};
	uint16_t type = (uint16_t)k->type;
	int err;

	l->waiting--;
	frame_begin(&c.reply, type | FRAME_REPLY, k->id);
	msg_ok_write(&c.reply);
	if (k->secret != NULL)
		err = broker_secret_checked(&c, k);
	else if (k->unlock != NULL)
		err = broker_lock_checked(&c, k);
	else if (k->rekey != NULL)
		err = broker_rekey_checked(&c, k);
	else if (type == MSG_PUT_COMMIT)
		err = broker_put_checked(&c, k);
	else
		err = broker_oms_checked(&c, k);
	if (finish(&c, type, err) == 0)
		answer(&c, type);
	writer_free(&c.reply);
}

void
broker_durable(struct broker *b)
{
	broker_record_deliver(b);
	broker_check_deliver(b);
	broker_watch_record(b);
}

void
broker_tick(struct broker *b, int64_t since_ms)
{
	int err;

	b->now_ms = since_ms;
	if (b->failed != 0)
		return;
	broker_guard_tick(b, since_ms);
	broker_record_tick(b);
	err = trail_failed(b->how.trail);
	if (err != 0) {
		broker_record_failed(b, err,
		    err == ERR_INTEGRITY ? "the trail was changed" :
					   "the trail cannot be written");
		return;
	}
	err = broker_session_end_alone(b);
	if (err == 0)
		err = broker_session_end_expired(b);
	if (err == 0 && !b->stopping)
		err = broker_verify_tick(b);
	if (err == 0 && !b->stopping)
		broker_shred_tick(b);
	if (err == 0) {
		broker_watch_note(b);
		err = catalogue_flush(b->how.catalogue);
		if (err != 0)
			broker_record_failed(b, err,
			    "the catalogue cannot be written");
	}
}

int
broker_failed(const struct broker *b)
{
	return b->failed;
}

bool
broker_moves(const struct broker *b)
{
	return trail_moves(b->how.trail);
}

size_t
broker_sessions(const struct broker *b)
{
	return HASH_COUNT(b->sessions);
}
