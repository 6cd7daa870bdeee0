/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keys/frame.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/secret.h"

#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 2000
#define CHUNK_SIZE (64U << 10) /* bytes received at once */
#define RESUME_ID 1

struct call {
	TAILQ_ENTRY(call) link;
	uint64_t id;
	int64_t asked_ms;
	struct writer frame;
	size_t sent; /* bytes of it on this connection */
	link_answered *answered;
	void *arg;
};
TAILQ_HEAD(call_list, call);

struct link {
	struct link_how how;
	int wake; /* eventfd */
	pthread_t thread;
	bool started;

	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t drained;
	struct call_list calls; /* not answered, in order */
	size_t busy;		/* callbacks that run */
	uint64_t next_id;
	int attached;	    /* a connection to go over to, or -1 */
	bool asked;	    /* for one, and no answer yet */
	int64_t away_since; /* 0: keyd is there */
	bool stop;

	/* of the link's thread alone */
	int fd;
	bool resumed;
	int64_t resumed_at;
	struct call *resume;
	struct writer in;
	int64_t retry_at;
	int retry_ms;
	bool told; /* that keyd was lost */
	bool ended;
};

static void
call_free(struct call *c)
{
	if (c == NULL)
		return;
	writer_free(&c->frame);
	free(c);
}

static int
call_new(struct call **out, enum msg_type type, uint64_t id,
    const struct writer *body)
{
	struct call *c = calloc(1, sizeof(*c));
	int err;

	if (c == NULL)
		return ERR_NOMEM;
	c->id = id;
	c->asked_ms = clock_ms();
	c->frame = writer_of(FRAME_BUFFER);
	frame_begin(&c->frame, (uint16_t)type, id);
	if (body != NULL)
		writer_bytes(&c->frame, body->bytes, body->length);
	err = frame_end(&c->frame);
	if (err != 0) {
		call_free(c);
		return err;
	}
	*out = c;
	return 0;
}

int
link_new(struct link **out, const struct link_how *how)
{
	struct link *l = calloc(1, sizeof(*l));
	pthread_condattr_t attr;

	if (l == NULL)
		return ERR_NOMEM;
	l->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->wake < 0) {
		free(l);
		return log_sys("eventfd");
	}
	l->how = *how;
	l->next_id = RESUME_ID + 1;
	l->attached = l->fd = -1;
	l->retry_ms = RETRY_MIN_MS;
	l->away_since = clock_ms();
	l->in = writer_of(FRAME_BUFFER + CHUNK_SIZE);
	TAILQ_INIT(&l->calls);
	pthread_mutex_init(&l->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->drained, &attr);
	pthread_condattr_destroy(&attr);
	*out = l;
	return 0;
}

