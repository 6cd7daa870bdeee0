/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cmd.h"
#include "cli/history.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/proposal.h"
#include "cli/review.h"
#include "vault/err.h"
#include "vault/log.h"

#define POLL_MS 200

struct sign {
	struct proposal p;
	const char *classification;
	const char *owner;
	const char *source_run;
	const char *licence;
	struct options_list labels;
	struct statement_label pairs[STATEMENT_LABELS_MAX];
	bool no_wait;
};

static void
sign_free(struct sign *s)
{
	if (s == NULL)
		return;
	proposal_clear(&s->p);
	for (size_t i = 0; i < STATEMENT_LABELS_MAX; i++)
		free((char *)(uintptr_t)s->pairs[i].key);
	free(s);
}
OWNED_TYPE(sign);

static int
split_labels(struct sign *s)
{
	if (s->labels.count > STATEMENT_LABELS_MAX)
		return options_wrong(s->p.o, "more than %d labels",
		    STATEMENT_LABELS_MAX);
	for (size_t i = 0; i < s->labels.count; i++) {
		const char *text = s->labels.items[i];
		const char *equals = strchr(text, '=');

		if (equals == NULL || equals == text)
			return options_wrong(s->p.o,
			    "--label must be KEY=VALUE");
		s->pairs[i].key = strndup(text, (size_t)(equals - text));
		if (s->pairs[i].key == NULL)
			return ERR_NOMEM;
		s->pairs[i].value = equals + 1;
	}
	return 0;
}

/* Whether anything is said that a statement which waits may not say. */
static bool
says_more(const struct sign *s)
{
	return s->classification != NULL || s->owner != NULL ||
	    s->source_run != NULL || s->licence != NULL || s->labels.count > 0;
}

/* --- keyd's verifier --- */

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

/* Wait until keyd's verifier has opened every chunk and hashed every file. */
static int
wait_verified(const struct sign *s, const struct subject *subject)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	const struct options *o = s->p.o;
	OWNED(progress) progress = NULL;
	bool said = false;
	int r;

	if ((r = progress_new(&progress, o->quiet)) != 0)
		return r;
	for (;;) {
		OWNED_JSON j = NULL;

		r = ask_verifier(s->p.client, subject->full, !s->no_wait, &j);
		if (r != 0 || (r = judge(j, subject)) <= 0)
			return r;
		if (s->no_wait)
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

/* --- the statement --- */

/* What the model's newest signed version is, so that people see what is new. */
static int
show_changes(struct sign *s, const struct subject *subject)
{
	OWNED_SUBJECT from = { 0 };
	struct history_found found;
	int r;

	r = history_signed(s->p.client, subject->m.model, &found);
	if (r != 0 || (s->p.yes && s->p.o->quiet))
		return r;
	if (!found.is || digest_equal(&found.version, &subject->m.version))
		return review_changes(stderr, NULL, subject, false);
	r = subject_open_digest(&from, s->p.client, s->p.store,
	    subject->m.model, &found.version);
	return r != 0 ? r : review_changes(stderr, &from, subject, false);
}

static int
sign_new(struct sign *s, const struct subject *subject)
{
	const struct manifest *m = version_manifest(subject->version);
	struct statement_fields f = proposal_fields(&s->p, STATEMENT_VERSION,
	    subject);
	int r;

	f.files = subject->files;
	f.bytes = m->total_bytes;
	f.weights = m->weight_bytes;
	f.classification = s->classification;
	f.owner = s->owner;
	f.source_run = s->source_run;
	f.licence = s->licence;
	f.labels = s->pairs;
	f.label_count = s->labels.count;
	if ((r = show_changes(s, subject)) != 0)
		return r;
	return proposal_make(&s->p, &f, NULL);
}

static int
run(struct sign *s, const char *reference)
{
	const struct history_which which = { STATEMENT_VERSION, "waiting" };
	OWNED_SUBJECT subject = { 0 };
	uint64_t waiting;
	int r;

	if ((r = proposal_open(&s->p, false)) != 0 ||
	    (r = subject_open(&subject, s->p.client, s->p.store, reference)) !=
		0 ||
	    (r = history_not_revoked(s->p.client, &subject)) != 0 ||
	    (r = wait_verified(s, &subject)) != 0)
		return r;
	if (says_more(s))
		return sign_new(s, &subject);
	r = history_about(s->p.client, &subject, &which, &waiting);
	if (r != 0)
		return r;
	if (waiting == 0)
		return sign_new(s, &subject);
	if (!s->p.o->quiet)
		log_info("S%ju waits for signatures over this version: this "
			 "adds one",
		    (uintmax_t)waiting);
	return proposal_join(&s->p, waiting, STATEMENT_VERSION);
}

int
cmd_sign(struct options *o, int argc, char **argv)
{
	OWNED(sign) s = calloc(1, sizeof(*s));
	struct options_operands operands;
	struct ref ref;
	int r;

	if (s == NULL)
		return ERR_NOMEM;
	s->p.o = o;
	{
		const struct options_own own[] = {
			PROPOSAL_OPTIONS(&s->p),
			{ "classification", 0, OPTIONS_TEXT,
			    &s->classification },
			{ "owner", 0, OPTIONS_TEXT, &s->owner },
			{ "source-run", 0, OPTIONS_TEXT, &s->source_run },
			{ "licence", 0, OPTIONS_TEXT, &s->licence },
			{ "label", 0, OPTIONS_LIST, &s->labels },
			{ "no-wait", 0, OPTIONS_FLAG, &s->no_wait },
			OPTIONS_END,
		};

		if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
			return r;
	}
	if ((r = subject_check(o, operands.items[0], &ref)) != 0 ||
	    (r = split_labels(s)) != 0 || (r = proposal_check_keys(&s->p)) != 0)
		return r;
	return run(s, operands.items[0]);
}
