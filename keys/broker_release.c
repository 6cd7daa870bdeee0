/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "keys/broker_budget.h"
#include "keys/broker_state.h"
#include "keys/grant.h"
#include "vault/err.h"
#include "vault/manifest.h"

#define EXE_RECORDED 256
#define EXTENTS_RECORDED 32 /* in one entry: they fit whatever is in them */

/*
 * The session and its version that a message names.  What a session that has
 * ended still reports is taken; keys it gets none.
 */
static int
find(struct broker_call *c, uint64_t id, uint16_t version,
    struct broker_session **out)
{
	struct broker_session *s = broker_session_of(c->from, id);

	if (s == NULL)
		return broker_call_refuse(c, "not a session of this connection",
		    "session %ju is not one of this connection's: open or"
		    " resume it first",
		    (uintmax_t)id);
	c->session = s;
	if (version >= s->s->count)
		return broker_call_refuse(c, "not a version of the session",
		    "session %ju has %u versions, and not number %u",
		    (uintmax_t)id, s->s->count, version);
	c->model = s->s->versions[version].model;
	*out = s;
	return 0;
}

/* --- release --- */

/* It has not ended, and neither have the hours in which it holds. */
static int
check_stands(struct broker_call *c, const struct broker_session *s,
    const struct session_version *v, const struct grant *g)
{
	enum grant_answer a = grant_stands(g, broker_record_clock());
	const struct broker_explain x = {
		.principal = s->s->principal,
		.shown = v->model,
	};
	char says[BROKER_SENTENCE];

	if (a == GRANT_OK)
		return 0;
	broker_explain_says(&x, a, g, says);
	return broker_call_refuse(c, grant_answer_text(a), "%s", says);
}

/* The grant that the session rests on still stands, at this release. */
static int
check_grant(struct broker_call *c, const struct broker_session *s,
    const struct session_version *v, struct grant *out)
{
	struct grant g;
	int err;

	if (s->ended)
		return broker_call_refuse(c, "session ended",
		    "session %ju has ended", (uintmax_t)s->id);
	err = catalogue_grant_get(c->b->how.catalogue, v->grant, &g);
	if (err == ERR_NOT_FOUND)
		return broker_call_refuse(c, "grant removed",
		    "grant %ju was removed", (uintmax_t)v->grant);
	if (err != 0)
		return broker_call_unreadable(c, err);
	*out = g;
	return check_stands(c, s, v, &g);
}

/* keyd itself found that the store does not hold what was put.  The reply waits
 * until that is recorded. */
static int
page_fault(struct broker_call *c, const struct broker_session *s,
    const struct session_version *v, const struct digest *object, int found)
{
	char hex[DIGEST_HEX_SIZE];
	OWNED_ENTRY e = { 0 };
	int err;

	if (found != ERR_NOT_FOUND && found != ERR_FORMAT &&
	    found != ERR_INTEGRITY)
		return broker_call_fail(c, found,
		    "a page of the version cannot be read just now: %s",
		    err_text(found));
	broker_record_begin(&e, ENTRY_FAULT);
	entry_number(&e, "session", s->id);
	entry_digest(&e, "version", &v->version);
	entry_digest(&e, "object", object);
	entry_text(&e, "reason",
	    found == ERR_NOT_FOUND ? "missing in the store" : err_text(found));
	err = broker_call_record_later(c, &e);
	if (err != 0)
		return err;
	return broker_call_fail(c, ERR_INTEGRITY,
	    "object %s of the version is %s; 'weir check' names what it hurts",
	    digest_hex(object, hex),
	    found == ERR_NOT_FOUND ? "missing in the store" : "damaged");
}

/* A release that is asked for, and what it comes to. */
struct asked {
	const struct msg_release *m;
	struct broker_session *s;
	const struct session_version *v;
	struct grant grant;
	struct broker_ask budget;
	struct budget_debit debit;
	struct pages_version pages;
	uint32_t file;
	uint64_t bytes;
	struct msg_release_reply keys;
};

