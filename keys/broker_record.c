/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

int64_t
broker_record_clock(void)
{
	return clock_wall_ms();
}

void
broker_record_begin(struct entry *e, enum entry_kind kind)
{
	const struct entry_actor keyd = { .principal = "keyd", .uid = -1 };

	entry_begin(e, kind, &keyd, broker_record_clock());
}

int
broker_record_failed(struct broker *b, int err, const char *what)
{
	if (b->failed != 0)
		return b->failed;
	b->failed = err;
	log_error("%s: %s; weir-keyd stops, and checks the trail when it is"
		  " started again%s",
	    what, err_text(err),
	    err == ERR_SPACE ? "; make room on the disk first" : "");
	return err;
}

int
broker_record_stop(struct broker *b, int err, const char *what)
{
	broker_record_failed(b, err, what);
	return b->failed == ERR_SPACE ? ERR_SPACE : ERR_IO;
}

/* Take a durable entry into the catalogue. */
static int
apply(struct broker *b, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct entry_view v;
	int err = entry_parse(&v, bytes, n);

	if (err == 0) {
		err = catalogue_apply(b->how.catalogue, index, &v);
		b->look_verify = b->look_verify || v.kind == ENTRY_PUT;
		if (err == 0 && b->how.recorded != NULL)
			b->how.recorded(b->how.arg, index, &v);
		if (err == 0)
			broker_watch_see(b, index, bytes, n, &v);
		entry_view_clear(&v);
	}
	if (err != 0)
		return broker_record_failed(b, err,
		    "the catalogue cannot take in what the trail has");
	return 0;
}

/* By the trail's thread, or by ours when memory is short. */
static void
settled(void *arg, int result)
{
	struct broker_pending *p = arg;
	struct broker *b = p->b;
	LOCKED(lock, &b->mutex);

	/* p may be gone as soon as its state is known, b when nothing is owed
	 * and the mutex is free. */
	if (p->publish)
		b->owed_publish--;
	else
		b->owed--;
	atomic_store(&p->state, result);
	b->how.wake(b->how.arg);
	pthread_cond_broadcast(&b->settled);
}

static void
pending_free(struct broker_pending *p)
{
	writer_free(&p->reply);
	free(p->bytes);
	free(p);
}

/* ERR_LIMIT: the entry is too long.  ERR_CONFLICT: too much waits already.
 * ERR_IO: the trail takes nothing ever again. */
static int
append(struct broker *b, struct entry *e, uint64_t *index)
{
	const uint8_t *bytes;
	size_t n;
	int err;

	if (b->failed != 0)
		return ERR_IO;
	err = entry_end(e, &bytes, &n);
	if (err != 0)
		return err;
	err = trail_append(b->how.trail, bytes, n, index);
	if (err == 0)
		return 0;
	if (err == ERR_LIMIT)
		return ERR_CONFLICT;
	broker_record_failed(b, err, "the trail cannot be written");
	return ERR_IO;
}

static struct broker_pending *
pending_new(struct broker *b)
{
	struct broker_pending *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->b = b;
	p->reply = writer_of(FRAME_BUFFER);
	atomic_init(&p->state, BROKER_QUEUED);
	return p;
}

int
broker_record_later(struct broker *b, struct entry *e,
    struct broker_pending **out)
{
	struct broker_pending *p = pending_new(b);
	int err;

	if (p == NULL)
		return ERR_NOMEM;
	err = append(b, e, &p->index);
	if (err != 0) {
		pending_free(p);
		return err;
	}
	/* The trail has a copy; the builder's own is the catalogue's. */
	p->bytes = writer_take(&e->w, &p->length);
	STAILQ_INSERT_TAIL(&b->pending, p, entry);
	pthread_mutex_lock(&b->mutex);
	b->owed++;
	pthread_mutex_unlock(&b->mutex);
	trail_notify(b->how.trail, p->index, settled, p);
	*out = p;
	return 0;
}

int
broker_record_hold(struct broker *b, struct broker_pendings *list,
    struct broker_pending **out)
{
	struct broker_pending *p = pending_new(b);

	if (p == NULL)
		return ERR_NOMEM;
	p->held = true;
	STAILQ_INSERT_TAIL(list, p, entry);
	*out = p;
	return 0;
}

/* In the queue they wait for what stands before them. */
void
broker_record_release(struct broker *b, struct broker_pendings *list)
{
	struct broker_pending *p;

	STAILQ_FOREACH(p, list, entry)
		atomic_store(&p->state, 0);
	STAILQ_CONCAT(&b->pending, list);
}

int
broker_record_publish(struct broker *b, struct broker_pending **out)
{
	struct broker_pending *p = pending_new(b);

	if (p == NULL)
		return ERR_NOMEM;
	p->publish = true;
	STAILQ_INSERT_TAIL(&b->publishing, p, entry);
	pthread_mutex_lock(&b->mutex);
	b->owed_publish++;
	pthread_mutex_unlock(&b->mutex);
	trail_publish_notify(b->how.trail, settled, p);
	*out = p;
	return 0;
}

static void
make_error(struct broker_pending *p, int err, const char *sentence)
{
	/* What stood there may be keys. */
	writer_reset(&p->reply);
	frame_begin(&p->reply, p->type | FRAME_REPLY, p->id);
	msg_error_write(&p->reply, err, sentence);
	if (frame_end(&p->reply) != 0)
		writer_reset(&p->reply);
}