static void
wake(struct link *l)
{
	const uint64_t one = 1;

	/* A full counter wakes as well. */
	if (write(l->wake, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN);
}

void
link_attach(struct link *l, int fd)
{
	{
		LOCKED(lock, &l->mutex);

		l->asked = false;
		if (fd >= 0) {
			if (l->attached >= 0)
				close(l->attached);
			l->attached = fd;
		}
	}
	wake(l);
}

int
link_call(struct link *l, enum msg_type type, const struct writer *body,
    link_answered *answered, void *arg)
{
	{
		LOCKED(lock, &l->mutex);
		struct call *c;
		int err = call_new(&c, type, l->next_id, body);

		if (err != 0)
			return err;
		l->next_id++;
		c->answered = answered;
		c->arg = arg;
		TAILQ_INSERT_TAIL(&l->calls, c, link);
	}
	wake(l);
	return 0;
}

int64_t
link_silent_ms(struct link *l)
{
	LOCKED(lock, &l->mutex);
	const struct call *first = TAILQ_FIRST(&l->calls);
	int64_t since = l->away_since;

	if (first != NULL && (since == 0 || first->asked_ms < since))
		since = first->asked_ms;
	return since != 0 ? clock_ms() - since : 0;
}

bool
link_drain(struct link *l, uint32_t timeout_ms)
{
	const struct timespec end = clock_timespec(clock_ms() + timeout_ms);
	LOCKED(lock, &l->mutex);

	while (!TAILQ_EMPTY(&l->calls) || l->busy > 0)
		if (pthread_cond_timedwait(&l->drained, &l->mutex, &end) != 0)
			return false;
	return true;
}

/* Answer a call that was taken out of the list, and free it. */
static void
answer(struct link *l, struct call *c, const struct link_answer *a)
{
	if (c->answered != NULL)
		c->answered(c->arg, a);
	call_free(c);

	LOCKED(lock, &l->mutex);

	l->busy--;
	if (TAILQ_EMPTY(&l->calls) && l->busy == 0)
		pthread_cond_broadcast(&l->drained);
}

/* Take the call with this id out of the list; NULL: there is none. */
static struct call *
take_call(struct link *l, uint64_t id)
{
	LOCKED(lock, &l->mutex);
	struct call *c;

	TAILQ_FOREACH(c, &l->calls, link)
		if (c->id == id)
			break;
	if (c != NULL) {
		TAILQ_REMOVE(&l->calls, c, link);
		l->busy++;
	}
	return c;
}

/* The connection is of no use any more: another one is needed. */
static void
drop_connection(struct link *l)
{
	if (l->fd < 0)
		return;
	close(l->fd);
	l->fd = -1;
	/* Another one at once, unless this one was of no use from the start. */
	if (l->resumed && clock_ms() - l->resumed_at >= RETRY_MAX_MS) {
		l->retry_at = clock_ms();
		l->retry_ms = RETRY_MIN_MS;
	}
	l->resumed = false;
	call_free(l->resume);
	l->resume = NULL;
	writer_free(&l->in);

	LOCKED(lock, &l->mutex);
	struct call *c;

	TAILQ_FOREACH(c, &l->calls, link)
		c->sent = 0;
	if (!l->told && !l->stop)
		log_warn("keyd has gone; reads of new parts wait for it");
	l->told = true;
	if (l->away_since == 0)
		l->away_since = clock_ms();
}

static void
end_session(struct link *l, const char *reason)
{
	if (l->ended)
		return;
	l->ended = true;
	l->how.ended(l->how.arg, reason);
}

/* Go over to the connection that was attached. */
static void
adopt_connection(struct link *l)
{
	struct msg_session_resume m = { .session = l->how.session };
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX);
	int fd;

	{
		LOCKED(lock, &l->mutex);

		fd = l->attached;
		l->attached = -1;
	}
	if (fd < 0)
		return;
	drop_connection(l);
	l->fd = fd;
	memcpy(m.token, l->how.token, sizeof(m.token));
	msg_session_resume_write(&body, &m);
	secret_wipe(&m, sizeof(m));
	if (call_new(&l->resume, MSG_SESSION_RESUME, RESUME_ID, &body) != 0)
		drop_connection(l);
}

