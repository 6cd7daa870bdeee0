/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BROKER_STATE_H
#define WEIR_BROKER_STATE_H

/* What the parts of the broker share: for broker*.c alone. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

/* Out of memory it adds nothing, and hh.tbl is NULL. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "keys/accounting.h"
#include "keys/broker.h"
#include "keys/listing.h"
#include "keys/pages.h"
#include "keys/role.h"
#include "keys/session.h"
#include "vault/entry.h"
#include "vault/oms.h"
#include "vault/reader.h"
#include "vault/writer.h"

#define BROKER_UPLOADS_MAX 16	 /* of one link, */
#define BROKER_UPLOADS_OF_UID 64 /* of one user's links, */
#define BROKER_UPLOADS_ALL 512	 /* and of all */
#define BROKER_ATTACHED_MAX 64	 /* sessions of one link, and as many ended */
#define BROKER_SESSIONS_MAX 4096 /* open at once */
#define BROKER_SESSIONS_KEPT 64	 /* of these: for root and keyd's own user */
#define BROKER_SESSIONS_FOR 256	 /* of one principal */
#define BROKER_SESSIONS_BY 1024	 /* opened by one user, for whomever */
#define BROKER_SENTENCE 1024
#define BROKER_REASON_MAX 512 /* of what goes into an entry */

/* An upload under way, of one link.  Its keys are unwrapped when they are used:
 * locked memory is not the uploaders' to fill. */
struct broker_upload {
	LIST_ENTRY(broker_upload) entry;
	uint64_t id;
	char model[REF_NAME_MAX + 1];
	int64_t began_ms;
	bool checking; /* its commit is under way */
};

/*
 * What takes too long for the loop.  A put.commit whose pages are looked at:
 * the new copy, and the one that is there, if any.  A sign.oms: the signature,
 * over the manifest of the first copy.
 */
#define BROKER_CHECK_COPIES 2
struct broker_secret;
struct broker_unlock;
struct broker_rekey;
struct broker_check {
	STAILQ_ENTRY(broker_check) entry;
	uint64_t link;	    /* who waits, */
	uint64_t id;	    /* for the answer to what */
	enum msg_type type; /* MSG_PUT_COMMIT, MSG_SIGN_OMS, MSG_SECRET_*,
			     * MSG_UNLOCK, MSG_REKEY */
	struct broker_secret *secret;
	struct broker_unlock *unlock;
	struct broker_rekey *rekey;
	struct msg_put_commit m;
	struct msg_sign_oms oms;
	char why[OMS_WHY]; /* of found[0], for sign.oms */
	struct family_key *family;
	struct version_key *keys[BROKER_CHECK_COPIES];
	struct pages_verify copies[BROKER_CHECK_COPIES];
	size_t count;
	int found[BROKER_CHECK_COPIES];
	struct manifest *manifest;	/* of the new copy, if found[0] is 0 */
	struct catalogue_chunk *chunks; /* its rows */
};

/* One version of an open session: where its pages are. */
struct broker_version {
	struct digest object;
	uint64_t upload;
	int64_t created_ms;
};

/* A session, open until `ended`; then it is kept for its last links. */
struct broker_session {
	UT_hash_handle hh;
	uint64_t id;
	struct session *s;
	struct broker_version *versions; /* s->count */
	LIST_HEAD(, broker_hold) holds;
	int64_t expires_ms;	/* of the last of its grants; 0: never */
	bool ends_with_hours;	/* then: of a grant that goes on later */
	int64_t alone_since_ms; /* when holds is empty */
	uint8_t trouble;	/* MSG_TROUBLE_*, as its worker says */
	int64_t trouble_ms;	/* when it did */
	bool was_held;		/* since this keyd started */
	uint64_t opener;	/* the link that opened or took it up first */
	bool joined;		/* its worker has come, too */
	bool ended;
	int64_t slow_until_ms; /* the last reply that is held back goes then */
};

/* That a link opened or resumed a session. */
struct broker_hold {
	LIST_ENTRY(broker_hold) of_link;
	LIST_ENTRY(broker_hold) of_session;
	struct broker_link *link;
	struct broker_session *session;
};

