/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "keys/broker_trust.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/object.h"

int
broker_model_key(struct broker *b, uint64_t upload, struct version_key **out)
{
	OWNED_MEM(uint8_t) wrapped = NULL;
	size_t n;
	int err;

	err = catalogue_upload_key(b->how.catalogue, upload, &wrapped, &n);
	if (err == ERR_NOT_FOUND)
		return log_err(ERR_INTEGRITY,
		    "the catalogue has lost the key of upload %ju",
		    (uintmax_t)upload);
	if (err != 0)
		return err;
	return keyring_open_version(b->how.keyring, upload, wrapped, n, out);
}

int
broker_model_manifest_key(struct broker *b, uint64_t upload,
    uint8_t out[static KEY_SIZE])
{
	OWNED(version_key) key = NULL;
	OWNED(page_key) manifest_key = NULL;
	int err = broker_model_key(b, upload, &key);

	if (err == 0)
		err = object_manifest_key(&manifest_key, key);
	if (err == 0)
		memcpy(out, page_key_bytes(manifest_key), KEY_SIZE);
	return err;
}

/* Whoever has no role does not learn that there are such versions. */
static int
ambiguous(struct broker_call *c, const struct ref *r)
{
	unsigned int held;
	int err = broker_call_roles(c, &held);

	if (err != 0 || held == 0)
		return err;
	return broker_call_fail(c, ERR_CONFLICT,
	    "several versions of %s begin with %s: give more digits", r->name,
	    r->digits);
}

static int
look_up(struct broker_call *c, struct broker_target *t)
{
	struct catalogue *catalogue = c->b->how.catalogue;
	const struct ref *r = &t->ref;
	int err;

	if (r->digits[0] != '\0')
		err = catalogue_version_digits(catalogue, r->name, r->digits,
		    &t->version);
	else
		err = catalogue_version_channel(catalogue, r->name, r->channel,
		    &t->version);
	t->found = err == 0;
	if (t->found)
		digest_hex(&t->version, t->hex);
	if (err == ERR_CONFLICT)
		return ambiguous(c, r);
	if (err != 0 && err != ERR_NOT_FOUND)
		return broker_call_unreadable(c, err);
	return 0;
}

int
broker_model_resolve(struct broker_call *c, const char *text,
    struct broker_target *out)
{
	struct broker_target t = { 0 };
	int err;

	if (ref_parse(&t.ref, text) != 0)
		return broker_call_fail(c, ERR_USAGE,
		    "that is no reference: MODEL, MODEL:CHANNEL or"
		    " MODEL@DIGITS are");
	if (t.ref.digits[0] != '\0') {
		snprintf(t.shown, sizeof(t.shown), "%s@%s", t.ref.name,
		    t.ref.digits);
	} else {
		if (t.ref.channel[0] == '\0')
			snprintf(t.ref.channel, sizeof(t.ref.channel),
			    BROKER_LATEST);
		snprintf(t.shown, sizeof(t.shown), "%s:%s", t.ref.name,
		    t.ref.channel);
	}
	err = look_up(c, &t);
	if (err == 0)
		*out = t;
	return err;
}

/* --- model.ls --- */

/* Versions in a reply: each takes a look at signatures, and others are served
 * before the next reply. */
#define VERSIONS_AT_ONCE 256

struct model_list {
	struct broker_call *c;
	const struct grant *grants; /* the caller's */
	size_t grant_count;
	bool all;
	bool long_form;
	const struct trust_root *root; /* in force; NULL: none */
	int64_t now_ms;
	struct listing l;
	size_t taken; /* versions */
	json_t *models;
	json_t *model; /* the last one of models; NULL: none yet */
	char name[REF_NAME_MAX + 1];
	struct digest latest; /* of that model */
};
/* What a model takes besides its name and versions. */
#define MODEL_SIZE (DIGEST_HEX_SIZE + 64)

/* Whether a grant's channel points to v; a grant without one is for any. */
static int
points_to(const struct model_list *l, const struct grant *g,
    const struct catalogue_version *v, bool *points)
{
	struct digest now;
	int err = 0;

	*points = g->channel[0] == '\0';
	if (*points || strcmp(g->model, v->model) != 0)
		return 0;
	err = catalogue_version_channel(l->c->b->how.catalogue, v->model,
	    g->channel, &now);
	*points = err == 0 && digest_equal(&now, &v->version);
	return err == ERR_NOT_FOUND ? 0 : err;
}

