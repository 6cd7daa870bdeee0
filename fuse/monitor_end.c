/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuse/clock.h"
#include "fuse/control.h"
#include "fuse/launch.h"
#include "fuse/monitor_state.h"
#include "vault/err.h"
#include "vault/log.h"

#define BUSY_MS 1000 /* for the last closes to arrive */
#define BUSY_STEP_MS 50
#define COMMAND_MS 10000 /* for it to end when it is told to */
#define GOODBYE_MS 8000	 /* for the worker to tell what is left */
#define FORGET_MS 65000	 /* the same, where nobody is in a hurry */

int
monitor_give_keyd(struct monitor *m)
{
	OWNED_CONTROL c = control_of(CONTROL_KEYD);

	c.fds[0] = keeper_take(m->keeper);
	return control_send(m->control, &c);
}

int
monitor_want_keyd(struct monitor *m)
{
	int err = keeper_again(m->keeper);

	if (err == 0 || err == ERR_CONFLICT)
		return 0;
	return control_say(m->control, CONTROL_KEYD, 0);
}

static void
pause_ms(long ms)
{
	const struct timespec t = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000 };

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* True when it went because nobody used it any more: its worker ends by
 * itself.  Else it went from the tree only, or somebody saw to that before. */
static bool
unmount(struct monitor *m)
{
	int64_t end = clock_ms() + BUSY_MS;
	bool dead = m->worker == 0 || m->ended;
	int err = ERR_CONFLICT;

	while (!dead && err == ERR_CONFLICT && clock_ms() < end) {
		err = mountpoint_leave(&m->mount, false);
		if (err == ERR_CONFLICT)
			pause_ms(BUSY_STEP_MS);
	}
	if (err == 0 || err == ERR_NOT_FOUND)
		return err == 0;
	if (err == ERR_CONFLICT && !dead)
		log_warn("'%s' is in use: its readers fail from now on",
		    m->place.path);
	err = mountpoint_leave(&m->mount, true);
	if (err != 0 && err != ERR_NOT_FOUND)
		log_error("'%s' is still mounted: weir umount --force '%s', "
			  "when nothing is mounted over it",
		    m->place.path, m->place.path);
	return false;
}

/* Whether somebody says once more that it is to end. */
static bool
in_a_hurry(void *arg)
{
	const struct timespec now = { 0 };
	struct monitor *m = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	m->hurry = m->hurry || sigtimedwait(&set, NULL, &now) > 0;
	return m->hurry;
}

/* The worker tells keyd what is left, has the kernel drop what it keeps, and
 * ends. */
static void
wait_for_worker(struct monitor *m)
{
	int64_t now = clock_ms();
	const int64_t usual = now + GOODBYE_MS, end = now + FORGET_MS;
	pid_t pid;

	do {
		struct pollfd p[2] = {
			{ .fd = m->control, .events = POLLIN },
			{ .fd = keeper_event(m->keeper), .events = POLLIN },
		};
		OWNED_CONTROL c = control_of(0);

		/* It may need a connection to keyd for that. */
		(void)poll(p, 2, BUSY_STEP_MS);
		if (p[1].revents != 0)
			(void)!monitor_give_keyd(m);
		if (p[0].revents != 0) {
			if (control_receive(m->control, &c) != 0)
				pause_ms(BUSY_STEP_MS);
			else if (c.type == CONTROL_KEYD_WANTED)
				(void)!monitor_want_keyd(m);
		}
		pid = waitpid(m->worker, NULL, WNOHANG);
		now = clock_ms();
	} while (pid == 0 && now < end && (now < usual || !in_a_hurry(m)));
	if (pid == 0) {
		(void)kill(m->worker, SIGKILL);
		(void)waitpid(m->worker, NULL, 0);
	}
	m->worker = 0;
}

/* Wait a moment; what somebody tells us meanwhile is for the command. */
static void
pass_on_signal(const struct monitor *m)
{
	const struct timespec step = { .tv_nsec = BUSY_STEP_MS * 1000000L };
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	number = sigtimedwait(&set, NULL, &step);
	if (number > 0)
		(void)kill(m->command, number);
}

/* Whether it ended within so many ms, and how. */
static bool
command_ends(const struct monitor *m, int64_t ms, int *status)
{
	int64_t end = clock_ms() + ms;
	pid_t pid;

	while ((pid = waitpid(m->command, status, WNOHANG)) == 0 &&
	    clock_ms() < end)
		pass_on_signal(m);
	return pid == m->command;
}

/* The mount has gone while it ran: what it reads fails from now on. */
static void
end_command(struct monitor *m)
{
	int status = 0;
	bool ended;

	if (m->command == 0)
		return;
	(void)kill(m->command, SIGTERM);
	ended = command_ends(m, COMMAND_MS, &status);
	if (!ended) {
		log_warn("the command does not end: it is killed");
		(void)kill(m->command, SIGKILL);
		ended = command_ends(m, BUSY_MS, &status);
	}
	if (m->status == 0)
		m->status = ended ? launch_status(status) : 1;
	m->command = 0;
}

void
monitor_end(struct monitor *m)
{
	bool unused = m->mount.fd >= 0 && unmount(m);

	mountpoint_made_clear(&m->mount);
	if (m->worker != 0) {
		if (!unused)
			(void)!control_say(m->control, CONTROL_STOP, 0);
		wait_for_worker(m);
	}
	if (m->keeper != NULL && !m->ended)
		keeper_close(m->keeper, m->reason, in_a_hurry, m);
	end_command(m);
	sd_event_unref(m->event);
	keeper_free(m->keeper);
	if (m->control >= 0)
		close(m->control);
	mountpoint_place_clear(&m->place);
	target_clear(&m->target);
}
