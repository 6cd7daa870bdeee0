/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyring_rewrap.h"

#include "keys/keyring_epoch.h"
#include "keys/keyring_next.h"
#include "vault/err.h"

struct rewrap {
	const struct keyring *from;
	const struct keyring *to; /* NULL: only look */
};

static int
rewrap_version(void *arg, uint64_t upload, const uint8_t *wrapped, size_t n,
    uint8_t **out, size_t *length)
{
	const struct rewrap *r = arg;
	OWNED(version_key) key = NULL;
	int err = keyring_open_version(r->from, upload, wrapped, n, &key);

	if (err == 0 && r->to != NULL)
		err = keyring_wrap_version(r->to, upload, key, out, length);
	return err;
}

static int
rewrap_family(void *arg, const char *name, const uint8_t *wrapped, size_t n,
    uint8_t **out, size_t *length)
{
	const struct rewrap *r = arg;
	OWNED(family_key) key = NULL;
	int err = keyring_open_family(r->from, name, wrapped, n, &key);

	if (err == 0 && r->to != NULL)
		err = keyring_wrap_family(r->to, name, key, out, length);
	return err;
}

int
keyring_rewrap_look(struct catalogue *c, const struct keyring *k, bool families)
{
	struct rewrap r = { .from = k };

	return catalogue_shred_rewrap(c,
	    &(struct catalogue_rewrap){ .version = rewrap_version,
		.family = families ? rewrap_family : NULL,
		.arg = &r });
}

int
keyring_rewrap(struct catalogue *c, const struct keyring *from,
    const struct keyring *to, bool families)
{
	struct rewrap r = { .from = from, .to = to };
	int err = catalogue_shred_rewrap(c,
	    &(struct catalogue_rewrap){ .number = to->epoch_number,
		.version = rewrap_version,
		.family = families ? rewrap_family : NULL,
		.arg = &r });

	return err == 0 ? catalogue_shred_truncate(c) : err;
}

int
keyring_rewrap_finish(struct catalogue *c, const struct file *vault,
    struct keyring *k, struct keyring *next)
{
	int err = 0;

	if (catalogue_shred_epoch(c) < next->epoch_number)
		err = keyring_rewrap(c, k, next, true);
	if (err == 0)
		err = keyring_next_take(vault);
	if (err == 0)
		err = keyring_epoch_take(vault);
	if (err == 0)
		keyring_unlock(k, next);
	return err;
}
