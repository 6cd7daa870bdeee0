/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/cmd.h"
#include "cli/cosign.h"
#include "cli/evidence.h"
#include "cli/out.h"
#include "cli/reads.h"
#include "cli/talk.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/question.h"

/* ---- the proof ---- */

/* Indices to show, in order, each once. */
struct shown {
	const struct reads *d;
	uint64_t *list;
	size_t count;
	uint64_t below; /* only those below are wanted */
	int r;
};

static void
show(struct shown *s, uint64_t index)
{
	if (s->r == 0 && index < s->below)
		s->r = reads_grow(&s->list, s->count, sizeof(*s->list));
	if (s->r == 0 && index < s->below)
		s->list[s->count++] = index;
}

static int
ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int
add_shown(struct proof *p, struct shown *s)
{
	int r = s->r;

	if (s->count > 0)
		qsort(s->list, s->count, sizeof(*s->list), ascending);
	for (size_t i = 0; r == 0 && i < s->count; i++)
		if (i == 0 || s->list[i] != s->list[i - 1])
			r = evidence_add(p, &s->d->from, s->list[i]);
	return r;
}

static void
show_held(void *arg, uint64_t session, uint64_t opened, uint64_t released)
{
	(void)session;
	show(arg, opened);
	show(arg, released);
}

/* The openings of the sessions that entries of the range are of. */
static int
show_opening(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct shown *s = arg;
	struct entry_view v;
	uint64_t session, opened;
	int r = entry_parse(&v, entry, n);

	(void)index;
	if (r != 0)
		return r;
	if ((v.kind == ENTRY_RELEASE || v.kind == ENTRY_EXTENTS) &&
	    entry_view_number(&v, "session", &session) == 0 &&
	    question_opened(s->d->inquiry, session, &opened))
		show(s, opened);
	entry_view_clear(&v);
	return s->r;
}

static int
collect(struct reads *d, struct shown *s)
{
	uint64_t opened;

	if (d->answer == PROOF_HELD)
		question_held(d->inquiry, show_held, s);
	for (size_t i = 0; i < d->hit_count; i++) {
		show(s, d->hits[i].index);
		if (question_opened(d->inquiry, d->hits[i].f.session, &opened))
			show(s, opened);
	}
	if (d->answer != PROOF_NO)
		return s->r;
	s->below = d->first;
	return trail_reader_each(d->a->reader, d->first, d->end, show_opening,
	    s);
}

static int
write_proof(struct reads *d, const char *path)
{
	struct shown s = { .d = d, .below = UINT64_MAX };
	OWNED(proof) p = NULL;
	int r;

	r = evidence_begin(&p, &d->from, &d->q, d->answer);
	if (r == 0)
		r = collect(d, &s);
	if (r == 0)
		r = add_shown(p, &s);
	free(s.list);
	if (r == 0 && d->answer == PROOF_NO)
		r = evidence_add_range(p, &d->from, d->first, d->end);
	if (r == 0 && d->has_earlier)
		r = evidence_add_earlier(p, &d->from, &d->earlier);
	return r != 0 ? r : evidence_write(p, &d->a->vault->key, path);
}

/* ---- what is printed ---- */

static int
add_hits(const struct reads *d, json_t *j)
{
	json_t *list = json_array();
	int r = out_set(j, "entries", list);

	for (size_t i = 0; r == 0 && i < d->hit_count; i++) {
		const struct reads_hit *h = &d->hits[i];
		char time[ENTRY_TIME_SIZE];

		if (json_array_append_new(list,
			json_pack("{s:I, s:s, s:s, s:I, s:I}", "index",
			    (json_int_t)h->index, "kind",
			    h->f.told ? "extents" : "release", "time",
			    entry_time_text(h->f.time_ms, time), "session",
			    (json_int_t)h->f.session, "bytes",
			    (json_int_t)h->f.bytes)) != 0)
			return ERR_NOMEM;
	}
	return r;
}

static int
add_sittings(const struct reads *d, json_t *j)
{
	json_t *list = json_array();
	int r = out_set(j, "sessions", list);

	for (size_t i = 0; r == 0 && i < d->sitting_count; i++) {
		const struct reads_sitting *s = &d->sittings[i];

		if (s->entries == 0)
			continue;
		if (json_array_append_new(list,
			json_pack("{s:I, s:I, s:s, s:s, s:s, s:I, s:I}",
			    "session", (json_int_t)s->id, "opened",
			    (json_int_t)s->opened, "for",
			    talk_text(s->opening, "for"), "by",
			    talk_text(s->opening, "by"), "host",
			    talk_text(s->opening, "host"), "released",
			    (json_int_t)s->released, "told",
			    (json_int_t)s->told)) != 0)
			return ERR_NOMEM;
	}
	return r;
}

