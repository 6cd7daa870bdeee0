/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MSG_H
#define WEIR_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/unlock.h"
#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/reader.h"
#include "vault/ref.h"
#include "vault/secret.h"
#include "vault/tlog.h"
#include "vault/writer.h"

/*
 * The messages of PROTOCOL.md: both ends of each stand side by side.
 * msg_x_write appends a request's body, msg_x_read parses one (ERR_FORMAT
 * unless it fits exactly); msg_x_reply_write and _read do the same for replies
 * after the status byte.  Strings that are read are owned by the struct:
 * msg_x_clear frees and wipes.  Each noun has a file: msg_put.c holds what
 * is about put.  No I/O.
 */

enum msg_type {
	MSG_HELLO = 1,
	MSG_STATUS = 2,
	MSG_PUBLISH = 3,
	MSG_ROLE_LS = 10,
	MSG_ROLE_ADD = 11,
	MSG_ROLE_RM = 12,
	MSG_GRANT_ADD = 20,
	MSG_GRANT_RM = 21,
	MSG_GRANT_LS = 22,
	MSG_PUT_BEGIN = 30,
	MSG_PUT_KEYS = 31,
	MSG_PUT_COMMIT = 32,
	MSG_MODEL_LS = 40,
	MSG_VERSION_GET = 41,
	MSG_SESSION_OPEN = 50,
	MSG_SESSION_RESUME = 51,
	MSG_RELEASE = 52,
	MSG_EXTENTS = 53,
	MSG_FAULT = 54,
	MSG_SESSION_CLOSE = 55,
	MSG_SESSION_LS = 56,
	MSG_TROUBLE = 57,
	MSG_CHECK_REPORT = 60,
	MSG_TRUST_GET = 70,
	MSG_STATEMENT_ADD = 71,
	MSG_STATEMENT_SIGN = 72,
	MSG_STATEMENT_WITHDRAW = 73,
	MSG_STATEMENT_GET = 74,
	MSG_STATEMENT_LS = 75,
	MSG_CHANNEL_PROOF = 76,
	MSG_CHANNEL_LOG = 77,
	MSG_VERSION_VERIFY = 78,
	MSG_SIGN_OMS = 79,
	MSG_TRAIL_CONSISTENCY = 80,
	MSG_ALERT_LS = 90,
	MSG_ALERT_ACK = 91,
	MSG_GRANT_SHOW = 92,
	MSG_BUDGET_RESET = 93,
	MSG_DECOY_ADD = 94,
	MSG_DECOY_RM = 95,
	MSG_DECOY_LS = 96,
	MSG_GRANT_EXPLAIN = 97,
	MSG_GRANT_REVIEW = 98,
	MSG_LOCK = 99,
	MSG_SESSION_EXE = 100,
	MSG_SECRET_LS = 120,
	MSG_SECRET_ADD = 121,
	MSG_SECRET_RM = 122,
	MSG_UNLOCK = 123,
	MSG_REKEY = 124,
	MSG_BACKUP = 125,
	MSG_VERSION_RM = 140,
	MSG_VERSION_UNDELETE = 141,
	MSG_GC_BEGIN = 142,
	MSG_GC_SWEEP = 143,
	MSG_GC_END = 144,
	MSG_SHRED_BEGIN = 145,
	MSG_SHRED_SWEEP = 146,
	MSG_SHRED_CERTIFICATE = 147,
};
#define MSG_EVENT_SESSION_ENDED (0x4000 | 1)

#define MSG_VERSION 1
#define MSG_TEXT_MAX 4096
#define MSG_JSON_MAX (960U << 10)
#define MSG_PUT_KEYS_MAX 1024
#define MSG_WINDOW_MAX 64
#define MSG_EXTENTS_MAX 256
#define MSG_VERSIONS_MAX 256
#define MSG_SIG 64	    /* Ed25519 */
#define MSG_OMS_SIG_MAX 160 /* ECDSA, DER */
#define MSG_IGNORED_MAX 256
#define MSG_NO_FILE UINT32_MAX
#define MSG_SWEEP_MAX 1024
#define MSG_SECRETS_MAX 31

/* A reply's head: status 0, or an error with its sentence. */
void msg_ok_write(struct writer *w);
void msg_error_write(struct writer *w, int err, const char *sentence);
/* *err is 0 or the peer's error; *sentence (freed by the caller) is set with
 * an error only. */
int msg_status_read(struct reader *r, int *err, char **sentence) MUST_USE;

/* Replies that are one JSON text or one blob, requests that are one string,
 * one number, or a number and a string: */
void msg_text_write(struct writer *w, const char *text);  /* blob */
int msg_text_read(char **out, struct reader *r) MUST_USE; /* with NUL */
void msg_string_write(struct writer *w, const char *s);
int msg_string_read(char **out, struct reader *r) MUST_USE;
void msg_number_write(struct writer *w, uint64_t n);
int msg_number_read(uint64_t *out, struct reader *r) MUST_USE;

/* Fields: a byte 0 or 1, and a string of at most MSG_TEXT_MAX bytes (the
 * caller frees).  Anything else marks r bad. */
