/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cosign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/submit.h"
#include "vault/err.h"
#include "vault/log.h"

void
cosign_result_clear(struct cosign_result *r)
{
	free(r->note);
	*r = (struct cosign_result){ 0 };
}

/* Begin with what was kept for this very checkpoint. */
static int
begin(struct cosign_result *c, struct trail_reader *reader,
    const struct cosigned_where *where)
{
	const struct note_checkpoint *now = trail_reader_checkpoint(reader);
	struct cosigned_note kept;

	if (cosigned_load(&kept, where, now) == 0) {
		c->note = kept.note;
		return 0;
	}
	c->note = strdup(trail_reader_note(reader));
	return c->note != NULL ? 0 : ERR_NOMEM;
}

static int
ask_one(struct cosign_result *c, struct trail_reader *reader,
    const struct witness *w)
{
	OWNED_MEM(char) line = NULL;
	char *more;
	uint64_t time;
	int r;

	if (witness_time(c->note, strlen(c->note), w->key, &time) == 0)
		return 0; /* it has */
	if (w->url == NULL) {
		log_warn("the policy has no URL for witness '%s'", w->name);
		return 0;
	}
	r = submit_to(&line, w, reader);
	if (r == ERR_INTEGRITY)
		c->alarm = r;
	if (r == ERR_INTEGRITY || r == ERR_UNREACHABLE)
		return 0;
	if (r != 0)
		return r;
	if (asprintf(&more, "%s%s", c->note, line) < 0)
		return ERR_NOMEM;
	free(c->note);
	c->note = more;
	return 0;
}

static int
ask(struct cosign_result *c, struct trail_reader *reader,
    const struct cosigned_where *where)
{
	const struct witness_policy *p = where->policy;
	int r = begin(c, reader, where);

	for (size_t i = 0; r == 0 && i < witness_policy_count(p); i++) {
		const struct witness w = witness_policy_at(p, i);

		r = ask_one(c, reader, &w);
	}
	if (r == 0)
		r = witness_policy_judge(p, c->note, strlen(c->note),
		    &c->verdict);
	if (r == 0 && c->verdict.count > 0)
		r = cosigned_store(where, trail_reader_checkpoint(reader)->size,
		    c->note);
	return r;
}

int
cosign_ask(struct cosign_result *out, struct trail_reader *reader,
    const struct cosigned_where *where)
{
	struct cosign_result c = { 0 };
	int r = ask(&c, reader, where);

	if (r != 0)
		cosign_result_clear(&c);
	else
		*out = c;
	return r;
}
