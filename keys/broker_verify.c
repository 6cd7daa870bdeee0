/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "keys/verifier.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/object.h"

/* Versions that keyd's verifier is to read back, one after another. */

#define QUEUE_MAX 1024
#define FAILED_MS 10000 /* for which a failure is told before another try */

struct broker_verify {
	STAILQ_ENTRY(broker_verify) entry;
	char model[REF_NAME_MAX + 1];
	struct digest version;
	struct digest object;
	uint64_t upload;
	uint64_t total; /* bytes */
	uint64_t job;
	uint32_t files;
	uint64_t bytes;
};

static bool
is_of(const struct broker_verify *k, const char *model,
    const struct digest *version)
{
	return strcmp(k->model, model) == 0 &&
	    digest_equal(&k->version, version);
}

static struct broker_verify *
find(const struct broker *b, const char *model, const struct digest *version)
{
	struct broker_verify *k;

	STAILQ_FOREACH(k, &b->verifying, entry)
		if (is_of(k, model, version))
			return k;
	return NULL;
}

/* --- the one that runs: the first of the list --- */

static int
page_keys(struct broker *b, uint64_t upload, struct verifier_job *job)
{
	OWNED(version_key) key = NULL;
	OWNED(page_key) manifest = NULL;
	OWNED(page_key) lockbox = NULL;
	int err = broker_model_key(b, upload, &key);

	if (err == 0)
		err = object_manifest_key(&manifest, key);
	if (err == 0)
		err = object_lockbox_key(&lockbox, key);
	if (err != 0)
		return err;
	memcpy(job->manifest_key, page_key_bytes(manifest), KEY_SIZE);
	memcpy(job->lockbox_key, page_key_bytes(lockbox), KEY_SIZE);
	return 0;
}

static int
start(struct broker *b, struct broker_verify *k)
{
	struct verifier_job job = { .version = k->version,
		.object = k->object };
	int err;

	job.id = k->job = ++b->last_verify;
	err = catalogue_verifying_get(b->how.catalogue, k->model, &k->version,
	    &job.first_file);
	k->files = job.first_file;
	if (err == 0)
		err = page_keys(b, k->upload, &job);
	if (err == 0)
		err = b->how.verify(b->how.arg, &job);
	secret_wipe(&job, sizeof(job));
	return err;
}

static void
give_up(struct broker *b, struct broker_verify *k, const char *reason)
{
	log_warn("%s: a version cannot be verified now: %s", k->model, reason);
	b->verify_failed = k->version;
	b->verify_failed_ms = broker_record_clock();
	snprintf(b->verify_reason, sizeof(b->verify_reason), "%s", reason);
	STAILQ_REMOVE(&b->verifying, k, broker_verify, entry);
	free(k);
}

static void
next(struct broker *b)
{
	struct broker_verify *k;

	if (keyring_locked(b->how.keyring))
		return;
	while (!b->verifier_busy && (k = STAILQ_FIRST(&b->verifying)) != NULL) {
		int err = start(b, k);

		if (err == 0)
			b->verifier_busy = true;
		else
			give_up(b, k, err_text(err));
	}
}

/* Waits for the disk, so that nobody meets a version whose verdict is neither
 * in the list nor in the catalogue, and has it read back again. */
static int
record(struct broker *b, const struct broker_verify *k,
    const struct verifier_news *n)
{
	OWNED_ENTRY e = { 0 };

	broker_record_begin(&e, ENTRY_VERIFY);
	entry_text(&e, "model", k->model);
	entry_digest(&e, "version", &k->version);
	entry_bool(&e, "ok", n->err == 0);
	entry_number(&e, "files", n->files);
	entry_number(&e, "bytes", n->bytes);
	if (n->err != 0)
		entry_text(&e, "reason", n->reason);
	return broker_record_wait(b, &e);
}

static void
finish(struct broker *b, struct broker_verify *k, const struct verifier_news *n)
{
	int err = 0;

	b->verifier_busy = false;
	if (n->err == 0 && n->bytes != k->total) {
		give_up(b, k, "the verifier says what it cannot mean");
		return;
	}
	if (n->err != 0 && n->err != ERR_INTEGRITY) {
		give_up(b, k, n->reason);
		return;
	}
	err = record(b, k, n);
	if (err == 0)
		err = catalogue_verifying_drop(b->how.catalogue, k->model,
		    &k->version);
	if (err != 0) {
		give_up(b, k, err_text(err));
		return;
	}
	STAILQ_REMOVE(&b->verifying, k, broker_verify, entry);
	free(k);
}

void
broker_verified(struct broker *b, const struct verifier_news *n)
{
	struct broker_verify *k = STAILQ_FIRST(&b->verifying);

	if (!b->verifier_busy || k == NULL || k->job != n->id ||
	    b->failed != 0 || b->stopping)
		return;
	if (n->done) {
		finish(b, k, n);
		next(b);
		return;
	}
	k->bytes = n->bytes;
	if (n->files == k->files)
		return;
	k->files = n->files;
	if (catalogue_verifying_set(b->how.catalogue, k->model, &k->version,
		k->files) != 0)
		broker_record_failed(b, ERR_IO,
		    "the catalogue cannot be written");
}

/* --- the list --- */

static size_t
list_length(const struct broker *b)
{
	const struct broker_verify *k;
	size_t n = 0;

	STAILQ_FOREACH(k, &b->verifying, entry)
		n++;
	return n;
}

