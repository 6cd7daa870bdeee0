/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/pipeline.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/guarded.h"
#include "vault/log.h"
#include "vault/object.h"
#include "vault/writer.h"

/* More threads than processors: they wait for the disk too. */
#define THREADS_MIN 4
#define THREADS_MAX 16

struct chunk {
	uint8_t *plain; /* until it is packed where it lies */
	uint32_t length;
	uint64_t offset;
	uint8_t widths[OBJECT_CHUNK_SEGMENTS];
	struct object_payload *payload; /* until it is sealed */
	struct digest object;
	uint64_t stored_bytes;
};

/* Guarded memory of a batch. */
struct secrets {
	uint8_t keys[PIPELINE_CHUNKS][KEY_SIZE];
	struct lockbox_row boxes[PIPELINE_CHUNKS];
};

enum stage {
	STAGE_FILL, /* the caller's */
	STAGE_PACK, /* chunks from next on wait to be packed */
	STAGE_KEYS, /* one thread asks for keys */
	STAGE_SEAL, /* chunks from next on wait to be sealed and stored */
	STAGE_DONE,
};

struct batch {
	enum stage stage;
	size_t count;
	size_t bytes;
	size_t next;	/* the next chunk to be worked at */
	size_t pending; /* chunks that have not passed this stage */
	struct chunk chunks[PIPELINE_CHUNKS];
	struct digest sealing[PIPELINE_CHUNKS];
	struct secrets *secrets;
};

struct pipeline {
	struct pipeline_how how;
	struct chunk room;	/* the caller's */
	size_t oldest;		/* batches are numbered; */
	size_t filling;		/* number n is in place n % PIPELINE_BATCHES */
	pthread_mutex_t asking; /* held over chunk_keys */
	pthread_mutex_t mutex;	/* of what follows, and of each batch's stage,
				      next and pending */
	pthread_cond_t work;	/* for the pool */
	pthread_cond_t done;	/* for the caller */
	int err;		/* the first: all else is passed over */
	bool quit;
	struct batch batches[PIPELINE_BATCHES];
	size_t threads;
	pthread_t pool[THREADS_MAX];
};

/* What a thread of the pool works with. */
struct bench {
	struct writer w;
	struct codec_packer *packer; /* NULL: out of memory */
	struct lanes *lanes;	     /* NULL: out of memory, and slower */
};

/* Something for a thread of the pool to do. */
struct task {
	struct batch *batch;
	enum stage stage;
	size_t chunk;
};

static void
chunk_clear(struct chunk *c)
{
	if (c->plain != NULL)
		secret_wipe(c->plain, c->length);
	free(c->plain);
	object_payload_free(c->payload);
	*c = (struct chunk){ 0 };
}

static int
pack_chunk(struct batch *b, size_t i, const struct bench *bench)
{
	struct chunk *c = &b->chunks[i];
	const struct object_plain plain = {
		.bytes = c->plain,
		.length = c->length,
		.packer = bench->packer,
		.widths = c->widths,
	};
	int err;

	if (plain.packer == NULL)
		return ERR_NOMEM;
	c->plain = NULL;
	err = object_payload_adopt(&c->payload, &plain);
	if (err != 0)
		return err;
	return object_sealing_digest(&b->sealing[i], c->payload, bench->lanes);
}

static int
ask_keys(struct pipeline *p, struct batch *b)
{
	LOCKED(lock, &p->asking);

	return p->how.keys->chunk_keys(p->how.keys->arg, b->sealing, b->count,
	    b->secrets->keys);
}

static int
seal_chunk(struct pipeline *p, struct batch *b, size_t i, struct bench *bench)
{
	static const uint8_t salt[32];
	struct lockbox_row *box = &b->secrets->boxes[i];
	struct chunk *c = &b->chunks[i];
	struct writer *w = &bench->w;
	uint32_t header_length;
	bool stored;
	int err;

	memcpy(box->key, b->secrets->keys[i], sizeof(box->key));
	box->sealing = b->sealing[i];
	box->length = c->length;
	err = object_seal(c->payload, box->key, salt, bench->lanes, w,
	    &c->object, &header_length);
	if (err != 0)
		return err;
	object_payload_free(c->payload);
	c->payload = NULL;
	err = store_put_later(p->how.store, &c->object, w->bytes, w->length,
	    header_length, &stored);
	c->stored_bytes = err == 0 && stored ? w->length : 0;
	return err;
}

