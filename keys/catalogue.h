/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CATALOGUE_H
#define WEIR_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/accounting.h"
#include "keys/alert.h"
#include "keys/budget.h"
#include "keys/grant.h"
#include "keys/role.h"
#include "keys/session.h"
#include "vault/digest.h"
#include "vault/entry.h"
#include "vault/owned.h"
#include "vault/ref.h"
#include "vault/statement.h"

/*
 * The catalogue: what the trail's entries add up to, kept in SQLite, and the
 * wrapped keys.  The trail is the truth: what is missing here is replayed from
 * it at start.  For one thread.  The functions log what the database says.
 */
struct catalogue;

/* Make an empty one (SQLite's files get their mode by the umask); open one that
 * was made: ERR_NOT_FOUND, said in a log line, when it is gone. */
int catalogue_create(struct catalogue **out, const char *path) MUST_USE;
int catalogue_open(struct catalogue **out, const char *path) MUST_USE;
/* What was applied and not flushed is dropped; the trail has it. */
void catalogue_free(struct catalogue *c);
OWNED_TYPE(catalogue);

/* The index of the next entry to apply: to budgets, when they are to be
 * made again, or to all. */
uint64_t catalogue_applied(const struct catalogue *c);

/*
 * Take in a durable entry: the one way in which anything here changes, at work
 * and in replay.  Entries come in order; one that was applied before is passed
 * over.  ERR_INTEGRITY when one is missing, lacks what its kind must have, or
 * makes a version whose key was never stored here.
 * Seen by reads at once; on the disk after catalogue_flush.
 */
int catalogue_apply(struct catalogue *c, uint64_t index,
    const struct entry_view *entry) MUST_USE;
int catalogue_flush(struct catalogue *c) MUST_USE;
/* The same of bytes: a trail_open's each, whose argument is the catalogue. */
int catalogue_replay(void *c, uint64_t index, const uint8_t *bytes, size_t n)
    MUST_USE;

/* A copy in a new file: all that was applied. */
int catalogue_copy(struct catalogue *c, const char *path) MUST_USE;

/* How far the watch has looked at the trail, and recorded what it
 * raised: a note for keyd's next start, in no entry.  On the disk
 * after catalogue_flush. */
uint64_t catalogue_watched(const struct catalogue *c);
void catalogue_set_watched(struct catalogue *c, uint64_t index);

/* The number that the next grant, session, upload, statement or alert gets. */
enum catalogue_counter {
	CATALOGUE_GRANT,
	CATALOGUE_SESSION,
	CATALOGUE_UPLOAD,
	CATALOGUE_STATEMENT,
	CATALOGUE_ALERT,
	CATALOGUE_SECRET,
	CATALOGUE_COUNTERS
};
uint64_t catalogue_next(const struct catalogue *c, enum catalogue_counter n);

/*
 * Wrapped keys.  They are stored before the entry that makes them count, and
 * mean nothing without it.  A family's key is stored once and for all; wrapped
 * bytes that are read belong to the caller.
 */
struct catalogue_wrapped {
	const uint8_t *bytes;
	size_t length;
};
int catalogue_upload_stage(struct catalogue *c, uint64_t upload,
    const char *model, const struct catalogue_wrapped *key) MUST_USE;
int catalogue_family_stage(struct catalogue *c, const char *family,
    const struct catalogue_wrapped *key) MUST_USE;
int catalogue_upload_key(struct catalogue *c, uint64_t upload, uint8_t **out,
    size_t *length) MUST_USE;
int catalogue_family_key(struct catalogue *c, const char *family, uint8_t **out,
    size_t *length) MUST_USE;

/* Forget the key of an upload that was given up; of all that are not part
 * of a version (at start, when nobody can go on with them).  *count is how
 * many uploads are under way. */
int catalogue_upload_drop(struct catalogue *c, uint64_t upload) MUST_USE;
int catalogue_upload_drop_all(struct catalogue *c) MUST_USE;
int catalogue_upload_count(struct catalogue *c, uint64_t *count) MUST_USE;