/* The rows are the version's, and of one file: the entry names it. */
static int
check_rows(struct broker_call *c, struct asked *a)
{
	const struct manifest_file *first, *last;
	const struct msg_release *m = a->m;
	const struct manifest *manifest;
	const char *wrong;
	int err;

	err = pages_manifest(c->b->pages, &a->pages, &manifest);
	if (err != 0)
		return page_fault(c, a->s, a->v, &a->pages.object, err);
	wrong = session_release_wrong(m, a->v->type, manifest->chunk_rows);
	if (wrong != NULL)
		return broker_call_refuse(c, wrong, "%s", wrong);
	first = manifest_row_file(manifest, m->first);
	last = manifest_row_file(manifest, m->first + m->count - 1);
	if (first == NULL || first != last)
		return broker_call_fail(c, ERR_USAGE,
		    "a release is of chunks of one file");
	a->file = (uint32_t)(first - manifest->files);
	return 0;
}

static int
collect(struct broker_call *c, struct asked *a)
{
	a->keys.count = a->m->count;
	for (uint32_t i = 0; i < a->m->count; i++) {
		const struct lockbox_row *row;
		struct digest object;
		int err = pages_row(c->b->pages, &a->pages, a->m->first + i,
		    &row, &object);

		if (err != 0)
			return page_fault(c, a->s, a->v, &object, err);
		memcpy(a->keys.rows[i].key, row->key, KEY_SIZE);
		a->keys.rows[i].length = row->length;
		a->bytes += row->length;
	}
	return 0;
}

/* What it takes of the budget, and whether that is there. */
static int
check_budget(struct broker_call *c, struct asked *a)
{
	int err = broker_budget_ask(c->b, &a->grant, a->s->s->principal,
	    &a->v->version, &a->budget);

	if (err != 0)
		return broker_call_fail(c, err, "the budget cannot be told: %s",
		    err_text(err));
	a->budget.ask.session = a->s->id;
	a->budget.ask.first = a->m->first;
	a->budget.ask.count = a->m->count;
	return broker_budget_judge(c, &a->grant, &a->budget, &a->debit);
}

/* Who is above the soft limit gets a chunk now and then, whatever it asks for
 * at once. */
static void
hold_back(struct broker_call *c, const struct asked *a)
{
	int64_t from = c->b->now_ms;

	if (a->debit.wait_ms == 0)
		return;
	if (a->s->slow_until_ms > from)
		from = a->s->slow_until_ms;
	c->pending->session = a->s->id;
	c->pending->grant = a->v->grant;
	c->pending->due_ms = a->s->slow_until_ms = from + a->debit.wait_ms;
}

/* Counted as it is appended: who comes next is judged by what is left. */
static int
record_release(struct broker_call *c, struct asked *a)
{
	OWNED_ENTRY e = { 0 };
	int err;

	broker_call_entry(c, &e, ENTRY_RELEASE);
	entry_number(&e, "session", a->s->id);
	entry_digest(&e, "version", &a->v->version);
	entry_number(&e, "file", a->file);
	entry_number(&e, "first", a->m->first);
	entry_number(&e, "count", a->m->count);
	entry_number(&e, "bytes", a->bytes);
	entry_number(&e, "grant", a->v->grant);
	entry_number(&e, "clock", a->budget.ask.clock);
	entry_number(&e, "weights", a->debit.weights);
	entry_number(&e, "fresh", a->debit.fresh);
	entry_number(&e, "used", a->debit.used_ppm);
	if (a->v->type == MSG_GRANT_BROWSE)
		entry_number(&e, "pool", a->debit.pool_ppm);
	err = broker_call_record_later(c, &e);
	if (err != 0)
		return err;
	hold_back(c, a);
	return broker_budget_debit(c->b, &a->budget);
}

bool
broker_release_stands(struct broker *b, const struct broker_pending *p)
{
	struct grant g;

	return broker_session_find(b, p->session) != NULL &&
	    catalogue_grant_get(b->how.catalogue, p->grant, &g) == 0 &&
	    grant_stands(&g, broker_record_clock()) == GRANT_OK;
}

