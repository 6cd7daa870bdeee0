/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-event.h>

#include "fuse/control.h"
#include "fuse/daemon.h"
#include "fuse/door.h"
#include "fuse/launch.h"
#include "fuse/mounted.h"
#include "fuse/mountpoint.h"
#include "fuse/stand.h"
#include "fuse/target.h"
#include "vault/err.h"
#include "vault/log.h"

#define REASON_SIZE 256
#define STANDS 8 /* that go on being read after they were relieved */

struct monitor {
	const struct monitor_how *how;
	struct target target; /* whom it is for */
	struct mountpoint_place place;
	struct stand *now;
	struct stand *next;		/* being made by a refresh; or NULL */
	struct stand *relieved[STANDS]; /* with files that are still open */
	struct door *door;     /* where a refresh is asked for; or NULL */
	int asker;	       /* who waits for the refresh; or -1 */
	char heard[DOOR_LINE]; /* what went wrong with it */
	sd_event *event;
	pid_t command;
	bool serving;		  /* ready, and there is no command */
	int parent;		  /* a pipe to who waits for the mount, or -1 */
	int status;		  /* to exit with */
	char reason[REASON_SIZE]; /* for which the session is closed */
};

/* Come to an end, for the first reason there is. */
static void
finish(struct monitor *m, int status, const char *reason)
{
	if (m->reason[0] != '\0')
		return;
	snprintf(m->reason, sizeof(m->reason), "%s", reason);
	m->status = status;
	(void)sd_event_exit(m->event, 0);
}

static int
start_command(struct monitor *m)
{
	const struct launch_command c = {
		.argv = m->how->command,
		.mountpoint = m->place.path,
		.user = m->how->user != NULL ? m->target.name : NULL,
		.uid = m->target.uid,
		.gid = m->target.gid,
		.core = m->how->core,
	};

	return launch_command(&m->command, &c);
}

/* Let whoever waits go on. */
static void
tell_parent(struct monitor *m)
{
	const uint8_t ok = 0;

	if (m->parent < 0)
		return;
	(void)!control_say(m->now->control, CONTROL_DETACH, 0);
	daemon_detach(-1, -1);
	(void)!write(m->parent, &ok, sizeof(ok));
	close(m->parent);
	m->parent = -1;
}

static int on_command(sd_event_source *source, const siginfo_t *info,
    void *arg);
static void open_door(struct monitor *m);

/* The first one stands. */
static int
on_first_ready(struct monitor *m)
{
	const struct mounted_how how = { .mountpoint = m->place.path,
		.session = keeper_session(m->now->keeper),
		.versions = keeper_versions(m->now->keeper),
		.trust = keeper_trust(m->now->keeper),
		.json = m->how->json,
		.quiet = m->how->quiet };
	int err = mounted_say(&how);

	if (err == 0 && m->how->command != NULL) {
		err = start_command(m);
		if (err == 0 &&
		    sd_event_add_child(m->event, NULL, m->command,
			WEXITED | WSTOPPED, on_command, m) < 0)
			err = log_err(ERR_IO, "cannot watch the command");
	}
	open_door(m);
	/* Whoever waits learns of a failure by our exit status. */
	if (err == 0)
		tell_parent(m);
	/* A mount without a command does what it is for from here on. */
	m->serving = err == 0 && m->how->command == NULL;
	return err;
}

/* --- refresh: another session, and its mount in the place of this one's --- */

/* What is heard first is what went wrong. */
static void
hear(void *arg, const char *line)
{
	struct monitor *m = arg;

	if (m->heard[0] == '\0')
		snprintf(m->heard, sizeof(m->heard), "%s", line);
}

static void
answer(struct monitor *m, int status, bool changed, const char *line)
{
	log_ear(NULL, NULL);
	if (m->asker >= 0)
		door_answer(m->asker, status, changed, line);
	m->asker = -1;
}

/* It did not come to be; the one that stands goes on. */
static void
drop_next(struct monitor *m, int status, const char *reason)
{
	struct stand *s = m->next;

	m->next = NULL;
	answer(m, status, false,
	    m->heard[0] != '\0' ? m->heard : "the refresh failed");
	if (s == NULL)
		return;
	stand_take_down(s, m->place.path, reason);
	stand_free(s);
}

