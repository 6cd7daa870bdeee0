/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_GRANT_H
#define WEIR_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/grant_exe.h"
#include "keys/grant_host.h"
#include "keys/grant_when.h"
#include "keys/msg.h"
#include "vault/owned.h"
#include "vault/ref.h"

/* Grants, and which one lets somebody read something.  Pure. */

#define GRANT_REASON_MAX 1024
#define GRANT_SESSIONS_MAX 256 /* open at once, that a grant may ask for */

struct grant {
	uint64_t id;
	char model[REF_NAME_MAX + 1];
	char channel[REF_CHANNEL_MAX + 1]; /* empty: any */
	char version[65];		   /* 64 hex; empty: any */
	char to[REF_PRINCIPAL_MAX + 1];
	enum msg_grant_type type;
	uint32_t loads;
	bool per_day;
	bool export;
	int64_t until_ms;		 /* 0: no end */
	char hosts[GRANT_HOSTS_SIZE];	 /* grant_host.h; empty: any */
	char days[GRANT_DAYS_MAX + 1];	 /* these three, as they were said, */
	char hours[GRANT_HOURS_MAX + 1]; /* empty where they were not, */
	char zone[GRANT_ZONE_MAX + 1];
	struct grant_when when;	    /* and what they come to */
	uint32_t max_sessions;	    /* open at once; 0: any number */
	char exes[GRANT_EXES_SIZE]; /* grant_exe.h; empty: any */
	uint32_t approvals;	    /* that it takes; 0: none */
	int64_t approved_ms;	    /* when it had them; 0: not yet */
	char reason[GRANT_REASON_MAX + 1];
	char by[REF_PRINCIPAL_MAX + 1];
	int64_t created_ms;
	/* One that was removed is shown, and counts for nothing. */
	int64_t removed_ms; /* 0: it was not */
	char removed_by[REF_PRINCIPAL_MAX + 1];
	char removed_reason[GRANT_REASON_MAX + 1];
};

/*
 * Whether the fields that a manager asked for make a grant.  NULL, or a
 * sentence that says what is wrong with them.
 */
const char *grant_wrong(const struct msg_grant_add *m, int64_t now_ms);

/* What somebody wants to read. */
struct grant_want {
	const char *model;
	const char *channel; /* empty: named by its digest */
	const char *version; /* 64 hex */
	bool export;
	int64_t now_ms;
	const char *host; /* where; NULL: it is not asked for */
	/* How many sessions are open under a grant; NULL: not asked for. */
	uint32_t (*sessions)(void *arg, uint64_t grant);
	/* Whether its budget is used up; NULL: not asked for. */
	bool (*spent)(void *arg, const struct grant *g);
	void *arg;
};

/*
 * The rules of a grant, in the order in which they are looked at; all
 * must be kept.  The answer is the first that is not: the later it
 * stands, the nearer was the grant.
 */
enum grant_answer {
	GRANT_OK = 0,
	GRANT_NONE, /* it is for something else */
	GRANT_EXPIRED,
	GRANT_WAITS, /* for approvals */
	GRANT_NO_EXPORT,
	GRANT_HOST,
	GRANT_HOURS,
	GRANT_SESSIONS,
	GRANT_SPENT,
	GRANT_ANSWERS
};
bool grant_keeps(const struct grant *g, const struct grant_want *want,
    enum grant_answer rule);
enum grant_answer grant_judge(const struct grant *g,
    const struct grant_want *want);

bool grant_covers(const struct grant *g, const struct grant_want *want);
bool grant_expired(const struct grant *g, int64_t now_ms);

/* GRANT_EXPIRED or GRANT_HOURS when what was opened under it must not
 * go on, else GRANT_OK. */
enum grant_answer grant_stands(const struct grant *g, int64_t now_ms);
/* When that comes, of one that stands: its end or its hours'.  0: never. */
int64_t grant_ends(const struct grant *g, int64_t now_ms);

/*
 * The grant among n that lets want be read: load before browse, then the
 * one that lasts longest.  Without one the answer is that of the grant that
 * comes nearest, which is *out then (NULL: there is none).
 */
enum grant_answer grant_choose(const struct grant *grants, size_t n,
    const struct grant_want *want, const struct grant **out) MUST_USE;

/* What it lets whom, in words, all but the reason: what approvers sign. */
#define GRANT_TERMS 2048
void grant_terms(const struct grant *g, char out[static GRANT_TERMS]);

/* "outside the granted hours": what a refusal is recorded with. */
const char *grant_answer_text(enum grant_answer a);
/* "hours": what people call a rule. */
const char *grant_rule_name(enum grant_answer rule);

/* What a session may do under a grant of this type. */
uint32_t grant_window(enum msg_grant_type type);
uint32_t grant_readahead_kb(enum msg_grant_type type);
const char *grant_type_name(enum msg_grant_type type);
int grant_type_parse(enum msg_grant_type *out, const char *name) MUST_USE;

#endif
