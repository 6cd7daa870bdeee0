/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/bureau.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "vault/err.h"
#include "vault/oms.h"
#include "vault/version.h"

#define DAY INT64_C(86400000)

#define MUST(x)                                                                \
	do {                                                                   \
		int must_err = (x);                                            \
                                                                               \
		if (must_err != 0) {                                           \
			fprintf(stderr, "%s:%d: %s: %d\n", __FILE__, __LINE__, \
			    #x, must_err);                                     \
			abort();                                               \
		}                                                              \
	} while (0)

/* Names are borrowed until the next call. */
static struct catalogue_version
look_up(struct desk *d, const char *model, const struct digest *version)
{
	struct catalogue_version v;

	MUST(catalogue_version_get(d->catalogue, model, version, &v));
	return v;
}

static json_t *
role(const struct bureau_policy *p, unsigned int threshold)
{
	json_t *keys = json_array();

	for (unsigned int i = p->from; i < p->from + p->count; i++)
		MUST(json_array_append_new(keys, json_sprintf("p%u", i)));
	return json_pack("{s:o, s:I}", "keys", keys, "threshold",
	    (json_int_t)threshold);
}

static json_t *
keys_of(const struct bureau_policy *p)
{
	json_t *list = json_array();

	for (unsigned int i = p->from; i < p->from + p->count; i++) {
		char text[STATEMENT_KEY_TEXT];
		const struct statement_key k = people_key(i);

		MUST(json_array_append_new(list,
		    json_pack("{s:o, s:s, s:o}", "name", json_sprintf("p%u", i),
			"key", statement_key_text(&k, text), "principal",
			i == 1 ? json_string("user:daemon") :
				 json_sprintf("user:p%u", i))));
	}
	return list;
}

static char *
policy(struct desk *d, const struct bureau_policy *p)
{
	char *ours = note_key_text(&d->vault->key);
	json_t *j = json_pack("{s:s, s:o, s:o, s:[{s:s, s:o, s:o}],"
			      " s:[{s:s, s:s, s:o, s:o, s:i, s:b}]}",
	    "log", p->log != NULL ? p->log : ours, "keys", keys_of(p), "root",
	    role(p, p->root), "models", "models",
	    p->models != NULL ? p->models : "*", "sign", role(p, p->sign),
	    "revoke", role(p, p->revoke), "channels", "models",
	    p->models != NULL ? p->models : "*", "channels", "*", "promote",
	    role(p, p->promote), "rollback", role(p, p->rollback), "days", 90,
	    "uploader_may_approve", p->uploader_may_approve);
	char *text = json_dumps(j, JSON_COMPACT);

	MUST(text == NULL);
	json_decref(j);
	free(ours);
	return text;
}

struct statement *
bureau_root(struct desk *d, const struct bureau_policy *p, uint64_t n,
    const struct statement *previous)
{
	struct statement_fields f = {
		.about = STATEMENT_TRUST,
		.number = n,
		.time_ms = broker_record_clock(),
	};
	char *text = policy(d, p), why[STATEMENT_WHY] = "";
	struct statement *s;
	int err;

	memcpy(f.vault, d->vault->id, sizeof(f.vault));
	f.root = previous != NULL ? statement_digest(previous) :
				    digest_of(f.vault, sizeof(f.vault));
	err = statement_new(&s, &f, text, why);
	if (err != 0)
		fprintf(stderr, "%s\n", why);
	MUST(err);
	free(text);
	return s;
}

/* The version's root, from its manifest, as signers would compute it. */
static struct digest
root_of(struct desk *d, const char *model, const struct digest *version)
{
	const struct catalogue_version at = look_up(d, model, version);
	struct version_open how = {
		.store = d->store,
		.object = at.object,
		.version = *version,
	};
	OWNED(page_key) key = NULL;
	OWNED(version) v = NULL;
	char why[OMS_WHY] = "";
	uint8_t bytes[KEY_SIZE];
	struct oms_files files;
	struct digest root;

	MUST(broker_model_manifest_key(d->broker, at.upload, bytes));
	MUST(page_key_from(&key, bytes));
	how.manifest_key = key;
	MUST(version_open(&v, &how));
	MUST(oms_files_of(&files, version_manifest(v), NULL, 0, false, why));
	root = oms_root(&files);
	oms_files_clear(&files);
	return root;
}

static struct statement_fields
fields(struct desk *d, enum statement_about about, const char *model,
    const struct digest *version)
{
	struct statement_fields f = {
		.about = about,
		.root = root_of(d, model, version),
		.time_ms = broker_record_clock(),
		.model = model,
		.version = *version,
	};

	memcpy(f.vault, d->vault->id, sizeof(f.vault));
	return f;
}

struct statement_fields
bureau_version(struct desk *d, const char *model, const struct digest *version)
{
	struct statement_fields f = fields(d, STATEMENT_VERSION, model,
	    version);
	const struct catalogue_version v = look_up(d, model, version);

	f.files = v.files;
	f.bytes = v.bytes;
	f.weights = v.weights;
	f.put_by = strcmp(v.by, "user:root") == 0 ? "user:root" : "user:daemon";
	return f;
}

struct statement_fields
bureau_promotion(struct desk *d, const char *model, const char *channel,
    const struct digest *version)
{
	struct statement_fields f = fields(d, STATEMENT_PROMOTION, model,
	    version);
	const struct catalogue_version v = look_up(d, model, version);
	struct catalogue_statement *now = NULL;
	int err = catalogue_statement_promotion(d->catalogue, model, channel, 0,
	    &now);

	f.put_by = strcmp(v.by, "user:root") == 0 ? "user:root" : "user:daemon";
	f.channel = channel;
	f.serial = 1;
	if (err == 0) {
		f.serial = now->serial + 1;
		f.has_previous = true;
		f.previous = now->version;
		catalogue_statement_free(now);
	}
	f.expires_ms = f.time_ms + 30 * DAY;
	f.reason = "evaluation passed";
	return f;
}

struct statement_fields
bureau_revocation(struct desk *d, const char *model,
    const struct digest *version)
{
	struct statement_fields f = fields(d, STATEMENT_REVOCATION, model,
	    version);

	f.reason = "poisoned";
	return f;
}

static int
json_of(struct desk_person *p, enum msg_type type, const struct writer *body,
    void **out)
{
	struct reader reply;
	json_error_t why;
	char *text;
	json_t *j;
	int err = desk_ask(p, type, body, &reply);

	if (err != 0)
		return err;
	MUST(msg_text_read(&text, &reply));
	j = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	MUST(j == NULL);
	free(text);
	if (out != NULL)
		*out = j;
	else
		json_decref(j);
	return 0;
}

int
bureau_add(struct desk_person *p, struct statement *s, unsigned int who,
    void **out)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);
	char *envelope;

	for (unsigned int i = 0; i < 32; i++)
		if ((who >> i & 1) != 0)
			people_sign(i, s);
	MUST(statement_envelope(s, &envelope));
	msg_text_write(&body, envelope);
	free(envelope);
	return json_of(p, MSG_STATEMENT_ADD, &body, out);
}

