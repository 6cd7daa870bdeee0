/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SENTRY_H
#define WEIR_SENTRY_H

#include "keys/watch.h"
#include "keys/watch_rules.h"

/* A watch, a trail told to it entry by entry, and what it said. */

#define SENTRY_ALERTS 64
#define SENTRY_WEIGHTS UINT64_C(1000000000) /* of each version */
#define SENTRY_PPM (SENTRY_WEIGHTS / 1000000)

struct sentry_alert {
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

struct sentry {
	struct watch_rules rules;
	struct watch *watch;
	uint64_t index;
	uint64_t clock;
	int64_t ahead_ms; /* of the wall clock over accounting time */
	uint64_t ids;
	uint64_t first; /* row that the next release begins with */
	struct sentry_alert alerts[SENTRY_ALERTS];
	size_t count; /* of all; the first ones are kept */
};

void sentry_begin(struct sentry *l); /* the default rules */
void sentry_end(struct sentry *l);

/* A rule's alerts so far. */
size_t sentry_count(const struct sentry *l, const char *rule);
const struct sentry_alert *sentry_find(const struct sentry *l,
    const char *rule);

/* Index and times are filled in.  Fails the test if the watch fails. */
void sentry_tell(struct sentry *l, struct watch_event *e);

/* The version's digest is of its number. */
struct digest sentry_version(unsigned int number);
void sentry_put(struct sentry *l, const char *model, unsigned int version);
uint64_t sentry_grant(struct sentry *l, const char *to, const char *model,
    enum msg_grant_type type, unsigned int exact_version);
uint64_t sentry_open(struct sentry *l, const char *who, const char *model,
    unsigned int version, enum msg_grant_type type, const char *channel);
/* fresh of the weights of the release; used and pool in ppm. */
void sentry_release(struct sentry *l, uint64_t session, unsigned int version,
    uint64_t fresh, uint32_t used, uint32_t pool);
void sentry_extents(struct sentry *l, uint64_t session, uint64_t bytes,
    uint32_t uid);
/* By keyd, but for "unmounted". */
void sentry_close(struct sentry *l, uint64_t session, const char *reason);
void sentry_refused(struct sentry *l, const char *by, const char *reason);

#endif
