/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/history.h"
#include "cli/out.h"
#include "cli/proposal.h"
#include "cli/review.h"
#include "vault/err.h"
#include "vault/log.h"

#define DAY_MS INT64_C(86400000)
#define NAME_SIZE 256

/* What promote and rollback have in common. */
struct move {
	struct proposal p;
	const char *channel;
	const char *reason;
	const char *ticket;
	const char *expires;
	const char *to; /* rollback */
};

static int
check(const struct move *m)
{
	char name[NAME_SIZE];

	log_name(name, sizeof(name), m->channel, strlen(m->channel));
	if (!ref_channel_ok(m->channel))
		return options_wrong(m->p.o, "'%s' is no name of a channel",
		    name);
	if (strcmp(m->channel, "latest") == 0)
		return options_wrong(m->p.o,
		    "'latest' is moved by each put, and by nobody else; "
		    "promote to a channel such as prod");
	if (m->reason == NULL || m->reason[0] == '\0')
		return options_wrong(m->p.o,
		    "--reason is missing: why? It is signed and recorded");
	return proposal_check_keys(&m->p);
}

/* Until when: what was asked for, or the rule's days. */
static int
set_expiry(const struct move *m, struct statement_fields *f)
{
	uint32_t days = trust_root_days(m->p.roots.root, f->model, f->channel);
	int r;

	if (days == 0)
		return log_err(ERR_DENIED,
		    "trust root %ju has no rule for %s:%s, so that nobody may "
		    "move it; an owner adds one: weir trust set",
		    (uintmax_t)m->p.roots.number, f->model, f->channel);
	f->expires_ms = f->time_ms + days * DAY_MS;
	if (m->expires == NULL)
		return 0;
	r = options_time(m->p.o, "--expires", m->expires, 1, &f->expires_ms);
	if (r != 0)
		return r;
	if (f->expires_ms <= f->time_ms)
		return options_wrong(m->p.o, "--expires has passed already");
	/* "90d" is counted from a moment later than the statement's time. */
	if (f->expires_ms - f->time_ms < days * DAY_MS + 1000 &&
	    f->expires_ms - f->time_ms > days * DAY_MS)
		f->expires_ms = f->time_ms + days * DAY_MS;
	if (f->expires_ms - f->time_ms > days * DAY_MS)
		return log_err(ERR_DENIED,
		    "the rule for %s:%s lets a promotion last %u days at most",
		    f->model, f->channel, days);
	return 0;
}

/* Which version the channel has now, and what is different. */
static int
set_place(struct move *m, const struct subject *subject,
    struct statement_fields *f)
{
	OWNED_SUBJECT from = { 0 };
	struct history_found now;
	int r;

	r = history_channel(m->p.client, &m->p.roots, f->model, m->channel,
	    &now);
	if (r != 0)
		return r;
	f->serial = now.is ? now.serial + 1 : 1;
	f->has_previous = now.is;
	f->previous = now.version;
	if (now.is && digest_equal(&now.version, &f->version) && !m->p.o->quiet)
		log_info("%s:%s points to this version already; this renews it",
		    f->model, m->channel);
	if (m->p.yes && m->p.o->quiet)
		return 0;
	if (!now.is)
		return review_changes(stderr, NULL, subject, false);
	r = subject_open_digest(&from, m->p.client, m->p.store, f->model,
	    &now.version);
	return r != 0 ? r : review_changes(stderr, &from, subject, true);
}

static int
propose(struct move *m, const struct subject *subject, enum statement_act act,
    uint64_t to)
{
	struct statement_fields f = proposal_fields(&m->p, STATEMENT_PROMOTION,
	    subject);
	int r;

	f.channel = m->channel;
	f.act = act;
	f.to = to;
	f.reason = m->reason;
	f.ticket = m->ticket;
	if ((r = history_not_revoked(m->p.client, subject)) != 0 ||
	    (r = history_not_remembered(m->p.client, subject->m.model,
		 &subject->m.version)) != 0 ||
	    (r = set_expiry(m, &f)) != 0 ||
	    (r = set_place(m, subject, &f)) != 0 ||
	    (r = history_is_signed(m->p.client, subject)) != 0)
		return r;
	return proposal_make(&m->p, &f, NULL);
}

