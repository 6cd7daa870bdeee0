/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keys/frame.h"
#include "keys/front_state.h"
#include "keys/peer.h"
#include "vault/err.h"
#include "vault/log.h"

#define READ_SIZE (64U << 10)
#define IN_MAX (FRAME_BUFFER + READ_SIZE)
#define OUT_MAX (64U << 20) /* of one link; a peer that reads nothing */
#define OUT_HIGH (4U << 20) /* more is not read from a peer above this, */
#define WAITING_HIGH 256    /* nor above this many unanswered requests */
#define TURN 8		    /* requests of one link before the others' */

/* Something happened to it: settle is to look. */
static void
touch(struct front_link *l)
{
	if (l->is_touched)
		return;
	l->is_touched = true;
	TAILQ_INSERT_TAIL(&l->front->touched, l, touched);
}

static void
drop(struct front_link *l)
{
	struct front *f = l->front;

	TAILQ_REMOVE(&f->links, l, entry);
	if (l->is_touched)
		TAILQ_REMOVE(&f->touched, l, touched);
	if (l->is_queued)
		TAILQ_REMOVE(&f->queue, l, queued);
	f->link_count--;
	if (l->broker != NULL)
		broker_detach(l->broker);
	sd_event_source_disable_unref(l->source);
	close(l->fd);
	writer_free(&l->in);
	writer_free(&l->out);
	free(l);
}

/* Whether another request of this link may be taken now. */
static bool
has_room(const struct front_link *l)
{
	return l->out.length - l->sent < OUT_HIGH &&
	    broker_waiting(l->broker) < WAITING_HIGH &&
	    !broker_held_back(l->broker);
}

/* What the loop is to wait for on this connection.  Nothing, not even for a
 * hangup, while it is full: that would keep the loop awake. */
static void
watch(struct front_link *l)
{
	struct front *f = l->front;
	bool room = has_room(l);
	uint32_t events = 0;

	if (l->out.length > l->sent)
		events |= EPOLLOUT;
	if (room && !l->more)
		events |= EPOLLIN;
	if (room && l->more && !l->is_queued) {
		l->is_queued = true;
		TAILQ_INSERT_TAIL(&f->queue, l, queued);
		sd_event_source_set_enabled(f->turning, SD_EVENT_ON);
	}
	if (sd_event_source_set_io_events(l->source, events) < 0 ||
	    sd_event_source_set_enabled(l->source,
		events != 0 ? SD_EVENT_ON : SD_EVENT_OFF) < 0)
		l->dead = true;
}

