/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/front.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "keys/announce.h"
#include "keys/frame.h"
#include "keys/peer.h"
#include "vault/err.h"
#include "vault/log.h"

#define BACKLOG 128
#define READ_SIZE (64U << 10)
#define IN_MAX (FRAME_BUFFER + READ_SIZE)
#define OUT_MAX (64U << 20) /* of one link; a peer that reads nothing */
#define OUT_HIGH (4U << 20) /* more is not read from a peer above this, */
#define WAITING_HIGH 256    /* nor above this many unanswered requests */
#define TICK_US 1000000

/* A connection. */
struct link {
	TAILQ_ENTRY(link) entry;
	TAILQ_ENTRY(link) touched;
	struct front *front;
	int fd;
	uid_t uid;
	sd_event_source *source;
	struct broker_link *broker;
	struct writer in;
	struct writer out;
	size_t sent; /* of out */
	bool dead;   /* to be dropped when the stack has unwound */
	bool is_touched;
};

struct front {
	sd_event *loop;
	struct broker *broker; /* borrowed, while it runs */
	char *vault;
	struct file *run; /* the directory of the socket; NULL: not there */
	int listener;
	int wake; /* eventfd */
	sd_event_source *listening, *waking, *ticking;
	TAILQ_HEAD(link_list, link) links;
	TAILQ_HEAD(touched_list, link) touched; /* to be looked at by settle */
	size_t link_count;
	bool leave;
	int64_t started_ms;
};

static int
loop_failed(int code, const char *what)
{
	errno = -code;
	return log_sys("%s", what);
}

static int64_t
monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- connections --- */

/* Something happened to it: settle is to look. */
static void
touch(struct link *l)
{
	if (l->is_touched)
		return;
	l->is_touched = true;
	TAILQ_INSERT_TAIL(&l->front->touched, l, touched);
}

static void
drop(struct link *l)
{
	struct front *f = l->front;

	TAILQ_REMOVE(&f->links, l, entry);
	if (l->is_touched)
		TAILQ_REMOVE(&f->touched, l, touched);
	f->link_count--;
	if (l->broker != NULL)
		broker_detach(l->broker);
	sd_event_source_disable_unref(l->source);
	close(l->fd);
	writer_free(&l->in);
	writer_free(&l->out);
	free(l);
}

/* What the loop is to wait for on this connection. */
static void
watch(struct link *l)
{
	uint32_t events = 0;
	size_t unsent = l->out.length - l->sent;

	if (unsent > 0)
		events |= EPOLLOUT;
	if (unsent < OUT_HIGH && broker_waiting(l->broker) < WAITING_HIGH)
		events |= EPOLLIN;
	if (sd_event_source_set_io_events(l->source, events) < 0)
		l->dead = true;
}

/* Send what the socket takes. */
static void
flush(struct link *l)
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

static void
send_frame(void *arg, const void *bytes, size_t n)
{
	struct link *l = arg;

	writer_bytes(&l->out, bytes, n);
	if (!writer_ok(&l->out))
		l->dead = true; /* it asks, and does not read the answers */
	flush(l);
	touch(l);
}

/* Hand the whole frames in l->in to the broker.  False: not ours to serve. */
static bool
take_frames(struct link *l)
{
	size_t at = 0, used = 1;

	while (used > 0 && !l->dead) {
		struct frame frame;

		if (frame_parse(&frame, l->in.bytes + at, l->in.length - at,
			&used) != 0)
			return false;
		if (used > 0 && broker_request(l->broker, &frame) != 0)
			return false;
		at += used;
	}
	if (at > 0) {
		size_t left = l->in.length - at;

		memmove(l->in.bytes, l->in.bytes + at, left);
		explicit_bzero(l->in.bytes + left, at);
		l->in.length = left;
	}
	return true;
}

static bool
receive(struct link *l)
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

static bool accept_one(struct front *f);

/*
 * After anything that may have changed connections: watch what is left of
 * them, and see whether it is time to go.  Whoever is at the door is let in
 * first.
 */
static void
settle(struct front *f)
{
	struct link *l;

	while ((l = TAILQ_FIRST(&f->touched)) != NULL) {
		TAILQ_REMOVE(&f->touched, l, touched);
		l->is_touched = false;
		if (l->dead)
			drop(l);
		else
			watch(l);
	}
	if (f->broker != NULL && broker_failed(f->broker) != 0)
		sd_event_exit(f->loop, 1);
	if (f->leave && f->link_count == 0 && !accept_one(f))
		sd_event_exit(f->loop, 0);
}

