/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/broker_lock.h"
#include "keys/broker_trust.h"
#include "vault/base64.h"
#include "vault/err.h"
#include "vault/oms.h"

#define OMS_DIGITS 32

/* model.sig (FORMAT.md): keyd keeps what cannot be derived from a manifest. */

static int
key_of(void *arg, struct version_key **out)
{
	const struct broker_key_of *k = arg;

	return broker_model_key(k->b, k->upload, out);
}

static int
no_manifest(struct broker_call *c, const struct catalogue_version *v, int err)
{
	char hex[DIGEST_HEX_SIZE];

	return broker_call_fail(c, err,
	    "the manifest of %s@%s cannot be opened: %s; 'weir check' tells "
	    "more",
	    v->model, digest_hex(&v->version, hex), err_text(err));
}

/* Borrowed until the next look at any manifest. */
static int
manifest_of(struct broker_call *c, const struct catalogue_version *v,
    const struct manifest **out)
{
	struct broker_key_of key = { .b = c->b, .upload = v->upload };
	const struct pages_version pages = {
		.version = v->version,
		.object = v->object,
		.key = key_of,
		.arg = &key,
	};
	int err = pages_manifest(c->b->pages, &pages, out);

	return err == 0 ? 0 : no_manifest(c, v, err);
}

int
broker_oms_root(struct broker_call *c, const struct catalogue_version *v,
    struct digest *out)
{
	const struct manifest *m = NULL;
	struct oms_files files;
	char why[OMS_WHY] = "";
	int err = manifest_of(c, v, &m);

	if (err == 0)
		err = oms_files_of(&files, m, NULL, 0, false, why);
	if (err != 0)
		return err;
	*out = oms_root(&files);
	oms_files_clear(&files);
	return 0;
}

/* --- sign.oms --- */

/* What a reference names by its digits, and is fit to be signed. */
static int
find_version(struct broker_call *c, const char *reference,
    struct catalogue_version *v)
{
	struct broker_target t;
	int err = broker_model_resolve(c, reference, &t);

	if (err != 0)
		return err;
	if (strlen(t.ref.digits) < OMS_DIGITS)
		return broker_call_fail(c, ERR_USAGE,
		    "what is signed is named by %d digits or more", OMS_DIGITS);
	err = t.found ? catalogue_version_get(c->b->how.catalogue, t.ref.name,
			    &t.version, v) :
			ERR_NOT_FOUND;
	if (err == ERR_NOT_FOUND)
		return broker_call_fail(c, err,
		    "there is no %s; 'weir ls %s' lists what there is", t.shown,
		    t.ref.name);
	if (err != 0)
		return broker_call_unreadable(c, err);
	return 0;
}

static int
need_verified(struct broker_call *c, const struct catalogue_version *v)
{
	switch (v->verified) {
	case CATALOGUE_VERIFIED:
		return 0;
	case CATALOGUE_UNVERIFIED:
		return broker_call_fail(c, ERR_CONFLICT,
		    "the version is not verified yet; try again when the"
		    " verifier has read it");
	case CATALOGUE_BAD:
		break;
	}
	return broker_offer_reject(c, ERR_INTEGRITY,
	    "the verifier found that the version is not what its manifest"
	    " says: %s",
	    v->verify_reason);
}

static int
need_unrevoked(struct broker_call *c, const struct catalogue_version *v)
{
	struct trust_want want = broker_trust_want(c->b, v->model, NULL,
	    &v->version);
	OWNED(trust_root) root = NULL;
	OWNED_BELIEF belief = { 0 };
	char name[BROKER_NAME];
	int err = broker_trust_root(c->b, &root);

	if (err == 0 && root != NULL)
		err = broker_trust_believe(c->b, root, &want, &belief);
	if (err != 0)
		return broker_call_unreadable(c, err);
	if (root != NULL && belief.verdict == TRUST_REVOKED)
		return broker_call_fail(c, ERR_CONFLICT,
		    "the version has been revoked (%s)",
		    broker_trust_name(belief.revocation.row, name));
	return 0;
}

/* --- on the thread for what takes long --- */

