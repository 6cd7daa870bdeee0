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

static int
session_refused(struct watch *w, const struct watch_event *e)
{
	if (begins(e->reason, "host not listed"))
		return refused(w, e, WATCH_UNLISTED_HOST,
		    "asked from a host that no grant lists for");
	if (begins(e->reason, "outside the granted hours"))
		return refused(w, e, WATCH_OFF_SCHEDULE,
		    "asked outside of the granted hours for");
	if (begins(e->reason, "too many sessions"))
		return refused(w, e, WATCH_TOO_MANY_SESSIONS,
		    "wanted one more session than is granted of");
	if (begins(e->reason, "budget spent"))
		return refused(w, e, WATCH_BUDGET_SPENT,
		    "has used up what is granted of");
	if (e->reason != NULL && strstr(e->reason, "it was revoked") != NULL)
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
	    "%s asks for keys of a session that is over (%s): the last one that "
	    "ended was %" PRIu64 ", %lld s before",
	    name, e->reason, who->closed_session,
	    (long long)((e->time_ms - who->closed_ms) / 1000));
}

static int
request_refused(struct watch *w, const struct watch_event *e)
{
	if (e->request == NULL || e->by == NULL ||
	    strcmp(e->request, "release") != 0)
		return 0;
	if (begins(e->reason, "budget spent"))
		return refused(w, e, WATCH_BUDGET_SPENT,
		    e->model != NULL ? "has used up what is granted of" :
				       "has used up what is granted");
	if (begins(e->reason, "session ended") ||
	    begins(e->reason, "grant removed") ||
	    begins(e->reason, "grant expired"))
		return reads_on(w, e);
	return 0;
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
