/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/policy.h"
#include "cli/proposal.h"
#include "cli/review.h"
#include "keys/vaultdir.h"
#include "vault/err.h"
#include "vault/log.h"

/* The next trust root: this policy, behind the one in force. */
static int
offer(struct proposal *p, json_t *policy)
{
	struct statement_fields f = proposal_fields(p, STATEMENT_TRUST, NULL);
	OWNED(vaultdir) vault = NULL;
	OWNED_MEM(char) text = NULL;
	OWNED_MEM(char) log = NULL;
	const char *path;
	int r;

	f.number = p->roots.number + 1;
	f.root = p->roots.root != NULL ? trust_root_digest(p->roots.root) :
					 digest_of(f.vault, sizeof(f.vault));
	if ((r = options_vault(p->o, &path)) != 0 ||
	    (r = vaultdir_open(&vault, path)) != 0)
		return r;
	if (memcmp(vault->id, f.vault, sizeof(f.vault)) != 0)
		return log_err(ERR_INTEGRITY,
		    "keyd answers for another vault than '%s'", path);
	if ((log = note_key_text(&vault->key)) == NULL)
		return ERR_NOMEM;
	if ((r = policy_text(&text, policy, log)) != 0)
		return r;
	return proposal_make(p, &f, text);
}

/* The keys of --key and --public; those with names of their own come first. */
static int
collect(struct policy_people *people, const struct proposal *p,
    const struct options_list *public)
{
	int r;

	for (size_t i = 0; i < public->count; i++)
		if ((r = policy_add(people, p->o, public->items[i], true)) != 0)
			return r;
	for (size_t i = 0; i < p->keys.count; i++)
		if ((r = policy_add(people, p->o, p->keys.items[i], false)) !=
		    0)
			return r;
	return 0;
}

int
cmd_trust_init(struct options *o, int argc, char **argv)
{
	OWNED_PROPOSAL p = { .o = o };
	OWNED_MEM(struct policy_people) people = calloc(1, sizeof(*people));
	struct options_list public = { .count = 0 };
	const char *file = NULL;
	const struct options_own own[] = {
		PROPOSAL_OPTIONS(&p),
		{ "public", 0, OPTIONS_LIST, &public },
		{ "policy", 0, OPTIONS_TEXT, &file },
		OPTIONS_END,
	};
	struct options_operands none;
	OWNED_JSON policy = NULL;
	int r;

	if (people == NULL)
		return ERR_NOMEM;
	if ((r = options_parse(o, own, argc, argv, &none)) != 0)
		return r;
	if (file != NULL && public.count > 0)
		return options_wrong(o,
		    "--policy has the keys already: --public goes without it");
	if ((r = proposal_check_keys(&p)) != 0 ||
	    (r = collect(people, &p, &public)) != 0)
		return r;
	r = file != NULL ? policy_load(&policy, o, file) :
			   policy_default(&policy, people);
	if (r != 0 || (r = proposal_open(&p, true)) != 0)
		return r;
	if (p.roots.number > 0)
		return log_err(ERR_CONFLICT,
		    "the vault has trust root %ju already; the next one is "
		    "made by: weir trust set POLICY --key KEY",
		    (uintmax_t)p.roots.number);
	return offer(&p, policy);
}

int
cmd_trust_set(struct options *o, int argc, char **argv)
{
	OWNED_PROPOSAL p = { .o = o };
	const struct options_own own[] = {
		PROPOSAL_OPTIONS(&p),
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED_JSON policy = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = proposal_check_keys(&p)) != 0 ||
	    (r = policy_load(&policy, o, operands.items[0])) != 0 ||
	    (r = proposal_open(&p, false)) != 0)
		return r;
	return offer(&p, policy);
}

int
cmd_trust_approve(struct options *o, int argc, char **argv)
{
	OWNED_PROPOSAL p = { .o = o };
	const struct options_own own[] = {
		PROPOSAL_OPTIONS(&p),
		OPTIONS_END,
	};
	struct options_operands operands;
	uint64_t id;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = proposal_number(o, operands.items[0], 'T', &id)) != 0 ||
	    (r = proposal_check_keys(&p)) != 0 ||
	    (r = proposal_open(&p, true)) != 0)
		return r;
	return proposal_join(&p, id, STATEMENT_TRUST);
}

int
cmd_trust_withdraw(struct options *o, int argc, char **argv)
{
	return proposal_withdraw(o, argc, argv, 'T');
}

static int
print_policy(const struct roots *roots)
{
	static const char *const made[] = { "vault", "number", "time" };
	OWNED_JSON j = json_copy(
	    (json_t *)(uintptr_t)statement_predicate(roots->newest));

	if (j == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		(void)json_object_del(j, made[i]);
	if (json_dumpf(j, stdout, JSON_INDENT(2)) != 0)
		return ERR_NOMEM;
	putchar('\n');
	return 0;
}

static int
print_root(const struct options *o, const struct roots *roots)
{
	OWNED_MEM(char) envelope = NULL;
	OWNED_JSON j = NULL;
	char hex[DIGEST_HEX_SIZE];
	struct digest d = statement_digest(roots->newest);

	if (!o->json) {
		out_line("trust root %ju, sha256 %s", (uintmax_t)roots->number,
		    digest_hex(&d, hex));
		review_root(stdout, roots->newest, roots->root);
		if (roots->by_keyd)
			out_line("%s", roots_by_keyd);
		return 0;
	}
	if (statement_envelope(roots->newest, &envelope) != 0)
		return ERR_NOMEM;
	j = json_pack("{s:I, s:s, s:b, s:O, s:o}", "number",
	    (json_int_t)roots->number, "digest", digest_hex(&d, hex), "by_keyd",
	    roots->by_keyd, "policy",
	    (json_t *)(uintptr_t)statement_predicate(roots->newest), "envelope",
	    json_loads(envelope, 0, NULL));
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

int
cmd_trust_show(struct options *o, int argc, char **argv)
{
	bool export = false, policy = false;
	const struct options_own own[] = {
		{ "export", 0, OPTIONS_FLAG, &export },
		{ "policy", 0, OPTIONS_FLAG, &policy },
		OPTIONS_END,
	};
	struct options_operands none;
	OWNED(client) client = NULL;
	OWNED_MEM(char) envelope = NULL;
	OWNED_ROOTS roots = { 0 };
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0)
		return r;
	if (export && policy)
		return options_wrong(o, "either --export or --policy");
	if ((r = talk_open(&client, o)) != 0 ||
	    (r = roots_need(&roots, client)) != 0)
		return r;
	if (policy)
		return print_policy(&roots);
	if (!export)
		return print_root(o, &roots);
	if ((r = statement_envelope(roots.newest, &envelope)) != 0)
		return r;
	puts(envelope);
	return 0;
}
