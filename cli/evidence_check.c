/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/evidence.h"
#include "cli/out.h"
#include "cli/paper.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/proof_tlog.h"

/* A proof that was read, and what it came to. */
struct checked {
	const struct evidence_check *how;
	struct proof *p;
	struct witness_policy *policy;
	struct proof_verdict v;
	char why[PROOF_WHY];
	uint64_t moment;	 /* when a quorum had seen the checkpoint; 0 */
	uint64_t earlier_moment; /* and the earlier one */
	int r;
};

static void
checked_clear(struct checked *c)
{
	proof_free(c->p);
	witness_policy_free(c->policy);
}

static int
load(struct checked *c)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	const char *path = c->how->path;
	size_t n;
	int r;

	r = file_load(NULL, path, PROOF_MAX, &bytes, &n);
	if (r == ERR_NOT_FOUND)
		return log_err(r, "there is no file '%s'", path);
	if (r != 0)
		return r;
	r = proof_tlog_is(bytes, n) ?
	    proof_tlog_parse(&c->p, bytes, n, c->why) :
	    proof_parse(&c->p, bytes, n, c->why);
	return r == 0 || r == ERR_NOMEM ?
	    r :
	    paper_refuse(path, bytes, n, PAPER_PROOF, c->why, r);
}

/* What witnesses say of a note; the quorum must be met if it is the newest. */
static int
judge(struct checked *c, const char *note, bool must, uint64_t *moment)
{
	struct witness_verdict v;
	int r = witness_policy_judge(c->policy, note, strlen(note), &v);

	if (r == 0 && must && !v.met) {
		snprintf(c->why, sizeof(c->why),
		    "%zu of the policy's witnesses have cosigned the "
		    "checkpoint: not enough",
		    v.count);
		return ERR_INTEGRITY;
	}
	if (r == 0)
		*moment = witness_policy_moment(c->policy, &v);
	else
		snprintf(c->why, sizeof(c->why), "a cosignature is bad");
	return r;
}

static int
check(struct checked *c)
{
	struct note_key log;
	int r;

	if (note_key_parse(&log, c->how->log_key) != 0)
		return log_err(ERR_USAGE,
		    "'%s' is no verifier key of a log: weir audit checkpoint "
		    "--json shows it",
		    c->how->log_key);
	if (c->how->policy != NULL &&
	    (r = cosigned_policy(&c->policy, c->how->policy)) != 0)
		return r;
	if ((r = load(c)) != 0)
		return r;
	c->r = proof_verify(c->p, &log, &c->v, c->why);
	if (c->r == 0 && c->policy != NULL)
		c->r = judge(c, c->p->note, true, &c->moment);
	if (c->r == 0 && c->policy != NULL && c->p->earlier != NULL)
		c->r = judge(c, c->p->earlier, false, &c->earlier_moment);
	return c->r == ERR_NOMEM ? c->r : 0;
}

/* Entries of before the range were logged before the time asked for, whatever
 * keyd's clock said. */
static bool
bounded(const struct checked *c)
{
	return c->p->has_range && c->earlier_moment != 0 &&
	    c->p->first <= c->v.earlier.size &&
	    (int64_t)c->earlier_moment * 1000 <= c->p->question.since_ms;
}

/* ---- JSON ---- */

static int
add_entries(json_t *j, const struct proof *p)
{
	json_t *list = json_array();
	int r = out_set(j, "entries", list);

	/* What a no leaves out is all there is: it would be long. */
	for (size_t i = 0; r == 0 && !p->has_range && i < p->count; i++) {
		json_t *e = json_loadb((const char *)p->entries[i].bytes,
		    p->entries[i].length, JSON_REJECT_DUPLICATES, NULL);

		if (e == NULL)
			e = json_object();
		if (e == NULL ||
		    json_object_set_new(e, "index",
			json_integer((json_int_t)p->entries[i].index)) != 0 ||
		    json_array_append_new(list, e) != 0)
			return ERR_NOMEM;
	}
	return r;
}

static int
add_checkpoints(json_t *j, const struct checked *c)
{
	json_t *one;
	int r;

	if ((r = evidence_checkpoint(&one, &c->v.checkpoint, c->p->note,
		 c->policy)) != 0 ||
	    (r = out_set(j, "checkpoint", one)) != 0)
		return r;
	if (c->p->has_range &&
	    ((r = evidence_checkpoint(&one, &c->v.start, NULL, NULL)) != 0 ||
		(r = out_set(j, "start", one)) != 0))
		return r;
	if (c->p->earlier != NULL &&
	    ((r = evidence_checkpoint(&one, &c->v.earlier, c->p->earlier,
		  c->policy)) != 0 ||
		(r = out_set(j, "earlier", one)) != 0))
		return r;
	return 0;
}

