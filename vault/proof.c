/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/proof.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/base64.h"
#include "vault/entry.h"
#include "vault/err.h"

#define MAGIC "weir-proof v1"
#define HASH_TEXT (BASE64_SIZE(DIGEST_SIZE) - 1)

static const char *const answers[] = { "yes", "no", "held" };

const char *
proof_answer_name(enum proof_answer a)
{
	return answers[a];
}

void
proof_free(struct proof *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->count; i++) {
		free(p->entries[i].bytes);
		free(p->entries[i].path);
	}
	free(p->entries);
	free(p->earlier);
	free(p->note);
	free(p);
}

/* Room for one more; grown by halves. */
static int
make_room(struct proof *p)
{
	size_t room = p->count < 16 ? 16 : p->count;
	struct proof_entry *more;

	/* Full at 0, 16, 32, 64, ... */
	if (p->count != 0 && (p->count < 16 || (p->count & (p->count - 1))))
		return 0;
	if (p->count != 0)
		room = 2 * p->count;
	more = reallocarray(p->entries, room, sizeof(*more));
	if (more == NULL)
		return ERR_NOMEM;
	p->entries = more;
	return 0;
}

int
proof_add(struct proof *p, uint64_t index, const void *entry, size_t n,
    const struct digest *path, size_t path_length)
{
	struct proof_entry e = { .index = index,
		.length = n,
		.path_length = path_length };
	int err;

	if (p->count > 0 && p->entries[p->count - 1].index >= index)
		return ERR_USAGE;
	if (p->count == PROOF_ENTRIES_MAX || n == 0 || n > ENTRY_MAX ||
	    path_length > TLOG_PROOF_MAX)
		return ERR_LIMIT;
	err = make_room(p);
	if (err != 0)
		return err;
	e.bytes = malloc(n);
	if (path != NULL)
		e.path = calloc(path_length + 1, sizeof(*e.path));
	if (e.bytes == NULL || (path != NULL && e.path == NULL)) {
		free(e.bytes);
		free(e.path);
		return ERR_NOMEM;
	}
	memcpy(e.bytes, entry, n);
	if (path_length > 0)
		memcpy(e.path, path, path_length * sizeof(*path));
	p->entries[p->count++] = e;
	return 0;
}

/* ---- writing ---- */

static void PRINTF_LIKE(2, 3) put(struct writer *w, const char *fmt, ...)
{
	char text[1024];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	writer_bytes(w, text, (size_t)n);
}

static void
put_base64(struct writer *w, const void *bytes, size_t n)
{
	uint8_t *room;

	writer_u8(w, ' ');
	room = writer_room(w, BASE64_SIZE(n));
	if (room == NULL)
		return;
	base64_encode((char *)room, bytes, n);
	w->length--; /* the NUL */
}

static void
put_hashes(struct writer *w, const struct digest *d, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_base64(w, d[i].bytes, DIGEST_SIZE);
	writer_u8(w, '\n');
}

int
proof_write(struct writer *w, const struct proof *p)
{
	OWNED_MEM(char) question = question_text(&p->question);

	if (question == NULL)
		return ERR_NOMEM;
	put(w, MAGIC "\nquestion %s\nanswer %s\n", question,
	    proof_answer_name(p->answer));
	if (p->has_range) {
		put(w, "range %" PRIu64 " %" PRIu64 "\naround", p->first,
		    p->end);
		put_hashes(w, p->around, p->around_count);
	}
	for (size_t i = 0; i < p->count; i++) {
		const struct proof_entry *e = &p->entries[i];

		put(w, "entry %" PRIu64, e->index);
		put_base64(w, e->bytes, e->length);
		writer_u8(w, '\n');
		if (e->path == NULL)
			continue;
		put(w, "inclusion");
		put_hashes(w, e->path, e->path_length);
	}
	if (p->earlier != NULL) {
		put(w, "earlier");
		put_base64(w, p->earlier, strlen(p->earlier));
		put(w, "\nconsistency");
		put_hashes(w, p->consistency, p->consistency_count);
	}
	put(w, "checkpoint\n");
	writer_bytes(w, p->note, strlen(p->note));
	return writer_ok(w) ? 0 : ERR_LIMIT;
}