static int
release(struct broker_call *c, const struct msg_release *m)
{
	struct broker_key_of key = { .b = c->b };
	struct asked a = { .m = m };
	struct broker_session *s;
	int err;

	err = find(c, m->session, m->version, &s);
	if (err != 0)
		return err;
	a.s = s;
	a.v = &s->s->versions[m->version];
	a.pages = broker_session_pages(s, m->version, &key);
	err = check_grant(c, s, a.v, &a.grant);
	if (err == 0)
		err = check_rows(c, &a);
	if (err == 0)
		err = check_budget(c, &a);
	if (err == 0)
		err = collect(c, &a);
	if (err == 0)
		err = record_release(c, &a);
	if (err == 0)
		msg_release_reply_write(&c->reply, &a.keys);
	msg_release_reply_clear(&a.keys);
	return err;
}

int
broker_release_release(struct broker_call *c)
{
	struct msg_release m;

	if (msg_release_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	return release(c, &m);
}

/* --- extents --- */

static void
write_extent(struct entry *e, const struct msg_extent *x)
{
	char exe[EXE_RECORDED];

	snprintf(exe, sizeof(exe), "%s", x->exe);
	entry_open_list(e, NULL);
	entry_number(e, NULL, x->file);
	entry_number(e, NULL, x->offset);
	entry_number(e, NULL, x->length);
	entry_number(e, NULL, x->uid);
	entry_number(e, NULL, x->pid);
	entry_text(e, NULL, exe);
	entry_close(e);
}

/* The extents of m from first on, as many as one entry holds. */
static int
record_extents(struct broker_call *c, const struct broker_session *s,
    const struct msg_extents *m, uint32_t first)
{
	OWNED_ENTRY e = { 0 };

	broker_call_entry(c, &e, ENTRY_EXTENTS);
	entry_number(&e, "session", s->id);
	entry_digest(&e, "version", &s->s->versions[m->version].version);
	entry_open_list(&e, "reads");
	for (uint32_t i = first; i < m->count && i - first < EXTENTS_RECORDED;
	     i++)
		write_extent(&e, &m->extents[i]);
	entry_close(&e);
	return broker_call_record_later(c, &e);
}

int
broker_release_extents(struct broker_call *c)
{
	struct broker_session *s;
	struct msg_extents m;
	int err;

	if (msg_extents_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = find(c, m.session, m.version, &s);
	/* The reply waits for the last of the entries. */
	for (uint32_t i = 0; err == 0 && i < m.count; i += EXTENTS_RECORDED)
		err = record_extents(c, s, &m, i);
	msg_extents_clear(&m);
	return err;
}

/* --- fault --- */

static int
fault(struct broker_call *c, const struct msg_fault *m)
{
	char reason[BROKER_REASON_MAX];
	struct broker_session *s;
	OWNED_ENTRY e = { 0 };
	int err = find(c, m->session, m->version, &s);

	if (err != 0)
		return err;
	snprintf(reason, sizeof(reason), "%s", m->reason);
	broker_call_entry(c, &e, ENTRY_FAULT);
	entry_number(&e, "session", s->id);
	entry_digest(&e, "version", &s->s->versions[m->version].version);
	entry_digest(&e, "object", &m->object);
	if (m->file != MSG_NO_FILE)
		entry_number(&e, "file", m->file);
	entry_text(&e, "reason", reason);
	return broker_call_record_later(c, &e);
}

int
broker_release_fault(struct broker_call *c)
{
	struct msg_fault m;
	int err;

	if (msg_fault_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = fault(c, &m);
	msg_fault_clear(&m);
	return err;
}

/* Nothing is recorded: it is for whoever looks at what is going on. */
int
broker_release_trouble(struct broker_call *c)
{
	struct broker_session *s;
	struct msg_trouble m;
	int err;

	if (msg_trouble_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = find(c, m.session, 0, &s);
	if (err != 0)
		return err;
	s->trouble = m.what;
	s->trouble_ms = c->b->now_ms;
	return 0;
}
