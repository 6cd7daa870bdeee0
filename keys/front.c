/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "keys/announce.h"
#include "keys/front_state.h"
#include "keys/lookout.h"
#include "keys/verifier.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define TICK_US 1000000

int
front_failed(int code, const char *what)
{
	errno = -code;
	return log_sys("%s", what);
}

/* Whoever is at the door is let in before anybody leaves. */
void
front_settle(struct front *f)
{
	front_link_settle(f);
	if (f->broker != NULL && broker_failed(f->broker) != 0)
		sd_event_exit(f->loop, 1);
	if (f->leave && f->link_count == 0 && !front_listen_accept(f))
		sd_event_exit(f->loop, 0);
}

int
front_adopt(struct front *f, struct broker *b, int fd)
{
	f->broker = b;
	return front_link_new(f, fd);
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

static void
on_verifier(void *arg, const struct verifier_news *n)
{
	struct front *f = arg;

	if (f->broker != NULL) {
		broker_verified(f->broker, n);
		front_settle(f);
	}
}

static int
verify(void *arg, const struct verifier_job *job)
{
	const struct front *f = arg;
	OWNED_MEM(char) objects = NULL;

	if (asprintf(&objects, "%s/" VAULTDIR_OBJECTS, f->vault) < 0) {
		objects = NULL;
		return ERR_NOMEM;
	}
	return verifier_start(f->verifier, objects, job);
}

static void
verify_stop(void *arg)
{
	const struct front *f = arg;

	verifier_stop(f->verifier);
}

void
front_connect(struct front *f, struct broker_how *how)
{
	how->verify = verify;
	how->verify_stop = verify_stop;
	how->send = front_link_send;
	how->wake = wake;
	how->recorded = recorded;
	how->arg = f;
}

void
front_lookout(struct front *f, struct lookout_how *how)
{
	how->now_ms = clock_wall_ms();
	how->wake = wake;
	how->arg = f;
}

void
front_on_reload(struct front *f, void (*reload)(void *arg), void *arg)
{
	f->reload = reload;
	f->reload_arg = arg;
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
		front_settle(f);
	}
	return 0;
}

/* A ping stands for work: this loop has come round, and what records gets on.
 * A disk that hangs ends in the watchdog, not in a keyd that looks alive. */
static void
say_alive(const struct front *f)
{
	if (broker_moves(f->broker) && f->watched)
		sd_notify(0, "WATCHDOG=1");
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

	if (f->full && f->listening != NULL)
		sd_event_source_set_enabled(f->listening, SD_EVENT_ON);
	if (f->broker != NULL) {
		/* Should a wake have been lost, nobody waits for long. */
		broker_durable(f->broker);
		broker_tick(f->broker, clock_ms() - f->started_ms);
		say_alive(f);
		say_status(f);
		front_settle(f);
	}
	code = sd_event_source_set_time(source, now_us + TICK_US);
	if (code >= 0)
		code = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return code < 0 ? code : 0;
}

static int
on_reload(sd_event_source *source, const struct signalfd_siginfo *si, void *arg)
{
	struct front *f = arg;

	(void)source;
	(void)si;
	if (f->reload == NULL)
		return 0;
	f->reload(f->reload_arg);
	front_settle(f);
	return 0;
}

/* --- the loop --- */

static int
add_sources(struct front *f)
{
	uint64_t now;
	int code;

	code = sd_event_add_signal(f->loop, NULL, SIGHUP, on_reload, f);
	if (code >= 0)
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
	if (code >= 0)
		code = sd_event_add_io(f->loop, &f->turning, f->turn, EPOLLIN,
		    front_link_turn, f);
	if (code >= 0)
		code = sd_event_source_set_enabled(f->turning, SD_EVENT_OFF);
	return code < 0 ? front_failed(code, "set up the event loop") : 0;
}

int
front_new(struct front **out, const char *vault_path)
{
	OWNED(front) f = calloc(1, sizeof(*f));
	sigset_t ours;
	int code, err;

	if (f == NULL)
		return ERR_NOMEM;
	f->listener = -1;
	f->wake = -1;
	f->turn = -1;
	f->started_ms = clock_ms();
	f->watched = sd_watchdog_enabled(0, NULL) > 0;
	TAILQ_INIT(&f->links);
	TAILQ_INIT(&f->touched);
	TAILQ_INIT(&f->queue);
	/* Before any thread is there, so that none gets them. */
	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &ours, NULL) != 0)
		return log_sys("block signals");
	f->vault = strdup(vault_path);
	if (f->vault == NULL)
		return ERR_NOMEM;
	f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->turn = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->wake < 0 || f->turn < 0)
		return log_sys("eventfd");
	code = sd_event_new(&f->loop);
	if (code < 0)
		return front_failed(code, "make an event loop");
	err = add_sources(f);
	if (err == 0)
		err = verifier_new(&f->verifier, f->loop, on_verifier, f);
	if (err != 0)
		return err;
	*out = f;
	f = NULL;
	return 0;
}

void
front_close(struct front *f)
{
	front_link_drop_all(f);
	f->broker = NULL;
}

void
front_free(struct front *f)
{
	if (f == NULL)
		return;
	front_close(f);
	front_listen_end(f);
	verifier_free(f->verifier);
	sd_event_source_disable_unref(f->waking);
	sd_event_source_disable_unref(f->ticking);
	sd_event_source_disable_unref(f->turning);
	sd_event_unref(f->loop);
	if (f->wake >= 0)
		close(f->wake);
	if (f->turn >= 0)
		close(f->turn);
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
	broker_tick(b, clock_ms() - f->started_ms);
	front_settle(f); /* the client that started us may have gone already */
	code = sd_event_loop(f->loop);
	front_listen_end(f);
	f->leave = false;
	err = broker_failed(b);
	if (err == 0 && code < 0)
		err = front_failed(code, "the event loop");
	return err;
}