static int
add_checkpoints(const struct reads *d, json_t *j)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(d->a->reader);
	struct cosigned_note kept = { 0 };
	json_t *one;
	int r;

	if ((r = evidence_checkpoint(&one, &d->then, NULL, NULL)) != 0 ||
	    (r = out_set(j, "start", one)) != 0)
		return r;
	if (cosigned_load(&kept, &d->from.where, c) != 0)
		kept.note = NULL;
	r = evidence_checkpoint(&one, c,
	    kept.note != NULL ? kept.note : trail_reader_note(d->a->reader),
	    d->from.where.policy);
	cosigned_note_clear(&kept);
	if (r != 0 || (r = out_set(j, "checkpoint", one)) != 0)
		return r;
	if (!d->has_earlier)
		return 0;
	r = evidence_checkpoint(&one, &d->earlier.checkpoint, d->earlier.note,
	    d->from.where.policy);
	return r != 0 ? r : out_set(j, "earlier", one);
}

static int
print_json(const struct reads *d, const char *path)
{
	char since[ENTRY_TIME_SIZE], until[ENTRY_TIME_SIZE];
	OWNED_JSON j = NULL;
	int r;

	j = json_pack("{s:s, s:s, s:s, s:s, s:I, s:{s:I, s:I}, s:s}", "answer",
	    proof_answer_name(d->answer), "principal", d->q.principal, "model",
	    d->q.model, "since", entry_time_text(d->q.since_ms, since), "bytes",
	    (json_int_t)d->bytes, "range", "first", (json_int_t)d->first, "end",
	    (json_int_t)d->end, "clock", evidence_clock(&d->q, d->has_earlier));
	if (j == NULL)
		return ERR_NOMEM;
	if (d->q.until_ms != INT64_MAX &&
	    (r = out_set(j, "until",
		 json_string(entry_time_text(d->q.until_ms, until)))) != 0)
		return r;
	if ((r = add_checkpoints(d, j)) != 0 || (r = add_hits(d, j)) != 0 ||
	    (r = add_sittings(d, j)) != 0)
		return r;
	if (path != NULL && (r = out_set(j, "proof", out_text(path))) != 0)
		return r;
	return out_json(j);
}

static int
print_sittings(const struct reads *d)
{
	static const char *const heads[] = { ">SESSION", "FIRST (UTC)",
		"LAST (UTC)", "FOR", "BY", "HOST", ">RELEASED", ">TOLD",
		">ENTRIES" };
	OWNED(out_table) table = NULL;
	int r = out_table_new(&table, heads, 9);

	for (size_t i = 0; r == 0 && i < d->sitting_count; i++) {
		const struct reads_sitting *s = &d->sittings[i];
		char id[24], entries[24], first[OUT_TIME], last[OUT_TIME];
		char released[OUT_SIZE], told[OUT_SIZE];
		const char *cells[] = { id, out_time(s->first_ms, first),
			out_time(s->last_ms, last),
			talk_text(s->opening, "for"),
			talk_text(s->opening, "by"),
			talk_text(s->opening, "host"),
			out_size(s->released, released),
			out_size(s->told, told), entries };

		if (s->entries == 0)
			continue;
		snprintf(id, sizeof(id), "%" PRIu64, s->id);
		snprintf(entries, sizeof(entries), "%" PRIu64, s->entries);
		r = out_table_add(table, cells);
	}
	if (r == 0)
		out_table_print(table);
	return r;
}

static int
print_text(const struct reads *d)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(d->a->reader);
	char since[OUT_TIME], until[OUT_TIME] = "now", root[DIGEST_HEX_SIZE];
	char size[OUT_SIZE], moment[OUT_TIME];
	int r = 0;

	if (d->q.until_ms != INT64_MAX)
		out_time(d->q.until_ms, until);
	out_time(d->q.since_ms, since);
	if (d->answer == PROOF_YES)
		out_line("YES: %s was given %s of %s from %s to %s (UTC).",
		    d->q.principal, out_size(d->bytes, size), d->q.model, since,
		    until);
	else if (d->answer == PROOF_NO)
		out_line("NO: %s was given nothing of %s from %s to %s (UTC).",
		    d->q.principal, d->q.model, since, until);
	else
		out_line("HELD: %s was given nothing of %s from %s to %s "
			 "(UTC), and held keys of it from before.",
		    d->q.principal, d->q.model, since, until);
	if (d->answer == PROOF_YES)
		r = print_sittings(d);
	if (d->named > 0)
		out_line("looked at   %" PRIu64 " entries, those that the "
			 "index names; --scan looks at all",
		    d->named);
	else
		out_line("looked at   entries %" PRIu64 " to %" PRIu64
			 ", all of them",
		    d->first, d->end - 1);
	out_line("log then    %" PRIu64 " entries, root %s", d->then.size,
	    digest_hex(&d->then.root, root));
	out_line("log now     %" PRIu64 " entries, root %s, signed by %s",
	    c->size, digest_hex(&c->root, root), c->origin);
	if (d->has_earlier)
		out_line("clock       keyd's, bounded: what precedes entry "
			 "%" PRIu64 " had been logged by %s, as witnesses saw",
		    d->earlier.checkpoint.size,
		    out_time((int64_t)d->earlier.moment * 1000, moment));
	else
		out_line("clock       keyd's");
	if (d->has_earlier && d->q.until_ms != INT64_MAX)
		out_line("            keyd's word for where the time ends");
	return r;
}

