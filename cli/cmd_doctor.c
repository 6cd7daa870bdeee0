/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cmd.h"
#include "cli/doctor.h"
#include "cli/out.h"
#include "vault/err.h"

struct doctor {
	struct out_table *table;
	json_t *findings;
	unsigned int count[DOCTOR_FAIL + 1];
	int r;
};

/* A line below a finding. */
static int
tell_more(struct doctor *d, const char *before, const char *text)
{
	OWNED_MEM(char) line = NULL;
	const char *cells[] = { "", "", NULL };

	if (text[0] == '\0')
		return 0;
	if (asprintf(&line, "%s%s", before, text) < 0) {
		line = NULL;
		return ERR_NOMEM;
	}
	cells[2] = line;
	return out_table_add(d->table, cells);
}

static void
take(void *arg, const struct doctor_finding *f)
{
	struct doctor *d = arg;
	const char *cells[] = { doctor_state_name(f->state), f->name, f->text };
	json_t *j;

	d->count[f->state]++;
	j = json_pack("{s:s, s:s, s:o, s:o*, s:o*}", "check", f->name, "state",
	    doctor_state_name(f->state), "text", out_text(f->text), "mend",
	    f->mend[0] != '\0' ? out_text(f->mend) : NULL, "advice",
	    f->advice[0] != '\0' ? out_text(f->advice) : NULL);
	if (j == NULL || json_array_append_new(d->findings, j) != 0)
		d->r = ERR_NOMEM;
	if (d->r == 0)
		d->r = out_table_add(d->table, cells);
	if (d->r == 0)
		d->r = tell_more(d, "  $ ", f->mend);
	if (d->r == 0)
		d->r = tell_more(d, "  ", f->advice);
}

int
cmd_doctor(struct options *o, int argc, char **argv)
{
	static const char *const heads[] = { "STATE", "CHECK", "FINDING" };
	struct options_operands none;
	OWNED(out_table) table = NULL;
	OWNED_JSON j = json_object();
	struct doctor d = { 0 };
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &none)) != 0 ||
	    (r = out_table_new(&table, heads, 3)) != 0)
		return r;
	d.table = table;
	d.findings = json_array();
	if ((r = out_set(j, "findings", d.findings)) != 0)
		return r;
	doctor_look(o, take, &d);
	if (d.r != 0)
		return d.r;
	r = out_set(j, "ok", json_boolean(d.count[DOCTOR_FAIL] == 0));
	if (r != 0)
		return r;

	if (!o->json)
		out_table_print(table);
	else if ((r = out_json(j)) != 0)
		return r;
	return d.count[DOCTOR_FAIL] > 0 ? CMD_FINDINGS : 0;
}
