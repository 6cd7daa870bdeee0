/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"

static int
add_rules(struct out_table *t, const char *whose, const json_t *rules)
{
	const json_t *rule;
	size_t i;
	int r;

	json_array_foreach(rules, i, rule) {
		const char *cells[] = { i == 0 ? whose : "",
			talk_text(rule, "rule"),
			talk_bool(rule, "kept") ? "yes" : "NO",
			talk_text(rule, "says") };

		if ((r = out_table_add(t, cells)) != 0)
			return r;
	}
	return 0;
}

/* The rules of the reference, then those of each grant. */
static int
print_rules(const json_t *j)
{
	static const char *const heads[] = { "WHOSE", "RULE", "KEPT", "WHY" };
	OWNED(out_table) table = NULL;
	const json_t *grant;
	char whose[64];
	size_t i;
	int r;

	if ((r = out_table_new(&table, heads, 4)) != 0 ||
	    (r = add_rules(table, "reference", json_object_get(j, "rules"))) !=
		0)
		return r;
	json_array_foreach(json_object_get(j, "grants"), i, grant) {
		snprintf(whose, sizeof(whose), "grant %llu (%s)",
		    (unsigned long long)talk_number(grant, "grant"),
		    talk_text(grant, "type"));
		if ((r = add_rules(table, whose,
			 json_object_get(grant, "rules"))) != 0)
			return r;
	}
	out_table_print(table);
	return 0;
}

/* A message's strings are not const. */
static int
ask(const struct options *o, struct msg_grant_explain *m, char *const *items,
    const char *host, json_t **out)
{
	OWNED_MEM(char) principal = strdup(items[0]);
	OWNED_MEM(char) reference = strdup(items[1]);
	OWNED_MEM(char) name = strdup(host != NULL ? host : "");
	OWNED_WRITER body = writer_of(4 * MSG_TEXT_MAX);
	OWNED(client) c = NULL;
	struct reader reply;
	char *text;
	int r;

	if (principal == NULL || reference == NULL || name == NULL)
		return ERR_NOMEM;
	m->principal = principal;
	m->reference = reference;
	m->host = name;
	msg_grant_explain_write(&body, m);
	if ((r = talk_open(&c, o)) != 0 ||
	    (r = client_call(c, MSG_GRANT_EXPLAIN, &body, &reply)) != 0)
		return r;
	r = msg_text_read(&text, &reply);
	return r == 0 ? talk_parse(text, out) : r;
}

int
cmd_grant_explain(struct options *o, int argc, char **argv)
{
	struct msg_grant_explain m = { 0 };
	const char *host = NULL, *at = NULL;
	const struct options_own own[] = {
		{ "host", 0, OPTIONS_TEXT, &host },
		{ "export", 0, OPTIONS_FLAG, &m.export },
		{ "at", 0, OPTIONS_TEXT, &at },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED_JSON j = NULL;
	struct ref ref;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = options_principal(o, operands.items[0])) != 0 ||
	    (r = talk_ref(o, operands.items[1], &ref)) != 0 ||
	    (at != NULL &&
		(r = options_time(o, "--at", at, -1, &m.at_ms)) != 0) ||
	    (r = ask(o, &m, operands.items, host, &j)) != 0)
		return r;
	if (o->json) {
		r = out_json(j);
	} else {
		r = print_rules(j);
		out_line("%s: %s", talk_bool(j, "can") ? "yes" : "no",
		    talk_text(j, "says"));
	}
	if (r != 0)
		return r;
	return talk_bool(j, "can") ? 0 : CMD_DENIED;
}
