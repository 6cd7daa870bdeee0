/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/pipeline.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/guarded.h"
#include "vault/log.h"
#include "vault/pipeline_parts.h"

/* Where chunks lie in an arena. */
#define ALIGNMENT 64
#define ARENA                                                                  \
	(PIPELINE_BYTES +                                                      \
	    (size_t)PIPELINE_CHUNKS * (OBJECT_CHUNK_HEAD + ALIGNMENT))

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
	err = pipeline_start(p);
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

/* Wipes what it has of plain bytes. */
static void
chunk_clear(struct chunk *c)
{
	if (c->payload != NULL)
		object_payload_free(c->payload);
	else if (c->bytes != NULL && c->stored_bytes == 0)
		secret_wipe(c->bytes, c->length);
	*c = (struct chunk){ 0 };
}

static void
batch_clear(struct batch *b)
{
	for (size_t c = 0; c < b->count; c++)
		chunk_clear(&b->chunks[c]);
	guarded_free(b->secrets);
	free(b->arena);
}

void
pipeline_free(struct pipeline *p)
{
	if (p == NULL)
		return;
	/* What nobody waits for any more is passed over. */
	fail(p, ERR_CONFLICT);
	pipeline_stop(p);
	while (p->sums != NULL)
		pipeline_sum_end(p, p->sums);
	chunk_clear(&p->room);
	for (size_t i = 0; i < PIPELINE_BATCHES; i++)
		batch_clear(&p->batches[i]);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->mutex);
	pthread_mutex_destroy(&p->asking);
	free(p);
}

static struct batch *
batch_of(struct pipeline *p, size_t number)
{
	return &p->batches[number % PIPELINE_BATCHES];
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
	b->used = b->bytes = 0;
	LOCKED(lock, &p->mutex);
	b->stage = STAGE_PACK;
	b->full = false;
	b->count = b->next = b->passed = 0;
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

/* No more chunks for the batch being filled, if it has any. */
static void
submit(struct pipeline *p)
{
	struct batch *b = batch_of(p, p->filling);
	LOCKED(lock, &p->mutex);

	if (b->count == 0)
		return;
	b->full = true;
	p->filling++;
	pipeline_advance(p, b);
	pthread_cond_broadcast(&p->work);
}

int
pipeline_begin(struct pipeline *p, struct digest *digest)
{
	struct sum *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return log_err(ERR_NOMEM, "out of memory for a file's digest");
	if (digest != NULL && digester_new(&s->digester) != 0) {
		free(s);
		return log_err(ERR_NOMEM, "out of memory for a file's digest");
	}
	s->out = digest;
	LOCKED(lock, &p->mutex);
	if (p->sums == NULL)
		p->sums = s;
	else
		p->sums_last->next = s;
	p->sums_last = s;
	return 0;
}

void
pipeline_end(struct pipeline *p)
{
	LOCKED(lock, &p->mutex);
	struct sum *s = p->sums_last;

	assert(p->sums != NULL && !s->ended);
	s->ended = true;
	if (s->first == NULL && !s->busy)
		pipeline_sum_end(p, s);
}

int
pipeline_room(struct pipeline *p, size_t n, uint8_t **room)
{
	struct batch *b = batch_of(p, p->filling);
	int err;

	assert(n > 0 && n <= OBJECT_CHUNK_MAX);
	chunk_clear(&p->room);
	if (b->count == PIPELINE_CHUNKS || b->bytes + n > PIPELINE_BYTES) {
		submit(p);
		err = retire(p, PIPELINE_BATCHES - 1);
		if (err != 0)
			return err;
		b = batch_of(p, p->filling);
	}
	if (b->arena == NULL)
		b->arena = aligned_alloc(ALIGNMENT, ARENA);
	if (b->arena == NULL)
		return log_err(ERR_NOMEM, "out of memory for chunks");
	p->room.bytes = b->arena + b->used + OBJECT_CHUNK_HEAD;
	p->room.length = (uint32_t)n;
	*room = p->room.bytes;
	return 0;
}

/* A chunk waits to be added to its file's digest, if somebody asks for that. */
static void
follow(struct sum *s, struct chunk *c)
{
	c->summed = s->digester == NULL;
	if (c->summed)
		return;
	if (s->first == NULL)
		s->first = c;
	else
		s->last->after = c;
	s->last = c;
}

void
pipeline_add(struct pipeline *p, const struct pipeline_plain *plain)
{
	struct batch *b = batch_of(p, p->filling);
	struct chunk *c = &b->chunks[b->count];

	assert(p->room.bytes != NULL && plain->length > 0 &&
	    plain->length <= p->room.length);
	*c = p->room;
	c->length = (uint32_t)plain->length;
	c->offset = plain->offset;
	memcpy(c->widths, plain->widths, sizeof(c->widths));
	p->room = (struct chunk){ 0 };
	b->bytes += c->length;
	b->used += OBJECT_CHUNK_HEAD +
	    (c->length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	LOCKED(lock, &p->mutex);
	b->count++;
	follow(p->sums_last, c);
	pthread_cond_signal(&p->work);
}

int
pipeline_finish(struct pipeline *p)
{
	submit(p);
	return retire(p, 0);
}
