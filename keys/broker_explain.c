/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "keys/broker_state.h"
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
	}
}
