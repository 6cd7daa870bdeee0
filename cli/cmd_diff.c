/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/changes.h"
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/subject.h"
#include "cli/talk.h"
#include "vault/err.h"

#define LINES 40

static int
print(const struct options *o, json_t *changes, const struct subject *from,
    const struct subject *to, bool all)
{
	int r;

	if (o->json) {
		if ((r = out_set(changes, "from", json_string(from->full))) !=
			0 ||
		    (r = out_set(changes, "to", json_string(to->full))) != 0)
			return r;
		return out_json(changes);
	}
	out_line("from   %s", from->full);
	out_line("to     %s", to->full);
	changes_print(stdout, changes, all ? 0 : LINES);
	return 0;
}

int
cmd_diff(struct options *o, int argc, char **argv)
{
	bool all = false;
	const struct options_own own[] = {
		{ "all", 0, OPTIONS_FLAG, &all },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED(store) store = NULL;
	OWNED_JSON changes = NULL;
	OWNED_SUBJECT from = { 0 };
	OWNED_SUBJECT to = { 0 };
	struct changes_of which = { .deep = true };
	struct ref ref;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = talk_ref(o, operands.items[0], &ref)) != 0 ||
	    (r = talk_ref(o, operands.items[1], &ref)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_store(&store, o, false)) != 0 ||
	    (r = subject_open(&from, client, store, operands.items[0])) != 0 ||
	    (r = subject_open(&to, client, store, operands.items[1])) != 0)
		return r;
	which.from = from.version;
	which.to = to.version;
	if ((r = changes_between(&changes, &which)) != 0)
		return r;
	return print(o, changes, &from, &to, all);
}
