/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/journal_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/names.h"
#include "vault/reader.h"

#define NAME_DIGITS 20
#define TEMPORARY FILE_TEMPORARY "segment"

/* Hashing that a search among torn bytes may cost.  No crash comes near it;
 * bytes that were laid out to, do. */
#define SEARCH_MAX ((uint64_t)64 * JOURNAL_SEGMENT)

/* How often to look again at what somebody may be writing right now. */
#define LOOKS 4

const char *
journal_scan_name(uint64_t start, char buf[static JOURNAL_SCAN_NAME])
{
	snprintf(buf, JOURNAL_SCAN_NAME, "%020" PRIu64, start);
	return buf;
}

/* ---- files ---- */

static bool
parse_name(uint64_t *out, const char *name)
{
	uint64_t v = 0;

	if (strlen(name) != NAME_DIGITS)
		return false;
	for (; *name != '\0'; name++) {
		if (*name < '0' || *name > '9' ||
		    __builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*name - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

struct list {
	uint64_t *starts;
	size_t count;
};

static int
add_name(void *arg, const char *name)
{
	struct list *l = arg;
	uint64_t *more, start;

	if (!parse_name(&start, name))
		return 0;
	more = reallocarray(l->starts, l->count + 1, sizeof(*more));
	if (more == NULL)
		return ERR_NOMEM;
	l->starts = more;
	more[l->count++] = start;
	return 0;
}

int
journal_scan_look(const struct file *dir, uint64_t start,
    const struct stat *written, struct stat *out)
{
	char name[JOURNAL_SCAN_NAME];

	journal_scan_name(start, name);
	if (fstatat(dir->fd, name, out, AT_SYMLINK_NOFOLLOW) != 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return log_sys("look for '%s/%s'", dir->name, name);
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: somebody removed '%s/%s'; find "
		    "out who, and restore the vault from a backup",
		    dir->name, name);
	}
	if (out->st_ino != written->st_ino || out->st_dev != written->st_dev ||
	    out->st_size != JOURNAL_SEGMENT)
		return log_err(ERR_INTEGRITY,
		    "the trail was changed: '%s/%s' is not the file that is "
		    "written; find out who did that, and restore the vault "
		    "from a backup",
		    dir->name, name);
	return 0;
}

int
journal_scan_list(const struct file *dir, uint64_t **out, size_t *count)
{
	struct list l = { 0 };
	int err = names_each(dir, add_name, &l);

	if (err != 0) {
		free(l.starts);
		return err;
	}
	if (l.count > 0)
		qsort(l.starts, l.count, sizeof(*l.starts), compare);
	*out = l.starts;
	*count = l.count;
	return 0;
}

static int
fill(const struct file *dir, const char *name, const uint8_t *bytes, size_t n)
{
	OWNED(file) f = NULL;
	int err;

	err = file_open(&f, dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0640);
	if (err != 0)
		return err;
	errno = posix_fallocate(f->fd, 0, JOURNAL_SEGMENT);
	if (errno == ENOSPC || errno == EDQUOT)
		return log_err(ERR_SPACE,
		    "no room for the trail: free at least %u MiB on the file "
		    "system of '%s'; until then nothing is recorded, and so "
		    "nothing can be read",
		    JOURNAL_SEGMENT >> 20, dir->name);
	if (errno != 0)
		return log_sys("allocate '%s'", f->name);
	if (n > 0)
		err = file_write_at(f, bytes, n, 0);
	if (err == 0)
		err = file_sync(f);
	return err;
}

int
journal_scan_create(const struct file *dir, uint64_t start,
    const uint8_t *bytes, size_t n)
{
	char name[JOURNAL_SCAN_NAME];
	int err;

	journal_scan_name(start, name);
	err = fill(dir, TEMPORARY, bytes, n);
	if (err == 0 && renameat(dir->fd, TEMPORARY, dir->fd, name) != 0)
		err = log_sys("rename to '%s/%s'", dir->name, name);
	if (err == 0)
		return file_sync(dir);
	unlinkat(dir->fd, TEMPORARY, 0);
	return err;
}

/* ---- records ---- */

struct record {
	uint64_t index;
	uint64_t commit;
	struct digest previous;
	const uint8_t *payload;
	size_t length;
	size_t size; /* of all of it */
};

/* Whether bytes begin with a whole record of this vault. */
static bool
parse_record(struct record *out, const uint8_t *bytes, size_t left,
    const struct journal_id *id, uint64_t *hashed)
{
	struct reader r = reader_of(bytes, left);
	struct record rec = { 0 };
	struct digest trailer, right;

	reader_expect(&r, JOURNAL_SCAN_MAGIC, strlen(JOURNAL_SCAN_MAGIC));
	rec.length = reader_u32(&r);
	rec.index = reader_u64(&r);
	rec.commit = reader_u64(&r);
	reader_expect(&r, id->bytes, sizeof(id->bytes));
	reader_copy(&r, rec.previous.bytes, DIGEST_SIZE);
	if (rec.length == 0 || rec.length > JOURNAL_PAYLOAD_MAX)
		return false;
	rec.payload = reader_bytes(&r, rec.length);
	reader_copy(&r, trailer.bytes, DIGEST_SIZE);
	if (!reader_ok(&r))
		return false;

	rec.size = rec.length + JOURNAL_SCAN_OVERHEAD;
	*hashed += rec.size;
	right = digest_of(bytes, rec.size - DIGEST_SIZE);
	if (!digest_equal(&right, &trailer))
		return false;
	*out = rec;
	return true;
}

/* ---- reading ---- */

enum verdict { SOUND, TORN, CHANGED };

struct scan {
	const struct journal_open *how;
	bool repair;
	bool chained;	 /* previous is known */
	bool gone;	 /* the segment at hand was not there */
	uint64_t commit; /* of the last record */
	struct journal_scan at;
	char name[JOURNAL_SCAN_NAME];
	uint8_t *buffer;      /* what bytes are read into */
	const uint8_t *bytes; /* the segment at hand */
	size_t length;
};

/* Tell that record index is not what it should be; ERR_INTEGRITY. */
static int PRINTF_LIKE(3, 4)
    changed(const struct scan *s, uint64_t index, const char *fmt, ...)
{
	struct journal_fault fault = { .index = index };
	va_list args;

	va_start(args, fmt);
	vsnprintf(fault.why, sizeof(fault.why), fmt, args);
	va_end(args);
	if (s->how->fault != NULL) {
		*s->how->fault = fault;
		return ERR_INTEGRITY;
	}
	return log_err(ERR_INTEGRITY,
	    "the trail was changed: '%s/%s', record %" PRIu64
	    ": %s; restore the vault from a backup",
	    s->how->dir->name, s->name, index, fault.why);
}

static int
load(struct scan *s)
{
	OWNED(file) f = NULL;
	uint64_t size;
	int err;

	err = file_open(&f, s->how->dir, s->name, O_RDONLY | O_NONBLOCK, 0);
	s->gone = err == ERR_NOT_FOUND;
	if (err == 0)
		err = file_size(f, &size);
	if (err != 0)
		return err;
	if (size == JOURNAL_SEGMENT)
		err = file_read_at(f, s->buffer, JOURNAL_SEGMENT, 0);
	if (size != JOURNAL_SEGMENT || err == ERR_FORMAT)
		return changed(s, s->at.next,
		    "the file has %" PRIu64 " bytes in place of %u", size,
		    JOURNAL_SEGMENT);
	return err;
}

/* Whether rec is the one that comes next. */
static bool
follows(const struct scan *s, const struct record *rec)
{
	if (rec->index != s->at.next)
		return false;
	if (s->chained && !digest_equal(&rec->previous, &s->at.previous))
		return false;
	return rec->commit == rec->index ||
	    (s->at.offset > 0 && rec->commit == s->commit);
}

/* Take in records from the segment's start for as long as they are sound. */
static void
walk(struct scan *s)
{
	struct record rec;
	uint64_t hashed = 0;

	s->at.offset = 0;
	while (parse_record(&rec, s->bytes + s->at.offset,
		   s->length - s->at.offset, &s->how->id, &hashed) &&
	    follows(s, &rec)) {
		s->at.previous = digest_of(s->bytes + s->at.offset, rec.size);
		s->chained = true;
		s->commit = rec.commit;
		s->at.offset += rec.size;
		s->at.next++;
	}
}

static bool
is_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/*
 * Judge what lies behind the last sound record.  A power cut may leave any of
 * the pages that were written since the last sync, so whole records may
 * follow a torn one, but of the same commit only.  Any other whole record
 * was written when the bad one had been synced.
 */
static enum verdict
judge(const struct scan *s)
{
	const uint8_t *end = s->bytes + s->length;
	const uint8_t *p = s->bytes + s->at.offset;
	uint64_t hashed = 0;
	struct record rec;

	if (is_zero(p, (size_t)(end - p)))
		return SOUND;
	for (;; p++) {
		p = memmem(p, (size_t)(end - p), JOURNAL_SCAN_MAGIC,
		    strlen(JOURNAL_SCAN_MAGIC));
		if (p == NULL)
			return TORN;
		if (parse_record(&rec, p, (size_t)(end - p), &s->how->id,
			&hashed) &&
		    (rec.index <= s->at.next || rec.commit > s->at.next))
			return CHANGED;
		if (hashed > SEARCH_MAX)
			return CHANGED;
	}
}

/* Load and judge one segment; what a writer is just writing is looked at
 * again. */
static int
examine(struct scan *s, bool last, enum verdict *out)
{
	const struct scan before = *s;
	int err;

	for (int i = 0; i < LOOKS; i++) {
		*s = before;
		err = load(s);
		if (err != 0)
			return err;
		walk(s);
		*out = judge(s);
		if (*out != CHANGED || !last || s->repair)
			break;
	}
	if (*out == SOUND ||
	    (*out == TORN && last && s->at.next >= s->how->below))
		return 0;
	return changed(s, s->at.next, "it is damaged, at offset %" PRIu64,
	    s->at.offset);
}

static size_t
record_size(const uint8_t *at)
{
	struct reader r = reader_of(at, 8);

	reader_bytes(&r, 4);
	return reader_u32(&r) + (size_t)JOURNAL_SCAN_OVERHEAD;
}

/* Where record index, of the segment that begins with start, begins. */
static size_t
offset_of(const struct scan *s, uint64_t start, uint64_t index)
{
	size_t at = 0;

	for (; start < index; start++)
		at += record_size(s->bytes + at);
	return at;
}

/*
 * Make durable what is going to be believed: a torn tail is cut by writing the
 * segment anew; else records that no checkpoint covers are written over
 * themselves, because a process that failed to sync them may have left them
 * in the page cache only.
 */
static int
mend(struct scan *s, uint64_t start, enum verdict verdict)
{
	uint64_t below = s->how->below > start ? s->how->below : start;
	OWNED(file) f = NULL;
	size_t from;
	int err;

	if (verdict == TORN) {
		log_warn("'%s/%s': the last commit was cut short by a crash; "
			 "going on from record %" PRIu64,
		    s->how->dir->name, s->name, s->at.next);
		return journal_scan_create(s->how->dir, start, s->bytes,
		    s->at.offset);
	}
	if (s->at.next <= below)
		return 0;
	from = offset_of(s, start, below);
	err = file_open(&f, s->how->dir, s->name, O_WRONLY | O_NONBLOCK, 0);
	if (err == 0)
		err = file_write_at(f, s->bytes + from, s->at.offset - from,
		    from);
	if (err == 0)
		err = file_sync_data(f);
	return err;
}

static int
replay(const struct scan *s, uint64_t start)
{
	const struct journal_open *how = s->how;
	size_t at = 0;
	int err = 0;

	if (how->each == NULL)
		return 0;
	for (uint64_t i = start; i < s->at.next && err == 0; i++) {
		size_t size = record_size(s->bytes + at);

		if (i >= how->from)
			err = how->each(how->arg, i,
			    s->bytes + at + JOURNAL_SCAN_FIXED,
			    size - JOURNAL_SCAN_OVERHEAD);
		at += size;
	}
	return err;
}

static int
read_segment(struct scan *s, uint64_t start, bool last)
{
	enum verdict verdict;
	int err;

	journal_scan_name(start, s->name);
	if (start != s->at.next)
		return changed(s, s->at.next,
		    "it is missing: the next one kept is %" PRIu64, start);
	s->at.segment = start;
	err = examine(s, last, &verdict);
	if (err == 0 && s->repair)
		err = mend(s, start, verdict);
	if (err == 0)
		err = replay(s, start);
	return err;
}

static int
read_segments(struct scan *s, const uint64_t *starts, size_t count)
{
	size_t i = 0;
	int err;

	if (count == 0)
		return changed(s, 0, "there is no journal");
	if (starts[0] > s->how->below)
		return changed(s, s->how->below,
		    "it is missing: the first one kept is %" PRIu64, starts[0]);
	do {
		s->at.first = s->at.next = starts[i];
		err = read_segment(s, starts[i], i + 1 == count);
		i++;
		/* A writer may have just removed the oldest. */
	} while (err != 0 && s->gone && !s->repair && i < count &&
	    starts[i] <= s->how->below);
	for (; err == 0 && i < count; i++)
		err = read_segment(s, starts[i], i + 1 == count);
	if (err != 0 && s->gone)
		return changed(s, s->at.next, "its file was removed");
	if (err == 0 && s->at.next < s->how->below)
		return changed(s, s->at.next,
		    "it is missing: the checkpoint covers %" PRIu64,
		    s->how->below);
	return err;
}

int
journal_scan_all(const struct journal_open *how, bool repair,
    struct journal_scan *out)
{
	OWNED_MEM(uint64_t) starts = NULL;
	OWNED_MEM(uint8_t) bytes = malloc(JOURNAL_SEGMENT);
	struct scan s = {
		.how = how,
		.repair = repair,
		.buffer = bytes,
		.bytes = bytes,
		.length = JOURNAL_SEGMENT,
	};
	size_t count;
	int err;

	if (bytes == NULL)
		return ERR_NOMEM;
	err = journal_scan_list(how->dir, &starts, &count);
	if (err == 0)
		err = read_segments(&s, starts, count);
	if (err == 0)
		*out = s.at;
	return err;
}

int
journal_scan_bytes(const struct journal_id *id, uint64_t first,
    const uint8_t *bytes, size_t n, struct journal_scan *out)
{
	const struct journal_open how = { .id = *id };
	struct scan s = {
		.how = &how,
		.at = { .first = first, .segment = first, .next = first },
		.bytes = bytes,
		.length = n,
	};

	walk(&s);
	if (judge(&s) == CHANGED)
		return ERR_INTEGRITY;
	*out = s.at;
	return 0;
}