/* Where the one that stands is kept, for whoever has files of it open. */
static struct stand **
spare(struct monitor *m)
{
	for (size_t i = 0; i < STANDS; i++)
		if (m->relieved[i] == NULL)
			return &m->relieved[i];
	log_error("files of %d earlier sessions are still open", STANDS);
	return NULL;
}

static void
relieve(struct monitor *m, struct stand **kept)
{
	mountpoint_made_clear(&m->now->mount);
	m->now->relieved = true;
	*kept = m->now;
	m->now = m->next;
	m->next = NULL;
}

/* What was opened before is read from the old version to its end, what is
 * opened after is of the new one.  For a moment nothing is there. */
static int
change_places(struct monitor *m)
{
	struct mountpoint_place place;
	struct stand **kept = spare(m);
	int err;

	if (kept == NULL) {
		drop_next(m, err_exit(ERR_CONFLICT), "the refresh failed");
		return 0;
	}
	err = mountpoint_leave(&m->now->mount, true);
	relieve(m, kept);
	if (err == 0)
		err = mountpoint_find(&place, m->place.path);
	if (err != 0)
		return log_err(err, "'%s' is no longer where it was",
		    m->place.path);
	mountpoint_place_clear(&m->place);
	m->place = place;
	return stand_mount(m->now, &m->place, &m->target);
}

/* The same without that moment: it is mounted apart and served already. */
static bool
replace(struct monitor *m)
{
	struct stand **kept = spare(m);
	int err = kept == NULL ? ERR_CONFLICT : stand_replace(m->next, m->now);

	if (err != 0)
		drop_next(m, err_exit(err), "the refresh failed");
	else
		relieve(m, kept);
	return err == 0;
}

static int
on_prepared(struct monitor *m, struct stand *s)
{
	if (s != m->next)
		return stand_mount(s, &m->place, &m->target);
	return stand_mount_apart(s, &m->target) == 0 ? 0 : change_places(m);
}

static int
on_ready(struct monitor *m, struct stand *s)
{
	stand_readahead(s);
	if (m->asker < 0)
		return on_first_ready(m);
	if (s == m->next && !replace(m))
		return 0;
	(void)!control_say(s->control, CONTROL_DETACH, 0);
	answer(m, 0, true, "the new versions are mounted");
	return 0;
}

static int
on_keyd(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	(void)source;
	(void)fd;
	(void)events;
	/* A worker that is gone has told so otherwise. */
	(void)!stand_give_keyd(arg);
	return 0;
}

static int
on_ended(struct monitor *m, struct stand *s, const struct control *c)
{
	OWNED_MEM(char) text = NULL;
	char reason[REASON_SIZE];
	int err = control_text(c, &text);

	if (err != 0)
		return err;
	s->ended = true;
	log_name(reason, sizeof(reason), text, strlen(text));
	log_error("keyd ended the session: %s", reason);
	if (s->relieved)
		return control_say(s->control, CONTROL_STOP, 0);
	finish(m, err_exit(ERR_DENIED), "ended by keyd");
	return 0;
}

static void
on_failed(struct monitor *m, struct stand *s, int err, const char *reason)
{
	if (s == m->next)
		drop_next(m, err_exit(err), reason);
	else if (!s->relieved)
		finish(m, err_exit(err), reason);
}

/* A message of a worker's. */
static int
on_message(struct monitor *m, struct stand *s, const struct control *c)
{
	/* It was confined because it is not trusted. */
	if (!stand_in_order(s, c->type))
		return log_err(ERR_FORMAT,
		    "control socket: a message out of order");
	switch (c->type) {
	case CONTROL_PREPARED:
		return on_prepared(m, s);
	case CONTROL_READY:
		return on_ready(m, s);
	case CONTROL_KEYD_WANTED:
		return stand_keyd_wanted(s);
	case CONTROL_EXE_WANTED:
		return stand_exe_wanted(s, c->number);
	case CONTROL_ENDED:
		return on_ended(m, s, c);
	case CONTROL_FAILED:
		on_failed(m, s, -(int)c->number, "the worker failed");
		return 0;
	case CONTROL_SETUP:
	case CONTROL_MOUNTED:
	case CONTROL_DETACH:
	case CONTROL_KEYD:
	case CONTROL_EXE:
	case CONTROL_STOP:
	case CONTROL_RECORD:
		break;
	}
	return log_err(ERR_FORMAT, "control socket: unknown message");
}

