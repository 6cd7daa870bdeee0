/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"

#define NAME_SIZE 256

int
talk_open(struct client **out, const struct options *o)
{
	struct client_how how = {
		.unlock = &o->unlock,
		.program = o->program,
	};
	int r;

	if ((r = options_vault(o, &how.vault)) != 0)
		return r;
	return client_open(out, &how);
}

static int
parse_reply(char *text, json_t **out)
{
	json_error_t e;

	*out = json_loads(text, JSON_REJECT_DUPLICATES, &e);
	free(text);
	if (*out == NULL || !json_is_object(*out)) {
		json_decref(*out);
		*out = NULL;
		return log_err(ERR_FORMAT, "keyd's answer is not JSON: %s",
		    e.text);
	}
	return 0;
}

int
talk_json(struct client *c, enum msg_type type, const char *argument,
    json_t **out)
{
	char *text;
	int r;

	if ((r = client_json(c, type, argument, &text)) != 0)
		return r;
	return parse_reply(text, out);
}

int
talk_json_id(struct client *c, enum msg_type type, uint64_t id, json_t **out)
{
	char *text;
	int r;

	if ((r = client_json_id(c, type, id, &text)) != 0)
		return r;
	return parse_reply(text, out);
}

int
talk_store(struct store **out, const struct options *o, bool writing)
{
	OWNED_MEM(char) path = NULL;
	const char *vault;
	int r;

	if ((r = options_vault(o, &vault)) != 0)
		return r;
	if (asprintf(&path, "%s/objects", vault) < 0) {
		path = NULL;
		return ERR_NOMEM;
	}
	if (access(path, F_OK) == 0 &&
	    access(path, writing ? R_OK | W_OK | X_OK : R_OK | X_OK) != 0)
		return log_err(ERR_DENIED,
		    "you may not %s '%s'; its owner can let a group do that: "
		    "setfacl -R -m g:GROUP:%s,d:g:GROUP:%s '%s'",
		    writing ? "write to" : "read", path, writing ? "rwX" : "rX",
		    writing ? "rwX" : "rX", path);
	if ((r = store_dir_open(out, path)) == ERR_NOT_FOUND)
		return log_err(r, "there is no object store at '%s'", path);
	return r;
}

int
talk_version(struct version **out, struct store *s, const struct msg_version *m)
{
	OWNED(page_key) key = NULL;
	struct version_open how = {
		.store = s,
		.object = m->object,
		.version = m->version,
	};
	int r;

	if ((r = page_key_from(&key, m->manifest_key)) != 0)
		return r;
	how.manifest_key = key;
	return version_open(out, &how);
}

int
talk_ref(const struct options *o, const char *text, struct ref *out)
{
	char name[NAME_SIZE];

	if (ref_parse(out, text) == 0)
		return 0;
	return options_wrong(o,
	    "'%s' is no reference: it must be MODEL, MODEL:CHANNEL or "
	    "MODEL@DIGITS",
	    log_name(name, sizeof(name), text, strlen(text)));
}

const char *
talk_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

uint64_t
talk_number(const json_t *object, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(object, key));

	return n > 0 ? (uint64_t)n : 0;
}

bool
talk_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}
