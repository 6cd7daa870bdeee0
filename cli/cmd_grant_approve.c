/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/proposal.h"
#include "cli/talk.h"
#include "keys/grant.h"
#include "vault/err.h"
#include "vault/log.h"

/* What is to be approved, as keyd shows it: borrowed from j. */
struct asked {
	uint64_t grant;
	const char *model;
	const char *to;
	const char *terms;
	const char *reason;
};

/* The grant in keyd's list; it must wait. */
static int
find_grant(const json_t *j, struct asked *out)
{
	const json_t *g;
	size_t i;

	json_array_foreach(json_object_get(j, "grants"), i, g) {
		if (talk_number(g, "grant") != out->grant)
			continue;
		out->model = talk_text(g, "model");
		out->to = talk_text(g, "to");
		out->terms = talk_text(g, "terms");
		out->reason = talk_text(g, "reason");
		return out->terms[0] != '\0' ?
		    0 :
		    log_err(ERR_CONFLICT,
			"grant %ju does not wait for approvals: it is in force",
			(uintmax_t)out->grant);
	}
	return log_err(ERR_NOT_FOUND,
	    "there is no grant %ju; 'weir grant ls' lists them",
	    (uintmax_t)out->grant);
}

/* The statement about it that others have signed; 0: none. */
static int
find_waiting(struct client *c, const struct asked *a, uint64_t *out)
{
	OWNED_JSON j = NULL;
	const json_t *s;
	size_t i;
	int r = talk_json(c, MSG_STATEMENT_LS, a->model, &j);

	if (r != 0)
		return r;
	*out = 0;
	json_array_foreach(json_object_get(j, "statements"), i, s) {
		if (strcmp(talk_text(s, "about"), "grant") == 0 &&
		    strcmp(talk_text(s, "state"), "waiting") == 0 &&
		    talk_number(s, "number") == a->grant)
			*out = talk_number(s, "statement");
	}
	return 0;
}

static int
approve(struct proposal *p, const struct asked *a)
{
	struct statement_fields f;
	uint64_t waiting;
	int r;

	if (p->terms != NULL && strcmp(p->terms, a->terms) != 0)
		return log_err(ERR_INTEGRITY,
		    "the terms of grant %ju are '%s': nothing was signed",
		    (uintmax_t)a->grant, a->terms);
	p->terms = a->terms;
	if ((r = find_waiting(p->client, a, &waiting)) != 0)
		return r;
	if (waiting != 0)
		return proposal_join(p, waiting, STATEMENT_GRANT);
	f = proposal_fields(p, STATEMENT_GRANT, NULL);
	f.model = a->model;
	f.number = a->grant;
	f.grantee = a->to;
	f.terms = a->terms;
	f.reason = a->reason;
	f.root = digest_of(a->terms, strlen(a->terms));
	return proposal_make(p, &f, NULL);
}

int
cmd_grant_approve(struct options *o, int argc, char **argv)
{
	OWNED_PROPOSAL p = { .o = o };
	const struct options_own own[] = {
		PROPOSAL_OPTIONS(&p),
		{ "terms", 0, OPTIONS_TEXT, &p.terms },
		OPTIONS_END,
	};
	struct options_operands operands;
	struct msg_list all = { 0 };
	struct asked a = { 0 };
	OWNED_JSON j = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = proposal_number(o, operands.items[0], 'G', &a.grant)) != 0 ||
	    (r = proposal_check_keys(&p)) != 0)
		return r;
	if (p.yes && p.terms == NULL)
		return options_wrong(o,
		    "--yes signs unseen: --terms TEXT says what it must say");
	if ((r = proposal_open(&p, false)) != 0 ||
	    (r = talk_list(p.client, MSG_GRANT_LS, "grants", &all, &j)) != 0 ||
	    (r = find_grant(j, &a)) != 0)
		return r;
	return approve(&p, &a);
}
