/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vault/err.h"
#include "vault/proof.h"

struct verify {
	const struct proof *p;
	struct proof_verdict v;
	size_t in_range; /* where the range begins among the entries */
	char *why;
};

static int PRINTF_LIKE(2, 3) bad(struct verify *v, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(v->why, PROOF_WHY, fmt, args);
	va_end(args);
	return ERR_INTEGRITY;
}

/* ---- that the entries are the log's ---- */

static int
check_notes(struct verify *v, const struct note_key *log)
{
	const struct proof *p = v->p;
	struct note_checkpoint *c = &v->v.checkpoint, *e = &v->v.earlier;

	if (note_checkpoint_read(c, p->note, strlen(p->note), log) != 0)
		return bad(v, "the checkpoint is not one that '%.100s' signed",
		    log->name);
	if (p->earlier == NULL)
		return 0;
	if (note_checkpoint_read(e, p->earlier, strlen(p->earlier), log) != 0)
		return bad(v,
		    "the earlier checkpoint is not one that '%.100s' signed",
		    log->name);
	if (e->size == 0 ||
	    !tlog_consistency_ok(e->size, c->size, &e->root, &c->root,
		p->consistency, p->consistency_count))
		return bad(v,
		    "the log does not extend the earlier checkpoint of %" PRIu64
		    " entries: one of the two is of a fork",
		    e->size);
	return 0;
}

static struct digest
leaf(void *arg, uint64_t index)
{
	const struct verify *v = arg;
	const struct proof_entry *e = v->p->entries + v->in_range +
	    (index - v->p->first);

	return tlog_leaf(e->bytes, e->length);
}

static int
check_range(struct verify *v)
{
	const struct proof *p = v->p;
	const struct tlog_range r = { p->first, p->end, v->v.checkpoint.size };
	struct tlog_tree before;
	size_t have = 0;

	for (size_t i = 0; i < p->count; i++) {
		if (p->entries[i].path != NULL)
			continue;
		if (have++ == 0)
			v->in_range = i;
	}
	/* They ascend, and lie within it. */
	if (have != p->end - p->first)
		return bad(v,
		    "the range %" PRIu64 " to %" PRIu64 " has %" PRIu64
		    " entries, and %zu are here",
		    p->first, p->end - 1, p->end - p->first, have);
	if (!tlog_range_ok(&r, leaf, v, p->around, p->around_count,
		&v->v.checkpoint.root))
		return bad(v,
		    "entries %" PRIu64 " to %" PRIu64
		    " are not those of the checkpoint",
		    p->first, p->end - 1);
	if (!tlog_range_before(&before, &r, p->around, p->around_count))
		return bad(v, "hashes are missing");
	v->v.start.size = before.size;
	v->v.start.root = tlog_tree_root(&before);
	memcpy(v->v.start.origin, v->v.checkpoint.origin,
	    sizeof(v->v.start.origin));
	return 0;
}

static int
check_inclusion(struct verify *v, const struct proof_entry *e)
{
	struct digest d = tlog_leaf(e->bytes, e->length);

	if (tlog_inclusion_ok(e->index, v->v.checkpoint.size, &d, e->path,
		e->path_length, &v->v.checkpoint.root))
		return 0;
	return bad(v, "entry %" PRIu64 " is not the one of the checkpoint",
	    e->index);
}

/* ---- that they say what the answer says ---- */

/* The range is all of the time asked for, by keyd's clock. */
static int
check_bounds(struct verify *v)
{
	const struct proof *p = v->p;
	const struct proof_entry *first = &p->entries[v->in_range];
	const struct proof_entry *last = first + (p->end - p->first - 1);
	int64_t time;

	if (p->first > 0) {
		if (question_time(first->bytes, first->length, &time) != 0)
			return bad(v, "entry %" PRIu64 " has no time",
			    first->index);
		if (time >= p->question.since_ms)
			return bad(v,
			    "the range begins too late: its first entry is of "
			    "the time asked for, and what precedes it is not "
			    "shown");
	}
	if (p->end < v->v.checkpoint.size) {
		if (question_time(last->bytes, last->length, &time) != 0)
			return bad(v, "entry %" PRIu64 " has no time",
			    last->index);
		if (time < p->question.until_ms)
			return bad(v,
			    "the range ends too early: its last entry is of "
			    "the time asked for, and what follows it is not "
			    "shown");
	}
	return 0;
}

