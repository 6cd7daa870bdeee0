/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/cmd.h"
#include "cli/deletion.h"
#include "cli/evidence.h"
#include "cli/extends.h"
#include "cli/index.h"
#include "cli/out.h"
#include "cli/rebuilt.h"
#include "vault/err.h"
#include "vault/log.h"

struct result {
	const struct options *o;
	const struct note_checkpoint *checkpoint;
	const struct note_checkpoint *older; /* or NULL */
	const struct note_key *key;
	const struct trail_verdict *verdict;
	bool sound;
};

static int
print_json(const struct result *v)
{
	char root[DIGEST_HEX_SIZE];
	OWNED_MEM(char) vkey = note_key_text(v->key);
	OWNED_JSON j = NULL;

	if (vkey == NULL)
		return ERR_NOMEM;
	j = json_pack("{s:b, s:I, s:s, s:s, s:I, s:s, s:I}", "ok", v->sound,
	    "entries", (json_int_t)v->verdict->entries, "origin",
	    v->checkpoint->origin, "vkey", vkey, "size",
	    (json_int_t)v->checkpoint->size, "root",
	    digest_hex(&v->checkpoint->root, root), "against",
	    (json_int_t)(v->older != NULL ? v->older->size : 0));
	if (j == NULL)
		return ERR_NOMEM;
	if (v->older == NULL)
		json_object_del(j, "against");
	if (!v->sound && out_set(j, "why", json_string(v->verdict->why)) != 0)
		return ERR_NOMEM;
	if (v->verdict->bad_index != UINT64_MAX &&
	    out_set(j, "bad_index",
		json_integer((json_int_t)v->verdict->bad_index)) != 0)
		return ERR_NOMEM;
	return out_json(j);
}

static int
print_text(const struct result *v)
{
	OWNED_MEM(char) vkey = note_key_text(v->key);
	char root[DIGEST_HEX_SIZE];

	if (vkey == NULL)
		return ERR_NOMEM;
	out_line("%s",
	    v->sound ? "The trail is whole." : "THE TRAIL HAS BEEN CHANGED.");
	if (v->verdict->bad_index != UINT64_MAX)
		out_line("first bad entry  %llu",
		    (unsigned long long)v->verdict->bad_index);
	if (!v->sound)
		out_line("what is wrong    %s", v->verdict->why);
	out_line("entries          %llu",
	    (unsigned long long)v->checkpoint->size);
	out_line("root             %s", digest_hex(&v->checkpoint->root, root));
	out_line("signed by        %s", vkey);
	if (v->older != NULL && v->sound)
		out_line("extends          the kept checkpoint of size %llu",
		    (unsigned long long)v->older->size);
	return 0;
}

static void
say_next(const struct options *o)
{
	if (o->quiet)
		return;
	log_info("next: copy the whole vault away as it is: it is evidence, "
		 "and keyd does not start on it");
	log_info("      find a backup whose trail is whole: weir -V BACKUP "
		 "audit verify --against FILE");
	log_info("      ask who could write to the vault's files since then");
}

/* The checkpoint itself is missing, or not one that the log signed; why was
 * logged. */
static int
print_no_checkpoint(const struct options *o)
{
	OWNED_JSON j = NULL;

	say_next(o);
	if (!o->json) {
		out_line("THE TRAIL HAS BEEN CHANGED.");
		return ERR_INTEGRITY;
	}
	j = json_pack("{s:b, s:s}", "ok", false, "why",
	    "there is no checkpoint that this log signed");
	if (j == NULL || out_json(j) != 0)
		return ERR_NOMEM;
	return ERR_INTEGRITY;
}

/* What this user's index says of the trail, where there is one. */
static int
verify_index(const struct options *o, struct audit *a)
{
	uint64_t entries;
	int r = index_check(a, &entries);

	if (r == 0 && entries > 0 && !o->quiet)
		log_info("the index by which audit ls and audit reads find "
			 "entries says the same of the first %llu",
		    (unsigned long long)entries);
	return r;
}

/* Everything, computed anew. */
static int
verify_all(const struct options *o, struct audit *a, const char *against)
{
	struct trail_verdict verdict = { .bad_index = UINT64_MAX };
	struct result result = { .o = o, .verdict = &verdict };
	struct note_checkpoint older;
	struct journal_id id;
	int r, verified;

	if (against != NULL) {
		if ((r = extends_read(against, &a->vault->key, &older, NULL)) !=
		    0)
			return r;
		result.older = &older;
	}

	memcpy(id.bytes, a->vault->id, sizeof(id.bytes));
	verified = trail_verify(a->reader, &id, result.older, &verdict);
	if (verified != 0 && verified != ERR_INTEGRITY)
		return verified;
	result.sound = verified == 0;
	result.key = &a->vault->key;
	result.checkpoint = trail_reader_checkpoint(a->reader);
	r = o->json ? print_json(&result) : print_text(&result);
	if (verified != 0)
		say_next(o);
	if (verified == 0 && against == NULL && !o->quiet)
		log_info("that nothing was cut off, only a checkpoint that "
			 "was kept elsewhere can show: 'weir audit verify "
			 "--against FILE'");
	if (r != 0 || verified != 0)
		return r != 0 ? r : verified;
	return verify_index(o, a);
}

int
cmd_audit_verify(struct options *o, int argc, char **argv)
{
	struct evidence_check proof = { .o = o };
	const char *against = NULL, *since = NULL, *certificate = NULL;
	bool catalogue = false;
	const struct options_own own[] = {
		{ "against", 0, OPTIONS_TEXT, &against },
		{ "since", 0, OPTIONS_TEXT, &since },
		{ "proof", 0, OPTIONS_TEXT, &proof.path },
		{ "log-key", 0, OPTIONS_TEXT, &proof.log_key },
		{ "policy", 0, OPTIONS_TEXT, &proof.policy },
		{ "certificate", 0, OPTIONS_TEXT, &certificate },
		{ "catalogue", 0, OPTIONS_FLAG, &catalogue },
		OPTIONS_END,
	};
	struct options_operands none;
	OWNED(audit) a = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0)
		return r;
	if ((against != NULL) + (since != NULL) + (proof.path != NULL) +
		(certificate != NULL) + catalogue >
	    1)
		return options_wrong(o,
		    "say one of --against, --since, --proof, --certificate "
		    "and --catalogue");
	if (certificate != NULL && proof.policy == NULL &&
	    proof.log_key != NULL)
		return deletion_check(o, certificate, proof.log_key);
	if (certificate != NULL)
		return options_wrong(o,
		    "--certificate FILE goes with --log-key VKEY alone");
	if ((proof.path != NULL) != (proof.log_key != NULL) ||
	    (proof.policy != NULL && proof.path == NULL))
		return options_wrong(o,
		    "--proof FILE goes with --log-key VKEY; the vault's owner "
		    "has it from 'weir audit checkpoint --json', and it is to "
		    "be got from somebody else than who made the proof");
	if (proof.path != NULL)
		return evidence_check(&proof);
	if ((r = audit_open(&a, o, true)) != 0)
		return r == ERR_INTEGRITY ? print_no_checkpoint(o) : r;
	if (catalogue)
		return rebuilt_check(o, a);
	return since != NULL ? extends_check(o, a, since) :
			       verify_all(o, a, against);
}
