/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/proofread.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/object.h"
#include "vault/proofread_parts.h"

#define THREADS_MAX 16
#define DESKS_MAX 8
#define SLOTS_A_THREAD 2
#define SLOT_ROWS 64

enum slot_state { SLOT_FREE, SLOT_TAKEN, SLOT_OPENED };

/* Chunks on their way to the hash of their file: as many as a large one has
 * bytes, so that small ones are not handed over one by one. */
struct slot {
	enum slot_state state;
	unsigned int count;
	struct version_row rows[SLOT_ROWS];
	uint8_t keys[SLOT_ROWS][KEY_SIZE];
	int err; /* of the one behind the `opened` first */
	unsigned int opened;
	uint8_t *plain; /* OBJECT_CHUNK_MAX, one behind another */
};

/*
 * A file under way.  Its hash takes one chunk after another, so that one
 * thread at a time sits at it; chunks of it are opened by any.
 */
struct desk {
	bool busy;	   /* somebody sits there */
	bool file;	   /* there is a file */
	uint64_t row, end; /* the next one to be taken; the file's last + 1 */
	struct slot *slots;
	/* Slots taken, being opened or opened, hashed: counts, of which each
	 * one's place is the remainder. */
	uint64_t taken, opening, hashed;
	struct proofread_file reading;
};

struct proofread {
	const struct proofread_how *how;
	struct proofread_version version;
	struct desk desks[DESKS_MAX];
	unsigned int desk_count;
	unsigned int slot_count; /* of a desk */

	pthread_t threads[THREADS_MAX];
	unsigned int thread_count;
	pthread_mutex_t mutex; /* of what follows, and of the desks' counts */
	pthread_cond_t changed;
	bool *done;	/* of the file table's rows */
	uint32_t files; /* rows done from the first one on */
	uint32_t next;	/* row to be taken to a desk */
	uint64_t bytes;
	bool over; /* nobody waits for more */
	/* The first of the rows with a failure so far, and what it was. */
	uint32_t failed;
	int err;
	char *why;
};

/* What there is to do at a desk. */
enum task {
	TASK_NONE,
	TASK_FILE, /* a file is to be taken */
	TASK_ROWS, /* there is room for chunks */
	TASK_HASH,
	TASK_END,
	TASK_OPEN, /* the one that needs nobody to sit there */
};

/* --- what came out; the mutex is held --- */

/* A version has the fault of its first row that has one, whichever was found
 * first: those behind it are of no interest any more. */
static void
fail(struct proofread *p, uint32_t row, int err, const char *why)
{
	if (p->err != 0 && row >= p->failed)
		return;
	p->err = err;
	p->failed = row;
	snprintf(p->why, PROOFREAD_WHY, "%s", err == ERR_INTEGRITY ? why : "");
}

static void
tell(struct proofread *p)
{
	int err;

	if (p->over)
		return;
	err = p->how->progress(p->how->arg, p->files, p->bytes);
	if (err == 0)
		return;
	p->err = err;
	p->why[0] = '\0';
	p->over = true;
}

/* A row is done: told once all before it are, too. */
static void
row_done(struct proofread *p, uint32_t row)
{
	p->done[row] = true;
	while (p->files < p->version.m->file_count && p->done[p->files])
		p->files++;
}

static bool
wanted(const struct proofread *p, const struct desk *d)
{
	return d->file && (p->err == 0 || d->reading.number < p->failed);
}

/* --- tasks --- */

static bool
room(const struct proofread *p, const struct desk *d)
{
	return d->row < d->end && d->taken - d->hashed < p->slot_count;
}

static struct slot *
slot_of(const struct proofread *p, const struct desk *d, uint64_t count)
{
	return &d->slots[count % p->slot_count];
}

/* As many chunks of the file's next ones as a slot has room for. */
static int
fill_slot(struct desk *d, struct slot *s)
{
	size_t bytes = 0;
	int err = 0;

	for (s->count = 0; s->count < SLOT_ROWS && d->row < d->end; d->row++) {
		struct version_row *row = &s->rows[s->count];

		err = proofread_file_row(&d->reading, d->row, row,
		    s->keys[s->count]);
		if (err != 0 || row->row.length > OBJECT_CHUNK_MAX - bytes)
			break;
		bytes += row->row.length;
		s->count++;
	}
	/* What comes before a row that cannot be had is looked at first. */
	return s->count > 0 ? 0 : err;
}

