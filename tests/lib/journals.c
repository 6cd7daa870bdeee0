/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/journals.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/err.h"

const struct journal_id journals_id = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
    13, 14, 15, 16 } };

char journals_line[2048];

void
journals_sink(void *arg, const char *line)
{
	(void)arg;
	snprintf(journals_line, sizeof(journals_line), "%s", line);
}

static size_t
entry_text(char text[static 32], uint64_t index)
{
	return (
	    size_t)snprintf(text, 32, "entry-%llu", (unsigned long long)index);
}

int
journals_look(void *arg, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct journals_seen *s = arg;
	char text[32];

	if (s->count++ == 0)
		s->first = index;
	assert_int_equal(index, s->first + s->count - 1);
	assert_int_equal(n, entry_text(text, index));
	assert_memory_equal(bytes, text, n);
	return 0;
}

int
journals_open(struct journal **out, const struct scratch *s, uint64_t below,
    struct journals_seen *seen)
{
	const struct journal_open how = {
		.dir = s->dir,
		.id = journals_id,
		.below = below,
		.each = seen != NULL ? journals_look : NULL,
		.arg = seen,
	};

	if (seen != NULL)
		*seen = (struct journals_seen){ 0 };
	return journal_open(out, &how);
}

int
journals_verify(const struct scratch *s, uint64_t below, uint64_t *next,
    struct journal_fault *fault)
{
	const struct journal_open how = {
		.dir = s->dir,
		.id = journals_id,
		.below = below,
		.fault = fault,
	};
	uint64_t first;

	return journal_verify(&how, &first, next);
}

void
journals_add(struct journal *j, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t index;
		char text[32];
		size_t n = entry_text(text, journal_next(j));

		assert_int_equal(journal_append(j, text, n, &index), 0);
		assert_int_equal(index + 1, journal_next(j));
	}
}

void
journals_make(const struct scratch *s, uint64_t count, uint64_t each)
{
	OWNED(journal) j = NULL;

	assert_int_equal(journal_init(s->dir), 0);
	assert_int_equal(journals_open(&j, s, 0, NULL), 0);
	for (uint64_t i = 0; i < count; i += each) {
		journals_add(j, each);
		assert_int_equal(journal_sync(j), 0);
	}
}

void
journals_poke(const struct scratch *s, const char *name, const void *bytes,
    size_t n, uint64_t offset)
{
	OWNED(file) f = NULL;

	assert_int_equal(file_open(&f, s->dir, name, O_RDWR, 0), 0);
	assert_int_equal(file_write_at(f, bytes, n, offset), 0);
}

void
journals_peek(const struct scratch *s, const char *name, void *bytes, size_t n,
    uint64_t offset)
{
	OWNED(file) f = NULL;

	assert_int_equal(file_open(&f, s->dir, name, O_RDONLY, 0), 0);
	assert_int_equal(file_read_at(f, bytes, n, offset), 0);
}

void
journals_refused(const struct scratch *s, uint64_t below, uint64_t index)
{
	struct journal_fault fault = { 0 };
	struct journal *j;
	uint64_t next;
	char named[40];

	journals_line[0] = '\0';
	assert_int_equal(journals_open(&j, s, below, NULL), ERR_INTEGRITY);
	snprintf(named, sizeof(named),
	    "record %llu:", (unsigned long long)index);
	assert_non_null(strstr(journals_line, named));
	assert_non_null(strstr(journals_line, "the trail was changed"));
	assert_int_equal(journals_verify(s, below, &next, &fault),
	    ERR_INTEGRITY);
	assert_int_equal(fault.index, index);
	assert_true(fault.why[0] != '\0');
}
