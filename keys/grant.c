/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/grant.h"

#include <stdio.h>
#include <string.h>

#include "vault/entry.h"
#include "vault/err.h"

#define BROWSE_READAHEAD_KB 128
#define LOAD_READAHEAD_KB 16384

/* A message may lack what it has nothing to say about. */
static const char *
said(const char *text)
{
	return text != NULL ? text : "";
}

/* Where and when, and how often at once. */
static const char *
limits_wrong(const struct msg_grant_add *m)
{
	struct grant_when when;
	const char *wrong = grant_host_wrong(said(m->hosts));

	if (wrong == NULL)
		wrong = grant_when_parse(&when, said(m->days), said(m->hours),
		    said(m->zone));
	if (wrong == NULL && m->max_sessions > GRANT_SESSIONS_MAX)
		return "a grant may allow 1 to 256 sessions at once";
	return wrong != NULL ? wrong : grant_exe_wrong(said(m->exes));
}

const char *
grant_wrong(const struct msg_grant_add *m, int64_t now_ms)
{
	if (!ref_name_ok(m->model))
		return "a grant is for a model: NAME, NAME:CHANNEL or "
		       "NAME@DIGEST";
	if (*m->channel != '\0' && *m->version != '\0')
		return "a grant is for a channel or for a version, not both";
	if (*m->channel != '\0' && !ref_channel_ok(m->channel))
		return "the channel's name is not well-formed";
	if (strlen(m->version) > 64)
		return "a version is 8 to 64 hex digits";
	if (!ref_principal_ok(m->to))
		return "a grant is to user:NAME";
	if (m->type == MSG_GRANT_LOAD && m->loads == 0)
		return "a load grant states how many loads: --loads N, or "
		       "--browse";
	if (m->type == MSG_GRANT_BROWSE && (m->loads != 0 || m->per_day))
		return "a browse grant has no loads";
	if (m->until_ms != 0 && m->until_ms <= now_ms)
		return "the grant would have ended already: --until lies in "
		       "the past";
	if (*m->reason == '\0')
		return "a grant has a reason: --reason TEXT";
	if (strlen(m->reason) > GRANT_REASON_MAX)
		return "the reason is longer than 1,024 bytes";
	return limits_wrong(m);
}

bool
grant_covers(const struct grant *g, const struct grant_want *want)
{
	if (strcmp(g->model, want->model) != 0)
		return false;
	if (*g->channel != '\0')
		return strcmp(g->channel, want->channel) == 0;
	if (*g->version != '\0')
		return strcmp(g->version, want->version) == 0;
	return true;
}

bool
grant_expired(const struct grant *g, int64_t now_ms)
{
	return g->until_ms != 0 && g->until_ms <= now_ms;
}

static bool
has_room(const struct grant *g, const struct grant_want *want)
{
	return g->max_sessions == 0 || want->sessions == NULL ||
	    want->sessions(want->arg, g->id) < g->max_sessions;
}

bool
grant_keeps(const struct grant *g, const struct grant_want *want,
    enum grant_answer rule)
{
	switch (rule) {
	case GRANT_NONE:
		return grant_covers(g, want);
	case GRANT_EXPIRED:
		return !grant_expired(g, want->now_ms);
	case GRANT_WAITS:
		return g->approvals == 0 ||
		    (g->approved_ms != 0 && g->approved_ms <= want->now_ms);
	case GRANT_NO_EXPORT:
		return !want->export || g->export;
	case GRANT_HOST:
		return want->host == NULL ||
		    grant_host_matches(g->hosts, want->host);
	case GRANT_HOURS:
		return grant_when_holds(&g->when, want->now_ms);
	case GRANT_SESSIONS:
		return has_room(g, want);
	case GRANT_SPENT:
		return want->spent == NULL || !want->spent(want->arg, g);
	case GRANT_OK:
	case GRANT_ANSWERS:
		break;
	}
	return true;
}

enum grant_answer
grant_judge(const struct grant *g, const struct grant_want *want)
{
	for (enum grant_answer a = GRANT_NONE; a < GRANT_ANSWERS; a++)
		if (!grant_keeps(g, want, a))
			return a;
	return GRANT_OK;
}

enum grant_answer
grant_stands(const struct grant *g, int64_t now_ms)
{
	if (grant_expired(g, now_ms))
		return GRANT_EXPIRED;
	return grant_when_holds(&g->when, now_ms) ? GRANT_OK : GRANT_HOURS;
}

int64_t
grant_ends(const struct grant *g, int64_t now_ms)
{
	int64_t end = grant_when_ends(&g->when, now_ms);

	return end == 0 || (g->until_ms != 0 && g->until_ms < end) ?
	    g->until_ms :
	    end;
}

