/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/signer.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/agent.h"
#include "cli/keyfile.h"
#include "cli/passphrase.h"
#include "cli/sshkey.h"
#include "cli/sshwire.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define NAME_SIZE 256
#define AGENT_PREFIX "agent:"
#define SK_WHY                                                                 \
	"cannot be used: a security key signs a challenge of its own making, " \
	"not the statement, so that other verifiers of DSSE would refuse it; " \
	"a token works whose agent makes plain ssh-ed25519 signatures"

struct signer {
	struct statement_key key;
	char name[NAME_SIZE];
	struct sign_key *seed; /* NULL: the agent has it */
	struct agent *agent;
};

struct wish {
	const char *passphrase_file;
	bool public_only;
};

void
signer_free(struct signer *s)
{
	if (s == NULL)
		return;
	sign_key_free(s->seed);
	agent_free(s->agent);
	free(s);
}

const struct statement_key *
signer_key(const struct signer *s)
{
	return &s->key;
}

const char *
signer_name(const struct signer *s)
{
	return s->name;
}

static char *
joined(const char *directory, const char *rest)
{
	char *path;

	return asprintf(&path, "%s/%s", directory, rest) > 0 ? path : NULL;
}

int
signer_directory(char **out)
{
	const char *own = getenv("WEIR_KEYS");
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (own != NULL && own[0] != '\0')
		*out = strdup(own);
	else if (config != NULL && config[0] == '/')
		*out = joined(config, "weir/keys");
	else if (home != NULL && home[0] == '/')
		*out = joined(home, ".config/weir/keys");
	else
		return log_err(ERR_NOT_FOUND,
		    "where are your keys? HOME is not set; set WEIR_KEYS");
	return *out != NULL ? 0 : ERR_NOMEM;
}

/* A key of the agent: by itself, or by its comment or fingerprint. */
static bool
is_wanted(const struct agent_key *k, const struct statement_key *key,
    const char *text)
{
	char print[SSHWIRE_PRINT];

	if (key != NULL)
		return memcmp(k->key.bytes, key->bytes, sizeof(key->bytes)) ==
		    0;
	return strcmp(k->comment, text) == 0 ||
	    strcmp(sshwire_print(&k->key, print), text) == 0;
}

static int
no_key(const struct agent_keys *keys, const char *text)
{
	if (keys->security_keys > 0)
		return log_err(ERR_NOT_FOUND,
		    "ssh-agent has no Ed25519 key '%s'; an sk- key that it "
		    "has " SK_WHY,
		    text);
	return log_err(ERR_NOT_FOUND,
	    "ssh-agent has no Ed25519 key '%s'; 'ssh-add -l' lists its keys, "
	    "ssh-add FILE adds one",
	    text);
}

/* key: NULL to look for text. */
static int
from_agent(struct signer *s, const struct statement_key *key, const char *text)
{
	const struct agent_key *found = NULL;
	OWNED_AGENT_KEYS keys = { 0 };
	int r;

	if ((r = agent_open(&s->agent)) != 0 ||
	    (r = agent_list(s->agent, &keys)) != 0)
		return r;
	for (size_t i = 0; i < keys.count; i++) {
		if (!is_wanted(&keys.items[i], key, text))
			continue;
		if (found != NULL && key == NULL)
			return log_err(ERR_CONFLICT,
			    "ssh-agent has several keys '%s'; name one by its "
			    "fingerprint (ssh-add -l)",
			    text);
		found = &keys.items[i];
	}
	if (found == NULL)
		return no_key(&keys, text);
	s->key = found->key;
	snprintf(s->name, sizeof(s->name), "%s", found->comment);
	return 0;
}

static int
from_keyfile(struct signer *s, const uint8_t *text, size_t n, const char *path,
    const struct wish *w)
{
	OWNED(secret_text) passphrase = NULL;
	struct keyfile f;
	int r;

	if ((r = keyfile_parse(&f, text, n)) != 0)
		return log_err(r, "'%s' is a damaged weir key file", path);
	s->key = f.key;
	snprintf(s->name, sizeof(s->name), "%s", f.name);
	if (w->public_only)
		return 0;
	r = passphrase_load(&passphrase, w->passphrase_file, f.name, false);
	if (r != 0)
		return r;
	r = keyfile_open(&f, passphrase, &s->seed);
	if (r == ERR_SECRET)
		return log_err(r, "wrong passphrase for the key '%s'", f.name);
	if (r == ERR_FORMAT)
		return log_err(r, "'%s' is a damaged weir key file", path);
	return r;
}

static int
from_sshkey(struct signer *s, const uint8_t *text, size_t n, const char *path,
    const struct wish *w)
{
	OWNED_SSHKEY k = { 0 };
	int r;

	if ((r = sshkey_parse(&k, text, n)) != 0)
		return log_err(r, "'%s' is a damaged OpenSSH key file", path);
	switch (k.kind) {
	case SSHKEY_PLAIN:
		s->key = k.key;
		s->seed = k.seed;
		k.seed = NULL;
		snprintf(s->name, sizeof(s->name), "%s",
		    k.comment[0] != '\0' ? k.comment : path);
		return 0;
	case SSHKEY_ENCRYPTED:
		s->key = k.key;
		snprintf(s->name, sizeof(s->name), "%s", path);
		if (w->public_only)
			return 0;
		return log_err(ERR_SECRET,
		    "'%s' is encrypted: let ssh-agent open it (ssh-add '%s'), "
		    "then use --key '%s.pub'",
		    path, path, path);
	case SSHKEY_SK:
		return log_err(ERR_FORMAT,
		    "'%s' is a FIDO security key's (%s) and " SK_WHY, path,
		    k.type);
	case SSHKEY_OTHER:
		return log_err(ERR_FORMAT,
		    "'%s' is a key of type %s; statements are signed with "
		    "ssh-ed25519 ('weir key gen NAME' makes one)",
		    path, k.type);
	}
	return ERR_FORMAT;
}