/* Entries that bear on the question. */
static int
take(struct verify *v, const struct proof_entry *e,
    const struct question_finding *f)
{
	switch (f->bearing) {
	case QUESTION_READ:
		v->v.reads++;
		if (!f->told)
			v->v.bytes += f->bytes;
		return 0;
	case QUESTION_BEFORE:
		v->v.before++;
		return 0;
	case QUESTION_AFTER:
		v->v.after++;
		return 0;
	case QUESTION_UNKNOWN:
		return bad(v,
		    "entry %" PRIu64 " is of session %" PRIu64
		    ", whose opening is not shown",
		    e->index, f->session);
	case QUESTION_NOTHING:
	case QUESTION_OPENS:
	case QUESTION_CLOSES:
		return 0;
	}
	return 0;
}

/* The first session that question_held tells of. */
struct holder {
	bool found;
	uint64_t session;
};

static void
note_holder(void *arg, uint64_t session, uint64_t opened, uint64_t released)
{
	struct holder *h = arg;

	(void)opened;
	(void)released;
	if (!h->found)
		*h = (struct holder){ true, session };
}

/* Who makes a no says held instead; here it is seen when the release is. */
static int
check_held(struct verify *v, const struct question_inquiry *i)
{
	struct holder h = { 0 };

	question_held(i, note_holder, &h);
	if (!h.found)
		return 0;
	return bad(v,
	    "it says no, and session %" PRIu64
	    " held keys from before the time asked for",
	    h.session);
}

static int
check_reads(struct verify *v)
{
	OWNED(question_inquiry) i = NULL;
	const struct proof *p = v->p;
	int err = question_begin(&i, &p->question);

	for (size_t n = 0; err == 0 && n < p->count; n++) {
		const struct proof_entry *e = &p->entries[n];
		struct question_finding f;

		err = question_look(i, e->index, e->bytes, e->length, &f);
		if (err == ERR_FORMAT)
			snprintf(v->why, PROOF_WHY,
			    "entry %" PRIu64 " cannot be understood; is it "
			    "from a newer weir?",
			    e->index);
		if (err == 0)
			err = take(v, e, &f);
	}
	if (err != 0)
		return err;
	if (p->answer == PROOF_YES && v->v.reads == 0)
		return bad(v, "it says yes, and no entry in it does");
	if (p->answer == PROOF_NO && v->v.reads != 0)
		return bad(v, "it says no, and %" PRIu64 " entries say yes",
		    v->v.reads);
	if (p->answer == PROOF_HELD && (v->v.reads != 0 || v->v.before == 0))
		return bad(v, "no entry in it shows keys that were held");
	return p->answer == PROOF_NO ? check_held(v, i) : 0;
}

static int
check_answer(struct verify *v)
{
	const struct proof *p = v->p;

	if (p->question.about == QUESTION_ENTRY) {
		if (p->answer != PROOF_YES || p->has_range || p->count != 1 ||
		    p->entries[0].index != p->question.index)
			return bad(v, "it does not hold the entry asked for");
		return 0;
	}
	if ((p->answer == PROOF_NO) != p->has_range)
		return bad(v, "a no, and nothing else, needs a range");
	if (p->has_range) {
		int err = check_bounds(v);

		if (err != 0)
			return err;
	}
	return check_reads(v);
}

int
proof_verify(const struct proof *p, const struct note_key *log,
    struct proof_verdict *out, char why[static PROOF_WHY])
{
	struct verify v = { .p = p, .why = why };
	int err;

	why[0] = '\0';
	err = check_notes(&v, log);
	if (err == 0 && p->has_range)
		err = check_range(&v);
	for (size_t i = 0; err == 0 && i < p->count; i++)
		if (p->entries[i].path != NULL)
			err = check_inclusion(&v, &p->entries[i]);
	if (err == 0)
		err = check_answer(&v);
	if (err == 0)
		*out = v.v;
	return err;
}