/* Send what the socket takes. */
static void
flush(struct front_link *l)
{
	while (!l->dead && l->sent < l->out.length) {
		ssize_t n = send(l->fd, l->out.bytes + l->sent,
		    l->out.length - l->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			l->dead = true;
		else
			l->sent += (size_t)n;
	}
	if (l->sent == l->out.length) {
		writer_reset(&l->out); /* wipes: there were keys in it */
		l->sent = 0;
	}
}

/* A peer that always has something coming never finds the buffer empty. */
static void
compact(struct front_link *l)
{
	size_t left = l->out.length - l->sent;

	if (l->sent < OUT_HIGH)
		return;
	memmove(l->out.bytes, l->out.bytes + l->sent, left);
	explicit_bzero(l->out.bytes + left, l->sent);
	l->out.length = left;
	l->sent = 0;
}

void
front_link_send(void *arg, const void *bytes, size_t n)
{
	struct front_link *l = arg;

	compact(l);
	writer_bytes(&l->out, bytes, n);
	if (!writer_ok(&l->out))
		l->dead = true; /* it asks, and does not read the answers */
	flush(l);
	touch(l);
}

/* Hand whole frames in l->in to the broker: those of one turn.  False: not ours
 * to serve. */
static bool
take_frames(struct front_link *l)
{
	size_t at = 0, used = 1;

	for (int i = 0; used > 0 && i < TURN && !l->dead && has_room(l); i++) {
		struct frame frame;

		if (frame_parse(&frame, l->in.bytes + at, l->in.length - at,
			&used) != 0)
			return false;
		if (used > 0 && broker_request(l->broker, &frame) != 0)
			return false;
		at += used;
	}
	l->more = used > 0;
	if (at > 0) {
		size_t left = l->in.length - at;

		memmove(l->in.bytes, l->in.bytes + at, left);
		explicit_bzero(l->in.bytes + left, at);
		l->in.length = left;
	}
	return true;
}

static bool
receive(struct front_link *l)
{
	uint8_t *at = writer_room(&l->in, READ_SIZE);
	ssize_t n;

	if (at == NULL)
		return false;
	l->in.length -= READ_SIZE;
	n = recv(l->fd, at, READ_SIZE, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	l->in.length += (size_t)n;
	return take_frames(l);
}

void
front_link_settle(struct front *f)
{
	struct front_link *l;

	while ((l = TAILQ_FIRST(&f->touched)) != NULL) {
		TAILQ_REMOVE(&f->touched, l, touched);
		l->is_touched = false;
		if (l->dead)
			drop(l);
		else
			watch(l);
	}
}

static int
on_link(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct front_link *l = arg;
	struct front *f = l->front;

	(void)source;
	(void)fd;
	touch(l);
	if ((events & EPOLLOUT) != 0)
		flush(l);
	/* A peer that hangs up may have sent something before. */
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !l->more &&
	    !receive(l))
		l->dead = true;
	front_settle(f);
	return 0;
}

/* One turn of whoever has waited longest for it. */
int
front_link_turn(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct front *f = arg;
	struct front_link *l = TAILQ_FIRST(&f->queue);
	int code;

	(void)fd;
	(void)events;
	if (l == NULL) {
		code = sd_event_source_set_enabled(source, SD_EVENT_OFF);
		return code < 0 ? code : 0;
	}
	TAILQ_REMOVE(&f->queue, l, queued);
	l->is_queued = false;
	touch(l);
	if (!take_frames(l))
		l->dead = true;
	front_settle(f);
	return 0;
}

static size_t
links_of(const struct front *f, uid_t uid)
{
	const struct front_link *l;
	size_t n = 0;

	TAILQ_FOREACH(l, &f->links, entry)
		n += l->uid == uid;
	return n;
}

static int
make_link(struct front *f, int fd, const struct peer *peer)
{
	struct front_link *l = calloc(1, sizeof(*l));
	int code;

	if (l == NULL) {
		close(fd);
		return ERR_NOMEM;
	}
	l->front = f;
	l->fd = fd;
	l->uid = peer->uid;
	l->in = writer_of(IN_MAX);
	l->out = writer_of(OUT_MAX);
	TAILQ_INSERT_TAIL(&f->links, l, entry);
	f->link_count++;
	code = broker_attach(f->broker, peer, l, &l->broker);
	if (code != 0) {
		drop(l);
		return code;
	}
	code = sd_event_add_io(f->loop, &l->source, fd, EPOLLIN, on_link, l);
	if (code < 0) {
		drop(l);
		return front_failed(code, "add a connection to the loop");
	}
	return 0;
}

/* Whether there is room for one more of this user. */
static bool
has_place(const struct front *f, uid_t uid)
{
	size_t most = FRONT_LINKS_MAX;

	if (uid != 0 && uid != geteuid())
		most -= FRONT_LINKS_KEPT;
	return f->link_count < most && links_of(f, uid) < FRONT_LINKS_OF_UID;
}

int
front_link_new(struct front *f, int fd)
{
	struct peer peer;
	int err = peer_of(&peer, fd);

	if (err == 0 && !has_place(f, peer.uid))
		err = log_err(ERR_LIMIT,
		    "uid %ju has too many connections: one more was dropped",
		    (uintmax_t)peer.uid);
	if (err != 0) {
		close(fd);
		return err;
	}
	return make_link(f, fd, &peer);
}

void
front_link_drop_all(struct front *f)
{
	struct front_link *l;

	while ((l = TAILQ_FIRST(&f->links)) != NULL) {
		flush(l);
		drop(l);
	}
}
