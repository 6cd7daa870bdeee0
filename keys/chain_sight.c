/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/chain.h"
#include "vault/err.h"
#include "vault/note.h"
#include "vault/tlog.h"

int
chain_seen(const uint8_t vault[static 16], struct note_checkpoint *out)
{
	OWNED_MEM(char) directory = NULL;
	OWNED(seen) seen = NULL;
	const char *text;
	bool before;
	int err = seen_before(vault, &before);

	if (err == 0 && !before)
		return ERR_NOT_FOUND;
	if (err == 0)
		err = seen_directory(&directory);
	if (err == 0)
		err = seen_open_as(&seen, directory, vault, false);
	if (err != 0)
		return err;
	text = seen_checkpoint(seen);
	return text != NULL ? note_checkpoint_parse(out, text, strlen(text)) :
			      ERR_NOT_FOUND;
}

int
chain_sight(struct client *client, struct chain_sight *out)
{
	struct msg_consistency m = { 0 };
	struct note_checkpoint seen, now;
	int err = chain_seen(client_peer(client)->vault, &seen);

	if (err != 0)
		return err;
	client_quiet(client, true);
	err = client_trail_consistency(client, seen.size, &m);
	client_quiet(client, false);
	if (err == 0)
		err = note_checkpoint_parse(&now, m.note, strlen(m.note));
	if (err == 0)
		*out = (struct chain_sight){
			.seen = seen.size,
			.has = now.size,
			.follows = now.size >= seen.size &&
			    strcmp(now.origin, seen.origin) == 0 &&
			    tlog_consistency_ok(seen.size, now.size, &seen.root,
				&now.root, m.proof, m.count),
		};
	msg_consistency_clear(&m);
	return err;
}
