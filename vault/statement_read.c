/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/fields.h"
#include "vault/log.h"
#include "vault/ref.h"
#include "vault/statement_parts.h"

#define WHERE "predicate"
#define SUBJECT_MAX 300

static const char *const abouts[] = {
	[STATEMENT_VERSION] = "version",
	[STATEMENT_PROMOTION] = "promotion",
	[STATEMENT_TRUST] = "trust",
	[STATEMENT_REVOCATION] = "revocation",
	[STATEMENT_GRANT] = "grant",
};

const char *
statement_about_name(enum statement_about a)
{
	return abouts[a];
}

static const char *const acts[] = {
	[STATEMENT_PROMOTE] = "promote",
	[STATEMENT_ROLLBACK] = "rollback",
};

const char *
statement_act_name(enum statement_act a)
{
	return acts[a];
}

static bool
parse_about(enum statement_about *out, const char *type)
{
	for (size_t i = 0; i < sizeof(abouts) / sizeof(abouts[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "%s%s%s", STATEMENT_PREDICATE,
		    abouts[i], STATEMENT_PREDICATE_VERSION);
		if (strcmp(text, type) == 0) {
			*out = (enum statement_about)i;
			return true;
		}
	}
	return false;
}

static int
read_labels(struct statement *s, const json_t *labels, const struct why *why)
{
	json_t *object = (json_t *)(uintptr_t)labels; /* jansson's own */
	const char *key;
	json_t *value;
	size_t n = 0;

	if (!json_is_object(labels))
		return why_say(why, ERR_FORMAT,
		    WHERE ": 'labels' is not an object");
	if (json_object_size(labels) > STATEMENT_LABELS_MAX)
		return why_say(why, ERR_LIMIT,
		    WHERE ": 'labels' has more than %d", STATEMENT_LABELS_MAX);
	s->labels = calloc(json_object_size(labels) + 1, sizeof(*s->labels));
	if (s->labels == NULL)
		return ERR_NOMEM;
	json_object_foreach(object, key, value) {
		const char *text = json_string_value(value);
		char shown[WHY_NAME];

		if (text == NULL || !fields_text_ok(key, STATEMENT_TEXT_MAX) ||
		    (*text != '\0' &&
			!fields_text_ok(text, STATEMENT_TEXT_MAX)))
			return why_say(why, ERR_FORMAT,
			    WHERE ": label '%s' is not text of at most %d bytes"
				  " without control characters",
			    log_name(shown, sizeof(shown), key, strlen(key)),
			    STATEMENT_TEXT_MAX);
		s->labels[n++] = (struct statement_label){ key, text };
	}
	s->fields.labels = s->labels;
	s->fields.label_count = n;
	return 0;
}

static void
read_version(struct statement *s, struct fields *f)
{
	struct statement_fields *out = &s->fields;

	out->put_by = fields_name(f, "put_by", ref_principal_ok);
	out->files = (uint64_t)fields_number(f, "files", 0, FIELDS_NUMBER_MAX);
	out->bytes = (uint64_t)fields_number(f, "bytes", 0, FIELDS_NUMBER_MAX);
	out->weights = (uint64_t)fields_number(f, "weights", 0,
	    FIELDS_NUMBER_MAX);
	out->classification = fields_text_if(f, "classification",
	    STATEMENT_TEXT_MAX);
	out->owner = fields_text_if(f, "owner", STATEMENT_TEXT_MAX);
	out->source_run = fields_text_if(f, "source_run", STATEMENT_TEXT_MAX);
	out->licence = fields_text_if(f, "licence", STATEMENT_TEXT_MAX);
	if (f->err == 0 && fields_has(f, "labels"))
		f->err = read_labels(s, fields_value(f, "labels"), &f->why);
}

static void
read_act(struct statement_fields *out, struct fields *f)
{
	const char *act = fields_text(f, "act", STATEMENT_TEXT_MAX);

	if (act == NULL)
		return;
	if (strcmp(act, acts[STATEMENT_PROMOTE]) == 0) {
		out->act = STATEMENT_PROMOTE;
		if (fields_has(f, "to"))
			fields_fail(f, ERR_FORMAT, "to",
			    "is for rollbacks only");
	} else if (strcmp(act, acts[STATEMENT_ROLLBACK]) == 0) {
		out->act = STATEMENT_ROLLBACK;
		out->to = (uint64_t)fields_number(f, "to", 1,
		    FIELDS_NUMBER_MAX);
		if (out->to >= out->serial)
			fields_fail(f, ERR_FORMAT, "to",
			    "is not a serial before this one");
	} else {
		fields_fail(f, ERR_FORMAT, "act",
		    "is neither promote nor rollback");
	}
}

static void
read_promotion(struct statement *s, struct fields *f)
{
	struct statement_fields *out = &s->fields;

	out->channel = fields_name(f, "channel", ref_channel_ok);
	out->serial = (uint64_t)fields_number(f, "serial", 1,
	    FIELDS_NUMBER_MAX);
	if (!json_is_null(json_object_get(f->object, "previous"))) {
		out->previous = fields_digest(f, "previous");
		out->has_previous = true;
	} else {
		fields_value(f, "previous");
	}
	read_act(out, f);
	out->put_by = fields_name(f, "put_by", ref_principal_ok);
	out->expires_ms = fields_time(f, "expires");
	out->reason = fields_text(f, "reason", STATEMENT_REASON_MAX);
	out->ticket = fields_text_if(f, "ticket", STATEMENT_TEXT_MAX);
}

/* The subject's digest is that of the terms: no other can be put beneath. */
static void
read_grant(struct statement *s, struct fields *f)
{
	struct statement_fields *out = &s->fields;
	struct digest terms;

	out->number = (uint64_t)fields_number(f, "grant", 1, FIELDS_NUMBER_MAX);
	out->grantee = fields_name(f, "to", ref_principal_ok);
	out->terms = fields_text(f, "terms", STATEMENT_TERMS_MAX);
	out->reason = fields_text(f, "reason", STATEMENT_REASON_MAX);
	if (out->terms == NULL)
		return;
	terms = digest_of(out->terms, strlen(out->terms));
	if (!digest_equal(&terms, &out->root))
		fields_fail(f, ERR_FORMAT, "terms",
		    "is not what the subject's digest is of");
}

static int
read_predicate(struct statement *s, const struct why *why)
{
	struct statement_fields *out = &s->fields;
	struct fields f = fields_of(s->predicate, WHERE, why);

	fields_hex(&f, "vault", out->vault, sizeof(out->vault));
	out->time_ms = fields_time(&f, "time");
	if (out->about == STATEMENT_TRUST) {
		out->number = (uint64_t)fields_number(&f, "number", 1,
		    FIELDS_NUMBER_MAX);
		return f.err; /* the rest is for trust_root_parse */
	}
	out->model = fields_name(&f, "model", ref_name_ok);
	if (out->about == STATEMENT_GRANT) {
		read_grant(s, &f);
		return fields_end(&f);
	}
	out->version = fields_digest(&f, "version");
	if (out->about == STATEMENT_VERSION)
		read_version(s, &f);
	else if (out->about == STATEMENT_PROMOTION)
		read_promotion(s, &f);
	else
		out->reason = fields_text(&f, "reason", STATEMENT_REASON_MAX);
	return fields_end(&f);
}

/* The one subject: what it is called is for check_subject. */
static int
read_subject(struct statement *s, const json_t *subject, const char **name,
    const struct why *why)
{
	const json_t *value;
	struct fields f, digest;

	if (json_array_size(subject) != 1)
		return why_say(why, ERR_FORMAT,
		    "payload: 'subject' does not have exactly one item");
	f = fields_of(json_array_get(subject, 0), "subject", why);
	*name = fields_text(&f, "name", SUBJECT_MAX);
	value = fields_value(&f, "digest");
	if (f.err != 0)
		return f.err;
	digest = fields_of(value, "subject digest", why);
	s->fields.root = fields_digest(&digest, "sha256");
	f.err = fields_end(&digest);
	return fields_end(&f);
}

/* The subject says again what the predicate says. */
static int
check_subject(const struct statement *s, const char *name,
    const struct why *why)
{
	char root[sizeof(STATEMENT_TRUST_SUBJECT) + 24];

	snprintf(root, sizeof(root), STATEMENT_TRUST_SUBJECT "%" PRIu64,
	    s->fields.number);
	if (strcmp(name,
		s->fields.about == STATEMENT_TRUST ? root : s->fields.model) !=
	    0)
		return why_say(why, ERR_FORMAT,
		    "subject: 'name' is not what the predicate is about");
	return 0;
}

int
statement_read(struct statement *s, const struct why *why)
{
	const json_t *subject;
	const char *type, *name = NULL;
	struct fields f;
	int err;

	if (s->length > STATEMENT_PAYLOAD_MAX)
		return why_say(why, ERR_LIMIT, "payload: more than %u bytes",
		    STATEMENT_PAYLOAD_MAX);
	err = fields_load(&s->json, s->payload, s->length, "payload", why);
	if (err != 0)
		return err;

	f = fields_of(s->json, "payload", why);
	fields_expect(&f, "_type", STATEMENT_TYPE);
	subject = fields_array(&f, "subject", 1);
	type = fields_text(&f, "predicateType", STATEMENT_TEXT_MAX);
	s->predicate = fields_value(&f, "predicate");
	if (type != NULL && !parse_about(&s->fields.about, type))
		fields_fail(&f, ERR_FORMAT, "predicateType", "is not known");
	err = fields_end(&f);
	if (err == 0)
		err = read_subject(s, subject, &name, why);
	if (err == 0)
		err = read_predicate(s, why);
	return err == 0 ? check_subject(s, name, why) : err;
}
