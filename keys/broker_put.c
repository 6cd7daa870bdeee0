/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_budget.h"
#include "keys/broker_lock.h"
#include "keys/broker_removal.h"
#include "keys/broker_state.h"
#include "vault/err.h"
#include "vault/manifest.h"
#include "vault/object.h"

static void
drop(struct broker_link *l, struct broker_upload *u)
{
	LIST_REMOVE(u, entry);
	l->uploads_count--;
	broker_gc_let_go(l->b, u->id);
	free(u);
}

void
broker_put_drop(struct broker_link *l)
{
	struct broker_upload *u;

	while ((u = LIST_FIRST(&l->uploads)) != NULL) {
		/* If it stays, the next start drops it. */
		if (l->b->failed == 0 &&
		    catalogue_upload_drop(l->b->how.catalogue, u->id) != 0)
			broker_record_failed(l->b, ERR_IO,
			    "the catalogue cannot be written");
		drop(l, u);
	}
}

static struct broker_upload *
find(const struct broker_link *l, uint64_t id)
{
	struct broker_upload *u;

	LIST_FOREACH(u, &l->uploads, entry)
		if (u->id == id)
			return u;
	return NULL;
}

/* --- put.begin --- */

int
broker_put_uploader(struct broker_call *c, const char *model)
{
	struct catalogue_role r = { .role = ROLE_UPLOADER };
	unsigned int held;
	char reason[64 + REF_NAME_MAX];
	bool has;
	int err = broker_call_roles(c, &held);

	if (err != 0 || (held & ROLE_OWNER) != 0)
		return err;
	snprintf(r.family, sizeof(r.family), "%s", model);
	snprintf(r.to, sizeof(r.to), "%s", c->from->principal);
	err = catalogue_role_has(c->b->how.catalogue, &r, &has);
	if (err != 0)
		return broker_call_unreadable(c, err);
	if (has)
		return 0;
	snprintf(reason, sizeof(reason), "not uploader of %s", model);
	return broker_call_refuse(c, reason,
	    "%s is no uploader of %s; an owner may make it one: weir role add"
	    " uploader --family %s --to %s",
	    c->from->principal, model, model, c->from->principal);
}

/* A key cannot be stored: nobody knows what the catalogue holds then. */
static int
store_failed(struct broker *b, int err)
{
	if (err == ERR_NOMEM)
		return err;
	return broker_record_stop(b, err, "the catalogue cannot be written");
}

static int
open_family(struct broker *b, const char *family, struct family_key **out)
{
	OWNED_MEM(uint8_t) wrapped = NULL;
	size_t n;
	int err;

	err = catalogue_family_key(b->how.catalogue, family, &wrapped, &n);
	if (err != 0)
		return err;
	return keyring_open_family(b->how.keyring, family, wrapped, n, out);
}

/* The model's family gets its key with its first upload. */
static int
make_family(struct broker *b, const char *family)
{
	OWNED(family_key) key = NULL;
	OWNED_MEM(uint8_t) wrapped = NULL;
	struct catalogue_wrapped stored;
	int err = open_family(b, family, &key);

	if (err != ERR_NOT_FOUND)
		return err;
	err = family_key_new(&key);
	if (err == 0)
		err = keyring_wrap_family(b->how.keyring, family, key, &wrapped,
		    &stored.length);
	if (err != 0)
		return err;
	stored.bytes = wrapped;
	err = catalogue_family_stage(b->how.catalogue, family, &stored);
	return err == 0 ? 0 : store_failed(b, err);
}

static int
page_keys(const struct version_key *key, struct msg_put_begin_reply *reply)
{
	OWNED(page_key) manifest = NULL;
	OWNED(page_key) lockbox = NULL;
	int err;

	err = object_manifest_key(&manifest, key);
	if (err == 0)
		err = object_lockbox_key(&lockbox, key);
	if (err != 0)
		return err;
	memcpy(reply->manifest_key, page_key_bytes(manifest), KEY_SIZE);
	memcpy(reply->lockbox_key, page_key_bytes(lockbox), KEY_SIZE);
	return 0;
}

/* A version key, stored where nothing leads to it yet. */
static int
make_key(struct broker *b, const struct broker_upload *u,
    struct msg_put_begin_reply *reply)
{
	OWNED(version_key) key = NULL;
	OWNED_MEM(uint8_t) wrapped = NULL;
	struct catalogue_wrapped stored;
	int err;

