/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verified.h"

#include <string.h>
#include <time.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/log.h"

#define POLL_MS 200

static int
ask_verifier(struct client *c, const char *reference, bool start, json_t **out)
{
	OWNED_WRITER body = writer_of(2 * MSG_TEXT_MAX);
	struct reader reply;
	char *text;
	int r;

	msg_string_write(&body, reference);
	msg_field_bool_write(&body, start);
	if ((r = client_call(c, MSG_VERSION_VERIFY, &body, &reply)) != 0)
		return r;
	if (msg_text_read(&text, &reply) != 0)
		return log_err(ERR_FORMAT, "keyd's answer is malformed");
	return talk_parse(text, out);
}

/* 1: not yet. */
static int
judge(const json_t *j, const struct subject *subject)
{
	const char *state = talk_text(j, "state");

	if (strcmp(state, "verified") == 0)
		return 0;
	if (strcmp(state, "bad") == 0)
		return log_err(ERR_INTEGRITY,
		    "%s cannot be signed: its objects are not what its "
		    "manifest says: %s",
		    subject->full, talk_text(j, "reason"));
	if (strcmp(state, "failed") == 0)
		return log_err(ERR_IO,
		    "keyd's verifier cannot read %s just now: %s; try again "
		    "when that is mended",
		    subject->full, talk_text(j, "reason"));
	return 1;
}

int
verified_wait(const struct options *o, struct client *client,
    const struct subject *subject, bool no_wait)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	OWNED(progress) progress = NULL;
	bool said = false;
	int r;

	if ((r = progress_new(&progress, o->quiet)) != 0)
		return r;
	for (;;) {
		OWNED_JSON j = NULL;

		r = ask_verifier(client, subject->full, !no_wait, &j);
		if (r != 0 || (r = judge(j, subject)) <= 0)
			return r;
		if (no_wait)
			return log_err(ERR_CONFLICT,
			    "%s is not verified yet (%s); without --no-wait "
			    "this waits for keyd's verifier",
			    subject->full, talk_text(j, "state"));
		if (!said && !o->quiet)
			log_info("keyd's verifier reads %s first",
			    subject->full);
		said = true;
		progress_extract(progress, talk_number(j, "done"),
		    talk_number(j, "total"));
		if (*o->stop) {
			progress_clear(progress);
			log_info("interrupted: nothing was signed; keyd goes "
				 "on verifying while it runs");
			return CMD_INTERRUPTED;
		}
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
	}
}
