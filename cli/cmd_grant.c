/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/log.h"

/* "5", "5/day", "browse" */
static void
describe_loads(const json_t *g, char *buf, size_t size)
{
	if (strcmp(talk_text(g, "type"), "load") != 0)
		snprintf(buf, size, "%s", talk_text(g, "type"));
	else
		snprintf(buf, size, "%llu%s",
		    (unsigned long long)talk_number(g, "loads"),
		    talk_bool(g, "per_day") ? "/day" : "");
}

/* "removed 2026-11-24 10:15 by user:maria: why", or that its time was up. */
static int
describe_end(const json_t *g, char **out)
{
	const char *reason = talk_text(g, "removed_reason");
	char removed[OUT_TIME];
	int n;

	if (talk_text(g, "removed")[0] == '\0') {
		*out = strdup(talk_bool(g, "expired") ? "its time was up" : "");
		return *out != NULL ? 0 : ERR_NOMEM;
	}
	out_when(talk_text(g, "removed"), removed);
	n = asprintf(out, "removed %s by %s%s%s", removed,
	    talk_text(g, "removed_by"), reason[0] != '\0' ? ": " : "", reason);
	if (n < 0)
		*out = NULL;
	return n < 0 ? ERR_NOMEM : 0;
}

/* "on gpu-*; mon-fri 08:00-18:00 +02:00; 2 sessions" */
static int
describe_limits(const json_t *g, char **out)
{
	const json_t *hosts = json_object_get(g, "hosts");
	const json_t *exes = json_object_get(g, "exes");
	const char *days = talk_text(g, "days"), *hours = talk_text(g, "hours");
	const char *zone = talk_text(g, "zone");
	uint64_t sessions = talk_number(g, "max_sessions");
	size_t length;
	FILE *f = open_memstream(out, &length);

	if (f == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < json_array_size(hosts); i++)
		fprintf(f, "%s%s", i == 0 ? "on " : ", ",
		    json_string_value(json_array_get(hosts, i)));
	if (*days != '\0' || *hours != '\0')
		fprintf(f, "%s%s%s%s %s", ftell(f) > 0 ? "; " : "", days,
		    *days != '\0' && *hours != '\0' ? " " : "", hours,
		    *zone != '\0' ? zone : "UTC");
	if (talk_number(g, "approvals") != 0 &&
	    talk_text(g, "approved")[0] == '\0')
		fprintf(f, "%sWAITS for %llu approval%s",
		    ftell(f) > 0 ? "; " : "",
		    (unsigned long long)talk_number(g, "approvals"),
		    talk_number(g, "approvals") == 1 ? "" : "s");
	if (sessions != 0)
		fprintf(f, "%s%llu session%s", ftell(f) > 0 ? "; " : "",
		    (unsigned long long)sessions, sessions == 1 ? "" : "s");
	for (size_t i = 0; i < json_array_size(exes); i++)
		fprintf(f, "%s%.12s",
		    i > 0	     ? ", " :
			ftell(f) > 0 ? "; by " :
				       "by ",
		    json_string_value(json_array_get(exes, i)));
	return fclose(f) == 0 ? 0 : ERR_NOMEM;
}

static int
add_row(struct out_table *t, const json_t *g)
{
	char id[24], reference[REF_NAME_MAX + REF_CHANNEL_MAX + 16], loads[24];
	char until[OUT_TIME];
	OWNED_MEM(char) ended = NULL;
	OWNED_MEM(char) limits = NULL;
	const char *cells[] = { id, talk_text(g, "to"), reference, loads,
		talk_bool(g, "export") ? "yes" : "", NULL, until,
		talk_text(g, "by"), talk_text(g, "reason"), NULL };

	snprintf(id, sizeof(id), "%llu",
	    (unsigned long long)talk_number(g, "grant"));
	snprintf(reference, sizeof(reference), "%s%s%s%s%.12s",
	    talk_text(g, "model"), talk_text(g, "channel")[0] ? ":" : "",
	    talk_text(g, "channel"), talk_text(g, "version")[0] ? "@" : "",
	    talk_text(g, "version"));
	describe_loads(g, loads, sizeof(loads));
	out_when(talk_text(g, "until"), until);
	if (describe_end(g, &ended) != 0 || describe_limits(g, &limits) != 0)
		return ERR_NOMEM;
	cells[5] = limits;
	cells[9] = ended; /* a column with --all only */
	return out_table_add(t, cells);
}

int
cmd_grant_ls(struct options *o, int argc, char **argv)
{
	static const char *const heads[] = { ">ID", "TO", "MAY READ", "LOADS",
		"EXPORT", "ONLY", "UNTIL (UTC)", "BY", "REASON",
		"ENDED (UTC)" };
	struct msg_list m = { 0 };
	const struct options_own own[] = {
		{ "all", 0, OPTIONS_FLAG, &m.ended },
		OPTIONS_END,
	};
	struct options_operands none;
	OWNED(client) client = NULL;
	OWNED(out_table) table = NULL;
	OWNED_JSON j = NULL;
	json_t *g;
	size_t i;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_list(client, MSG_GRANT_LS, "grants", &m, &j)) != 0)
		return r;
	if (o->json)
		return out_json(j);
	if ((r = out_table_new(&table, heads, m.ended ? 10 : 9)) != 0)
		return r;
	json_array_foreach(json_object_get(j, "grants"), i, g)
		if ((r = add_row(table, g)) != 0)
			return r;
	out_table_print(table);
	if (i == 0 && !o->quiet)
		log_info("no grants are here that you may see");
	else if (!o->quiet)
		log_info("what is used and left of one: weir grant show ID");
	return 0;
}

int
cmd_grant_rm(struct options *o, int argc, char **argv)
{
	const char *reason = NULL;
	const struct options_own own[] = {
		{ "reason", 0, OPTIONS_TEXT, &reason },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED_WRITER body = writer_of(2 * MSG_TEXT_MAX);
	OWNED_MEM(char) copy = NULL;
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	struct msg_id_reason m;
	struct reader reply;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = options_number(o, "ID", operands.items[0], INT64_MAX,
		 &m.id)) != 0)
		return r;
	copy = strdup(reason != NULL ? reason : "");
	if (copy == NULL)
		return ERR_NOMEM;
	m.reason = copy;
	msg_id_reason_write(&body, &m);
	if ((r = talk_open(&client, o)) != 0 ||
	    (r = client_call(client, MSG_GRANT_RM, &body, &reply)) != 0)
		return r;
	if (!o->quiet)
		log_info("grant %llu is taken back, and its sessions end",
		    (unsigned long long)m.id);
	if (!o->json)
		return 0;
	j = json_pack("{s:I, s:b}", "grant", (json_int_t)m.id, "removed", true);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}
