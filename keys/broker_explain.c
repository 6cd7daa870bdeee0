/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_budget.h"
#include "keys/broker_state.h"
#include "keys/broker_trust.h"
#include "keys/grant.h"
#include "vault/err.h"

#define COMMAND 512
#define HOST_SHOWN 64

/* What a manager would run; more is an option with its blank before it. */
static void
write_command(const struct broker_explain *x, const struct grant *g,
    const char *more, char out[static COMMAND])
{
	bool browse = g != NULL && g->type == MSG_GRANT_BROWSE;

	snprintf(out, COMMAND, "weir grant add %s --to %s %s%s%s --reason TEXT",
	    x->shown, x->principal, browse ? "--browse" : "--loads 1",
	    x->export || (g != NULL && g->export) ? " --export" : "", more);
}

static void
says_host(const struct broker_explain *x, const struct grant *g,
    char out[static BROKER_SENTENCE])
{
	char more[HOST_SHOWN + 16], command[COMMAND];

	snprintf(more, sizeof(more), " --host %.*s", HOST_SHOWN, x->host);
	write_command(x, g, more, command);
	snprintf(out, BROKER_SENTENCE,
	    "grant %ju lets %s read %s on hosts %.128s, and this is '%.*s'; a"
	    " manager may add one for it: %s",
	    (uintmax_t)g->id, x->principal, x->shown, g->hosts, HOST_SHOWN,
	    x->host, command);
}

static void
says_hours(const struct broker_explain *x, const struct grant *g,
    char out[static BROKER_SENTENCE])
{
	char command[COMMAND];

	write_command(x, g, "", command);
	snprintf(out, BROKER_SENTENCE,
	    "grant %ju lets %s read %s %s%s%s (%s, by weir-keyd's clock), and"
	    " not now; wait, or a manager may add another: %s",
	    (uintmax_t)g->id, x->principal, x->shown, g->days,
	    *g->days != '\0' && *g->hours != '\0' ? " " : "", g->hours,
	    *g->zone != '\0' ? g->zone : "UTC", command);
}

void
broker_explain_says(const struct broker_explain *x, enum grant_answer why,
    const struct grant *g, char out[static BROKER_SENTENCE])
{
	char command[COMMAND], until[ENTRY_TIME_SIZE];

	write_command(x, g, "", command);
	switch (why) {
	case GRANT_OK:
	case GRANT_ANSWERS:
	case GRANT_NONE:
		snprintf(out, BROKER_SENTENCE,
		    "%s has no grant for %s; a manager may add one: %s",
		    x->principal, x->shown, command);
		break;
	case GRANT_EXPIRED:
		snprintf(out, BROKER_SENTENCE,
		    "grant %ju of %s for %s has ended at %s; a manager may add"
		    " another: %s",
		    (uintmax_t)g->id, x->principal, x->shown,
		    entry_time_text(g->until_ms, until), command);
		break;
	case GRANT_WAITS:
		snprintf(out, BROKER_SENTENCE,
		    "grant %ju of %s for %s waits for %u approval%s; who may"
		    " give them: weir grant approve %ju --key KEY",
		    (uintmax_t)g->id, x->principal, x->shown, g->approvals,
		    g->approvals == 1 ? "" : "s", (uintmax_t)g->id);
		break;
	case GRANT_NO_EXPORT:
		snprintf(out, BROKER_SENTENCE,
		    "%s may read %s, but not write plain copies of it; a"
		    " manager may allow it: %s",
		    x->principal, x->shown, command);
		break;
	case GRANT_HOST:
		says_host(x, g, out);
		break;
	case GRANT_HOURS:
		says_hours(x, g, out);
		break;
	case GRANT_SESSIONS:
		snprintf(out, BROKER_SENTENCE,
		    "grant %ju lets %s have %u session%s of %s at once, and"
		    " that many are open; close one: weir session ls",
		    (uintmax_t)g->id, x->principal, g->max_sessions,
		    g->max_sessions == 1 ? "" : "s", x->shown);
		break;
	case GRANT_SPENT:
		/* Another grant to browse would lend nothing more. */
		write_command(x, NULL, "", command);
		snprintf(out, BROKER_SENTENCE,
		    "what grant %ju lets %s read of %s is used up: weir grant"
		    " show %ju says how; a manager may add another: %s",
		    (uintmax_t)g->id, x->principal, x->shown, (uintmax_t)g->id,
		    command);
		break;
	}
}

/* --- what the rules ask the broker --- */

static uint32_t
sessions_under(void *arg, uint64_t grant)
{
	const struct broker_wish *w = arg;

	return broker_session_under(w->b, grant);
}

