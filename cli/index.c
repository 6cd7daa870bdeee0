/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/index.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/seen.h"
#include "vault/tlog.h"

#define INDEX_FILE "trail.index"

/* So many new entries are looked at one by one: the index is made longer when
 * there are more. */
#define BEHIND_MOST 16384

struct index {
	struct audit *a;
	struct trail_index *content;
};

void
index_free(struct index *x)
{
	if (x == NULL)
		return;
	trail_index_free(x->content);
	free(x);
}

uint64_t
index_size(const struct index *x)
{
	return trail_index_size(x->content);
}

const struct trail_index *
index_content(const struct index *x)
{
	return x->content;
}

/* --- the file --- */

/* The whole file, checked by itself and against the log.  ERR_NOT_FOUND:
 * there is none, or none that can be gone by (which is said). */
static int
load(const struct file *dir, struct audit *a, struct trail_index **out)
{
	const uint64_t size = trail_reader_checkpoint(a->reader)->size;
	OWNED_MEM(uint8_t) bytes = NULL;
	OWNED(trail_index) x = NULL;
	struct digest root, now;
	size_t length;
	int err = file_load(dir, INDEX_FILE, trail_index_limit(size), &bytes,
	    &length);

	if (err == ERR_NOT_FOUND || err == ERR_NOMEM)
		return err;
	if (err == 0)
		err = trail_index_parse(&x, &root, bytes, length);
	if (err == 0 && trail_index_size(x) > size)
		err = ERR_FORMAT;
	if (err == 0)
		err = tlog_root(trail_index_size(x), trail_reader_node,
		    a->reader, &now);
	if (err == 0 && !digest_equal(&root, &now))
		err = ERR_FORMAT;
	if (err == 0) {
		*out = x;
		x = NULL;
		return 0;
	}
	if (err != ERR_FORMAT && err != ERR_LIMIT)
		return err;
	log_warn("'%s/%s' is damaged, or not of this trail: it is made anew",
	    dir->name, INDEX_FILE);
	return ERR_NOT_FOUND;
}

static int
save(const struct file *dir, struct audit *a, const struct trail_index *x)
{
	OWNED_WRITER w = writer_of(trail_index_limit(trail_index_size(x)));
	struct digest root;
	int err = tlog_root(trail_index_size(x), trail_reader_node, a->reader,
	    &root);

	if (err == 0)
		err = trail_index_write(x, &root, &w);
	if (err == 0)
		err = file_replace(dir, INDEX_FILE, w.bytes, w.length, 0600);
	return err;
}

/* --- making it --- */

static int
add(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	int err = trail_index_add(arg, entry, n);

	if (err == ERR_FORMAT)
		return log_err(err,
		    "entry %llu of the trail cannot be understood; is it from "
		    "a newer weir?",
		    (unsigned long long)index);
	return err;
}

static int
teach(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	(void)index;
	return trail_index_teach(arg, entry, n);
}

/* The entries that were found, run by run. */
struct run {
	const struct trail_index_found *found;
	size_t next;
	int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n);
	void *arg;
};

static int
each_of_run(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct run *r = arg;

	if (r->next == r->found->count || r->found->entries[r->next] != index)
		return 0;
	r->next++;
	return r->each(r->arg, index, entry, n);
}

/* The end of entries that stand in one bundle, or in the next. */
static uint64_t
run_end(const struct run *r)
{
	const uint64_t *e = r->found->entries;
	size_t i = r->next;

	while (i + 1 < r->found->count && e[i + 1] - e[i] <= 256)
		i++;
	return e[i] + 1;
}

static int
read_found(struct trail_reader *reader, struct run *r)
{
	int err = r->found->count > 0 ? trail_reader_many(reader) : 0;

	while (err == 0 && r->next < r->found->count)
		err = trail_reader_each(reader, r->found->entries[r->next],
		    run_end(r), each_of_run, r);
	return err;
}

/* What was read from a file is told what it does not keep. */
static int
teach_all(struct audit *a, struct trail_index *x)
{
	const struct trail_index_query q = {
		.since_ms = INT64_MIN,
		.until_ms = INT64_MAX,
		.kinds = TRAIL_INDEX_TAUGHT,
	};
	struct trail_index_found found;
	struct run r = { .found = &found, .each = teach, .arg = x };
	int err = trail_index_find(x, &q, &found);

	if (err != 0)
		return err;
	err = read_found(a->reader, &r);
	free(found.entries);
	return err;
}

static int
extend(struct audit *a, struct trail_index *x, uint64_t to)
{
	const uint64_t from = trail_index_size(x);
	int err = from > 0 ? teach_all(a, x) : 0;

	if (err == 0)
		err = trail_reader_stream(a->reader, from, to, add, x);
	return err;
}

