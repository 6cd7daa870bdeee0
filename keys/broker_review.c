/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "keys/broker_trust.h"
#include "keys/grant.h"
#include "vault/err.h"

/* grant.review: who may read what, and what came of it. */

#define DAY_MS INT64_C(86400000)
#define IDLE_DAYS 90 /* not used for that long: it is said */
#define HOSTS_KEPT 32
#define VERSIONS_KEPT 64
#define MILLI 1000

/* What was done under a grant until a time, from its sessions. */
struct use {
	int64_t at_ms;
	uint64_t sessions;
	uint64_t last_session;
	uint64_t exports; /* of these, gets */
	int64_t opened_ms;
	int64_t read_ms; /* the last release by then; 0: none */
	uint64_t bytes;	 /* of sessions that had read their last by then, */
	uint64_t going;	 /* and how many had not */
	char *hosts[HOSTS_KEPT];
	size_t host_count;
	bool more_hosts;
	char versions[VERSIONS_KEPT][DIGEST_HEX_SIZE];
	uint64_t fresh[VERSIONS_KEPT];
	size_t version_count;
	bool more_versions;
};

static void
use_clear(struct use *u)
{
	for (size_t i = 0; i < u->host_count; i++)
		free(u->hosts[i]);
}

static int
note_host(struct use *u, const char *host)
{
	for (size_t i = 0; i < u->host_count; i++)
		if (strcmp(u->hosts[i], host) == 0)
			return 0;
	if (u->host_count == HOSTS_KEPT) {
		u->more_hosts = true;
		return 0;
	}
	u->hosts[u->host_count] = strndup(host, GRANT_HOST_MAX);
	if (u->hosts[u->host_count] == NULL)
		return ERR_NOMEM;
	u->host_count++;
	return 0;
}

static void
note_version(struct use *u, const char *version, uint64_t fresh)
{
	size_t i;

	for (i = 0; i < u->version_count; i++)
		if (strcmp(u->versions[i], version) == 0)
			break;
	if (i == VERSIONS_KEPT) {
		u->more_versions = true;
		return;
	}
	if (i == u->version_count) {
		snprintf(u->versions[i], DIGEST_HEX_SIZE, "%s", version);
		u->fresh[i] = 0;
		u->version_count++;
	}
	u->fresh[i] += fresh;
}

static int
note_use(void *arg, const struct catalogue_use *c)
{
	struct use *u = arg;

	if (c->session != u->last_session) {
		u->last_session = c->session;
		u->sessions++;
		u->exports += c->purpose == MSG_GET;
	}
	if (c->opened_ms > u->opened_ms)
		u->opened_ms = c->opened_ms;
	if (c->last_ms > u->at_ms) {
		/* What it had read by then is not kept. */
		u->going++;
	} else if (c->last_ms != 0) {
		u->bytes += c->bytes;
		if (c->last_ms > u->read_ms)
			u->read_ms = c->last_ms;
		note_version(u, c->version, c->fresh);
	}
	return note_host(u, c->host);
}

/* Whole loads, in thousandths: what was read of a version, by its weights. */
static int
loads_of(struct broker *b, const struct grant *g, const struct use *u,
    uint64_t *milli)
{
	double sum = 0;

	for (size_t i = 0; i < u->version_count; i++) {
		struct catalogue_version v;
		struct digest d;
		int err;

		if (digest_parse(&d, u->versions[i]) != 0)
			return ERR_INTEGRITY;
		err = catalogue_version_any(b->how.catalogue, g->model, &d, &v);
		if (err == ERR_NOT_FOUND)
			continue;
		if (err != 0)
			return err;
		if (v.weights > 0)
			sum += (double)u->fresh[i] / (double)v.weights;
	}
	*milli = (uint64_t)(sum * MILLI);
	return 0;
}

/* --- what is broader than what was used --- */

static int
find(json_t *list, const char *what)
{
	return json_array_append_new(list, json_string(what)) == 0 ? 0 :
								     ERR_NOMEM;
}

/* A pattern that no host was of. */
static int
find_hosts(json_t *list, const struct grant *g, const struct use *u)
{
	char hosts[GRANT_HOSTS_SIZE], what[GRANT_HOST_MAX + 32], *next = NULL;
	int err = 0;

	snprintf(hosts, sizeof(hosts), "%s", g->hosts);
	for (char *one = strtok_r(hosts, " ", &next);
	     err == 0 && one != NULL && !u->more_hosts;
	     one = strtok_r(NULL, " ", &next)) {
		bool seen = false;

		for (size_t i = 0; i < u->host_count; i++)
			seen |= grant_host_matches(one, u->hosts[i]);
		snprintf(what, sizeof(what), "no host of %s", one);
		if (!seen)
			err = find(list, what);
	}
	return err;
}

static int
find_broader(json_t *list, const struct grant *g, const struct use *u,
    uint64_t loads_milli)
{
	char what[96];
	int err = 0;

	if (g->export && u->exports == 0)
		err = find(list, "export never used");
	if (err == 0 && g->type == MSG_GRANT_LOAD && !g->per_day &&
	    u->going == 0 && loads_milli / MILLI + 1 < g->loads) {
		snprintf(what, sizeof(what), "%ju.%ju of %u loads used",
		    (uintmax_t)(loads_milli / MILLI),
		    (uintmax_t)(loads_milli % MILLI / 100), g->loads);
		err = find(list, what);
	}
	if (err == 0 && g->channel[0] == '\0' && g->version[0] == '\0' &&
	    u->version_count == 1 && !u->more_versions && u->going == 0)
		err = find(list, "any version, and one was read");
	if (err == 0 && g->hosts[0] == '\0' && u->host_count == 1)
		err = find(list, "any host, and one was seen");
	return err == 0 ? find_hosts(list, g, u) : err;
}

