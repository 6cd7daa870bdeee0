/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/cmd.h"
#include "cli/evidence.h"
#include "cli/out.h"
#include "vault/err.h"
#include "vault/log.h"

static int
make(const struct audit *a, const struct evidence_from *from, uint64_t index,
    bool tlog, const char *path)
{
	const struct question q = { .about = QUESTION_ENTRY, .index = index };
	OWNED(proof) p = NULL;
	int r;

	if ((r = evidence_begin(&p, from, &q, PROOF_YES)) != 0 ||
	    (r = evidence_add(p, from, index)) != 0)
		return r;
	return tlog ? evidence_write_tlog(p, &a->vault->key, path) :
		      evidence_write(p, &a->vault->key, path);
}

int
cmd_audit_proof(struct options *o, int argc, char **argv)
{
	const char *path = "-", *directory = NULL, *format = "weir";
	bool offline = false, tlog;
	const struct options_own own[] = {
		{ "out", 'o', OPTIONS_TEXT, &path },
		{ "format", 0, OPTIONS_TEXT, &format },
		{ "cosigned", 0, OPTIONS_TEXT, &directory },
		{ "offline", 0, OPTIONS_FLAG, &offline },
		OPTIONS_END,
	};
	struct options_operands operands;
	struct evidence_from from = { 0 };
	OWNED(audit) a = NULL;
	OWNED_JSON j = NULL;
	uint64_t index;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = options_number(o, "ENTRY", operands.items[0], INT64_MAX - 1,
		 &index)) != 0)
		return r;
	tlog = strcmp(format, "tlog-proof") == 0;
	if (!tlog && strcmp(format, "weir") != 0)
		return options_wrong(o, "--format is weir or tlog-proof");
	if (o->json && path[0] == '-' && path[1] == '\0')
		return options_wrong(o, "--json needs --out FILE");
	if ((r = audit_open(&a, o, offline)) != 0)
		return audit_end(a, r);
	if (index >= trail_reader_checkpoint(a->reader)->size)
		return log_err(ERR_NOT_FOUND,
		    "the trail has no entry %llu: it has %llu",
		    (unsigned long long)index,
		    (unsigned long long)trail_reader_checkpoint(a->reader)
			->size);
	from.reader = a->reader;
	from.where = (struct cosigned_where){ a->vault->dir, directory,
		&a->vault->key, NULL };
	if ((r = make(a, &from, index, tlog, path)) != 0 || !o->json)
		return audit_end(a, r);
	j = json_pack("{s:I, s:o}", "entry", (json_int_t)index, "proof",
	    out_text(path));
	return audit_end(a, j != NULL ? out_json(j) : ERR_NOMEM);
}
