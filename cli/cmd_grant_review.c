/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "keys/grant.h"
#include "vault/err.h"
#include "vault/log.h"

#define HEADS 9

/* "export never used; any host, and one was seen" */
static int
join_findings(const json_t *g, char **out)
{
	const json_t *list = json_object_get(g, "findings");
	size_t length;
	FILE *f = open_memstream(out, &length);

	if (f == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < json_array_size(list); i++)
		fprintf(f, "%s%s", i > 0 ? "; " : "",
		    json_string_value(json_array_get(list, i)));
	return fclose(f) == 0 ? 0 : ERR_NOMEM;
}

/* "2.4 of 10", "0.3 of 5 a day", "browse" */
static void
describe_loads(const json_t *g, char *buf, size_t size)
{
	unsigned long long used = talk_number(g, "loads_milli");

	if (strcmp(talk_text(g, "type"), "load") != 0)
		snprintf(buf, size, "browse");
	else
		snprintf(buf, size, "%llu.%llu of %llu%s", used / 1000,
		    used % 1000 / 100,
		    (unsigned long long)talk_number(g, "loads"),
		    talk_bool(g, "per_day") ? " a day" : "");
}

static int
add_row(struct out_table *t, const json_t *g)
{
	char id[24], sessions[24], loads[48], until[OUT_TIME], last[OUT_TIME];
	char reference[REF_NAME_MAX + REF_CHANNEL_MAX + 16];
	OWNED_MEM(char) findings = NULL;
	const char *read = talk_text(g, "last_read");
	const char *cells[HEADS] = { id, talk_text(g, "to"), reference, loads,
		talk_bool(g, "export") ? "yes" : "", until, sessions, last };

	if (join_findings(g, &findings) != 0)
		return ERR_NOMEM;
	cells[HEADS - 1] = findings;
	snprintf(id, sizeof(id), "%llu",
	    (unsigned long long)talk_number(g, "grant"));
	snprintf(sessions, sizeof(sessions), "%llu",
	    (unsigned long long)talk_number(g, "sessions"));
	snprintf(reference, sizeof(reference), "%s%s%s%s%.12s",
	    talk_text(g, "model"), talk_text(g, "channel")[0] ? ":" : "",
	    talk_text(g, "channel"), talk_text(g, "version")[0] ? "@" : "",
	    talk_text(g, "version"));
	describe_loads(g, loads, sizeof(loads));
	out_when(talk_text(g, "until"), until);
	out_when(*read != '\0' ? read : talk_text(g, "last_opened"), last);
	return out_table_add(t, cells);
}

int
cmd_grant_review(struct options *o, int argc, char **argv)
{
	static const char *const heads[HEADS] = { ">ID", "TO", "MAY READ",
		"LOADS USED", "EXPORT", "UNTIL (UTC)", ">SESSIONS",
		"LAST USED (UTC)", "TO LOOK AT" };
	const char *at = NULL;
	const struct options_own own[] = {
		{ "at", 0, OPTIONS_TEXT, &at },
		OPTIONS_END,
	};
	struct options_operands none;
	OWNED(client) client = NULL;
	OWNED(out_table) table = NULL;
	struct msg_list m = { 0 };
	OWNED_JSON j = NULL;
	int64_t at_ms = 0;
	const json_t *g;
	size_t i;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0 ||
	    (at != NULL &&
		(r = options_time(o, "--at", at, -1, &at_ms)) != 0) ||
	    (r = talk_open(&client, o)) != 0)
		return r;
	m.id = (uint64_t)at_ms;
	if ((r = talk_list(client, MSG_GRANT_REVIEW, "grants", &m, &j)) != 0)
		return r;
	if (o->json)
		return out_json(j);
	if ((r = out_table_new(&table, heads, HEADS)) != 0)
		return r;
	json_array_foreach(json_object_get(j, "grants"), i, g) {
		if ((r = add_row(table, g)) != 0)
			return r;
	}
	out_table_print(table);
	if (i == 0 && !o->quiet)
		log_info("no grants were in force%s",
		    at != NULL ? " then" : "");
	return 0;
}