void msg_field_bool_write(struct writer *w, bool v);
bool msg_field_bool(struct reader *r);
char *msg_field_string(struct reader *r);
char *msg_field_text(struct reader *r); /* a blob of at most MSG_JSON_MAX */

struct msg_hello {
	uint16_t version;
	char *program;
};
struct msg_hello_reply {
	uint16_t version;
	uint8_t vault[16];
	bool service;
	char *principal;
	uint32_t uid;
};

struct msg_role { /* role.add and role.rm */
	char *role;
	char *family;
	char *to;
};

enum msg_grant_type {
	MSG_GRANT_LOAD = 1,
	MSG_GRANT_BROWSE = 2,
};
struct msg_grant_add {
	char *model;
	char *channel;
	char *version;
	char *to;
	enum msg_grant_type type;
	uint32_t loads;
	bool per_day;
	bool export;
	int64_t until_ms;
	char *reason;
	char *hosts; /* these four may be NULL to be written: empty */
	char *days;
	char *hours;
	char *zone;
	uint32_t max_sessions; /* 0: any number */
	char *exes;	       /* may be NULL, too */
};

struct msg_budget_reset {
	char *model;
	char *reason;
};
struct msg_grant_explain {
	char *principal;
	char *reference;
	char *host; /* empty: it is not asked for */
	bool export;
	int64_t at_ms; /* 0: now */
};

struct msg_id_reason { /* grant.rm, session.close, event session.ended */
	uint64_t id;
	char *reason;
};

struct msg_list {    /* role.ls, grant.ls, model.ls, session.ls */
	char *model; /* model.ls: this one only; empty: all */
	uint64_t id; /* session.ls: this one only; 0: all open ones */
	bool ended;  /* grant.ls: those that ended or were removed, too */
	char *after; /* `next` of the reply before; empty: from the start */
};

struct msg_put_begin_reply {
	uint64_t upload;
	uint8_t manifest_key[KEY_SIZE];
	uint8_t lockbox_key[KEY_SIZE];
};
struct msg_put_keys {
	uint64_t upload;
	uint32_t count;
	struct digest *digests;
};
struct msg_put_keys_reply {
	uint32_t count;
	uint8_t (*keys)[KEY_SIZE];
};
struct msg_put_commit {
	uint64_t upload;
	struct digest version;
	struct digest object;
	uint32_t files;
	uint64_t bytes;
	uint64_t weights;
	uint64_t chunks;
	char *labels;  /* JSON object */
	char *imports; /* JSON list */
};

struct msg_version {
	char *model;
	char *channel; /* session.open only */
	struct digest version;
	struct digest object;
	uint8_t manifest_key[KEY_SIZE];
	int64_t created_ms;
	/* version.get only: */
	char *by;
	char *labels;	 /* a JSON object of strings */
	int64_t read_ms; /* last, by whoever; 0: never */
	/* session.open only: */
	uint64_t grant;
	enum msg_grant_type type;
	bool export;
	uint32_t window;
	uint32_t readahead_kb;
	int64_t expires_ms;
	bool exes; /* its grant lists programs: tell which read */
};

enum msg_purpose {
	MSG_MOUNT = 1,
	MSG_GET = 2,
};
/* How the host came to trust what it opens. */
enum msg_trust {
	MSG_PINNED = 0,
	MSG_FIRST_USE = 1,
	MSG_UNSIGNED = 2,
};
struct msg_session_open {
	char *principal; /* for whom; empty: the peer */
	enum msg_purpose purpose;
	char *mountpoint;
	char *host;
	uint32_t pid;
	char *exe;
	enum msg_trust trust;
	uint16_t count;
	char **refs;
};
struct msg_session { /* reply to session.open and session.resume */
	uint64_t session;
	uint8_t token[32];
	uint16_t count;
	struct msg_version *versions;
};
struct msg_session_resume {
	uint64_t session;
	uint8_t token[32];
};

struct msg_release {
	uint64_t session;
	uint16_t version;
	uint64_t first;
	uint32_t count;
};
struct msg_release_reply {
	uint32_t count;
	struct {
		uint8_t key[KEY_SIZE];
		uint32_t length;
	} rows[MSG_WINDOW_MAX];
};

struct msg_extent {
	uint32_t file;
	uint64_t offset;
	uint64_t length;
	uint32_t uid;
	uint32_t pid;
	char *exe;
};
struct msg_extents {
	uint64_t session;
	uint16_t version;
	uint32_t count;
	struct msg_extent *extents;
};
struct msg_fault {
	uint64_t session;
	uint16_t version;
	struct digest object;
	uint32_t file;
	char *reason;
};
/* What a session's worker has trouble with. */
#define MSG_TROUBLE_STORE 1   /* the store fails, or does not answer */
#define MSG_TROUBLE_KEYS 2    /* keys have not come for as long as reads wait */
#define MSG_TROUBLE_REFUSED 4 /* keyd refused keys, a moment ago */
#define MSG_TROUBLE_ALL 7
struct msg_trouble {
	uint64_t session;
	uint8_t what; /* MSG_TROUBLE_*; 0: none any more */
};
struct msg_session_exe {
	uint64_t session;
	uint32_t pid;
	char *exe; /* its path; empty: not known */
	bool seen; /* and hashed: */
	struct digest digest;
};
struct msg_check_report {
	uint64_t objects;
	uint64_t bytes;
	bool data;
	uint64_t damaged;
	uint64_t missing;
};

