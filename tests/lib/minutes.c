/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/minutes.h"

#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/entry.h"

#define LLAMA 0x11
#define QWEN 0x22

static struct digest
version(uint8_t byte)
{
	struct digest d;

	memset(d.bytes, byte, sizeof(d.bytes));
	return d;
}

int64_t
minutes_time(size_t i)
{
	return MINUTES_START + (int64_t)i * 60000;
}

static void
keep(struct minutes *m, struct entry *e)
{
	const uint8_t *bytes;
	size_t n;

	assert_int_equal(entry_end(e, &bytes, &n), 0);
	m->entries[m->count] = malloc(n);
	assert_non_null(m->entries[m->count]);
	memcpy(m->entries[m->count], bytes, n);
	m->lengths[m->count++] = n;
	entry_free(e);
}

static struct entry
begin(const struct minutes *m, enum entry_kind kind, const char *by)
{
	const struct entry_actor actor = { by, -1 };
	struct entry e = { 0 };

	entry_begin(&e, kind, &actor, minutes_time(m->count));
	return e;
}

static void
plain(struct minutes *m, enum entry_kind kind)
{
	struct entry e = begin(m, kind, "keyd");

	entry_text(&e, "key", "k");
	keep(m, &e);
}

static void
lists(struct entry *e, const char *model, uint8_t byte)
{
	struct digest d = version(byte);

	entry_open_object(e, NULL);
	entry_text(e, "model", model);
	entry_digest(e, "version", &d);
	entry_number(e, "grant", 1);
	entry_text(e, "type", "load");
	entry_close(e);
}

static void
opens(struct minutes *m, uint64_t session, const char *who, int which)
{
	struct entry e = begin(m, ENTRY_SESSION_OPEN, who);

	entry_number(&e, "session", session);
	entry_text(&e, "for", who);
	entry_text(&e, "purpose", "mount");
	entry_text(&e, "host", "h");
	entry_number(&e, "pid", 1);
	entry_open_list(&e, "versions");
	if ((which & 1) != 0)
		lists(&e, "llama", LLAMA);
	if ((which & 2) != 0)
		lists(&e, "qwen", QWEN);
	entry_close(&e);
	keep(m, &e);
}

static void
releases(struct minutes *m, uint64_t session, const char *who, uint8_t byte,
    uint64_t bytes)
{
	struct entry e = begin(m, ENTRY_RELEASE, who);
	struct digest d = version(byte);

	entry_number(&e, "session", session);
	entry_digest(&e, "version", &d);
	entry_number(&e, "file", 0);
	entry_number(&e, "first", 0);
	entry_number(&e, "count", 1);
	entry_number(&e, "bytes", bytes);
	keep(m, &e);
}

static void
tells(struct minutes *m, uint64_t session, const char *who, uint64_t length)
{
	struct entry e = begin(m, ENTRY_EXTENTS, who);
	struct digest d = version(LLAMA);

	entry_number(&e, "session", session);
	entry_digest(&e, "version", &d);
	entry_open_list(&e, "reads");
	entry_open_list(&e, NULL);
	entry_number(&e, NULL, 0);
	entry_number(&e, NULL, 0);
	entry_number(&e, NULL, length);
	entry_number(&e, NULL, 1000);
	entry_number(&e, NULL, 1);
	entry_text(&e, NULL, "python3");
	entry_close(&e);
	entry_close(&e);
	keep(m, &e);
}

static void
closes(struct minutes *m, uint64_t session)
{
	struct entry e = begin(m, ENTRY_SESSION_CLOSE, "keyd");

	entry_number(&e, "session", session);
	entry_text(&e, "reason", "done");
	keep(m, &e);
}

struct minutes
minutes_new(size_t count)
{
	struct minutes m = { 0 };
	uint8_t seed[KEY_SIZE];

	for (uint8_t i = 0; i < KEY_SIZE; i++)
		seed[i] = i;
	assert_int_equal(secret_init(), 0);
	assert_int_equal(sign_key_from(&m.seed, seed), 0);
	assert_int_equal(note_key_of(&m.key, MINUTES_ORIGIN, m.seed), 0);
	plain(&m, ENTRY_INIT);
	opens(&m, 1, "user:alice", 1);
	opens(&m, 2, "user:bob", 3);
	plain(&m, ENTRY_KEYD_START);
	releases(&m, 1, "user:alice", LLAMA, 100);
	releases(&m, 2, "user:bob", LLAMA, 200);
	releases(&m, 2, "user:bob", QWEN, 300);
	opens(&m, 3, "user:alice", 2);
	releases(&m, 3, "user:alice", QWEN, 400);
	tells(&m, 1, "user:alice", 7);
	closes(&m, 1);
	while (m.count < count)
		plain(&m, ENTRY_CONFIG);
	m.count = count;
	return m;
}

void
minutes_free(struct minutes *m)
{
	for (size_t i = 0; i < MINUTES_MAX; i++)
		free(m->entries[i]);
	sign_key_free(m->seed);
}

int
minutes_node(void *arg, unsigned int level, uint64_t n, struct digest *out)
{
	const struct minutes *m = arg;
	struct digest left, right;

	if (level == 0) {
		*out = tlog_leaf(m->entries[n], m->lengths[n]);
		return 0;
	}
	minutes_node(arg, level - 1, 2 * n, &left);
	minutes_node(arg, level - 1, 2 * n + 1, &right);
	*out = tlog_node(&left, &right);
	return 0;
}

char *
minutes_note(const struct minutes *m, uint64_t size)
{
	struct note_checkpoint c = { .origin = MINUTES_ORIGIN, .size = size };
	struct minutes copy = *m;
	char *note;

	assert_int_equal(tlog_root(size, minutes_node, &copy, &c.root), 0);
	assert_int_equal(note_checkpoint_sign(&note, &c, &m->key, m->seed), 0);
	return note;
}

static struct proof *
new_proof(const struct minutes *m, const char *question)
{
	struct proof *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	assert_int_equal(question_parse(&p->question, question), 0);
	p->note = minutes_note(m, m->count);
	return p;
}

static void
show(const struct minutes *m, struct proof *p, uint64_t i)
{
	struct digest path[TLOG_PROOF_MAX];
	struct minutes copy = *m;
	size_t n;

	assert_int_equal(tlog_inclusion(i, m->count, minutes_node, &copy, path,
			     &n),
	    0);
	assert_int_equal(proof_add(p, i, m->entries[i], m->lengths[i], path, n),
	    0);
}

struct proof *
minutes_yes(const struct minutes *m, const char *question,
    const uint64_t *entries, size_t n)
{
	struct proof *p = new_proof(m, question);

	for (size_t i = 0; i < n; i++)
		show(m, p, entries[i]);
	return p;
}

struct proof *
minutes_no(const struct minutes *m, const char *question, uint64_t first,
    uint64_t end)
{
	const struct tlog_range r = { first, end, m->count };
	struct proof *p = new_proof(m, question);
	struct minutes copy = *m;

	p->answer = PROOF_NO;
	for (uint64_t i = 1; i < 3 && i < first; i++)
		show(m, p, i);
	assert_int_equal(tlog_range(&r, minutes_node, &copy, p->around,
			     &p->around_count),
	    0);
	p->has_range = true;
	p->first = first;
	p->end = end;
	for (uint64_t i = first; i < end; i++)
		assert_int_equal(proof_add(p, i, m->entries[i], m->lengths[i],
				     NULL, 0),
		    0);
	return p;
}
