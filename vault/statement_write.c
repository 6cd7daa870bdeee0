/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/entry.h"
#include "vault/err.h"
#include "vault/fields.h"
#include "vault/log.h"
#include "vault/statement_parts.h"

/* A JSON object in the making; the first failure is kept, like a writer's. */
struct made {
	json_t *object;
	int err;
};

static struct made
made_new(void)
{
	struct made m = { .object = json_object() };

	if (m.object == NULL)
		m.err = ERR_NOMEM;
	return m;
}

/* Takes value, also when it fails. */
static void
put(struct made *m, const char *key, json_t *value)
{
	if (json_object_set_new(m->object, key, value) != 0 && m->err == 0)
		m->err = ERR_NOMEM;
}

/* jansson makes no string of what is not UTF-8, unless it is told not to
 * look. */
static json_t *
text_of(const char *text, const char *what, struct made *m,
    const struct why *why)
{
	json_t *j = json_string(text), *unchecked;
	char shown[WHY_NAME];

	if (j != NULL || m->err != 0)
		return j;
	unchecked = json_string_nocheck(text);
	if (unchecked == NULL)
		m->err = ERR_NOMEM;
	else
		m->err = why_say(why, ERR_USAGE, "'%s' is not UTF-8",
		    log_name(shown, sizeof(shown), what, strlen(what)));
	json_decref(unchecked);
	return NULL;
}

/* NULL is left out; whether it may be is for the reader. */
static void
put_text(struct made *m, const char *key, const char *text,
    const struct why *why)
{
	if (text != NULL)
		put(m, key, text_of(text, key, m, why));
}

static void
put_number(struct made *m, const char *key, uint64_t n, const struct why *why)
{
	if (n > (uint64_t)FIELDS_NUMBER_MAX && m->err == 0)
		m->err = why_say(why, ERR_USAGE, "'%s' is too large", key);
	put(m, key, json_integer((json_int_t)(n & INT64_MAX)));
}

static void
put_digest(struct made *m, const char *key, const struct digest *d)
{
	char hex[DIGEST_HEX_SIZE];

	put(m, key, json_string(digest_hex(d, hex)));
}

static void
put_time(struct made *m, const char *key, int64_t ms)
{
	char text[ENTRY_TIME_SIZE];

	put(m, key, json_string(entry_time_text(ms, text)));
}

static void
put_vault(struct made *m, const uint8_t vault[static 16])
{
	char hex[33];

	put(m, "vault",
	    json_string(sodium_bin2hex(hex, sizeof(hex), vault, 16)));
}

static void
put_labels(struct made *m, const struct statement_fields *f,
    const struct why *why)
{
	struct made labels = made_new();

	for (size_t i = 0; i < f->label_count; i++) {
		const struct statement_label *l = &f->labels[i];
		char shown[WHY_NAME];

		if (json_object_get(labels.object, l->key) != NULL &&
		    labels.err == 0)
			labels.err = why_say(why, ERR_USAGE,
			    "label '%s' is there twice",
			    log_name(shown, sizeof(shown), l->key,
				strlen(l->key)));
		json_decref(text_of(l->key, l->key, &labels, why));
		put_text(&labels, l->key, l->value, why);
	}
	if (m->err == 0)
		m->err = labels.err;
	put(m, "labels", labels.object);
}

static void
put_version(struct made *m, const struct statement_fields *f,
    const struct why *why)
{
	put_text(m, "put_by", f->put_by, why);
	put_number(m, "files", f->files, why);
	put_number(m, "bytes", f->bytes, why);
	put_number(m, "weights", f->weights, why);
	put_time(m, "time", f->time_ms);
	put_text(m, "classification", f->classification, why);
	put_text(m, "owner", f->owner, why);
	put_text(m, "source_run", f->source_run, why);
	put_text(m, "licence", f->licence, why);
	if (f->label_count > 0)
		put_labels(m, f, why);
}

static void
put_promotion(struct made *m, const struct statement_fields *f,
    const struct why *why)
{
	put_number(m, "serial", f->serial, why);
	if (f->has_previous)
		put_digest(m, "previous", &f->previous);
	else
		put(m, "previous", json_null());
	put_text(m, "act", statement_act_name(f->act), why);
	if (f->act == STATEMENT_ROLLBACK)
		put_number(m, "to", f->to, why);
	put_text(m, "put_by", f->put_by, why);
	put_time(m, "time", f->time_ms);
	put_time(m, "expires", f->expires_ms);
	put_text(m, "reason", f->reason, why);
	put_text(m, "ticket", f->ticket, why);
}