/* Roles.  *held has a bit for each role, whatever its family. */
struct catalogue_role {
	enum role role;
	char family[REF_NAME_MAX + 1];
	char to[REF_PRINCIPAL_MAX + 1];
};
int catalogue_role_held(struct catalogue *c, const char *principal,
    unsigned int *held) MUST_USE;
int catalogue_role_has(struct catalogue *c, const struct catalogue_role *r,
    bool *has) MUST_USE;
int catalogue_role_owners(struct catalogue *c, uint64_t *count) MUST_USE;
/* By role, family and principal, behind `after` (NULL: all).  What each returns
 * ends it. */
int catalogue_role_each(struct catalogue *c, const struct catalogue_role *after,
    int (*each)(void *arg, const struct catalogue_role *r), void *arg) MUST_USE;

/* Grants that were not removed; expired ones are among them.  ERR_NOT_FOUND. */
int catalogue_grant_get(struct catalogue *c, uint64_t id, struct grant *out)
    MUST_USE;
/* One that was removed.  ERR_NOT_FOUND. */
int catalogue_grant_removed(struct catalogue *c, uint64_t id, struct grant *out)
    MUST_USE;
/* By number, in order; what each returns ends it. */
struct catalogue_grants {
	const char *principal; /* of this one only; empty: of all */
	uint64_t after;	       /* 0: from the first on */
	bool removed;	       /* those too */
};
int catalogue_grant_each(struct catalogue *c, const struct catalogue_grants *w,
    int (*each)(void *arg, const struct grant *g), void *arg) MUST_USE;
/* Of one principal (empty: of all), for one model (empty: for any); the caller
 * frees. */
int catalogue_grant_list(struct catalogue *c, const char *principal,
    const char *model, struct grant **out, size_t *n) MUST_USE;

/* What was opened under a grant, a version of a session at a time, in order, of
 * the sessions that were opened by then.  Text is borrowed.  What each returns
 * ends it. */
struct catalogue_use {
	uint64_t session;
	enum msg_purpose purpose;
	const char *host;
	int64_t opened_ms;
	const char *version; /* 64 hex */
	uint64_t bytes;	     /* released, to this day */
	uint64_t fresh;	     /* weights, new to the session or principal */
	int64_t last_ms;     /* the last release; 0: none */
};
int catalogue_grant_used(struct catalogue *c, uint64_t grant, int64_t until_ms,
    int (*each)(void *arg, const struct catalogue_use *u), void *arg) MUST_USE;

/* Versions.  What keyd's verifier found (`verify`): nothing yet, what the
 * manifest says, or something else. */
enum catalogue_verified {
	CATALOGUE_UNVERIFIED = 0,
	CATALOGUE_VERIFIED = 1,
	CATALOGUE_BAD = 2,
};
#define CATALOGUE_REASON 512 /* as the verifier's own */
struct catalogue_version {
	char model[REF_NAME_MAX + 1];
	struct digest version;
	struct digest object;
	uint64_t upload; /* whose key opens it */
	int64_t created_ms;
	char by[REF_PRINCIPAL_MAX + 1];
	uint32_t files;
	uint64_t bytes;
	uint64_t weights;
	uint64_t chunks;
	enum catalogue_verified verified;
	uint64_t verify_entry; /* of the verdict, unless there is none */
	char verify_reason[CATALOGUE_REASON]; /* why it is bad, cut */
	int64_t removed_ms; /* 0: it is kept; else it can be brought back */
	int64_t until_ms;   /* until then */
	char removed_by[REF_PRINCIPAL_MAX + 1];
	/* Borrowed, in catalogue_version_each only: */
	const char *removed_reason;
	const char *labels; /* JSON */
};
/* ERR_NOT_FOUND; _get is of those that were not removed, _any of these, too. */
int catalogue_version_get(struct catalogue *c, const char *model,
    const struct digest *version, struct catalogue_version *out) MUST_USE;
int catalogue_version_any(struct catalogue *c, const char *model,
    const struct digest *version, struct catalogue_version *out) MUST_USE;