/* What a uid was called a while ago: asking may take long. */
#define BROKER_NAMES 64
#define BROKER_NAME_MS 60000
struct broker_name {
	bool known;
	uid_t uid;
	int64_t until_ms;
	char principal[PEER_SIZE];
};

/* A gc of one link. */
struct broker_gc {
	bool begun;
	bool dry;
	uint64_t objects; /* removed */
	uint64_t bytes;
};

struct broker_link {
	UT_hash_handle hh;
	struct broker *b;
	uint64_t id;
	void *arg;
	struct peer peer;
	char principal[PEER_SIZE];
	bool greeted;
	size_t waiting;
	size_t held; /* of these: refusals that wait for the next tick */
	size_t uploads_count;
	size_t holds_count; /* of those that have not ended, */
	size_t ended_count; /* and of those that have */
	LIST_HEAD(, broker_upload) uploads;
	LIST_HEAD(, broker_hold) holds;
	struct broker_gc gc;
	bool backs_up; /* it copies what there was, as long as it is there */
};

/* An entry that is on its way to the disk, and the reply that waits for it; or
 * a reply that waits for a checkpoint. */
struct broker_pending {
	STAILQ_ENTRY(broker_pending) entry;
	struct broker *b;
	bool publish;
	bool held; /* by a guard: it stands behind the entry that tells of it */
	uint64_t index;
	uint8_t *bytes; /* of the trail's entry, for the catalogue */
	size_t length;
	uint64_t link; /* 0: nobody waits */
	uint16_t type; /* of the request, */
	uint64_t id;   /* for an error in place of the reply */
	struct writer reply;
	int64_t due_ms;	  /* not before: by b->now_ms; 0: at once */
	uint64_t session; /* what is held back is this one's; 0: nobody's */
	uint64_t grant;	  /* and rests on this grant */
	atomic_int state; /* BROKER_QUEUED, then the trail's result */
};
#define BROKER_QUEUED 1
STAILQ_HEAD(broker_pendings, broker_pending);

/* What one user was refused of late. */
struct broker_guard {
	UT_hash_handle hh;
	uid_t uid;
	/* Entries of its own: of what the watch tells of, and of all else. */
	unsigned int left[2];
	uint64_t count; /* refusals that wait; of the first one: */
	const char *request;
	char reason[BROKER_REASON_MAX];
	char principal[PEER_SIZE];
	struct broker_pendings held;
};

struct broker {
	struct broker_how how;
	struct pages *pages;
	struct broker_link *links;	 /* hash by id */
	struct broker_session *sessions; /* hash by id */
	struct broker_family *families;	 /* hash by model; broker_budget.c */
	struct accounting accounting;
	struct broker_guard *guards; /* hash by uid */
	struct broker_gone *gone;    /* hash by name; broker_gc.c */
	struct broker_pin *pins;     /* the same */
	struct broker_name names[BROKER_NAMES];
	int64_t guarded_ms; /* when the guards were refilled */
	uint64_t last_link;
	int64_t now_ms; /* since broker_new, as of the last tick */
	int64_t started_ms;
	int failed;
	bool stopping;
	/* Versions to be read back; the verifier is busy with the first.
	 * look_verify: there may be others.  The last that could not be, and
	 * why. */
	STAILQ_HEAD(, broker_verify) verifying;
	bool verifier_busy;
	bool look_verify;
	bool shreds_left; /* there may be objects of what is shredded */
	uint64_t last_verify;
	struct digest verify_failed;
	int64_t verify_failed_ms;
	char verify_reason[BROKER_REASON_MAX];
	/* Alerts: the highest number given to one, and how many are on their
	 * way into the trail. */
	uint64_t last_alert;
	size_t alerts_owed;
	bool secret_busy; /* a change of the keyring is under way */
	struct broker_pendings pending; /* in the trail's order */
	struct broker_pendings publishing;
	struct broker_pendings slow; /* recorded, and not due yet */
	/* Notifications that the trail still owes us: of entries, and of
	 * checkpoints. */
	pthread_mutex_t mutex;
	pthread_cond_t settled;
	size_t owed, owed_publish;
	/* Checks that wait or are at work, and those that are done; of the same
	 * mutex. */
	STAILQ_HEAD(, broker_check) checks, checked;
	pthread_cond_t check_work;
	pthread_t checker;
	bool checking; /* the thread is there */
	atomic_bool checks_stop;
	atomic_bool
	    checks_break; /* what holds keys is broken off: at the end, and
				   * as long as the vault is locked */
};

