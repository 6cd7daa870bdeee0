/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CLIENT_H
#define WEIR_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/msg.h"
#include "keys/unlock.h"
#include "vault/owned.h"
#include "vault/writer.h"

/*
 * The one way to talk to keyd, for commands and mounts.  Blocking; one thread
 * at a time.  The functions log the sentence that keyd sent with a refusal
 * and return its error.
 */
struct client;

struct client_how {
	const char *vault; /* the vault directory */
	const struct unlock_source *unlock;
	const char *program; /* "weir put" */
	/* For connecting, for hello and for each later send and receive; a keyd
	 * that we start may take longer to get ready.  0: 30 s to connect and
	 * for hello, and no limit later. */
	uint32_t timeout_ms;
};

/* Connect, or start an embedded keyd (PROTOCOL.md, "Finding and starting
 * keyd"), and say hello.  ERR_UNREACHABLE, ERR_SECRET, ERR_NOT_FOUND (no
 * vault there). */
int client_open(struct client **out, const struct client_how *how) MUST_USE;
void client_free(struct client *c);
OWNED_TYPE(client);

/* Whether an embedded keyd was started for it: else nobody has looked at the
 * secret that how->unlock would have given. */
bool client_started(const struct client *c);

/* From here on a send or receive may take so long, 0: any time; then a call
 * ends with ERR_UNREACHABLE, and the client is of no use any more. */
int client_patience(struct client *c, uint32_t ms) MUST_USE;

/* What hello was answered, borrowed: the vault, and who the caller is there. */
const struct msg_hello_reply *client_peer(const struct client *c);

/* Do not log refusals of keyd's: the caller says what is to be said. */
void client_quiet(struct client *c, bool quiet);
/* The sentence of the last refusal, borrowed until the next call; "" if there
 * was none. */
const char *client_sentence(const struct client *c);

/*
 * One request and its reply.  body is the request's body (NULL: empty).  On 0
 * *reply reads the fields after the status; its bytes are valid until the next
 * call.
 */
int client_call(struct client *c, enum msg_type type, const struct writer *body,
    struct reader *reply) MUST_USE;

/* From now on a refusal with this error is an answer like any other, and is not
 * said; 0: all are said. */
void client_expect(struct client *c, int err);

/* A call whose request is a string, or nothing (NULL), or a number, or that
 * lists something, and whose reply is one JSON text; the caller frees. */
int client_json(struct client *c, enum msg_type type, const char *argument,
    char **out) MUST_USE;
int client_json_id(struct client *c, enum msg_type type, uint64_t id,
    char **out) MUST_USE;
int client_list(struct client *c, enum msg_type type, const struct msg_list *m,
    char **out) MUST_USE;

/*
 * A request each, as PROTOCOL.md has it.  On 0 *out is the reply, which is the
 * caller's: msg_..._clear frees it, and wipes the keys in it.  On failure
 * nothing is in it.
 */
int client_put_begin(struct client *c, const char *model,
    struct msg_put_begin_reply *out) MUST_USE;
int client_put_keys(struct client *c, const struct msg_put_keys *m,
    struct msg_put_keys_reply *out) MUST_USE;
int client_put_commit(struct client *c, const struct msg_put_commit *m,
    enum msg_committed *how) MUST_USE;
int client_version_get(struct client *c, const char *reference,
    struct msg_version *out) MUST_USE;
int client_session_open(struct client *c, const struct msg_session_open *m,
    struct msg_session *out) MUST_USE;
int client_session_resume(struct client *c, const struct msg_session_resume *m,
    struct msg_session *out) MUST_USE;
int client_release(struct client *c, const struct msg_release *m,
    struct msg_release_reply *out) MUST_USE;
/* The published checkpoint, and the proof that the log extends what it was at
 * old_size.  None is there when the log has no more than old_size entries:
 * the caller compares (tlog_consistency_ok).  msg_consistency_clear. */
int client_trail_consistency(struct client *c, uint64_t old_size,
    struct msg_consistency *out) MUST_USE;
int client_session_close(struct client *c, uint64_t session, const char *reason)
    MUST_USE;

/* Statements (PROTOCOL.md).  *out is the reply's JSON; the caller frees. */

/* The trust roots whose numbers are above after. */
int client_trust_get(struct client *c, uint64_t after, char **out) MUST_USE;
int client_statement_add(struct client *c, const char *envelope, char **out)
    MUST_USE;
int client_statement_sign(struct client *c, const struct msg_statement_sign *m,
    char **out) MUST_USE;
int client_statement_withdraw(struct client *c, uint64_t statement,
    const char *reason) MUST_USE;
int client_statement_get(struct client *c, uint64_t statement, char **out)
    MUST_USE;
/* model empty: of all. */
int client_statement_ls(struct client *c, const char *model, char **out)
    MUST_USE;
/* What a host checks before it opens reference (chain.h); and, of a channel,
 * what it pointed to. */
int client_channel_proof(struct client *c, const char *reference, char **out)
    MUST_USE;
int client_channel_log(struct client *c, const char *reference, char **out)
    MUST_USE;
int client_sign_oms(struct client *c, const struct msg_sign_oms *m) MUST_USE;

/* Give up the connected descriptor (for a worker that speaks frames itself);
 * the client can only be freed after. */
int client_take_fd(struct client *c);

#endif