static bool
is_spent(void *arg, const struct grant *g)
{
	struct broker_wish *w = arg;
	struct broker_ask ask;
	const char *reason = NULL;
	int err = broker_budget_ask(w->b, g, w->principal, &w->t->version,
	    &ask);

	if (err == 0)
		err = broker_budget_spent(&ask, &reason, &w->small_ppm);
	if (err != 0)
		w->err = err;
	if (reason != NULL)
		w->spent = reason;
	return reason != NULL || err != 0;
}

struct grant_want
broker_explain_want(struct broker_wish *wish)
{
	return (struct grant_want){
		.model = wish->t->ref.name,
		.channel = wish->t->ref.channel,
		.version = wish->t->hex,
		.now_ms = broker_record_clock(),
		.sessions = sessions_under,
		.spent = is_spent,
		.arg = wish,
	};
}

/* --- grant.explain --- */

/* A grant.explain in hand. */
struct explaining {
	struct broker_call *c;
	const struct msg_grant_explain *m;
	struct broker_target t;
	struct broker_wish wish;
	struct grant_want want;
	bool past;
	bool knows;    /* the caller is told what there is */
	json_t *rules; /* of the reference */
	json_t *grants;
	bool accepted;
	char why[BROKER_WHY + 64]; /* it is not, or how it is */
	/* Of the grants that are for it, the best; else the nearest. */
	enum grant_answer answer;
	struct grant near;
};

static int
add_rule(json_t *list, const char *rule, bool kept, const char *says)
{
	return json_array_append_new(list,
		   json_pack("{s:s, s:b, s:s}", "rule", rule, "kept", kept,
		       "says", says)) == 0 ?
	    0 :
	    ERR_NOMEM;
}

static void
hours_say(const struct grant *g, char out[static BROKER_SENTENCE])
{
	if (g->days[0] == '\0' && g->hours[0] == '\0')
		snprintf(out, BROKER_SENTENCE, "at any time");
	else
		snprintf(out, BROKER_SENTENCE, "%s%s%s %s", g->days,
		    g->days[0] != '\0' && g->hours[0] != '\0' ? " " : "",
		    g->hours, g->zone[0] != '\0' ? g->zone : "UTC");
}

static void
hosts_say(const struct grant *g, const char *host,
    char out[static BROKER_SENTENCE])
{
	size_t n = (size_t)snprintf(out, BROKER_SENTENCE, "on %s%.800s",
	    g->hosts[0] != '\0' ? "hosts " : "any host", g->hosts);

	if (host != NULL)
		snprintf(out + n, BROKER_SENTENCE - n, "; this is '%.64s'",
		    host);
}

/* What a grant says of a rule, and how that is held against. */
static void
rule_says(const struct explaining *x, const struct grant *g,
    enum grant_answer rule, char out[static BROKER_SENTENCE])
{
	const char *spent = x->wish.spent;
	const uint32_t small = x->wish.small_ppm;
	char until[ENTRY_TIME_SIZE];

	*out = '\0';
	switch (rule) {
	case GRANT_OK:
	case GRANT_ANSWERS:
		break;
	case GRANT_NONE:
		snprintf(out, BROKER_SENTENCE, "it is for %s%s%s%s%s", g->model,
		    g->channel[0] != '\0' ? ":" : "", g->channel,
		    g->version[0] != '\0' ? "@" : "", g->version);
		break;
	case GRANT_EXPIRED:
		snprintf(out, BROKER_SENTENCE, "%s%s",
		    g->until_ms != 0 ? "until " : "it has no end",
		    g->until_ms != 0 ? entry_time_text(g->until_ms, until) :
				       "");
		break;
	case GRANT_WAITS:
		snprintf(out, BROKER_SENTENCE,
		    g->approvals == 0	    ? "it takes none" :
			g->approved_ms != 0 ? "it has them" :
					      "it waits for them");
		break;
	case GRANT_NO_EXPORT:
		snprintf(out, BROKER_SENTENCE, "%s plain copies",
		    g->export ? "with" : "without");
		break;
	case GRANT_HOST:
		hosts_say(g, x->want.host, out);
		break;
	case GRANT_HOURS:
		hours_say(g, out);
		break;
	case GRANT_SESSIONS:
		snprintf(out, BROKER_SENTENCE, "any number");
		if (g->max_sessions != 0)
			snprintf(out, BROKER_SENTENCE, "%u of %u are open",
			    broker_session_under(x->c->b, g->id),
			    g->max_sessions);
		break;
	case GRANT_SPENT:
		if (spent == NULL && small != 0)
			snprintf(out, BROKER_SENTENCE,
			    "no weights: one chunk is %u.%02u %% of them, and"
			    " browsing is for 2 %%; a manager may grant loads",
			    small / 10000, small / 100 % 100);
		else
			snprintf(out, BROKER_SENTENCE, "%s",
			    spent != NULL ? spent : "something is left");
		break;
	}
}

