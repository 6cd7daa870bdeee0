/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OCSF_PARTS_H
#define WEIR_OCSF_PARTS_H

#include <stdbool.h>
#include <uthash.h>

#include "cli/ocsf.h"

/* What the parts of the export share: for ocsf*.c alone. */

struct ocsf_session {
	uint64_t id;
	json_t *open; /* the session.open entry */
	UT_hash_handle hh;
};

struct ocsf_alert {
	uint64_t id;
	json_t *entry;
	int64_t time_ms;
	UT_hash_handle hh;
};

struct ocsf {
	struct ocsf_how how;
	struct ocsf_session *sessions;
	struct ocsf_alert *alerts;
};

/* One event being made.  Out of memory is sticky: bad. */
struct ocsf_event {
	struct ocsf *o;
	const struct ocsf_entry *e;
	json_t *j;
	bool bad;
	unsigned int part; /* of the entry's events */
};

struct ocsf_class {
	int uid;
	const char *name;
	int category;
	const char *category_name;
};

#define OCSF_INFORMATIONAL 1
#define OCSF_LOW 2
#define OCSF_MEDIUM 3
#define OCSF_HIGH 4

/* Values are taken over; NULL is out of memory. */
void ocsf_set(struct ocsf_event *e, json_t *object, const char *key,
    json_t *value);
void ocsf_text(struct ocsf_event *e, json_t *object, const char *key,
    const char *text); /* NULL and "": not set */
void ocsf_number(struct ocsf_event *e, json_t *object, const char *key,
    int64_t n);
/* A new object in its place, borrowed. */
json_t *ocsf_object(struct ocsf_event *e, json_t *parent, const char *key);
json_t *ocsf_list(struct ocsf_event *e, json_t *parent, const char *key);
/* A new object at a list's end, borrowed. */
json_t *ocsf_item(struct ocsf_event *e, json_t *list);

/* What every event has; an activity with its name. */
void ocsf_begin(struct ocsf_event *e, const struct ocsf_class *c, int activity,
    const char *name, int severity);
void ocsf_status(struct ocsf_event *e, bool ok, const char *detail);
/* Profile security_control: it was let happen, or not. */
void ocsf_allowed(struct ocsf_event *e, bool allowed);
/* Who did it, for whom; device: where. */
void ocsf_actor(struct ocsf_event *e, json_t *parent);
json_t *ocsf_session_of(const struct ocsf_event *e);
const struct ocsf_alert *ocsf_alert_of(const struct ocsf *o,
    const struct entry_view *v);
uint64_t ocsf_count(const struct ocsf_event *e, const char *key);
const char *ocsf_word(const struct ocsf_event *e, const char *key);
/* "<vault>:<index>" */
void ocsf_uid(const struct ocsf *o, uint64_t index, char *buf, size_t size);
#define OCSF_UID 80
/* The model that it is about, as a resource. */
void ocsf_resource(struct ocsf_event *e);

typedef int ocsf_emit(void *arg, const json_t *event);
/* End it: emitted, and freed. */
int ocsf_end(struct ocsf_event *e, ocsf_emit *emit, void *arg) MUST_USE;

int ocsf_file_tell(struct ocsf *o, const struct ocsf_entry *e, ocsf_emit *emit,
    void *arg) MUST_USE;
int ocsf_finding_tell(struct ocsf *o, const struct ocsf_entry *e,
    ocsf_emit *emit, void *arg) MUST_USE;
int ocsf_api_tell(struct ocsf *o, const struct ocsf_entry *e, ocsf_emit *emit,
    void *arg) MUST_USE;

#endif