	err = version_key_new(&key);
	if (err == 0)
		err = keyring_wrap_version(b->how.keyring, u->id, key, &wrapped,
		    &stored.length);
	if (err == 0)
		err = page_keys(key, reply);
	if (err != 0)
		return err;
	stored.bytes = wrapped;
	err = catalogue_upload_stage(b->how.catalogue, u->id, u->model,
	    &stored);
	return err == 0 ? 0 : store_failed(b, err);
}

static int
begin(struct broker_call *c, struct broker_upload *u)
{
	struct msg_put_begin_reply reply = { 0 };
	OWNED_ENTRY e = { 0 };
	int err;

	u->id = catalogue_next(c->b->how.catalogue, CATALOGUE_UPLOAD);
	reply.upload = u->id;
	err = make_family(c->b, u->model);
	if (err == 0)
		err = make_key(c->b, u, &reply);
	if (err != 0) {
		msg_put_begin_reply_clear(&reply);
		return broker_call_fail(c, err,
		    "the keys for this put cannot be made: %s%s", err_text(err),
		    err == ERR_SPACE ? ": make room where the vault is and run "
				       "the same command again" :
				       "");
	}
	broker_call_entry(c, &e, ENTRY_PUT_BEGIN);
	entry_number(&e, "upload", u->id);
	entry_text(&e, "model", u->model);
	err = broker_call_record(c, &e);
	if (err == 0)
		msg_put_begin_reply_write(&c->reply, &reply);
	msg_put_begin_reply_clear(&reply);
	return err;
}

/* Nobody takes all the room there is for uploads. */
static int
check_room(struct broker_call *c)
{
	const struct broker_link *l, *next;
	size_t same = 0, all = 0;

	if (c->from->uploads_count == BROKER_UPLOADS_MAX)
		return broker_call_fail(c, ERR_LIMIT,
		    "a connection has at most %d uploads under way",
		    BROKER_UPLOADS_MAX);
	HASH_ITER(hh, c->b->links, l, next) {
		all += l->uploads_count;
		if (l->peer.uid == c->from->peer.uid)
			same += l->uploads_count;
	}
	if (same >= BROKER_UPLOADS_OF_UID || all >= BROKER_UPLOADS_ALL)
		return broker_call_fail(c, ERR_LIMIT,
		    "%zu uploads are under way; wait for some to end",
		    same >= BROKER_UPLOADS_OF_UID ? same : all);
	return 0;
}

int
broker_put_begin(struct broker_call *c)
{
	OWNED_MEM(char) model = NULL;
	struct broker_upload *u;
	int err;

	if (msg_string_read(&model, &c->body) != 0)
		return broker_call_malformed(c);
	if (!ref_name_ok(model))
		return broker_call_fail(c, ERR_USAGE,
		    "a model is called [a-z0-9._-]+, or two of these with a"
		    " slash between");
	err = broker_put_uploader(c, model);
	if (err != 0)
		return err;
	err = check_room(c);
	if (err != 0)
		return err;
	u = calloc(1, sizeof(*u));
	if (u == NULL)
		return ERR_NOMEM;
	snprintf(u->model, sizeof(u->model), "%s", model);
	u->began_ms = broker_record_clock();
	err = begin(c, u);
	if (err != 0) {
		free(u);
		return err;
	}
	LIST_INSERT_HEAD(&c->from->uploads, u, entry);
	c->from->uploads_count++;
	return 0;
}

/* --- put.keys --- */

static int
not_yours(struct broker_call *c, uint64_t upload)
{
	return broker_call_refuse(c, "not an upload of this connection",
	    "upload %ju is not one of this connection's: begin again",
	    (uintmax_t)upload);
}

static int
no_keys(struct broker_call *c, int err)
{
	return broker_call_fail(c, err,
	    "the keys for this put cannot be had: %s", err_text(err));
}

static int
give_keys(struct broker_call *c, const struct broker_upload *u,
    const struct msg_put_keys *m)
{
	size_t n = m->count * sizeof(*m->digests);
	struct digest all = digest_of(m->digests, n);
	OWNED(family_key) family = NULL;
	OWNED_ENTRY e = { 0 };
	int err = open_family(c->b, u->model, &family);

	if (err != 0)
		return no_keys(c, err);
	broker_call_entry(c, &e, ENTRY_PUT_KEYS);
	entry_number(&e, "upload", u->id);
	entry_number(&e, "count", m->count);
	entry_digest(&e, "digest", &all);
	err = broker_call_record_later(c, &e);
	for (uint32_t i = 0; err == 0 && i < m->count; i++) {
		SECRET(uint8_t, key, 32);

		object_chunk_key(key, family, &m->digests[i]);
		writer_bytes(&c->reply, key, KEY_SIZE);
	}
	return err;
}