/* Of a past time it is not known how many sessions were open, and what was
 * used; of a version that is not there, nothing is. */
static bool
is_asked(const struct explaining *x, enum grant_answer rule)
{
	return x->want.sessions != NULL ||
	    (rule != GRANT_SESSIONS && rule != GRANT_SPENT);
}

static int
list_rules(struct explaining *x, const struct grant *g, json_t *list)
{
	char says[BROKER_SENTENCE], removed[ENTRY_TIME_SIZE];
	int err = 0;

	if (g->removed_ms != 0 && g->removed_ms <= x->want.now_ms) {
		snprintf(says, sizeof(says), "taken back %s by %s%s%.600s",
		    entry_time_text(g->removed_ms, removed), g->removed_by,
		    g->removed_reason[0] != '\0' ? ": " : "",
		    g->removed_reason);
		return add_rule(list, "there", false, says);
	}
	for (enum grant_answer rule = GRANT_NONE;
	     err == 0 && rule < GRANT_ANSWERS; rule++) {
		bool kept;

		if (!is_asked(x, rule))
			continue;
		x->wish.spent = NULL;
		x->wish.small_ppm = 0;
		/* Of what it is not for it has no budget. */
		kept = (rule == GRANT_SPENT &&
			   !grant_keeps(g, &x->want, GRANT_NONE)) ||
		    grant_keeps(g, &x->want, rule);
		rule_says(x, g, rule, says);
		err = add_rule(list, grant_rule_name(rule), kept, says);
	}
	if (err == 0 && g->exes[0] != '\0') {
		snprintf(says, sizeof(says),
		    "others are flagged, and not refused: %s", g->exes);
		err = add_rule(list, "programs", true, says);
	}
	return err;
}

/* The one that a session would be opened under, or that comes nearest to it. */
static void
take_nearer(struct explaining *x, const struct grant *g)
{
	const struct grant both[2] = { *g, x->near };
	const struct grant *best;

	x->answer = grant_choose(both, x->near.id != 0 ? 2 : 1, &x->want,
	    &best);
	if (best != NULL)
		x->near = *best;
}

/* One grant of the principal for the model. */
static int
explain_grant(void *arg, const struct grant *g)
{
	struct explaining *x = arg;
	bool gone = g->removed_ms != 0 && g->removed_ms <= x->want.now_ms;
	enum grant_answer answer;
	json_t *list;
	int err;

	if (strcmp(g->model, x->want.model) != 0 ||
	    g->created_ms > x->want.now_ms)
		return 0;
	list = json_array();
	err = list != NULL ? list_rules(x, g, list) : ERR_NOMEM;
	answer = gone ? GRANT_NONE : grant_judge(g, &x->want);
	x->knows |= answer != GRANT_NONE;
	if (err == 0 &&
	    json_array_append_new(x->grants,
		json_pack("{s:I, s:s, s:b, s:O}", "grant", (json_int_t)g->id,
		    "type", grant_type_name(g->type), "lets",
		    answer == GRANT_OK, "rules", list)) != 0)
		err = ERR_NOMEM;
	json_decref(list);
	if (!gone)
		take_nearer(x, g);
	return err == 0 ? x->wish.err : err;
}

/* Why its signatures let it be read, or not. */
static int
judge_signatures(struct explaining *x)
{
	const struct broker_target *t = &x->t;
	bool named = t->ref.channel[0] != '\0';
	struct trust_want want = broker_trust_want(x->c->b, t->ref.name,
	    named ? t->ref.channel : NULL, &t->version);
	OWNED(trust_root) root = NULL;
	OWNED_BELIEF belief = { .verdict = TRUST_TOO_FEW };
	int err = broker_trust_root(x->c->b, &root);

	if (err == 0 && root != NULL)
		err = broker_trust_believe(x->c->b, root, &want, &belief);
	if (err != 0)
		return err;
	x->accepted = belief.verdict == TRUST_OK;
	if (named && strcmp(t->ref.channel, BROKER_LATEST) == 0)
		snprintf(x->why, sizeof(x->why),
		    "nobody signs what %s stands for: name a channel, or the"
		    " version",
		    t->shown);
	else if (x->accepted)
		snprintf(x->why, sizeof(x->why), "it is accepted");
	else if (root == NULL)
		snprintf(x->why, sizeof(x->why),
		    "this vault has no trust root: weir trust init");
	else
		broker_trust_why(&belief, root, x->why);
	/* By its digits it can be read unsigned, by who says so. */
	if (!named && belief.verdict != TRUST_REVOKED && !x->accepted) {
		size_t n = strlen(x->why);

		x->accepted = true;
		snprintf(x->why + n, sizeof(x->why) - n,
		    "; with --allow-unsigned only");
	}
	return 0;
}

