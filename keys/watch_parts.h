/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WATCH_PARTS_H
#define WEIR_WATCH_PARTS_H

/* What the watch remembers, for watch*.c alone. */

#include <sys/queue.h>

#include "keys/accounting.h"
#include "keys/watch.h"
#include "keys/watch_rules.h"

/* Out of memory it adds nothing, and hh.tbl is NULL. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define WATCH_BUCKETS 12 /* of each window; each is a twelfth of it */
#define WATCH_PAST 128	 /* active hours that are remembered */
#define WATCH_SEEN_MAX 64
#define WATCH_VERSIONS_MAX 64 /* of a model that are remembered */
#define WATCH_PPM UINT64_C(1000000)

/* The last numbers of entries that something rests on. */
struct watch_trace {
	uint64_t items[WATCH_ENTRIES]; /* a ring */
	uint64_t count;		       /* that were added */
};
void watch_trace_add(struct watch_trace *t, uint64_t index);
/* How many there are, and the newest but so many (fewer than there are). */
size_t watch_trace_count(const struct watch_trace *t);
uint64_t watch_trace_last(const struct watch_trace *t, size_t back);

/* Different things that were seen, and when each was last. */
struct watch_seen {
	struct {
		uint64_t what, clock, index;
	} items[WATCH_SEEN_MAX];
	unsigned int count;
};

/* What is only remembered while nothing open needs it: referenced things are in
 * no list, the others in one, those used least lately first. */
struct watch_who {
	UT_hash_handle hh;
	TAILQ_ENTRY(watch_who) idle;
	unsigned int refs;
	uint64_t id;
	int64_t closed_ms;	    /* when a session of its ended last, */
	uint64_t closed_session;    /* which one; 0: none; */
	uint64_t closed_index;	    /* and the entry */
	struct watch_seen models;   /* browsed */
	struct watch_seen hosts;    /* browsed from */
	struct watch_seen versions; /* opened */
	char name[];
};
TAILQ_HEAD(watch_whos, watch_who);

struct watch_version {
	struct digest digest;
	uint64_t weights;
	uint64_t put_index;
	uint64_t superseded; /* when something newer took its place; 0: not */
	uint64_t by;	     /* entry that put the newer one */
	uint64_t revoked;    /* entry; 0: not */
};

struct watch_what {
	UT_hash_handle hh;
	TAILQ_ENTRY(watch_what) idle;
	unsigned int refs;
	uint64_t id;
	bool decoy;
	bool revoked; /* one of its versions is */
	uint64_t decoy_index;
	struct watch_version *versions;
	size_t version_count;
	struct watch_version lost; /* the last one that was forgotten */
	struct watch_trace pool;   /* the last releases that the pool counted */
	char name[];
};
TAILQ_HEAD(watch_whats, watch_what);

/* New coverage, in a window that slides by twelfths: what it sums up is never
 * older than the window. */
struct watch_ring {
	uint64_t unit; /* number of the newest bucket's time */
	uint64_t sum;
	uint64_t buckets[WATCH_BUCKETS];
};

/* Hours of new coverage, of active hours alone. */
struct watch_drip {
	uint64_t hour;		   /* the running one */
	uint64_t bytes;		   /* of it */
	uint32_t past[WATCH_PAST]; /* parts per billion of a version */
	unsigned int past_count, past_next;
	double usual, spread; /* by the past, ppb; for this hour */
	double sum;	      /* before this hour */
	double taken;	      /* ppb, since sum rose from 0 */
	unsigned int high;    /* hours on end above spike z */
};

/* What one principal browses of one model. */
struct watch_reading {
	UT_hash_handle hh;
	TAILQ_ENTRY(watch_reading) idle;
	unsigned int refs;
	struct {
		uint64_t who, what;
	} key;
	struct watch_who *by;
	struct watch_what *of;
	struct watch_ring rings[WATCH_WINDOWS];
	struct watch_drip drip;
	uint32_t used_ppm; /* as keyd said last */
	uint64_t used_clock;
	/* crawl: releases on end that each begin where the one before ended */
	uint64_t crawl_next;
	uint64_t crawl_bytes;
	uint64_t crawl_count;
	struct watch_trace trace;
};
TAILQ_HEAD(watch_readings, watch_reading);

