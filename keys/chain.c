/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/chain.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/announce.h"
#include "keys/chain_parts.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/fields.h"
#include "vault/log.h"
#include "vault/note.h"
#include "vault/tlog.h"

#define LATEST "latest"

void
chain_free(struct chain *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->moved_count; i++)
		free(c->moved[i].key);
	free(c->moved);
	free(c->note);
	free(c->envelope);
	trust_root_free(c->root);
	seen_free(c->seen);
	free(c);
}

void
chain_version_clear(struct chain_version *v)
{
	free(v->signed_by);
	free(v->promoted_by);
	free(v->oms_json);
	*v = (struct chain_version){ 0 };
}

/* --- refusals --- */

int
chain_refuse(struct chain *c, const char *reference, const char *fmt, ...)
{
	char reason[CHAIN_REASON];
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	announce_distrust(c->vault_hex, reference != NULL ? reference : "",
	    reason);
	/* That it is refused does not hang on whether it can be noted. */
	if (c->seen != NULL)
		(void)!seen_refused(c->seen, reference != NULL ? reference : "",
		    reason);
	if (reference == NULL)
		return log_err(ERR_INTEGRITY, "refused: %s", reason);
	return log_err(ERR_INTEGRITY, "%s is refused: %s", reference, reason);
}

int
chain_envelope(struct chain *c, const char *reference, const json_t *json,
    const char *what, struct statement **out)
{
	OWNED_MEM(char) text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	char why[STATEMENT_WHY] = "";
	int err;

	if (text == NULL)
		return ERR_NOMEM;
	err = statement_parse(out, text, strlen(text), why);
	if (err == ERR_FORMAT || err == ERR_LIMIT)
		return chain_refuse(c, reference, "%s is not well-formed: %s",
		    what, why);
	return err;
}

char *
chain_names(const struct trust_root *r, const uint8_t *who, size_t count,
    char buf[static CHAIN_NAMES])
{
	size_t n = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < count && n < CHAIN_NAMES; i++)
		n += (size_t)snprintf(buf + n, CHAIN_NAMES - n, "%s%s",
		    i > 0 ? ", " : "", trust_root_person(r, who[i])->name);
	return buf;
}

/* The role whose threshold a statement has to meet. */
static const char *
role_of(const struct statement_fields *f)
{
	switch (f->about) {
	case STATEMENT_VERSION:
		return "sign";
	case STATEMENT_PROMOTION:
		return f->act == STATEMENT_ROLLBACK ? "rollback" : "promote";
	case STATEMENT_TRUST:
		return "root";
	case STATEMENT_GRANT:
		return "approve";
	case STATEMENT_REVOCATION:
		return "revoke";
	}
	return "";
}

int
chain_refuse_statement(struct chain *c, const char *reference, const char *what,
    enum trust_verdict verdict, const struct trust_root *r,
    const struct statement *s)
{
	char have[CHAIN_NAMES], missing[CHAIN_NAMES];
	struct trust_count n;

	if (verdict != TRUST_TOO_FEW)
		return chain_refuse(c, reference,
		    "%s is %s (trust root %" PRIu64 ")", what,
		    trust_text(verdict), trust_root_number(r));
	trust_count_of(&n, r, s);
	chain_names(r, n.signed_by, n.signed_count, have);
	chain_names(r, n.waits_for, n.waits_count, missing);
	return chain_refuse(c, reference,
	    "%s is %s: the rule of trust root %" PRIu64
	    " to %s asks for %u; counted: %.200s; missing: %.200s",
	    what, trust_text(verdict), trust_root_number(r),
	    role_of(statement_fields(s)), n.need,
	    have[0] != '\0' ? have : "none",
	    missing[0] != '\0' ? missing : "none");
}

/* --- the checkpoint --- */

/* It extends the one that this host has seen. */
static int
check_extends(struct chain *c, const struct note_checkpoint *now,
    const struct msg_consistency *m)
{
	const char *text = seen_checkpoint(c->seen);
	struct note_checkpoint old;

	if (text == NULL)
		return 0;
	if (note_checkpoint_parse(&old, text, strlen(text)) != 0)
		return log_err(ERR_FORMAT,
		    "the checkpoint that this host has seen cannot be read "
		    "back: restore the state directory");
	if (now->size < old.size)
		return chain_refuse(c, NULL,
		    "the trail has %" PRIu64
		    " entries, and this host has seen %" PRIu64
		    " of them; 'weir doctor' says what to do",
		    now->size, old.size);
	if (strcmp(now->origin, old.origin) != 0 ||
	    !tlog_consistency_ok(old.size, now->size, &old.root, &now->root,
		m->proof, m->count))
		return chain_refuse(c, NULL,
		    "the trail (%" PRIu64
		    " entries) does not extend what this host has seen of it "
		    "(%" PRIu64
		    " entries): it was rewritten; 'weir doctor' says what to "
		    "do",
		    now->size, old.size);
	return 0;
}

static uint64_t
seen_size(const struct chain *c)
{
	const char *text = seen_checkpoint(c->seen);
	struct note_checkpoint old;

	if (text == NULL ||
	    note_checkpoint_parse(&old, text, strlen(text)) != 0)
		return 0;
	return old.size;
}

static int
check_note(struct chain *c, const struct msg_consistency *m)
{
	struct note_checkpoint now;
	struct note_key key;
	int err;

	if (note_key_parse(&key, trust_root_log(c->root)) != 0)
		return chain_refuse(c, NULL,
		    "the trail's key in trust root %" PRIu64 " is none",
		    trust_root_number(c->root));
	err = note_checkpoint_read(&now, m->note, strlen(m->note), &key);
	if (err == ERR_FORMAT || err == ERR_INTEGRITY)
		return chain_refuse(c, NULL,
		    "the trail's checkpoint is not signed by the key that "
		    "trust root %" PRIu64 " names",
		    trust_root_number(c->root));
	return err == 0 ? check_extends(c, &now, m) : err;
}

