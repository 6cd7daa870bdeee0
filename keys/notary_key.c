/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/notary.h"
#include "vault/base64.h"
#include "vault/err.h"
#include "vault/log.h"

/* As signed notes write secret keys: mark, name, id, base64(type || seed). */
#define MARK "PRIVATE+KEY+"
#define BLOB_SIZE (1 + KEY_SIZE)
#define TEXT_SIZE (sizeof(MARK) + NOTE_NAME_MAX + 12 + BASE64_SIZE(BLOB_SIZE))

/* A line of secrets, wiped when it goes. */
struct text {
	char bytes[TEXT_SIZE];
};

static void
text_wipe(struct text *t)
{
	secret_wipe(t, sizeof(*t));
}

static int
write_new(const char *path, const struct text *t)
{
	char shown[256];
	int err = file_create(NULL, path, t->bytes, strlen(t->bytes), 0600);

	return err != ERR_CONFLICT ?
	    err :
	    log_err(err, "'%s' is there already",
		log_name(shown, sizeof(shown), path, strlen(path)));
}

int
notary_key_make(struct note_key *out, const char *path, const char *name)
{
	__attribute__((cleanup(text_wipe))) struct text t;
	OWNED(sign_key) seed = NULL;
	uint8_t blob[BLOB_SIZE] = { NOTE_COSIGNATURE };
	char base64[BASE64_SIZE(BLOB_SIZE)], hex[9];
	struct note_key k;
	int err = sign_key_new(&seed);

	if (err != 0)
		return err;
	if (note_key_of_witness(&k, name, seed) != 0)
		return log_err(ERR_USAGE,
		    "'%s' is no name for a witness: visible ASCII without "
		    "'+', at most %d characters",
		    name, NOTE_NAME_MAX);
	memcpy(blob + 1, sign_key_bytes(seed), KEY_SIZE);
	base64_encode(base64, blob, sizeof(blob));
	sodium_bin2hex(hex, sizeof(hex), k.id, sizeof(k.id));
	snprintf(t.bytes, sizeof(t.bytes), MARK "%s+%s+%s\n", k.name, hex,
	    base64);
	secret_wipe(blob, sizeof(blob));
	secret_wipe(base64, sizeof(base64));
	err = write_new(path, &t);
	if (err == 0)
		*out = k;
	return err;
}

static int
parse(struct note_key *out, struct sign_key **seed, char *text)
{
	char *name = text + strlen(MARK), *id, *base64, hex[9];
	uint8_t blob[BLOB_SIZE];
	struct note_key k;
	size_t n;
	int err;

	if (strncmp(text, MARK, strlen(MARK)) != 0)
		return ERR_FORMAT;
	text[strcspn(text, "\n")] = '\0';
	if ((id = strchr(name, '+')) == NULL ||
	    (base64 = strchr(id + 1, '+')) == NULL)
		return ERR_FORMAT;
	*id++ = '\0';
	*base64++ = '\0';
	if (base64_decode(blob, sizeof(blob), &n, base64, strlen(base64)) !=
		0 ||
	    n != sizeof(blob) || blob[0] != NOTE_COSIGNATURE) {
		secret_wipe(blob, sizeof(blob));
		return ERR_FORMAT;
	}
	err = sign_key_from(seed, blob + 1);
	secret_wipe(blob, sizeof(blob));
	if (err == 0)
		err = note_key_of_witness(&k, name, *seed);
	if (err != 0)
		return err;
	sodium_bin2hex(hex, sizeof(hex), k.id, sizeof(k.id));
	if (strcmp(hex, id) != 0)
		return ERR_FORMAT;
	*out = k;
	return 0;
}

int
notary_key_load(struct note_key *out, struct sign_key **seed, const char *path)
{
	OWNED(sign_key) key = NULL;
	OWNED(file) f = NULL;
	__attribute__((cleanup(text_wipe))) struct text t;
	struct stat st;
	size_t n;
	int err;

	err = file_open(&f, NULL, path, O_RDONLY | O_NOFOLLOW, 0);
	if (err == ERR_NOT_FOUND)
		return log_err(err,
		    "there is no key '%s'; make one: weir-witness keygen "
		    "--name NAME --key '%s'",
		    path, path);
	if (err != 0)
		return err;
	if (fstat(f->fd, &st) != 0)
		return log_sys("stat '%s'", f->name);
	if ((st.st_mode & 077) != 0)
		return log_err(ERR_DENIED,
		    "others may read or write '%s': chmod 600 '%s', and think "
		    "about a new key",
		    path, path);
	err = file_read_some(f, t.bytes, sizeof(t.bytes) - 1, 0, &n);
	if (err != 0)
		return err;
	t.bytes[n] = '\0';
	err = parse(out, &key, t.bytes);
	if (err == ERR_FORMAT)
		return log_err(err, "'%s' is no key of a witness", path);
	if (err != 0)
		return err;
	*seed = key;
	key = NULL;
	return 0;
}