/* ---- reading ---- */

/* Text that is read line by line. */
struct parser {
	const char *at;
	size_t left;
	const char *line; /* the one at hand: its first word is cut off */
	size_t length;
	const char *word;
	size_t word_length;
	unsigned int number;
	uint8_t *scratch; /* ENTRY_MAX bytes */
	char *why;
};

static int PRINTF_LIKE(2, 3) wrong(struct parser *r, const char *fmt, ...)
{
	char text[PROOF_WHY - 32];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(r->why, PROOF_WHY, "line %u: %s", r->number, text);
	return ERR_FORMAT;
}

/* Cut a word off the line; empty at its end. */
static void
next_word(struct parser *r)
{
	const char *space = memchr(r->line, ' ', r->length);
	size_t n = space != NULL ? (size_t)(space - r->line) : r->length;

	r->word = r->line;
	r->word_length = n;
	r->line += n + (space != NULL);
	r->length -= n + (space != NULL);
}

static int
next_line(struct parser *r)
{
	const char *end = memchr(r->at, '\n', r->left);

	r->number++;
	if (end == NULL)
		return wrong(r, "the file ends here");
	r->line = r->at;
	r->length = (size_t)(end - r->at);
	r->left -= r->length + 1;
	r->at = end + 1;
	next_word(r);
	return 0;
}

static bool
word_is(const struct parser *r, const char *text)
{
	return r->word_length == strlen(text) &&
	    memcmp(r->word, text, r->word_length) == 0;
}

/* A line that must be there, beginning with this word. */
static int
expect(struct parser *r, const char *word)
{
	int err = next_line(r);

	if (err == 0 && !word_is(r, word))
		return wrong(r, "'%s' should stand here", word);
	return err;
}

/* What is left of the line, as a string. */
static int
rest_of_line(struct parser *r, char *out, size_t size)
{
	if (r->length >= size || memchr(r->line, 0, r->length) != NULL)
		return wrong(r, "what stands here is too long");
	memcpy(out, r->line, r->length);
	out[r->length] = '\0';
	return 0;
}

static int
parse_number(struct parser *r, uint64_t *out)
{
	uint64_t v = 0;

	next_word(r);
	if (r->word_length == 0 || (r->word[0] == '0' && r->word_length > 1))
		return wrong(r, "a number should stand here");
	for (size_t i = 0; i < r->word_length; i++)
		if (r->word[i] < '0' || r->word[i] > '9' ||
		    __builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(r->word[i] - '0'), &v))
			return wrong(r, "a number should stand here");
	*out = v;
	return 0;
}

static int
parse_hashes(struct parser *r, struct digest *out, size_t max, size_t *count)
{
	size_t n = 0, got;

	while (r->length > 0) {
		if (n == max)
			return wrong(r, "more than %zu hashes", max);
		next_word(r);
		if (r->word_length != HASH_TEXT ||
		    base64_decode(out[n].bytes, DIGEST_SIZE, &got, r->word,
			r->word_length) != 0 ||
		    got != DIGEST_SIZE)
			return wrong(r, "hash %zu is none", n + 1);
		n++;
		if (r->length == 0 && r->line[-1] == ' ')
			return wrong(r, "a blank at its end");
	}
	*count = n;
	return 0;
}

static int
parse_head(struct parser *r, struct proof *p)
{
	char text[QUESTION_PRINCIPAL_MAX + REF_NAME_MAX + 100];
	int err = expect(r, "weir-proof");

	if (err == 0 && (r->length != 2 || memcmp(r->line, "v1", 2) != 0))
		return wrong(r, "not " MAGIC);
	if (err == 0)
		err = expect(r, "question");
	if (err == 0)
		err = rest_of_line(r, text, sizeof(text));
	if (err == 0 && question_parse(&p->question, text) != 0)
		return wrong(r, "a question that is not known");
	if (err == 0)
		err = expect(r, "answer");
	if (err == 0)
		err = rest_of_line(r, text, sizeof(text));
	if (err != 0)
		return err;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(text, answers[i]) == 0) {
			p->answer = (enum proof_answer)i;
			return 0;
		}
	return wrong(r, "neither yes, no nor held");
}

