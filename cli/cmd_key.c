/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/agent.h"
#include "cli/cmd.h"
#include "cli/keyfile.h"
#include "cli/out.h"
#include "cli/passphrase.h"
#include "cli/signer.h"
#include "cli/sshwire.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define NAME_SIZE 256

/* The directory of keys, made if need be, with those above it. */
static int
make_directory(const char *path)
{
	OWNED_MEM(char) part = strdup(path);

	if (part == NULL)
		return ERR_NOMEM;
	for (char *at = part + 1; *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(part, 0777) != 0 && errno != EEXIST)
			return log_sys("mkdir '%s'", part);
		*at = '/';
	}
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return log_sys("mkdir '%s'", path);
	return 0;
}

static int
print_key(const struct options *o, const struct statement_key *key,
    const char *name, const char *from)
{
	char text[STATEMENT_KEY_TEXT], print[SSHWIRE_PRINT];
	char hex[DIGEST_HEX_SIZE];
	struct digest id = statement_key_id(key);
	OWNED_JSON j = NULL;

	statement_key_text(key, text);
	if (!o->json) {
		out_line("%s%s%s", text, name[0] != '\0' ? " " : "", name);
		return 0;
	}
	j = json_pack("{s:o, s:s, s:s, s:s, s:o}", "name", out_text(name),
	    "public", text, "fingerprint", sshwire_print(key, print), "keyid",
	    digest_hex(&id, hex), "from", out_text(from));
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

static int
write_key(const char *directory, const char *path, const struct keyfile_new *k)
{
	OWNED_WRITER w = writer_of(KEYFILE_MAX);
	int r;

	if ((r = keyfile_write(&w, k)) != 0 ||
	    (r = make_directory(directory)) != 0)
		return r;
	r = file_create(NULL, path, w.bytes, w.length, 0600);
	if (r == ERR_CONFLICT)
		return log_err(r,
		    "'%s' is there already, and no key is ever overwritten; "
		    "choose another name",
		    path);
	return r;
}

int
cmd_key_gen(struct options *o, int argc, char **argv)
{
	const char *passphrase_file = NULL;
	const struct options_own own[] = {
		{ "key-passphrase-file", 0, OPTIONS_TEXT, &passphrase_file },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED_MEM(char) directory = NULL;
	OWNED_MEM(char) path = NULL;
	OWNED(secret_text) passphrase = NULL;
	OWNED(sign_key) seed = NULL;
	struct statement_key key;
	const char *name;
	struct stat st;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	name = operands.items[0];
	if (!keyfile_name_ok(name) || name[0] == '.' || name[0] == '-')
		return options_wrong(o,
		    "a key's name is 1 to %d of a-z, 0-9, '.', '_' and '-', "
		    "and begins with a letter or a digit",
		    STATEMENT_NAME_MAX);
	if ((r = signer_directory(&directory)) != 0)
		return r;
	if (asprintf(&path, "%s/%s" KEYFILE_SUFFIX, directory, name) < 0) {
		path = NULL;
		return ERR_NOMEM;
	}
	if (lstat(path, &st) == 0)
		return log_err(ERR_CONFLICT,
		    "'%s' is there already, and no key is ever overwritten; "
		    "choose another name",
		    path);

	if ((r = passphrase_load(&passphrase, passphrase_file, name, true)) !=
		0 ||
	    (r = sign_key_new(&seed)) != 0 ||
	    (r = write_key(directory, path,
		 &(struct keyfile_new){ .name = name,
		     .passphrase = passphrase,
		     .seed = seed })) != 0)
		return r;
	keyfile_public(&key, seed);
	if (!o->quiet) {
		log_info("the secret key is '%s', sealed by its passphrase; "
			 "keep a copy of both elsewhere",
		    path);
		log_info("the public key, for whoever keeps the trust root:");
	}
	return print_key(o, &key, name, path);
}

int
cmd_key_show(struct options *o, int argc, char **argv)
{
	struct options_operands operands;
	OWNED(signer) s = NULL;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &operands)) != 0 ||
	    (r = signer_public(&s, operands.items[0])) != 0)
		return r;
	return print_key(o, signer_key(s), signer_name(s), operands.items[0]);
}

