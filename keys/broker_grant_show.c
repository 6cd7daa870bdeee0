/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_budget.h"
#include "keys/broker_state.h"
#include "keys/grant.h"
#include "vault/err.h"

/* What is used and left of a grant, and a pool that begins anew. */

#define CONTRIBUTORS_MAX 64 /* in one entry */

/* --- grant.show --- */

struct showing {
	struct broker_call *c;
	struct grant g;
	struct digest *versions; /* of its model */
	size_t count;
	struct digest latest;
	json_t *root;
	json_t *list; /* borrowed from root */
};

/* Copied first: budgets are taken from the same list. */
static int
take_version(void *arg, const struct catalogue_version *v)
{
	struct showing *s = arg;
	char hex[DIGEST_HEX_SIZE];
	struct digest *more;

	if (s->g.version[0] != '\0' &&
	    strcmp(s->g.version, digest_hex(&v->version, hex)) != 0)
		return 0;
	more = reallocarray(s->versions, s->count + 1, sizeof(*more));
	if (more == NULL)
		return ERR_NOMEM;
	s->versions = more;
	s->versions[s->count++] = v->version;
	return 0;
}

static int
show_loads(struct showing *s, const struct budget_used *u)
{
	uint64_t most = (uint64_t)s->g.loads * BUDGET_LOAD_PPM;
	json_t *j;

	if (s->g.type != MSG_GRANT_LOAD)
		return 0;
	j = json_pack("{s:I, s:I, s:I, s:I}", "used_ppm",
	    (json_int_t)u->load_ppm, "limit_ppm", (json_int_t)most,
	    "repeated_ppm", (json_int_t)u->all_ppm, "repeated_limit_ppm",
	    (json_int_t)(most * BUDGET_REPEATS));
	return json_object_set_new(s->root, "load", j) == 0 ? 0 : ERR_NOMEM;
}

/* Versions of which something was read, and the one that was put last. */
static int
show_version(struct showing *s, const struct digest *version)
{
	char hex[DIGEST_HEX_SIZE];
	struct budget_used u;
	struct broker_ask a;
	json_t *j;
	int err = broker_budget_ask(s->c->b, &s->g, s->g.to, version, &a);

	if (err == 0)
		err = budget_used(a.budget, &a.ask, &u);
	if (err == 0)
		err = show_loads(s, &u);
	if (err != 0)
		return err;
	if (u.used_ppm == 0 && u.pool_ppm == 0 && u.loaded_here == 0 &&
	    !digest_equal(version, &s->latest))
		return 0;
	j = json_pack("{s:s, s:I, s:b}", "version", digest_hex(version, hex),
	    "weights", (json_int_t)u.weights, "spent", u.spent);
	if (j != NULL && s->g.type == MSG_GRANT_BROWSE &&
	    (json_object_set_new(j, "used_ppm", json_integer(u.used_ppm)) !=
		    0 ||
		json_object_set_new(j, "pool_ppm", json_integer(u.pool_ppm)) !=
		    0 ||
		json_object_set_new(j, "chunk_ppm",
		    json_integer(u.chunk_ppm)) != 0)) {
		json_decref(j);
		return ERR_NOMEM;
	}
	if (j != NULL && s->g.type == MSG_GRANT_LOAD &&
	    json_object_set_new(j, "loaded",
		json_integer((json_int_t)u.loaded_here)) != 0) {
		json_decref(j);
		return ERR_NOMEM;
	}
	return json_array_append_new(s->list, j) == 0 ? 0 : ERR_NOMEM;
}

static int
show_all(struct showing *s)
{
	const struct catalogue_versions which = { .model = s->g.model,
		.after_model = "" };
	struct catalogue *c = s->c->b->how.catalogue;
	int err = catalogue_version_each(c, &which, take_version, s);

	if (err == 0)
		err = catalogue_version_channel(c, s->g.model, BROKER_LATEST,
		    &s->latest);
	if (err == ERR_NOT_FOUND)
		err = 0;
	for (size_t i = 0; err == 0 && i < s->count; i++)
		err = show_version(s, &s->versions[i]);
	return err;
}