static int
parse_range(struct parser *r, struct proof *p)
{
	int err = parse_number(r, &p->first);

	if (err == 0)
		err = parse_number(r, &p->end);
	if (err != 0)
		return err;
	if (r->length != 0 || p->first >= p->end ||
	    p->end - p->first > PROOF_ENTRIES_MAX)
		return wrong(r, "a range that is none");
	p->has_range = true;
	err = expect(r, "around");
	if (err == 0)
		err = parse_hashes(r, p->around, TLOG_RANGE_MAX,
		    &p->around_count);
	return err;
}

static bool
in_range(const struct proof *p, uint64_t index)
{
	return p->has_range && index >= p->first && index < p->end;
}

/* An entry, and its inclusion unless it is of the range. */
static int
parse_entry(struct parser *r, struct proof *p)
{
	struct digest path[TLOG_PROOF_MAX];
	size_t n, path_length = 0;
	uint64_t index;
	bool alone;
	int err = parse_number(r, &index);

	if (err != 0)
		return err;
	if (base64_decode(r->scratch, ENTRY_MAX, &n, r->line, r->length) != 0)
		return wrong(r, "an entry that is none");
	alone = !in_range(p, index);
	if (alone) {
		err = expect(r, "inclusion");
		if (err == 0)
			err = parse_hashes(r, path, TLOG_PROOF_MAX,
			    &path_length);
		if (err != 0)
			return err;
	}
	err = proof_add(p, index, r->scratch, n, alone ? path : NULL,
	    path_length);
	if (err == ERR_USAGE)
		return wrong(r, "entries do not ascend");
	if (err == ERR_LIMIT)
		wrong(r, "more than a proof may hold");
	return err;
}

static int
parse_earlier(struct parser *r, struct proof *p)
{
	char note[NOTE_MAX + 1];
	size_t n;
	int err;

	if (base64_decode(note, NOTE_MAX, &n, r->line, r->length) != 0 ||
	    n == 0 || memchr(note, 0, n) != NULL)
		return wrong(r, "a note that is none");
	p->earlier = strndup(note, n);
	if (p->earlier == NULL)
		return ERR_NOMEM;
	err = expect(r, "consistency");
	if (err == 0)
		err = parse_hashes(r, p->consistency, TLOG_PROOF_MAX,
		    &p->consistency_count);
	return err;
}

static int
parse_note(struct parser *r, struct proof *p)
{
	if (r->length != 0 || r->left == 0 || r->left > NOTE_MAX ||
	    memchr(r->at, 0, r->left) != NULL)
		return wrong(r, "no checkpoint follows");
	p->note = strndup(r->at, r->left);
	return p->note != NULL ? 0 : ERR_NOMEM;
}

static int
parse_body(struct parser *r, struct proof *p)
{
	int err = next_line(r);

	if (err == 0 && word_is(r, "range")) {
		err = parse_range(r, p);
		if (err == 0)
			err = next_line(r);
	}
	while (err == 0 && word_is(r, "entry")) {
		err = parse_entry(r, p);
		if (err == 0)
			err = next_line(r);
	}
	if (err == 0 && word_is(r, "earlier")) {
		err = parse_earlier(r, p);
		if (err == 0)
			err = next_line(r);
	}
	if (err == 0 && !word_is(r, "checkpoint"))
		return wrong(r, "'checkpoint' should stand here");
	return err != 0 ? err : parse_note(r, p);
}

int
proof_parse(struct proof **out, const void *bytes, size_t n,
    char why[static PROOF_WHY])
{
	OWNED(proof) p = calloc(1, sizeof(*p));
	OWNED_MEM(uint8_t) scratch = malloc(ENTRY_MAX);
	struct parser r = { .at = bytes,
		.left = n,
		.scratch = scratch,
		.why = why };
	int err;

	snprintf(why, PROOF_WHY, "out of memory");
	if (p == NULL || scratch == NULL)
		return ERR_NOMEM;
	if (n > PROOF_MAX)
		return ERR_LIMIT;
	err = parse_head(&r, p);
	if (err == 0)
		err = parse_body(&r, p);
	if (err != 0)
		return err;
	why[0] = '\0';
	*out = p;
	p = NULL;
	return 0;
}
