/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_budget.h"
#include "keys/broker_removal.h"
#include "keys/broker_shred.h"
#include "keys/keyring_epoch.h"
#include "keys/keyring_rewrap.h"
#include "vault/certificate.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

/*
 * shred: first its entry; then a new epoch, under which all keys but the
 * version's are wrapped; then its objects; then the entry that it is
 * done, which names the certificate.  What is cut off after the first
 * entry is finished at start.
 *
 * The objects are sealed, and by then no key opens them: where their removal
 * takes longer than PATIENCE_MS, a keyd that stays records the end with how
 * many are left, goes on at its ticks, and then records another end.
 */

#define PATIENCE_MS 300
#define SLICE_MS 100 /* others are not served meanwhile */
#define BATCH 64

static const char ends[] = "a version of it is shredded";

/* The key that is still there goes. */
static int
cannot_finish(struct broker *b, int err)
{
	return broker_record_stop(b, err,
	    "a shred cannot be finished now, and is at the next start");
}

/* --- the epoch --- */

/* All keys that are there go over to a new epoch; the old one is destroyed. */
static int
turn(struct broker *b)
{
	const struct file *vault = b->how.vault->dir;
	struct keyring next = { 0 };
	int err = keyring_epoch_begin(b->how.keyring, vault, &next);

	if (err == 0)
		err = keyring_rewrap(b->how.catalogue, b->how.keyring, &next,
		    false);
	if (err == 0)
		err = keyring_epoch_end(b->how.keyring, vault, &next);
	keyring_epoch_free(&next);
	/* Manifests, lockbox pages and keys that keyd holds. */
	pages_clear(b->pages);
	return err;
}

int
broker_shred_settle(struct broker *b)
{
	return keyring_epoch_settle(b->how.keyring, b->how.vault->dir,
	    catalogue_shred_epoch(b->how.catalogue));
}

/* --- objects, and the end --- */

static int
record_end(struct broker *b, const struct catalogue_shred *s,
    uint64_t count[static 3], const char *payload)
{
	struct digest digest = digest_of(payload, strlen(payload));
	OWNED_ENTRY e = { 0 };

	broker_record_begin(&e, ENTRY_SHRED);
	entry_text(&e, "stage", "end");
	entry_text(&e, "model", s->model);
	entry_text(&e, "version", s->version);
	entry_number(&e, "epoch", b->how.keyring->epoch_number);
	entry_number(&e, "objects", count[1]);
	if (count[0] > 0)
		entry_number(&e, "left", count[0]);
	entry_digest(&e, "certificate", &digest);
	return broker_record_wait(b, &e);
}

static int
finish(struct broker *b, const struct catalogue_shred *s)
{
	struct catalogue *c = b->how.catalogue;
	OWNED_MEM(char) payload = NULL;
	uint64_t count[3];
	int err = store_flush(b->how.store);

	if (err == 0)
		err = catalogue_shred_count(c, s->id, count);
	if (err == 0)
		err = broker_shred_payload(b, s, count, &payload);
	if (err == 0)
		err = catalogue_shred_payload_stage(c, s->id, payload);
	if (err == 0)
		err = record_end(b, s, count, payload);
	b->shreds_left = b->shreds_left || count[0] > 0;
	return err;
}

/* Some of its objects go; *left is how many there were. */
static int
sweep_some(struct broker *b, const struct catalogue_shred *s, size_t *left)
{
	struct catalogue *c = b->how.catalogue;
	struct digest names[BATCH];
	struct msg_sweep m = { .names = names };
	enum msg_swept swept[BATCH];
	uint8_t what[BATCH];
	uint64_t bytes;
	int err = catalogue_shred_doomed(c, s->id, names, BATCH, left);

	m.count = (uint32_t)*left;
	if (err == 0)
		err = broker_gc_remove(b, &m, swept, &bytes);
	for (size_t i = 0; err == 0 && i < *left; i++) {
		if (swept[i] == MSG_SWEPT_FAILED)
			err = ERR_IO;
		what[i] = swept[i] == MSG_SWEPT_REMOVED ||
			swept[i] == MSG_SWEPT_ABSENT ?
		    1 :
		    2;
	}
	return err == 0 && *left > 0 ?
	    catalogue_shred_decide(c, s->id, names, what, *left) :
	    err;
}

/* The same until all have gone or some time has: how many that were; *all: none
 * is left to be looked at. */
static int
sweep(struct broker *b, const struct catalogue_shred *s, size_t *n, bool *all)
{
	int64_t until = clock_ms() + SLICE_MS;
	size_t some;
	int err;

	*n = 0;
	do {
		err = sweep_some(b, s, &some);
		if (err != 0)
			return err;
		*n += some;
	} while (some > 0 && clock_ms() < until);
	*all = some == 0;
	return 0;
}

