/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "keys/broker_state.h"
#include "vault/err.h"

struct alert_list {
	struct listing l;
	json_t *items;
	bool found;
};

static int
list_alert(void *arg, const struct catalogue_alert *a)
{
	struct alert_list *list = arg;
	json_t *one = catalogue_alert_json(a);
	char next[24];
	int err;

	if (one == NULL)
		return ERR_NOMEM;
	list->found = true;
	snprintf(next, sizeof(next), "%ju", (uintmax_t)a->id);
	err = listing_take(&list->l, listing_size(one), next);
	if (err != 0) {
		json_decref(one);
		return err;
	}
	return json_array_append_new(list->items, one) == 0 ? 0 : ERR_NOMEM;
}

int
broker_alert_ls(struct broker_call *c)
{
	struct alert_list list = { .l = listing_of(MSG_JSON_MAX) };
	struct catalogue_alerts which = { 0 };
	struct msg_list m;
	int err = broker_call_list(c,
	    BROKER_LIST_MODEL | BROKER_LIST_ID | BROKER_LIST_ENDED, &m);

	if (err != 0)
		return err;
	which.model = m.model;
	which.id = m.id;
	which.acked = m.ended || m.id != 0;
	if (m.after[0] != '\0')
		err = listing_parse(m.after, &which.after, NULL);
	if (err != 0) {
		msg_list_clear(&m);
		return broker_call_lost(c);
	}
	list.items = json_array();
	err = catalogue_alert_each(c->b->how.catalogue, &which, list_alert,
	    &list);
	msg_list_clear(&m);
	if (err == 0 && which.id != 0 && !list.found) {
		json_decref(list.items);
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "there is no alert %ju; 'weir alert ls --all' lists them",
		    (uintmax_t)which.id);
	}
	return broker_call_listing(c, err, "alerts", list.items, &list.l);
}

/* --- alert.ack --- */

static int
find(void *arg, const struct catalogue_alert *a)
{
	bool *found = arg;

	*found = a->id != 0;
	return 0;
}

static int
ack(struct broker_call *c, const struct msg_alert_ack *m)
{
	const struct catalogue_alerts which = { .id = m->alert, .acked = true };
	enum alert_disposition d;
	OWNED_ENTRY e = { 0 };
	bool found = false;
	int err;

	if (alert_disposition_parse(&d, m->disposition) != 0)
		return broker_call_fail(c, ERR_USAGE,
		    "an alert is benign, real or unclear");
	if (strlen(m->note) > ALERT_NOTE_MAX)
		return broker_call_fail(c, ERR_USAGE,
		    "the note is longer than %d bytes", ALERT_NOTE_MAX);
	err = m->alert != 0 ?
	    catalogue_alert_each(c->b->how.catalogue, &which, find, &found) :
	    0;
	if (err != 0)
		return broker_call_fail(c, err, "the catalogue cannot be read");
	if (!found)
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "there is no alert %ju; 'weir alert ls --all' lists them",
		    (uintmax_t)m->alert);
	broker_call_entry(c, &e, ENTRY_ALERT_ACK);
	entry_number(&e, "alert", m->alert);
	entry_text(&e, "disposition", alert_disposition_name(d));
	entry_text(&e, "note", m->note[0] != '\0' ? m->note : NULL);
	return broker_call_record(c, &e);
}

int
broker_alert_ack(struct broker_call *c)
{
	struct msg_alert_ack m;
	int err;

	if (msg_alert_ack_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = ack(c, &m);
	msg_alert_ack_clear(&m);
	return err;
}