static int
print_json(const struct checked *c)
{
	OWNED_MEM(char) question = question_text(&c->p->question);
	OWNED_JSON j = NULL;
	int r;

	if (question == NULL)
		return ERR_NOMEM;
	j = json_pack("{s:b, s:s, s:s}", "ok", c->r == 0, "question", question,
	    "answer", proof_answer_name(c->p->answer));
	if (j == NULL)
		return ERR_NOMEM;
	if (c->r != 0) {
		r = out_set(j, "why", json_string(c->why));
		return r != 0 ? r : out_json(j);
	}
	if (c->p->has_range &&
	    (r = out_set(j, "range",
		 json_pack("{s:I, s:I}", "first", (json_int_t)c->p->first,
		     "end", (json_int_t)c->p->end))) != 0)
		return r;
	if ((r = out_set(j, "reads", json_integer((json_int_t)c->v.reads))) !=
		0 ||
	    (r = out_set(j, "bytes", json_integer((json_int_t)c->v.bytes))) !=
		0 ||
	    (r = add_checkpoints(j, c)) != 0 || (r = add_entries(j, c->p)) != 0)
		return r;
	if ((r = out_set(j, "before", json_integer((json_int_t)c->v.before))) !=
		0 ||
	    (r = out_set(j, "after", json_integer((json_int_t)c->v.after))) !=
		0 ||
	    (r = out_set(j, "clock",
		 json_string(evidence_clock(&c->p->question, bounded(c))))) !=
		0)
		return r;
	return out_json(j);
}

/* ---- text ---- */

static void
print_answer(const struct checked *c)
{
	const struct question *q = &c->p->question;
	char since[ENTRY_TIME_SIZE], until[ENTRY_TIME_SIZE] = "the checkpoint";

	if (q->about == QUESTION_ENTRY) {
		out_line("It holds: entry %" PRIu64 " is the log's.", q->index);
		out_line("entry        %.*s", (int)c->p->entries[0].length,
		    (const char *)c->p->entries[0].bytes);
		return;
	}
	entry_time_text(q->since_ms, since);
	if (q->until_ms != INT64_MAX)
		entry_time_text(q->until_ms, until);
	out_line("It holds: %s.",
	    c->p->answer == PROOF_YES	 ? "YES" :
		c->p->answer == PROOF_NO ? "NO" :
					   "HELD (keys were given before)");
	out_line("question     was %s given bytes of %s?", q->principal,
	    q->model);
	out_line("time         from %s to %s", since, until);
	if (c->p->answer == PROOF_YES)
		out_line("entries      %" PRIu64 " releases and reads, %" PRIu64
			 " bytes released",
		    c->v.reads, c->v.bytes);
	if (c->p->has_range)
		out_line("range        all of %" PRIu64 " to %" PRIu64
			 " was looked at",
		    c->p->first, c->p->end - 1);
}

static void
print_clock(const struct checked *c)
{
	char time[ENTRY_TIME_SIZE];

	if (c->moment != 0)
		out_line("witnessed    by a quorum at %s or before",
		    entry_time_text((int64_t)c->moment * 1000, time));
	if (!c->p->has_range) {
		out_line("clock        keyd's");
		return;
	}
	if (bounded(c))
		out_line("clock        keyd's, bounded: what precedes entry "
			 "%" PRIu64 " had been logged by %s, as witnesses saw",
		    c->v.earlier.size,
		    entry_time_text((int64_t)c->earlier_moment * 1000, time));
	else
		out_line("clock        keyd's word for where the time begins");
	if (c->p->question.until_ms != INT64_MAX)
		out_line("             keyd's word for where the time ends");
	if (c->v.before + c->v.after > 0)
		out_line("beside it    %" PRIu64
			 " releases and reads in the range, by keyd's clock "
			 "outside of the time",
		    c->v.before + c->v.after);
	if (c->p->first > 0)
		out_line("limit        what was given to a session before that "
			 "range, and read again later, need not be in it");
}

static int
print_text(const struct checked *c)
{
	char root[DIGEST_HEX_SIZE];

	if (c->r != 0) {
		out_line("THE PROOF DOES NOT HOLD.");
		out_line("what is wrong  %s", c->why);
		return 0;
	}
	print_answer(c);
	if (c->p->has_range)
		out_line("log then     %" PRIu64 " entries, root %s",
		    c->v.start.size, digest_hex(&c->v.start.root, root));
	out_line("log now      %" PRIu64 " entries, root %s",
	    c->v.checkpoint.size, digest_hex(&c->v.checkpoint.root, root));
	out_line("signed by    %s", c->v.checkpoint.origin);
	print_clock(c);
	return 0;
}

int
evidence_check(const struct evidence_check *how)
{
	__attribute__((
	    cleanup(checked_clear))) struct checked c = { .how = how };
	int r = check(&c);

	if (r != 0)
		return r;
	r = how->o->json ? print_json(&c) : print_text(&c);
	return r != 0 ? r : c.r;
}