static int
may_see(const struct model_list *l, const struct catalogue_version *v,
    bool *may)
{
	char hex[DIGEST_HEX_SIZE];
	int err = 0;

	*may = l->all;
	if (v->removed_ms != 0)
		return 0;
	digest_hex(&v->version, hex);
	for (size_t i = 0; err == 0 && !*may && i < l->grant_count; i++) {
		const struct grant *g = &l->grants[i];
		const struct grant_want want = {
			.model = v->model,
			.channel = g->channel,
			.version = hex,
			.now_ms = l->now_ms,
		};
		const struct grant *chosen;
		bool points;

		err = points_to(l, g, v, &points);
		if (err == 0)
			*may = points &&
			    grant_choose(g, 1, &want, &chosen) == GRANT_OK;
	}
	return err;
}

/* The signed channels that point to a version, those the caller may know. */
struct channels {
	const struct model_list *l;
	const struct catalogue_version *v;
	json_t *names;
};

static int
add_channel(void *arg, const char *channel)
{
	struct channels *to = arg;
	char hex[DIGEST_HEX_SIZE];
	const struct grant_want want = {
		.model = to->v->model,
		.channel = channel,
		.version = digest_hex(&to->v->version, hex),
		.now_ms = to->l->now_ms,
	};
	const struct grant *chosen;

	if (!to->l->all &&
	    grant_choose(to->l->grants, to->l->grant_count, &want, &chosen) !=
		GRANT_OK)
		return 0;
	return json_array_append_new(to->names, json_string(channel)) == 0 ?
	    0 :
	    ERR_NOMEM;
}

static int
add_channels(const struct model_list *l, const struct catalogue_version *v,
    json_t *j)
{
	struct channels to = { .l = l, .v = v, .names = json_array() };

	if (json_object_set_new(j, "channels", to.names) != 0)
		return ERR_NOMEM;
	return catalogue_removal_channels(l->c->b->how.catalogue, v->model,
	    &v->version, add_channel, &to);
}

static json_t *
removal(const struct catalogue_version *v)
{
	char when[ENTRY_TIME_SIZE], until[ENTRY_TIME_SIZE];

	return json_pack("{s:s, s:s, s:s, s:s}", "time",
	    entry_time_text(v->removed_ms, when), "until",
	    entry_time_text(v->until_ms, until), "by", v->removed_by, "reason",
	    v->removed_reason);
}