static int
open_content(const struct file *dir, struct audit *a, struct trail_index **out)
{
	const uint64_t size = trail_reader_checkpoint(a->reader)->size;
	OWNED(trail_index) x = NULL;
	int err = load(dir, a, &x);

	if (err == ERR_NOT_FOUND)
		err = trail_index_new(&x);
	if (err == 0 &&
	    (trail_index_size(x) == 0 ||
		size - trail_index_size(x) > BEHIND_MOST)) {
		err = extend(a, x, size);
		/* It is of use this time, whether or not it is kept. */
		if (err == 0)
			(void)!save(dir, a, x);
	}
	if (err != 0)
		return err;
	*out = x;
	x = NULL;
	return 0;
}

int
index_open(struct index **out, struct audit *a)
{
	OWNED(file) dir = NULL;
	OWNED(index) x = NULL;
	int err;

	*out = NULL;
	if (trail_reader_checkpoint(a->reader)->size < INDEX_LEAST)
		return 0;
	if (seen_vault_directory(&dir, a->vault->id) != 0)
		return 0;
	x = calloc(1, sizeof(*x));
	if (x == NULL)
		return ERR_NOMEM;
	x->a = a;
	err = open_content(dir, a, &x->content);
	if (err != 0)
		return err;
	*out = x;
	x = NULL;
	return 0;
}

int
index_each(const struct index *x, const struct trail_index_query *q,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg)
{
	struct trail_index_found found;
	struct run r = { .found = &found, .each = each, .arg = arg };
	int err = trail_index_find(x->content, q, &found);

	if (err != 0)
		return err;
	err = read_found(x->a->reader, &r);
	free(found.entries);
	if (err != 0)
		return err;
	return trail_reader_each(x->a->reader, index_size(x), UINT64_MAX, each,
	    arg);
}

int
index_before(struct index *x, uint64_t from,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg)
{
	const struct trail_index_query q = {
		.since_ms = INT64_MIN,
		.until_ms = INT64_MAX,
		.from = from,
		.kinds = TRAIL_INDEX_ALL,
		.context = true,
	};
	const uint64_t size = trail_reader_checkpoint(x->a->reader)->size;
	struct trail_index_found found;
	struct run r = { .found = &found, .each = each, .arg = arg };
	int err = index_size(x) < size ? extend(x->a, x->content, size) : 0;

	if (err == 0)
		err = trail_index_find(x->content, &q, &found);
	if (err != 0)
		return err;
	while (found.count > 0 && found.entries[found.count - 1] >= from)
		found.count--;
	err = read_found(x->a->reader, &r);
	free(found.entries);
	return err;
}

/* --- checking it --- */

static int
same(struct audit *a, const struct trail_index *kept,
    const struct trail_index *made, bool *out)
{
	const size_t limit = trail_index_limit(trail_index_size(made));
	OWNED_WRITER one = writer_of(limit);
	OWNED_WRITER other = writer_of(limit);
	const struct digest none = { { 0 } };
	int err = trail_index_write(kept, &none, &one);

	(void)a;
	if (err == 0)
		err = trail_index_write(made, &none, &other);
	if (err == 0)
		*out = one.length == other.length &&
		    memcmp(one.bytes, other.bytes, one.length) == 0;
	return err;
}

int
index_check(struct audit *a, uint64_t *entries)
{
	OWNED(trail_index) kept = NULL;
	OWNED(trail_index) made = NULL;
	OWNED(file) dir = NULL;
	bool is_same = false;
	int err;

	*entries = 0;
	if (trail_reader_checkpoint(a->reader)->size < INDEX_LEAST)
		return 0;
	err = seen_vault_directory(&dir, a->vault->id);
	if (err == 0)
		err = load(dir, a, &kept);
	if (err == ERR_NOT_FOUND)
		return 0;
	if (err == 0)
		err = trail_index_new(&made);
	if (err == 0)
		err = trail_reader_stream(a->reader, 0, trail_index_size(kept),
		    add, made);
	if (err == 0)
		err = same(a, kept, made, &is_same);
	if (err != 0)
		return err;
	*entries = trail_index_size(kept);
	if (is_same)
		return 0;
	err = save(dir, a, made);
	if (err != 0)
		return err;
	return log_err(ERR_INTEGRITY,
	    "'%s/%s', by which audit ls and audit reads find entries, did not "
	    "say what the trail says: it was made anew.  Ask again what was "
	    "asked, and look who can write there",
	    dir->name, INDEX_FILE);
}