/* Send what there is room for.  False: the connection broke. */
static bool
send_call(struct link *l, struct call *c)
{
	while (c->sent < c->frame.length) {
		ssize_t n = send(l->fd, c->frame.bytes + c->sent,
		    c->frame.length - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		c->sent += (size_t)n;
	}
	return true;
}

static bool
send_calls(struct link *l)
{
	if (!l->resumed)
		return send_call(l, l->resume);

	LOCKED(lock, &l->mutex);
	struct call *c;

	TAILQ_FOREACH(c, &l->calls, link) {
		if (!send_call(l, c))
			return false;
		if (c->sent < c->frame.length)
			break;
	}
	return true;
}

/* Whether bytes are left that did not fit into the socket. */
static bool
unsent(struct link *l)
{
	LOCKED(lock, &l->mutex);
	struct call *last = TAILQ_LAST(&l->calls, call_list);

	if (l->fd < 0)
		return false;
	if (!l->resumed)
		return l->resume->sent < l->resume->frame.length;
	return last != NULL && last->sent < last->frame.length;
}

/* The answer to session.resume.  False: the connection is of no use. */
static bool
on_resumed(struct link *l, int err, const char *sentence)
{
	if (err == ERR_DENIED || err == ERR_NOT_FOUND) {
		end_session(l, sentence);
		return false;
	}
	if (err != 0)
		return false;
	l->resumed = true;
	l->resumed_at = clock_ms();
	{
		LOCKED(lock, &l->mutex);

		l->away_since = 0;
	}
	if (l->told)
		log_info("keyd is back; the session goes on");
	l->told = false;
	return true;
}

static bool
on_reply(struct link *l, const struct frame *f)
{
	struct reader r = reader_of(f->body, f->length);
	OWNED_MEM(char) sentence = NULL;
	struct call *c;
	int status = 0;

	if (msg_status_read(&r, &status, &sentence) != 0)
		return false;
	if (!l->resumed)
		return f->id == RESUME_ID && on_resumed(l, status, sentence);
	c = take_call(l, f->id);
	if (c == NULL)
		return true; /* of a call that was given up */

	const struct link_answer a = { .err = status,
		.sentence = sentence,
		.fields = status == 0 ? &r : NULL };

	answer(l, c, &a);
	return true;
}

static bool
on_event(struct link *l, const struct frame *f)
{
	struct reader r = reader_of(f->body, f->length);
	struct msg_id_reason m;

	if (f->type != MSG_EVENT_SESSION_ENDED)
		return true;
	if (msg_id_reason_read(&m, &r) != 0)
		return false;
	if (m.id == l->how.session)
		end_session(l, m.reason);
	msg_id_reason_clear(&m);
	return true;
}

static bool
on_frame(struct link *l, const struct frame *f)
{
	if ((f->type & FRAME_REPLY) != 0)
		return on_reply(l, f);
	if ((f->type & FRAME_EVENT) != 0)
		return on_event(l, f);
	return false;
}

/* Handle each whole frame in the buffer and keep what is left. */
static bool
parse_frames(struct link *l)
{
	size_t at = 0;

	for (;;) {
		struct frame f;
		size_t used;

		if (frame_parse(&f, l->in.bytes + at, l->in.length - at,
			&used) != 0)
			return false;
		if (used == 0)
			break;
		at += used;
		if (!on_frame(l, &f))
			return false;
	}
	memmove(l->in.bytes, l->in.bytes + at, l->in.length - at);
	secret_wipe(l->in.bytes + (l->in.length - at), at);
	l->in.length -= at;
	return true;
}

static bool
receive(struct link *l)
{
	uint8_t *room = writer_room(&l->in, CHUNK_SIZE);
	ssize_t n;

	if (room == NULL)
		return false;
	n = recv(l->fd, room, CHUNK_SIZE, MSG_DONTWAIT);
	l->in.length -= CHUNK_SIZE - (n > 0 ? (size_t)n : 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	return n > 0 && parse_frames(l);
}

/* Ask for a connection when there is none; *wait is until the next time. */
static void
ask(struct link *l, int *wait)
{
	int64_t now = clock_ms();

	if (l->fd >= 0 || l->ended)
		return;
	{
		LOCKED(lock, &l->mutex);

		if (l->asked || l->attached >= 0)
			return;
		if (now < l->retry_at) {
			*wait = (int)(l->retry_at - now);
			return;
		}
		l->asked = true;
	}
	l->retry_at = now + l->retry_ms;
	l->retry_ms = l->retry_ms * 2 < RETRY_MAX_MS ? l->retry_ms * 2 :
						       RETRY_MAX_MS;
	l->how.want(l->how.arg);
}

/* Nobody will answer what is left. */
static void
answer_rest(struct link *l)
{
	const struct link_answer a = { .err = ERR_UNREACHABLE };

	for (;;) {
		struct call *c;

		{
			LOCKED(lock, &l->mutex);

			c = TAILQ_FIRST(&l->calls);
			if (c == NULL)
				return;
			TAILQ_REMOVE(&l->calls, c, link);
			l->busy++;
		}
		answer(l, c, &a);
	}
}

static bool
stopping(struct link *l)
{
	LOCKED(lock, &l->mutex);

	return l->stop;
}

static void
turn(struct link *l)
{
	struct pollfd polls[2] = { { .fd = l->wake, .events = POLLIN } };
	int wait = -1;
	uint64_t count;

	adopt_connection(l);
	if (l->fd >= 0 && !send_calls(l))
		drop_connection(l);
	if (l->ended && l->fd < 0)
		answer_rest(l);
	ask(l, &wait);
	polls[1].fd = l->fd;
	polls[1].events = (short)(POLLIN | (unsent(l) ? POLLOUT : 0));
	if (poll(polls, 2, wait) < 0)
		return;
	if (polls[0].revents != 0 && read(l->wake, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN);
	if (l->fd >= 0 && (polls[1].revents & (POLLIN | POLLERR | POLLHUP)) &&
	    !receive(l))
		drop_connection(l);
}

static void *
run(void *arg)
{
	struct link *l = arg;

	while (!stopping(l))
		turn(l);
	return NULL;
}

int
link_start(struct link *l)
{
	int errnum = pthread_create(&l->thread, NULL, run, l);

	if (errnum != 0)
		return log_err(ERR_NOMEM, "no thread: %s",
		    strerrordesc_np(errnum));
	l->started = true;
	return 0;
}

void
link_stop(struct link *l)
{
	{
		LOCKED(lock, &l->mutex);

		l->stop = true;
	}
	wake(l);
	if (l->started)
		pthread_join(l->thread, NULL);
	l->started = false;
}

void
link_free(struct link *l)
{
	if (l == NULL)
		return;
	link_stop(l);
	drop_connection(l);
	answer_rest(l);
	if (l->attached >= 0)
		close(l->attached);
	close(l->wake);
	writer_free(&l->in);
	secret_wipe(l->how.token, sizeof(l->how.token));
	pthread_cond_destroy(&l->drained);
	pthread_mutex_destroy(&l->mutex);
	free(l);
}
