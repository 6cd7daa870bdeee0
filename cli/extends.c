/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/extends.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/out.h"
#include "cli/paper.h"
#include "vault/base64.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/tlog.h"

enum relation { EXTENDS, CUT, FORKED };

struct compared {
	const struct options *o;
	struct trail_reader *reader;
	char *kept_note;
	struct note_checkpoint kept, now;
	struct digest then; /* the root that the log here had at kept's size */
	enum relation relation;
	struct digest proof[TLOG_PROOF_MAX];
	size_t proof_length;
	uint64_t kinds[ENTRY_KINDS];
	int64_t first_ms, last_ms; /* of what was added */
};

static void
compared_clear(struct compared *c)
{
	free(c->kept_note);
}

static int
no_checkpoint(const char *path, const void *bytes, size_t n)
{
	enum paper is = paper_of(bytes, n);

	if (is != PAPER_UNKNOWN && is != PAPER_CHECKPOINT)
		return paper_refuse(path, bytes, n, PAPER_CHECKPOINT, "",
		    ERR_INTEGRITY);
	return log_err(ERR_INTEGRITY,
	    "'%s' is no checkpoint that this vault's log has signed; 'weir "
	    "audit checkpoint' prints one",
	    path);
}

int
extends_read(const char *path, const struct note_key *key,
    struct note_checkpoint *out, char **note)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t length;
	int r;

	r = file_load(NULL, path, NOTE_MAX, &bytes, &length);
	if (r == ERR_NOT_FOUND)
		return log_err(r, "there is no file '%s'", path);
	if (r == ERR_LIMIT)
		return no_checkpoint(path, "", 0);
	if (r != 0)
		return r;
	/* Malformed or signed by somebody else: it is not the log's. */
	r = note_checkpoint_read(out, (const char *)bytes, length, key);
	if (r != 0)
		return r == ERR_NOMEM ? r : no_checkpoint(path, bytes, length);
	if (note != NULL) {
		*note = (char *)bytes;
		bytes = NULL;
	}
	return 0;
}

static int
count(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct compared *c = arg;
	struct entry_view v;

	if (entry_parse(&v, entry, n) != 0)
		return log_err(ERR_FORMAT,
		    "entry %" PRIu64 " of the trail cannot be understood; is "
		    "it from a newer weir?",
		    index);
	if (index == c->kept.size)
		c->first_ms = v.time_ms;
	c->last_ms = v.time_ms;
	c->kinds[v.kind]++;
	entry_view_clear(&v);
	return 0;
}

static int
compare(struct compared *c)
{
	int r;

	if (c->kept.size > c->now.size) {
		c->relation = CUT;
		return 0;
	}
	r = tlog_root(c->kept.size, trail_reader_node, c->reader, &c->then);
	if (r == 0)
		r = tlog_consistency(c->kept.size, c->now.size,
		    trail_reader_node, c->reader, c->proof, &c->proof_length);
	if (r != 0)
		return r;
	c->relation = tlog_consistency_ok(c->kept.size, c->now.size,
			  &c->kept.root, &c->now.root, c->proof,
			  c->proof_length) ?
	    EXTENDS :
	    FORKED;
	if (c->relation != EXTENDS)
		return 0;
	return trail_reader_each(c->reader, c->kept.size, c->now.size, count,
	    c);
}

static const char *
sentence(const struct compared *c)
{
	if (c->relation == CUT)
		return "the log was cut: it had more entries when the "
		       "checkpoint was kept";
	if (c->relation == FORKED)
		return "the log signed two histories: its first entries are "
		       "not those of the checkpoint that was kept";
	return "the log extends the checkpoint that was kept";
}

/* ---- JSON ---- */

static json_t *
side(const struct note_checkpoint *c, const char *note)
{
	char root[DIGEST_HEX_SIZE];

	return json_pack("{s:I, s:s, s:s}", "size", (json_int_t)c->size, "root",
	    digest_hex(&c->root, root), "note", note);
}

