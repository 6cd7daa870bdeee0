/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/journal.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "vault/err.h"
#include "vault/journal_scan.h"
#include "vault/log.h"
#include "vault/writer.h"

struct journal {
	const struct file *dir;
	struct journal_id id;
	struct file *segment;
	uint64_t segment_start; /* index of its first record */
	uint64_t offset;	/* in the segment, of the next record */
	uint64_t next;
	uint64_t commit; /* first index that is not synced */
	struct digest previous;
	struct writer record;
	bool dead;
};

int
journal_init(const struct file *dir)
{
	return journal_scan_create(dir, 0, NULL, 0);
}

void
journal_free(struct journal *j)
{
	if (j == NULL)
		return;
	file_free(j->segment);
	writer_free(&j->record);
	free(j);
}

uint64_t
journal_next(const struct journal *j)
{
	return j->next;
}

uint64_t
journal_segment(const struct journal *j)
{
	return j->segment_start;
}

int
journal_look(const struct journal *j, struct stat *out)
{
	struct stat named;

	if (fstat(j->segment->fd, out) != 0)
		return log_sys("stat '%s'", j->segment->name);
	return journal_scan_look(j->dir, j->segment_start, out, &named);
}

static int
open_segment(struct journal *j, uint64_t start)
{
	char name[JOURNAL_SCAN_NAME];
	struct file *f;
	int err;

	err = file_open(&f, j->dir, journal_scan_name(start, name),
	    O_RDWR | O_NONBLOCK, 0);
	if (err == ERR_NOT_FOUND)
		return log_err(ERR_INTEGRITY,
		    "'%s/%s' was removed while the trail was open",
		    j->dir->name, name);
	if (err != 0)
		return err;
	file_free(j->segment);
	j->segment = f;
	j->segment_start = start;
	return 0;
}

int
journal_open(struct journal **out, const struct journal_open *how)
{
	OWNED(journal) j = calloc(1, sizeof(*j));
	struct journal_scan end;
	int err;

	if (j == NULL)
		return ERR_NOMEM;
	err = journal_scan_all(how, true, &end);
	if (err != 0)
		return err;
	j->dir = how->dir;
	j->id = how->id;
	j->offset = end.offset;
	j->next = j->commit = end.next;
	j->previous = end.previous;
	j->record = writer_of(JOURNAL_SCAN_OVERHEAD + JOURNAL_PAYLOAD_MAX);
	err = open_segment(j, end.segment);
	if (err != 0)
		return err;
	*out = j;
	j = NULL;
	return 0;
}

int
journal_verify(const struct journal_open *how, uint64_t *first, uint64_t *next)
{
	struct journal_scan end;
	int err = journal_scan_all(how, false, &end);

	if (err != 0)
		return err;
	*first = end.first;
	*next = end.next;
	return 0;
}

/* Go on in a new segment.  It is made only when all before it is synced, so
 * that a later segment proves the earlier ones. */
static int
roll(struct journal *j)
{
	int err = journal_sync(j);

	if (err == 0)
		err = journal_scan_create(j->dir, j->next, NULL, 0);
	if (err == 0)
		err = open_segment(j, j->next);
	if (err == 0)
		j->offset = 0;
	return err;
}

static int
build_record(struct journal *j, const void *payload, size_t n,
    struct digest *whole)
{
	struct writer *w = &j->record;
	struct digest d;

	writer_reset(w);
	writer_bytes(w, JOURNAL_SCAN_MAGIC, strlen(JOURNAL_SCAN_MAGIC));
	writer_u32(w, (uint32_t)n);
	writer_u64(w, j->next);
	writer_u64(w, j->commit);
	writer_bytes(w, j->id.bytes, sizeof(j->id.bytes));
	writer_bytes(w, j->previous.bytes, DIGEST_SIZE);
	writer_bytes(w, payload, n);
	if (!writer_ok(w))
		return ERR_NOMEM;
	d = digest_of(w->bytes, w->length);
	writer_bytes(w, d.bytes, DIGEST_SIZE);
	if (!writer_ok(w))
		return ERR_NOMEM;
	*whole = digest_of(w->bytes, w->length);
	return 0;
}

static int
append(struct journal *j, const void *payload, size_t n)
{
	struct digest whole;
	int err = 0;

	if (j->offset + JOURNAL_SCAN_OVERHEAD + n > JOURNAL_SEGMENT)
		err = roll(j);
	if (err == 0)
		err = build_record(j, payload, n, &whole);
	if (err == 0)
		err = file_write_at(j->segment, j->record.bytes,
		    j->record.length, j->offset);
	if (err != 0)
		return err;
	j->offset += j->record.length;
	j->previous = whole;
	return 0;
}

int
journal_append(struct journal *j, const void *payload, size_t n,
    uint64_t *index)
{
	int err;

	if (j->dead)
		return ERR_IO;
	if (n == 0 || n > JOURNAL_PAYLOAD_MAX)
		return ERR_LIMIT;
	err = append(j, payload, n);
	if (err != 0) {
		j->dead = true;
		return err;
	}
	*index = j->next++;
	return 0;
}

/* A file that was deleted takes writes and syncs, and is gone. */
static int
check_linked(const struct journal *j)
{
	struct stat st;

	if (fstat(j->segment->fd, &st) != 0)
		return log_sys("stat '%s'", j->segment->name);
	if (st.st_nlink == 0)
		return log_err(ERR_INTEGRITY,
		    "'%s' was deleted while the trail was open: nothing is "
		    "recorded any more; restore the vault from a backup",
		    j->segment->name);
	return 0;
}

int
journal_sync(struct journal *j)
{
	int err;

	if (j->dead)
		return ERR_IO;
	if (j->commit == j->next)
		return 0;
	err = file_sync_data(j->segment);
	if (err == 0)
		err = check_linked(j);
	if (err != 0) {
		j->dead = true;
		return err;
	}
	j->commit = j->next;
	return 0;
}

int
journal_trim(struct journal *j, uint64_t index)
{
	OWNED_MEM(uint64_t) starts = NULL;
	char name[JOURNAL_SCAN_NAME];
	size_t count;
	int err;

	err = journal_scan_list(j->dir, &starts, &count);
	for (size_t i = 0; err == 0 && i + 1 < count; i++) {
		if (starts[i + 1] > index)
			break;
		err = file_remove(j->dir, journal_scan_name(starts[i], name));
	}
	return err;
}