int
broker_put_keys(struct broker_call *c)
{
	const struct broker_upload *u;
	struct msg_put_keys m;
	int err;

	if (msg_put_keys_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	u = find(c->from, m.upload);
	if (u == NULL)
		err = not_yours(c, m.upload);
	else
		err = broker_put_uploader(c, u->model);
	if (err == 0)
		err = give_keys(c, u, &m);
	msg_put_keys_clear(&m);
	return err;
}

/* --- put.commit --- */

static uint32_t
count_files(const struct manifest *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->file_count; i++)
		n += m->files[i].kind == MANIFEST_FILE;
	return n;
}

/* The version lies in the store whole, and is what was said. */
static int
judge_new(struct broker_call *c, const struct broker_check *k)
{
	const struct manifest *manifest = k->manifest;
	int err = k->found[0];

	if (err == ERR_NOT_FOUND)
		return broker_call_fail(c, err,
		    "the manifest, or a page of it, is not in the vault's"
		    " store: do weir and weir-keyd see the same directory?");
	if (err == ERR_UNREACHABLE)
		return broker_call_fail(c, err,
		    "weir-keyd stops; put again when it is back");
	if (err != 0)
		return broker_call_fail(c, err,
		    "the manifest in the store, or a page of it, is not the"
		    " one that was put: %s",
		    err_text(err));
	if (count_files(manifest) != k->m.files ||
	    manifest->total_bytes != k->m.bytes ||
	    manifest->weight_bytes != k->m.weights ||
	    manifest->chunk_rows != k->m.chunks)
		return broker_call_fail(c, ERR_INTEGRITY,
		    "the manifest has other numbers of files, bytes or chunks"
		    " than was said");
	return 0;
}

static bool
passes(int err)
{
	return err == ERR_IO || err == ERR_NOMEM || err == ERR_SPACE ||
	    err == ERR_UNREACHABLE;
}

/* The copy that stays must be sound, or it is not stored. */
static int
judge_old(struct broker_call *c, const struct broker_check *k,
    const char *model)
{
	int err = k->found[1];

	if (err == 0)
		return 0;
	if (passes(err))
		return broker_call_fail(c, err,
		    "the copy of this version that is there cannot be read"
		    " just now: %s",
		    err_text(err));
	return broker_call_fail(c, ERR_INTEGRITY,
	    "%s has this version already, but its manifest or a page"
	    " of it is missing or damaged in the store; 'weir check'"
	    " names the objects to bring back from a backup",
	    model);
}

static bool
all_strings(const json_t *j)
{
	const json_t *value;
	const char *key;
	size_t i;

	json_array_foreach(j, i, value)
		if (!json_is_string(value))
			return false;
	json_object_foreach((json_t *)(uintptr_t)j, key, value)
		if (!json_is_string(value))
			return false;
	return true;
}

/* Write what is JSON of this type, unless it is empty; false if it is not. */
static bool
write_json(struct entry *e, const char *key, const char *text, json_type type)
{
	OWNED_MEM(char) compact = NULL;
	json_error_t why;
	json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	bool ok = j != NULL && json_typeof(j) == type && all_strings(j);
	bool empty = ok && json_array_size(j) + json_object_size(j) == 0;

	if (ok && !empty) {
		compact = json_dumps(j, JSON_COMPACT);
		ok = compact != NULL;
	}
	json_decref(j);
	if (compact != NULL)
		entry_json(e, key, compact);
	return ok;
}

static int
record_put(struct broker_call *c, const struct broker_upload *u,
    const struct msg_put_commit *m)
{
	OWNED_ENTRY e = { 0 };

	broker_call_entry(c, &e, ENTRY_PUT);
	entry_number(&e, "upload", u->id);
	entry_text(&e, "model", u->model);
	entry_digest(&e, "version", &m->version);
	entry_text(&e, "channel", BROKER_LATEST);
	entry_digest(&e, "object", &m->object);
	entry_number(&e, "files", m->files);
	entry_number(&e, "bytes", m->bytes);
	entry_number(&e, "weights", m->weights);
	entry_number(&e, "chunks", m->chunks);
	if (!write_json(&e, "labels", m->labels, JSON_OBJECT))
		return broker_call_fail(c, ERR_USAGE,
		    "the labels are not a JSON object of strings");
	if (!write_json(&e, "pickle", m->imports, JSON_ARRAY))
		return broker_call_fail(c, ERR_USAGE,
		    "the imports are not a JSON list of strings");
	return broker_call_record(c, &e);
}