/* Its labels, JSON; the caller frees. */
int catalogue_version_labels(struct catalogue *c, const char *model,
    const struct digest *version, char **out) MUST_USE;
/* By model and upload, which is by age; what each returns ends it. */
struct catalogue_versions {
	const char *model; /* this one only; empty: all */
	/* Those behind this version; empty: from the first on. */
	const char *after_model;
	uint64_t after_upload;
	bool removed; /* those that were removed, too */
};
int catalogue_version_each(struct catalogue *c,
    const struct catalogue_versions *w,
    int (*each)(void *arg, const struct catalogue_version *v), void *arg)
    MUST_USE;
/* How far the verifier has read a version back: rows of its file table.  A note
 * for keyd's next start, in no entry; 0 when there is none. */
int catalogue_verifying_get(struct catalogue *c, const char *model,
    const struct digest *version, uint32_t *files) MUST_USE;
int catalogue_verifying_set(struct catalogue *c, const char *model,
    const struct digest *version, uint32_t files) MUST_USE;
int catalogue_verifying_drop(struct catalogue *c, const char *model,
    const struct digest *version) MUST_USE;
/* Where a channel points.  ERR_NOT_FOUND. */
int catalogue_version_channel(struct catalogue *c, const char *model,
    const char *channel, struct digest *out) MUST_USE;
/* The one version whose name begins with these digits.  ERR_NOT_FOUND;
 * ERR_CONFLICT when there are several. */
int catalogue_version_digits(struct catalogue *c, const char *model,
    const char *digits, struct digest *out) MUST_USE;
/* The same among those that were removed. */
int catalogue_version_removed(struct catalogue *c, const char *model,
    const char *digits, struct digest *out) MUST_USE;
/* When something of it was released last; 0: never. */
int catalogue_version_read(struct catalogue *c, const char *model,
    const struct digest *version, int64_t *last_ms) MUST_USE;

/*
 * What keeps a version (signed channels that point to it, in order; what each
 * returns ends the list), and those whose time after their removal is over: at
 * most CATALOGUE_DUE of them.
 */
#define CATALOGUE_DUE 128
struct catalogue_due {
	size_t count;
	struct {
		char model[REF_NAME_MAX + 1];
		char version[DIGEST_HEX_SIZE];
	} items[CATALOGUE_DUE];
};
int catalogue_removal_channels(struct catalogue *c, const char *model,
    const struct digest *version, int (*each)(void *arg, const char *channel),
    void *arg) MUST_USE;
int catalogue_removal_due(struct catalogue *c, int64_t now_ms,
    struct catalogue_due *out) MUST_USE;

/*
 * Which objects versions need.  The pages of one are stored before the entry
 * that makes it count, as its chunks are.  prune forgets what no version of a
 * family has any more; families go on behind `after` (ERR_NOT_FOUND: no more).
 */
int catalogue_object_stage(struct catalogue *c, const char *model,
    const struct digest *version, const struct digest *objects, size_t n)
    MUST_USE;
int catalogue_object_needed(struct catalogue *c, const struct digest *object,
    bool *needed) MUST_USE;
int catalogue_object_prune(struct catalogue *c, const char *family) MUST_USE;
int catalogue_object_family(struct catalogue *c, const char *after,
    char out[static REF_NAME_MAX + 1]) MUST_USE;

/*
 * Shreds, by the index of the entry that began them.  What is known of a
 * version (facts) is stored before it; what its certificate says, before
 * the entry that ends it.  find goes by the first digits: the last one.
 * pending is the oldest that is not finished, left the oldest that is,
 * and has objects still.
 */
struct catalogue_shred {
	uint64_t id;
	char model[REF_NAME_MAX + 1];
	char version[DIGEST_HEX_SIZE];
	char by[REF_PRINCIPAL_MAX + 1];
	char reason[CATALOGUE_REASON];
	int64_t begun_ms;
	int64_t ended_ms; /* 0: it is not finished */
	uint64_t epoch;	  /* it is finished in this one, or a later one */
	uint64_t entry;	  /* that ended it */
};
int catalogue_shred_pending(struct catalogue *c, struct catalogue_shred *out)
    MUST_USE;