/* A request in hand. */
struct broker_call {
	struct broker *b;
	struct broker_link *from;
	const struct broker_request *request;
	uint64_t id;
	struct reader body;
	struct writer reply;		/* a frame with status 0 begun */
	struct broker_pending *pending; /* the reply waits for it; or NULL */
	bool later;			/* the answer comes by itself */
	/* What it is about, for the record of a refusal; NULL: none. */
	const struct broker_session *session;
	const char *model;		/* borrowed, as long as the call */
	char sentence[BROKER_SENTENCE]; /* goes with an error */
};

/* A row of the request table: who may ask, and who answers. */
struct broker_request {
	uint16_t type;
	const char *name;
	unsigned int wanted; /* roles, one of which is needed; 0: see handle */
	/* Those that need keys a locked vault refuses (PROTOCOL.md, "Lock"). */
	enum broker_needs { BROKER_NEEDS_NONE, BROKER_NEEDS_KEYS } keys;
	int (*handle)(struct broker_call *c); /* the error, with sentence */
};

/* --- broker_call.c: how a handler answers and records --- */

/* Answer with an error and this sentence.  Returns err. */
int broker_call_fail(struct broker_call *c, int err, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* The request's body, or the catalogue, is not what it should be. */
int broker_call_malformed(struct broker_call *c);
int broker_call_unreadable(struct broker_call *c, int err);

/*
 * Answer ERR_DENIED with this sentence once a `refused` entry with reason is
 * recorded.
 */
int broker_call_refuse(struct broker_call *c, const char *reason,
    const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The caller's roles; refused and recorded without one of wanted (for what). */
int broker_call_roles(struct broker_call *c, unsigned int *held) MUST_USE;
int broker_call_need(struct broker_call *c, unsigned int wanted) MUST_USE;
int broker_call_need_for(struct broker_call *c, unsigned int wanted,
    const char *what) MUST_USE;

/* Begin an entry about what the caller does. */
void broker_call_entry(struct broker_call *c, struct entry *e,
    enum entry_kind kind);

/* End it, and have it durable and in the catalogue before going on; or let
 * the reply wait for that. */
int broker_call_record(struct broker_call *c, struct entry *e) MUST_USE;
int broker_call_record_later(struct broker_call *c, struct entry *e) MUST_USE;

/* JSON as the reply; takes over the reference of root (a json_t *). */
int broker_call_json(struct broker_call *c, void *root) MUST_USE;

/*
 * A request that lists, with those of its fields (BROKER_LIST_ bits) that it
 * has a use for; and its reply: items (a json_t *, taken over) under a name,
 * and where the next one goes on.  err is what ended the list: 0, LISTING_FULL,
 * or an error to answer with.
 */
#define BROKER_LIST_MODEL 1U
#define BROKER_LIST_ID 2U
#define BROKER_LIST_ENDED 4U
int broker_call_list(struct broker_call *c, unsigned int fields,
    struct msg_list *out) MUST_USE;
int broker_call_listing(struct broker_call *c, int err, const char *name,
    void *items, const struct listing *l) MUST_USE;
/* That `after` is not what a reply had for `next`. */
int broker_call_lost(struct broker_call *c);

/* --- broker_record.c: the way into the trail --- */

int64_t broker_record_clock(void); /* ms since 1970 */

/* Append and wait, apply and flush.  ERR_LIMIT when the entry is too long;
 * any other failure is the broker's end. */
int broker_record_wait(struct broker *b, struct entry *e) MUST_USE;

/* Append; *out, the broker's, can be given a reply. */
int broker_record_later(struct broker *b, struct entry *e,
    struct broker_pending **out) MUST_USE;

/* Have a checkpoint published; *out, the broker's, will tell of it. */
int broker_record_publish(struct broker *b, struct broker_pending **out)
    MUST_USE;

/* An entry about what keyd itself does. */
void broker_record_begin(struct entry *e, enum entry_kind kind);

/* Send and apply what has become durable; all entries, waiting for them; and
 * checkpoints, too. */
void broker_record_deliver(struct broker *b);
int broker_record_drain(struct broker *b) MUST_USE;
int broker_record_finish(struct broker *b) MUST_USE;
void broker_record_clear(struct broker *b);
/* Send the replies that were held back and are due. */
void broker_record_tick(struct broker *b);
/* broker_release.c: whether keys that were held back may go: the session may
 * have ended since, or only its grant for this version. */
bool broker_release_stands(struct broker *b, const struct broker_pending *p);
void broker_record_clear_list(struct broker_pendings *list);

/* A reply that waits in the list until it is let go behind the last entry that
 * is on its way. */
int broker_record_hold(struct broker *b, struct broker_pendings *list,
    struct broker_pending **out) MUST_USE;
void broker_record_release(struct broker *b, struct broker_pendings *list);

/* The broker can do no more; said once. */
int broker_record_failed(struct broker *b, int err, const char *what);

/* The same, and what whoever asked is told: ERR_SPACE if a full disk was the
 * first that went wrong, else ERR_IO. */
int broker_record_stop(struct broker *b, int err, const char *what);

/* --- broker_guard.c: refusals do not fill the disk --- */

/* Have a refusal recorded, by this entry or by one for many. */
int broker_guard_refusal(struct broker_call *c, struct entry *e,
    const char *reason) MUST_USE;
void broker_guard_tick(struct broker *b, int64_t since_ms);
void broker_guard_flush(struct broker *b);
void broker_guard_free_all(struct broker *b);

/* --- sessions, shared by their requests and by what ends them --- */

/* An open one; NULL if there is none. */
struct broker_session *broker_session_find(struct broker *b, uint64_t id);
/* One that the link opened or resumed, also if it has ended since. */
struct broker_session *broker_session_of(const struct broker_link *l,
    uint64_t id);
/* Take up a session of the catalogue, which is taken over; unattended as of
 * now. */
int broker_session_load(struct broker *b, struct session *s,
    struct broker_session **out) MUST_USE;
int broker_session_load_all(struct broker *b) MUST_USE;
int broker_session_hold(struct broker_link *l, struct broker_session *s)
    MUST_USE;
void broker_session_let_go(struct broker_link *l);
/* End it, as keyd's act: the links are told at once, and the close is on its
 * way into the trail. */
int broker_session_end(struct broker *b, struct broker_session *s,
    const char *reason) MUST_USE;
/* One was recorded as open, and its opener cannot have it. */
void broker_session_give_up(struct broker *b, uint64_t id,
    const struct broker_link *opener);
/* The close is recorded: tell the links but `from`, and drop it. */
void broker_session_ended(struct broker *b, struct broker_session *s,
    const struct broker_link *from, const char *reason);
/* All that rest on a grant that was removed; *last, if there are any, is the
 * last one's close. */
int broker_session_end_for_grant(struct broker *b, uint64_t grant,
    struct broker_pending **last) MUST_USE;
/* How many open ones that somebody still holds rest on a grant; arg is the
 * broker. */
uint32_t broker_session_under(void *arg, uint64_t grant);
/* End those that rest on the grant (0: all there are) and whose clients have
 * left. */
int broker_session_end_left(struct broker *b, uint64_t grant) MUST_USE;
/* All of them; *count more have ended. */
int broker_session_end_all(struct broker *b, const char *reason,
    uint64_t *count) MUST_USE;
/* The same, of a version that was revoked. */
int broker_session_end_for_version(struct broker *b, const char *model,
    const struct digest *version, struct broker_pending **last) MUST_USE;
/* One that has this version open, or NULL. */
const struct broker_session *broker_session_reader(const struct broker *b,
    const char *model, const struct digest *version);
/* At start: those whose grants went while nobody was there to end them. */
int broker_session_end_unfounded(struct broker *b) MUST_USE;
int broker_session_end_alone(struct broker *b) MUST_USE;
/* End those whose grants have all expired, or are outside their hours.  Told,
 * not asked for: a worker that has keys would go on. */
int broker_session_end_expired(struct broker *b) MUST_USE;
void broker_session_free_all(struct broker *b);
/* Where the pages of version n are; key->b is set by the caller. */
struct broker_key_of {
	struct broker *b;
	uint64_t upload;
};
struct pages_version broker_session_pages(const struct broker_session *s,
    uint16_t n, struct broker_key_of *key);

/* --- references and keys --- */

/* The channel that moves at each put, and that nobody signs. */
#define BROKER_LATEST "latest"

/* What a reference stands for. */
struct broker_target {
	struct ref ref; /* its channel is there when its digits are not */
	char shown[REF_NAME_MAX + 70]; /* the reference, in full */
	struct digest version;
	char hex[DIGEST_HEX_SIZE];
	bool found;
};
/* With a sentence: ERR_USAGE for what is no reference, ERR_CONFLICT for digits
 * that several versions begin with.  Not found is no error. */
int broker_model_resolve(struct broker_call *c, const char *text,
    struct broker_target *out) MUST_USE;
/* The one reference of a request, which must be there and the caller be let see
 * (one of these roles will do, besides the usual ones); with a sentence. */
int broker_model_visible(struct broker_call *c, unsigned int roles,
    struct broker_target *t) MUST_USE;
int broker_model_key(struct broker *b, uint64_t upload,
    struct version_key **out) MUST_USE;
int broker_model_manifest_key(struct broker *b, uint64_t upload,
    uint8_t out[static KEY_SIZE]) MUST_USE;

/* --- broker_grant.c --- */

/* A grant as lists show it (a json_t *, the caller's; optional fields are
 * absent where they do not apply); NULL: out of memory. */
void *broker_grant_json(const struct grant *g, bool expired);

/* --- broker_explain.c: why somebody may not read --- */

struct broker_explain {
	const char *principal;
	const char *shown; /* the reference, in full */
	const char *host;  /* NULL: none was said */
	bool export;
};
/* What g, the nearest grant (NULL: there is none), falls short of, and the
 * command that somebody with the right role would run. */
void broker_explain_says(const struct broker_explain *x, enum grant_answer why,
    const struct grant *g, char out[static BROKER_SENTENCE]);

/* What somebody wants of what a reference stands for. */
struct broker_wish {
	struct broker *b;
	const char *principal;
	const struct broker_target *t; /* found */
	/* By the last grant_choose: why a budget was used up, NULL: none was;
	 * an error, and then it is not to be believed. */
	const char *spent;
	uint32_t small_ppm; /* a chunk's, where browsing gives no such */
	int err;
};
/* As of now, for no host and without export; wish is borrowed. */
struct grant_want broker_explain_want(struct broker_wish *wish);

/* --- broker_check.c: what takes long --- */

/* Have it looked at, and broker_put_checked or broker_oms_checked called then;
 * it is taken over unless this fails. */
int broker_check_start(struct broker_call *c, struct broker_check *k) MUST_USE;
void broker_check_free(struct broker_check *k);
void broker_check_deliver(struct broker *b);
/* Break off: nothing is at work after. */
void broker_check_stop(struct broker *b);
/* Break off what was given keys, which is answered; until broker_check_again.
 * What is done with unlocking secrets goes on, and nobody waits for it. */
void broker_check_interrupt(struct broker *b);
void broker_check_again(struct broker *b);
void broker_check_free_all(struct broker *b);

/* broker.c: go on with the call that k belongs to, which is taken over. */
void broker_call_go_on(struct broker_link *l, struct broker_check *k);

/* The rest of a put.commit; as a handler.  k is taken over. */
int broker_put_checked(struct broker_call *c, struct broker_check *k);

/* broker_oms.c: the thread's part of a sign.oms (ERR_NOT_FOUND, ERR_FORMAT: no
 * manifest to check it by), and the rest, as a handler; k is taken over. */
int broker_oms_look(struct broker_check *k) MUST_USE;
int broker_oms_checked(struct broker_call *c, struct broker_check *k);

/* Uploads of a link that has gone. */
void broker_put_drop(struct broker_link *l);

/* ERR_DENIED, recorded, unless the caller is an uploader of model. */
int broker_put_uploader(struct broker_call *c, const char *model) MUST_USE;

/* --- broker_verify.c: versions to be read back --- */

/* A service has all read back that nobody has yet; once a tick. */
int broker_verify_tick(struct broker *b) MUST_USE;
void broker_verify_clear(struct broker *b);
/* It is not to be read back any more; what is at work on it comes to an end. */
void broker_verify_forget(struct broker *b, const char *model,
    const struct digest *version);
/* Nothing is to be read back now; or what there is, again. */
void broker_verify_stop(struct broker *b);
void broker_verify_again(struct broker *b);
/* Whether the verifier, which has its keys, is at work on it. */
bool broker_verify_busy(const struct broker *b, const char *model,
    const struct digest *version);

/* --- broker_watch.c: what the watch raises --- */

/* A durable entry: for the watch to see. */
void broker_watch_see(struct broker *b, uint64_t index, const uint8_t *bytes,
    size_t n, const struct entry_view *v);
/* At start: have delivered what was recorded and is in no queue. */
int broker_watch_post_all(struct broker *b) MUST_USE;
/* Alerts that wait for a hook or a webhook. */
size_t broker_watch_undelivered(const struct broker *b);
/* Have recorded what was raised. */
void broker_watch_record(struct broker *b);
/* Before the catalogue goes to the disk: how far the watch has come. */
void broker_watch_note(struct broker *b);
/* Have everything looked at, and what is raised recorded, unless that takes
 * long. */
int broker_watch_finish(struct broker *b) MUST_USE;

/* --- the handlers --- */

int broker_status_hello(struct broker_call *c);
int broker_status_status(struct broker_call *c);
int broker_status_publish(struct broker_call *c);
int broker_status_check(struct broker_call *c);
int broker_trail_consistency(struct broker_call *c);
int broker_role_ls(struct broker_call *c);
int broker_role_add(struct broker_call *c);
int broker_role_rm(struct broker_call *c);
int broker_grant_add(struct broker_call *c);
int broker_grant_rm(struct broker_call *c);
int broker_grant_ls(struct broker_call *c);
int broker_grant_show(struct broker_call *c);
int broker_grant_reset(struct broker_call *c);
int broker_explain_explain(struct broker_call *c);
int broker_review_review(struct broker_call *c);
int broker_put_begin(struct broker_call *c);
int broker_put_keys(struct broker_call *c);
int broker_put_commit(struct broker_call *c);
int broker_model_ls(struct broker_call *c);
int broker_verify_verify(struct broker_call *c);
int broker_model_version(struct broker_call *c);
int broker_open_open(struct broker_call *c);
int broker_open_resume(struct broker_call *c);
int broker_session_close(struct broker_call *c);
int broker_session_ls(struct broker_call *c);
int broker_release_trouble(struct broker_call *c);
int broker_release_release(struct broker_call *c);
int broker_release_extents(struct broker_call *c);
int broker_release_fault(struct broker_call *c);
int broker_exe_exe(struct broker_call *c);
int broker_statement_add(struct broker_call *c);
int broker_statement_sign(struct broker_call *c);
int broker_statement_withdraw(struct broker_call *c);
int broker_statement_get(struct broker_call *c);
int broker_statement_ls(struct broker_call *c);
int broker_channel_trust(struct broker_call *c);
int broker_channel_proof(struct broker_call *c);
int broker_channel_log(struct broker_call *c);
int broker_oms_sign(struct broker_call *c);
int broker_alert_ls(struct broker_call *c);
int broker_alert_ack(struct broker_call *c);
int broker_decoy_ls(struct broker_call *c);
int broker_decoy_add(struct broker_call *c);
int broker_decoy_rm(struct broker_call *c);
int broker_backup_backup(struct broker_call *c);
int broker_shred_certificate(struct broker_call *c);

#endif