/* Take chunks, as far as there is room. */
static int
take_rows(struct proofread *p, struct desk *d)
{
	while (room(p, d)) {
		struct slot *s = slot_of(p, d, d->taken);
		int err = fill_slot(d, s);

		if (err != 0)
			return err;
		LOCKED(lock, &p->mutex);
		s->state = SLOT_TAKEN;
		d->taken++;
		pthread_cond_signal(&p->changed);
	}
	return 0;
}

static int
hash_slot(struct proofread *p, struct desk *d)
{
	struct slot *s = slot_of(p, d, d->hashed);
	uint64_t bytes = 0;
	int err = 0;

	for (unsigned int i = 0; err == 0 && i < s->count; i++) {
		err = proofread_file_chunk(&d->reading, &s->rows[i].row,
		    s->plain + bytes, i == s->opened ? s->err : 0);
		bytes += s->rows[i].row.length;
	}
	LOCKED(lock, &p->mutex);
	s->state = SLOT_FREE;
	d->hashed++;
	if (err != 0)
		return err;
	p->bytes += bytes;
	tell(p);
	return 0;
}

static int
end_file(struct proofread *p, struct desk *d)
{
	int err = proofread_file_end(&d->reading);
	LOCKED(lock, &p->mutex);

	d->file = false;
	if (err != 0)
		return err;
	row_done(p, d->reading.number);
	tell(p);
	return 0;
}

static void
open_slot(struct proofread *p, struct slot *s)
{
	uint8_t *at = s->plain;

	s->err = 0;
	for (s->opened = 0; s->err == 0 && s->opened < s->count;) {
		struct version_row *row = &s->rows[s->opened];

		s->err = version_read(p->how->version, row, s->keys[s->opened],
		    0, at, row->row.length);
		at += row->row.length;
		s->opened += s->err == 0;
	}
	secret_wipe(s->keys, sizeof(s->keys));
}

static int
run_task(struct proofread *p, struct desk *d, enum task task)
{
	switch (task) {
	case TASK_ROWS:
		return take_rows(p, d);
	case TASK_HASH:
		return hash_slot(p, d);
	case TASK_END:
		return end_file(p, d);
	case TASK_NONE:
	case TASK_FILE:
	case TASK_OPEN:
		break;
	}
	abort();
}

/* --- who does what; the mutex is held --- */

/* The next file, to a desk that has none.  False: there is no more. */
static bool
take_file(struct proofread *p, struct desk *d)
{
	const struct manifest *m = p->version.m;
	const struct manifest_file *f;

	while (p->next < m->file_count && p->done[p->next])
		p->next++;
	if (p->next == m->file_count || p->err != 0)
		return false;
	f = &m->files[p->next];
	d->file = true;
	d->row = f->first_row;
	d->end = f->first_row + f->rows;
	d->reading.number = p->next++;
	return true;
}

static enum task
task_at(struct proofread *p, struct desk *d)
{
	if (d->busy || (!d->file && !take_file(p, d)) || !wanted(p, d))
		return TASK_NONE;
	if (room(p, d))
		return TASK_ROWS;
	if (d->hashed < d->taken)
		return slot_of(p, d, d->hashed)->state == SLOT_OPENED ?
		    TASK_HASH :
		    TASK_NONE;
	return d->row == d->end ? TASK_END : TASK_NONE;
}

/* Files first: their hashes are what takes longest. */
static struct desk *
choose(struct proofread *p, enum task *task)
{
	for (unsigned int i = 0; i < p->desk_count; i++) {
		*task = task_at(p, &p->desks[i]);
		if (*task != TASK_NONE)
			return &p->desks[i];
	}
	for (unsigned int i = 0; i < p->desk_count; i++) {
		struct desk *d = &p->desks[i];

		*task = TASK_OPEN;
		if (wanted(p, d) && d->opening < d->taken)
			return d;
	}
	return NULL;
}

/* Whether all is done that anybody waits for. */
static bool
is_over(struct proofread *p)
{
	for (unsigned int i = 0; i < p->desk_count; i++)
		if (p->desks[i].busy || wanted(p, &p->desks[i]))
			return false;
	return true;
}

static void
do_task(struct proofread *p, struct desk *d, enum task task)
{
	struct slot *s = NULL;
	int err = 0;

	if (task == TASK_OPEN)
		s = slot_of(p, d, d->opening++);
	else
		d->busy = true;
	pthread_mutex_unlock(&p->mutex);
	if (s != NULL)
		open_slot(p, s);
	else
		err = run_task(p, d, task);
	pthread_mutex_lock(&p->mutex);
	if (s != NULL)
		s->state = SLOT_OPENED;
	else
		d->busy = false;
	if (err != 0)
		fail(p, d->reading.number, err, d->reading.why);
	pthread_cond_broadcast(&p->changed);
}