static void
make_end(struct broker_pending *p, int why)
{
	char sentence[128];

	snprintf(sentence, sizeof(sentence),
	    "weir-keyd stops: it cannot record what it does: %s",
	    err_text(why));
	make_error(p, ERR_IO, sentence);
}

/* The checkpoint is the reply; a later one does as well. */
static void
make_note(struct broker *b, struct broker_pending *p, int result)
{
	struct note_checkpoint checkpoint;
	OWNED_MEM(char) note = NULL;
	int err = result;

	if (err == 0)
		err = trail_published(b->how.trail, &checkpoint, &note);

	frame_begin(&p->reply, p->type | FRAME_REPLY, p->id);
	if (err == 0) {
		msg_ok_write(&p->reply);
		msg_text_write(&p->reply, note);
	} else {
		msg_error_write(&p->reply, err, err_text(err));
	}
	if (frame_end(&p->reply) != 0)
		writer_reset(&p->reply);
}

static void
send_reply(struct broker *b, struct broker_pending *p)
{
	struct broker_link *l = NULL;

	HASH_FIND(hh, b->links, &p->link, sizeof(p->link), l);
	if (l != NULL) {
		l->waiting--;
		l->held -= p->held;
		b->how.send(l->arg, p->reply.bytes, p->reply.length);
	}
	pending_free(p);
}

/* What was waited for has come to its end: into the catalogue, and the reply
 * out, if it is due. */
static void
deliver(struct broker *b, struct broker_pending *p, int result)
{
	if (result != 0 && !(p->publish && result == ERR_NOMEM))
		broker_record_failed(b, result, "the trail cannot be written");
	if (b->failed == 0 && p->publish)
		make_note(b, p, result);
	else if (b->failed == 0 && !p->held)
		apply(b, p->index, p->bytes, p->length);
	if (b->failed != 0)
		make_end(p, b->failed);
	if (b->failed == 0 && p->due_ms > b->now_ms && !b->stopping)
		STAILQ_INSERT_TAIL(&b->slow, p, entry);
	else
		send_reply(b, p);
}

/* All of them when keyd stops: they are recorded. */
void
broker_record_tick(struct broker *b)
{
	struct broker_pending *p, *next;

	for (p = STAILQ_FIRST(&b->slow); p != NULL; p = next) {
		next = STAILQ_NEXT(p, entry);
		if (p->due_ms > b->now_ms && !b->stopping)
			continue;
		STAILQ_REMOVE(&b->slow, p, broker_pending, entry);
		if (!broker_release_stands(b, p))
			make_error(p, ERR_DENIED,
			    "the session or its grant has ended before its keys"
			    " were due");
		send_reply(b, p);
	}
}

static void
deliver_all(struct broker *b, struct broker_pendings *list)
{
	struct broker_pending *p;

	while ((p = STAILQ_FIRST(list)) != NULL) {
		int state = atomic_load(&p->state);

		if (state == BROKER_QUEUED)
			return;
		STAILQ_REMOVE_HEAD(list, entry);
		deliver(b, p, state);
	}
}

void
broker_record_deliver(struct broker *b)
{
	deliver_all(b, &b->pending);
	deliver_all(b, &b->publishing);
}

/* The trail answers for everything, also when it has failed. */
static void
wait_settled(struct broker *b, const size_t *owed)
{
	pthread_mutex_lock(&b->mutex);
	while (*owed > 0)
		pthread_cond_wait(&b->settled, &b->mutex);
	pthread_mutex_unlock(&b->mutex);
}

int
broker_record_drain(struct broker *b)
{
	wait_settled(b, &b->owed);
	broker_record_deliver(b);
	return b->failed;
}

int
broker_record_finish(struct broker *b)
{
	broker_guard_flush(b);
	wait_settled(b, &b->owed_publish);
	broker_record_tick(b);
	return broker_record_drain(b);
}

void
broker_record_clear_list(struct broker_pendings *list)
{
	struct broker_pending *p;

	while ((p = STAILQ_FIRST(list)) != NULL) {
		STAILQ_REMOVE_HEAD(list, entry);
		pending_free(p);
	}
}

void
broker_record_clear(struct broker *b)
{
	wait_settled(b, &b->owed);
	wait_settled(b, &b->owed_publish);
	broker_record_clear_list(&b->pending);
	broker_record_clear_list(&b->publishing);
	broker_record_clear_list(&b->slow);
}

int
broker_record_wait(struct broker *b, struct entry *e)
{
	uint64_t index;
	int err = append(b, e, &index);

	if (err != 0)
		return err;
	err = trail_wait(b->how.trail, index);
	if (err != 0) {
		broker_record_failed(b, err, "the trail cannot be written");
		return ERR_IO;
	}
	/* What came before it is durable too, and goes first. */
	err = broker_record_drain(b);
	if (err == 0)
		err = apply(b, index, e->w.bytes, e->w.length);
	if (err == 0) {
		err = catalogue_flush(b->how.catalogue);
		if (err != 0)
			broker_record_failed(b, err,
			    "the catalogue cannot be written");
	}
	return err == 0 ? 0 : ERR_IO;
}
