/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/filesums.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/reader.h"

#define NAME "filesums"
#define MAGIC "weirsum\n"
#define VERSION 1
#define BEFORE_DIGEST (8 + 2 + 6 + 8)
#define FIXED (BEFORE_DIGEST + DIGEST_SIZE)
#define ROW (5 * 8 + 2 * DIGEST_SIZE)
#define SIZE_MAX_OF_FILE (FIXED + (size_t)FILESUMS_MAX * ROW)

struct row {
	UT_hash_handle hh;
	struct filesums_file file; /* all of it is the key: no padding */
	struct filesums_sum sum;
};

_Static_assert(sizeof(struct filesums_file) == 40, "a key without padding");

struct filesums {
	struct row *rows; /* the one set longest ago first */
};

int
filesums_new(struct filesums **out)
{
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : ERR_NOMEM;
}

static void
drop(struct filesums *s, struct row *r)
{
	HASH_DEL(s->rows, r);
	free(r);
}

void
filesums_free(struct filesums *s)
{
	if (s == NULL)
		return;
	while (s->rows != NULL)
		drop(s, s->rows);
	free(s);
}

size_t
filesums_count(const struct filesums *s)
{
	return HASH_COUNT(s->rows);
}

static struct row *
find(const struct filesums *s, const struct filesums_file *f)
{
	struct row *r;

	HASH_FIND(hh, s->rows, f, sizeof(*f), r);
	return r;
}

const struct filesums_sum *
filesums_find(const struct filesums *s, const struct filesums_file *f)
{
	const struct row *r = find(s, f);

	return r != NULL ? &r->sum : NULL;
}

void
filesums_drop(struct filesums *s, const struct filesums_file *f)
{
	struct row *r = find(s, f);

	if (r != NULL)
		drop(s, r);
}

int
filesums_set(struct filesums *s, const struct filesums_file *f,
    const struct filesums_sum *sum)
{
	struct row *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return ERR_NOMEM;
	r->file = *f;
	r->sum = *sum;
	filesums_drop(s, f);
	if (filesums_count(s) == FILESUMS_MAX)
		drop(s, s->rows);
	HASH_ADD(hh, s->rows, file, sizeof(r->file), r);
	if (r->hh.tbl != NULL)
		return 0;
	free(r);
	return ERR_NOMEM;
}

static int
read_row(struct filesums *s, struct reader *r)
{
	const struct filesums_file f = {
		.device = reader_u64(r),
		.inode = reader_u64(r),
		.size = reader_u64(r),
		.mtime = reader_u64(r),
		.effort = reader_u64(r),
	};
	struct filesums_sum sum;

	reader_copy(r, sum.chunks.bytes, DIGEST_SIZE);
	reader_copy(r, sum.file.bytes, DIGEST_SIZE);
	if (!reader_ok(r) || find(s, &f) != NULL)
		return ERR_FORMAT;
	return filesums_set(s, &f, &sum);
}

int
filesums_parse(struct filesums **out, const uint8_t *bytes, size_t n)
{
	struct reader r = reader_of(bytes, n);
	OWNED(filesums) s = NULL;
	struct digest said, is;
	uint64_t count;
	int err = filesums_new(&s);

	reader_expect(&r, MAGIC, 8);
	if (reader_u16(&r) != VERSION || reader_u16(&r) != 0 ||
	    reader_u32(&r) != 0)
		reader_fail(&r);
	count = reader_u64(&r);
	reader_copy(&r, said.bytes, DIGEST_SIZE);
	if (!reader_ok(&r) || count > FILESUMS_MAX || n != FIXED + count * ROW)
		return ERR_FORMAT;
	is = digest_of2(bytes, BEFORE_DIGEST, bytes + FIXED, n - FIXED);
	if (!digest_equal(&said, &is))
		return ERR_FORMAT;
	for (uint64_t i = 0; err == 0 && i < count; i++)
		err = read_row(s, &r);
	if (err != 0)
		return err;
	*out = s;
	s = NULL;
	return 0;
}

static void
write_row(const struct row *r, struct writer *w)
{
	writer_u64(w, r->file.device);
	writer_u64(w, r->file.inode);
	writer_u64(w, r->file.size);
	writer_u64(w, r->file.mtime);
	writer_u64(w, r->file.effort);
	writer_bytes(w, r->sum.chunks.bytes, DIGEST_SIZE);
	writer_bytes(w, r->sum.file.bytes, DIGEST_SIZE);
}

void
filesums_write(const struct filesums *s, struct writer *w)
{
	const size_t begin = w->length;
	const struct digest none = { { 0 } };
	struct digest d;

	writer_bytes(w, MAGIC, 8);
	writer_u16(w, VERSION);
	writer_u16(w, 0);
	writer_u32(w, 0);
	writer_u64(w, filesums_count(s));
	writer_bytes(w, none.bytes, DIGEST_SIZE);
	for (const struct row *r = s->rows; r != NULL; r = r->hh.next)
		write_row(r, w);
	if (!writer_ok(w))
		return;
	d = digest_of2(w->bytes + begin, BEFORE_DIGEST,
	    w->bytes + begin + FIXED, w->length - begin - FIXED);
	memcpy(w->bytes + begin + BEFORE_DIGEST, d.bytes, DIGEST_SIZE);
}

int
filesums_load(struct filesums **out, const struct file *dir)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	size_t n;
	int err = file_load(dir, NAME, SIZE_MAX_OF_FILE, &bytes, &n);

	if (err == 0)
		err = filesums_parse(out, bytes, n);
	if (err == ERR_FORMAT || err == ERR_LIMIT)
		log_warn("'%s/%s' is not what weir writes there: files are"
			 " hashed anew, and it is replaced",
		    dir->name, NAME);
	if (err == ERR_FORMAT || err == ERR_LIMIT || err == ERR_NOT_FOUND)
		err = filesums_new(out);
	return err;
}

int
filesums_save(const struct filesums *s, const struct file *dir)
{
	OWNED_WRITER w = writer_of(SIZE_MAX_OF_FILE);

	filesums_write(s, &w);
	if (!writer_ok(&w))
		return log_err(ERR_NOMEM, "out of memory for '%s/%s'",
		    dir->name, NAME);
	return file_replace(dir, NAME, w.bytes, w.length, 0600);
}
