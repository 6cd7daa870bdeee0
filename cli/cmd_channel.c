/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/log.h"

/* "2026-11-24T00:10:03.000Z" as "2026-11-24 00:10" */
static void
shorten(char out[static 17], const char *time)
{
	snprintf(out, 17, "%s", time);
	for (char *c = out; *c != '\0'; c++)
		if (*c == 'T')
			*c = ' ';
}

static int
add_row(struct out_table *t, const json_t *p)
{
	char serial[24], act[48], time[17], expires[17], names[256] = "";
	const char *cells[] = { serial, act, talk_text(p, "version"), time,
		expires, names, talk_text(p, "reason"),
		talk_text(p, "ticket") };
	size_t i, n = 0;
	json_t *name;

	snprintf(serial, sizeof(serial), "%ju",
	    (uintmax_t)talk_number(p, "serial"));
	snprintf(act, sizeof(act), "%s", talk_text(p, "act"));
	if (talk_number(p, "to") != 0)
		snprintf(act, sizeof(act), "%.16s to %ju", talk_text(p, "act"),
		    (uintmax_t)talk_number(p, "to"));
	shorten(time, talk_text(p, "time"));
	shorten(expires, talk_text(p, "expires"));
	json_array_foreach(json_object_get(p, "signed"), i, name) {
		if (n < sizeof(names))
			n += (size_t)snprintf(names + n, sizeof(names) - n,
			    "%s%s", i > 0 ? ", " : "", json_string_value(name));
	}
	return out_table_add(t, cells);
}

int
cmd_channel_log(struct options *o, int argc, char **argv)
{
	static const char *const heads[] = { ">SERIAL", "ACT", "VERSION",
		"SINCE (UTC)", "EXPIRES (UTC)", "SIGNED BY", "REASON",
		"TICKET" };
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED(out_table) table = NULL;
	OWNED_JSON j = NULL;
	struct ref ref;
	json_t *p;
	size_t i;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &operands)) != 0 ||
	    (r = talk_ref(o, operands.items[0], &ref)) != 0)
		return r;
	if (ref.channel[0] == '\0')
		return options_wrong(o, "which channel? MODEL:CHANNEL");
	if ((r = talk_open(&client, o)) != 0 ||
	    (r = talk_json(client, MSG_CHANNEL_LOG, operands.items[0], &j)) !=
		0 ||
	    (r = out_table_new(&table, heads, 8)) != 0)
		return r;
	if (o->json)
		return out_json(j);
	json_array_foreach(json_object_get(j, "log"), i, p)
		if ((r = add_row(table, p)) != 0)
			return r;
	out_table_print(table);
	if (i == 0 && !o->quiet)
		log_info("nothing was promoted there yet");
	return 0;
}