struct watch_opened { /* a version of a session */
	struct watch_what *model;
	struct watch_reading *reading; /* NULL: no weights yet */
	struct digest version;
	uint64_t weights; /* 0: not known */
	uint64_t grant;
	enum msg_grant_type type;
	uint64_t repeats; /* bytes of weights, had before */
};

struct watch_session {
	UT_hash_handle hh;
	TAILQ_ENTRY(watch_session) recent;
	bool used; /* since it was last passed over */
	uint64_t id;
	uint64_t index;
	struct watch_who *who;
	int64_t own_uid; /* whose mount it is; -1: not known yet */
	uint64_t host;	 /* a hash of its name; 0: none */
	uint64_t released;
	uint64_t read;
	/* What had been released a lag ago or earlier, and what will be that:
	 * up to step_clock. */
	uint64_t settled;
	uint64_t step_released, step_clock;
	struct watch_trace trace;
	size_t count;
	struct watch_opened versions[];
};
TAILQ_HEAD(watch_sessions, watch_session);

struct watch_grant {
	UT_hash_handle hh;
	uint64_t id;
	uint64_t loads;
	enum msg_grant_type type;
	bool exact; /* of one version, by its digest */
};

struct watch_pause {
	UT_hash_handle hh;
	uint64_t until;
	size_t length;
	char key[];
};

struct watch {
	const struct watch_rules *rules;
	uint64_t now; /* seconds: accounting time, if entries have it */
	bool has_clock;
	uint64_t ids;
	uint64_t last_index;
	bool begun;
	int64_t last_time_ms; /* of the last entry that has a clock */
	uint64_t last_clock;
	uint64_t last_clock_index;
	char boot[2 * ACCOUNTING_BOOT + 1]; /* that keyd last started in */
	uint64_t last_session;		    /* the highest number */
	struct watch_whos whos;
	struct watch_whats whats;
	struct watch_readings readings;
	struct watch_sessions recent; /* those to be forgotten first, first */
	struct watch_who *by_name;
	struct watch_what *by_model;
	struct watch_reading *by_pair;
	struct watch_session *sessions;
	struct watch_grant *grants;
	struct watch_pause *pauses;
	bool forgot;		    /* something was, that was not old */
	struct watch_session *kept; /* is not forgotten now */
	/* during a call */
	const struct watch_event *e;
	int (*raise)(void *arg, const struct watch_alert *a);
	void *arg;
};

/* ---- watch_state.c ---- */

/* ERR_LIMIT: there is no room, and nothing may be forgotten. */

int watch_state_who(struct watch *w, const char *name, struct watch_who **out)
    MUST_USE;
int watch_state_what(struct watch *w, const char *name, struct watch_what **out)
    MUST_USE;
struct watch_who *watch_state_find_who(struct watch *w, const char *name);
struct watch_what *watch_state_find_what(struct watch *w, const char *name);
/* The model that a reference names. */
struct watch_what *watch_state_find_ref(struct watch *w, const char *ref);
/* Kept while it is held. */
void watch_state_hold_what(struct watch *w, struct watch_what *m);
void watch_state_drop_what(struct watch *w, struct watch_what *m);
struct watch_version *watch_state_version(const struct watch_what *m,
    const struct digest *d);
int watch_state_put(struct watch_what *m, const struct digest *d,
    struct watch_version **out) MUST_USE;
/* The reading of this version of the session, made at need. */
int watch_state_reading(struct watch *w, struct watch_session *s,
    struct watch_opened *v, struct watch_reading **out) MUST_USE;
/* A session of so many versions, whose models are still to be set by
 * watch_state_opened. */