struct msg_backup {	  /* reply to backup */
	char *note;	  /* the checkpoint's */
	uint8_t *keyring; /* the files' bytes */
	size_t keyring_length;
	uint8_t *epoch;
	size_t epoch_length;
	uint64_t epoch_number;
};
struct msg_consistency { /* reply to trail.consistency */
	char *note;	 /* the checkpoint's */
	uint16_t count;	 /* at most TLOG_PROOF_MAX */
	struct digest proof[TLOG_PROOF_MAX];
};

struct msg_statement_sign {
	uint64_t statement;
	struct digest keyid;
	uint8_t sig[MSG_SIG];
};
struct msg_sign_oms {
	char *reference;
	char *name;
	uint16_t count;
	char **ignored;
	char *key;		      /* PEM */
	uint8_t sig[MSG_OMS_SIG_MAX]; /* DER */
	size_t sig_length;
};

struct msg_alert_ack {
	uint64_t alert;
	char *disposition;
	char *note;
};

struct msg_secret_add {
	struct unlock proof;
	struct unlock fresh;
	char *label; /* empty: keyd makes one */
	bool replace;
	char *slot; /* by number or label; empty: the one that proof opens */
};
struct msg_secret_rm {
	struct unlock proof;
	char *slot;
};

struct msg_unlock {
	struct unlock secret;
};
struct msg_rekey {
	struct unlock proof;
	struct unlock recovery; /* a new one */
	bool drop;
	uint16_t count;
	struct unlock *others; /* that stay */
};
struct msg_lock_reply {	 /* to lock and unlock */
	bool again;	 /* it was so already */
	uint64_t number; /* sessions that ended; the slot that opened it */
};

struct msg_decoy { /* decoy.add and decoy.rm */
	char *model;
	char *reason;
};

struct msg_removal { /* version.rm, version.undelete, shred.begin */
	char *reference;
	char *reason;
	uint64_t grace_ms; /* version.rm: it can be brought back for so long */
};

/* What gc.sweep says of each object. */
enum msg_swept {
	MSG_SWEPT_NEEDED = 0,  /* by a version */
	MSG_SWEPT_YOUNG = 1,   /* it was wanted less than the grace ago */
	MSG_SWEPT_PINNED = 2,  /* by an upload under way */
	MSG_SWEPT_REMOVED = 3, /* or would be */
	MSG_SWEPT_ABSENT = 4,
	MSG_SWEPT_FAILED = 5, /* it cannot be looked at, or removed */
};
struct msg_sweep {
	bool dry;
	uint64_t grace_ms;
	uint32_t count;
	struct digest *names;
};
struct msg_sweep_reply {
	uint64_t bytes; /* of those removed */
	uint32_t count;
	uint8_t *what; /* enum msg_swept */
};

/* How a put.commit went. */
enum msg_committed {
	MSG_COMMITTED_NEW = 0,
	MSG_COMMITTED_KNOWN = 1, /* the version was there; its copy stays */
	MSG_COMMITTED_NOT = 2,	 /* objects went meanwhile: store again, commit
				    again */
};

#define MSG_PAIR(x)                                                            \
	void msg_##x##_write(struct writer *w, const struct msg_##x *m);       \
	int msg_##x##_read(struct msg_##x *out, struct reader *r) MUST_USE;    \
	void msg_##x##_clear(struct msg_##x *m)

MSG_PAIR(hello);
MSG_PAIR(hello_reply);
MSG_PAIR(role);
MSG_PAIR(grant_add);
MSG_PAIR(budget_reset);
MSG_PAIR(grant_explain);
MSG_PAIR(id_reason);
MSG_PAIR(list);
MSG_PAIR(put_begin_reply);
MSG_PAIR(put_keys);
MSG_PAIR(put_keys_reply);
MSG_PAIR(put_commit);
MSG_PAIR(version); /* reply to version.get */
MSG_PAIR(session_open);
MSG_PAIR(session);
MSG_PAIR(session_resume);
MSG_PAIR(release);
MSG_PAIR(release_reply);
MSG_PAIR(extents);
MSG_PAIR(fault);
MSG_PAIR(trouble);
MSG_PAIR(session_exe);
MSG_PAIR(check_report);
MSG_PAIR(statement_sign);
MSG_PAIR(sign_oms);
MSG_PAIR(consistency);
MSG_PAIR(alert_ack);
MSG_PAIR(secret_add);
MSG_PAIR(secret_rm);
MSG_PAIR(unlock);
MSG_PAIR(rekey);
MSG_PAIR(lock_reply);
MSG_PAIR(backup);
MSG_PAIR(decoy);
MSG_PAIR(removal);
MSG_PAIR(sweep);
MSG_PAIR(sweep_reply);

#endif