static int
complete(struct broker *b, const struct catalogue_shred *s)
{
	bool all = false;
	size_t n;
	int err = 0;

	if (b->how.keyring->epoch_number < s->epoch)
		err = turn(b);
	do {
		if (err == 0)
			err = sweep(b, s, &n, &all);
	} while (err == 0 && !all && !b->how.service);
	return err == 0 ? finish(b, s) : err;
}

/* Those that are left of the oldest shred that has some. */
static int
go_on(struct broker *b)
{
	struct catalogue_shred s;
	bool all = false;
	size_t n;
	int err = catalogue_shred_left(b->how.catalogue, &s);

	if (err == 0)
		err = sweep(b, &s, &n, &all);
	if (err == 0 && all)
		err = finish(b, &s);
	return err;
}

void
broker_shred_tick(struct broker *b)
{
	const struct broker_link *l, *next;
	int err;

	if (!b->shreds_left)
		return;
	HASH_ITER(hh, b->links, l, next)
		if (l->backs_up)
			return;
	err = go_on(b);
	b->shreds_left = err == 0;
	if (err != 0 && err != ERR_NOT_FOUND)
		log_warn("objects of a shredded version, which nothing opens,"
			 " cannot be removed: %s; 'weir gc' tries again, and so"
			 " does keyd when it starts next",
		    err_text(err));
}

int
broker_shred_resume(struct broker *b)
{
	struct catalogue_shred s;
	int err;

	while ((err = catalogue_shred_pending(b->how.catalogue, &s)) == 0) {
		log_warn("the shred of %s@%.12s was cut off, and is finished"
			 " now",
		    s.model, s.version);
		err = complete(b, &s);
		if (err != 0)
			return err;
	}
	/* A certificate that was made anew when keyd was cut off has its entry
	 * before anybody asks for it. */
	b->shreds_left = true;
	broker_shred_tick(b);
	return err == ERR_NOT_FOUND ? b->failed : err;
}

/* --- shred.begin --- */

static int
reply(struct broker_call *c, const struct catalogue_shred *s)
{
	return broker_call_json(c,
	    json_pack("{s:s, s:s, s:b}", "model", s->model, "version",
		s->version, "ended", s->ended_ms != 0));
}

/* One that was removed can be shredded, too; of one that is shredded
 * already the rest is done. */
static int
find(struct broker_call *c, struct broker_target *t, bool *again)
{
	struct catalogue *catalogue = c->b->how.catalogue;
	struct catalogue_shred s;
	int err = 0;

	*again = false;
	if (t->ref.digits[0] == '\0')
		return broker_call_fail(c, ERR_USAGE,
		    "%s is a channel's: name the version by its digits,"
		    " %s@DIGITS; 'weir ls %s' lists them",
		    t->shown, t->ref.name, t->ref.name);
	if (!t->found)
		err = catalogue_version_removed(catalogue, t->ref.name,
		    t->ref.digits, &t->version);
	if (err == 0) {
		digest_hex(&t->version, t->hex);
		return 0;
	}
	if (err == ERR_NOT_FOUND)
		err = catalogue_shred_find(catalogue, t->ref.name,
		    t->ref.digits, &s);
	*again = err == 0;
	if (*again)
		return reply(c, &s);
	if (err == ERR_NOT_FOUND || err == ERR_CONFLICT)
		return broker_call_fail(c, err,
		    "there is no %s, or several; 'weir ls --all' lists what"
		    " there is",
		    t->shown);
	return broker_call_unreadable(c, err);
}

/* What is known of it, while it can be known. */
static int
stage_facts(struct broker_call *c, const struct broker_target *t)
{
	struct catalogue *catalogue = c->b->how.catalogue;
	OWNED_MEM(char) facts = NULL;
	struct catalogue_version v;
	int err = catalogue_version_any(catalogue, t->ref.name, &t->version,
	    &v);

	if (err != 0)
		return broker_call_unreadable(c, err);
	err = broker_shred_facts(c->b, &v, &facts);
	if (err == 0)
		err = catalogue_shred_facts_stage(catalogue, t->ref.name,
		    t->hex, facts);
	if (err != 0)
		return broker_call_fail(c, err,
		    "what %s holds cannot be written down: %s", t->shown,
		    err_text(err));
	return 0;
}

/* Nothing is begun that cannot be finished. */
static int
check_keys(struct broker_call *c)
{
	int err = keyring_rewrap_look(c->b->how.catalogue, c->b->how.keyring,
	    false);

	if (err == 0)
		return 0;
	return broker_call_fail(c, err,
	    "a wrapped key of another version does not open, and would be lost"
	    " with the old epoch: bring back the catalogue from a backup"
	    " first (weir-keyd's log names the version)");
}

static int
end_sessions(struct broker_call *c, const struct broker_target *t,
    uint64_t *count)
{
	const struct broker_session *s;
	int err = 0;

	*count = 0;
	while (err == 0 &&
	    (s = broker_session_reader(c->b, t->ref.name, &t->version)) !=
		NULL) {
		err = broker_session_end(c->b, broker_session_find(c->b, s->id),
		    ends);
		(*count)++;
	}
	return err;
}

