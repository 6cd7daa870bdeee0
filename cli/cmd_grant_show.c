/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/log.h"

#define SHARE 32

/* "1.05 %" of parts per million. */
static const char *
percent(uint64_t ppm, char buf[static SHARE])
{
	snprintf(buf, SHARE, "%llu.%02llu %%", (unsigned long long)ppm / 10000,
	    (unsigned long long)ppm / 100 % 100);
	return buf;
}

/* "1.05" loads, of millionths. */
static const char *
loads(uint64_t ppm, char buf[static SHARE])
{
	snprintf(buf, SHARE, "%llu.%02llu", (unsigned long long)ppm / 1000000,
	    (unsigned long long)ppm / 10000 % 100);
	return buf;
}

static uint64_t
left(uint64_t limit, uint64_t used)
{
	return limit > used ? limit - used : 0;
}

static void
print_load(const json_t *g)
{
	const json_t *l = json_object_get(g, "load");
	uint64_t used = talk_number(l, "used_ppm");
	uint64_t most = talk_number(l, "limit_ppm");
	uint64_t again = talk_number(l, "repeated_ppm");
	uint64_t most_again = talk_number(l, "repeated_limit_ppm");
	const char *day = talk_bool(g, "per_day") ? " in a day" : "";
	char a[SHARE], b[SHARE], c[SHARE];

	out_line("loads     %s of %s%s used, %s left", loads(used, a),
	    loads(most, b), day, loads(left(most, used), c));
	out_line("repeats   %s of %s%s with what was read again",
	    loads(again, a), loads(most_again, b), day);
}

static void
print_browse(const json_t *g)
{
	uint64_t most = talk_number(g, "limit_ppm");
	uint64_t pool = talk_number(g, "pool_limit_ppm");
	const json_t *v;
	size_t i;

	json_array_foreach(json_object_get(g, "versions"), i, v) {
		uint64_t used = talk_number(v, "used_ppm");
		uint64_t chunk = talk_number(v, "chunk_ppm");
		char a[SHARE], b[SHARE], c[SHARE], d[SHARE], e[SHARE];

		out_line("version   %.12s: %s of %s used in %llu days, %s left;"
			 " all who browse it together: %s of %s",
		    talk_text(v, "version"), percent(used, a), percent(most, b),
		    (unsigned long long)talk_number(g, "days"),
		    percent(left(most, used), c),
		    percent(talk_number(v, "pool_ppm"), d), percent(pool, e));
		if (chunk > most)
			out_line("          one chunk of it is %s of its"
				 " weights: under this grant only headers,"
				 " configurations and tokenizers can be read",
			    percent(chunk, a));
	}
}

static void
print_exes(const json_t *exes)
{
	for (size_t i = 0; i < json_array_size(exes); i++)
		out_line("%s%s", i == 0 ? "programs  " : "          ",
		    json_string_value(json_array_get(exes, i)));
}

static void
print_grant(const json_t *g)
{
	const char *channel = talk_text(g, "channel");
	const char *version = talk_text(g, "version");
	bool load = strcmp(talk_text(g, "type"), "load") == 0;
	char until[OUT_TIME];

	out_line("grant     %llu: %s may %s %s%s%s%s%.12s%s%s",
	    (unsigned long long)talk_number(g, "grant"), talk_text(g, "to"),
	    load ? "load" : "browse", talk_text(g, "model"),
	    channel[0] != '\0' ? ":" : "", channel,
	    version[0] != '\0' ? "@" : "", version,
	    talk_bool(g, "export") ? ", and get plain copies" : "",
	    talk_text(g, "removed")[0] != '\0' ? " (removed)" :
		talk_bool(g, "expired")	       ? " (its time is up)" :
						 "");
	if (talk_text(g, "until")[0] != '\0')
		out_line("until     %s UTC",
		    out_when(talk_text(g, "until"), until));
	print_exes(json_object_get(g, "exes"));
	out_line("by        %s: %s", talk_text(g, "by"),
	    talk_text(g, "reason"));
	if (load)
		print_load(g);
	else
		print_browse(g);
}

int
cmd_grant_show(struct options *o, int argc, char **argv)
{
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	uint64_t id;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &operands)) != 0 ||
	    (r = options_number(o, "ID", operands.items[0], INT64_MAX, &id)) !=
		0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_json_id(client, MSG_GRANT_SHOW, id, &j)) != 0)
		return r;
	if (o->json)
		return out_json(j);
	print_grant(j);
	return 0;
}

int
cmd_grant_reset(struct options *o, int argc, char **argv)
{
	const char *reason = NULL;
	const struct options_own own[] = {
		{ "reason", 0, OPTIONS_TEXT, &reason },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED_WRITER body = writer_of(4 * MSG_TEXT_MAX);
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	const char *model;
	struct reader reply;
	uint64_t count;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	model = operands.items[0];
	if (!ref_name_ok(model))
		return options_wrong(o,
		    "MODEL is a name, without channel or digest");
	if (reason == NULL || reason[0] == '\0')
		return options_wrong(o,
		    "--reason is missing: why may they go on? It is recorded");
	writer_string(&body, model);
	writer_string(&body, reason);
	if ((r = talk_open(&client, o)) != 0 ||
	    (r = client_call(client, MSG_BUDGET_RESET, &body, &reply)) != 0)
		return r;
	if (msg_number_read(&count, &reply) != 0)
		return log_err(ERR_FORMAT, "keyd's answer is malformed");
	if (!o->quiet)
		log_info("what all who browse '%s' read together counts from "
			 "here on; each one's own 2 %% stays",
		    model);
	if (!o->json)
		return 0;
	j = json_pack("{s:s, s:b, s:I}", "model", model, "reset", true,
	    "contributors", (json_int_t)count);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}
