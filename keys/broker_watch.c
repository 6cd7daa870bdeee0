/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>

#include "keys/alert.h"
#include "keys/broker_state.h"
#include "keys/courier.h"
#include "keys/lookout.h"
#include "keys/watchfile.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define FINISH_MS 5000
#define BEHIND_MS 1000 /* with all of a trail to look at, which begins anew */

static int
post(void *arg, const struct catalogue_alert *a)
{
	struct broker *b = arg;
	OWNED_MEM(char) text = NULL;
	char id[VAULTDIR_ID_SIZE];
	json_t *j = catalogue_alert_json(a);

	if (j == NULL ||
	    json_object_set_new(j, "vault",
		json_string(vaultdir_id(b->how.vault, id))) != 0) {
		json_decref(j);
		return ERR_NOMEM;
	}
	text = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	if (text == NULL)
		return ERR_NOMEM;
	courier_post(b->how.courier, a->id, a->severity, text);
	return 0;
}

/* What this fails to post, the next start does. */
static void
post_one(struct broker *b, const struct entry_view *v)
{
	struct catalogue_alerts which = { .acked = true };

	if (b->how.courier == NULL ||
	    entry_view_number(v, "alert", &which.id) != 0)
		return;
	if (catalogue_alert_each(b->how.catalogue, &which, post, b) != 0)
		log_warn("alert %ju is not delivered before weir-keyd is"
			 " started again",
		    (uintmax_t)which.id);
}

int
broker_watch_post_all(struct broker *b)
{
	struct catalogue_alerts which = { .acked = true };

	if (b->how.courier == NULL)
		return 0;
	which.after = courier_next(b->how.courier) - 1;
	return catalogue_alert_each(b->how.catalogue, &which, post, b);
}

size_t
broker_watch_undelivered(const struct broker *b)
{
	return b->how.courier != NULL ? courier_waiting(b->how.courier) : 0;
}

void
broker_watch_see(struct broker *b, uint64_t index, const uint8_t *bytes,
    size_t n, const struct entry_view *v)
{
	if (v->kind == ENTRY_ALERT)
		post_one(b, v);
	if (b->how.lookout == NULL)
		return;
	if (v->kind == ENTRY_ALERT && b->alerts_owed > 0)
		b->alerts_owed--;
	lookout_see(b->how.lookout, index, bytes, n);
}

/* The next number: that of one on its way to the disk is not in the catalogue
 * yet. */
static uint64_t
next_number(const struct broker *b)
{
	uint64_t next = catalogue_next(b->how.catalogue, CATALOGUE_ALERT);

	return next > b->last_alert ? next : b->last_alert + 1;
}

static int
record(struct broker *b, const struct watch_alert *a)
{
	struct broker_pending *unused;
	uint64_t number = next_number(b);
	OWNED_ENTRY e = { 0 };
	int err;

	broker_record_begin(&e, ENTRY_ALERT);
	alert_write(&e, number, a);
	err = broker_record_later(b, &e, &unused);
	if (err == 0) {
		b->last_alert = number;
		b->alerts_owed++;
	}
	return err;
}

/* What cannot be recorded just now is not dropped: it is tried again with the
 * next tick. */
void
broker_watch_record(struct broker *b)
{
	const struct watch_alert *a;

	if (b->how.lookout == NULL)
		return;
	while (b->failed == 0 && (a = lookout_raised(b->how.lookout)) != NULL &&
	    record(b, a) == 0)
		lookout_drop(b->how.lookout);
}

void
broker_watch_note(struct broker *b)
{
	if (b->how.lookout != NULL && b->alerts_owed == 0)
		catalogue_set_watched(b->how.catalogue,
		    lookout_seen(b->how.lookout));
}

int
broker_watch_rules(struct broker *b, const char *state,
    const struct watch_rules *rules)
{
	struct broker_pending *p;
	OWNED_ENTRY e = { 0 };
	int err;

	broker_record_begin(&e, ENTRY_CONFIG);
	entry_text(&e, "key", WATCHFILE);
	entry_text(&e, "value", state);
	err = broker_record_later(b, &e, &p);
	if (err == 0 && rules != NULL && b->how.lookout != NULL)
		lookout_rules(b->how.lookout, rules, p->index);
	return err;
}

int
broker_watch_courier(struct broker *b, struct courier *c)
{
	b->how.courier = c;
	return broker_watch_post_all(b);
}

/* What is recorded is itself looked at. */
int
broker_watch_finish(struct broker *b)
{
	struct lookout *l = b->how.lookout;
	int64_t began = clock_ms();
	int err = b->failed;
	bool all = l == NULL;

	while (err == 0 && !all) {
		int64_t left = began - clock_ms() +
		    (lookout_is_behind(l) ? BEHIND_MS : FINISH_MS);

		if (left <= 0)
			break;
		all = lookout_settle(l, (unsigned int)left);
		broker_watch_record(b);
		err = broker_record_drain(b);
	}
	broker_watch_note(b);
	return err;
}