int
bureau_say(struct desk_person *p, const struct statement_fields *f,
    unsigned int who, void **out)
{
	OWNED(statement) s = people_statement(f);

	return bureau_add(p, s, who, out);
}

int
bureau_sign(struct desk_person *p, uint64_t id, const struct statement *s,
    unsigned int who, void **out)
{
	struct statement_signature sig = people_signature(who, s);
	struct msg_statement_sign m = { .statement = id, .keyid = sig.keyid };
	OWNED_WRITER body = writer_of(256);

	memcpy(m.sig, sig.bytes, sizeof(m.sig));
	msg_statement_sign_write(&body, &m);
	return json_of(p, MSG_STATEMENT_SIGN, &body, out);
}

int
bureau_withdraw(struct desk_person *p, uint64_t id, const char *reason)
{
	OWNED_WRITER body = writer_of(8192);

	writer_u64(&body, id);
	writer_string(&body, reason);
	return desk_ask(p, MSG_STATEMENT_WITHDRAW, &body, NULL);
}

void
bureau_verify(struct desk *d, const char *model, const struct digest *version,
    bool ok)
{
	const struct catalogue_version v = look_up(d, model, version);
	OWNED_ENTRY e = { 0 };

	broker_record_begin(&e, ENTRY_VERIFY);
	entry_text(&e, "model", model);
	entry_digest(&e, "version", version);
	entry_bool(&e, "ok", ok);
	entry_number(&e, "files", v.files);
	entry_number(&e, "bytes", v.bytes);
	entry_text(&e, "reason", ok ? NULL : "f0 has another digest");
	MUST(broker_record_wait(d->broker, &e));
}

void
bureau_begin(struct desk_person *owner, const struct bureau_policy *p)
{
	OWNED(statement) s = bureau_root(owner->d, p, 1, NULL);

	MUST(bureau_add(owner, s, 1, NULL));
}

struct digest
bureau_signed(struct desk_person *owner, const char *model, size_t size)
{
	struct statement_fields f;
	struct digest version;

	MUST(desk_put(owner, model, &size, 1, &version));
	bureau_verify(owner->d, model, &version, true);
	f = bureau_version(owner->d, model, &version);
	MUST(bureau_say(owner, &f, 1 << 2, NULL));
	return version;
}

int
bureau_open(struct desk_person *p, const char *ref, enum msg_trust trust)
{
	char none[] = "", place[] = "/mnt", what[256];
	char *refs[] = { what };
	const struct msg_session_open m = {
		.principal = none,
		.purpose = MSG_MOUNT,
		.mountpoint = place,
		.host = none,
		.exe = none,
		.trust = trust,
		.count = 1,
		.refs = refs,
	};
	OWNED_WRITER body = writer_of(4096);

	snprintf(what, sizeof(what), "%s", ref);
	msg_session_open_write(&body, &m);
	return desk_ask(p, MSG_SESSION_OPEN, &body, NULL);
}
