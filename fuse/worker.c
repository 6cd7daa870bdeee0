/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/worker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fuse/daemon.h"
#include "fuse/worker_state.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define TICK_MS 1000
#define LINES 10 /* alike, in ten seconds */
#define STEP_MS 20
#define TELL_MS 2000	/* the monitor hears of an end by then */
#define FORGET_MS 60000 /* for the kernel to drop what it keeps */

/* Wait for the descriptor of the mount. */
static int
take_mount(struct worker *w)
{
	char path[32];

	for (;;) {
		OWNED_CONTROL m = control_of(0);
		int err = control_receive(w->control, &m);

		if (err != 0)
			return err;
		if (m.type == CONTROL_STOP)
			return ERR_UNREACHABLE;
		if (m.type == CONTROL_KEYD) {
			link_attach(w->link, m.fds[0]);
			m.fds[0] = -1;
		}
		if (m.type != CONTROL_MOUNTED || m.fds[0] < 0)
			continue;
		snprintf(path, sizeof(path), "/dev/fd/%d", m.fds[0]);
		if (fuse_session_mount(w->se, path) != 0)
			return log_err(ERR_IO, "libfuse does not take '%s'",
			    path);
		m.fds[0] = -1; /* the session's */
		return 0;
	}
}

/* INIT is answered before there are other threads: when this returns, the
 * kernel knows what it may ask for. */
static int
answer_init(struct worker *w)
{
	struct fuse_buf buf = { 0 };
	bool more = true;

	while (more && !atomic_load(&w->ops.ready))
		more = ops_serve(w->se, &buf);
	free(buf.mem);
	return more ? 0 : log_err(ERR_IO, "the mount was gone before it began");
}

static void *
serve(void *arg)
{
	struct worker *w = arg;
	struct fuse_buf buf = { 0 };

	while (ops_serve(w->se, &buf))
		;
	free(buf.mem);
	atomic_fetch_sub(&w->serving, 1);
	worker_notice(w);
	return NULL;
}

static int
start(struct worker *w)
{
	int err = reads_start(w->reads);

	while (err == 0 && w->server_count < WORKER_SERVERS) {
		atomic_fetch_add(&w->serving, 1);
		if (pthread_create(&w->servers[w->server_count], NULL, serve,
			w) != 0)
			return log_err(ERR_NOMEM, "no thread to serve with");
		w->server_count++;
	}
	return err != 0 ? err : control_say(w->control, CONTROL_READY, 0);
}

/* Tell the monitor that keyd ended the session. */
static void
tell_ended(struct worker *w)
{
	OWNED_CONTROL m = control_of(CONTROL_ENDED);
	LOCKED(lock, &w->mutex);

	w->ended_told = true;
	if (w->reason != NULL)
		writer_bytes(&m.body, w->reason, strlen(w->reason));
	if (control_send(w->control, &m) != 0)
		log_error("the session has ended, and the monitor is gone");
}

/* The monitor unmounts when it hears of the end: not before the kernel has
 * dropped what it keeps, unless that takes long. */
static void
see_to_end(struct worker *w)
{
	if (!atomic_load(&w->ended) || w->ended_told)
		return;
	forget_begin(&w->forget);
	if (forget_for(&w->forget, TELL_MS))
		tell_ended(w);
}

static void
learn_exe(struct worker *w, const struct control *m)
{
	struct reader r = reader_of(m->body.bytes, m->body.length);
	uint32_t process = (uint32_t)(m->number >> 32);
	struct control_exe exe;

	if (control_exe_read(&exe, &r) != 0)
		return;
	report_exe(w->report, (uint32_t)m->number, process, exe.path);
	if (exe.asked)
		report_program(w->report,
		    process != 0 ? process : (uint32_t)m->number, exe.path,
		    exe.seen ? &exe.digest : NULL);
	free(exe.path);
}

enum order { ORDER_GO_ON, ORDER_STOP, ORDER_NONE };

/* A message from the monitor.  ORDER_NONE: it has gone. */
static enum order
obey(struct worker *w)
{
	OWNED_CONTROL m = control_of(0);

	if (control_receive(w->control, &m) != 0)
		return ORDER_NONE;
	if (m.type == CONTROL_STOP)
		return ORDER_STOP;
	if (m.type == CONTROL_KEYD) {
		link_attach(w->link, m.fds[0]);
		m.fds[0] = -1;
	}
	if (m.type == CONTROL_EXE)
		learn_exe(w, &m);
	if (m.type == CONTROL_DETACH)
		daemon_detach(STDIN_FILENO, w->journal);
	return ORDER_GO_ON;
}

