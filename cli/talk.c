/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/talk.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/out.h"
#include "keys/peer.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/swap.h"

#define NAME_SIZE 256

/* Whoever names a secret may think that it was tried. */
static void
say_untried(const struct client *c, const struct options *o)
{
	const char *named = o->unlock.passphrase_file != NULL ?
	    o->unlock.passphrase_file :
	    o->unlock.key_file;

	if (named != NULL && !o->quiet && !client_started(c))
		log_info("a weir-keyd has this vault open: '%s' was not needed "
			 "to unlock it",
		    named);
}

/* Which secret does not open the vault: a variable is easily forgotten. */
static void
say_secret(const struct options *o)
{
	const struct unlock_source *u = &o->unlock;
	const struct {
		const char *path, *from;
	} ways[] = {
		{ u->passphrase_file, "--passphrase-file" },
		{ u->key_file, "--key-file" },
		{ getenv("WEIR_PASSPHRASE_FILE"), "WEIR_PASSPHRASE_FILE" },
		{ getenv("WEIR_KEY_FILE"), "WEIR_KEY_FILE" },
	};
	char shown[NAME_SIZE];

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const char *path = ways[i].path;

		if (path == NULL || *path == '\0')
			continue;
		if (access(path, R_OK) == 0)
			log_info("next: that was the secret in '%s' (%s); name "
				 "another one: --key-file FILE or "
				 "--passphrase-file FILE, and the recovery key "
				 "is one",
			    log_name(shown, sizeof(shown), path, strlen(path)),
			    ways[i].from);
		return;
	}
}

int
talk_open_with(struct client **out, const struct options *o)
{
	struct client_how how = {
		.unlock = &o->unlock,
		.program = o->program,
	};
	int r;

	if ((r = options_vault(o, &how.vault)) != 0)
		return r;
	if (o->allow_swap)
		swap_allow();
	r = client_open(out, &how);
	if (r == ERR_SECRET && !o->quiet)
		say_secret(o);
	return r;
}

int
talk_open(struct client **out, const struct options *o)
{
	int r = talk_open_with(out, o);

	if (r == 0)
		say_untried(*out, o);
	return r;
}

int
talk_parse(char *text, json_t **out)
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
	return talk_parse(text, out);
}

int
talk_json_id(struct client *c, enum msg_type type, uint64_t id, json_t **out)
{
	char *text;
	int r;

	if ((r = client_json_id(c, type, id, &text)) != 0)
		return r;
	return talk_parse(text, out);
}

/* A model whose versions went on in the next reply is one model. */
static int
join_model(const json_t *items, const json_t *more, bool *joined)
{
	json_t *last = json_array_get(items, json_array_size(items) - 1);
	json_t *first = json_array_get(more, 0);
	json_t *versions = json_object_get(last, "versions");
	json_t *latest = json_object_get(first, "latest");

	*joined = versions != NULL &&
	    strcmp(talk_text(last, "model"), talk_text(first, "model")) == 0;
	if (!*joined)
		return 0;
	if (latest != NULL && json_object_set(last, "latest", latest) != 0)
		return ERR_NOMEM;
	return json_array_extend(versions,
		   json_object_get(first, "versions")) == 0 ?
	    0 :
	    ERR_NOMEM;
}

static int
append(json_t *items, json_t *more)
{
	bool joined = false;
	int r;

	if (json_array_size(items) > 0 && json_array_size(more) > 0 &&
	    (r = join_model(items, more, &joined)) != 0)
		return r;
	if (joined && json_array_remove(more, 0) != 0)
		return ERR_NOMEM;
	return json_array_extend(items, more) == 0 ? 0 : ERR_NOMEM;
}

/* One reply more; *next is where the one after it goes on (the caller's), or
 * NULL. */
static int
list_more(struct client *c, enum msg_type type, const char *name,
    const struct msg_list *m, json_t *items, char **next)
{
	OWNED_JSON j = NULL;
	const char *at;
	char *text;
	int r;

	if ((r = client_list(c, type, m, &text)) != 0 ||
	    (r = talk_parse(text, &j)) != 0)
		return r;
	at = talk_text(j, "next");
	if (strcmp(at, m->after) == 0 && at[0] != '\0')
		return log_err(ERR_FORMAT, "keyd's list does not end");
	if ((r = append(items, json_object_get(j, name))) != 0)
		return r;
	*next = at[0] != '\0' ? strdup(at) : NULL;
	return at[0] == '\0' || *next != NULL ? 0 : ERR_NOMEM;
}

