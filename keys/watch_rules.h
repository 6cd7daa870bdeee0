/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WATCH_RULES_H
#define WEIR_WATCH_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/watch.h"
#include "vault/owned.h"
#include "vault/why.h"

/*
 * What the watch looks for, and from where on it says so (docs/watch.md has the
 * same names): an INI text, with a default for everything.  No I/O.
 */

enum watch_rule_id {
	/* facts */
	WATCH_SESSION_ENDED,
	WATCH_REVOKED_VERSION,
	WATCH_OLDER_VERSION,
	WATCH_UNLISTED_HOST,
	WATCH_OFF_SCHEDULE,
	WATCH_TOO_MANY_SESSIONS,
	WATCH_DECOY,
	WATCH_OTHER_READER,
	WATCH_CLOCK_JUMP,
	WATCH_TRAIL_BROKEN,
	WATCH_UNREAD_RELEASES,
	WATCH_DAMAGE,
	WATCH_BUDGET_SPENT,
	WATCH_UNLISTED_EXE,
	/* statistics */
	WATCH_BROWSE_HALF,
	WATCH_BURST,
	WATCH_POOL_NEAR,
	WATCH_POOL_NARROW,
	WATCH_MANY_MODELS,
	WATCH_MANY_HOSTS,
	WATCH_REPEATS,
	WATCH_CRAWL,
	WATCH_DRIP,
	WATCH_SPIKE,
	/* about the watch itself */
	WATCH_FORGETS,
	WATCH_RULES
};

/* Windows of new coverage. */
enum {
	WATCH_MINUTE,
	WATCH_HOUR,
	WATCH_DAY,
	WATCH_WEEK,
	WATCH_MONTH,
	WATCH_WINDOWS
};

struct watch_rule {
	bool enabled;
	enum watch_severity severity;
	uint64_t pause; /* seconds before the same is said again */
};

/* Shares are parts per million of a version's weights, times seconds. */
struct watch_rules {
	struct watch_rule rules[WATCH_RULES];

	uint64_t ended_grace;	       /* session-ended */
	uint64_t older_after;	       /* older-version */
	uint64_t clock_jump;	       /* clock-jump */
	uint64_t unread_lag;	       /* unread-releases */
	uint64_t unread_slack;	       /* bytes */
	uint64_t unread_most;	       /* bytes */
	uint64_t browse_half;	       /* share */
	uint64_t burst[WATCH_WINDOWS]; /* shares */
	uint64_t pool_near;	       /* share */
	uint64_t pool_narrow;	       /* share */
	uint64_t models_count;
	uint64_t models_window;
	uint64_t hosts_count;
	uint64_t hosts_window;
	uint64_t repeats_share; /* share of one load, repeats alone */
	uint64_t crawl_share;
	uint64_t crawl_releases;
	uint64_t drip_k;      /* millionths */
	uint64_t drip_h;      /* millionths */
	uint64_t drip_past;   /* active hours before its own past counts */
	uint64_t drip_usual;  /* share an hour, without a past */
	uint64_t drip_spread; /* share: least, and without a past */
	uint64_t drip_share;  /* share that it took, at least */
	uint64_t spike_z;     /* millionths */
	uint64_t spike_hours;
	uint64_t spike_share;

	/* How much it remembers; beyond that, what was used least lately is
	 * forgotten. */
	uint64_t max_sessions;
	uint64_t max_principals;
	uint64_t max_models;
	uint64_t max_readings; /* principals x models */
	uint64_t max_grants;
};

#define WATCH_RULES_TEXT_MAX (64U << 10)

/* "browse-half". */
const char *watch_rules_name(enum watch_rule_id id);
const char *watch_rules_severity(enum watch_severity s); /* "high" */

void watch_rules_default(struct watch_rules *out);

/*
 * A text over the defaults; what is in its section [deliver] is for
 * deliver_parse.  ERR_FORMAT with "line 7: ..." in why: a section or key that
 * there is not, one that is there twice, a value that is not what it should be,
 * a limit that could never be met.  ERR_LIMIT: it is too long.
 */
int watch_rules_parse(struct watch_rules *out, const char *text, size_t n,
    const struct why *why) MUST_USE;

/* The rules as such a text with everything in it: parsed, it gives the same
 * rules.  The caller frees; NULL: out of memory. */
char *watch_rules_text(const struct watch_rules *r);

#endif
