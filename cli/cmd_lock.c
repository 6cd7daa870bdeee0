/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/log.h"

static int
ask_keyd(const struct options *o, enum msg_type type, const struct writer *body,
    struct msg_lock_reply *out)
{
	OWNED(client) client = NULL;
	struct reader reply;
	int r = type == MSG_UNLOCK ? talk_open_with(&client, o) :
				     talk_open(&client, o);

	if (r == 0)
		r = client_call(client, type, body, &reply);
	if (r == 0 && msg_lock_reply_read(out, &reply) != 0)
		r = log_err(ERR_FORMAT, "weir-keyd's reply is not one");
	return r;
}

static int
print(const struct options *o, bool locked, const struct msg_lock_reply *m)
{
	OWNED_JSON j = json_pack("{s:b, s:b}", "locked", locked, "changed",
	    !m->again);

	if (!o->json)
		return 0;
	if (j == NULL ||
	    (!m->again &&
		json_object_set_new(j, locked ? "sessions" : "secret",
		    json_integer((json_int_t)m->number)) != 0))
		return ERR_NOMEM;
	return out_json(j);
}

int
cmd_lock(struct options *o, int argc, char **argv)
{
	const char *reason = "";
	const struct options_own own[] = {
		{ "reason", 0, OPTIONS_TEXT, &reason },
		OPTIONS_END,
	};
	OWNED_WRITER body = writer_of(2 * MSG_TEXT_MAX);
	struct options_operands none;
	struct msg_lock_reply m;
	char ended[OUT_COUNT];
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0)
		return r;
	msg_string_write(&body, reason);
	if ((r = ask_keyd(o, MSG_LOCK, &body, &m)) != 0)
		return r;
	if (!o->quiet && m.again)
		log_info("the vault was locked already");
	else if (!o->quiet)
		log_info("the vault is locked: weir-keyd has no keys any more, "
			 "%s ended; it stays so, over restarts, until an owner "
			 "runs: weir unlock",
		    out_count(m.number, "session", ended));
	return print(o, true, &m);
}

int
cmd_unlock(struct options *o, int argc, char **argv)
{
	OWNED_WRITER body = writer_of(2 * UNLOCK_MAX);
	struct options_operands none;
	OWNED_UNLOCK secret = { 0 };
	struct msg_lock_reply m;
	const char *vault;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &none)) != 0 ||
	    (r = options_vault(o, &vault)) != 0 ||
	    (r = unlock_load(&secret, &o->unlock, false)) != 0)
		return r;
	/* An embedded keyd takes the same one, and does not ask again. */
	o->unlock.given = &secret;
	msg_unlock_write(&body, &(struct msg_unlock){ secret });
	r = ask_keyd(o, MSG_UNLOCK, &body, &m);
	o->unlock.given = NULL;
	if (r != 0)
		return r;
	if (!o->quiet && m.again)
		log_info("the vault is not locked");
	else if (!o->quiet)
		log_info("the vault is open again, by secret %llu; mounts that "
			 "ended are to be made anew",
		    (unsigned long long)m.number);
	return print(o, false, &m);
}