/* Whether the model has the version, and where. */
static int
find_old(struct broker_call *c, const struct broker_upload *u,
    const struct msg_put_commit *m, struct catalogue_version *out)
{
	int err = catalogue_version_any(c->b->how.catalogue, u->model,
	    &m->version, out);

	if (err != 0 && err != ERR_NOT_FOUND)
		broker_call_unreadable(c, err);
	return err;
}

/* What is to be looked at, with the keys for it. */
static int
add_copy(struct broker_call *c, struct broker_check *k, uint64_t upload,
    const struct digest *object)
{
	int err = broker_model_key(c->b, upload, &k->keys[k->count]);

	if (err != 0)
		return no_keys(c, err);
	k->copies[k->count++] = (struct pages_verify){
		.store = c->b->how.store,
		.version = k->m.version,
		.object = *object,
	};
	return 0;
}

static int
check(struct broker_call *c, struct broker_upload *u, struct msg_put_commit *m)
{
	struct broker_check *k = calloc(1, sizeof(*k));
	struct catalogue_version there;
	int err, known;

	if (k == NULL)
		return ERR_NOMEM;
	k->type = MSG_PUT_COMMIT;
	k->m = *m;
	*m = (struct msg_put_commit){ 0 };
	known = find_old(c, u, &k->m, &there);
	err = known == ERR_NOT_FOUND ? 0 : known;
	if (err == 0) {
		err = open_family(c->b, u->model, &k->family);
		if (err != 0)
			no_keys(c, err);
	}
	if (err == 0)
		err = add_copy(c, k, u->id, &k->m.object);
	if (err == 0 && known == 0)
		err = add_copy(c, k, there.upload, &there.object);
	if (err == 0)
		err = broker_check_start(c, k);
	if (err != 0)
		broker_check_free(k);
	else
		u->checking = true;
	return err;
}

/* Which chunks the version has, for budgets; nothing leads to them yet. */
static int
stage_chunks(struct broker_call *c, const struct broker_upload *u,
    const struct broker_check *k)
{
	int err = catalogue_chunk_stage(c->b->how.catalogue, u->model,
	    &k->m.version, k->chunks, k->manifest->chunk_rows);

	if (err == 0)
		err = broker_gc_stage(c->b, u->model, k);
	return err == 0 ? 0 : store_failed(c->b, err);
}

static int
commit(struct broker_call *c, struct broker_upload *u, struct broker_check *k)
{
	struct catalogue_version there;
	bool lost = false;
	int err, known;

	err = broker_put_uploader(c, u->model);
	if (err == 0)
		err = judge_new(c, k);
	if (err == 0 && k->count > 1)
		err = judge_old(c, k, u->model);
	if (err != 0)
		return err;
	known = find_old(c, u, &k->m, &there);
	if (known != 0 && known != ERR_NOT_FOUND)
		return known;
	/* Somebody else was faster, with a copy that was not looked at. */
	if (known == 0 && k->count == 1)
		return check(c, u, &k->m);
	if (known != 0)
		err = broker_gc_hold(c->b, u->id, k, &lost);
	if (err == 0 && lost) {
		writer_u8(&c->reply, MSG_COMMITTED_NOT);
		return 0;
	}
	if (err == 0 && known != 0)
		err = stage_chunks(c, u, k);
	if (err == 0)
		err = record_put(c, u, &k->m);
	if (err != 0)
		return err;
	broker_budget_forget(c->b, u->model);
	drop(c->from, u);
	writer_u8(&c->reply,
	    known == 0 ? MSG_COMMITTED_KNOWN : MSG_COMMITTED_NEW);
	return 0;
}

int
broker_put_checked(struct broker_call *c, struct broker_check *k)
{
	struct broker_upload *u = find(c->from, k->m.upload);
	int err;

	if (c->b->failed != 0) {
		err = broker_call_fail(c, ERR_IO, "weir-keyd stops");
	} else if (u == NULL) {
		err = not_yours(c, k->m.upload);
	} else {
		u->checking = false;
		err = keyring_locked(c->b->how.keyring) ? broker_lock_says(c) :
							  commit(c, u, k);
	}
	broker_check_free(k);
	return err;
}

int
broker_put_commit(struct broker_call *c)
{
	struct broker_upload *u;
	struct msg_put_commit m;
	int err;

	if (msg_put_commit_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	u = find(c->from, m.upload);
	if (u == NULL)
		err = not_yours(c, m.upload);
	else if (u->checking)
		err = broker_call_fail(c, ERR_CONFLICT,
		    "upload %ju is being committed already", (uintmax_t)u->id);
	else
		err = broker_put_uploader(c, u->model);
	if (err == 0)
		err = check(c, u, &m);
	msg_put_commit_clear(&m);
	return err;
}
