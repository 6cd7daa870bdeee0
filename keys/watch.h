/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WATCH_H
#define WEIR_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/msg.h"
#include "vault/digest.h"
#include "vault/entry.h"
#include "vault/owned.h"
#include "vault/ref.h"

/*
 * The watch: looks at the trail's entries, one after another, and says what
 * looks like theft (docs/watch.md).  Pure: what it says follows from the
 * entries and the rules alone, at work as in a replay.  For one thread.
 */
struct watch;
struct watch_rules; /* keys/watch_rules.h */

/* What is known otherwise, though the watch has not seen the entry: a put, a
 * grant.add, a decoy.add.  It is only remembered, and may come at any time. */
#define WATCH_KNOWN UINT64_MAX

/* One entry, as the watch sees it.  Text is borrowed, NULL where the entry has
 * none; numbers are 0 then. */
struct watch_event {
	uint64_t index; /* WATCH_KNOWN: of no entry */
	enum entry_kind kind;
	int64_t time_ms;  /* what the entry says */
	uint64_t clock;	  /* accounting seconds, of entries that have it */
	const char *boot; /* keyd.start: the kernel's id of it */
	const char *by;
	const char *principal; /* `for` of a session */
	const char *host;
	const char *reason;
	const char *request; /* refused */
	const char *rule;    /* alert */
	const char *model;   /* session.refused: or else a reference */
	const char *channel;
	const char *purpose;
	struct digest version;
	uint64_t session;
	uint64_t grant;
	enum msg_grant_type type;
	/* release */
	uint32_t file;
	uint64_t first;
	uint32_t count;
	uint64_t bytes;
	uint64_t weights; /* of these, those that budgets count; */
	uint64_t fresh;	  /* of these, new to the principal or the session */
	uint32_t used_ppm;
	uint32_t pool_ppm;
	uint64_t total;	  /* put: weights of the version */
	uint64_t loads;	  /* grant.add */
	bool revokes;	  /* statement.*: a revocation takes effect */
	bool promotes;	  /* statement.*: the channel points to version now */
	uint64_t damaged; /* check: objects that are damaged or missing */
	/* session.exe: a program; whether the session's grant lists others */
	const char *exe;
	bool unlisted;
	/* extents: bytes in all; the first reader, and the first other one */
	uint64_t read_bytes;
	uint32_t readers[2];
	unsigned int reader_count;
	int64_t uid; /* of who asked for it; -1: none */
	/* The entry (a json_t *).  NULL in simulations: then a session has one
	 * version, that of model, channel, version, grant and type. */
	const void *json;
};

enum watch_severity { WATCH_INFO, WATCH_LOW, WATCH_MEDIUM, WATCH_HIGH };

#define WATCH_ENTRIES 16
#define WATCH_REASON 512
struct watch_alert {
	const char *rule; /* "browse-half": a section of docs/watch.md */
	enum watch_severity severity;
	double score;
	const char *principal; /* borrowed during the call; may be NULL */
	const char *model;
	const struct digest *version;	 /* may be NULL */
	uint64_t session;		 /* 0: none */
	char reason[WATCH_REASON];	 /* plain words, with the numbers */
	char advice[WATCH_REASON];	 /* the command to run */
	uint64_t entries[WATCH_ENTRIES]; /* it rests on, in order */
	size_t entry_count;
};

/* rules are borrowed until watch_free. */
int watch_new(struct watch **out, const struct watch_rules *rules) MUST_USE;
void watch_free(struct watch *w);
OWNED_TYPE(watch);

/* Entries in order.  raise is called for each alert during the call; an error
 * of its ends it.  An `alert` entry among them counts as raised: the same is
 * not said again while its pause lasts. */
int watch_feed(struct watch *w, const struct watch_event *e,
    int (*raise)(void *arg, const struct watch_alert *a), void *arg) MUST_USE;

/* keys/watch_fact.c: whether a refusal for this reason is one that a rule tells
 * of. */
bool watch_fact_reason(const char *reason);

/* keys/watch_event.c: an entry as an event; what is borrowed lives as long as
 * v. */
void watch_event_of(struct watch_event *out, uint64_t index,
    const struct entry_view *v);

/*
 * keys/watch_scan.c: the same without a tree, straight from the bytes of a
 * `release` or `extents` as the builder of entries writes them, of which a
 * trail has most; json is NULL.  False for every other entry, and for one that
 * is not written just so: entry_parse says what it is.  Whatever it takes,
 * entry_parse takes as the same.  by is what out->by borrows.
 */
#define WATCH_SCAN_BY 96
bool watch_scan(struct watch_event *out, uint64_t index, const void *bytes,
    size_t n, char by[static WATCH_SCAN_BY]);

/* The versions of a session.open: false when there is no n-th.  Text is
 * borrowed from the event. */
struct watch_event_version {
	const char *model;
	const char *channel;
	struct digest version;
	uint64_t grant;
	enum msg_grant_type type;
};
bool watch_event_version(const struct watch_event *e, size_t n,
    struct watch_event_version *out);

#endif