int
talk_list(struct client *c, enum msg_type type, const char *name,
    const struct msg_list *m, json_t **out)
{
	char empty[] = "";
	struct msg_list ask = {
		.model = m->model != NULL ? m->model : empty,
		.id = m->id,
		.ended = m->ended,
		.after = empty,
	};
	OWNED_JSON items = json_array();
	OWNED_MEM(char) after = NULL;
	int r;

	do {
		char *next = NULL;

		r = list_more(c, type, name, &ask, items, &next);
		if (r != 0)
			return r;
		free(after);
		ask.after = after = next;
	} while (after != NULL);
	*out = json_pack("{s:O}", name, items);
	return *out != NULL ? 0 : ERR_NOMEM;
}

char *
talk_share(const char *path, const char *account, bool writing)
{
	const char *may = writing ? "rwX" : "rX";
	char owner[PEER_SIZE];
	struct stat st;
	char *out;
	int n;

	if (!writing || stat(path, &st) != 0)
		n = asprintf(&out, "setfacl -R -m u:%s:%s,d:u:%s:%s '%s'",
		    account, may, account, may, path);
	else
		n = asprintf(&out,
		    "sudo setfacl -R -m u:%s:%s,d:u:%s:%s,d:u:%s:%s '%s'",
		    account, may, account, may,
		    peer_principal(st.st_uid, owner) + strlen("user:"), may,
		    path);
	return n < 0 ? NULL : out;
}

static int
no_access(const char *path, bool writing)
{
	char me[PEER_SIZE];
	OWNED_MEM(char)
	command = talk_share(path,
	    peer_principal(geteuid(), me) + strlen("user:"), writing);

	if (command == NULL)
		return ERR_NOMEM;
	return log_err(ERR_DENIED,
	    "you may not %s '%s'; its owner can let you: %s",
	    writing ? "write to" : "read", path, command);
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
		return no_access(path, writing);
	return store_dir_open(out, path);
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
talk_labels(const struct msg_version *m, json_t **out)
{
	char *copy = strdup(m->labels);

	return copy != NULL ? talk_parse(copy, out) : ERR_NOMEM;
}

int
talk_labels_text(const json_t *labels, char **out)
{
	char *text = NULL;
	size_t length;
	FILE *f = open_memstream(&text, &length);
	const char *key;
	json_t *value;

	if (f == NULL)
		return ERR_NOMEM;
	json_object_foreach((json_t *)(uintptr_t)labels, key, value)
		fprintf(f, "%s%s=%s", ftello(f) > 0 ? " " : "", key,
		    json_string_value(value) != NULL ?
			json_string_value(value) :
			"");
	if (fclose(f) != 0) {
		free(text);
		return ERR_NOMEM;
	}
	*out = text;
	return 0;
}

int
talk_ref(const struct options *o, const char *text, struct ref *out)
{
	char name[NAME_SIZE];

	if (ref_parse(out, text) == 0)
		return 0;
	return options_wrong(o,
	    "'%s' is no reference: it must be MODEL, MODEL:CHANNEL or "
	    "MODEL@DIGITS, at least %d of them",
	    log_name(name, sizeof(name), text, strlen(text)), REF_DIGITS_MIN);
}

void
talk_about(const struct options *o, struct client *c, const char *principal)
{
	const struct msg_hello_reply *peer = client_peer(c);
	const char *name = principal + strlen("user:");

	if (o->quiet)
		return;
	if (getpwnam(name) == NULL)
		log_warn("this host has no account '%s': what was given is for "
			 "whoever will have that name",
		    name);
	if (!peer->service && strcmp(peer->principal, principal) != 0)
		log_info("next: others reach this vault while a weir-keyd "
			 "runs: weir-keyd --vault '%s' --key-file FILE; see "
			 "weir-keyd(8)",
		    o->vault);
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
