/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/proof_tlog.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/base64.h"
#include "vault/entry.h"
#include "vault/err.h"

#define MAGIC_LENGTH (sizeof(PROOF_TLOG_MAGIC) - 1)
#define NUMBER_MAX 20 /* digits */

/* ---- writing ---- */

static void
put_base64(struct writer *w, const void *bytes, size_t n)
{
	uint8_t *room = writer_room(w, BASE64_SIZE(n));

	if (room == NULL)
		return;
	base64_encode((char *)room, bytes, n);
	room[BASE64_SIZE(n) - 1] = '\n'; /* for the NUL */
}

int
proof_tlog_write(struct writer *w, const struct proof *p)
{
	const struct proof_entry *e = p->entries;
	char line[NUMBER_MAX + 16];

	if (p->count != 1 || e->path == NULL || p->has_range ||
	    p->earlier != NULL)
		return ERR_USAGE;
	writer_bytes(w, PROOF_TLOG_MAGIC, MAGIC_LENGTH);
	writer_bytes(w, "extra ", 6);
	put_base64(w, e->bytes, e->length);
	snprintf(line, sizeof(line), "index %" PRIu64 "\n", e->index);
	writer_bytes(w, line, strlen(line));
	for (size_t i = 0; i < e->path_length; i++)
		put_base64(w, e->path[i].bytes, DIGEST_SIZE);
	writer_u8(w, '\n');
	writer_bytes(w, p->note, strlen(p->note));
	return writer_ok(w) ? 0 : ERR_LIMIT;
}

/* ---- reading ---- */

bool
proof_tlog_is(const void *bytes, size_t n)
{
	return n >= MAGIC_LENGTH &&
	    memcmp(bytes, PROOF_TLOG_MAGIC, MAGIC_LENGTH) == 0;
}

/* A file, line by line. */
struct lines {
	const char *at;
	size_t left;
	const char *line;
	size_t length;
	unsigned int number;
	char *why;
};

static int
wrong(const struct lines *l, const char *what)
{
	snprintf(l->why, PROOF_WHY, "line %u: %s", l->number, what);
	return ERR_FORMAT;
}

static int
next(struct lines *l)
{
	const char *end = memchr(l->at, '\n', l->left);

	l->number++;
	if (end == NULL)
		return wrong(l, "the file ends here");
	l->line = l->at;
	l->length = (size_t)(end - l->at);
	l->left -= l->length + 1;
	l->at = end + 1;
	return 0;
}

/* The next line, which begins with this; what is behind it is the line. */
static int
expect(struct lines *l, const char *word)
{
	size_t n = strlen(word);
	int err = next(l);

	if (err != 0)
		return err;
	if (l->length < n || memcmp(l->line, word, n) != 0) {
		snprintf(l->why, PROOF_WHY, "line %u: '%s' should stand here",
		    l->number, word);
		return ERR_FORMAT;
	}
	l->line += n;
	l->length -= n;
	return 0;
}

static int
read_number(struct lines *l, uint64_t *out)
{
	uint64_t v = 0;

	if (l->length == 0 || (l->line[0] == '0' && l->length > 1))
		return wrong(l, "a number should stand here");
	for (size_t i = 0; i < l->length; i++)
		if (l->line[i] < '0' || l->line[i] > '9' ||
		    __builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(l->line[i] - '0'), &v))
			return wrong(l, "a number should stand here");
	*out = v;
	return 0;
}

/* The hashes, and the empty line behind them. */
static int
read_path(struct lines *l, struct digest path[static TLOG_PROOF_MAX],
    size_t *count)
{
	size_t n = 0, got;
	int err = next(l);

	for (; err == 0 && l->length > 0; err = next(l)) {
		if (n == TLOG_PROOF_MAX)
			return wrong(l, "more hashes than a log can have");
		if (base64_decode(path[n].bytes, DIGEST_SIZE, &got, l->line,
			l->length) != 0 ||
		    got != DIGEST_SIZE)
			return wrong(l, "a hash should stand here");
		n++;
	}
	*count = n;
	return err;
}

static int
read_note(struct lines *l, struct proof *p)
{
	struct note_checkpoint c;

	l->number++;
	if (l->left > NOTE_MAX || memchr(l->at, 0, l->left) != NULL ||
	    note_checkpoint_parse(&c, l->at, l->left) != 0)
		return wrong(l, "a signed checkpoint should begin here");
	p->note = strndup(l->at, l->left);
	return p->note != NULL ? 0 : ERR_NOMEM;
}

static int
parse(struct lines *l, struct proof *p, uint8_t *entry)
{
	struct digest path[TLOG_PROOF_MAX];
	size_t n = 0, length;
	uint64_t index;
	int err = expect(l, "extra ");

	if (err != 0)
		return err;
	if (base64_decode(entry, ENTRY_MAX, &length, l->line, l->length) != 0 ||
	    length == 0)
		return wrong(l, "the entry should stand here, in base64");
	err = expect(l, "index ");
	if (err == 0)
		err = read_number(l, &index);
	if (err == 0)
		err = read_path(l, path, &n);
	if (err == 0)
		err = proof_add(p, index, entry, length, path, n);
	if (err != 0)
		return err;
	p->question.about = QUESTION_ENTRY;
	p->question.index = index;
	p->answer = PROOF_YES;
	return read_note(l, p);
}

int
proof_tlog_parse(struct proof **out, const void *bytes, size_t n,
    char why[static PROOF_WHY])
{
	OWNED(proof) p = calloc(1, sizeof(*p));
	OWNED_MEM(uint8_t) entry = malloc(ENTRY_MAX);
	struct lines l = { .number = 1, .why = why };
	int err;

	if (p == NULL || entry == NULL)
		return ERR_NOMEM;
	if (!proof_tlog_is(bytes, n))
		return wrong(&l, "not c2sp.org/tlog-proof@v1");
	l.at = (const char *)bytes + MAGIC_LENGTH;
	l.left = n - MAGIC_LENGTH;
	err = parse(&l, p, entry);
	if (err != 0)
		return err;
	*out = p;
	p = NULL;
	return 0;
}
