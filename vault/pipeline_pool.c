/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "vault/cores.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/pipeline_parts.h"

/* More threads than compute at a time: they wait for the disk, and for keyd. */
#define THREADS_MIN 4

/* Chunks that are worked at together, so that small ones fill the lanes: as
 * many as have together no more bytes than a large one.  Fewer than RUN_LEAST
 * wait for the next ones. */
#define RUN_CHUNKS 64
#define RUN_BYTES OBJECT_CHUNK_MAX
#define RUN_LEAST (2U << 20)

/* What a thread of the pool works with. */
struct bench {
	struct codec_packer *packer; /* NULL: out of memory */
	struct lanes *lanes;	     /* NULL: out of memory, and slower */
};

/* Something for a thread of the pool to do. */
struct task {
	struct sum *sum; /* chunks to be added to it, from its first; or NULL */
	struct batch *batch;
	enum stage stage;
	size_t first;
	size_t count; /* of chunks */
	bool computes;
};

static void
add_to_sum(const struct task *t)
{
	const struct chunk *c = t->sum->first;

	for (size_t i = 0; i < t->count; i++, c = c->after)
		digester_add(t->sum->digester, c->bytes, c->length);
}

static int
pack(struct batch *b, const struct task *t, const struct bench *bench)
{
	struct object_payload *packed[RUN_CHUNKS];

	if (bench->packer == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < t->count; i++) {
		struct chunk *c = &b->chunks[t->first + i];
		const struct object_plain plain = {
			.bytes = c->bytes,
			.length = c->length,
			.packer = bench->packer,
			.widths = c->widths,
		};
		int err = object_payload_over(&c->payload, &plain);

		if (err != 0)
			return err;
		packed[i] = c->payload;
	}
	return object_sealing_digests(&b->sealing[t->first], packed, t->count,
	    bench->lanes);
}

static int
ask_keys(struct pipeline *p, struct batch *b)
{
	LOCKED(lock, &p->asking);

	return p->how.keys->chunk_keys(p->how.keys->arg, b->sealing, b->count,
	    b->secrets->keys);
}

/* This thread is to wait for the disk: another may compute. */
static void
stop_computing(struct pipeline *p, struct task *t)
{
	LOCKED(lock, &p->mutex);

	t->computes = false;
	p->working--;
	pthread_cond_signal(&p->work);
}

static int
store(struct pipeline *p, struct chunk *c, const struct object_sealing *s)
{
	bool stored;
	int err = store_put_later(p->how.store, &s->name, s->bytes, s->length,
	    s->header_length, &stored);

	if (err != 0)
		return err;
	c->object = s->name;
	c->stored_bytes = stored ? s->length : 0;
	object_payload_free(c->payload);
	c->payload = NULL;
	return 0;
}

static int
seal(struct pipeline *p, struct batch *b, struct task *t,
    const struct bench *bench)
{
	struct object_sealing s[RUN_CHUNKS] = { 0 };
	int err;

	for (size_t i = 0; i < t->count; i++) {
		const size_t n = t->first + i;
		struct lockbox_row *box = &b->secrets->boxes[n];

		memcpy(box->key, b->secrets->keys[n], sizeof(box->key));
		box->sealing = b->sealing[n];
		box->length = b->chunks[n].length;
		s[i].payload = b->chunks[n].payload;
		s[i].key = box->key;
	}
	err = object_seal_chunks(s, t->count, bench->lanes);
	if (err != 0)
		return err;
	stop_computing(p, t);
	for (size_t i = 0; i < t->count && err == 0; i++)
		err = store(p, &b->chunks[t->first + i], &s[i]);
	return err;
}

static int
run_task(struct pipeline *p, struct task *t, const struct bench *bench)
{
	if (t->sum != NULL) {
		add_to_sum(t);
		return 0;
	}
	switch (t->stage) {
	case STAGE_PACK:
		return pack(t->batch, t, bench);
	case STAGE_KEYS:
		return ask_keys(p, t->batch);
	case STAGE_SEAL:
		return seal(p, t->batch, t, bench);
	case STAGE_DONE:
		break;
	}
	abort();
}

/* The first file that nobody adds to just now, and its next chunks. */
static bool
pick_sum(struct pipeline *p, struct task *t)
{
	struct sum *s = p->sums;
	size_t bytes = 0;

	while (s != NULL && (s->busy || s->first == NULL))
		s = s->next;
	if (s == NULL)
		return false;
	*t = (struct task){ .sum = s, .computes = true };
	for (const struct chunk *c = s->first; c != NULL; c = c->after) {
		bytes += c->length;
		if (t->count > 0 && bytes > RUN_LEAST)
			break;
		t->count++;
	}
	s->busy = true;
	return true;
}

/* How many chunks from b->next on are to be worked at together; 0: none yet. */
static size_t
run_of(const struct batch *b)
{
	size_t n = 0, bytes = 0;

	for (size_t i = b->next; i < b->count; i++, n++) {
		const struct chunk *c = &b->chunks[i];

		if (n == RUN_CHUNKS || (n > 0 && bytes + c->length > RUN_BYTES))
			return n;
		if (b->stage == STAGE_PACK && !c->summed)
			return bytes >= RUN_LEAST ? n : 0;
		bytes += c->length;
	}
	return b->full || bytes >= RUN_LEAST ? n : 0;
}