static void *
worker(void *arg)
{
	struct proofread *p = arg;
	LOCKED(lock, &p->mutex);

	while (!p->over) {
		enum task task;
		struct desk *d = choose(p, &task);

		if (d != NULL)
			do_task(p, d, task);
		else if (is_over(p))
			p->over = true;
		else
			pthread_cond_wait(&p->changed, &p->mutex);
	}
	pthread_cond_broadcast(&p->changed);
	return NULL;
}

/* --- its life --- */

/* What was read earlier, and what has no content. */
static int
pass_over(struct proofread *p)
{
	const struct manifest *m = p->version.m;

	p->done = calloc(m->file_count + 1, sizeof(*p->done));
	if (p->done == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < m->file_count; i++) {
		bool earlier = i < p->how->first_file;

		if (m->files[i].kind == MANIFEST_FILE && earlier)
			p->bytes += m->files[i].size;
		if (m->files[i].kind != MANIFEST_FILE || earlier)
			row_done(p, i);
	}
	tell(p);
	return 0;
}

static int
open_desk(struct proofread *p, struct desk *d)
{
	int err = proofread_file_new(&d->reading, &p->version);

	if (err != 0)
		return err;
	d->slots = calloc(p->slot_count, sizeof(*d->slots));
	if (d->slots == NULL)
		return ERR_NOMEM;
	for (unsigned int i = 0; i < p->slot_count; i++) {
		d->slots[i].plain = malloc(OBJECT_CHUNK_MAX);
		if (d->slots[i].plain == NULL)
			return ERR_NOMEM;
	}
	return 0;
}

static void
clear_desk(struct proofread *p, struct desk *d)
{
	for (unsigned int i = 0; d->slots != NULL && i < p->slot_count; i++) {
		struct slot *s = &d->slots[i];

		if (s->plain != NULL)
			secret_wipe(s->plain, OBJECT_CHUNK_MAX);
		secret_wipe(s->keys, sizeof(s->keys));
		free(s->plain);
	}
	free(d->slots);
	proofread_file_clear(&d->reading);
}

static unsigned int
files_left(const struct proofread *p)
{
	unsigned int n = 0;

	for (uint32_t i = 0; i < p->version.m->file_count; i++)
		n += !p->done[i];
	return n;
}

static int
start(struct proofread *p)
{
	unsigned int want = p->how->threads;
	unsigned int desks = files_left(p);
	int err = 0;

	if (want > THREADS_MAX)
		want = THREADS_MAX;
	if (desks > want)
		desks = want;
	if (desks > DESKS_MAX)
		desks = DESKS_MAX;
	p->desk_count = desks > 0 ? desks : 1;
	p->slot_count = want * SLOTS_A_THREAD / p->desk_count + 1;
	for (unsigned int i = 0; err == 0 && i < p->desk_count; i++)
		err = open_desk(p, &p->desks[i]);
	for (; err == 0 && p->thread_count < want; p->thread_count++)
		if (pthread_create(&p->threads[p->thread_count], NULL, worker,
			p) != 0)
			return ERR_NOMEM;
	return err;
}

static void
stop(struct proofread *p)
{
	{
		LOCKED(lock, &p->mutex);

		p->over = true;
		pthread_cond_broadcast(&p->changed);
	}
	for (unsigned int i = 0; i < p->thread_count; i++)
		pthread_join(p->threads[i], NULL);
	for (unsigned int i = 0; i < p->desk_count; i++)
		clear_desk(p, &p->desks[i]);
	proofread_version_close(&p->version);
	free(p->done);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->mutex);
}

int
proofread_run(const struct proofread_how *how, char why[static PROOFREAD_WHY])
{
	struct proofread p = { .how = how, .why = why };
	int err;

	why[0] = '\0';
	pthread_mutex_init(&p.mutex, NULL);
	pthread_cond_init(&p.changed, NULL);
	err = proofread_version_open(&p.version, how, why);
	if (err == 0)
		err = pass_over(&p);
	if (err == 0)
		err = start(&p);
	if (err == 0)
		(void)worker(&p);
	stop(&p);
	return err != 0 ? err : p.err;
}