int
cmd_promote(struct options *o, int argc, char **argv)
{
	struct move m = { .p = { .o = o } };
	const struct options_own own[] = {
		PROPOSAL_OPTIONS(&m.p),
		{ "reason", 0, OPTIONS_TEXT, &m.reason },
		{ "ticket", 0, OPTIONS_TEXT, &m.ticket },
		{ "expires", 0, OPTIONS_TEXT, &m.expires },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED_SUBJECT subject = { 0 };
	struct ref ref;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	m.channel = operands.items[1];
	if ((r = subject_check(o, operands.items[0], &ref)) == 0 &&
	    (r = check(&m)) == 0 && (r = proposal_open(&m.p, false)) == 0 &&
	    (r = subject_open(&subject, m.p.client, m.p.store,
		 operands.items[0])) == 0)
		r = propose(&m, &subject, STATEMENT_PROMOTE, 0);
	proposal_clear(&m.p);
	return r;
}

/* --- rollback --- */

static int
roll_back(struct move *m, const char *model)
{
	struct history_place place = { model, m->channel, 0 };
	OWNED_SUBJECT subject = { 0 };
	struct history_found found;
	int r;

	if ((r = options_number(m->p.o, "--to", m->to, INT64_MAX,
		 &place.serial)) != 0 ||
	    (r = proposal_open(&m->p, false)) != 0 ||
	    (r = history_serial(m->p.client, &place, &found)) != 0 ||
	    (r = subject_open_digest(&subject, m->p.client, m->p.store, model,
		 &found.version)) != 0)
		return r;
	return propose(m, &subject, STATEMENT_ROLLBACK, place.serial);
}

int
cmd_rollback(struct options *o, int argc, char **argv)
{
	struct move m = { .p = { .o = o } };
	const struct options_own own[] = {
		PROPOSAL_OPTIONS(&m.p),
		{ "to", 0, OPTIONS_TEXT, &m.to },
		{ "reason", 0, OPTIONS_TEXT, &m.reason },
		{ "ticket", 0, OPTIONS_TEXT, &m.ticket },
		{ "expires", 0, OPTIONS_TEXT, &m.expires },
		OPTIONS_END,
	};
	struct options_operands operands;
	char name[NAME_SIZE];
	const char *model;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	model = operands.items[0];
	m.channel = operands.items[1];
	if (!ref_name_ok(model))
		return options_wrong(o, "'%s' is no name of a model",
		    log_name(name, sizeof(name), model, strlen(model)));
	if (m.to == NULL)
		return options_wrong(o,
		    "--to is missing: back to which serial? 'weir channel log "
		    "%s:%s' lists them",
		    model, m.channel);
	if ((r = check(&m)) == 0)
		r = roll_back(&m, model);
	proposal_clear(&m.p);
	return r;
}

/* --- what waits --- */

static void
join(const json_t *names, char *buf, size_t size)
{
	size_t i, n = 0;
	json_t *name;

	buf[0] = '\0';
	json_array_foreach(names, i, name) {
		if (n < size)
			n += (size_t)snprintf(buf + n, size - n, "%s%s",
			    i > 0 ? ", " : "", json_string_value(name));
	}
}

static void
what(const json_t *s, char *buf, size_t size)
{
	const char *about = talk_text(s, "about");

	if (strcmp(about, "promotion") == 0)
		snprintf(buf, size, "%s %s@%.12s to %s", talk_text(s, "act"),
		    talk_text(s, "model"), talk_text(s, "version"),
		    talk_text(s, "channel"));
	else if (strcmp(about, "trust") == 0)
		snprintf(buf, size, "trust root %ju",
		    (uintmax_t)talk_number(s, "number"));
	else
		snprintf(buf, size, "%s %s@%.12s",
		    strcmp(about, "version") == 0 ? "sign" : "revoke",
		    talk_text(s, "model"), talk_text(s, "version"));
}

static int
add_row(struct out_table *t, const json_t *s)
{
	char about[REF_NAME_MAX + 100], count[48], signers[256], waits[256];
	char created[17];
	const char *cells[] = { talk_text(s, "name"), about, count,
		talk_text(s, "state"), signers, waits, created };

	what(s, about, sizeof(about));
	snprintf(count, sizeof(count), "%ju of %ju",
	    (uintmax_t)talk_number(s, "have"),
	    (uintmax_t)talk_number(s, "need"));
	join(json_object_get(s, "signed"), signers, sizeof(signers));
	join(json_object_get(s, "waits"), waits, sizeof(waits));
	if (strcmp(talk_text(s, "state"), "waiting") != 0)
		waits[0] = '\0';
	snprintf(created, sizeof(created), "%s", talk_text(s, "created"));
	if (strlen(created) > 10)
		created[10] = ' ';
	return out_table_add(t, cells);
}

/* What expired while it waited is somebody's to withdraw or to make anew. */
static bool
is_open(const json_t *s)
{
	const char *state = talk_text(s, "state");

	return strcmp(state, "waiting") == 0 || strcmp(state, "expired") == 0;
}

/* Take away what nobody has to do anything about, unless all are wanted. */
static void
select_open(json_t *list, bool all)
{
	for (size_t i = json_array_size(list); !all && i-- > 0;)
		if (!is_open(json_array_get(list, i)))
			json_array_remove(list, i);
}

int
cmd_promote_ls(struct options *o, int argc, char **argv)
{
	static const char *const heads[] = { "NAME", "WHAT", "SIGNATURES",
		"STATE", "SIGNED BY", "COULD SIGN", "SINCE (UTC)" };
	bool all = false;
	const struct options_own own[] = {
		{ "all", 0, OPTIONS_FLAG, &all },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED(out_table) table = NULL;
	OWNED_JSON j = NULL;
	json_t *s;
	size_t i;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_json(client, MSG_STATEMENT_LS,
		 operands.count > 0 ? operands.items[0] : "", &j)) != 0 ||
	    (r = out_table_new(&table, heads, 7)) != 0)
		return r;
	select_open(json_object_get(j, "statements"), all);
	if (o->json)
		return out_json(j);
	json_array_foreach(json_object_get(j, "statements"), i, s)
		if ((r = add_row(table, s)) != 0)
			return r;
	out_table_print(table);
	if (i == 0 && !o->quiet)
		log_info("%s",
		    all ? "nothing was signed yet" :
			  "nothing waits for a signature");
	return 0;
}

