/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "keys/role.h"
#include "vault/err.h"
#include "vault/log.h"

int
cmd_role_ls(struct options *o, int argc, char **argv)
{
	static const char *const heads[] = { "ROLE", "OF", "PRINCIPAL" };
	struct options_operands none;
	OWNED(client) client = NULL;
	OWNED(out_table) table = NULL;
	OWNED_JSON j = NULL;
	json_t *role;
	size_t i;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &none)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_list(client, MSG_ROLE_LS, "roles",
		 &(struct msg_list){ 0 }, &j)) != 0)
		return r;
	if (o->json)
		return out_json(j);
	if ((r = out_table_new(&table, heads, 3)) != 0)
		return r;
	json_array_foreach(json_object_get(j, "roles"), i, role) {
		const char *cells[] = { talk_text(role, "role"),
			talk_text(role, "family"), talk_text(role, "to") };

		if ((r = out_table_add(table, cells)) != 0)
			return r;
	}
	out_table_print(table);
	return 0;
}

static int
check_role(const struct options *o, const struct msg_role *m)
{
	enum role role;
	int r;

	if (role_parse(&role, m->role) != 0)
		return options_wrong(o,
		    "'%s' is no role: they are owner, manager, uploader, "
		    "reviewer and mounter",
		    m->role);
	if (m->to == NULL)
		return options_wrong(o, "--to is missing: user:NAME");
	if ((r = options_principal(o, m->to)) != 0)
		return r;
	if (role_has_family(role) && m->family == NULL)
		return options_wrong(o,
		    "an uploader puts versions of one model: --family MODEL "
		    "is missing");
	if (!role_has_family(role) && m->family != NULL)
		return options_wrong(o, "--family is for uploaders only");
	if (m->family != NULL && !ref_name_ok(m->family))
		return options_wrong(o, "--family must be a model's name");
	return 0;
}

/* What a role needs besides keyd's word: files of the vault. */
static void
say_next(const struct options *o, const struct msg_role *m)
{
	OWNED_MEM(char) vault = realpath(o->vault, NULL);
	OWNED_MEM(char) path = NULL;
	OWNED_MEM(char) command = NULL;
	const char *name = m->to + strlen("user:");
	bool uploader = strcmp(m->role, role_name(ROLE_UPLOADER)) == 0;

	if (vault == NULL ||
	    (!uploader && strcmp(m->role, role_name(ROLE_REVIEWER)) != 0))
		return;
	if (asprintf(&path, "%s/%s", vault, uploader ? "objects" : "trail") <
	    0) {
		path = NULL;
		return;
	}
	command = talk_share(path, name, uploader);
	if (command != NULL)
		log_info("next: let %s %s: %s", name,
		    uploader ? "write to the object store" : "read the trail",
		    command);
}

static int
change(struct options *o, int argc, char **argv, enum msg_type type)
{
	const char *to = NULL, *family = NULL;
	const struct options_own own[] = {
		{ "to", 0, OPTIONS_TEXT, &to },
		{ "family", 0, OPTIONS_TEXT, &family },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX);
	OWNED_JSON j = NULL;
	OWNED_MEM(char) to_copy = NULL;
	OWNED_MEM(char) family_copy = NULL;
	struct msg_role m = { 0 };
	struct reader reply;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	m.role = operands.items[0];
	m.to = to_copy = to != NULL ? strdup(to) : NULL;
	m.family = family_copy = family != NULL ? strdup(family) : NULL;
	if ((r = check_role(o, &m)) != 0)
		return r;

	msg_role_write(&body, &m);
	if ((r = talk_open(&client, o)) != 0 ||
	    (r = client_call(client, type, &body, &reply)) != 0)
		return r;
	if (!o->quiet)
		log_info("%s is %s %s%s%s", m.to,
		    type == MSG_ROLE_ADD ? "now" : "no longer", m.role,
		    family != NULL ? " of " : "", family != NULL ? family : "");
	if (!o->quiet && type == MSG_ROLE_ADD) {
		say_next(o, &m);
		talk_about(o, client, m.to);
	}
	if (!o->json)
		return 0;
	j = json_pack("{s:s, s:s, s:b, s:s*}", "role", m.role, "to", m.to,
	    "holds", type == MSG_ROLE_ADD, "family", family);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

int
cmd_role_add(struct options *o, int argc, char **argv)
{
	return change(o, argc, argv, MSG_ROLE_ADD);
}

int
cmd_role_rm(struct options *o, int argc, char **argv)
{
	return change(o, argc, argv, MSG_ROLE_RM);
}
