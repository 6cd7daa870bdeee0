/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"
#include "tests/lib/scratch.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/seen.h"

/*
 * What a host remembers, from a file that anything may have been done to.  What
 * can be read is written again, and reads back as the same.
 */
#define VAULT "0102030405060708090a0b0c0d0e0f10"
#define MODEL "llama/base"
#define KEY MODEL ":prod"

/* What is in it. */
struct content {
	char *root, *note;
	uint64_t number;
	bool first_use;
	struct seen_channel channel;
	bool is_revoked;
	struct revoked revoked;
};

static char *
copy(const char *text)
{
	char *p = text != NULL ? strdup(text) : NULL;

	if (text != NULL && p == NULL)
		abort();
	return p;
}

static struct content
content_of(const struct seen *s)
{
	struct content c = { .note = copy(seen_checkpoint(s)),
		.channel = seen_channel(s, KEY) };

	c.is_revoked = seen_revoked(s, MODEL, &c.channel.version, &c.revoked);
	c.root = copy(seen_root(s, &c.number, &c.first_use));
	return c;
}

static void
content_free(struct content *c)
{
	free(c->root);
	free(c->note);
}

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
content_equal(const struct content *a, const struct content *b)
{
	return same(a->root, b->root) && same(a->note, b->note) &&
	    a->number == b->number && a->first_use == b->first_use &&
	    a->channel.serial == b->channel.serial &&
	    digest_equal(&a->channel.version, &b->channel.version) &&
	    digest_equal(&a->channel.payload, &b->channel.payload) &&
	    a->is_revoked == b->is_revoked &&
	    a->revoked.counted == b->revoked.counted &&
	    a->revoked.time_ms == b->revoked.time_ms &&
	    digest_equal(&a->revoked.payload, &b->revoked.payload) &&
	    strcmp(a->revoked.reason, b->revoked.reason) == 0;
}

static int
write_and_open(const struct scratch *s, const uint8_t *bytes, size_t n,
    const uint8_t vault[static 16], struct seen **out)
{
	OWNED(file) dir = NULL;

	if (mkdirat(s->dir->fd, VAULT, 0700) != 0 ||
	    file_open(&dir, s->dir, VAULT, O_RDONLY | O_DIRECTORY, 0) != 0 ||
	    file_replace(dir, "seen.json", bytes, n, 0600) != 0)
		abort();
	return seen_open(out, s->path, vault);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const uint8_t vault[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11,
		12, 13, 14, 15, 16 };
	/* Each input is synced: in memory that is quick. */
	int unused = setenv("TMPDIR", "/dev/shm", 0);
	OWNED_SCRATCH s = scratch_new();
	OWNED(seen) again = NULL;
	struct content was, is;
	struct seen *first;

	(void)unused;
	if (write_and_open(&s, bytes, n, vault, &first) != 0)
		return 0;
	if (seen_save(first) != 0)
		abort();
	/* It holds the lock until it is let go of. */
	was = content_of(first);
	seen_free(first);
	if (seen_open(&again, s.path, vault) != 0)
		abort();
	is = content_of(again);
	if (!content_equal(&was, &is))
		abort();
	content_free(&was);
	content_free(&is);
	return 0;
}
