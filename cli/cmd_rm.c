/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/log.h"

#define GRACE_MS (UINT64_C(7) * 24 * 60 * 60 * 1000)

static int
ask(struct client *c, enum msg_type type, const struct msg_removal *m,
    json_t **out)
{
	OWNED_WRITER body = writer_of(3 * MSG_TEXT_MAX);
	struct reader reply;
	char *text;
	int r;

	msg_removal_write(&body, m);
	if ((r = client_call(c, type, &body, &reply)) != 0)
		return r;
	if (msg_text_read(&text, &reply) != 0)
		return log_err(ERR_FORMAT, "keyd's answer is malformed");
	return talk_parse(text, out);
}

static void
say_removed(const struct options *o, const json_t *j)
{
	char until[OUT_TIME];

	if (o->quiet)
		return;
	log_info("it does not open any more; until %s UTC it can be brought "
		 "back: weir undelete %s@%.12s",
	    out_when(talk_text(j, "until"), until), talk_text(j, "model"),
	    talk_text(j, "version"));
	log_info("'weir gc' after that frees what no other version needs");
}

static int
removal(struct options *o, enum msg_type type, const struct msg_removal *m)
{
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	struct ref ref;
	int r;

	if ((r = talk_ref(o, m->reference, &ref)) != 0)
		return r;
	if (ref.digits[0] == '\0')
		return options_wrong(o,
		    "name the version by its digits, %s@DIGITS: 'weir ls "
		    "%s%s' lists them",
		    ref.name, ref.name, type == MSG_VERSION_RM ? "" : " --all");
	if ((r = talk_open(&client, o)) != 0 ||
	    (r = ask(client, type, m, &j)) != 0)
		return r;
	if (type == MSG_VERSION_RM)
		say_removed(o, j);
	if (o->json)
		return out_json(j);
	out_line("%s@%s", talk_text(j, "model"), talk_text(j, "version"));
	return 0;
}

/* A message's strings are its owner's to change. */
static char *
text_of(const char *text)
{
	return (char *)(uintptr_t)(text != NULL ? text : "");
}

int
cmd_rm(struct options *o, int argc, char **argv)
{
	const char *reason = NULL, *grace = NULL;
	bool undo = false;
	const struct options_own own[] = {
		{ "reason", 0, OPTIONS_TEXT, &reason },
		{ "grace", 0, OPTIONS_TEXT, &grace },
		{ "undo", 0, OPTIONS_FLAG, &undo },
		OPTIONS_END,
	};
	struct options_operands operands;
	struct msg_removal m = { .grace_ms = GRACE_MS };
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (grace != NULL &&
		(r = options_span(o, "--grace", grace, &m.grace_ms)) != 0))
		return r;
	if (undo && grace != NULL)
		return options_wrong(o, "--grace is not for --undo");
	m.reference = operands.items[0];
	m.reason = text_of(reason);
	if (undo)
		m.grace_ms = 0;
	return removal(o, undo ? MSG_VERSION_UNDELETE : MSG_VERSION_RM, &m);
}

int
cmd_undelete(struct options *o, int argc, char **argv)
{
	const char *reason = NULL;
	const struct options_own own[] = {
		{ "reason", 0, OPTIONS_TEXT, &reason },
		OPTIONS_END,
	};
	struct options_operands operands;
	struct msg_removal m = { 0 };
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	m.reference = operands.items[0];
	m.reason = text_of(reason);
	return removal(o, MSG_VERSION_UNDELETE, &m);
}
