/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policy.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/keyfile.h"
#include "cli/out.h"
#include "cli/signer.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define NAME_SIZE 256
#define DAYS 90
#define LINE_PREFIX "ssh-ed25519 "

/* The part of a comment that may be a person's name: "Carol@host" is carol. */
static void
name_from(char out[static STATEMENT_NAME_MAX + 1], const char *comment)
{
	size_t n = strcspn(comment, "@ \t\r\n");

	if (n > STATEMENT_NAME_MAX)
		n = 0;
	for (size_t i = 0; i < n; i++)
		out[i] = (char)tolower((unsigned char)comment[i]);
	out[n] = '\0';
	if (!keyfile_name_ok(out))
		out[0] = '\0';
}

/* The third word of a public key's line. */
static const char *
comment_of(const char *line)
{
	const char *space = strchr(line + strlen(LINE_PREFIX), ' ');

	return space != NULL ? space + 1 : "";
}

static int
find_key(struct policy_person *out, const char *text)
{
	OWNED(signer) s = NULL;
	int r;

	if (strncmp(text, LINE_PREFIX, strlen(LINE_PREFIX)) == 0) {
		name_from(out->name, comment_of(text));
		r = statement_key_parse(&out->key, text);
		return r == 0 ? 0 :
				log_err(ERR_FORMAT,
				    "that is no public key: %.40s...", text);
	}
	if ((r = signer_public(&s, text)) != 0)
		return r;
	name_from(out->name, signer_name(s));
	out->key = *signer_key(s);
	return 0;
}

static int
add(struct policy_people *p, const struct options *o,
    const struct policy_person *who)
{
	for (size_t i = 0; i < p->count; i++) {
		if (memcmp(p->items[i].key.bytes, who->key.bytes,
			sizeof(who->key.bytes)) == 0)
			return 0;
		if (strcmp(p->items[i].name, who->name) == 0)
			return options_wrong(o,
			    "two keys are called '%s': --public NAME=KEY names "
			    "one",
			    who->name);
	}
	if (p->count == TRUST_KEYS_MAX)
		return options_wrong(o, "more than %d keys", TRUST_KEYS_MAX);
	p->items[p->count++] = *who;
	return 0;
}

int
policy_add(struct policy_people *p, const struct options *o, const char *text,
    bool named)
{
	struct policy_person who = { 0 };
	const char *equals = named ? strchr(text, '=') : NULL;
	char name[STATEMENT_NAME_MAX + 1] = "";
	int r;

	if (equals != NULL && (size_t)(equals - text) <= STATEMENT_NAME_MAX) {
		memcpy(name, text, (size_t)(equals - text));
		if (keyfile_name_ok(name))
			text = equals + 1;
		else
			name[0] = '\0';
	}
	if ((r = find_key(&who, text)) != 0)
		return r;
	if (name[0] != '\0')
		memcpy(who.name, name, sizeof(name));
	if (who.name[0] == '\0')
		return options_wrong(o,
		    "what is the key '%.60s' called? --public NAME=KEY "
		    "names it",
		    text);
	return add(p, o, &who);
}

static json_t *
role(const struct policy_people *p, size_t threshold)
{
	json_t *names = json_array();

	for (size_t i = 0; i < p->count; i++)
		(void)json_array_append_new(names,
		    json_string(p->items[i].name));
	return json_pack("{s:o, s:I}", "keys", names, "threshold",
	    (json_int_t)threshold);
}

static json_t *
keys(const struct policy_people *p)
{
	json_t *list = json_array();

	for (size_t i = 0; i < p->count; i++) {
		char text[STATEMENT_KEY_TEXT];
		char principal[STATEMENT_NAME_MAX + 8];

		snprintf(principal, sizeof(principal), "user:%s",
		    p->items[i].name);
		(void)json_array_append_new(list,
		    json_pack("{s:s, s:s, s:s}", "name", p->items[i].name,
			"key", statement_key_text(&p->items[i].key, text),
			"principal", principal));
	}
	return list;
}

static int
by_name(const void *a, const void *b)
{
	const struct policy_person *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int
policy_default(json_t **out, struct policy_people *p)
{
	size_t most = p->count / 2 + 1;

	qsort(p->items, p->count, sizeof(p->items[0]), by_name);
	*out = json_pack("{s:o, s:o, s:[{s:s, s:o, s:o}], "
			 "s:[{s:s, s:s, s:o, s:o, s:i, s:b}]}",
	    "keys", keys(p), "root", role(p, most), "models", "models", "*",
	    "sign", role(p, 1), "revoke", role(p, 1), "channels", "models", "*",
	    "channels", "*", "promote", role(p, most), "rollback", role(p, 1),
	    "days", DAYS, "uploader_may_approve", 0);
	return *out != NULL ? 0 : ERR_NOMEM;
}

int
policy_load(json_t **out, const struct options *o, const char *path)
{
	char name[NAME_SIZE];
	uint8_t *bytes;
	json_error_t e;
	size_t n;
	int r;

	log_name(name, sizeof(name), path, strlen(path));
	r = file_load(NULL, strcmp(path, "-") == 0 ? "/dev/stdin" : path,
	    STATEMENT_PAYLOAD_MAX, &bytes, &n);
	if (r == ERR_NOT_FOUND)
		return log_err(r, "there is no policy '%s'", name);
	if (r != 0)
		return r;
	*out = json_loadb((const char *)bytes, n, JSON_REJECT_DUPLICATES, &e);
	free(bytes);
	if (*out != NULL && json_is_object(*out))
		return 0;
	if (*out != NULL)
		snprintf(e.text, sizeof(e.text), "it is no object");
	json_decref(*out);
	*out = NULL;
	return options_wrong(o, "'%s' is no policy: line %d, byte %d: %s", name,
	    e.line, e.position, e.text);
}

int
policy_text(char **out, json_t *policy, const char *log)
{
	static const char *const made[] = { "vault", "number", "time" };

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		(void)json_object_del(policy, made[i]);
	if (json_object_get(policy, "log") == NULL &&
	    json_object_set_new(policy, "log", json_string(log)) != 0)
		return ERR_NOMEM;
	*out = json_dumps(policy, JSON_COMPACT);
	return *out != NULL ? 0 : ERR_NOMEM;
}