static int
run_task(struct pipeline *p, const struct task *t, struct bench *bench)
{
	switch (t->stage) {
	case STAGE_PACK:
		return pack_chunk(t->batch, t->chunk, bench);
	case STAGE_KEYS:
		return ask_keys(p, t->batch);
	case STAGE_SEAL:
		writer_reset(&bench->w);
		return seal_chunk(p, t->batch, t->chunk, bench);
	case STAGE_FILL:
	case STAGE_DONE:
		break;
	}
	abort();
}

/* The older batches first: what they hold is memory. */
static bool
pick(struct pipeline *p, struct task *t)
{
	for (size_t n = 0; n < PIPELINE_BATCHES; n++) {
		struct batch
		    *b = &p->batches[(p->oldest + n) % PIPELINE_BATCHES];

		if ((b->stage != STAGE_PACK && b->stage != STAGE_KEYS &&
			b->stage != STAGE_SEAL) ||
		    b->next == b->count)
			continue;
		*t = (struct task){ b, b->stage, b->next };
		b->next = b->stage == STAGE_KEYS ? b->count : b->next + 1;
		return true;
	}
	return false;
}

/* A task ended: the last one of its stage opens the next stage. */
static void
finish(struct pipeline *p, const struct task *t, int err)
{
	struct batch *b = t->batch;

	if (err != 0 && p->err == 0)
		p->err = err;
	if (t->stage != STAGE_KEYS && --b->pending > 0)
		return;
	b->stage++;
	b->next = 0;
	b->pending = b->count;
	if (b->stage == STAGE_DONE)
		pthread_cond_signal(&p->done);
	else
		pthread_cond_broadcast(&p->work);
}

static void
work(struct pipeline *p, struct bench *bench)
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
	struct bench bench = {
		.w = writer_of(OBJECT_HEADER_MAX + OBJECT_CHUNK_MAX),
	};

	if (lanes_new(&bench.lanes, LANES_FASTER) != 0)
		bench.lanes = NULL;
	if (codec_packer_new(&bench.packer, p->how.effort) != 0)
		bench.packer = NULL;
	work(p, &bench);
	codec_packer_free(bench.packer);
	lanes_free(bench.lanes);
	writer_free(&bench.w);
	return NULL;
}

static struct batch *
batch_of(struct pipeline *p, size_t number)
{
	return &p->batches[number % PIPELINE_BATCHES];
}

/* Threads that leave the process's signals to the caller's. */
static int
start_pool(struct pipeline *p)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN) * 2;
	sigset_t all, old;
	int errnum = 0;

	if (n < THREADS_MIN)
		n = THREADS_MIN;
	if (n > THREADS_MAX)
		n = THREADS_MAX;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (; errnum == 0 && p->threads < (size_t)n; p->threads++) {
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

int
pipeline_new(struct pipeline **out, const struct pipeline_how *how)
{
	OWNED(pipeline) p = calloc(1, sizeof(*p));
	int err;

	if (p == NULL)
		return ERR_NOMEM;
	p->how = *how;
	pthread_mutex_init(&p->asking, NULL);
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->done, NULL);
	for (size_t i = 0; i < PIPELINE_BATCHES; i++) {
		void *s;

		err = guarded_new(&s, sizeof(*p->batches[i].secrets));
		if (err != 0)
			return err;
		p->batches[i].secrets = s;
	}
	err = start_pool(p);
	if (err != 0)
		return err;
	*out = p;
	p = NULL;
	return 0;
}

static void
fail(struct pipeline *p, int err)
{
	LOCKED(lock, &p->mutex);

	if (p->err == 0)
		p->err = err;
}