static json_t *
describe(const struct catalogue_version *v)
{
	char hex[DIGEST_HEX_SIZE], created[ENTRY_TIME_SIZE];
	json_error_t why;
	json_t *labels = json_loads(v->labels, 0, &why);
	json_t *j = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o}",
	    "version", digest_hex(&v->version, hex), "created",
	    entry_time_text(v->created_ms, created), "by", v->by, "files",
	    (json_int_t)v->files, "bytes", (json_int_t)v->bytes, "weights",
	    (json_int_t)v->weights, "chunks", (json_int_t)v->chunks, "labels",
	    labels != NULL ? labels : json_object());

	if (j != NULL && v->removed_ms != 0 &&
	    json_object_set_new(j, "removed", removal(v)) != 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static int
set_text(json_t *j, const char *key, const char *value)
{
	return value == NULL ||
		json_object_set_new(j, key, json_string(value)) == 0 ?
	    0 :
	    ERR_NOMEM;
}

/* What its statement in force says of it. */
static int
add_stated(struct broker *b, const struct catalogue_version *v, json_t *j)
{
	OWNED(catalogue_statement) found = NULL;
	OWNED(statement) s = NULL;
	const struct statement_fields *f;
	int err = catalogue_statement_signed(b->how.catalogue, v->model,
	    &v->version, &found);

	if (err == 0)
		err = statement_parse(&s, found->envelope,
		    strlen(found->envelope), NULL);
	if (err != 0)
		return err == ERR_NOT_FOUND ? 0 : err;
	f = statement_fields(s);
	err = set_text(j, "owner", f->owner);
	if (err == 0)
		err = set_text(j, "classification", f->classification);
	if (err == 0)
		err = set_text(j, "source_run", f->source_run);
	return err == 0 ? set_text(j, "licence", f->licence) : err;
}

static int
add_long(struct broker *b, const struct catalogue_version *v, json_t *j)
{
	char when[ENTRY_TIME_SIZE];
	int64_t last;
	int err = catalogue_version_read(b->how.catalogue, v->model,
	    &v->version, &last);

	if (err == 0 && last != 0)
		err = set_text(j, "last_read", entry_time_text(last, when));
	return err == 0 ? add_stated(b, v, j) : err;
}

/* The versions of another model begin. */
static int
next_model(struct model_list *l, const struct catalogue_version *v)
{
	int err = catalogue_version_channel(l->c->b->how.catalogue, v->model,
	    BROKER_LATEST, &l->latest);

	/* All may have been removed. */
	if (err == ERR_NOT_FOUND) {
		l->latest = (struct digest){ 0 };
		err = 0;
	}
	snprintf(l->name, sizeof(l->name), "%s", v->model);
	l->model = NULL;
	return err;
}

/* A version goes into the reply; with it its model, when it is the first. */
static int
add_version(struct model_list *l, const struct catalogue_version *v)
{
	char hex[DIGEST_HEX_SIZE], next[LISTING_NEXT_MAX + 1];
	json_t *one = describe(v);
	size_t size;
	int err = one == NULL ? ERR_NOMEM : add_channels(l, v, one);

	if (err == 0)
		err = broker_trust_standing(l->c->b, l->root, v, one);
	if (err == 0 && l->long_form)
		err = add_long(l->c->b, v, one);
	if (err != 0) {
		json_decref(one);
		return err;
	}
	size = listing_size(one);
	if (l->model == NULL)
		size += MODEL_SIZE + strlen(v->model);
	snprintf(next, sizeof(next), "%ju %s", (uintmax_t)v->upload, v->model);
	err = listing_take(&l->l, size, next);
	if (err != 0) {
		json_decref(one);
		return err;
	}
	if (l->model == NULL) {
		l->model = json_pack("{s:s, s:[]}", "model", v->model,
		    "versions");
		if (json_array_append_new(l->models, l->model) != 0) {
			json_decref(one);
			return ERR_NOMEM;
		}
	}
	if (json_array_append_new(json_object_get(l->model, "versions"), one) !=
	    0)
		return ERR_NOMEM;
	if (digest_equal(&v->version, &l->latest) &&
	    json_object_set_new(l->model, BROKER_LATEST,
		json_string(digest_hex(&v->version, hex))) != 0)
		return ERR_NOMEM;
	return 0;
}

static int
list_version(void *arg, const struct catalogue_version *v)
{
	struct model_list *l = arg;
	bool may = false;
	int err = 0;

	if (strcmp(l->name, v->model) != 0)
		err = next_model(l, v);
	if (err == 0)
		err = may_see(l, v, &may);
	if (err != 0 || !may)
		return err;
	if (l->taken++ == VERSIONS_AT_ONCE) {
		l->l.full = true;
		return LISTING_FULL;
	}
	return add_version(l, v);
}

/* What the caller is granted, expired grants among it. */
static int
my_grants(struct broker_call *c, const char *model, struct grant **grants,
    size_t *n)
{
	int err = catalogue_grant_list(c->b->how.catalogue, c->from->principal,
	    model, grants, n);

	if (err != 0)
		return broker_call_unreadable(c, err);
	return 0;
}

static int
list(struct broker_call *c, const struct msg_list *m)
{
	OWNED_MEM(struct grant) grants = NULL;
	OWNED(trust_root) root = NULL;
	struct model_list l = {
		.c = c,
		.now_ms = broker_record_clock(),
		.long_form = m->id != 0,
		.l = listing_of(MSG_JSON_MAX),
	};
	struct catalogue_versions which = {
		.model = m->model,
		.after_model = "",
		.removed = m->ended,
	};
	unsigned int held;
	int err;

	if (m->model[0] != '\0' && !ref_name_ok(m->model))
		return broker_call_fail(c, ERR_USAGE,
		    "that is not the name of a model");
	if (m->after[0] != '\0' &&
	    (listing_parse(m->after, &which.after_upload, &which.after_model) !=
		    0 ||
		!ref_name_ok(which.after_model)))
		return broker_call_lost(c);
	err = broker_call_roles(c, &held);
	if (err == 0)
		err = my_grants(c, "", &grants, &l.grant_count);
	if (err != 0)
		return err;
	err = broker_trust_root(c->b, &root);
	if (err != 0)
		return broker_call_unreadable(c, err);
	l.root = root;
	l.grants = grants;
	l.all = held != 0;
	l.models = json_array();
	err = catalogue_version_each(c->b->how.catalogue, &which, list_version,
	    &l);
	if (err == 0 && m->model[0] != '\0' && m->after[0] == '\0' &&
	    json_array_size(l.models) == 0) {
		json_decref(l.models);
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "there is no model '%s'%s; 'weir ls' lists those that %s",
		    m->model, l.all ? "" : ", or you have no grant for it",
		    l.all ? "there are" : "you may see");
	}
	return broker_call_listing(c, err, "models", l.models, &l.l);
}

