/* SPDX-License-Identifier: Apache-2.0 */
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

static int
print_json(const struct vaultdir *v, const char *owner, const char *recovery,
    size_t length)
{
	char id[VAULTDIR_ID_SIZE];
	OWNED_MEM(char) vkey = note_key_text(&v->key);
	OWNED_JSON j = NULL;

	if (vkey == NULL)
		return ERR_NOMEM;
	j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s%}", "vault", v->path, "id",
	    vaultdir_id(v, id), "origin", v->key.name, "vkey", vkey, "owner",
	    owner, "recovery_key", recovery, length);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

static void
say_next(const struct options *o, const struct vaultdir *v)
{
	if (o->quiet)
		return;
	log_info("made a vault at '%s'", v->path);
	log_info("the line on standard output is the RECOVERY KEY: it opens "
		 "the vault when every other secret is lost, and it is never "
		 "shown again.  Print it, or keep it where the vault is not");
	log_info("next: export WEIR_VAULT='%s'", v->path);
	log_info("      weir put MODEL DIRECTORY");
	log_info("      weir grant add MODEL --to user:NAME --loads 10 "
		 "--reason 'why'");
	log_info("      weir audit checkpoint > FILE   keep it elsewhere: it "
		 "proves later that the trail was not cut");
}

int
cmd_init(struct options *o, int argc, char **argv)
{
	struct options_operands operands;
	char owner[PEER_SIZE];
	struct unlock first;
	struct vaultdir_init how = { .first = &first, .uid = geteuid() };
	OWNED(secret_text) recovery = NULL;
	OWNED(vaultdir) v = NULL;
	const char *text;
	size_t length;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &operands)) != 0)
		return r;
	how.path = operands.items[0];
	how.owner = peer_principal(how.uid, owner);

	if ((r = unlock_load(&first, &o->unlock, true)) != 0)
		return r;
	r = vaultdir_init(&how, &recovery);
	unlock_clear(&first);
	if (r != 0 || (r = vaultdir_open(&v, how.path)) != 0)
		return r;

	text = (const char *)secret_text_bytes(recovery, &length);
	say_next(o, v);
	if (o->json)
		return print_json(v, owner, text, length);
	printf("%.*s\n", (int)length, text);
	return 0;
}
