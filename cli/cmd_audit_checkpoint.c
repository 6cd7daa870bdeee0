/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/audit.h"
#include "cli/cmd.h"
#include "cli/out.h"
#include "vault/err.h"

static int
print_json(const struct audit *a, const struct note_checkpoint *c)
{
	char root[DIGEST_HEX_SIZE];
	OWNED_MEM(char) vkey = note_key_text(&a->vault->key);
	OWNED_JSON j = NULL;

	if (vkey == NULL)
		return ERR_NOMEM;
	j = json_pack("{s:s, s:I, s:s, s:s, s:s}", "origin", c->origin, "size",
	    (json_int_t)c->size, "root", digest_hex(&c->root, root), "vkey",
	    vkey, "note", trail_reader_note(a->reader));
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

int
cmd_audit_checkpoint(struct options *o, int argc, char **argv)
{
	bool offline = false;
	const struct options_own own[] = {
		{ "offline", 0, OPTIONS_FLAG, &offline },
		OPTIONS_END,
	};
	struct options_operands none;
	OWNED(audit) a = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0 ||
	    (r = audit_open(&a, o, offline)) != 0)
		return audit_end(a, r);
	if (o->json)
		r = print_json(a, trail_reader_checkpoint(a->reader));
	else
		fputs(trail_reader_note(a->reader), stdout);
	return audit_end(a, r);
}