static int
on_link(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct link *l = arg;
	struct front *f = l->front;

	(void)source;
	(void)fd;
	touch(l);
	if ((events & EPOLLOUT) != 0)
		flush(l);
	/* A peer that hangs up may have sent something before. */
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && !receive(l))
		l->dead = true;
	settle(f);
	return 0;
}

static size_t
links_of(const struct front *f, uid_t uid)
{
	const struct link *l;
	size_t n = 0;

	TAILQ_FOREACH(l, &f->links, entry)
		n += l->uid == uid;
	return n;
}

static int
make_link(struct front *f, int fd, const struct peer *peer)
{
	struct link *l = calloc(1, sizeof(*l));
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
		return loop_failed(code, "add a connection to the loop");
	}
	return 0;
}

/* The socket is taken over, whatever becomes of it. */
static int
serve(struct front *f, int fd)
{
	struct peer peer;
	int err = peer_of(&peer, fd);

	if (err == 0 &&
	    (f->link_count >= FRONT_LINKS_MAX ||
		links_of(f, peer.uid) >= FRONT_LINKS_OF_UID))
		err = log_err(ERR_LIMIT,
		    "uid %ju has too many connections: one more was dropped",
		    (uintmax_t)peer.uid);
	if (err != 0) {
		close(fd);
		return err;
	}
	return make_link(f, fd, &peer);
}

int
front_adopt(struct front *f, struct broker *b, int fd)
{
	f->broker = b;
	return serve(f, fd);
}

/* --- the listening socket --- */

/* Whether a connection came of it. */
static bool
accept_one(struct front *f)
{
	int fd;

	if (f->listener < 0)
		return false;
	fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		return serve(f, fd) == 0;
	if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		log_sys("accept");
	return false;
}

static int
on_listener(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct front *f = arg;

	(void)source;
	(void)fd;
	(void)events;
	accept_one(f);
	settle(f);
	return 0;
}

static int
bind_socket(struct front *f, mode_t mode)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (unlinkat(f->run->fd, VAULTDIR_SOCKET, 0) != 0 && errno != ENOENT)
		return log_sys("remove the socket of a keyd that was killed");
	f->listener = socket(AF_UNIX,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->listener < 0)
		return log_sys("socket");
	/* However long the vault's path is, this one fits. */
	snprintf(address.sun_path, sizeof(address.sun_path),
	    "/proc/self/fd/%d/" VAULTDIR_SOCKET, f->run->fd);
	if (bind(f->listener, (const struct sockaddr *)&address,
		sizeof(address)) != 0)
		return log_sys("bind '%s/" VAULTDIR_SOCKET "'", f->run->name);
	if (fchmodat(f->run->fd, VAULTDIR_SOCKET, mode, 0) != 0)
		return log_sys("chmod '%s/" VAULTDIR_SOCKET "'", f->run->name);
	if (listen(f->listener, BACKLOG) != 0)
		return log_sys("listen");
	return 0;
}

int
front_listen(struct front *f, const struct file *vault, bool service)
{
	int err, code;

	err = file_mkdir(vault, VAULTDIR_RUN, 0700);
	if (err == 0)
		err = file_open(&f->run, vault, VAULTDIR_RUN,
		    O_RDONLY | O_DIRECTORY, 0);
	if (err != 0)
		return err;
	if (fchmod(f->run->fd, service ? 0755 : 0700) != 0)
		return log_sys("chmod '%s'", f->run->name);
	err = bind_socket(f, service ? 0666 : 0600);
	if (err != 0)
		return err;
	code = sd_event_add_io(f->loop, &f->listening, f->listener, EPOLLIN,
	    on_listener, f);
	return code < 0 ? loop_failed(code, "add the socket to the loop") : 0;
}

static void
stop_listening(struct front *f)
{
	f->listening = sd_event_source_disable_unref(f->listening);
	if (f->listener < 0)
		return;
	if (unlinkat(f->run->fd, VAULTDIR_SOCKET, 0) != 0 && errno != ENOENT)
		log_sys("remove '%s/" VAULTDIR_SOCKET "'", f->run->name);
	close(f->listener);
	f->listener = -1;
}

/* --- the broker's side --- */