/* A list in the making: rows of a table, or JSON objects. */
struct listing {
	struct out_table *table;
	json_t *keys;
};

static int
list_key(struct listing *l, const struct statement_key *key, const char *name,
    const char *from)
{
	char text[STATEMENT_KEY_TEXT], print[SSHWIRE_PRINT];
	const char *cells[] = { name, sshwire_print(key, print), from };
	json_t *j;

	if (out_table_add(l->table, cells) != 0)
		return ERR_NOMEM;
	j = json_pack("{s:s, s:s, s:s, s:s}", "name", name, "public",
	    statement_key_text(key, text), "fingerprint", print, "from", from);
	return json_array_append_new(l->keys, j) == 0 ? 0 : ERR_NOMEM;
}

static int
list_file(struct listing *l, const char *directory, const char *file)
{
	OWNED_MEM(char) path = NULL;
	OWNED_MEM(uint8_t) bytes = NULL;
	struct keyfile f;
	size_t n;
	int r;

	if (asprintf(&path, "%s/%s", directory, file) < 0) {
		path = NULL;
		return ERR_NOMEM;
	}
	if ((r = file_load(NULL, path, KEYFILE_MAX, &bytes, &n)) != 0 ||
	    (r = keyfile_parse(&f, bytes, n)) != 0) {
		char name[NAME_SIZE];

		log_name(name, sizeof(name), path, strlen(path));
		log_warn("'%s' is no weir key file", name);
		return 0;
	}
	return list_key(l, &f.key, f.name, path);
}

static int
is_key(const struct dirent *d)
{
	size_t n = strlen(d->d_name), m = strlen(KEYFILE_SUFFIX);

	return d->d_name[0] != '.' && n > m &&
	    strcmp(d->d_name + n - m, KEYFILE_SUFFIX) == 0;
}

static int
list_directory(struct listing *l, const char *directory)
{
	struct dirent **names;
	int n = scandir(directory, &names, is_key, alphasort), r = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : log_sys("read '%s'", directory);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = list_file(l, directory, names[i]->d_name);
		free(names[i]);
	}
	free(names);
	return r;
}

/* Those of ssh-agent, where there is one. */
static int
list_agent(struct listing *l)
{
	const char *path = getenv("SSH_AUTH_SOCK");
	OWNED_AGENT_KEYS keys = { 0 };
	OWNED(agent) a = NULL;
	int r = 0;

	if (path == NULL || path[0] == '\0')
		return 0;
	/* Said; the keys in files are still worth listing. */
	if (agent_open(&a) != 0 || agent_list(a, &keys) != 0)
		return 0;
	for (size_t i = 0; i < keys.count && r == 0; i++)
		r = list_key(l, &keys.items[i].key, keys.items[i].comment,
		    "ssh-agent");
	return r;
}

int
cmd_key_ls(struct options *o, int argc, char **argv)
{
	static const char *const heads[] = { "NAME", "FINGERPRINT", "FROM" };
	struct options_operands none;
	OWNED_MEM(char) directory = NULL;
	OWNED(out_table) table = NULL;
	OWNED_JSON j = NULL;
	struct listing l;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &none)) != 0 ||
	    (r = signer_directory(&directory)) != 0 ||
	    (r = out_table_new(&table, heads, 3)) != 0)
		return r;
	if ((j = json_pack("{s:[]}", "keys")) == NULL)
		return ERR_NOMEM;
	l.table = table;
	l.keys = json_object_get(j, "keys");
	if ((r = list_directory(&l, directory)) != 0 ||
	    (r = list_agent(&l)) != 0)
		return r;
	if (o->json)
		return out_json(j);
	out_table_print(table);
	if (json_array_size(l.keys) == 0 && !o->quiet)
		log_info("no keys in '%s', and none that ssh-agent has; 'weir "
			 "key gen NAME' makes one",
		    directory);
	return 0;
}
