/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keyring_start.h"

#include "keys/keyring_next.h"
#include "keys/keyring_rewrap.h"
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

/* The root key: it is to change, or has, and the vault's files do not have that
 * yet. */
static int
settle_root(const struct vaultdir *v, struct catalogue *c, struct keyring *k)
{
	uint64_t in_force = catalogue_shred_epoch(c), rekey;
	int err = catalogue_secret_rekey(c, &rekey);

	if (err != 0 || rekey == 0 || rekey < in_force)
		return err;
	if (k->after != NULL && k->after->epoch_number == rekey)
		return keyring_rewrap_finish(c, v->dir, k, k->after);
	if (rekey > in_force)
		return log_err(ERR_SECRET,
		    "a change of the root key was cut off, and this secret"
		    " cannot finish it: use one that was given to weir rekey");
	if (k->epoch_number < rekey)
		return log_err(ERR_SECRET,
		    "this secret went when the root key was changed: use one"
		    " that stayed");
	return 0;
}

int
keyring_start_settle(const struct vaultdir *v, struct catalogue *c,
    struct keyring *k)
{
	int err = file_remove(v->dir, VAULTDIR_RUN "/" VAULTDIR_COPY);

	if (err == 0)
		err = settle_root(v, c, k);
	return err == 0 ? settle_secrets(v, c, k) : err;
}