/* What trust_json says, behind what is put in here. */
static void
put_policy(struct made *m, const struct statement_fields *f,
    const char *trust_json, const struct why *why)
{
	json_auto_t *policy = NULL;
	int err;

	put_number(m, "number", f->number, why);
	put_time(m, "time", f->time_ms);
	err = fields_load(&policy, trust_json, strlen(trust_json), "policy",
	    why);
	if (err == 0) {
		json_object_del(policy, "vault");
		json_object_del(policy, "number");
		json_object_del(policy, "time");
		if (json_object_update(m->object, policy) != 0)
			err = ERR_NOMEM;
	}
	if (m->err == 0)
		m->err = err == ERR_FORMAT ? ERR_USAGE : err;
}

static struct made
make_predicate(const struct statement_fields *f, const char *trust_json,
    const struct why *why)
{
	struct made m = made_new();

	put_vault(&m, f->vault);
	if (f->about == STATEMENT_TRUST) {
		put_policy(&m, f, trust_json, why);
		return m;
	}
	put_text(&m, "model", f->model, why);
	if (f->about == STATEMENT_PROMOTION)
		put_text(&m, "channel", f->channel, why);
	if (f->about == STATEMENT_GRANT) {
		put_number(&m, "grant", f->number, why);
		put_text(&m, "to", f->grantee, why);
		put_text(&m, "terms", f->terms, why);
		put_time(&m, "time", f->time_ms);
		put_text(&m, "reason", f->reason, why);
		return m;
	}
	put_digest(&m, "version", &f->version);
	if (f->about == STATEMENT_VERSION) {
		put_version(&m, f, why);
	} else if (f->about == STATEMENT_PROMOTION) {
		put_promotion(&m, f, why);
	} else {
		put_time(&m, "time", f->time_ms);
		put_text(&m, "reason", f->reason, why);
	}
	return m;
}

static struct made
make_subject(const struct statement_fields *f, const struct why *why)
{
	struct made subject = made_new(), digest = made_new();
	char root[sizeof(STATEMENT_TRUST_SUBJECT) + 24];

	snprintf(root, sizeof(root), STATEMENT_TRUST_SUBJECT "%" PRIu64,
	    f->number);
	put_text(&subject, "name",
	    f->about == STATEMENT_TRUST ? root : f->model, why);
	put_digest(&digest, "sha256", &f->root);
	if (subject.err == 0)
		subject.err = digest.err;
	put(&subject, "digest", digest.object);
	return subject;
}

int
statement_dump(char **out, const json_t *json, size_t max)
{
	OWNED_MEM(char) text = malloc(max + 1);
	size_t n;

	if (text == NULL)
		return ERR_NOMEM;
	/* Into memory that is there: json_dumps loses what it gets no memory
	 * for. */
	n = json_dumpb(json, text, max, JSON_COMPACT);
	if (n == 0)
		return ERR_NOMEM;
	if (n > max)
		return ERR_LIMIT;
	text[n] = '\0';
	*out = text;
	text = NULL;
	return 0;
}

int
statement_write(char **out, const struct statement_fields *f,
    const char *trust_json, const struct why *why)
{
	struct made subject = make_subject(f, why);
	struct made predicate = make_predicate(f, trust_json, why);
	int err = subject.err != 0 ? subject.err : predicate.err;
	json_auto_t *payload = NULL;
	char type[64];

	snprintf(type, sizeof(type), "%s%s%s", STATEMENT_PREDICATE,
	    statement_about_name(f->about), STATEMENT_PREDICATE_VERSION);
	/* Takes both, also when it fails. */
	payload = json_pack("{s:s, s:[o], s:s, s:o}", "_type", STATEMENT_TYPE,
	    "subject", subject.object, "predicateType", type, "predicate",
	    predicate.object);
	if (err != 0)
		return err;
	if (payload == NULL)
		return ERR_NOMEM;
	err = statement_dump(out, payload, STATEMENT_PAYLOAD_MAX);
	return err == ERR_LIMIT ?
	    why_say(why, ERR_USAGE, "payload: more than %u bytes",
		STATEMENT_PAYLOAD_MAX) :
	    err;
}
