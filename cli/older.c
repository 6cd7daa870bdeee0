/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/older.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "keys/chain.h"
#include "vault/note.h"
#include "vault/seen.h"
#include "vault/tlog.h"

static void
tell(const struct chain_sight *s, char out[static OLDER_SIZE])
{
	*out = '\0';
	if (s->follows)
		return;
	if (s->has < s->seen)
		snprintf(out, OLDER_SIZE,
		    "the vault's trail has %" PRIu64
		    " entries, and this host has "
		    "seen %" PRIu64 ": an older vault was put back, or the "
		    "trail was cut; this host does not mount or copy it",
		    s->has, s->seen);
	else
		snprintf(out, OLDER_SIZE,
		    "the vault's trail is another one than this host has seen "
		    "(%" PRIu64
		    " entries): an older vault was put back and went on, or "
		    "it was rewritten; this host does not mount or copy it",
		    s->seen);
}

void
older_look(struct client *client, char out[static OLDER_SIZE])
{
	struct chain_sight s;

	*out = '\0';
	if (chain_sight(client, &s) == 0)
		tell(&s, out);
}

void
older_look_still(const struct options *o, char out[static OLDER_SIZE])
{
	struct note_checkpoint seen;
	struct digest then;
	OWNED(audit) a = NULL;
	struct chain_sight s;

	*out = '\0';
	if (audit_open(&a, o, true) != 0 ||
	    chain_seen(a->vault->id, &seen) != 0)
		return;
	s = (struct chain_sight){
		.seen = seen.size,
		.has = trail_reader_checkpoint(a->reader)->size,
	};
	if (s.has >= s.seen) {
		if (tlog_root(s.seen, trail_reader_node, a->reader, &then) != 0)
			return;
		s.follows = digest_equal(&then, &seen.root);
	}
	tell(&s, out);
}

void
older_advice(const uint8_t vault[static 16], char out[static OLDER_ADVICE_SIZE])
{
	char id[SEEN_NAME];

	snprintf(out, OLDER_ADVICE_SIZE,
	    "if it was put back on purpose, have this host forget what it saw: "
	    "weir trust forget %s (and others, each its own); else bring back "
	    "the newest backup, or find out who changed the vault",
	    seen_vault_name(vault, id));
}
