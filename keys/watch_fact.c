/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch_parts.h"
#include "vault/ref.h"

static bool
begins(const char *text, const char *with)
{
	return text != NULL && strncmp(text, with, strlen(with)) == 0;
}

/* The model of a reference. */
static const char *
bare(const char *ref, char name[static REF_NAME_MAX + 1])
{
	size_t n;

	if (ref == NULL)
		return NULL;
	n = strcspn(ref, ":@");
	if (n > REF_NAME_MAX)
		n = REF_NAME_MAX;
	memcpy(name, ref, n);
	name[n] = '\0';
	return name;
}

static int
refused(struct watch *w, const struct watch_event *e, enum watch_rule_id rule,
    const char *what)
{
	const char *who = e->principal != NULL ? e->principal : e->by;
	char name[REF_NAME_MAX + 1], advice[WATCH_REASON];
	const struct watch_about about = {
		.rule = rule,
		.who = who,
		.model = bare(e->model, name),
		.session = e->session,
		.score = 1,
	};

	if (who == NULL || !watch_may(w, rule, who, about.model))
		return 0;
	watch_advice(advice, "weir audit ls --by %s --since 1d", who);
	return watch_say(w, &about, advice, "%s %s%s%s (%s%s%s)", who, what,
	    about.model != NULL ? " " : "",
	    about.model != NULL ? about.model : "", e->reason,
	    e->host != NULL ? "; host " : "", e->host != NULL ? e->host : "");
}

/* What reasons begin with. */
static const struct {
	const char *reason;
	enum watch_rule_id rule;
	const char *what;
} of_opening[] = {
	{ "host not listed", WATCH_UNLISTED_HOST,
	    "asked from a host that no grant lists for" },
	{ "outside the granted hours", WATCH_OFF_SCHEDULE,
	    "asked outside of the granted hours for" },
	{ "too many sessions", WATCH_TOO_MANY_SESSIONS,
	    "wanted one more session than is granted of" },
	{ "budget spent", WATCH_BUDGET_SPENT,
	    "has used up what is granted of" },
};
#define OF_OPENING (sizeof(of_opening) / sizeof(of_opening[0]))

static bool
is_revoked(const char *reason)
{
	return reason != NULL && strstr(reason, "it was revoked") != NULL;
}

static bool
is_over(const char *reason)
{
	return begins(reason, "session ended") ||
	    begins(reason, "grant removed") || begins(reason, "grant expired");
}

bool
watch_fact_reason(const char *reason)
{
	for (size_t i = 0; i < OF_OPENING; i++)
		if (begins(reason, of_opening[i].reason))
			return true;
	return is_revoked(reason) || is_over(reason);
}

static int
session_refused(struct watch *w, const struct watch_event *e)
{
	for (size_t i = 0; i < OF_OPENING; i++)
		if (begins(e->reason, of_opening[i].reason))
			return refused(w, e, of_opening[i].rule,
			    of_opening[i].what);
	if (is_revoked(e->reason))
		return refused(w, e, WATCH_REVOKED_VERSION,
		    "asked for a revoked version of");
	return 0;
}

/* Requests that were under way when it ended are no sign of anything. */
static bool
just_ended(const struct watch *w, const struct watch_who *who,
    const struct watch_event *e)
{
	int64_t since = e->time_ms - who->closed_ms;

	return who->closed_session != 0 && since >= 0 &&
	    (uint64_t)since <= w->rules->ended_grace * 1000;
}

