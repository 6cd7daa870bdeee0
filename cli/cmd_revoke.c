/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "cli/cmd.h"
#include "cli/history.h"
#include "cli/proposal.h"
#include "vault/err.h"
#include "vault/log.h"

static int
run(struct proposal *p, const char *reference, const char *reason)
{
	const struct history_which which = { STATEMENT_REVOCATION, "waiting" };
	OWNED_SUBJECT subject = { 0 };
	struct statement_fields f;
	uint64_t waiting;
	int r;

	if ((r = proposal_open(p, false)) != 0 ||
	    (r = subject_open(&subject, p->client, p->store, reference)) != 0 ||
	    (r = history_not_revoked(p->client, &subject)) != 0)
		return r;
	if (reason != NULL && reason[0] != '\0') {
		f = proposal_fields(p, STATEMENT_REVOCATION, &subject);
		f.reason = reason;
		return proposal_make(p, &f, NULL);
	}
	r = history_about(p->client, &subject, &which, &waiting);
	if (r != 0)
		return r;
	if (waiting == 0)
		return options_wrong(p->o,
		    "--reason is missing: why? It is signed and recorded");
	if (!p->o->quiet)
		log_info("R%ju waits for signatures: this adds one",
		    (uintmax_t)waiting);
	return proposal_join(p, waiting, STATEMENT_REVOCATION);
}

int
cmd_revoke(struct options *o, int argc, char **argv)
{
	OWNED_PROPOSAL p = { .o = o };
	const char *reason = NULL;
	const struct options_own own[] = {
		PROPOSAL_OPTIONS(&p),
		{ "reason", 0, OPTIONS_TEXT, &reason },
		OPTIONS_END,
	};
	struct options_operands operands;
	struct ref ref;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = subject_check(o, operands.items[0], &ref)) != 0 ||
	    (r = proposal_check_keys(&p)) != 0)
		return r;
	return run(&p, operands.items[0], reason);
}
