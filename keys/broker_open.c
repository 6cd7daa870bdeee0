/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_budget.h"
#include "keys/broker_state.h"
#include "keys/broker_trust.h"
#include "keys/grant.h"
#include "vault/err.h"

#define REFS_RECORDED 16 /* of a refusal; more say nothing more */
#define REF_RECORDED 200 /* bytes of each */
#define HOST_RECORDED 256

/* A version that somebody asks to read, and the grant that lets it. */
struct wanted {
	struct broker_target target;
	uint64_t grant;
	uint32_t max_sessions; /* of the grant; 0: any number */
	enum msg_grant_type type;
};

/* A session.open in hand. */
struct opening {
	struct broker_call *c;
	const struct msg_session_open *m;
	const char *principal;	 /* for whom */
	const char *model;	 /* in hand; NULL: none */
	struct wanted *wanted;	 /* m->count */
	struct trust_root *root; /* in force; NULL: none */
};

/*
 * Record session.refused with reason, and answer err with this sentence once
 * that is durable.
 */
static int PRINTF_LIKE(4, 5) refuse(const struct opening *o, int err,
    const char *reason, const char *fmt, ...)
{
	struct broker_call *c = o->c;
	char cut[BROKER_REASON_MAX], host[HOST_RECORDED];
	OWNED_ENTRY e = { 0 };
	va_list args;
	int recorded;

	broker_call_entry(c, &e, ENTRY_SESSION_REFUSED);
	entry_text(&e, "for", o->principal);
	entry_text(&e, "purpose", session_purpose_name(o->m->purpose));
	entry_open_list(&e, "refs");
	for (uint16_t i = 0; i < o->m->count && i < REFS_RECORDED; i++) {
		snprintf(cut, REF_RECORDED, "%s", o->m->refs[i]);
		entry_text(&e, NULL, cut);
	}
	entry_close(&e);
	entry_text(&e, "trust", session_trust_name(o->m->trust));
	snprintf(cut, sizeof(cut), "%s", reason);
	entry_text(&e, "reason", cut);
	snprintf(host, sizeof(host), "%s", o->m->host);
	entry_text(&e, "host", host[0] != '\0' ? host : NULL);
	entry_text(&e, "model", o->model);
	recorded = broker_guard_refusal(c, &e, cut);
	if (recorded != 0)
		return recorded;
	va_start(args, fmt);
	vsnprintf(c->sentence, sizeof(c->sentence), fmt, args);
	va_end(args);
	return err;
}

static int
check_principal(const struct opening *o)
{
	struct broker_call *c = o->c;
	unsigned int held;
	int err;

	if (!ref_principal_ok(o->principal))
		return broker_call_fail(c, ERR_USAGE,
		    "a session is for user:NAME");
	if (strcmp(o->principal, c->from->principal) == 0)
		return 0;
	err = broker_call_roles(c, &held);
	if (err != 0 || role_may(held, ROLE_MOUNTER))
		return err;
	return refuse(o, ERR_DENIED, "not mounter",
	    "only a mounter may open sessions for others; an owner may make"
	    " one: weir role add mounter --to %s",
	    c->from->principal);
}

/* What the nearest grant falls short of, and the command that would mend it. */
static int
not_granted(const struct opening *o, const struct broker_target *t,
    enum grant_answer why, const struct grant *g, const char *spent)
{
	char reason[96 + sizeof(t->shown)];
	char says[BROKER_SENTENCE];
	const struct broker_explain x = {
		.principal = o->principal,
		.shown = t->shown,
		.host = o->m->host,
		.export = o->m->purpose == MSG_GET,
	};

	broker_explain_says(&x, why, g, says);
	if (why == GRANT_SPENT)
		return refuse(o, ERR_DENIED, spent, "%s", says);
	snprintf(reason, sizeof(reason), "%s%s%s", grant_answer_text(why),
	    why == GRANT_NO_EXPORT ? " of " :
		why == GRANT_NONE  ? " for " :
				     ": ",
	    t->shown);
	return refuse(o, ERR_DENIED, reason, "%s", says);
}