int catalogue_shred_left(struct catalogue *c, struct catalogue_shred *out)
    MUST_USE;
int catalogue_shred_find(struct catalogue *c, const char *model,
    const char *digits, struct catalogue_shred *out) MUST_USE;
int catalogue_shred_facts(struct catalogue *c, const char *model,
    const char *version, char **out) MUST_USE;
int catalogue_shred_facts_stage(struct catalogue *c, const char *model,
    const char *version, const char *facts) MUST_USE;
int catalogue_shred_payload(struct catalogue *c, uint64_t id, char **out)
    MUST_USE;
int catalogue_shred_payload_stage(struct catalogue *c, uint64_t id,
    const char *payload) MUST_USE;

/* Objects that only a shredded version had: those that nobody has decided about
 * (room for max; *n is 0 at the end), a decision (1 removed, 2 kept), how many
 * of each; dropped at the end that leaves none. */
int catalogue_shred_doomed(struct catalogue *c, uint64_t id,
    struct digest *names, size_t max, size_t *n) MUST_USE;
int catalogue_shred_decide(struct catalogue *c, uint64_t id,
    const struct digest *names, const uint8_t *what, size_t n) MUST_USE;
int catalogue_shred_count(struct catalogue *c, uint64_t id,
    uint64_t count[static 3]) MUST_USE;

/* Distinct chunks of a version that is gone, and those that versions which are
 * there have, too: of each of these that has some, how many. */
struct catalogue_shared {
	uint64_t chunks;
	uint64_t kept;
};
int catalogue_shred_shared(struct catalogue *c, const char *model,
    const char *version, struct catalogue_shared *out,
    int (*each)(void *arg, const struct catalogue_version *v, uint64_t chunks),
    void *arg) MUST_USE;
/* Sessions that were given keys of a version; of these, copies (weir get). */
int catalogue_shred_readers(struct catalogue *c, const char *model,
    const char *version, uint64_t *sessions, uint64_t *copies) MUST_USE;

/*
 * The epoch that version keys are wrapped under (0: the first).  rewrap wraps
 * all of them anew by the callbacks, and family keys, too, where there is one
 * for them, in one transaction with the number; with number 0 it only looks
 * whether all of them can be.  truncate empties the write-ahead log.
 */
struct catalogue_rewrap {
	uint64_t number;
	int (*version)(void *arg, uint64_t upload, const uint8_t *wrapped,
	    size_t n, uint8_t **out, size_t *length);
	int (*family)(void *arg, const char *name, const uint8_t *wrapped,
	    size_t n, uint8_t **out, size_t *length); /* NULL: they stay */
	void *arg;
};
uint64_t catalogue_shred_epoch(struct catalogue *c);
int catalogue_shred_rewrap(struct catalogue *c,
    const struct catalogue_rewrap *how) MUST_USE;
int catalogue_shred_truncate(struct catalogue *c) MUST_USE;

/*
 * Chunks, for budgets.  A family's chunks are numbered from 0 on; each has its
 * weights (bytes that budgets count).  A version is the numbers of its rows:
 * stored before the entry that makes it count, like its key.
 */
struct catalogue_chunk {
	struct digest object;
	uint32_t weights;
};
int catalogue_chunk_stage(struct catalogue *c, const char *model,
    const struct digest *version, const struct catalogue_chunk *chunks,
    size_t rows) MUST_USE;
/* In order, some at a time (BUDGET_PAGE at most): the weights of a
 * family's chunks, and the numbers of a version's rows; one page of
 * these (ERR_NOT_FOUND). */
typedef int catalogue_numbers(void *arg, const uint32_t *numbers, size_t n);
int catalogue_chunk_weights(struct catalogue *c, const char *family,
    catalogue_numbers *each, void *arg) MUST_USE;
int catalogue_chunk_rows(struct catalogue *c, const char *model,
    const struct digest *version, catalogue_numbers *each, void *arg) MUST_USE;