static int
show(struct showing *s)
{
	bool expired = grant_expired(&s->g, broker_record_clock());
	int err;

	s->root = broker_grant_json(&s->g, expired);
	s->list = json_array();
	if (s->root == NULL ||
	    json_object_set_new(s->root, "versions", s->list) != 0)
		return ERR_NOMEM;
	if (s->g.type == MSG_GRANT_BROWSE &&
	    (json_object_set_new(s->root, "limit_ppm",
		 json_integer(BUDGET_HARD_PPM)) != 0 ||
		json_object_set_new(s->root, "pool_limit_ppm",
		    json_integer(BUDGET_POOL_HARD_PPM)) != 0 ||
		json_object_set_new(s->root, "days",
		    json_integer(BUDGET_DAYS)) != 0))
		return ERR_NOMEM;
	err = show_all(s);
	return err;
}

/* The same words whether there is such a grant or not. */
static int
find_grant(struct broker_call *c, uint64_t id, struct grant *out)
{
	unsigned int held;
	int err = catalogue_grant_get(c->b->how.catalogue, id, out);

	if (err == ERR_NOT_FOUND)
		err = catalogue_grant_removed(c->b->how.catalogue, id, out);
	if (err != 0 && err != ERR_NOT_FOUND)
		return broker_call_unreadable(c, err);
	if (err == 0 && strcmp(out->to, c->from->principal) != 0) {
		int asked = broker_call_roles(c, &held);

		if (asked != 0)
			return asked;
		if (!role_may(held, ROLE_MANAGER | ROLE_REVIEWER))
			err = ERR_NOT_FOUND;
	}
	if (err != 0)
		return broker_call_fail(c, err,
		    "there is no grant %ju that you may see; 'weir grant ls"
		    " --all' lists them",
		    (uintmax_t)id);
	return 0;
}

int
broker_grant_show(struct broker_call *c)
{
	struct showing s = { .c = c };
	uint64_t id;
	int err;

	if (msg_number_read(&id, &c->body) != 0)
		return broker_call_malformed(c);
	err = find_grant(c, id, &s.g);
	if (err != 0)
		return err;
	err = show(&s);
	free(s.versions);
	if (err != 0) {
		json_decref(s.root);
		return broker_call_fail(c, err, "the budget cannot be told: %s",
		    err_text(err));
	}
	return broker_call_json(c, s.root);
}

/* --- budget.reset --- */

struct resetting {
	const char *caller;
	struct entry *e;
	size_t written;
	bool is_caller; /* one of those who used it up */
};

static int
write_contributor(void *arg, const char *principal, uint32_t used_ppm)
{
	struct resetting *r = arg;

	if (strcmp(principal, r->caller) == 0)
		r->is_caller = true;
	if (r->written == CONTRIBUTORS_MAX)
		return 0;
	r->written++;
	entry_open_object(r->e, NULL);
	entry_text(r->e, "principal", principal);
	entry_number(r->e, "used", used_ppm);
	entry_close(r->e);
	return 0;
}

static int
reset(struct broker_call *c, const struct msg_budget_reset *m)
{
	OWNED_ENTRY e = { 0 };
	struct resetting r = { .caller = c->from->principal, .e = &e };
	struct digest any;
	int err;

	if (m->reason[0] == '\0' || strlen(m->reason) > GRANT_REASON_MAX)
		return broker_call_fail(c, ERR_USAGE,
		    "a reset has a reason, of at most 1,024 bytes");
	err = catalogue_version_channel(c->b->how.catalogue, m->model,
	    BROKER_LATEST, &any);
	if (err == ERR_NOT_FOUND)
		return broker_call_fail(c, err,
		    "there is no model '%.200s'; 'weir ls' lists them",
		    m->model);
	broker_call_entry(c, &e, ENTRY_BUDGET_RESET);
	entry_text(&e, "model", m->model);
	entry_text(&e, "reason", m->reason);
	entry_open_list(&e, "contributors");
	if (err == 0)
		err = broker_budget_contributors(c->b, m->model,
		    write_contributor, &r);
	if (err != 0)
		return broker_call_fail(c, err, "the budget cannot be told: %s",
		    err_text(err));
	entry_close(&e);
	if (r.is_caller)
		return broker_call_refuse(c, "one of those who used it up",
		    "%s browses %s, too: a manager who does not has to run"
		    " weir grant reset %s --reason TEXT",
		    c->from->principal, m->model, m->model);
	err = broker_call_record(c, &e);
	if (err == 0) {
		broker_budget_reset(c->b, m->model);
		msg_number_write(&c->reply, r.written);
	}
	return err;
}

int
broker_grant_reset(struct broker_call *c)
{
	struct msg_budget_reset m;
	int err;

	if (msg_budget_reset_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = reset(c, &m);
	msg_budget_reset_clear(&m);
	return err;
}