static int
on_control(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct stand *s = arg;
	struct monitor *m = s->monitor;
	OWNED_CONTROL c = control_of(0);
	int err;

	(void)events;
	err = control_receive(fd, &c);
	if (err == ERR_UNREACHABLE) {
		/* It is ending: its status will tell more. */
		(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
		return 0;
	}
	if (err == 0)
		err = on_message(m, s, &c);
	if (err == ERR_FORMAT) /* else it may be gone: a refresh drops it */
		s->wrong = true;
	if (err != 0 && err != ERR_UNREACHABLE)
		on_failed(m, s, err, "the mount failed");
	return 0;
}

/* Nobody has files of it open any more, or its worker failed them. */
static void
let_go(struct monitor *m, struct stand *s)
{
	for (size_t i = 0; i < STANDS; i++)
		if (m->relieved[i] == s)
			m->relieved[i] = NULL;
	stand_take_down(s, m->place.path, "refreshed");
	stand_free(s);
}

static int
on_worker(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct stand *s = arg;
	struct monitor *m = s->monitor;
	bool well = info->si_code == CLD_EXITED && info->si_status == 0;

	(void)source;
	s->worker = 0;
	if (s->relieved) {
		let_go(m, s);
	} else if (s == m->next) {
		drop_next(m, 1, "the worker failed");
	} else if (s->ready && well) {
		mountpoint_made_clear(&s->mount);
		finish(m, 0, "unmounted");
	} else if (info->si_code == CLD_EXITED) {
		finish(m, info->si_status != 0 ? info->si_status : 1,
		    "the worker failed");
	} else {
		log_error("the worker died of signal %d: unmounting '%s'",
		    info->si_status, m->place.path);
		finish(m, 1, "the worker died");
	}
	return 0;
}

static int
on_command(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct monitor *m = arg;

	if (info->si_code == CLD_STOPPED) {
		(void)sd_event_source_set_enabled(source, SD_EVENT_ON);
		launch_stopped(m->command, info->si_status);
		return 0;
	}
	m->command = 0;
	finish(m,
	    info->si_code == CLD_EXITED ? info->si_status :
					  128 + info->si_status,
	    "the command ended");
	return 0;
}

/* A command gets the signal and decides; what a terminal sends it has got
 * already. */
static int
on_signal(sd_event_source *source, const struct signalfd_siginfo *info,
    void *arg)
{
	struct monitor *m = arg;

	(void)source;
	if (m->command == 0 && info->ssi_signo == SIGHUP && !m->how->foreground)
		return 0; /* it has no terminal to lose */
	if (m->command == 0)
		finish(m, m->serving ? 0 : 128 + (int)info->ssi_signo,
		    "stopped by a signal");
	else if (info->ssi_code <= 0) /* SI_USER and the like */
		(void)kill(m->command, (int)info->ssi_signo);
	return 0;
}

static int
watched(int r)
{
	return r >= 0 ? 0 :
			log_err(ERR_IO, "sd-event: %s", strerrordesc_np(-r));
}

static int
watch(struct monitor *m)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	int r = sd_event_new(&m->event);

	for (size_t i = 0; r >= 0 && i < sizeof(signals) / sizeof(*signals);
	     i++)
		r = sd_event_add_signal(m->event, NULL, signals[i], on_signal,
		    m);
	return watched(r);
}

/* Its sources go when it is freed. */
static int
watch_stand(struct monitor *m, struct stand *s)
{
	int r = sd_event_add_io(m->event, &s->messages, s->control, POLLIN,
	    on_control, s);

	s->monitor = m;
	if (r >= 0)
		r = sd_event_add_io(m->event, &s->keyd, keeper_event(s->keeper),
		    POLLIN, on_keyd, s);
	if (r >= 0)
		r = sd_event_add_child(m->event, &s->child, s->worker, WEXITED,
		    on_worker, s);
	return watched(r);
}