/* Who has no role is told of nothing that it has no grant for. */
static int
not_found(const struct opening *o, const struct broker_target *t)
{
	char reason[64 + sizeof(t->shown)];
	unsigned int held;
	int err = broker_call_roles(o->c, &held);

	if (err != 0)
		return err;
	snprintf(reason, sizeof(reason), "no %s", t->shown);
	if (held == 0)
		return not_granted(o, t, GRANT_NONE, NULL, NULL);
	return refuse(o, ERR_NOT_FOUND, reason,
	    "there is no %s; 'weir ls' lists what there is", t->shown);
}

static int
choose(const struct opening *o, struct wanted *w)
{
	const struct broker_target *t = &w->target;
	struct broker_wish wish = { .b = o->c->b,
		.principal = o->principal,
		.t = t };
	struct grant_want want = broker_explain_want(&wish);
	OWNED_MEM(struct grant) grants = NULL;
	const struct grant *g;
	enum grant_answer answer;
	size_t n;
	int err;

	if (!t->found)
		return not_found(o, t);
	want.export = o->m->purpose == MSG_GET;
	want.host = o->m->host;
	err = catalogue_grant_list(o->c->b->how.catalogue, o->principal,
	    t->ref.name, &grants, &n);
	if (err != 0)
		return broker_call_unreadable(o->c, err);
	answer = grant_choose(grants, n, &want, &g);
	if (wish.err != 0)
		return broker_call_fail(o->c, wish.err,
		    "the budget cannot be told: %s", err_text(wish.err));
	if (answer != GRANT_OK)
		return not_granted(o, t, answer, g, wish.spent);
	w->grant = g->id;
	w->max_sessions = g->max_sessions;
	w->type = g->type;
	return 0;
}

/* --- trust: PROTOCOL.md, "Statements" --- */

static int
check_unsigned(const struct opening *o, const struct broker_target *t)
{
	char reason[64 + sizeof(t->shown)];

	if (t->ref.channel[0] == '\0')
		return 0;
	snprintf(reason, sizeof(reason), "%s is a channel, but unsigned",
	    t->shown);
	return refuse(o, ERR_USAGE, reason,
	    "without a check of signatures a version is named by its digits,"
	    " and %s is a channel: it is %s@%s now",
	    t->shown, t->ref.name, t->hex);
}

/* What is to be signed is named so that nobody but its signers can move it. */
static int
check_named(const struct opening *o, const struct broker_target *t)
{
	char reason[64 + sizeof(t->shown)];

	if (o->m->trust == MSG_UNSIGNED)
		return check_unsigned(o, t);
	if (t->ref.channel[0] == '\0' ?
		strlen(t->ref.digits) == 64 :
		strcmp(t->ref.channel, BROKER_LATEST) != 0)
		return 0;
	snprintf(reason, sizeof(reason), "%s is not signed", t->shown);
	return refuse(o, ERR_USAGE, reason,
	    "nobody signs what %s stands for: name a channel, or the version"
	    " in full: %s@%s",
	    t->shown, t->ref.name, t->hex);
}

static int
not_accepted(const struct opening *o, const struct broker_target *t,
    const struct broker_belief *belief)
{
	char why[BROKER_WHY], reason[BROKER_WHY + sizeof(t->shown) + 32];

	broker_trust_why(belief, o->root, why);
	snprintf(reason, sizeof(reason), "%s is not accepted: %s", t->shown,
	    why);
	return refuse(o,
	    belief->verdict == TRUST_REVOKED ? ERR_DENIED : ERR_INTEGRITY,
	    reason, "%s", reason);
}

