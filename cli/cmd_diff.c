/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/changes.h"
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"

#define LINES 40

/* A version that was asked for, opened. */
struct side {
	struct msg_version m;
	struct version *version;
	char name[REF_NAME_MAX + DIGEST_HEX_SIZE + 2];
};

static void
side_clear(struct side *s)
{
	version_free(s->version);
	msg_version_clear(&s->m);
}
#define OWNED_SIDE __attribute__((cleanup(side_clear))) struct side

static int
side_open(struct side *s, struct client *client, struct store *store,
    const char *reference)
{
	char hex[DIGEST_HEX_SIZE];
	struct msg_version m;
	int r;

	if ((r = client_version_get(client, reference, &m)) != 0)
		return r;
	s->m = m;
	snprintf(s->name, sizeof(s->name), "%s@%s", s->m.model,
	    digest_hex(&s->m.version, hex));
	return talk_version(&s->version, store, &s->m);
}

static int
print(const struct options *o, json_t *changes, const struct side *from,
    const struct side *to, bool all)
{
	int r;

	if (o->json) {
		if ((r = out_set(changes, "from", json_string(from->name))) !=
			0 ||
		    (r = out_set(changes, "to", json_string(to->name))) != 0)
			return r;
		return out_json(changes);
	}
	out_line("from   %s", from->name);
	out_line("to     %s", to->name);
	changes_print(changes, all ? 0 : LINES);
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
	OWNED_SIDE from = { 0 };
	OWNED_SIDE to = { 0 };
	struct changes_of which = { .deep = true };
	struct ref ref;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = talk_ref(o, operands.items[0], &ref)) != 0 ||
	    (r = talk_ref(o, operands.items[1], &ref)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_store(&store, o, false)) != 0 ||
	    (r = side_open(&from, client, store, operands.items[0])) != 0 ||
	    (r = side_open(&to, client, store, operands.items[1])) != 0)
		return r;
	which.from = from.version;
	which.to = to.version;
	if ((r = changes_between(&changes, &which)) != 0)
		return r;
	return print(o, changes, &from, &to, all);
}
