/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_WORLD_H
#define WEIR_EXFIL_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/watch.h"
#include "tests/exfil/dice.h"
#include "tests/exfil/family.h"
#include "tests/exfil/ledger.h"
#include "vault/owned.h"

/*
 * A vault in virtual time: keyd's budgets and watch, real, and around them
 * what keyd does in the order in which it does it: judge, record, debit, give.
 * Errors of theirs abort.
 */
#define WORLD_SECOND 1000ULL
#define WORLD_MINUTE (60 * WORLD_SECOND)
#define WORLD_HOUR (60 * WORLD_MINUTE)
#define WORLD_DAY (24 * WORLD_HOUR)
#define WORLD_HOSTS 64
#define WORLD_UID 1000
#define WORLD_START_MS 1750000000000LL

struct world_how {
	uint64_t seed;
	const struct watch_rules *rules;
	bool no_budget; /* the control: everything is given */
	/* The baseline: an alarm for whoever gets more in one minute. */
	uint64_t minute_bytes;
};

struct principal {
	char name[48];
	bool thief;
	const char *row; /* of the scene that it plays in */
	uint64_t minute, minute_bytes;
	struct ledger **ledgers; /* a thief's, by family */
	size_t ledger_count;
};

struct world_grant {
	uint64_t id;
	struct family *family;
	struct principal *to;
	enum msg_grant_type type;
	uint32_t loads;
	bool per_day;
	const char *host;	     /* NULL: any */
	uint32_t max_sessions;	     /* 0: any number */
	uint32_t sessions;	     /* open now */
	uint32_t from_hour, to_hour; /* of the day; equal: any */
	bool removed;
	bool pinned;   /* used by digest, not by the channel */
	bool mounter;  /* sessions are opened for its reader */
	bool silent;   /* its worker tells of no read */
	double loaded; /* sum of its sessions' unique coverage, in versions */
};

struct world_session {
	uint64_t id;
	struct principal *who;
	const char *host;
	uint32_t uid;
	struct world_grant *grant;
	struct family *family;
	size_t version;
	bool ended;
	uint64_t unread; /* released, and not told of as read yet */
	uint64_t last;	 /* bytes of the last release */
	bool *seen;	 /* chunks it had */
};

/* What became of the thieves. */
struct score {
	bool began, flagged, blocked, baseline;
	uint64_t began_ms, flag_ms, block_ms;
	double flag_leak, block_leak, baseline_leak;
	char rule[40];
	double held;	 /* by all together, in the end */
	double most_one; /* of one principal and model in any 30 days */
	double most_all; /* of all together and one model */
	double loaded;	 /* of a load grant, for each load granted */
};

struct world_alarm {
	char rule[40];
	const char *row; /* of the principal; NULL: it named none */
};

struct actor;
struct world {
	struct world_how how;
	struct dice dice;
	char hosts[WORLD_HOSTS][16];
	uint64_t now_ms; /* since the start */
	uint64_t index, ids;
	struct watch *watch;
	struct family **families;
	struct principal **principals;
	struct world_grant **grants;
	struct world_session **sessions;
	struct actor **actors; /* a heap, the next one first */
	size_t family_count, principal_count, grant_count, session_count,
	    actor_count;
	struct ledger **together; /* the thieves', by family */
	size_t together_count;
	struct score score;
	struct world_alarm *alarms;
	size_t alarm_count;
	uint64_t minute_peak;
	uint64_t releases;
};

struct world *world_new(const struct world_how *how);
void world_free(struct world *w);
OWNED_TYPE(world);

struct principal *world_principal(struct world *w, const char *row, bool thief,
    const char *prefix);
/* A family that is put; a version of it that is put, or promoted. */
struct family *world_family(struct world *w, const char *prefix);
void world_put(struct world *w, struct family *f, size_t version,
    const char *by);
void world_promote(struct world *w, struct family *f, size_t version);
/* keyd ends its sessions, and opens no others. */
void world_revoke(struct world *w, struct family *f, size_t version);
void world_decoy(struct world *w, struct family *f);

struct world_grant *world_grant(struct world *w, struct principal *to,
    struct family *f, enum msg_grant_type type, uint32_t loads, bool per_day);
/* Of this version alone, by its digest. */
struct world_grant *world_grant_version(struct world *w, struct principal *to,
    struct family *f, size_t version, uint32_t loads);
void world_grant_rm(struct world *w, struct world_grant *g);

enum world_answer {
	WORLD_GIVEN,
	WORLD_SLOW,   /* after BUDGET_SLOW_MS */
	WORLD_BUDGET, /* refused by a budget */
	WORLD_DENIED  /* refused by another rule */
};

/* NULL: refused. */
struct world_session *world_open(struct world *w, struct principal *who,
    struct world_grant *g, size_t version, const char *host);
/* What it would come to: thieves who know the rules can count. */
void world_foresee(struct world *w, const struct world_session *s,
    uint64_t first, uint32_t count, struct budget_debit *out);
enum world_answer world_release(struct world *w, struct world_session *s,
    uint64_t first, uint32_t count);
/* What was released is told of as read, by another uid, too; 0: by none. */
void world_extents(struct world *w, struct world_session *s, uint32_t other);
void world_close(struct world *w, struct world_session *s, const char *reason);

/* What keyd records, and the watch sees: index, times and who are filled in. */
void world_record(struct world *w, struct watch_event *e);
/* A thief's first act, and a refusal of one. */
void world_began(struct world *w, const struct principal *who);
void world_blocked(struct world *w, const struct principal *who);
/* Counts what somebody was given. */
void world_gave(struct world *w, struct world_session *s, uint64_t first,
    uint32_t count);

/* Lets time pass; whoever else is there acts meanwhile. */
void world_wait(struct world *w, uint64_t ms);

/* The figures of the thieves as they stand now. */
const struct score *world_score(struct world *w);

#endif