static void
wake(void *arg)
{
	const struct front *f = arg;
	const uint64_t one = 1;

	/* EAGAIN: it is awake already. */
	if (write(f->wake, &one, sizeof(one)) < 0)
		return;
}

static void
recorded(void *arg, uint64_t index, const struct entry_view *e)
{
	const struct front *f = arg;

	announce_entry(f->vault, index, e);
}

void
front_connect(struct front *f, struct broker_how *how)
{
	how->send = send_frame;
	how->wake = wake;
	how->recorded = recorded;
	how->arg = f;
}

static int
on_wake(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct front *f = arg;
	uint64_t count;

	(void)source;
	(void)events;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return log_sys("read an eventfd");
	if (f->broker != NULL) {
		broker_durable(f->broker);
		settle(f);
	}
	return 0;
}

static void
say_status(const struct front *f)
{
	sd_notifyf(0, "STATUS=%zu connections, %zu sessions", f->link_count,
	    broker_sessions(f->broker));
}

static int
on_tick(sd_event_source *source, uint64_t now_us, void *arg)
{
	struct front *f = arg;
	int code;

	if (f->broker != NULL) {
		/* Should a wake have been lost, nobody waits for long. */
		broker_durable(f->broker);
		broker_tick(f->broker, monotonic_ms() - f->started_ms);
		say_status(f);
		settle(f);
	}
	code = sd_event_source_set_time(source, now_us + TICK_US);
	if (code >= 0)
		code = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return code < 0 ? code : 0;
}

/* --- the loop --- */

static int
add_sources(struct front *f)
{
	uint64_t now;
	int code;

	code = sd_event_add_signal(f->loop, NULL, SIGTERM, NULL, NULL);
	if (code >= 0)
		code = sd_event_add_signal(f->loop, NULL, SIGINT, NULL, NULL);
	if (code >= 0)
		code = sd_event_add_io(f->loop, &f->waking, f->wake, EPOLLIN,
		    on_wake, f);
	if (code >= 0)
		code = sd_event_now(f->loop, CLOCK_MONOTONIC, &now);
	if (code >= 0)
		code = sd_event_add_time(f->loop, &f->ticking, CLOCK_MONOTONIC,
		    now + TICK_US, 0, on_tick, f);
	/* Pings come from the loop itself: it has to come round. */
	if (code >= 0)
		code = sd_event_set_watchdog(f->loop, 1);
	return code < 0 ? loop_failed(code, "set up the event loop") : 0;
}

int
front_new(struct front **out, const char *vault_path)
{
	OWNED(front) f = calloc(1, sizeof(*f));
	sigset_t ends;
	int code, err;

	if (f == NULL)
		return ERR_NOMEM;
	f->listener = -1;
	f->wake = -1;
	f->started_ms = monotonic_ms();
	TAILQ_INIT(&f->links);
	TAILQ_INIT(&f->touched);
	/* Before any thread is there, so that none gets them. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	if (sigprocmask(SIG_BLOCK, &ends, NULL) != 0)
		return log_sys("block signals");
	f->vault = strdup(vault_path);
	if (f->vault == NULL)
		return ERR_NOMEM;
	f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->wake < 0)
		return log_sys("eventfd");
	code = sd_event_new(&f->loop);
	if (code < 0)
		return loop_failed(code, "make an event loop");
	err = add_sources(f);
	if (err != 0)
		return err;
	*out = f;
	f = NULL;
	return 0;
}

void
front_close(struct front *f)
{
	struct link *l;

	while ((l = TAILQ_FIRST(&f->links)) != NULL) {
		flush(l);
		drop(l);
	}
	f->broker = NULL;
}

void
front_free(struct front *f)
{
	if (f == NULL)
		return;
	front_close(f);
	stop_listening(f);
	sd_event_source_disable_unref(f->waking);
	sd_event_source_disable_unref(f->ticking);
	sd_event_unref(f->loop);
	if (f->wake >= 0)
		close(f->wake);
	file_free(f->run);
	free(f->vault);
	free(f);
}

int
front_run(struct front *f, struct broker *b, bool leave)
{
	int code, err;

	f->broker = b;
	f->leave = leave;
	broker_tick(b, monotonic_ms() - f->started_ms);
	settle(f); /* the client that started us may have gone already */
	code = sd_event_loop(f->loop);
	stop_listening(f);
	f->leave = false;
	err = broker_failed(b);
	if (err == 0 && code < 0)
		err = loop_failed(code, "the event loop");
	return err;
}
