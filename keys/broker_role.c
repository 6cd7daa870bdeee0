/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "keys/broker_state.h"
#include "vault/err.h"

struct role_list {
	struct listing l;
	json_t *items;
};

static int
list_role(void *arg, const struct catalogue_role *r)
{
	struct role_list *list = arg;
	char next[LISTING_NEXT_MAX + 1];
	json_t *one = json_pack("{s:s, s:s}", "role", role_name(r->role), "to",
	    r->to);
	int err;

	if (one == NULL ||
	    (r->family[0] != '\0' &&
		json_object_set_new(one, "family", json_string(r->family)) !=
		    0)) {
		json_decref(one);
		return ERR_NOMEM;
	}
	snprintf(next, sizeof(next), "%d %s %s", (int)r->role, r->family,
	    r->to);
	err = listing_take(&list->l, listing_size(one), next);
	if (err != 0) {
		json_decref(one);
		return err;
	}
	return json_array_append_new(list->items, one) == 0 ? 0 : ERR_NOMEM;
}

/* "4 llama user:bob" */
static int
parse_after(const char *text, struct catalogue_role *out)
{
	struct catalogue_role r = { 0 };
	const char *family, *to;
	uint64_t role;

	if (listing_parse(text, &role, &family) != 0 || role > ROLE_ANY)
		return ERR_FORMAT;
	to = strchr(family, ' ');
	if (to == NULL || (size_t)(to - family) >= sizeof(r.family) ||
	    strlen(to + 1) >= sizeof(r.to))
		return ERR_FORMAT;
	r.role = (enum role)role;
	memcpy(r.family, family, (size_t)(to - family));
	snprintf(r.to, sizeof(r.to), "%s", to + 1);
	*out = r;
	return 0;
}

int
broker_role_ls(struct broker_call *c)
{
	struct role_list list = { .l = listing_of(MSG_JSON_MAX) };
	struct catalogue_role after = { 0 };
	struct msg_list m;
	int err = broker_call_list(c, 0, &m);

	if (err != 0)
		return err;
	if (m.after[0] != '\0')
		err = parse_after(m.after, &after);
	msg_list_clear(&m);
	if (err != 0)
		return broker_call_lost(c);
	list.items = json_array();
	err = catalogue_role_each(c->b->how.catalogue, &after, list_role,
	    &list);
	return broker_call_listing(c, err, "roles", list.items, &list.l);
}

/* What a role.add or role.rm names.  ERR_USAGE with a sentence. */
static int
check_role(struct broker_call *c, const struct msg_role *m,
    struct catalogue_role *out)
{
	struct catalogue_role r = { 0 };

	if (role_parse(&r.role, m->role) != 0)
		return broker_call_fail(c, ERR_USAGE,
		    "there is no such role: owner, manager, uploader, reviewer"
		    " and mounter are");
	if (!ref_principal_ok(m->to))
		return broker_call_fail(c, ERR_USAGE,
		    "a role is given to user:NAME");
	if (role_has_family(r.role) != (m->family[0] != '\0'))
		return broker_call_fail(c, ERR_USAGE,
		    "an uploader is one of a model: --family MODEL; no other"
		    " role is");
	if (m->family[0] != '\0' && !ref_name_ok(m->family))
		return broker_call_fail(c, ERR_USAGE,
		    "the family is not the name of a model");
	snprintf(r.family, sizeof(r.family), "%s", m->family);
	snprintf(r.to, sizeof(r.to), "%s", m->to);
	*out = r;
	return 0;
}

/* Whether the role is to be changed at all, and may be. */
static int
check_change(struct broker_call *c, const struct catalogue_role *r, bool add)
{
	uint64_t owners = 0;
	bool has;
	int err = catalogue_role_has(c->b->how.catalogue, r, &has);

	if (err == 0)
		err = catalogue_role_owners(c->b->how.catalogue, &owners);
	if (err != 0)
		return broker_call_unreadable(c, err);
	if (add && has)
		return broker_call_fail(c, ERR_CONFLICT,
		    "%s has the role of %s already", r->to, role_name(r->role));
	if (!add && !has)
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "%s has no role of %s", r->to, role_name(r->role));
	if (!add && r->role == ROLE_OWNER && owners == 1)
		return broker_call_fail(c, ERR_CONFLICT,
		    "%s is the last owner, and stays: make another one first",
		    r->to);
	return 0;
}

static int
change(struct broker_call *c, bool add)
{
	OWNED_ENTRY e = { 0 };
	struct catalogue_role r;
	struct msg_role m;
	int err;

	if (msg_role_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = check_role(c, &m, &r);
	msg_role_clear(&m);
	if (err == 0)
		err = check_change(c, &r, add);
	if (err != 0)
		return err;
	broker_call_entry(c, &e, add ? ENTRY_ROLE_ADD : ENTRY_ROLE_RM);
	entry_text(&e, "role", role_name(r.role));
	entry_text(&e, "family", r.family[0] != '\0' ? r.family : NULL);
	entry_text(&e, "to", r.to);
	return broker_call_record(c, &e);
}

int
broker_role_add(struct broker_call *c)
{
	return change(c, true);
}

int
broker_role_rm(struct broker_call *c)
{
	return change(c, false);
}
