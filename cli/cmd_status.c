/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "fuse/mountpoint.h"
#include "vault/err.h"
#include "vault/log.h"

struct status {
	json_t *keyd; /* NULL: it cannot be reached */
	json_t *sessions;
	struct mountpoint_list mounts;
};

static void
status_clear(struct status *s)
{
	json_decref(s->keyd);
	json_decref(s->sessions);
	mountpoint_list_clear(&s->mounts);
}

static int
ask_keyd(struct status *s, const struct options *o)
{
	OWNED(client) client = NULL;
	int r;

	if ((r = talk_open(&client, o)) != 0 ||
	    (r = talk_json(client, MSG_STATUS, NULL, &s->keyd)) != 0)
		return r;
	return talk_list(client, MSG_SESSION_LS, "sessions",
	    &(struct msg_list){ 0 }, &s->sessions);
}

static int
print_json(const struct status *s)
{
	OWNED_JSON j = json_pack("{s:O?, s:O?, s:[]}", "keyd", s->keyd,
	    "sessions", json_object_get(s->sessions, "sessions"), "mounts");
	json_t *mounts = json_object_get(j, "mounts");

	if (j == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < s->mounts.count; i++) {
		const struct mountpoint *m = &s->mounts.items[i];

		if (json_array_append_new(mounts,
			json_pack("{s:s, s:s, s:I}", "mountpoint", m->path,
			    "source", m->source, "uid", (json_int_t)m->uid)) !=
		    0)
			return ERR_NOMEM;
	}
	return out_json(j);
}

static void
print_keyd(const json_t *k)
{
	const json_t *trail = json_object_get(k, "trail");
	unsigned long long entries = talk_number(trail, "entries");

	out_line("vault     %s", talk_text(k, "vault"));
	out_line("keyd      %s, pid %llu, since %s", talk_text(k, "mode"),
	    (unsigned long long)talk_number(k, "pid"), talk_text(k, "started"));
	out_line("you       %s", talk_text(k, "principal"));
	out_line("trail     %llu entries, %llu of them under the signed "
		 "checkpoint",
	    entries, (unsigned long long)talk_number(trail, "checkpoint"));
	out_line("sessions  %llu open, %llu uploads under way",
	    (unsigned long long)talk_number(k, "sessions"),
	    (unsigned long long)talk_number(k, "uploads"));
}

static int
print_mounts(const struct mountpoint_list *mounts)
{
	static const char *const heads[] = { "MOUNTPOINT", "SOURCE", ">UID" };
	OWNED(out_table) table = NULL;
	int r;

	if ((r = out_table_new(&table, heads, 3)) != 0)
		return r;
	for (size_t i = 0; i < mounts->count; i++) {
		const struct mountpoint *m = &mounts->items[i];
		char uid[16];
		const char *cells[] = { m->path, m->source, uid };

		snprintf(uid, sizeof(uid), "%u", m->uid);
		if ((r = out_table_add(table, cells)) != 0)
			return r;
	}
	if (mounts->count > 0)
		puts("\nmounts on this host:");
	out_table_print(table);
	return 0;
}

static int
print_text(const struct status *s)
{
	const json_t *sessions = json_object_get(s->sessions, "sessions");
	int r;

	if (s->keyd != NULL)
		print_keyd(s->keyd);
	else
		out_line("keyd      cannot be reached");
	if (json_array_size(sessions) > 0) {
		puts("\nsessions that you may see:");
		if ((r = cmd_session_table(sessions)) != 0)
			return r;
		cmd_session_moved(sessions);
	}
	return print_mounts(&s->mounts);
}

int
cmd_status(struct options *o, int argc, char **argv)
{
	struct options_operands none;
	struct status s = { 0 };
	const char *vault;
	int r, asked;

	if ((r = options_parse(o, NULL, argc, argv, &none)) != 0 ||
	    (r = options_vault(o, &vault)) != 0)
		return r;
	asked = ask_keyd(&s, o);
	r = mountpoint_list(&s.mounts);
	if (r == 0)
		r = o->json ? print_json(&s) : print_text(&s);
	status_clear(&s);
	return r != 0 ? r : asked;
}
