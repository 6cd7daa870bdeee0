/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "keys/broker_state.h"
#include "vault/err.h"

/*
 * That a model is a decoy is for owners and reviewers.  Whatever else keyd
 * answers is the same for a decoy and for a model: nothing here is asked by
 * another request.
 */

/* --- decoy.ls --- */

struct decoy_list {
	struct listing l;
	json_t *items;
};

static int
list_decoy(void *arg, const struct catalogue_decoy *d)
{
	struct decoy_list *list = arg;
	char since[ENTRY_TIME_SIZE];
	json_t *one = json_pack("{s:s, s:s, s:s, s:s}", "model", d->model,
	    "reason", d->reason, "by", d->by, "since",
	    entry_time_text(d->since_ms, since));
	int err;

	if (one == NULL)
		return ERR_NOMEM;
	err = listing_take(&list->l, listing_size(one), d->model);
	if (err != 0) {
		json_decref(one);
		return err;
	}
	return json_array_append_new(list->items, one) == 0 ? 0 : ERR_NOMEM;
}

int
broker_decoy_ls(struct broker_call *c)
{
	struct decoy_list list = { .l = listing_of(MSG_JSON_MAX) };
	struct msg_list m;
	int err = broker_call_list(c, 0, &m);

	if (err != 0)
		return err;
	if (m.after[0] != '\0' && !ref_name_ok(m.after)) {
		msg_list_clear(&m);
		return broker_call_lost(c);
	}
	list.items = json_array();
	err = catalogue_decoy_each(c->b->how.catalogue, m.after, list_decoy,
	    &list);
	msg_list_clear(&m);
	return broker_call_listing(c, err, "decoys", list.items, &list.l);
}

/* --- decoy.add, decoy.rm --- */

/* What can be a decoy is a model of which something was put. */
static int
check_model(struct broker_call *c, const char *model)
{
	struct digest latest;
	int err = catalogue_version_channel(c->b->how.catalogue, model,
	    BROKER_LATEST, &latest);

	if (err == ERR_NOT_FOUND)
		return broker_call_fail(c, err,
		    "there is no model '%s'; put one, or have it made: weir"
		    " decoy add %s --like REF --reason TEXT",
		    model, model);
	if (err != 0)
		return broker_call_unreadable(c, err);
	return 0;
}

static int
check_change(struct broker_call *c, const struct msg_decoy *m, bool add)
{
	bool has;
	int err;

	if (!ref_name_ok(m->model))
		return broker_call_fail(c, ERR_USAGE,
		    "that is not the name of a model");
	if (m->reason[0] == '\0')
		return broker_call_fail(c, ERR_USAGE, "a reason is missing");
	err = catalogue_decoy_has(c->b->how.catalogue, m->model, &has);
	if (err != 0)
		return broker_call_unreadable(c, err);
	if (add && has)
		return broker_call_fail(c, ERR_CONFLICT,
		    "%s is a decoy already", m->model);
	if (!add && !has)
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "%s is no decoy; 'weir decoy ls' lists those that are",
		    m->model);
	return add ? check_model(c, m->model) : 0;
}

static int
change(struct broker_call *c, bool add)
{
	OWNED_ENTRY e = { 0 };
	struct msg_decoy m;
	int err;

	if (msg_decoy_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = check_change(c, &m, add);
	if (err == 0) {
		broker_call_entry(c, &e,
		    add ? ENTRY_DECOY_ADD : ENTRY_DECOY_RM);
		entry_text(&e, "model", m.model);
		entry_text(&e, "reason", m.reason);
		err = broker_call_record(c, &e);
	}
	msg_decoy_clear(&m);
	return err;
}

int
broker_decoy_add(struct broker_call *c)
{
	return change(c, true);
}

int
broker_decoy_rm(struct broker_call *c)
{
	return change(c, false);
}