static int
check_accepted(const struct opening *o, const struct broker_target *t)
{
	bool is_unsigned = o->m->trust == MSG_UNSIGNED;
	struct trust_want want = broker_trust_want(o->c->b, t->ref.name,
	    is_unsigned || t->ref.channel[0] == '\0' ? NULL : t->ref.channel,
	    &t->version);
	OWNED_BELIEF belief = { 0 };
	int err;

	if (o->root == NULL && is_unsigned)
		return 0;
	if (o->root == NULL)
		return refuse(o, ERR_INTEGRITY, "no trust root",
		    "this vault has no trust root, so that nothing in it is"
		    " signed; an owner makes one: weir trust init");
	err = broker_trust_believe(o->c->b, o->root, &want, &belief);
	if (err != 0)
		return broker_call_unreadable(o->c, err);
	if (belief.verdict == TRUST_OK ||
	    (is_unsigned && belief.verdict != TRUST_REVOKED))
		return 0;
	return not_accepted(o, t, &belief);
}

static int
admit(struct opening *o, struct wanted *w, const char *text)
{
	int err = broker_model_resolve(o->c, text, &w->target);

	if (err != 0)
		return err;
	o->model = w->target.ref.name;
	err = choose(o, w);
	if (err == 0)
		err = check_named(o, &w->target);
	return err == 0 ? check_accepted(o, &w->target) : err;
}

static int
admit_all(struct opening *o)
{
	int err = broker_trust_root(o->c->b, &o->root);

	if (err != 0)
		return broker_call_unreadable(o->c, err);
	for (uint16_t i = 0; err == 0 && i < o->m->count; i++)
		err = admit(o, &o->wanted[i], o->m->refs[i]);
	o->model = NULL;
	trust_root_free(o->root);
	o->root = NULL;
	return err;
}

static void
write_version(struct entry *e, const struct wanted *w)
{
	const struct ref *r = &w->target.ref;

	entry_open_object(e, NULL);
	entry_text(e, "model", r->name);
	entry_text(e, "channel", r->channel[0] != '\0' ? r->channel : NULL);
	entry_text(e, "version", w->target.hex);
	entry_number(e, "grant", w->grant);
	entry_text(e, "type", grant_type_name(w->type));
	entry_close(e);
}

static int
record_open(const struct opening *o, uint64_t id)
{
	const struct msg_session_open *m = o->m;
	OWNED_ENTRY e = { 0 };

	broker_call_entry(o->c, &e, ENTRY_SESSION_OPEN);
	entry_number(&e, "session", id);
	entry_text(&e, "for", o->principal);
	entry_text(&e, "purpose", session_purpose_name(m->purpose));
	entry_text(&e, "host", m->host);
	entry_number(&e, "pid", m->pid);
	entry_text(&e, "exe", m->exe[0] != '\0' ? m->exe : NULL);
	entry_text(&e, "mountpoint",
	    m->mountpoint[0] != '\0' ? m->mountpoint : NULL);
	entry_text(&e, "trust", session_trust_name(m->trust));
	entry_open_list(&e, "versions");
	for (uint16_t i = 0; i < m->count; i++)
		write_version(&e, &o->wanted[i]);
	entry_close(&e);
	entry_number(&e, "clock", broker_budget_clock(o->c->b));
	return broker_call_record(o->c, &e);
}

/* --- the reply, to an open and to a resume --- */

static int
describe(struct broker *b, const struct broker_session *s, uint16_t i,
    struct msg_version *out)
{
	struct session_version *v = &s->s->versions[i];
	struct grant g = { 0 };
	int err;

	err = catalogue_grant_get(b->how.catalogue, v->grant, &g);
	if (err != 0)
		return err;
	*out = (struct msg_version){
		.model = v->model,
		.channel = v->channel,
		.version = v->version,
		.created_ms = s->versions[i].created_ms,
		.object = s->versions[i].object,
		.grant = v->grant,
		.type = v->type,
		.export = g.export,
		.window = grant_window(v->type),
		.readahead_kb = grant_readahead_kb(v->type),
		.expires_ms = grant_ends(&g, broker_record_clock()),
		.exes = g.exes[0] != '\0',
	};
	return broker_model_manifest_key(b, s->versions[i].upload,
	    out->manifest_key);
}