static int
record_begin(struct broker_call *c, const struct broker_target *t,
    const char *reason, uint64_t sessions)
{
	OWNED_ENTRY e = { 0 };

	broker_call_entry(c, &e, ENTRY_SHRED);
	entry_text(&e, "stage", "begin");
	entry_text(&e, "model", t->ref.name);
	entry_digest(&e, "version", &t->version);
	entry_number(&e, "epoch", c->b->how.keyring->epoch_number + 1);
	entry_number(&e, "sessions", sessions);
	entry_text(&e, "reason", reason);
	return broker_call_record(c, &e);
}

static int
check(struct broker_call *c, const struct broker_target *t)
{
	int err = broker_removal_channels(c, t);

	if (err == 0)
		err = broker_removal_backups(c, "shred");
	if (err == 0 && broker_verify_busy(c->b, t->ref.name, &t->version))
		err = broker_call_fail(c, ERR_CONFLICT,
		    "%s is being read back by the verifier; try again when"
		    " that has ended ('weir show %s' tells)",
		    t->shown, t->shown);
	return err == 0 ? check_keys(c) : err;
}

static int
begin(struct broker_call *c, const struct msg_removal *m)
{
	struct catalogue_shred s;
	struct broker_target t;
	uint64_t sessions;
	bool again = false;
	int err = broker_model_resolve(c, m->reference, &t);

	if (err == 0)
		err = find(c, &t, &again);
	if (err != 0 || again)
		return err;
	err = check(c, &t);
	if (err == 0)
		err = stage_facts(c, &t);
	if (err == 0)
		err = end_sessions(c, &t, &sessions);
	if (err == 0)
		err = record_begin(c, &t, m->reason, sessions);
	if (err != 0)
		return err;
	broker_verify_forget(c->b, t.ref.name, &t.version);
	err = catalogue_shred_find(c->b->how.catalogue, t.ref.name, t.hex, &s);
	if (err == 0)
		err = turn(c->b);
	if (err != 0)
		return cannot_finish(c->b, err);
	broker_budget_forget(c->b, t.ref.name);
	return reply(c, &s);
}

int
broker_shred_begin(struct broker_call *c)
{
	return broker_removal_ask(c, begin);
}

/* --- shred.sweep, shred.certificate --- */

static int
find_shred(struct broker_call *c, struct catalogue_shred *out)
{
	OWNED_MEM(char) text = NULL;
	struct broker_target t;
	int err;

	if (msg_string_read(&text, &c->body) != 0)
		return broker_call_malformed(c);
	err = broker_model_resolve(c, text, &t);
	if (err != 0)
		return err;
	err = catalogue_shred_find(c->b->how.catalogue, t.ref.name,
	    t.ref.digits, out);
	if (err == ERR_NOT_FOUND)
		return broker_call_fail(c, err, "%s was not shredded", t.shown);
	return err == 0 ? 0 : broker_call_unreadable(c, err);
}

/* Nobody waits any longer for objects to go; a keyd that ends with its
 * client has no later. */
static bool
leaves(const struct broker *b, const struct catalogue_shred *s)
{
	return b->how.service &&
	    broker_record_clock() - s->begun_ms >= PATIENCE_MS;
}

int
broker_shred_sweep(struct broker_call *c)
{
	struct catalogue_shred s;
	size_t n = 0;
	bool all = true;
	int err = find_shred(c, &s);

	if (err != 0)
		return err;
	if (s.ended_ms == 0 && !leaves(c->b, &s))
		err = sweep(c->b, &s, &n, &all);
	if (err == 0 && s.ended_ms == 0 && (all || leaves(c->b, &s))) {
		err = finish(c->b, &s);
		n = 0;
	}
	if (err != 0)
		return cannot_finish(c->b, err);
	msg_number_write(&c->reply, n);
	return 0;
}

int
broker_shred_certificate(struct broker_call *c)
{
	const struct note_key *log = &c->b->how.vault->key;
	OWNED_MEM(char) payload = NULL;
	OWNED_MEM(char) text = NULL;
	struct catalogue_shred s;
	int err = find_shred(c, &s);

	if (err != 0)
		return err;
	if (s.ended_ms == 0)
		return broker_call_fail(c, ERR_CONFLICT,
		    "the shred of %s@%.12s is not finished: run 'weir shred"
		    " %s@%.12s' again",
		    s.model, s.version, s.model, s.version);
	err = catalogue_shred_payload(c->b->how.catalogue, s.id, &payload);
	if (err == 0)
		err = certificate_sign(&text, payload, log,
		    c->b->how.keyring->log_seed);
	if (err != 0)
		return broker_call_fail(c, err,
		    "the certificate cannot be made: %s", err_text(err));
	return broker_call_json(c,
	    json_pack("{s:s, s:I}", "certificate", text, "entry",
		(json_int_t)s.entry));
}
