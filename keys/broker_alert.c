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

struct about {
	bool found;
	char principal[PEER_SIZE]; /* whom it is about; empty: nobody alone */
};

static int
find(void *arg, const struct catalogue_alert *a)
{
	struct about *about = arg;

	about->found = a->id != 0;
	(void)snprintf(about->principal, sizeof(about->principal), "%s",
	    a->principal);
	return 0;
}

/* Nobody closes a case against themselves.  An embedded keyd has one user, whom
 * it does not bind. */
static bool
own_case(const struct broker_call *c, const struct about *about)
{
	return c->b->how.service &&
	    strcmp(about->principal, c->from->principal) == 0;
}

static int
ack(struct broker_call *c, const struct msg_alert_ack *m)
{
	const struct catalogue_alerts which = { .id = m->alert, .acked = true };
	enum alert_disposition d;
	OWNED_ENTRY e = { 0 };
	struct about about = { .found = false };
	int err;

	if (alert_disposition_parse(&d, m->disposition) != 0)
		return broker_call_fail(c, ERR_USAGE,
		    "an alert is benign, real or unclear");
	if (strlen(m->note) > ALERT_NOTE_MAX)
		return broker_call_fail(c, ERR_USAGE,
		    "the note is longer than %d bytes", ALERT_NOTE_MAX);
	err = m->alert != 0 ?
	    catalogue_alert_each(c->b->how.catalogue, &which, find, &about) :
	    0;
	if (err != 0)
		return broker_call_unreadable(c, err);
	if (!about.found)
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "there is no alert %ju; 'weir alert ls --all' lists them",
		    (uintmax_t)m->alert);
	if (own_case(c, &about))
		return broker_call_refuse(c, "an alert about who asks",
		    "alert %ju is about you: another reviewer or owner"
		    " acknowledges it ('weir role ls' lists them; an owner"
		    " makes one: weir role add reviewer --to user:NAME)",
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
