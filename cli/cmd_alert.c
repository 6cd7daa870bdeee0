/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "keys/alert.h"
#include "vault/err.h"
#include "vault/log.h"

/* "llama@0123456789ab", "llama", or "". */
static void
name_model(const json_t *a, char *buf, size_t size)
{
	const char *version = talk_text(a, "version");

	snprintf(buf, size, "%s%s%.12s", talk_text(a, "model"),
	    version[0] != '\0' ? "@" : "", version);
}

static int
add_row(struct out_table *t, const json_t *a)
{
	char id[24], when[OUT_TIME], model[REF_NAME_MAX + 16];
	const json_t *ack = json_object_get(a, "ack");
	const char *cells[] = { id, when, talk_text(a, "severity"),
		talk_text(a, "rule"), talk_text(a, "principal"), model,
		talk_text(ack, "disposition"), talk_text(a, "reason") };

	snprintf(id, sizeof(id), "%llu",
	    (unsigned long long)talk_number(a, "alert"));
	out_when(talk_text(a, "time"), when);
	name_model(a, model, sizeof(model));
	return out_table_add(t, cells);
}

/* How many of a list nobody has acknowledged. */
static size_t
count_new(const json_t *alerts)
{
	const json_t *a;
	size_t i, n = 0;

	json_array_foreach(alerts, i, a)
		n += json_object_get(a, "ack") == NULL;
	return n;
}

static int
print_list(const struct options *o, const json_t *alerts)
{
	static const char *const heads[] = { ">ID", "RAISED (UTC)", "SEVERITY",
		"RULE", "WHO", "MODEL", "ACK", "WHY" };
	OWNED(out_table) table = NULL;
	const json_t *a;
	size_t i;
	int r;

	if ((r = out_table_new(&table, heads, 8)) != 0)
		return r;
	json_array_foreach(alerts, i, a)
		if ((r = add_row(table, a)) != 0)
			return r;
	out_table_print(table);
	if (i == 0 && !o->quiet)
		log_info("no alerts");
	else if (!o->quiet && count_new(alerts) > 0)
		log_info("next: weir alert show ID; then weir alert ack ID "
			 "--disposition benign|real|unclear");
	return 0;
}

int
cmd_alert_ls(struct options *o, int argc, char **argv)
{
	const char *model = NULL;
	struct msg_list m = { 0 };
	const struct options_own own[] = {
		{ "all", 0, OPTIONS_FLAG, &m.ended },
		{ "model", 0, OPTIONS_TEXT, &model },
		OPTIONS_END,
	};
	struct options_operands none;
	OWNED(client) client = NULL;
	OWNED_MEM(char) name = NULL;
	OWNED_JSON j = NULL;
	const json_t *alerts;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0)
		return r;
	if (model != NULL && !ref_name_ok(model))
		return options_wrong(o,
		    "--model must be the name of a model, without channel or "
		    "digest");
	if (model != NULL && (name = strdup(model)) == NULL)
		return ERR_NOMEM;
	m.model = name;
	if ((r = talk_open(&client, o)) != 0 ||
	    (r = talk_list(client, MSG_ALERT_LS, "alerts", &m, &j)) != 0)
		return r;
	alerts = json_object_get(j, "alerts");
	r = o->json ? out_json(j) : print_list(o, alerts);
	if (r == 0 && count_new(alerts) > 0)
		r = CMD_FINDINGS;
	return r;
}

static void
print_entries(const json_t *a)
{
	const json_t *list = json_object_get(a, "entries"), *n;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	printf("entries   ");
	json_array_foreach(list, i, n)
		printf("%s%lld", i > 0 ? ", " : "",
		    (long long)json_integer_value(n));
	printf("   (weir audit show INDEX)\n");
}

static void
print_ack(const json_t *ack, uint64_t alert)
{
	const char *note = talk_text(ack, "note");
	char when[OUT_TIME];

	if (ack == NULL) {
		out_line("ack       nobody has yet   (weir alert ack %llu"
			 " --disposition benign|real|unclear)",
		    (unsigned long long)alert);
		return;
	}
	out_line("ack       %s, by %s at %s UTC%s%s",
	    talk_text(ack, "disposition"), talk_text(ack, "by"),
	    out_when(talk_text(ack, "time"), when), note[0] != '\0' ? ": " : "",
	    note);
}