static int
add(struct broker *b, const struct catalogue_version *v)
{
	struct broker_verify *k;

	if (b->how.verify == NULL)
		return ERR_UNREACHABLE;
	if (find(b, v->model, &v->version) != NULL)
		return 0;
	if (list_length(b) == QUEUE_MAX)
		return ERR_LIMIT;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return ERR_NOMEM;
	snprintf(k->model, sizeof(k->model), "%s", v->model);
	k->version = v->version;
	k->object = v->object;
	k->upload = v->upload;
	k->total = v->bytes;
	STAILQ_INSERT_TAIL(&b->verifying, k, entry);
	return 0;
}

static int
add_unverified(void *arg, const struct catalogue_version *v)
{
	struct broker *b = arg;
	int err = 0;

	if (v->verified == CATALOGUE_UNVERIFIED)
		err = add(b, v);
	/* What the list has no room for is verified when somebody asks. */
	return err == ERR_LIMIT ? 0 : err;
}

int
broker_verify_tick(struct broker *b)
{
	const struct catalogue_versions all = { .model = "",
		.after_model = "" };
	int err = 0;

	if (b->how.service && b->how.verify != NULL && b->look_verify)
		err = catalogue_version_each(b->how.catalogue, &all,
		    add_unverified, b);
	b->look_verify = false;
	if (err == 0)
		next(b);
	return err;
}

bool
broker_verify_busy(const struct broker *b, const char *model,
    const struct digest *version)
{
	const struct broker_verify *k = find(b, model, version);

	return k != NULL && b->verifier_busy &&
	    k == STAILQ_FIRST(&b->verifying);
}

void
broker_verify_forget(struct broker *b, const char *model,
    const struct digest *version)
{
	struct broker_verify *k = find(b, model, version);

	if (k == NULL || broker_verify_busy(b, model, version))
		return;
	STAILQ_REMOVE(&b->verifying, k, broker_verify, entry);
	free(k);
}

void
broker_verify_clear(struct broker *b)
{
	struct broker_verify *k;

	while ((k = STAILQ_FIRST(&b->verifying)) != NULL) {
		STAILQ_REMOVE_HEAD(&b->verifying, entry);
		free(k);
	}
}

void
broker_verify_stop(struct broker *b)
{
	if (b->verifier_busy && b->how.verify_stop != NULL)
		b->how.verify_stop(b->how.arg);
	b->verifier_busy = false;
	broker_verify_clear(b);
}

void
broker_verify_again(struct broker *b)
{
	b->look_verify = b->how.service;
}

/* --- version.verify --- */

static const char *
state_of(const struct broker *b, const struct catalogue_version *v,
    const struct broker_verify *k)
{
	if (v->verified == CATALOGUE_VERIFIED)
		return "verified";
	if (v->verified == CATALOGUE_BAD)
		return "bad";
	if (k != NULL)
		return b->verifier_busy && k == STAILQ_FIRST(&b->verifying) ?
		    "running" :
		    "queued";
	if (digest_equal(&b->verify_failed, &v->version) &&
	    broker_record_clock() - b->verify_failed_ms < FAILED_MS)
		return "failed";
	return "unknown";
}

static int
tell(struct broker_call *c, const struct catalogue_version *v)
{
	const struct broker *b = c->b;
	const struct broker_verify *k = find(b, v->model, &v->version);
	const char *state = state_of(b, v, k);
	bool over = v->verified != CATALOGUE_UNVERIFIED;
	const char *reason = over ? v->verify_reason : b->verify_reason;
	char hex[DIGEST_HEX_SIZE];
	json_t *j;

	if (strcmp(state, "bad") != 0 && strcmp(state, "failed") != 0)
		reason = NULL;
	j = json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:s*}", "model", v->model,
	    "version", digest_hex(&v->version, hex), "state", state, "done",
	    (json_int_t)(over ? v->bytes :
		    k != NULL ? k->bytes :
				0),
	    "total", (json_int_t)v->bytes, "files",
	    (json_int_t)(k != NULL ? k->files : 0), "reason", reason);
	return broker_call_json(c, j);
}

static int
may_verify(struct broker_call *c, const char *model)
{
	unsigned int held;
	int err = broker_call_roles(c, &held);

	if (err != 0 || role_may(held, ROLE_MANAGER))
		return err;
	return broker_put_uploader(c, model);
}

int
broker_verify_verify(struct broker_call *c)
{
	OWNED_MEM(char) text = msg_field_string(&c->body);
	bool want = msg_field_bool(&c->body);
	struct catalogue_version v;
	struct broker_target t;
	int err;

	if (!reader_end(&c->body))
		return broker_call_malformed(c);
	err = broker_model_resolve(c, text, &t);
	if (err == 0)
		err = may_verify(c, t.ref.name);
	if (err != 0)
		return err;
	if (!t.found)
		return broker_call_fail(c, ERR_NOT_FOUND, "there is no %s",
		    t.shown);
	err = catalogue_version_get(c->b->how.catalogue, t.ref.name, &t.version,
	    &v);
	if (err == 0 && want &&
	    strcmp(state_of(c->b, &v, find(c->b, v.model, &v.version)),
		"unknown") == 0) {
		err = add(c->b, &v);
		next(c->b);
	}
	if (err != 0)
		return broker_call_fail(c, err, "%s cannot be verified now: %s",
		    t.shown, err_text(err));
	return tell(c, &v);
}
