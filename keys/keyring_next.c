/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyring_next.h"

#include <stdint.h>

#include "keys/keyring.h"
#include "vault/err.h"

int
keyring_next_put(const struct file *vault, const void *bytes, size_t n)
{
	return file_replace(vault, KEYRING_NEXT_FILE, bytes, n,
	    KEYRING_FILE_MODE);
}

/* Its bytes, not its name: until the new keyring is there for good, so is
 * what it is made of. */
int
keyring_next_take(const struct file *vault)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;
	int err = file_load(vault, KEYRING_NEXT_FILE, KEYRING_FILE_MAX, &bytes,
	    &n);

	if (err == 0)
		err = file_replace(vault, KEYRING_FILE, bytes, n,
		    KEYRING_FILE_MODE);
	return err == 0 ? keyring_next_drop(vault) : err;
}

int
keyring_next_drop(const struct file *vault)
{
	return file_remove(vault, KEYRING_NEXT_FILE);
}

/* ERR_NOT_FOUND when there is no such file. */
static int
digest_file(const struct file *vault, const char *name, struct digest *out)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;
	int err = file_load(vault, name, KEYRING_FILE_MAX, &bytes, &n);

	if (err == 0)
		*out = digest_of(bytes, n);
	return err;
}

int
keyring_next_settle(const struct file *vault, const struct digest *recorded,
    bool *same)
{
	struct digest next, now;
	int err = digest_file(vault, KEYRING_NEXT_FILE, &next);

	if (err == 0)
		err = recorded != NULL && digest_equal(&next, recorded) ?
		    keyring_next_take(vault) :
		    keyring_next_drop(vault);
	else if (err == ERR_NOT_FOUND)
		err = 0;
	if (err == 0)
		err = digest_file(vault, KEYRING_FILE, &now);
	if (err == 0)
		*same = recorded == NULL || digest_equal(&now, recorded);
	return err;
}