/* Whether the version is there, and signed as its reference must be. */
static int
explain_reference(struct explaining *x)
{
	int err;

	if (!x->t.found) {
		snprintf(x->why, sizeof(x->why),
		    "there is none: 'weir ls %s' lists what there is",
		    x->t.ref.name);
		return add_rule(x->rules, "there", false, x->why);
	}
	err = add_rule(x->rules, "there", true, x->t.hex);
	if (err == 0)
		err = judge_signatures(x);
	return err == 0 ? add_rule(x->rules, "signed", x->accepted, x->why) :
			  err;
}

static json_t *
explained(struct explaining *x)
{
	const struct broker_explain about = {
		.principal = x->m->principal,
		.shown = x->m->reference,
		.host = x->m->host,
		.export = x->m->export,
	};
	char says[BROKER_SENTENCE], at[ENTRY_TIME_SIZE];
	bool can = x->answer == GRANT_OK && (x->accepted || x->past);

	if (x->answer == GRANT_NONE && x->knows && !x->past && !x->t.found)
		snprintf(says, sizeof(says),
		    "there is no %s: 'weir ls %s' lists what there is",
		    x->m->reference, x->t.ref.name);
	else if (x->answer != GRANT_OK)
		broker_explain_says(&about, x->answer,
		    x->near.id != 0 ? &x->near : NULL, says);
	else if (!can)
		snprintf(says, sizeof(says),
		    "grant %ju lets %s read %s, but %s", (uintmax_t)x->near.id,
		    x->m->principal, x->m->reference, x->why);
	else
		snprintf(says, sizeof(says), "grant %ju lets %s read %s",
		    (uintmax_t)x->near.id, x->m->principal, x->m->reference);
	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:O, s:O}", "principal",
	    x->m->principal, "reference", x->m->reference, "at",
	    entry_time_text(x->want.now_ms, at), "can", can, "says", says,
	    "rules", x->rules, "grants", x->grants);
}

static int
look(struct explaining *x)
{
	const struct catalogue_grants which = {
		.principal = x->m->principal,
		.removed = true,
	};
	unsigned int held;
	int err = broker_call_roles(x->c, &held);

	if (err != 0)
		return err;
	x->knows = role_may(held, ROLE_MANAGER | ROLE_REVIEWER);
	if (!x->knows && strcmp(x->m->principal, x->c->from->principal) != 0)
		return broker_call_need(x->c, ROLE_MANAGER | ROLE_REVIEWER);
	err = broker_model_resolve(x->c, x->m->reference, &x->t);
	if (err != 0)
		return err;
	x->wish = (struct broker_wish){ .b = x->c->b,
		.principal = x->m->principal,
		.t = &x->t };
	x->want = broker_explain_want(&x->wish);
	x->want.export = x->m->export;
	x->want.host = x->m->host[0] != '\0' ? x->m->host : NULL;
	x->past = x->m->at_ms != 0;
	if (x->past)
		x->want.now_ms = x->m->at_ms;
	if (x->past || !x->t.found) {
		x->want.sessions = NULL;
		x->want.spent = NULL;
	}
	err = catalogue_grant_each(x->c->b->how.catalogue, &which,
	    explain_grant, x);
	/* Whoever has no role does not learn what there is. */
	if (err == 0 && x->knows && !x->past)
		err = explain_reference(x);
	return err == 0 ? 0 : broker_call_unreadable(x->c, err);
}

int
broker_explain_explain(struct broker_call *c)
{
	struct msg_grant_explain m;
	struct explaining x = { .c = c, .m = &m, .answer = GRANT_NONE };
	int err;

	if (msg_grant_explain_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	x.rules = json_array();
	x.grants = json_array();
	if (!ref_principal_ok(m.principal))
		err = broker_call_fail(c, ERR_USAGE,
		    "a principal is user:NAME");
	else
		err = look(&x);
	if (err == 0)
		err = broker_call_json(c, explained(&x));
	json_decref(x.rules);
	json_decref(x.grants);
	msg_grant_explain_clear(&m);
	return err;
}