int catalogue_chunk_page(struct catalogue *c, const char *model,
    const char *version, uint64_t page, uint32_t out[static BUDGET_PAGE],
    size_t *n) MUST_USE;

/*
 * Budgets: what the releases in the trail add up to.  Gives what is there of a
 * family: pages of principals (who is NULL for the pool), of sessions that are
 * open, and sums of grants, to be taken into a budget.
 */
struct catalogue_budget_take {
	void *arg;
	int (*times)(void *arg, const char *who, size_t page,
	    const uint32_t hours[static BUDGET_PAGE]);
	int (*session)(void *arg, uint64_t session, size_t page,
	    const uint64_t bits[static BUDGET_WORDS]);
	int (*grant)(void *arg, uint64_t grant, const char *version,
	    const struct budget_sum *sum);
};
int catalogue_budget_get(struct catalogue *c, const char *family,
    const struct catalogue_budget_take *take) MUST_USE;
/* Drop all of it: the next start makes it again from the whole trail, by
 * catalogue_applied and catalogue_apply. */
int catalogue_budget_drop(struct catalogue *c) MUST_USE;
/* What the entries so far say of accounting time. */
const struct accounting_past *catalogue_clock(const struct catalogue *c);

/*
 * Statements: what people signed, and what came of it.  One that waited
 * when another one took its place, or was in force and was replaced, is stale.
 */
enum catalogue_state {
	CATALOGUE_WAITING = 0,
	CATALOGUE_EFFECTIVE = 1,
	CATALOGUE_WITHDRAWN = 2,
	CATALOGUE_STALE = 3,
};
struct catalogue_statement {
	uint64_t id;
	enum statement_about about;
	char model[REF_NAME_MAX + 1];
	char channel[REF_CHANNEL_MAX + 1];
	struct digest version;
	char hex[DIGEST_HEX_SIZE]; /* of the version; empty: none */
	uint64_t serial;
	enum statement_act act;
	uint64_t back; /* the serial that a rollback goes back to */
	uint64_t number;
	int64_t expires_ms;
	enum catalogue_state state;
	char by[REF_PRINCIPAL_MAX + 1];
	int64_t created_ms;
	int64_t settled_ms; /* when it came to its state; 0: it waits */
	struct digest payload;
	char *signers;	/* names, a JSON list */
	char *envelope; /* JSON */
};
void catalogue_statement_free(struct catalogue_statement *s);
OWNED_TYPE(catalogue_statement);
typedef int catalogue_statement_take(void *arg,
    const struct catalogue_statement *s);

int catalogue_statement_get(struct catalogue *c, uint64_t id,
    struct catalogue_statement **out) MUST_USE;
/* Of one model (empty: all), the last 1,000, the oldest first. */
int catalogue_statement_each(struct catalogue *c, const char *model,
    catalogue_statement_take *each, void *arg) MUST_USE;
/* In force about a version: the newest first.  _signed: the version's own
 * statement, ERR_NOT_FOUND. */
int catalogue_statement_in_force(struct catalogue *c,
    enum statement_about about, const char *model, const struct digest *version,
    catalogue_statement_take *each, void *arg) MUST_USE;
int catalogue_statement_signed(struct catalogue *c, const char *model,
    const struct digest *version, struct catalogue_statement **out) MUST_USE;
/* The newest trust root in force (ERR_NOT_FOUND); those after a number. */
int catalogue_statement_root(struct catalogue *c,
    struct catalogue_statement **out) MUST_USE;
int catalogue_statement_roots(struct catalogue *c, uint64_t after,
    catalogue_statement_take *each, void *arg) MUST_USE;
/* That by which a grant was approved.  ERR_NOT_FOUND. */
int catalogue_statement_approval(struct catalogue *c, const struct grant *g,
    struct catalogue_statement **out) MUST_USE;
/* A channel's promotion of this serial, the newest for 0.  ERR_NOT_FOUND.  Its
 * last 1,000, the oldest first. */
int catalogue_statement_promotion(struct catalogue *c, const char *model,
    const char *channel, uint64_t serial, struct catalogue_statement **out)
    MUST_USE;