int watch_state_session(struct watch *w, uint64_t id, struct watch_who *who,
    size_t versions, struct watch_session **out) MUST_USE;
void watch_state_opened(struct watch *w, struct watch_opened *v,
    struct watch_what *m);
struct watch_session *watch_state_find_session(struct watch *w, uint64_t id);
void watch_state_session_end(struct watch *w, struct watch_session *s);
int watch_state_grant(struct watch *w, uint64_t id, struct watch_grant **out)
    MUST_USE;
struct watch_grant *watch_state_find_grant(struct watch *w, uint64_t id);
void watch_state_grant_end(struct watch *w, uint64_t id);
void watch_state_free(struct watch *w);

/* Whether it is among those that are remembered. */
bool watch_state_has_seen(const struct watch_seen *s, uint64_t what);
/* A thing was seen now; how many there were in the last `within` seconds. */
unsigned int watch_state_saw(struct watch_seen *s, uint64_t what,
    uint64_t clock, uint64_t index, uint64_t within);

/* ---- watch.c ---- */

/* What an alert is about: any may be NULL or 0. */
struct watch_about {
	enum watch_rule_id rule;
	const char *who;
	const char *model;
	const struct digest *version;
	uint64_t session;
	double score;
	const struct watch_trace *trace; /* what it rests on, */
	const uint64_t *entries;	 /* these, too */
	size_t entry_count;
};
/* Whether it is to be said: the rule is on, and it was not said lately. */
bool watch_may(struct watch *w, enum watch_rule_id rule, const char *who,
    const char *model);
/* Say it, whether it may be said or not; the current entry is added to what it
 * rests on.  advice is text. */
int watch_say(struct watch *w, const struct watch_about *about,
    const char *advice, const char *fmt, ...) PRINTF_LIKE(4, 5) MUST_USE;
/* "1.05 %". */
#define WATCH_SHARE 24
const char *watch_share_text(uint64_t ppm, char buf[static WATCH_SHARE]);

/* A command to run; returns out. */
const char *watch_advice(char out[static WATCH_REASON], const char *fmt, ...)
    PRINTF_LIKE(2, 3);

/* ---- the rules, each called with an entry of the kind ---- */

/* keyd's clock and the trail's order. */
int watch_clock(struct watch *w, const struct watch_event *e) MUST_USE;
/* All others, by kind. */
int watch_fact(struct watch *w, const struct watch_event *e) MUST_USE;

int watch_learn_put(struct watch *w, const struct watch_event *e) MUST_USE;
int watch_learn_grant(struct watch *w, const struct watch_event *e) MUST_USE;
int watch_learn_statement(struct watch *w, const struct watch_event *e)
    MUST_USE;
int watch_learn_decoy(struct watch *w, const struct watch_event *e, bool is)
    MUST_USE;

int watch_session_open(struct watch *w, const struct watch_event *e) MUST_USE;
int watch_session_close(struct watch *w, const struct watch_event *e) MUST_USE;
int watch_session_extents(struct watch *w, const struct watch_event *e)
    MUST_USE;
int watch_session_exe(struct watch *w, const struct watch_event *e) MUST_USE;
int watch_session_release(struct watch *w, const struct watch_event *e)
    MUST_USE;
/* The first model of it; NULL: none is known. */
const char *watch_session_model(const struct watch_session *s);

/* Under a browse grant, under a load grant, and what was opened. */
int watch_browse_release(struct watch *w, const struct watch_event *e,
    struct watch_session *s, struct watch_opened *v) MUST_USE;
int watch_browse_load(struct watch *w, const struct watch_event *e,
    const struct watch_session *s, struct watch_opened *v) MUST_USE;
uint64_t watch_browse_host(const char *name);
int watch_drip_release(struct watch *w, const struct watch_event *e,
    struct watch_session *s, struct watch_opened *v, struct watch_reading *r)
    MUST_USE;

#endif