static void
stop_pool(struct pipeline *p)
{
	{
		LOCKED(lock, &p->mutex);

		p->quit = true;
		pthread_cond_broadcast(&p->work);
	}
	for (size_t i = 0; i < p->threads; i++)
		pthread_join(p->pool[i], NULL);
}

void
pipeline_free(struct pipeline *p)
{
	if (p == NULL)
		return;
	/* What nobody waits for any more is passed over. */
	fail(p, ERR_CONFLICT);
	stop_pool(p);
	chunk_clear(&p->room);
	for (size_t i = 0; i < PIPELINE_BATCHES; i++) {
		struct batch *b = &p->batches[i];

		for (size_t c = 0; c < b->count; c++)
			chunk_clear(&b->chunks[c]);
		guarded_free(b->secrets);
	}
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->mutex);
	pthread_mutex_destroy(&p->asking);
	free(p);
}

/* Tell of the chunks of a batch that is done, and empty it. */
static int
deliver(struct pipeline *p, struct batch *b)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < b->count; i++) {
		const struct chunk *c = &b->chunks[i];
		const struct pipeline_chunk told = {
			.object = c->object,
			.offset = c->offset,
			.stored_bytes = c->stored_bytes,
			.box = &b->secrets->boxes[i],
		};

		err = p->how.done(p->how.arg, &told);
	}
	if (err != 0)
		return err;
	secret_wipe(b->secrets, sizeof(*b->secrets));
	b->count = b->bytes = 0;
	LOCKED(lock, &p->mutex);
	b->stage = STAGE_FILL;
	p->oldest++;
	return 0;
}

/* Deliver what is done, waiting until at most `most` batches are under way. */
static int
retire(struct pipeline *p, size_t most)
{
	while (p->oldest != p->filling) {
		struct batch *b = batch_of(p, p->oldest);
		int err;

		{
			LOCKED(lock, &p->mutex);

			if (b->stage != STAGE_DONE &&
			    p->filling - p->oldest <= most)
				return p->err;
			while (b->stage != STAGE_DONE)
				pthread_cond_wait(&p->done, &p->mutex);
			err = p->err;
		}
		if (err == 0)
			err = deliver(p, b);
		if (err != 0) {
			fail(p, err);
			return err;
		}
	}
	return 0;
}

/* Give the batch being filled, if it has anything, to the pool. */
static void
submit(struct pipeline *p)
{
	struct batch *b = batch_of(p, p->filling);
	LOCKED(lock, &p->mutex);

	if (b->count == 0)
		return;
	b->stage = STAGE_PACK;
	b->next = 0;
	b->pending = b->count;
	p->filling++;
	pthread_cond_broadcast(&p->work);
}

int
pipeline_room(struct pipeline *p, size_t n, uint8_t **room)
{
	const struct batch *b = batch_of(p, p->filling);
	int err;

	assert(n > 0 && n <= OBJECT_CHUNK_MAX);
	chunk_clear(&p->room);
	if (b->count == PIPELINE_CHUNKS || b->bytes + n > PIPELINE_BYTES) {
		submit(p);
		err = retire(p, PIPELINE_BATCHES - 1);
		if (err != 0)
			return err;
	}
	p->room.plain = malloc(n);
	if (p->room.plain == NULL)
		return log_err(ERR_NOMEM, "out of memory for a chunk");
	p->room.length = (uint32_t)n;
	*room = p->room.plain;
	return 0;
}

void
pipeline_add(struct pipeline *p, const struct pipeline_plain *plain)
{
	struct batch *b = batch_of(p, p->filling);

	assert(p->room.plain != NULL && plain->length > 0 &&
	    plain->length <= p->room.length);
	p->room.length = (uint32_t)plain->length;
	p->room.offset = plain->offset;
	memcpy(p->room.widths, plain->widths, sizeof(p->room.widths));
	b->chunks[b->count++] = p->room;
	b->bytes += plain->length;
	p->room = (struct chunk){ 0 };
}

int
pipeline_finish(struct pipeline *p)
{
	submit(p);
	return retire(p, 0);
}