int catalogue_statement_log(struct catalogue *c, const char *model,
    const char *channel, catalogue_statement_take *each, void *arg) MUST_USE;
/* How many wait for signatures (model empty: trust roots), and the one with
 * this payload (ERR_NOT_FOUND). */
int catalogue_statement_waiting(struct catalogue *c, const char *model,
    uint64_t *count) MUST_USE;
int catalogue_statement_same(struct catalogue *c, const struct digest *payload,
    uint64_t *id) MUST_USE;

/* What model.sig is made of (`sign.oms`).  ERR_NOT_FOUND. */
struct catalogue_oms {
	char *name;
	char *ignored; /* paths, a JSON list */
	char *key;     /* PEM */
	char *sig;     /* base64 */
};
int catalogue_oms_get(struct catalogue *c, const char *model,
    const struct digest *version, struct catalogue_oms *out) MUST_USE;
void catalogue_oms_clear(struct catalogue_oms *o);

/* Alerts, and what became of them.  Text is borrowed during the call, "" where
 * there is none.  What each returns ends the list. */
struct catalogue_alert {
	uint64_t id;
	uint64_t entry; /* its index in the trail */
	int64_t raised_ms;
	const char *rule;
	enum watch_severity severity;
	uint64_t score; /* thousandths */
	const char *principal;
	const char *model;
	const char *version; /* hex */
	uint64_t session;    /* 0: none */
	const char *reason;
	const char *advice;
	const char *entries; /* that it rests on, a JSON list */
	enum alert_disposition disposition;
	int64_t acked_ms; /* 0: nobody has yet */
	const char *acked_by;
	const char *note;
};
struct catalogue_alerts {
	uint64_t after;
	const char *model; /* of this one only; empty: of all */
	uint64_t id;	   /* this one only; 0: all */
	bool acked;	   /* those that somebody looked at, too */
};
int catalogue_alert_each(struct catalogue *c, const struct catalogue_alerts *w,
    int (*each)(void *arg, const struct catalogue_alert *a), void *arg)
    MUST_USE;
/* As alert.ls and a hook have it (PROTOCOL.md): a json_t *, the caller's; NULL
 * when memory is short. */
void *catalogue_alert_json(const struct catalogue_alert *a);
/* How many nobody has looked at yet. */
int catalogue_alert_count(struct catalogue *c, uint64_t *count) MUST_USE;

/* Models that are decoys, by name, behind `after`.  Text is borrowed during the
 * call; what each returns ends the list. */
struct catalogue_decoy {
	const char *model;
	const char *reason;
	const char *by;
	int64_t since_ms;
};
int catalogue_decoy_each(struct catalogue *c, const char *after,
    int (*each)(void *arg, const struct catalogue_decoy *d), void *arg)
    MUST_USE;
int catalogue_decoy_has(struct catalogue *c, const char *model, bool *has)
    MUST_USE;

/*
 * Unlocking secrets, by the number of their slot: when keyd was last started
 * with one (0: never, as far as is known), and the digest of the keyring file
 * after the last change (ERR_NOT_FOUND: it was never changed).
 */
int catalogue_secret_used(struct catalogue *c, uint16_t number, int64_t *ms)
    MUST_USE;
int catalogue_secret_file(struct catalogue *c, struct digest *out) MUST_USE;
/* Since when the vault is locked; 0: it is not. */
int catalogue_secret_locked(struct catalogue *c, int64_t *ms) MUST_USE;
/* The epoch that the last rekey brings, or brought; 0: there was none. */
int catalogue_secret_rekey(struct catalogue *c, uint64_t *epoch) MUST_USE;

/* Sessions.  The open ones behind number `after`, in order; each gets the
 * session for its own, and what it returns ends it. */
int catalogue_session_get(struct catalogue *c, uint64_t id,
    struct session **out) MUST_USE;
int catalogue_session_each(struct catalogue *c, uint64_t after,
    int (*each)(void *arg, struct session *s), void *arg) MUST_USE;
int catalogue_session_count(struct catalogue *c, uint64_t *count) MUST_USE;

#endif
