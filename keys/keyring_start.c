/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyring_start.h"

#include "keys/keyring_next.h"
#include "vault/err.h"
#include "vault/log.h"

static int
settle_secrets(const struct vaultdir *v, struct catalogue *c, struct keyring *k)
{
	struct digest recorded;
	bool known, same = true;
	int err = catalogue_secret_file(c, &recorded);

	known = err == 0;
	if (err != 0 && err != ERR_NOT_FOUND)
		return err;
	err = keyring_next_settle(v->dir, known ? &recorded : NULL, &same);
	if (err != 0)
		return err;
	if (!same)
		log_warn("'%s/" KEYRING_FILE "' is not what the trail's last"
			 " change of the unlocking secrets left, but an older"
			 " or another one: secrets that were removed may open"
			 " it; weir secret ls",
		    v->path);
	if (!k->next)
		return 0;
	k->next = false;
	if (known && same)
		return 0;
	return log_err(ERR_SECRET,
	    "the change that brought this secret was cut off before it was"
	    " recorded: use the secret from before it");
}

int
keyring_start_settle(const struct vaultdir *v, struct catalogue *c,
    struct keyring *k)
{
	int err = file_remove(v->dir, VAULTDIR_RUN "/" VAULTDIR_COPY);

	return err == 0 ? settle_secrets(v, c, k) : err;
}