static bool
lasts_longer(const struct grant *a, const struct grant *b, int64_t now_ms)
{
	int64_t ends_a = grant_ends(a, now_ms), ends_b = grant_ends(b, now_ms);

	if (ends_a == 0 || ends_b == 0)
		return ends_a == 0 && ends_b != 0;
	return ends_a > ends_b;
}

static bool
better(const struct grant *a, const struct grant *b, int64_t now_ms)
{
	if (b == NULL)
		return true;
	if (a->type != b->type)
		return a->type == MSG_GRANT_LOAD;
	return lasts_longer(a, b, now_ms);
}

enum grant_answer
grant_choose(const struct grant *grants, size_t n,
    const struct grant_want *want, const struct grant **out)
{
	const struct grant *best = NULL, *near = NULL;
	enum grant_answer nearest = GRANT_NONE;

	for (size_t i = 0; i < n; i++) {
		const struct grant *g = &grants[i];
		enum grant_answer a = grant_judge(g, want);

		if (a == GRANT_OK && better(g, best, want->now_ms))
			best = g;
		if (a > nearest) {
			nearest = a;
			near = g;
		}
	}
	*out = best != NULL ? best : near;
	return best != NULL ? GRANT_OK : nearest;
}

void
grant_terms(const struct grant *g, char out[static GRANT_TERMS])
{
	bool timed = g->days[0] != '\0' || g->hours[0] != '\0';
	char loads[40] = "", sessions[40] = "", until[ENTRY_TIME_SIZE];

	if (g->type == MSG_GRANT_LOAD)
		snprintf(loads, sizeof(loads), " %u time%s%s", g->loads,
		    g->loads == 1 ? "" : "s", g->per_day ? " a day" : "");
	if (g->max_sessions != 0)
		snprintf(sessions, sizeof(sessions), ", at most %u at once",
		    g->max_sessions);
	snprintf(out, GRANT_TERMS,
	    "%s may %s %s%s%s%s%s%s%s, %s%s%s%s%s%s%s%s%s%s%s%s%s", g->to,
	    g->type == MSG_GRANT_LOAD ? "load" : "browse", g->model,
	    g->channel[0] != '\0' ? ":" : "", g->channel,
	    g->version[0] != '\0' ? "@" : "", g->version, loads,
	    g->export ? " and write plain copies" : "",
	    g->until_ms != 0 ? "until " : "without an end",
	    g->until_ms != 0 ? entry_time_text(g->until_ms, until) : "",
	    g->hosts[0] != '\0' ? ", on hosts " : "", g->hosts,
	    timed ? ", " : "", g->days,
	    g->days[0] != '\0' && g->hours[0] != '\0' ? " " : "", g->hours,
	    timed ? " " : "",
	    !timed		   ? "" :
		g->zone[0] != '\0' ? g->zone :
				     "UTC",
	    sessions, g->exes[0] != '\0' ? ", by programs " : "", g->exes);
}

const char *
grant_answer_text(enum grant_answer a)
{
	static const char *const texts[GRANT_ANSWERS] = {
		[GRANT_OK] = "granted",
		[GRANT_NONE] = "no grant",
		[GRANT_EXPIRED] = "grant expired",
		[GRANT_WAITS] = "grant waits for approvals",
		[GRANT_NO_EXPORT] = "no export",
		[GRANT_HOST] = "host not listed",
		[GRANT_HOURS] = "outside the granted hours",
		[GRANT_SESSIONS] = "too many sessions",
		[GRANT_SPENT] = "budget spent",
	};

	return texts[a];
}

const char *
grant_rule_name(enum grant_answer rule)
{
	static const char *const names[GRANT_ANSWERS] = {
		[GRANT_OK] = "",
		[GRANT_NONE] = "reference",
		[GRANT_EXPIRED] = "end",
		[GRANT_WAITS] = "approvals",
		[GRANT_NO_EXPORT] = "export",
		[GRANT_HOST] = "host",
		[GRANT_HOURS] = "hours",
		[GRANT_SESSIONS] = "sessions",
		[GRANT_SPENT] = "budget",
	};

	return names[rule];
}

uint32_t
grant_window(enum msg_grant_type type)
{
	return type == MSG_GRANT_LOAD ? MSG_WINDOW_MAX : 1;
}

uint32_t
grant_readahead_kb(enum msg_grant_type type)
{
	return type == MSG_GRANT_LOAD ? LOAD_READAHEAD_KB : BROWSE_READAHEAD_KB;
}

const char *
grant_type_name(enum msg_grant_type type)
{
	return type == MSG_GRANT_LOAD ? "load" : "browse";
}

int
grant_type_parse(enum msg_grant_type *out, const char *name)
{
	if (strcmp(name, "load") == 0)
		*out = MSG_GRANT_LOAD;
	else if (strcmp(name, "browse") == 0)
		*out = MSG_GRANT_BROWSE;
	else
		return ERR_FORMAT;
	return 0;
}
