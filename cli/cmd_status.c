/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/older.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "fuse/mountpoint.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/utf8.h"

struct status {
	json_t *keyd; /* NULL: it cannot be reached */
	json_t *sessions;
	struct mountpoint_list mounts;
	char older[OLDER_SIZE];
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
	older_look(client, s->older);
	return talk_list(client, MSG_SESSION_LS, "sessions",
	    &(struct msg_list){ 0 }, &s->sessions);
}

/* Whether this is what keyd makes of a path: a U+FFFD (ef bf bd) for each byte
 * that is not UTF-8. */
static bool
is_recorded_as(const char *path, const char *recorded)
{
	const uint8_t *s = (const uint8_t *)path;
	size_t n, left = strlen(path);
	uint32_t code;

	for (; left > 0; s += n, left -= n) {
		size_t used = n = utf8_length(s, left, &code);
		const void *as = s;

		if (n == 0) {
			n = 1;
			as = "\xef\xbf\xbd";
			used = 3;
		}
		if (strncmp(recorded, as, used) != 0)
			return false;
		recorded += used;
	}
	return *recorded == '\0';
}

/* The session of this vault that a mount on this host belongs to; 0: of none
 * that the caller may see. */
static uint64_t
session_of(const struct status *s, const struct mountpoint *m)
{
	const json_t *sessions = json_object_get(s->sessions, "sessions");
	char host[256] = "";
	uint64_t id = 0;
	json_t *session;
	size_t i;

	if (gethostname(host, sizeof(host) - 1) != 0)
		return 0;
	json_array_foreach(sessions, i, session)
		if (is_recorded_as(m->path, talk_text(session, "mountpoint")) &&
		    strcmp(talk_text(session, "host"), host) == 0)
			id = talk_number(session, "session");
	return id;
}

static int
print_json(const struct status *s)
{
	OWNED_JSON j = json_pack("{s:O?, s:O?, s:[]}", "keyd", s->keyd,
	    "sessions", json_object_get(s->sessions, "sessions"), "mounts");
	json_t *mounts = json_object_get(j, "mounts");

	if (j == NULL)
		return ERR_NOMEM;
	if (s->older[0] != '\0' &&
	    json_object_set_new(j, "older", json_string(s->older)) != 0)
		return ERR_NOMEM;
	for (size_t i = 0; i < s->mounts.count; i++) {
		const struct mountpoint *m = &s->mounts.items[i];
		uint64_t id = session_of(s, m);

		if (json_array_append_new(mounts,
			json_pack("{s:o, s:o, s:I, s:o}", "mountpoint",
			    out_text(m->path), "source", out_text(m->source),
			    "uid", (json_int_t)m->uid, "session",
			    id > 0 ? json_integer((json_int_t)id) :
				     json_null())) != 0)
			return ERR_NOMEM;
	}
	return out_json(j);
}

static void
print_alerts(const json_t *alerts)
{
	unsigned long long new = talk_number(alerts, "unacknowledged");
	unsigned long long left = talk_number(alerts, "undelivered");

	if (new > 0)
		out_line("alerts    %llu that nobody has acknowledged: weir "
			 "alert ls",
		    new);
	if (left > 0)
		out_line("alerts    %llu that hook or webhook did not take "
			 "yet: keyd's log says why",
		    left);
}

static void
print_keyd(const json_t *k)
{
	const json_t *trail = json_object_get(k, "trail");
	char started[OUT_TIME], locked[OUT_TIME], uploads[OUT_COUNT];

	out_line("vault     %s", talk_text(k, "vault"));
	out_line("keyd      %s, pid %llu, since %s UTC", talk_text(k, "mode"),
	    (unsigned long long)talk_number(k, "pid"),
	    out_when(talk_text(k, "started"), started));
	out_line("keys      in memory of the kind %s",
	    talk_text(k, "key_memory"));
	out_line("you       %s", talk_text(k, "principal"));
	out_line("trail     entries: %llu, under the signed checkpoint: %llu",
	    (unsigned long long)talk_number(trail, "entries"),
	    (unsigned long long)talk_number(trail, "checkpoint"));
	if (talk_text(k, "locked")[0] != '\0')
		out_line("locked    since %s UTC: an owner runs 'weir unlock'",
		    out_when(talk_text(k, "locked"), locked));
	print_alerts(json_object_get(k, "alerts"));
	out_line("sessions  %llu open, %s under way",
	    (unsigned long long)talk_number(k, "sessions"),
	    out_count(talk_number(k, "uploads"), "upload", uploads));
}

static int
print_mounts(const struct status *s)
{
	static const char *const heads[] = { "MOUNTPOINT", "SOURCE", ">UID",
		">SESSION" };
	const struct mountpoint_list *mounts = &s->mounts;
	OWNED(out_table) table = NULL;
	int r;

	if ((r = out_table_new(&table, heads, 4)) != 0)
		return r;
	for (size_t i = 0; i < mounts->count; i++) {
		const struct mountpoint *m = &mounts->items[i];
		char uid[16], session[24] = "";
		const char *cells[] = { m->path, m->source, uid, session };
		uint64_t id = session_of(s, m);

		snprintf(uid, sizeof(uid), "%u", m->uid);
		if (id > 0)
			snprintf(session, sizeof(session), "%llu",
			    (unsigned long long)id);
		if ((r = out_table_add(table, cells)) != 0)
			return r;
	}
	if (mounts->count > 0)
		puts("\nmounts of weir on this host; those with a session are "
		     "of this vault:");
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
	if (s->older[0] != '\0')
		out_line("OLDER     %s: 'weir doctor' says what to do",
		    s->older);
	if (json_array_size(sessions) > 0) {
		puts("\nsessions that you may see:");
		if ((r = cmd_session_table(sessions)) != 0)
			return r;
		cmd_session_moved(sessions);
		cmd_session_trouble(sessions);
	}
	return print_mounts(s);
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