static int
add_kinds(const struct compared *c, json_t *j)
{
	json_t *kinds = json_object();
	int r = out_set(j, "kinds", kinds);

	for (int k = 0; r == 0 && k < ENTRY_KINDS; k++)
		if (c->kinds[k] > 0)
			r = out_set(kinds, entry_kind_name((enum entry_kind)k),
			    json_integer((json_int_t)c->kinds[k]));
	return r;
}

static int
add_proof(const struct compared *c, json_t *j)
{
	json_t *list = json_array();
	int r = out_set(j, "consistency", list);

	for (size_t i = 0; r == 0 && i < c->proof_length; i++) {
		char text[BASE64_SIZE(DIGEST_SIZE)];

		if (json_array_append_new(list,
			json_string(base64_encode(text, c->proof[i].bytes,
			    DIGEST_SIZE))) != 0)
			return ERR_NOMEM;
	}
	return r;
}

static int
print_json(const struct compared *c)
{
	char then[DIGEST_HEX_SIZE];
	OWNED_JSON j = NULL;
	int r;

	j = json_pack("{s:b, s:s, s:b, s:b, s:o, s:o}", "ok",
	    c->relation == EXTENDS, "why", sentence(c), "fork",
	    c->relation == FORKED, "cut", c->relation == CUT, "kept",
	    side(&c->kept, c->kept_note), "now",
	    side(&c->now, trail_reader_note(c->reader)));
	if (j == NULL)
		return ERR_NOMEM;
	if (c->relation != CUT &&
	    ((r = out_set(j, "then",
		  json_string(digest_hex(&c->then, then)))) != 0 ||
		(r = add_proof(c, j)) != 0))
		return r;
	if (c->relation == EXTENDS &&
	    ((r = out_set(j, "added",
		  json_integer((json_int_t)(c->now.size - c->kept.size)))) !=
		    0 ||
		(r = add_kinds(c, j)) != 0))
		return r;
	return out_json(j);
}

/* ---- text ---- */

static void
print_added(const struct compared *c)
{
	char first[OUT_TIME], last[OUT_TIME], count[OUT_COUNT];
	const uint64_t added = c->now.size - c->kept.size;

	out_line("added    %s", out_count(added, "entry", count));
	if (added == 0)
		return;
	out_line("         from %s to %s (UTC)", out_time(c->first_ms, first),
	    out_time(c->last_ms, last));
	for (int k = 0; k < ENTRY_KINDS; k++)
		if (c->kinds[k] > 0)
			out_line("         %6" PRIu64 "  %s", c->kinds[k],
			    entry_kind_name((enum entry_kind)k));
}

static int
print_text(const struct compared *c)
{
	char root[DIGEST_HEX_SIZE];

	if (c->relation == EXTENDS)
		out_line("The trail extends the checkpoint that was kept.");
	else
		out_line("THE TRAIL WAS %s: %s.",
		    c->relation == CUT ? "CUT" : "FORKED", sentence(c));
	out_line("kept     %" PRIu64 " entries, root %s", c->kept.size,
	    digest_hex(&c->kept.root, root));
	if (c->relation == FORKED)
		out_line("here     %" PRIu64 " entries, root %s", c->kept.size,
		    digest_hex(&c->then, root));
	out_line("now      %" PRIu64 " entries, root %s", c->now.size,
	    digest_hex(&c->now.root, root));
	if (c->relation == EXTENDS) {
		print_added(c);
		return 0;
	}
	out_line("Both are signed by the log; keep them:");
	printf("\n%s\n%s", c->kept_note, trail_reader_note(c->reader));
	return 0;
}

int
extends_check(const struct options *o, const struct audit *a, const char *path)
{
	__attribute__((cleanup(compared_clear))) struct compared c = {
		.o = o,
		.reader = a->reader,
		.now = *trail_reader_checkpoint(a->reader),
	};
	int r;

	if ((r = extends_read(path, &a->vault->key, &c.kept, &c.kept_note)) !=
		0 ||
	    (r = compare(&c)) != 0 ||
	    (r = o->json ? print_json(&c) : print_text(&c)) != 0)
		return r;
	return c.relation == EXTENDS ? 0 : ERR_INTEGRITY;
}