static int
from_public(struct signer *s, const char *text, const char *path,
    const struct wish *w)
{
	const char *comment = strrchr(text, ' ');
	struct statement_key key;

	if (strncmp(text, "sk-", 3) == 0)
		return log_err(ERR_FORMAT,
		    "'%s' is a FIDO security key's and " SK_WHY, path);
	if (statement_key_parse(&key, text) != 0)
		return log_err(ERR_FORMAT,
		    "'%s' is neither a weir key, nor an OpenSSH Ed25519 key, "
		    "nor the public half of one",
		    path);
	if (!w->public_only)
		return from_agent(s, &key, path);
	s->key = key;
	if (comment != NULL)
		log_name(s->name, sizeof(s->name), comment + 1,
		    strcspn(comment + 1, "\r\n"));
	return 0;
}

/* Others must not be able to read what no passphrase protects. */
static void
warn_of_mode(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
		log_warn("others may read '%s': chmod 600 '%s'", path, path);
}

static int
from_path(struct signer *s, const char *path, const struct wish *w)
{
	char name[NAME_SIZE];
	uint8_t *bytes;
	size_t n;
	int r;

	log_name(name, sizeof(name), path, strlen(path));
	r = file_load(NULL, path, SSHKEY_MAX, &bytes, &n);
	if (r == ERR_NOT_FOUND)
		return log_err(r,
		    "there is no key '%s'; 'weir key ls' lists yours, 'weir "
		    "key gen NAME' makes one",
		    name);
	if (r != 0)
		return r;
	if (keyfile_is(bytes, n)) {
		r = from_keyfile(s, bytes, n, name, w);
	} else if (sshkey_is(bytes, n)) {
		if (!w->public_only)
			warn_of_mode(path);
		r = from_sshkey(s, bytes, n, name, w);
	} else {
		r = from_public(s, (const char *)bytes, name, w);
	}
	secret_wipe(bytes, n);
	free(bytes);
	return r;
}

/* NAME.key in the directory of keys, if it is there. */
static int
from_name(struct signer *s, const char *key, const struct wish *w)
{
	OWNED_MEM(char) directory = NULL;
	OWNED_MEM(char) path = NULL;
	struct stat st;
	int r;

	if (strchr(key, '/') == NULL && keyfile_name_ok(key)) {
		if ((r = signer_directory(&directory)) != 0)
			return r;
		if (asprintf(&path, "%s/%s" KEYFILE_SUFFIX, directory, key) < 0)
			return path = NULL, ERR_NOMEM;
		if (stat(path, &st) == 0)
			return from_path(s, path, w);
	}
	return from_path(s, key, w);
}

static int
find(struct signer **out, const char *key, const struct wish *w)
{
	OWNED(signer) s = calloc(1, sizeof(*s));
	int r;

	if (s == NULL)
		return ERR_NOMEM;
	if (strncmp(key, AGENT_PREFIX, strlen(AGENT_PREFIX)) == 0)
		r = from_agent(s, NULL, key + strlen(AGENT_PREFIX));
	else
		r = from_name(s, key, w);
	if (r != 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

int
signer_open(struct signer **out, const char *key, const char *passphrase_file)
{
	const struct wish w = { .passphrase_file = passphrase_file };

	return find(out, key, &w);
}

int
signer_public(struct signer **out, const char *key)
{
	const struct wish w = { .public_only = true };

	return find(out, key, &w);
}

static int
make_signature(struct signer *s, const void *bytes, size_t n,
    uint8_t sig[static STATEMENT_SIG])
{
	SECRET(uint8_t, secret, 64);
	uint8_t public[32];

	if (s->seed == NULL)
		return agent_sign(s->agent, &s->key, bytes, n, sig);
	crypto_sign_seed_keypair(public, secret, sign_key_bytes(s->seed));
	crypto_sign_detached(sig, NULL, bytes, n, secret);
	return 0;
}

int
signer_sign(struct signer *s, const void *bytes, size_t n,
    uint8_t sig[static STATEMENT_SIG])
{
	uint8_t made[STATEMENT_SIG];
	int r;

	if ((r = make_signature(s, bytes, n, made)) != 0)
		return r;
	if (crypto_sign_verify_detached(made, bytes, n, s->key.bytes) != 0)
		return log_err(ERR_INTEGRITY,
		    "the signature that '%s' made does not verify; it is not "
		    "used",
		    s->name);
	memcpy(sig, made, sizeof(made));
	return 0;
}

int
signer_sign_statement(struct signer *s, struct statement *st)
{
	struct statement_signature sig = { .keyid = statement_key_id(&s->key) };
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;
	int r;

	if ((r = statement_to_sign(st, &bytes, &n)) != 0 ||
	    (r = signer_sign(s, bytes, n, sig.bytes)) != 0)
		return r;
	return statement_add(st, &sig);
}
