/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LOOKOUT_H
#define WEIR_LOOKOUT_H

#include "keys/watch.h"
#include "keys/watch_rules.h"

/* A watch, a trail told to it entry by entry, and what it said. */

#define LOOKOUT_ALERTS 64
#define LOOKOUT_WEIGHTS UINT64_C(1000000000) /* of each version */
#define LOOKOUT_PPM (LOOKOUT_WEIGHTS / 1000000)

struct lookout_alert {
	char rule[32];
	char principal[96];
	char model[160];
	char reason[WATCH_REASON];
	char advice[WATCH_REASON];
	enum watch_severity severity;
	uint64_t session;
	uint64_t at; /* the entry that made it be said */
	uint64_t entries[WATCH_ENTRIES];
	size_t entry_count;
};

struct lookout {
	struct watch_rules rules;
	struct watch *watch;
	uint64_t index;
	uint64_t clock;
	int64_t ahead_ms; /* of the wall clock over accounting time */
	uint64_t ids;
	uint64_t first; /* row that the next release begins with */
	struct lookout_alert alerts[LOOKOUT_ALERTS];
	size_t count; /* of all; the first ones are kept */
};

void lookout_begin(struct lookout *l); /* the default rules */
void lookout_end(struct lookout *l);

/* A rule's alerts so far. */
size_t lookout_count(const struct lookout *l, const char *rule);
const struct lookout_alert *lookout_find(const struct lookout *l,
    const char *rule);

/* Index and times are filled in.  Fails the test if the watch fails. */
void lookout_tell(struct lookout *l, struct watch_event *e);

/* The version's digest is of its number. */
struct digest lookout_version(unsigned int number);
void lookout_put(struct lookout *l, const char *model, unsigned int version);
uint64_t lookout_grant(struct lookout *l, const char *to, const char *model,
    enum msg_grant_type type, unsigned int exact_version);
uint64_t lookout_open(struct lookout *l, const char *who, const char *model,
    unsigned int version, enum msg_grant_type type, const char *channel);
/* fresh of the weights of the release; used and pool in ppm. */
void lookout_release(struct lookout *l, uint64_t session, unsigned int version,
    uint64_t fresh, uint32_t used, uint32_t pool);
void lookout_extents(struct lookout *l, uint64_t session, uint64_t bytes,
    uint32_t uid);
void lookout_close(struct lookout *l, uint64_t session, const char *reason);
void lookout_refused(struct lookout *l, const char *by, const char *reason);

#endif