static int
check_trail(struct chain *c)
{
	struct msg_consistency m = { 0 };
	int err = client_trail_consistency(c->client, seen_size(c), &m);

	if (err != 0)
		return err;
	err = check_note(c, &m);
	if (err == 0) {
		c->note = m.note;
		m.note = NULL;
	}
	msg_consistency_clear(&m);
	return err;
}

/* --- the chain --- */

int
chain_open(struct chain **out, struct client *client,
    const struct chain_how *how)
{
	OWNED(chain) c = calloc(1, sizeof(*c));
	OWNED_MEM(char) directory = NULL;
	char *found;
	int err;

	if (c == NULL)
		return ERR_NOMEM;
	c->client = client;
	c->how = how;
	c->now_ms = clock_wall_ms();
	memcpy(c->vault, client_peer(client)->vault, sizeof(c->vault));
	for (size_t i = 0; i < sizeof(c->vault); i++)
		snprintf(c->vault_hex + 2 * i, 3, "%02x", c->vault[i]);
	err = seen_directory(&found);
	if (err != 0)
		return err;
	directory = found;
	err = seen_open(&c->seen, directory, c->vault);
	if (err == 0)
		err = chain_root_climb(c);
	if (err == 0 && c->root != NULL)
		err = check_trail(c);
	if (err != 0)
		return err;
	*out = c;
	c = NULL;
	return 0;
}

/* --- references --- */

int
chain_reference(const char *reference, struct ref *out)
{
	char name[REF_NAME_MAX + 80];
	struct ref r;

	if (ref_parse(&r, reference) != 0)
		return log_err(ERR_USAGE,
		    "'%s' is no reference: MODEL:CHANNEL or MODEL@DIGITS",
		    log_name(name, sizeof(name), reference, strlen(reference)));
	if (r.digits[0] == '\0' &&
	    (r.channel[0] == '\0' || strcmp(r.channel, LATEST) == 0))
		return log_err(ERR_USAGE,
		    "%s%s: which version? What was put last has nobody's "
		    "signature: name a channel (%s:prod; 'weir promote "
		    "%s@DIGEST prod' makes one), or a version, %s@DIGEST "
		    "('weir ls %s' lists them)",
		    r.name, r.channel[0] != '\0' ? ":" LATEST : "", r.name,
		    r.name, r.name, r.name);
	*out = r;
	return 0;
}

static int
remember(struct chain *c, const struct chain_moved *m)
{
	struct chain_moved *more = reallocarray(c->moved, c->moved_count + 1,
	    sizeof(*more));

	if (more == NULL) {
		free(m->key);
		return ERR_NOMEM;
	}
	c->moved = more;
	c->moved[c->moved_count++] = *m;
	return 0;
}

/* A refusal of keyd's is said, and recorded, when the session is asked for. */
static int
ask(struct chain *c, const char *reference, json_t **out)
{
	const struct why silent = { NULL, 0 };
	OWNED_MEM(char) text = NULL;
	int err;

	client_quiet(c->client, true);
	err = client_channel_proof(c->client, reference, &text);
	client_quiet(c->client, false);
	c->hidden = err == ERR_DENIED || err == ERR_NOT_FOUND;
	if (err != 0 && !c->hidden && client_sentence(c->client)[0] != '\0')
		log_error("%s", client_sentence(c->client));
	if (err != 0)
		return err;
	err = fields_load(out, text, strlen(text), "channel.proof", &silent);
	return err != ERR_FORMAT ?
	    err :
	    log_err(err, "weir-keyd sent a malformed reply to channel.proof");
}

int
chain_accept(struct chain *c, const char *reference, struct chain_version *out)
{
	struct chain_version v = { 0 };
	struct chain_moved moved = { 0 };
	json_auto_t *proof = NULL;
	bool channel;
	int err = chain_reference(reference, &v.ref);

	if (err == 0)
		err = ask(c, reference, &proof);
	if (err == 0)
		err = chain_proof_judge(c, reference, proof, &v, &moved);
	channel = v.ref.channel[0] != '\0';
	if (err == 0 &&
	    ((channel && c->some_unsigned) ||
		(!v.is_signed && c->some_channel))) {
		free(moved.key);
		err = log_err(ERR_USAGE,
		    "%s: an unsigned version and a channel do not go into one "
		    "mount",
		    reference);
	} else if (err == 0 && moved.key != NULL) {
		err = remember(c, &moved);
	}
	if (err != 0) {
		chain_version_clear(&v);
		return err;
	}
	c->some_channel = c->some_channel || channel;
	c->some_unsigned = c->some_unsigned || !v.is_signed;
	*out = v;
	return 0;
}

const char *
chain_root(const struct chain *c)
{
	return c->root != NULL ? c->envelope : NULL;
}

enum chain_trust
chain_trust(const struct chain *c)
{
	if (c->some_unsigned)
		return CHAIN_UNSIGNED;
	return c->first_use ? CHAIN_FIRST_USE : CHAIN_PINNED;
}

int
chain_commit(struct chain *c)
{
	int err = 0;

	if (c->root == NULL)
		return 0;
	err = seen_set_root(c->seen, c->envelope, trust_root_number(c->root),
	    c->first_use);
	if (err == 0)
		err = seen_set_checkpoint(c->seen, c->note);
	for (size_t i = 0; err == 0 && i < c->moved_count; i++)
		err = seen_set_channel(c->seen, c->moved[i].key,
		    &c->moved[i].now);
	return err == 0 ? seen_save(c->seen) : err;
}