static struct stand_how
stand_how(const struct monitor *m)
{
	return (struct stand_how){ .vault = m->how->vault,
		.unlock = m->how->unlock,
		.trust = m->how->trust,
		.refs = m->how->refs,
		.count = m->how->count,
		.stall_ms = m->how->stall_ms,
		.target = &m->target,
		.mountpoint = m->place.path };
}

/* Everything is looked at anew before anything is touched. */
static void
refresh(struct monitor *m)
{
	struct stand_how how = stand_how(m);
	int err;

	how.unlock.no_prompt = true;
	m->heard[0] = '\0';
	log_ear(hear, m);
	err = stand_new(&m->next, &how);
	if (err == 0 && stand_same(m->now, m->next)) {
		snprintf(m->heard, sizeof(m->heard), "nothing has moved on");
		drop_next(m, 0, "nothing has moved on");
		return;
	}
	if (err == 0)
		err = stand_start(m->next, &how);
	if (err == 0)
		err = watch_stand(m, m->next);
	if (err != 0)
		drop_next(m, err_exit(err), "the refresh failed");
}

static int
on_door(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct monitor *m = arg;
	int asker;

	(void)source;
	(void)fd;
	(void)events;
	if (door_admit(m->door, &asker) != 0)
		return 0;
	if (m->next != NULL || m->asker >= 0) {
		door_answer(asker, err_exit(ERR_CONFLICT), false,
		    "a refresh is under way");
		return 0;
	}
	m->asker = asker;
	refresh(m);
	return 0;
}

/* A mount stands without one, too. */
static void
open_door(struct monitor *m)
{
	if (door_open(&m->door, m->place.path) != 0 ||
	    sd_event_add_io(m->event, NULL, door_fd(m->door), POLLIN, on_door,
		m) < 0)
		log_warn("'%s' cannot be refreshed", m->place.path);
}

static void
take_down_one(const struct monitor *m, struct stand *s)
{
	if (s == NULL)
		return;
	stand_take_down(s, m->place.path, m->reason);
	stand_free(s);
}

static void
take_down(struct monitor *m)
{
	door_free(m->door);
	answer(m, err_exit(ERR_UNREACHABLE), false,
	    m->heard[0] != '\0' ? m->heard : "the mount ends");
	take_down_one(m, m->next);
	take_down_one(m, m->now);
	for (size_t i = 0; i < STANDS; i++)
		take_down_one(m, m->relieved[i]);
	if (m->command != 0)
		launch_end(m->command, &m->status);
	sd_event_unref(m->event);
	mountpoint_place_clear(&m->place);
	target_clear(&m->target);
}

static int
set_up(struct monitor *m)
{
	struct stand_how how;
	int err = target_find(&m->target, m->how->user);

	if (err == 0)
		err = mountpoint_find(&m->place, m->how->mountpoint);
	if (err == 0)
		err = mountpoint_spares(&m->place, m->how->vault);
	if (err != 0)
		return err;
	how = stand_how(m);
	err = stand_new(&m->now, &how);
	if (err == 0)
		err = daemon_signals();
	if (err == 0)
		err = stand_start(m->now, &how);
	if (err == 0)
		err = watch(m);
	return err != 0 ? err : watch_stand(m, m->now);
}

static int
run(const struct monitor_how *how, int parent)
{
	struct monitor m = { .how = how,
		.parent = parent,
		.asker = -1,
		.place = { .dir = -1 } };
	int err = set_up(&m);

	if (err == 0)
		(void)sd_event_loop(m.event);
	else
		snprintf(m.reason, sizeof(m.reason), "the mount failed");
	take_down(&m);
	return err != 0 ? err_exit(err) : m.status;
}

int
monitor_run(const struct monitor_how *how)
{
	int fds[2];
	pid_t pid;

	if (how->foreground || how->command != NULL)
		return run(how, -1);
	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_exit(log_sys("pipe"));
	pid = fork();
	if (pid < 0)
		return err_exit(log_sys("fork"));
	if (pid > 0) {
		close(fds[1]);
		return daemon_await(fds[0], pid);
	}
	close(fds[0]);
	return run(how, fds[1]);
}
