/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/trails.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

const struct journal_id trails_id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    13, 14, 15, 16 } };

char trails_line[2048];

static void
keep_line(void *arg, const char *line)
{
	(void)arg;
	snprintf(trails_line, sizeof(trails_line), "%s", line);
}

struct trails
trails_new(void)
{
	struct trails t = { .s = scratch_new() };
	uint8_t seed[KEY_SIZE];

	log_sink(keep_line, NULL);
	for (uint8_t i = 0; i < KEY_SIZE; i++)
		seed[i] = i;
	assert_int_equal(secret_init(), 0);
	assert_int_equal(sign_key_from(&t.seed, seed), 0);
	assert_int_equal(note_key_of(&t.key, TRAILS_ORIGIN, t.seed), 0);
	assert_int_equal(trail_init(t.s.dir, &t.key, t.seed), 0);
	return t;
}

void
trails_free(struct trails *t)
{
	trail_free(t->trail);
	sign_key_free(t->seed);
	scratch_free(&t->s);
	log_sink(NULL, NULL);
}

size_t
trails_text(char text[static 32], uint64_t index)
{
	int n = snprintf(text, 32, "entry-%llu", (unsigned long long)index);

	return (size_t)n;
}

struct replay {
	uint64_t from;
	uint64_t count;
};

static int
look(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct replay *r = arg;
	char text[32];

	if (index != r->from + r->count || n != trails_text(text, index) ||
	    memcmp(entry, text, n) != 0)
		fail_msg("entry %llu is not what was appended",
		    (unsigned long long)index);
	r->count++;
	return 0;
}

int
trails_open(struct trails *t, uint64_t from)
{
	struct replay replay = { .from = from };
	const struct trail_open how = {
		.vault = t->s.dir,
		.id = trails_id,
		.key = &t->key,
		.seed = t->seed,
		.from = from,
		.each = look,
		.arg = &replay,
	};
	int err;

	assert_null(t->trail);
	err = trail_open(&t->trail, &how);
	t->replayed = replay.count;
	if (err == 0)
		assert_int_equal(trail_size(t->trail), from + replay.count);
	return err;
}

void
trails_close(struct trails *t)
{
	trail_free(t->trail);
	t->trail = NULL;
}

int
trails_add(struct trails *t, uint64_t to)
{
	uint64_t index = trail_size(t->trail);
	int err = 0;

	while (index < to && err == 0) {
		char text[32];
		size_t n = trails_text(text, index);
		uint64_t got;

		err = trail_append(t->trail, text, n, &got);
		if (err == 0)
			assert_int_equal(got, index++);
	}
	return err != 0 || to == 0 ? err : trail_wait(t->trail, to - 1);
}

int
trails_verify(const struct trails *t, const struct note_checkpoint *older,
    struct trail_verdict *out)
{
	OWNED(trail_reader) r = NULL;
	int err = trail_reader_open(&r, t->s.dir, &t->key);

	return err != 0 ? err : trail_verify(r, &trails_id, older, out);
}

void
trails_poke(const struct trails *t, const char *path, const void *bytes,
    size_t n, uint64_t offset)
{
	OWNED(file) f = NULL;

	assert_int_equal(file_open(&f, t->s.dir, path, O_RDWR, 0), 0);
	assert_int_equal(file_write_at(f, bytes, n, offset), 0);
}

void
trails_peek(const struct trails *t, const char *path, void *bytes, size_t n,
    uint64_t offset)
{
	OWNED(file) f = NULL;

	assert_int_equal(file_open(&f, t->s.dir, path, O_RDONLY, 0), 0);
	assert_int_equal(file_read_at(f, bytes, n, offset), 0);
}

void
trails_flip(const struct trails *t, const char *path, uint64_t offset)
{
	uint8_t byte;

	trails_peek(t, path, &byte, 1, offset);
	byte ^= (uint8_t)(1 << offset % 8);
	trails_poke(t, path, &byte, 1, offset);
}