static int
find_all(json_t *list, const struct grant *g, const struct use *u,
    uint64_t loads_milli)
{
	int64_t used_ms = u->read_ms > u->opened_ms ? u->read_ms : u->opened_ms;
	char what[64];
	int err = 0;

	if (g->until_ms == 0)
		err = find(list, "no end");
	if (err == 0 && u->sessions == 0)
		return find(list, "never used");
	if (err == 0 && u->going == 0 &&
	    u->at_ms - used_ms > IDLE_DAYS * DAY_MS) {
		snprintf(what, sizeof(what), "not used for %jd days",
		    (intmax_t)((u->at_ms - used_ms) / DAY_MS));
		err = find(list, what);
	}
	return err == 0 ? find_broader(list, g, u, loads_milli) : err;
}

/* --- the reply --- */

struct review {
	struct broker *b;
	struct listing l;
	json_t *items;
	int64_t at_ms;
	struct trust_root *root; /* in force; NULL: none, or it is of another
				  * time */
};

/* What was approved stays so: who looks through the grants decides. */
static int
find_approvers(json_t *list, const struct review *r, const struct grant *g)
{
	char why[BROKER_WHY], what[BROKER_WHY + 64];
	bool stale;
	int err;

	if (g->approvals == 0 || r->root == NULL)
		return 0;
	err = broker_trust_stale(r->b, r->root, g, &stale, why);
	if (err != 0 || !stale)
		return err;
	snprintf(what, sizeof(what),
	    "would not be approved now: %s; weir grant rm %ju", why,
	    (uintmax_t)g->id);
	return find(list, what);
}

static int
set_time(json_t *j, const char *key, int64_t ms)
{
	char text[ENTRY_TIME_SIZE];

	return json_object_set_new(j, key,
		   ms == 0 ? json_null() :
			     json_string(entry_time_text(ms, text))) == 0 ?
	    0 :
	    ERR_NOMEM;
}

static json_t *
hosts_seen(const struct use *u)
{
	json_t *list = json_array();

	for (size_t i = 0; i < u->host_count; i++)
		(void)json_array_append_new(list, json_string(u->hosts[i]));
	return list;
}

/* One item; its references are the reply's. */
static int
describe(const struct review *r, const struct grant *g, const struct use *u,
    json_t **out)
{
	json_t *j, *findings = json_array();
	uint64_t loads = 0;
	int err = loads_of(r->b, g, u, &loads);

	if (err == 0)
		err = find_approvers(findings, r, g);
	if (err == 0)
		err = find_all(findings, g, u, loads);
	j = broker_grant_json(g, false);
	if (err == 0 &&
	    json_object_update_new(j,
		json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:O}",
		    "sessions", (json_int_t)u->sessions, "exports",
		    (json_int_t)u->exports, "going_on", (json_int_t)u->going,
		    "bytes", (json_int_t)u->bytes, "loads_milli",
		    (json_int_t)loads, "versions", (json_int_t)u->version_count,
		    "hosts_seen", hosts_seen(u), "findings", findings)) != 0)
		err = ERR_NOMEM;
	if (err == 0)
		err = set_time(j, "last_opened", u->opened_ms);
	if (err == 0)
		err = set_time(j, "last_read", u->read_ms);
	json_decref(findings);
	if (err != 0) {
		json_decref(j);
		return err;
	}
	*out = j;
	return 0;
}

static int
review_grant(void *arg, const struct grant *g)
{
	struct review *r = arg;
	struct use u = { .at_ms = r->at_ms };
	char next[24];
	json_t *one = NULL;
	int err;

	/* As it was then. */
	if ((g->approvals == 0 ? g->created_ms : g->approved_ms) > r->at_ms ||
	    (g->approvals != 0 && g->approved_ms == 0) ||
	    grant_expired(g, r->at_ms) ||
	    (g->removed_ms != 0 && g->removed_ms <= r->at_ms))
		return 0;
	err = catalogue_grant_used(r->b->how.catalogue, g->id, r->at_ms,
	    note_use, &u);
	if (err == 0)
		err = describe(r, g, &u, &one);
	use_clear(&u);
	if (err != 0)
		return err;
	snprintf(next, sizeof(next), "%ju", (uintmax_t)g->id);
	err = listing_take(&r->l, listing_size(one), next);
	if (err != 0) {
		json_decref(one);
		return err;
	}
	return json_array_append_new(r->items, one) == 0 ? 0 : ERR_NOMEM;
}

int
broker_review_review(struct broker_call *c)
{
	struct review r = {
		.b = c->b,
		.l = listing_of(MSG_JSON_MAX),
		.at_ms = broker_record_clock(),
	};
	struct catalogue_grants which = { .principal = "", .removed = true };
	struct msg_list m;
	bool now;
	int err = broker_call_list(c, BROKER_LIST_ID, &m);

	if (err != 0)
		return err;
	now = m.id == 0;
	if (m.id > INT64_MAX)
		err = ERR_FORMAT;
	else if (m.id != 0)
		r.at_ms = (int64_t)m.id;
	if (err == 0 && m.after[0] != '\0')
		err = listing_parse(m.after, &which.after, NULL);
	msg_list_clear(&m);
	if (err != 0)
		return broker_call_lost(c);
	if (now)
		err = broker_trust_root(c->b, &r.root);
	if (err != 0)
		return broker_call_unreadable(c, err);
	r.items = json_array();
	err = catalogue_grant_each(c->b->how.catalogue, &which, review_grant,
	    &r);
	trust_root_free(r.root);
	return broker_call_listing(c, err, "grants", r.items, &r.l);
}