/* Asking for keys is no computing. */
static bool
pick_keys(struct pipeline *p, struct task *t)
{
	for (size_t n = 0; n < PIPELINE_BATCHES; n++) {
		struct batch
		    *b = &p->batches[(p->oldest + n) % PIPELINE_BATCHES];

		if (b->stage != STAGE_KEYS || b->next > 0)
			continue;
		b->next = b->count;
		*t = (struct task){ .batch = b,
			.stage = b->stage,
			.count = b->count };
		return true;
	}
	return false;
}

/* The older batches first: what they hold is memory. */
static bool
pick_run(struct pipeline *p, struct task *t)
{
	for (size_t n = 0; n < PIPELINE_BATCHES; n++) {
		struct batch
		    *b = &p->batches[(p->oldest + n) % PIPELINE_BATCHES];
		size_t count = 0;

		if (b->stage == STAGE_PACK || b->stage == STAGE_SEAL)
			count = run_of(b);
		if (count == 0)
			continue;
		*t = (struct task){ .batch = b,
			.stage = b->stage,
			.first = b->next,
			.count = count,
			.computes = true };
		b->next += count;
		return true;
	}
	return false;
}

static bool
pick(struct pipeline *p, struct task *t)
{
	if (pick_keys(p, t))
		return true;
	if (p->working == p->cores || (!pick_sum(p, t) && !pick_run(p, t)))
		return false;
	p->working++;
	return true;
}

void
pipeline_sum_end(struct pipeline *p, struct sum *s)
{
	struct sum **at = &p->sums, *before = NULL;

	for (; *at != s; at = &(*at)->next)
		before = *at;
	*at = s->next;
	if (p->sums_last == s)
		p->sums_last = before;
	if (s->digester != NULL)
		*s->out = digester_end(s->digester);
	digester_free(s->digester);
	free(s);
}

void
pipeline_advance(struct pipeline *p, struct batch *b)
{
	if (!b->full || b->passed < b->count)
		return;
	b->stage++;
	b->next = b->passed = 0;
	if (b->stage == STAGE_DONE)
		pthread_cond_signal(&p->done);
	else
		pthread_cond_broadcast(&p->work);
}

static void
finish_sum(struct pipeline *p, const struct task *t)
{
	struct sum *s = t->sum;

	for (size_t i = 0; i < t->count; i++) {
		s->first->summed = true;
		s->first = s->first->after;
	}
	s->busy = false;
	if (s->first == NULL && s->ended)
		pipeline_sum_end(p, s);
	pthread_cond_broadcast(&p->work);
}

/* A task ended: the last one of its stage opens the next stage. */
static void
finish(struct pipeline *p, const struct task *t, int err)
{
	if (err != 0 && p->err == 0)
		p->err = err;
	if (t->computes) {
		p->working--;
		pthread_cond_signal(&p->work);
	}
	if (t->sum != NULL) {
		finish_sum(p, t);
		return;
	}
	t->batch->passed += t->count;
	pipeline_advance(p, t->batch);
}

static void
work(struct pipeline *p, const struct bench *bench)
{
	LOCKED(lock, &p->mutex);

	for (;;) {
		struct task t;
		int err = p->err;

		if (!pick(p, &t)) {
			if (p->quit)
				return;
			pthread_cond_wait(&p->work, &p->mutex);
			continue;
		}
		if (err == 0) {
			pthread_mutex_unlock(&p->mutex);
			err = run_task(p, &t, bench);
			pthread_mutex_lock(&p->mutex);
		}
		finish(p, &t, err);
	}
}

static void *
pool_main(void *arg)
{
	struct pipeline *p = arg;
	struct bench bench;

	if (lanes_new(&bench.lanes, LANES_FASTER) != 0)
		bench.lanes = NULL;
	if (codec_packer_new(&bench.packer, p->how.effort) != 0)
		bench.packer = NULL;
	work(p, &bench);
	codec_packer_free(bench.packer);
	lanes_free(bench.lanes);
	return NULL;
}

int
pipeline_start(struct pipeline *p)
{
	sigset_t all, old;
	int errnum = 0;
	size_t n;

	p->cores = cores_count();
	if (p->cores > PIPELINE_THREADS_MAX / 2)
		p->cores = PIPELINE_THREADS_MAX / 2;
	n = p->cores * 2 < THREADS_MIN ? THREADS_MIN : p->cores * 2;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (; errnum == 0 && p->threads < n; p->threads++) {
		errnum = pthread_create(&p->pool[p->threads], NULL, pool_main,
		    p);
		if (errnum != 0)
			break;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (p->threads > 0)
		return 0;
	errno = errnum;
	return log_sys("start a thread");
}

void
pipeline_stop(struct pipeline *p)
{
	{
		LOCKED(lock, &p->mutex);

		p->quit = true;
		pthread_cond_broadcast(&p->work);
	}
	for (size_t i = 0; i < p->threads; i++)
		pthread_join(p->pool[i], NULL);
}