/* A slip of the hand is answered no as well. */
static void
warn_unseen(const struct reads *d)
{
	if (d->answer != PROOF_NO)
		return;
	if (!d->saw_who)
		log_warn("the trail has never seen '%s'", d->q.principal);
	if (!d->saw_model)
		log_warn("the trail has never seen a model '%s'", d->q.model);
}

static int
parse_question(struct options *o, struct question *q, const char *principal,
    const char *model, const char *const times[static 2])
{
	int r;

	if (principal == NULL || model == NULL || times[0] == NULL)
		return options_wrong(o,
		    "who, what and since when? --principal user:NAME --model "
		    "MODEL --since TIME");
	if ((r = options_principal(o, principal)) != 0)
		return r;
	if (strlen(principal) > QUESTION_PRINCIPAL_MAX)
		return options_wrong(o, "--principal is too long");
	if (!ref_name_ok(model))
		return options_wrong(o,
		    "--model must be the name of a model, without channel or "
		    "digest");
	*q = (struct question){ .about = QUESTION_READS,
		.until_ms = INT64_MAX };
	snprintf(q->principal, sizeof(q->principal), "%s", principal);
	snprintf(q->model, sizeof(q->model), "%s", model);
	if ((r = options_time(o, "--since", times[0], -1, &q->since_ms)) != 0 ||
	    (times[1] != NULL &&
		(r = options_time(o, "--until", times[1], -1, &q->until_ms)) !=
		    0))
		return r;
	if (q->until_ms <= q->since_ms)
		return options_wrong(o, "--until must be after --since");
	return 0;
}

/* Witnesses are shown the checkpoint that the answer goes up to. */
static int
cosign(const struct reads *d)
{
	struct cosign_result c;
	int r = cosign_ask(&c, d->a->reader, &d->from.where);

	if (r != 0)
		return r;
	if (c.alarm == 0 && !c.verdict.met)
		log_warn("%zu witnesses have cosigned the checkpoint: the "
			 "policy wants more",
		    c.verdict.count);
	r = c.alarm;
	cosign_result_clear(&c);
	return r;
}

int
cmd_audit_reads(struct options *o, int argc, char **argv)
{
	__attribute__((cleanup(reads_clear))) struct reads d = { .o = o };
	const char *principal = NULL, *model = NULL, *times[2] = { NULL };
	const char *path = NULL, *policy_path = NULL, *directory = NULL;
	bool offline = false, asks = false, all = false;
	const struct options_own own[] = {
		{ "scan", 0, OPTIONS_FLAG, &all },
		{ "principal", 0, OPTIONS_TEXT, &principal },
		{ "model", 0, OPTIONS_TEXT, &model },
		{ "since", 0, OPTIONS_TEXT, &times[0] },
		{ "until", 0, OPTIONS_TEXT, &times[1] },
		{ "proof", 0, OPTIONS_TEXT, &path },
		{ "policy", 0, OPTIONS_TEXT, &policy_path },
		{ "cosigned", 0, OPTIONS_TEXT, &directory },
		{ "cosign", 0, OPTIONS_FLAG, &asks },
		{ "offline", 0, OPTIONS_FLAG, &offline },
		OPTIONS_END,
	};
	OWNED(witness_policy) policy = NULL;
	struct options_operands none;
	OWNED(audit) a = NULL;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0)
		return r;
	if (asks && policy_path == NULL)
		return options_wrong(o, "--cosign needs --policy FILE");
	if ((r = parse_question(o, &d.q, principal, model, times)) != 0 ||
	    (policy_path != NULL &&
		(r = cosigned_policy(&policy, policy_path)) != 0) ||
	    (r = audit_open(&a, o, offline)) != 0)
		return audit_end(a, r);
	d.a = a;
	d.from.reader = a->reader;
	d.from.where = (struct cosigned_where){ a->vault->dir, directory,
		&a->vault->key, policy };
	if ((asks && (r = cosign(&d)) != 0) || (r = reads_look(&d, all)) != 0)
		return audit_end(a, r);
	if (path != NULL)
		r = write_proof(&d, path);
	if (r == 0)
		r = o->json ? print_json(&d, path) : print_text(&d);
	if (r == 0)
		warn_unseen(&d);
	return audit_end(a, r);
}