/* Until there is nobody left to serve. */
static void
attend(struct worker *w)
{
	struct pollfd polls[2] = {
		{ .fd = w->control, .events = POLLIN },
		{ .fd = w->event, .events = POLLIN },
	};
	int64_t flushed = 0;

	while (atomic_load(&w->serving) > 0) {
		uint64_t count;

		if (poll(polls, 2, w->forget.begun ? STEP_MS : TICK_MS) < 0 &&
		    errno != EINTR)
			return;
		if (polls[1].revents != 0)
			(void)!read(w->event, &count, sizeof(count));
		if (polls[0].revents != 0 && obey(w) != ORDER_GO_ON)
			return;
		see_to_end(w);
		if (clock_ms() - flushed >= TICK_MS) {
			report_flush(w->report, w->handles);
			report_trouble(w->report, reads_trouble(w->reads));
			flushed = clock_ms();
		}
	}
}

/* Tell keyd what is left to be told.  It may have gone just now: the monitor
 * is listened to, who gets another connection. */
static void
say_goodbye(struct worker *w)
{
	int64_t end = clock_ms() + WORKER_GOODBYE_MS;
	struct pollfd p = { .fd = w->control, .events = POLLIN };

	report_flush(w->report, w->handles);
	while (!link_drain(w->link, 0)) {
		if (clock_ms() >= end) {
			log_warn("keyd did not take the last of what was read");
			return;
		}
		if (poll(&p, 1, STEP_MS) > 0 && obey(w) == ORDER_NONE)
			p.fd = -1;
	}
}

static void
take_apart(struct worker *w)
{
	for (unsigned int i = 0; i < w->server_count; i++)
		pthread_join(w->servers[i], NULL);
	if (w->reads != NULL)
		reads_stop(w->reads);
	if (w->report != NULL && w->link != NULL && w->handles != NULL)
		say_goodbye(w);
	forget_join(&w->forget);
	/* A session that ends just now fails reads, which hold handles; a
	 * handle that goes tells what was read of it. */
	if (w->link != NULL)
		link_stop(w->link);
	handle_set_free(w->handles);
	link_free(w->link);
	if (w->se != NULL)
		fuse_session_destroy(w->se);
	reads_free(w->reads);
	report_free(w->report);
	keyslots_free(w->keys);
	tree_free(w->tree);
	for (uint16_t i = 0; i < w->count && w->versions != NULL; i++)
		version_free(w->versions[i]);
	opened_free(w->opened);
	signatures_clear(&w->signatures);
	free(w->versions);
	free(w->manifests);
	free(w->windows);
	if (w->spent != NULL)
		spent_flush(w->spent);
	spent_free(w->spent);
	store_free(w->store);
	control_setup_clear(&w->setup);
	free(w->reason);
	pthread_mutex_destroy(&w->mutex);
	close(w->event);
	close(w->control);
}

/* Serve until the mount is gone or the monitor says stop. */
static int
run(struct worker *w)
{
	int err = take_mount(w);

	if (err == 0)
		err = answer_init(w);
	if (err != 0)
		return err;
	err = start(w);
	if (err != 0) {
		/* Threads may wait in the kernel already. */
		(void)!control_say(w->control, CONTROL_FAILED, (uint64_t)-err);
		_exit(err_exit(err));
	}
	attend(w);
	if (atomic_load(&w->serving) == 0)
		return 0;
	/* Threads wait in the kernel for requests that nobody is to get. */
	reads_end(w->reads);
	forget_begin(&w->forget);
	say_goodbye(w);
	while (!forget_for(&w->forget, FORGET_MS))
		(void)poll(NULL, 0, STEP_MS);
	_exit(0);
}

int
worker_main(int control)
{
	struct worker w = { .control = control, .journal = -1 };
	int err;

	/* It was run by way of /proc/self/exe. */
	(void)prctl(PR_SET_NAME, "weir-mount");
	log_limit(LINES);
	pthread_mutex_init(&w.mutex, NULL);
	w.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w.event < 0)
		return err_exit(log_sys("eventfd"));
	err = worker_prepare(&w);
	if (err == 0)
		err = control_say(control, CONTROL_PREPARED, 0);
	else
		(void)!control_say(control, CONTROL_FAILED, (uint64_t)-err);
	if (err == 0)
		err = run(&w);
	take_apart(&w);
	return err_exit(err);
}
