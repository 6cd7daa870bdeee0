/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/fields.h"
#include "vault/ref.h"
#include "vault/trust_parts.h"

#define LOG_MAX (NOTE_NAME_MAX + 64)
#define DAYS_MAX 3650
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789._-"

static bool
name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= STATEMENT_NAME_MAX &&
	    strspn(name, NAME_CHARACTERS) == n;
}

/* What no name has would match nothing, and be a mistake. */
static bool
pattern_ok(const char *pattern)
{
	size_t n = strlen(pattern);

	return n > 0 && n <= STATEMENT_TEXT_MAX &&
	    strspn(pattern, NAME_CHARACTERS "/*") == n;
}

static bool
log_ok(const char *vkey)
{
	struct note_key k;

	return strlen(vkey) <= LOG_MAX && note_key_parse(&k, vkey) == 0;
}

/* As statement_key_text writes it: no comment. */
static bool
key_ok(const char *text)
{
	char again[STATEMENT_KEY_TEXT];
	struct statement_key k;

	return statement_key_parse(&k, text) == 0 &&
	    strcmp(statement_key_text(&k, again), text) == 0;
}

static int
read_person(struct trust_root *r, const json_t *json, const struct why *why)
{
	struct trust_person p = { 0 };
	const char *key;
	struct fields f;
	char where[32];

	snprintf(where, sizeof(where), "key %zu", r->count + 1);
	f = fields_of(json, where, why);
	p.name = fields_name(&f, "name", name_ok);
	key = fields_name(&f, "key", key_ok);
	if (fields_has(&f, "principal"))
		p.principal = fields_name(&f, "principal", ref_principal_ok);
	if (fields_end(&f) != 0)
		return f.err;
	if (statement_key_parse(&p.key, key) != 0)
		return ERR_FORMAT;
	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->people[i].name, p.name) == 0)
			return why_say(why, ERR_FORMAT,
			    "keys: the name '%s' is there twice", p.name);
		if (memcmp(&r->people[i].key, &p.key, sizeof(p.key)) == 0)
			return why_say(why, ERR_FORMAT,
			    "keys: '%s' and '%s' are the same key",
			    r->people[i].name, p.name);
	}
	r->keyids[r->count] = statement_key_id(&p.key);
	r->people[r->count++] = p;
	return 0;
}

static int
read_people(struct trust_root *r, const json_t *list, const struct why *why)
{
	int err = 0;

	if (json_array_size(list) == 0)
		return why_say(why, ERR_FORMAT, "root: 'keys' has none");
	for (size_t i = 0; err == 0 && i < json_array_size(list); i++)
		err = read_person(r, json_array_get(list, i), why);
	return err;
}

/* Add the person of this name. */
static int
add_to_role(struct trust_role *role, const struct trust_root *r,
    const json_t *json, const char *where, const struct why *why)
{
	const char *name = json_string_value(json);

	if (name == NULL || !name_ok(name))
		return why_say(why, ERR_FORMAT,
		    "%s: 'keys' has what is no name", where);
	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->people[i].name, name) != 0)
			continue;
		if (role->keys.has[i])
			return why_say(why, ERR_FORMAT,
			    "%s: '%s' is there twice", where, name);
		role->keys.has[i] = true;
		return 0;
	}
	return why_say(why, ERR_FORMAT, "%s: no key is called '%s'", where,
	    name);
}

static int
read_role(struct trust_role *role, const struct trust_root *r,
    const json_t *json, const char *where, const struct why *why)
{
	struct fields f = fields_of(json, where, why);
	const json_t *keys = fields_array(&f, "keys", TRUST_KEYS_MAX);
	size_t n = json_array_size(keys);

	if (keys != NULL && n == 0)
		fields_fail(&f, ERR_FORMAT, "keys", "has none");
	for (size_t i = 0; f.err == 0 && i < n; i++)
		f.err = add_to_role(role, r, json_array_get(keys, i), where,
		    why);
	role->threshold = (uint32_t)fields_number(&f, "threshold", 1,
	    (int64_t)n);
	return fields_end(&f);
}

/* A rule's role; where is for people: "models rule 2 sign". */
static void
rule_role(struct fields *f, struct trust_role *role, const struct trust_root *r,
    const char *key)
{
	const json_t *json = fields_value(f, key);
	char where[64];

	snprintf(where, sizeof(where), "%s %s", f->where, key);
	if (f->err == 0)
		f->err = read_role(role, r, json, where, &f->why);
}

