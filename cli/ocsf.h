/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OCSF_H
#define WEIR_OCSF_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/story.h"
#include "vault/entry.h"
#include "vault/owned.h"
#include "vault/trail.h"

/*
 * The trail as events of OCSF 1.8.0 (docs/alerts.md): File System Activity
 * (1001) for what was read and mounted, Detection Finding (2004) for alerts,
 * API Activity (6003) for what people and keyd decided.
 */
struct ocsf;

#define OCSF_VERSION "1.8.0"

struct ocsf_how {
	struct story *story;	   /* borrowed; has learnt what o is told */
	struct trail_reader *past; /* borrowed: looked up by itself */
	const char *origin;	   /* of the log; borrowed */
	const char *vault;	   /* its id; borrowed */
	const char *host;	   /* where keyd runs; borrowed */
};
int ocsf_new(struct ocsf **out, const struct ocsf_how *how) MUST_USE;
void ocsf_free(struct ocsf *o);
OWNED_TYPE(ocsf);

/* What an entry says of others; in order. */
int ocsf_learn(struct ocsf *o, const struct entry_view *v) MUST_USE;
/* Whether an entry is about an alert that was not learnt. */
bool ocsf_lacks(const struct ocsf *o, const struct entry_view *v);

/* The events of an entry that was learnt: none, one, or a few.  What emit
 * returns ends it. */
struct ocsf_entry {
	uint64_t index;
	const uint8_t *bytes;
	size_t length;
	const struct entry_view *v;
};
int ocsf_tell(struct ocsf *o, const struct ocsf_entry *e,
    int (*emit)(void *arg, const json_t *event), void *arg) MUST_USE;

#endif