/* Any letter will do: this only looks. */
static int
number(const struct options *o, const char *text, uint64_t *out)
{
	char letter = text[0] != '\0' && strchr("APSTR", text[0]) != NULL ?
	    text[0] :
	    'P';

	return proposal_number(o, text, letter, out);
}

static int
show(const json_t *j)
{
	OWNED_MEM(char)
	envelope = json_dumps(json_object_get(j, "envelope"), JSON_COMPACT);
	OWNED(statement) s = NULL;
	OWNED(trust_root) root = NULL;
	char count[PROPOSAL_COUNT], why[STATEMENT_WHY] = "";
	bool waits = strcmp(talk_text(j, "state"), "waiting") == 0;
	char names[256], created[OUT_TIME];

	if (envelope == NULL ||
	    statement_parse(&s, envelope, strlen(envelope), why) != 0)
		return log_err(ERR_INTEGRITY, "that is no statement: %s", why);
	proposal_count(j, count);
	if (!waits)
		count[strcspn(count, ",")] = '\0';
	join(json_object_get(j, "signed"), names, sizeof(names));
	out_line("%s: %s, %s", talk_text(j, "name"), talk_text(j, "state"),
	    count);
	out_line("signed by %s; brought by %s, %s UTC",
	    names[0] != '\0' ? names : "nobody that counts now",
	    talk_text(j, "by"), out_when(talk_text(j, "created"), created));
	review_statement(stdout, s);
	if (statement_fields(s)->about == STATEMENT_TRUST &&
	    trust_root_parse(&root, s, why) == 0)
		review_root(stdout, s, root);
	return 0;
}

int
cmd_promote_show(struct options *o, int argc, char **argv)
{
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	uint64_t id;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &operands)) != 0 ||
	    (r = number(o, operands.items[0], &id)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_json_id(client, MSG_STATEMENT_GET, id, &j)) != 0)
		return r;
	return o->json ? out_json(j) : show(j);
}

int
cmd_promote_approve(struct options *o, int argc, char **argv)
{
	OWNED_PROPOSAL p = { .o = o };
	const struct options_own own[] = {
		PROPOSAL_OPTIONS(&p),
		{ "version", 0, OPTIONS_TEXT, &p.version },
		OPTIONS_END,
	};
	struct options_operands operands;
	uint64_t id;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = proposal_number(o, operands.items[0], 'P', &id)) != 0 ||
	    (r = proposal_check_version(&p)) != 0 ||
	    (r = proposal_check_keys(&p)) != 0 ||
	    (r = proposal_open(&p, false)) != 0)
		return r;
	return proposal_join(&p, id, STATEMENT_PROMOTION);
}

int
cmd_promote_withdraw(struct options *o, int argc, char **argv)
{
	return proposal_withdraw(o, argc, argv, 'P');
}
