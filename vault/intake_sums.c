/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/intake_sums.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"

/* A smaller file is hashed sooner than it is looked up. */
#define LEAST (1U << 20)

static const char domain[] = "weir file chunks v1";

struct intake_sums {
	struct filesums *filesums;
	const struct walk *walk;
	uint64_t effort;
	struct digester *list; /* the chunks of the file that comes */
	size_t next;	       /* the item behind that file */
	struct digest *lists;  /* by item; of files with chunks */
	bool *guessed;	       /* by item */
};

int
intake_sums_new(struct intake_sums **out, struct filesums *filesums,
    const struct walk *walk, enum codec_effort effort)
{
	OWNED(intake_sums) s = calloc(1, sizeof(*s));
	int err;

	if (s == NULL)
		return ERR_NOMEM;
	s->filesums = filesums;
	s->walk = walk;
	s->effort = effort;
	s->lists = calloc(walk->count + 1, sizeof(*s->lists));
	s->guessed = calloc(walk->count + 1, sizeof(*s->guessed));
	if (s->lists == NULL || s->guessed == NULL)
		return ERR_NOMEM;
	err = digester_new(&s->list);
	if (err != 0)
		return err;
	*out = s;
	s = NULL;
	return 0;
}

void
intake_sums_free(struct intake_sums *s)
{
	if (s == NULL)
		return;
	digester_free(s->list);
	free(s->lists);
	free(s->guessed);
	free(s);
}

/* False for what is not kept. */
static bool
describe(const struct intake_sums *s, size_t i, struct filesums_file *out)
{
	const struct walk_item *item = &s->walk->items[i];

	*out = (struct filesums_file){
		.device = item->device,
		.inode = item->inode,
		.size = item->size,
		.mtime = item->mtime,
		.effort = s->effort,
	};
	return item->kind == MANIFEST_FILE && item->size >= LEAST &&
	    !s->walk->stream;
}

bool
intake_sums_guess(struct intake_sums *s, size_t i, struct digest *out)
{
	struct filesums_file f;
	const struct filesums_sum *sum;

	if (!describe(s, i, &f))
		return false;
	sum = filesums_find(s->filesums, &f);
	if (sum == NULL)
		return false;
	s->guessed[i] = true;
	*out = sum->file;
	return true;
}

/* The list of the file before, which has all its chunks. */
static void
end_list(struct intake_sums *s)
{
	if (s->next > 0)
		s->lists[s->next - 1] = digester_end(s->list);
}

void
intake_sums_chunk(struct intake_sums *s, const struct manifest_file *files,
    uint64_t offset, const struct lockbox_row *box)
{
	const uint32_t length = htole32(box->length);

	if (offset == 0) {
		end_list(s);
		while (files[s->next++].rows == 0)
			;
		digester_add(s->list, domain, sizeof(domain) - 1);
	}
	digester_add(s->list, &length, sizeof(length));
	digester_add(s->list, box->sealing.bytes, DIGEST_SIZE);
}

/* True if the guess of item i, if there was one, is right. */
static bool
holds(const struct intake_sums *s, size_t i, const struct filesums_file *f)
{
	const struct filesums_sum *sum = filesums_find(s->filesums, f);

	return !s->guessed[i] ||
	    (sum != NULL && digest_equal(&sum->chunks, &s->lists[i]));
}

static bool
forget_wrong(struct intake_sums *s)
{
	bool wrong = false;

	for (size_t i = 0; i < s->walk->count; i++) {
		struct filesums_file f;

		if (!describe(s, i, &f) || holds(s, i, &f))
			continue;
		filesums_drop(s->filesums, &f);
		wrong = true;
	}
	return wrong;
}

int
intake_sums_settle(struct intake_sums *s, const struct manifest_file *files,
    bool *wrong)
{
	int err = 0;

	end_list(s);
	*wrong = forget_wrong(s);
	for (size_t i = 0; !*wrong && err == 0 && i < s->walk->count; i++) {
		const struct filesums_sum sum = { s->lists[i],
			files[i].digest };
		struct filesums_file f;

		if (describe(s, i, &f))
			err = filesums_set(s->filesums, &f, &sum);
	}
	return err;
}