static int
read_models(struct trust_root *r, const json_t *list, const struct why *why)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct trust_model_rule *rule = &r->models[i];
		struct fields f;
		char where[32];

		snprintf(where, sizeof(where), "models rule %zu", i + 1);
		f = fields_of(json_array_get(list, i), where, why);
		rule->models = fields_name(&f, "models", pattern_ok);
		rule_role(&f, &rule->sign, r, "sign");
		rule_role(&f, &rule->revoke, r, "revoke");
		if (fields_end(&f) != 0)
			return f.err;
	}
	r->model_count = json_array_size(list);
	return 0;
}

static int
read_channels(struct trust_root *r, const json_t *list, const struct why *why)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct trust_channel_rule *rule = &r->channels[i];
		struct fields f;
		char where[32];

		snprintf(where, sizeof(where), "channels rule %zu", i + 1);
		f = fields_of(json_array_get(list, i), where, why);
		rule->models = fields_name(&f, "models", pattern_ok);
		rule->channels = fields_name(&f, "channels", pattern_ok);
		rule_role(&f, &rule->promote, r, "promote");
		rule_role(&f, &rule->rollback, r, "rollback");
		rule->days = (uint32_t)fields_number(&f, "days", 1, DAYS_MAX);
		rule->uploader_may_approve = fields_bool(&f,
		    "uploader_may_approve");
		if (fields_end(&f) != 0)
			return f.err;
	}
	r->channel_count = json_array_size(list);
	return 0;
}

static int
read_grants(struct trust_root *r, const json_t *list, const struct why *why)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct trust_grant_rule *rule = &r->grants[i];
		struct fields f;
		char where[32];

		snprintf(where, sizeof(where), "grants rule %zu", i + 1);
		f = fields_of(json_array_get(list, i), where, why);
		rule->models = fields_name(&f, "models", pattern_ok);
		rule_role(&f, &rule->approve, r, "approve");
		if (fields_end(&f) != 0)
			return f.err;
	}
	r->grant_count = json_array_size(list);
	return 0;
}

static int
read_policy(struct trust_root *r, const struct why *why)
{
	struct fields f = fields_of(r->json, "root", why);
	const json_t *keys, *root, *models, *channels, *grants = NULL;
	int err;

	fields_value(&f, "vault"); /* these three were read by statement.c */
	fields_value(&f, "number");
	fields_value(&f, "time");
	r->log = fields_name(&f, "log", log_ok);
	keys = fields_array(&f, "keys", TRUST_KEYS_MAX);
	root = fields_value(&f, "root");
	models = fields_array(&f, "models", TRUST_RULES_MAX);
	channels = fields_array(&f, "channels", TRUST_RULES_MAX);
	if (fields_has(&f, "grants"))
		grants = fields_array(&f, "grants", TRUST_RULES_MAX);
	err = fields_end(&f);
	if (err == 0)
		err = read_people(r, keys, why);
	if (err == 0)
		err = read_role(&r->root, r, root, "root role", why);
	if (err == 0)
		err = read_models(r, models, why);
	if (err == 0)
		err = read_channels(r, channels, why);
	return err == 0 ? read_grants(r, grants, why) : err;
}

int
trust_root_parse(struct trust_root **out, const struct statement *s,
    char *why_text)
{
	const struct why why = { why_text,
		why_text != NULL ? STATEMENT_WHY : 0 };
	const struct statement_fields *fields = statement_fields(s);
	OWNED(trust_root) r = NULL;
	int err;

	if (fields->about != STATEMENT_TRUST)
		return why_say(&why, ERR_FORMAT,
		    "predicateType: not a trust root");
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return ERR_NOMEM;
	r->json = json_deep_copy(statement_predicate(s));
	if (r->json == NULL)
		return ERR_NOMEM;
	memcpy(r->vault, fields->vault, sizeof(r->vault));
	r->number = fields->number;
	r->digest = statement_digest(s);
	r->previous = fields->root;
	err = read_policy(r, &why);
	if (err == 0) {
		*out = r;
		r = NULL;
	}
	return err;
}

void
trust_root_free(struct trust_root *r)
{
	if (r == NULL)
		return;
	json_decref(r->json);
	free(r);
}