static int
reply_session(struct broker_call *c, const struct broker_session *s)
{
	struct msg_session m = { .session = s->id, .count = s->s->count };
	size_t size = (size_t)m.count * sizeof(*m.versions);
	int err = 0;

	m.versions = calloc(m.count, sizeof(*m.versions));
	if (m.versions == NULL)
		return ERR_NOMEM;
	session_token(m.token, c->b->how.keyring->index_secret, s->id);
	for (uint16_t i = 0; err == 0 && i < m.count; i++)
		err = describe(c->b, s, i, &m.versions[i]);
	if (err == 0) {
		msg_session_write(&c->reply, &m);
		err = writer_ok(&c->reply) ? 0 : ERR_NOMEM;
	} else if (err == ERR_NOT_FOUND)
		err = broker_call_refuse(c, "grant removed",
		    "a grant of session %ju was removed", (uintmax_t)s->id);
	else
		broker_call_fail(c, err,
		    "the keys of session %ju cannot be had: %s",
		    (uintmax_t)s->id, err_text(err));
	secret_wipe(m.versions, size);
	secret_wipe(m.token, sizeof(m.token));
	free(m.versions);
	return err;
}

/* The recorded session is taken from where replay would put it. */
static int
take_up(struct broker_call *c, uint64_t id, struct broker_session **out)
{
	struct broker_session *s;
	struct session *session;
	int err;

	err = catalogue_session_get(c->b->how.catalogue, id, &session);
	if (err == 0)
		err = broker_session_load(c->b, session, &s);
	if (err == 0)
		err = broker_session_hold(c->from, s);
	if (err != 0)
		return broker_call_fail(c, err,
		    "session %ju cannot be taken up: %s", (uintmax_t)id,
		    err_text(err));
	s->opener = c->from->id;
	*out = s;
	return 0;
}

static int
check_room(struct broker_call *c)
{
	if (c->from->holds_count == BROKER_ATTACHED_MAX)
		return broker_call_fail(c, ERR_LIMIT,
		    "a connection has at most %d sessions",
		    BROKER_ATTACHED_MAX);
	return 0;
}

/* Those who look after the vault find room whatever others do. */
static size_t
most_sessions(const struct broker_call *c)
{
	uid_t uid = c->from->peer.uid;

	if (uid == 0 || uid == c->b->how.own_uid)
		return BROKER_SESSIONS_MAX;
	return BROKER_SESSIONS_MAX - BROKER_SESSIONS_KEPT;
}

/* Nobody takes all sessions there are. */
static int
check_share(const struct opening *o)
{
	struct broker_call *c = o->c;
	const struct broker_session *s, *next;
	size_t same = 0, opened = 0;

	if (broker_sessions(c->b) >= most_sessions(c))
		return broker_call_fail(c, ERR_LIMIT,
		    "%zu sessions are open; close some: weir session ls",
		    broker_sessions(c->b));
	HASH_ITER(hh, c->b->sessions, s, next) {
		same += strcmp(s->s->principal, o->principal) == 0;
		opened += strcmp(s->s->by, c->from->principal) == 0;
	}
	if (same >= BROKER_SESSIONS_FOR)
		return broker_call_fail(c, ERR_LIMIT,
		    "%s has %d sessions, and nobody may have more; close some:"
		    " weir session ls",
		    o->principal, BROKER_SESSIONS_FOR);
	if (opened >= BROKER_SESSIONS_BY)
		return broker_call_fail(c, ERR_LIMIT,
		    "%s has opened %d sessions, and nobody may open more;"
		    " close some: weir session ls",
		    c->from->principal, BROKER_SESSIONS_BY);
	return 0;
}

/*
 * Sessions that nobody holds any more were not counted: they end before another
 * one takes their place, so that none is taken up again beside it.
 */
