/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "keys/peer.h"
#include "keys/vaultdir.h"
#include "vault/err.h"
#include "vault/log.h"

struct init {
	const struct options *o;
	const char *owner;
};

static int
print_json(const struct init *i, const struct vaultdir_made *made)
{
	OWNED_MEM(char) vkey = note_key_text(made->key);
	OWNED_JSON j = NULL;
	size_t length;
	const char *recovery = (const char *)secret_text_bytes(made->recovery,
	    &length);

	if (vkey == NULL)
		return ERR_NOMEM;
	j = json_pack("{s:o, s:s, s:s, s:s, s:s, s:s%}", "vault",
	    out_text(made->path), "id", made->id, "origin", made->key->name,
	    "vkey", vkey, "owner", i->owner, "recovery_key", recovery, length);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

static int
print_text(const struct vaultdir_made *made)
{
	size_t length;
	const char *recovery = (const char *)secret_text_bytes(made->recovery,
	    &length);

	printf("%.*s\n", (int)length, recovery);
	return 0;
}

/* On the disk, where standard output is a file there. */
static int
sync_output(void)
{
	int r = out_flush();

	if (r != 0)
		return r;
	if (fsync(STDOUT_FILENO) != 0 && errno != EINVAL && errno != EROFS &&
	    errno != ENOTSUP)
		return log_sys("sync standard output");
	return 0;
}

/* What else is to be said comes before the recovery key: that stands last,
 * where it is not missed. */
static void
say_before(const struct options *o, const char *path)
{
	const char *where = "the line on standard output";

	if (o->quiet)
		return;
	if (o->json)
		where = "the field recovery_key on standard output";
	else if (isatty(STDOUT_FILENO))
		where = "the next line";
	log_info("making a vault at '%s'", path);
	log_info("afterwards: export WEIR_VAULT='%s'", path);
	log_info("      weir put MODEL DIRECTORY");
	log_info("      weir grant add MODEL --to user:NAME --loads 10 "
		 "--reason 'why'");
	log_info("      weir audit checkpoint > FILE   keep it elsewhere: it "
		 "proves later that the trail was not cut");
	log_info("%s is the RECOVERY KEY: it opens the vault when every other "
		 "secret is lost, and it is never shown again.  Print it, or "
		 "keep it where the vault is not",
	    where);
}

/* The recovery key is out before there is a vault that it opens. */
static int
keep(void *arg, const struct vaultdir_made *made)
{
	const struct init *i = arg;
	int r;

	say_before(i->o, made->path);
	r = i->o->json ? print_json(i, made) : print_text(made);
	if (r == 0)
		r = sync_output();
	if (r != 0)
		log_error("the recovery key could not be written, so no vault "
			  "was made at '%s'; run the command again where its "
			  "output can be kept",
		    made->path);
	return r;
}

int
cmd_init(struct options *o, int argc, char **argv)
{
	struct options_operands operands;
	char owner[PEER_SIZE];
	struct init i = { .o = o, .owner = owner };
	struct unlock first;
	struct vaultdir_init how = { .first = &first,
		.uid = geteuid(),
		.keep = keep,
		.arg = &i };
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &operands)) != 0 ||
	    (r = peer_look_up(how.uid, owner)) != 0)
		return r;
	how.path = operands.items[0];
	how.owner = owner;
	if ((r = unlock_load(&first, &o->unlock, true)) != 0)
		return r;
	r = vaultdir_init(&how);
	unlock_clear(&first);
	return r;
}