/* Whether the signature is one over what the manifest says. */
int
broker_oms_look(struct broker_check *k)
{
	const struct oms_parts parts = {
		.name = k->oms.name,
		.ignore = (const char *const *)k->oms.ignored,
		.ignore_count = k->oms.count,
		.key = k->oms.key,
		.sig = k->oms.sig,
		.sig_length = k->oms.sig_length,
	};
	struct oms_files files = { 0 };
	int err;

	k->copies[0].key = k->keys[0];
	err = pages_open(&k->copies[0], &k->manifest);
	/* That one is damaged is no word about the signature. */
	if (err != 0)
		return err == ERR_INTEGRITY ? ERR_FORMAT : err;
	err = oms_files_of(&files, k->manifest, parts.ignore,
	    parts.ignore_count, true, k->why);
	if (err == 0)
		err = oms_check(&files, &parts, k->why);
	oms_files_clear(&files);
	return err;
}

/* --- back on the loop --- */

static int
judge_signature(struct broker_call *c, const struct catalogue_version *v,
    const struct broker_check *k)
{
	int err = k->found[0];

	if (err == 0)
		return 0;
	if (k->manifest == NULL)
		return no_manifest(c, v, err);
	if (err == ERR_INTEGRITY)
		return broker_offer_reject(c, err, "%s", k->why);
	return broker_call_fail(c, err, "%s",
	    k->why[0] != '\0' ? k->why : err_text(err));
}

static int
record(struct broker_call *c, const struct catalogue_version *v,
    const struct msg_sign_oms *m)
{
	char sig[BASE64_SIZE(MSG_OMS_SIG_MAX)];
	OWNED_ENTRY e = { 0 };

	broker_call_entry(c, &e, ENTRY_SIGN_OMS);
	entry_text(&e, "model", v->model);
	entry_digest(&e, "version", &v->version);
	entry_text(&e, "name", m->name);
	entry_open_list(&e, "ignore");
	for (uint16_t i = 0; i < m->count; i++)
		entry_text(&e, NULL, m->ignored[i]);
	entry_close(&e);
	entry_text(&e, "key", m->key);
	entry_text(&e, "sig", base64_encode(sig, m->sig, m->sig_length));
	return broker_call_record_later(c, &e);
}

/* What is signed, and that it may be. */
static int
find_fit(struct broker_call *c, const char *reference,
    struct catalogue_version *v)
{
	int err = find_version(c, reference, v);

	if (err == 0)
		err = need_verified(c, v);
	return err == 0 ? need_unrevoked(c, v) : err;
}

static int
start(struct broker_call *c, struct msg_sign_oms *m)
{
	struct broker_check *k = calloc(1, sizeof(*k));
	struct catalogue_version v;
	int err;

	if (k == NULL)
		return ERR_NOMEM;
	k->type = MSG_SIGN_OMS;
	k->oms = *m;
	*m = (struct msg_sign_oms){ 0 };
	err = find_fit(c, k->oms.reference, &v);
	if (err == 0)
		err = broker_model_key(c->b, v.upload, &k->keys[0]);
	if (err == 0) {
		k->count = 1;
		k->copies[0] = (struct pages_verify){
			.store = c->b->how.store,
			.version = v.version,
			.object = v.object,
		};
		err = broker_check_start(c, k);
	}
	if (err != 0)
		broker_check_free(k);
	return err;
}

/* Others were served meanwhile: it is found anew. */
int
broker_oms_checked(struct broker_call *c, struct broker_check *k)
{
	struct catalogue_version v;
	int err;

	if (keyring_locked(c->b->how.keyring))
		err = broker_lock_says(c);
	else if (c->b->failed != 0 || k->found[0] == ERR_UNREACHABLE)
		err = broker_call_fail(c, ERR_IO, "weir-keyd stops");
	else
		err = find_fit(c, k->oms.reference, &v);
	if (err == 0)
		err = judge_signature(c, &v, k);
	if (err == 0)
		err = record(c, &v, &k->oms);
	broker_check_free(k);
	return err;
}

int
broker_oms_sign(struct broker_call *c)
{
	struct msg_sign_oms m;
	int err;

	if (msg_sign_oms_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	err = start(c, &m);
	msg_sign_oms_clear(&m);
	return err;
}
