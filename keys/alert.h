/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ALERT_H
#define WEIR_ALERT_H

#include "keys/watch.h"
#include "vault/entry.h"
#include "vault/owned.h"

/* Alerts: what the watch raised, and what a reviewer made of it (FORMAT.md,
 * "Entries").  Pure. */

#define ALERT_NOTE_MAX 1024
#define ALERT_TEXT_MAX 512 /* of names that an alert carries */

enum alert_disposition {
	ALERT_NEW, /* nobody has looked yet */
	ALERT_BENIGN,
	ALERT_REAL,
	ALERT_UNCLEAR,
};

/* "high"; "benign".  ERR_FORMAT for another word (and for "new"). */
const char *alert_severity_name(enum watch_severity s);
int alert_severity_parse(enum watch_severity *out, const char *name) MUST_USE;
const char *alert_disposition_name(enum alert_disposition d);
int alert_disposition_parse(enum alert_disposition *out, const char *name)
    MUST_USE;

/* The fields of an `alert` entry that was begun; number is the alert's. */
void alert_write(struct entry *e, uint64_t number, const struct watch_alert *a);

#endif