static int
reads_on(struct watch *w, const struct watch_event *e)
{
	const char *name = e->principal != NULL ? e->principal : e->by;
	const struct watch_who *who = watch_state_find_who(w, name);
	bool ended = who != NULL && who->closed_session != 0;
	const struct watch_about about = {
		.rule = WATCH_SESSION_ENDED,
		.who = name,
		.session = e->session,
		.score = 1,
		.entries = ended ? &who->closed_index : NULL,
		.entry_count = ended ? 1 : 0,
	};
	char advice[WATCH_REASON];

	if ((who != NULL && just_ended(w, who, e)) ||
	    !watch_may(w, about.rule, about.who, NULL))
		return 0;
	watch_advice(advice, "weir audit ls --by %s --since 1d", name);
	if (!ended)
		return watch_say(w, &about, advice,
		    "%s asks for keys of a session that is over (%s)", name,
		    e->reason);
	return watch_say(w, &about, advice,
	    "%s asks for keys of a session that is over (%s): the last one "
	    "that ended was %" PRIu64 ", %lld s before",
	    name, e->reason, who->closed_session,
	    (long long)((e->time_ms - who->closed_ms) / 1000));
}

static int
request_refused(struct watch *w, const struct watch_event *e)
{
	if (e->request == NULL || e->by == NULL ||
	    strcmp(e->request, "release") != 0)
		return 0;
	if (begins(e->reason, "budget spent: a chunk alone"))
		return refused(w, e, WATCH_BUDGET_SPENT,
		    e->model != NULL ? "wants weights that nobody browses of" :
				       "wants weights that nobody browses");
	if (begins(e->reason, "budget spent"))
		return refused(w, e, WATCH_BUDGET_SPENT,
		    e->model != NULL ? "has used up what is granted of" :
				       "has used up what is granted");
	return is_over(e->reason) ? reads_on(w, e) : 0;
}

/* ---- the store ---- */

static int
damage(struct watch *w, const struct watch_event *e)
{
	const struct watch_session *s = e->kind == ENTRY_FAULT ?
	    watch_state_find_session(w, e->session) :
	    NULL;
	const struct watch_about about = {
		.rule = WATCH_DAMAGE,
		.model = s != NULL ? watch_session_model(s) : NULL,
		.session = e->session,
		.score = 1,
	};

	if ((e->kind == ENTRY_CHECK && e->damaged == 0) ||
	    !watch_may(w, about.rule, NULL, about.model))
		return 0;
	if (e->kind == ENTRY_CHECK)
		return watch_say(w, &about, "weir check --read-data",
		    "a check found %" PRIu64 " objects damaged or missing: a "
		    "bad disk, or somebody who writes to the store",
		    e->damaged);
	return watch_say(w, &about, "weir check --read-data",
	    "an object%s%s is not what was vouched for (%s): a bad disk, or "
	    "somebody who writes to the store",
	    about.model != NULL ? " of " : "",
	    about.model != NULL ? about.model : "",
	    e->reason != NULL ? e->reason : "no reason");
}

int
watch_fact(struct watch *w, const struct watch_event *e)
{
	/* clang-format off */
	static int (*const of_kind[ENTRY_KINDS])(struct watch *w,
	    const struct watch_event *e) = {
		[ENTRY_PUT] = watch_learn_put,
		[ENTRY_GRANT_ADD] = watch_learn_grant,
		[ENTRY_STATEMENT_ADD] = watch_learn_statement,
		[ENTRY_STATEMENT_SIGN] = watch_learn_statement,
		[ENTRY_SESSION_OPEN] = watch_session_open,
		[ENTRY_SESSION_REFUSED] = session_refused,
		[ENTRY_SESSION_CLOSE] = watch_session_close,
		[ENTRY_RELEASE] = watch_session_release,
		[ENTRY_EXTENTS] = watch_session_extents,
		[ENTRY_SESSION_EXE] = watch_session_exe,
		[ENTRY_FAULT] = damage,
		[ENTRY_CHECK] = damage,
		[ENTRY_REFUSED] = request_refused,
	};
	/* clang-format on */

	if (e->kind == ENTRY_GRANT_RM) {
		watch_state_grant_end(w, e->grant);
		return 0;
	}
	if (e->kind == ENTRY_DECOY_ADD || e->kind == ENTRY_DECOY_RM)
		return watch_learn_decoy(w, e, e->kind == ENTRY_DECOY_ADD);
	return of_kind[e->kind] != NULL ? of_kind[e->kind](w, e) : 0;
}