int
broker_model_ls(struct broker_call *c)
{
	struct msg_list m;
	int err = broker_call_list(c,
	    BROKER_LIST_MODEL | BROKER_LIST_ID | BROKER_LIST_ENDED, &m);

	if (err != 0)
		return err;
	err = list(c, &m);
	msg_list_clear(&m);
	return err;
}

/* --- version.get --- */

/* Whether a role or a grant lets the caller see what t stands for. */
static int
may_get(struct broker_call *c, const struct broker_target *t, unsigned int held,
    bool *may)
{
	OWNED_MEM(struct grant) grants = NULL;
	struct catalogue_role uploader = { .role = ROLE_UPLOADER };
	struct grant_want want = {
		.model = t->ref.name,
		.channel = t->ref.channel,
		.version = t->hex,
		.now_ms = broker_record_clock(),
	};
	const struct grant *g;
	size_t n;
	int err;

	*may = role_may(held, ROLE_MANAGER | ROLE_REVIEWER);
	if (*may)
		return 0;
	snprintf(uploader.family, sizeof(uploader.family), "%s", t->ref.name);
	snprintf(uploader.to, sizeof(uploader.to), "%s", c->from->principal);
	err = catalogue_role_has(c->b->how.catalogue, &uploader, may);
	if (err != 0 || *may)
		return err;
	err = my_grants(c, t->ref.name, &grants, &n);
	if (err == 0)
		*may = t->found &&
		    grant_choose(grants, n, &want, &g) == GRANT_OK;
	return err;
}

static int
reply_version(struct broker_call *c, const struct broker_target *t)
{
	OWNED_MEM(char) labels = NULL;
	struct catalogue_version v;
	struct msg_version m;
	int64_t read_ms;
	int err;

	err = catalogue_version_get(c->b->how.catalogue, t->ref.name,
	    &t->version, &v);
	if (err == 0)
		err = catalogue_version_labels(c->b->how.catalogue, t->ref.name,
		    &t->version, &labels);
	if (err == 0)
		err = catalogue_version_read(c->b->how.catalogue, t->ref.name,
		    &t->version, &read_ms);
	if (err != 0)
		return broker_call_unreadable(c, err);
	m = (struct msg_version){
		.model = v.model,
		.version = v.version,
		.object = v.object,
		.created_ms = v.created_ms,
		.by = v.by,
		.labels = labels,
		.read_ms = read_ms,
	};
	err = broker_model_manifest_key(c->b, v.upload, m.manifest_key);
	if (err == 0)
		msg_version_write(&c->reply, &m);
	secret_wipe(m.manifest_key, KEY_SIZE);
	return err;
}

int
broker_model_visible(struct broker_call *c, unsigned int roles,
    struct broker_target *t)
{
	OWNED_MEM(char) text = NULL;
	unsigned int held = 0;
	bool may;
	int err;

	if (msg_string_read(&text, &c->body) != 0)
		return broker_call_malformed(c);
	err = broker_model_resolve(c, text, t);
	if (err == 0)
		err = broker_call_roles(c, &held);
	may = (held & roles) != 0;
	if (err == 0 && !may)
		err = may_get(c, t, held, &may);
	if (err != 0 || (may && t->found))
		return err;
	/* Whoever has no role does not learn what there is. */
	if (held != 0 && !t->found)
		return broker_call_fail(c, ERR_NOT_FOUND,
		    "there is no %s; 'weir ls' lists what there is", t->shown);
	return broker_call_refuse(c, "no grant",
	    "%s has no grant for %s; a manager may add one: weir grant add %s"
	    " --to %s --browse --reason TEXT",
	    c->from->principal, t->shown, t->shown, c->from->principal);
}

int
broker_model_version(struct broker_call *c)
{
	struct broker_target t;
	int err = broker_model_visible(c, 0, &t);

	return err == 0 ? reply_version(c, &t) : err;
}
