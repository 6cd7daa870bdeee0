/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-poisoned: an uploader whose client is not ours.  WEIR_MUTANT says how it
 * has a version promise one content and hold another; keyd's verifier must find
 * it out before anybody signs (tests/cli/verify-before-sign.sh).
 *
 *	digest	the file table says that weights.bin is the file with the
 *		SHA-256 in WEIR_MUTANT_SHA256
 *	row	a chunk's row points to another object of the same length, and
 *		the lockbox has that object's right key: as if the index of
 *		known chunks had been poisoned
 */
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/lockbox.h"
#include "vault/manifest.h"

int __real_manifest_write(const struct manifest *m, struct writer *w,
    struct digest *version);
int __wrap_manifest_write(const struct manifest *m, struct writer *w,
    struct digest *version);
int __real_manifest_page_write(const struct manifest_page *p, struct writer *w,
    struct digest *digest);
int __wrap_manifest_page_write(const struct manifest_page *p, struct writer *w,
    struct digest *digest);
int __real_lockbox_write(const struct lockbox *b, struct writer *w);
int __wrap_lockbox_write(const struct lockbox *b, struct writer *w);

static bool
is(const char *way)
{
	const char *mutant = getenv("WEIR_MUTANT");

	return mutant != NULL && strcmp(mutant, way) == 0;
}

int
__wrap_manifest_write(const struct manifest *m, struct writer *w,
    struct digest *version)
{
	const char *hex = getenv("WEIR_MUTANT_SHA256");

	for (uint32_t i = 0; is("digest") && i < m->file_count; i++)
		if (strcmp(m->files[i].path, "weights.bin") == 0 &&
		    (hex == NULL ||
			digest_parse(&m->files[i].digest, hex) != 0))
			return ERR_USAGE;
	return __real_manifest_write(m, w, version);
}

/* The first row of a page whose length the second one has, too. */
static uint32_t
poisoned_row(const struct lockbox *b)
{
	uint32_t i = 0;

	while (i + 2 < lockbox_count(b) &&
	    lockbox_at(b, i)->length != lockbox_at(b, i + 1)->length)
		i++;
	return i;
}

/* Row i says what row i + 1 does. */
int
__wrap_manifest_page_write(const struct manifest_page *p, struct writer *w,
    struct digest *digest)
{
	uint32_t i = 0;

	if (is("row")) {
		while (i + 2 < p->count &&
		    p->rows[i].length != p->rows[i + 1].length)
			i++;
		p->rows[i].object = p->rows[i + 1].object;
	}
	return __real_manifest_page_write(p, w, digest);
}

int
__wrap_lockbox_write(const struct lockbox *b, struct writer *w)
{
	OWNED(lockbox) other = NULL;
	uint32_t poisoned = poisoned_row(b);
	int err;

	if (!is("row"))
		return __real_lockbox_write(b, w);
	err = lockbox_new(&other, 0);
	for (uint32_t i = 0; err == 0 && i < lockbox_count(b); i++)
		err = lockbox_add(other,
		    lockbox_at(b, i == poisoned ? i + 1 : i));
	return err == 0 ? __real_lockbox_write(other, w) : err;
}
