/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/proof_tlog.h"

#define FILE_MODE 0640

/* The newest note; with cosignatures, if they are kept. */
static int
newest(const struct evidence_from *from, char **out)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(from->reader);
	struct cosigned_note kept;

	if (cosigned_load(&kept, &from->where, c) == 0) {
		*out = kept.note;
		return 0;
	}
	*out = strdup(trail_reader_note(from->reader));
	return *out != NULL ? 0 : ERR_NOMEM;
}

int
evidence_begin(struct proof **out, const struct evidence_from *from,
    const struct question *q, enum proof_answer answer)
{
	OWNED(proof) p = calloc(1, sizeof(*p));
	int r;

	if (p == NULL)
		return ERR_NOMEM;
	p->question = *q;
	p->answer = answer;
	if ((r = newest(from, &p->note)) != 0)
		return r;
	*out = p;
	p = NULL;
	return 0;
}

/* An entry on its way into a proof. */
struct adding {
	struct proof *p;
	const struct digest *path;
	size_t path_length;
};

static int
add(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	const struct adding *a = arg;
	int r = proof_add(a->p, index, entry, n, a->path, a->path_length);

	return r != ERR_LIMIT ? r :
				log_err(r,
				    "the proof would be too long; ask for a "
				    "shorter time");
}

int
evidence_add(struct proof *p, const struct evidence_from *from, uint64_t index)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(from->reader);
	struct digest path[TLOG_PROOF_MAX];
	struct adding a = { .p = p, .path = path };
	int r;

	r = tlog_inclusion(index, c->size, trail_reader_node, from->reader,
	    path, &a.path_length);
	if (r != 0)
		return r;
	return trail_reader_each(from->reader, index, index + 1, add, &a);
}

int
evidence_add_range(struct proof *p, const struct evidence_from *from,
    uint64_t first, uint64_t end)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(from->reader);
	const struct tlog_range range = { first, end, c->size };
	struct adding a = { .p = p };
	int r;

	r = tlog_range(&range, trail_reader_node, from->reader, p->around,
	    &p->around_count);
	if (r != 0)
		return r;
	p->has_range = true;
	p->first = first;
	p->end = end;
	return trail_reader_each(from->reader, first, end, add, &a);
}

int
evidence_add_earlier(struct proof *p, const struct evidence_from *from,
    const struct cosigned_note *note)
{
	const struct note_checkpoint *c = trail_reader_checkpoint(from->reader);
	int r;

	r = tlog_consistency(note->checkpoint.size, c->size, trail_reader_node,
	    from->reader, p->consistency, &p->consistency_count);
	if (r != 0)
		return r;
	p->earlier = strdup(note->note);
	return p->earlier != NULL ? 0 : ERR_NOMEM;
}

typedef int form_fn(struct writer *w, const struct proof *p);

static int
write_as(const struct proof *p, form_fn *form, const struct note_key *log,
    const char *path)
{
	OWNED_WRITER w = writer_of(PROOF_MAX);
	struct proof_verdict v;
	char why[PROOF_WHY];
	int r;

	/* Nobody is handed what does not hold. */
	r = proof_verify(p, log, &v, why);
	if (r != 0)
		return log_err(r, "the proof does not hold: %s", why);
	r = form(&w, p);
	if (r == ERR_LIMIT)
		return log_err(r,
		    "the proof would be too long; ask for a shorter time");
	if (r != 0)
		return r;
	if (strcmp(path, "-") != 0)
		return file_replace(NULL, path, w.bytes, w.length, FILE_MODE);
	return fwrite(w.bytes, 1, w.length, stdout) == w.length ?
	    0 :
	    log_sys("write the proof");
}

int
evidence_write(const struct proof *p, const struct note_key *log,
    const char *path)
{
	return write_as(p, proof_write, log, path);
}

int
evidence_write_tlog(const struct proof *p, const struct note_key *log,
    const char *path)
{
	return write_as(p, proof_tlog_write, log, path);
}

/* Who of the policy has cosigned, and when. */
static int
add_cosigned(json_t *j, const char *note, const struct witness_policy *policy)
{
	json_t *list = json_array();
	struct witness_verdict v;
	int r;

	if ((r = out_set(j, "cosigned", list)) != 0)
		return r;
	r = witness_policy_judge(policy, note, strlen(note), &v);
	if (r != 0)
		return log_err(r, "a cosignature of the checkpoint is bad");
	for (size_t i = 0; i < witness_policy_count(policy); i++) {
		const struct witness w = witness_policy_at(policy, i);
		char time[ENTRY_TIME_SIZE];

		if (v.time[i] == 0)
			continue;
		if (json_array_append_new(list,
			json_pack("{s:s, s:s, s:s}", "name", w.name, "key",
			    w.key->name, "time",
			    entry_time_text((int64_t)v.time[i] * 1000,
				time))) != 0)
			return ERR_NOMEM;
	}
	return out_set(j, "quorum", json_boolean(v.met));
}

int
evidence_checkpoint(json_t **out, const struct note_checkpoint *c,
    const char *note, const struct witness_policy *policy)
{
	OWNED_JSON j = NULL;
	char root[DIGEST_HEX_SIZE];
	int r;

	j = json_pack("{s:I, s:s}", "size", (json_int_t)c->size, "root",
	    digest_hex(&c->root, root));
	if (j == NULL)
		return ERR_NOMEM;
	if (note != NULL && (r = out_set(j, "note", json_string(note))) != 0)
		return r;
	if (note != NULL && policy != NULL &&
	    (r = add_cosigned(j, note, policy)) != 0)
		return r;
	*out = j;
	j = NULL;
	return 0;
}

const char *
evidence_clock(const struct question *q, bool witnessed)
{
	if (!witnessed)
		return "keyd";
	return q->until_ms == INT64_MAX ?
	    "keyd, bounded by witnesses" :
	    "keyd, its start bounded by witnesses";
}