static int
take_places(const struct opening *o)
{
	int err = 0;

	for (uint16_t i = 0; err == 0 && i < o->m->count; i++)
		if (o->wanted[i].max_sessions != 0)
			err = broker_session_end_left(o->c->b,
			    o->wanted[i].grant);
	return err;
}

static int
open_session(struct opening *o)
{
	struct broker_call *c = o->c;
	struct broker_session *s = NULL;
	uint64_t id;
	int err;

	err = check_principal(o);
	if (err == 0)
		err = check_room(c);
	if (err == 0)
		err = check_share(o);
	if (err == 0)
		err = admit_all(o);
	if (err == 0)
		err = take_places(o);
	if (err != 0)
		return err;
	id = catalogue_next(c->b->how.catalogue, CATALOGUE_SESSION);
	err = record_open(o, id);
	if (err != 0)
		return err;
	err = take_up(c, id, &s);
	if (err == 0)
		err = reply_session(c, s);
	if (err != 0)
		broker_session_give_up(c->b, id, c->from);
	return err;
}

int
broker_open_open(struct broker_call *c)
{
	struct msg_session_open m;
	struct opening o = { .c = c, .m = &m };
	int err;

	if (msg_session_open_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	o.principal = m.principal[0] != '\0' ? m.principal : c->from->principal;
	o.wanted = calloc(m.count, sizeof(*o.wanted));
	err = o.wanted != NULL ? open_session(&o) : ERR_NOMEM;
	free(o.wanted);
	msg_session_open_clear(&m);
	return err;
}

/*
 * A mount has two connections: its monitor opens the session on one, its worker
 * comes with the other.  The first resume beside the opener, by the same user,
 * is part of the opening, which has an entry; any other one has its own
 * (PROTOCOL.md).
 */
static bool
is_worker(struct broker_call *c, const struct broker_session *s)
{
	const struct broker_hold *h;

	if (s->joined)
		return false;
	LIST_FOREACH(h, &s->holds, of_session)
		if (h->link->id == s->opener && h->link != c->from &&
		    h->link->peer.uid == c->from->peer.uid)
			return true;
	return false;
}

static int
record_resume(struct broker_call *c, struct broker_session *s)
{
	OWNED_ENTRY e = { 0 };

	if (is_worker(c, s)) {
		s->joined = true;
		return 0;
	}
	/* Whoever takes up what nobody holds is to it as the opener was. */
	if (LIST_EMPTY(&s->holds)) {
		s->opener = c->from->id;
		s->joined = false;
	}
	broker_call_entry(c, &e, ENTRY_SESSION_RESUME);
	entry_number(&e, "session", s->id);
	return broker_call_record_later(c, &e);
}

static int
resume(struct broker_call *c, const struct msg_session_resume *m)
{
	struct broker_session *s;
	int err = 0;

	if (keyring_locked(c->b->how.keyring))
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "session %ju has ended: the vault is locked",
		    (uintmax_t)m->session);
	if (!session_token_ok(m->token, c->b->how.keyring->index_secret,
		m->session))
		return broker_call_refuse(c, "not the session's token",
		    "that is not the token of session %ju",
		    (uintmax_t)m->session);
	s = broker_session_find(c->b, m->session);
	if (s == NULL)
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "session %ju has ended", (uintmax_t)m->session);
	if (broker_session_of(c->from, s->id) == NULL)
		err = check_room(c);
	if (err == 0)
		err = reply_session(c, s);
	if (err != 0)
		return err;
	err = record_resume(c, s);
	if (err == 0) {
		err = broker_session_hold(c->from, s);
		if (err != 0)
			broker_call_fail(c, err, "%s", err_text(err));
	}
	return err;
}

int
broker_open_resume(struct broker_call *c)
{
	struct msg_session_resume m;
	int err;

	if (msg_session_resume_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = resume(c, &m);
	msg_session_resume_clear(&m);
	return err;
}
