/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/history.h"
#include "cli/out.h"
#include "cli/proposal.h"
#include "cli/review.h"
#include "cli/signoms.h"
#include "cli/verified.h"
#include "vault/err.h"
#include "vault/log.h"

struct sign {
	struct proposal p;
	const char *classification;
	const char *owner;
	const char *source_run;
	const char *licence;
	struct options_list labels;
	struct statement_label pairs[STATEMENT_LABELS_MAX];
	bool no_wait;
	struct signoms oms;
	bool with_oms;
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
	    (r = history_not_remembered(s->p.client, subject.m.model,
		 &subject.m.version)) != 0 ||
	    (r = verified_wait(s->p.o, s->p.client, &subject, s->no_wait)) != 0)
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

/* model.sig, by a key of another kind. */
static int
sign_oms(struct sign *s, const char *reference)
{
	if (says_more(s))
		return options_wrong(s->p.o,
		    "a model.sig has a name and files, and nothing else: sign "
		    "what is to be said of the version without --oms");
	if (s->p.keys.count != 1)
		return options_wrong(s->p.o,
		    "--oms takes one --key FILE: a private key on P-256, P-384 "
		    "or P-521, PEM");
	s->oms.o = s->p.o;
	s->oms.key = (struct omskey_how){ s->p.keys.items[0],
		s->p.passphrase_file };
	s->oms.yes = s->p.yes;
	s->oms.no_wait = s->no_wait;
	return signoms_run(&s->oms, reference);
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
			{ "oms", 0, OPTIONS_FLAG, &s->with_oms },
			{ "name", 0, OPTIONS_TEXT, &s->oms.name },
			{ "ignore-paths", 0, OPTIONS_LIST, &s->oms.ignore },
			{ "bundle", 0, OPTIONS_TEXT, &s->oms.bundle },
			OPTIONS_END,
		};

		if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
			return r;
	}
	if ((r = subject_check(o, operands.items[0], &ref)) != 0)
		return r;
	if (s->with_oms)
		return sign_oms(s, operands.items[0]);
	if (s->oms.name != NULL || s->oms.bundle != NULL ||
	    s->oms.ignore.count > 0)
		return options_wrong(o,
		    "--name, --ignore-paths and --bundle go with --oms");
	if ((r = split_labels(s)) != 0 || (r = proposal_check_keys(&s->p)) != 0)
		return r;
	return run(s, operands.items[0]);
}
