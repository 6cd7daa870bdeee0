/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/omskey.h"

#include <stdlib.h>
#include <string.h>

#include "cli/passphrase.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/secret.h"

#define PEM_MAX (64U << 10)
#define SHOWN_SIZE 256

void
omskey_clear(struct omskey_signature *s)
{
	free(s->key);
	*s = (struct omskey_signature){ 0 };
}

static int
load(char **out, const char *path, size_t *n)
{
	char shown[SHOWN_SIZE];
	uint8_t *bytes;
	int r = file_load(NULL, path, PEM_MAX, &bytes, n);

	log_name(shown, sizeof(shown), path, strlen(path));
	if (r == ERR_NOT_FOUND)
		return log_err(r, "there is no key file '%s'", shown);
	if (r == ERR_LIMIT)
		return log_err(r, "'%s' is too long for a key", shown);
	if (r == 0)
		*out = (char *)bytes;
	return r;
}

/* The bytes of a private key's file. */
struct pem {
	char *text;
	size_t n;
};

static void
pem_clear(struct pem *p)
{
	if (p->text != NULL)
		secret_wipe(p->text, p->n);
	free(p->text);
}

/* A passphrase is asked for when there is need of one. */
static int
sign(struct omskey_signature *out, const struct omskey_how *how,
    const struct pem *pem, const void *payload, size_t n,
    char why[static OMS_WHY])
{
	struct oms_private key = { .pem = pem->text };
	OWNED(secret_text) passphrase = NULL;
	int r;

	r = oms_sign(&key, payload, n, out->sig, &out->length, &out->key, why);
	if (r != ERR_SECRET)
		return r;
	r = passphrase_load(&passphrase, how->passphrase_file, how->path,
	    false);
	if (r != 0) {
		why[0] = '\0';
		return r;
	}
	key.passphrase = secret_text_bytes(passphrase, &key.passphrase_length);
	return oms_sign(&key, payload, n, out->sig, &out->length, &out->key,
	    why);
}

int
omskey_sign(struct omskey_signature *out, const struct omskey_how *how,
    const void *payload, size_t n)
{
	__attribute__((cleanup(pem_clear))) struct pem pem = { 0 };
	OWNED_OMSKEY s = { 0 };
	char why[OMS_WHY] = "", shown[SHOWN_SIZE];
	int r;

	if ((r = load(&pem.text, how->path, &pem.n)) != 0)
		return r;
	r = sign(&s, how, &pem, payload, n, why);
	if (r != 0 && why[0] != '\0')
		return log_err(r, "the key '%s' cannot be used: %s",
		    log_name(shown, sizeof(shown), how->path,
			strlen(how->path)),
		    why);
	if (r != 0)
		return r;
	*out = s;
	s = (struct omskey_signature){ 0 };
	return 0;
}

int
omskey_look(const char *path)
{
	__attribute__((cleanup(pem_clear))) struct pem pem = { 0 };

	return load(&pem.text, path, &pem.n);
}

int
omskey_public(char **out, const char *path)
{
	size_t n;

	return load(out, path, &n);
}
