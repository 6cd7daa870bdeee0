/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/audit.h"
#include "cli/cmd.h"
#include "cli/cosign.h"
#include "cli/evidence.h"
#include "cli/out.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

static int
print(const struct options *o, const struct note_checkpoint *now,
    const struct cosign_result *c, const struct witness_policy *p)
{
	OWNED_JSON j = NULL;
	int r;

	if (o->json) {
		r = evidence_checkpoint(&j, now, c->note, p);
		return r != 0 ? r : out_json(j);
	}
	fputs(c->note, stdout);
	for (size_t i = 0; !o->quiet && i < witness_policy_count(p); i++) {
		char time[ENTRY_TIME_SIZE];

		if (c->verdict.time[i] != 0)
			log_info("'%s' cosigned at %s",
			    witness_policy_at(p, i).name,
			    entry_time_text((int64_t)c->verdict.time[i] * 1000,
				time));
	}
	return 0;
}

static int
run(const struct options *o, const struct audit *a, const char *directory,
    const struct witness_policy *policy)
{
	const struct cosigned_where where = { a->vault->dir, directory,
		&a->vault->key, policy };
	__attribute__((
	    cleanup(cosign_result_clear))) struct cosign_result c = { 0 };
	int r;

	if ((r = cosign_ask(&c, a->reader, &where)) != 0 ||
	    (r = print(o, trail_reader_checkpoint(a->reader), &c, policy)) != 0)
		return r;
	if (c.alarm != 0 || c.verdict.met)
		return c.alarm;
	log_error("%zu witnesses have cosigned: the policy wants more",
	    c.verdict.count);
	return CMD_FAILED;
}

int
cmd_audit_cosign(struct options *o, int argc, char **argv)
{
	const char *policy_path = NULL, *directory = NULL;
	bool offline = false;
	const struct options_own own[] = {
		{ "policy", 0, OPTIONS_TEXT, &policy_path },
		{ "cosigned", 0, OPTIONS_TEXT, &directory },
		{ "offline", 0, OPTIONS_FLAG, &offline },
		OPTIONS_END,
	};
	OWNED(witness_policy) policy = NULL;
	struct options_operands none;
	OWNED(audit) a = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0)
		return r;
	if (policy_path == NULL)
		return options_wrong(o, "which witnesses? --policy FILE");
	if ((r = cosigned_policy(&policy, policy_path)) != 0 ||
	    (r = audit_open(&a, o, offline)) != 0)
		return audit_end(a, r);
	r = run(o, a, directory, policy);
	return r > 0 ? r : audit_end(a, r);
}
