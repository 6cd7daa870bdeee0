/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/log.h"

static int
add_row(struct out_table *t, const json_t *s)
{
	char id[24], pid[24], bytes[OUT_SIZE], opened[OUT_TIME];
	char what[REF_NAME_MAX + 64];
	const json_t *versions = json_object_get(s, "versions");
	const json_t *first = json_array_get(versions, 0);
	const char *cells[] = { id, talk_text(s, "for"),
		talk_text(s, "purpose"), what, opened, bytes,
		talk_text(s, "host"), pid, talk_text(s, "mountpoint") };

	snprintf(id, sizeof(id), "%llu",
	    (unsigned long long)talk_number(s, "session"));
	snprintf(pid, sizeof(pid), "%llu",
	    (unsigned long long)talk_number(s, "pid"));
	out_when(talk_text(s, "opened"), opened);
	snprintf(what, sizeof(what), "%s@%.12s", talk_text(first, "model"),
	    talk_text(first, "version"));
	if (json_array_size(versions) > 1)
		snprintf(what + strlen(what), sizeof(what) - strlen(what),
		    " and %zu more", json_array_size(versions) - 1);
	out_size(talk_number(s, "released_bytes"), bytes);
	return out_table_add(t, cells);
}

int
cmd_session_ls(struct options *o, int argc, char **argv)
{
	struct options_operands none;
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &none)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_list(client, MSG_SESSION_LS, "sessions",
		 &(struct msg_list){ 0 }, &j)) != 0)
		return r;
	if (o->json)
		return out_json(j);
	if (json_array_size(json_object_get(j, "sessions")) == 0 && !o->quiet)
		log_info("no session is open that you may see");
	return cmd_session_table(json_object_get(j, "sessions"));
}

int
cmd_session_table(const json_t *sessions)
{
	static const char *const heads[] = { ">ID", "FOR", "PURPOSE", "READS",
		"OPENED (UTC)", ">RELEASED", "HOST", ">PID", "MOUNTPOINT" };
	OWNED(out_table) table = NULL;
	json_t *s;
	size_t i;
	int r;

	if ((r = out_table_new(&table, heads, 9)) != 0)
		return r;
	json_array_foreach(sessions, i, s)
		if ((r = add_row(table, s)) != 0)
			return r;
	out_table_print(table);
	return 0;
}

static void
print_moved(const json_t *session, const json_t *version)
{
	const char *place = talk_text(session, "mountpoint");
	const char *now = talk_text(version, "now");

	if (now[0] == '\0' || talk_text(session, "closed")[0] != '\0')
		return;
	out_line("%s:%s has moved on from @%.12s to @%.12s: weir session "
		 "refresh %s",
	    talk_text(version, "model"), talk_text(version, "channel"),
	    talk_text(version, "version"), now, place);
}

void
cmd_session_moved(const json_t *sessions)
{
	json_t *s, *v;
	size_t i, k;

	json_array_foreach(sessions, i, s) {
		json_array_foreach(json_object_get(s, "versions"), k, v) {
			print_moved(s, v);
		}
	}
}

static void
print_trouble(const json_t *s)
{
	static const struct {
		const char *word;
		const char *says;
	} known[] = {
		{ "store", "its store fails or does not answer" },
		{ "keys", "its reads got no keys for too long" },
		{ "refused",
		    "keyd refused it keys; 'weir audit ls --kind refused' says "
		    "why" },
	};
	json_t *word;
	size_t i;

	if (strcmp(talk_text(s, "state"), "unattended") == 0)
		out_line("session %llu has trouble: its mount has lost keyd, "
			 "and may be gone",
		    (unsigned long long)talk_number(s, "session"));
	json_array_foreach(json_object_get(s, "trouble"), i, word) {
		for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
			if (strcmp(json_string_value(word), known[k].word) == 0)
				out_line("session %llu has trouble: %s",
				    (unsigned long long)talk_number(s,
					"session"),
				    known[k].says);
	}
}

void
cmd_session_trouble(const json_t *sessions)
{
	json_t *s;
	size_t i;

	json_array_foreach(sessions, i, s) {
		print_trouble(s);
	}
}

static void
print_session(const json_t *s)
{
	char bytes[OUT_SIZE], when[OUT_TIME], releases[OUT_COUNT];
	json_t *v;
	size_t i;

	out_line("session   %llu",
	    (unsigned long long)talk_number(s, "session"));
	out_line("for       %s, opened by %s", talk_text(s, "for"),
	    talk_text(s, "by"));
	out_line("purpose   %s", talk_text(s, "purpose"));
	out_line("on        %s, pid %llu", talk_text(s, "host"),
	    (unsigned long long)talk_number(s, "pid"));
	if (talk_text(s, "mountpoint")[0] != '\0')
		out_line("at        %s", talk_text(s, "mountpoint"));
	out_line("opened    %s UTC", out_when(talk_text(s, "opened"), when));
	out_line("state     %s", talk_text(s, "state"));
	print_trouble(s);
	if (talk_text(s, "closed")[0] != '\0')
		out_line("closed    %s UTC",
		    out_when(talk_text(s, "closed"), when));
	out_line("released  %s in %s",
	    out_size(talk_number(s, "released_bytes"), bytes),
	    out_count(talk_number(s, "releases"), "release", releases));
	out_line("faults    %llu",
	    (unsigned long long)talk_number(s, "faults"));
	json_array_foreach(json_object_get(s, "versions"), i, v) {
		out_line("version   %s@%s%s%s (grant %llu, %s)",
		    talk_text(v, "model"), talk_text(v, "version"),
		    talk_text(v, "channel")[0] != '\0' ? " by :" : "",
		    talk_text(v, "channel"),
		    (unsigned long long)talk_number(v, "grant"),
		    talk_text(v, "type"));
		print_moved(s, v);
	}
}

int
cmd_session_show(struct options *o, int argc, char **argv)
{
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	const json_t *s;
	uint64_t id;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &operands)) != 0 ||
	    (r = options_number(o, "ID", operands.items[0], INT64_MAX, &id)) !=
		0)
		return r;
	if (id == 0)
		return options_wrong(o, "sessions are numbered from 1");
	if ((r = talk_open(&client, o)) != 0 ||
	    (r = talk_list(client, MSG_SESSION_LS, "sessions",
		 &(struct msg_list){ .id = id }, &j)) != 0)
		return r;
	s = json_array_get(json_object_get(j, "sessions"), 0);
	if (s == NULL)
		return log_err(ERR_NOT_FOUND,
		    "there is no session %llu that you may see; 'weir audit "
		    "ls --kind session' lists them all",
		    (unsigned long long)id);
	if (o->json)
		return out_json(s);
	print_session(s);
	return 0;
}

int
cmd_session_close(struct options *o, int argc, char **argv)
{
	const char *reason = "closed by hand";
	const struct options_own own[] = {
		{ "reason", 0, OPTIONS_TEXT, &reason },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	uint64_t id;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = options_number(o, "ID", operands.items[0], INT64_MAX, &id)) !=
		0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = client_session_close(client, id, reason)) != 0)
		return r;
	if (!o->quiet)
		log_info("session %llu is closed: its mount reads nothing more",
		    (unsigned long long)id);
	if (!o->json)
		return 0;
	j = json_pack("{s:I, s:b}", "session", (json_int_t)id, "closed", true);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}