static void
print_alert(const json_t *a)
{
	char when[OUT_TIME], model[REF_NAME_MAX + 16];
	uint64_t session = talk_number(a, "session");

	name_model(a, model, sizeof(model));
	out_line("alert     %llu, entry %llu of the trail",
	    (unsigned long long)talk_number(a, "alert"),
	    (unsigned long long)talk_number(a, "entry"));
	out_line("raised    %s UTC", out_when(talk_text(a, "time"), when));
	out_line("rule      %s   (docs/watch.md tells what it looks for)",
	    talk_text(a, "rule"));
	out_line("severity  %s, score %.3g", talk_text(a, "severity"),
	    json_number_value(json_object_get(a, "score")));
	if (talk_text(a, "principal")[0] != '\0')
		out_line("who       %s", talk_text(a, "principal"));
	if (model[0] != '\0')
		out_line("model     %s", model);
	if (session != 0)
		out_line("session   %llu   (weir session show %llu)",
		    (unsigned long long)session, (unsigned long long)session);
	out_line("why       %s", talk_text(a, "reason"));
	print_entries(a);
	if (talk_text(a, "advice")[0] != '\0')
		out_line("advice    %s", talk_text(a, "advice"));
	print_ack(json_object_get(a, "ack"), talk_number(a, "alert"));
}

static int
parse_id(const struct options *o, const char *text, uint64_t *id)
{
	int r = options_number(o, "ID", text, INT64_MAX, id);

	if (r == 0 && *id == 0)
		r = options_wrong(o, "alerts are numbered from 1");
	return r;
}

int
cmd_alert_show(struct options *o, int argc, char **argv)
{
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	const json_t *a;
	uint64_t id;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &operands)) != 0 ||
	    (r = parse_id(o, operands.items[0], &id)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_list(client, MSG_ALERT_LS, "alerts",
		 &(struct msg_list){ .id = id }, &j)) != 0)
		return r;
	a = json_array_get(json_object_get(j, "alerts"), 0);
	if (a == NULL)
		return log_err(ERR_FORMAT, "keyd's answer is malformed");
	if (o->json)
		return out_json(a);
	print_alert(a);
	return 0;
}

/* A message's strings are not const, because it owns those that it reads. */
static int
send_ack(const struct options *o, struct client *c, uint64_t id,
    const char *disposition, const char *note)
{
	OWNED_WRITER body = writer_of(2 * MSG_TEXT_MAX);
	OWNED_MEM(char) word = strdup(disposition);
	OWNED_MEM(char) text = strdup(note != NULL ? note : "");
	const struct msg_alert_ack m = { id, word, text };
	struct reader reply;
	int r;

	if (word == NULL || text == NULL)
		return ERR_NOMEM;
	msg_alert_ack_write(&body, &m);
	if ((r = client_call(c, MSG_ALERT_ACK, &body, &reply)) != 0)
		return r;
	if (!o->quiet)
		log_info("alert %llu is recorded as %s", (unsigned long long)id,
		    disposition);
	return 0;
}

int
cmd_alert_ack(struct options *o, int argc, char **argv)
{
	const char *disposition = NULL, *note = NULL;
	const struct options_own own[] = {
		{ "disposition", 0, OPTIONS_TEXT, &disposition },
		{ "note", 0, OPTIONS_TEXT, &note },
		OPTIONS_END,
	};
	struct options_operands operands;
	enum alert_disposition d;
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	uint64_t id;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = parse_id(o, operands.items[0], &id)) != 0)
		return r;
	if (disposition == NULL ||
	    alert_disposition_parse(&d, disposition) != 0)
		return options_wrong(o,
		    "--disposition says what you made of it: benign, real or "
		    "unclear");
	if (note != NULL && strlen(note) > ALERT_NOTE_MAX)
		return options_wrong(o, "--note is longer than %d bytes",
		    ALERT_NOTE_MAX);
	if ((r = talk_open(&client, o)) != 0 ||
	    (r = send_ack(o, client, id, disposition, note)) != 0)
		return r;
	if (!o->json)
		return 0;
	j = json_pack("{s:I, s:s}", "alert", (json_int_t)id, "disposition",
	    disposition);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}
