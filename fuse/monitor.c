/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse/announce.h"
#include "fuse/control.h"
#include "fuse/daemon.h"
#include "fuse/launch.h"
#include "fuse/monitor_state.h"
#include "fuse/procs.h"
#include "vault/err.h"
#include "vault/log.h"

#define SOURCE_SIZE 256

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
open_session(struct monitor *m)
{
	const struct keeper_how keeper = { .vault = m->how->vault,
		.unlock = m->how->unlock };
	char host[HOST_NAME_MAX + 1] = "", exe[PROCS_EXE_SIZE];
	struct msg_session_open open = {
		.principal = m->target.principal,
		.purpose = MSG_MOUNT,
		.mountpoint = m->place.path,
		.host = host,
		.pid = (uint32_t)getpid(),
		.exe = exe,
		.count = m->how->count,
		.refs = m->how->refs,
	};

	(void)gethostname(host, sizeof(host) - 1);
	procs_exe((uint32_t)getpid(), exe);
	return keeper_new(&m->keeper, &keeper, &open);
}

/* What a worker needs to begin. */
static int
send_setup(struct monitor *m)
{
	const struct msg_session *s = keeper_session(m->keeper);
	const struct control_setup setup = { .stall_ms = m->how->stall_ms,
		.uid = m->target.uid,
		.gid = m->target.gid,
		.session = *s };
	OWNED_CONTROL c = control_of(CONTROL_SETUP);
	char path[PATH_MAX];
	int err;

	control_setup_write(&c.body, &setup);
	if (snprintf(path, sizeof(path), "%s/objects", m->how->vault) >=
	    (int)sizeof(path))
		return log_err(ERR_LIMIT, "'%s': too long a path",
		    m->how->vault);
	c.fds[0] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c.fds[0] < 0)
		return log_sys("'%s'", path);
	err = keeper_connect(m->keeper, &c.fds[1]);
	return err != 0 ? err : control_send(m->control, &c);
}

static int
start_worker(struct monitor *m)
{
	int pair[2], err;

	err = control_pair(pair);
	if (err != 0)
		return err;
	m->control = pair[0];
	err = launch_worker(&m->worker, pair[1]);
	close(pair[1]);
	return err != 0 ? err : send_setup(m);
}

/* weir:MODEL@VERSION of the first version, by which tools know the mount. */
static int
mount_it(struct monitor *m)
{
	const struct msg_version *v = keeper_session(m->keeper)->versions;
	char source[SOURCE_SIZE], hex[DIGEST_HEX_SIZE];
	const struct mountpoint_how how = { .source = source,
		.uid = m->target.uid,
		.gid = m->target.gid };
	OWNED_CONTROL c = control_of(CONTROL_MOUNTED);
	int err;

	snprintf(source, sizeof(source), "weir:%s@%.12s", v->model,
	    digest_hex(&v->version, hex));
	err = mountpoint_mount(&m->place, &how, &m->mount);
	if (err != 0)
		return err;
	c.fds[0] = fcntl(m->mount.fd, F_DUPFD_CLOEXEC, 0);
	if (c.fds[0] < 0)
		return log_sys("dup");
	/* Held open, it could not be unmounted. */
	close(m->place.dir);
	m->place.dir = -1;
	return control_send(m->control, &c);
}

static void
set_readahead(const struct monitor *m)
{
	const struct msg_session *s = keeper_session(m->keeper);
	unsigned int kb = 0;
	int err;

	for (uint16_t i = 0; i < s->count; i++)
		if (s->versions[i].readahead_kb > kb)
			kb = s->versions[i].readahead_kb;
	err = mountpoint_readahead(&m->mount, kb);
	if (err == ERR_DENIED)
		log_info("only root can set the kernel's read-ahead: reads "
			 "are of 128 KiB, and slower");
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
	(void)!control_say(m->control, CONTROL_DETACH, 0);
	daemon_detach(-1);
	(void)!write(m->parent, &ok, sizeof(ok));
	close(m->parent);
	m->parent = -1;
}

static int on_command(sd_event_source *source, const siginfo_t *info,
    void *arg);

static int
on_ready(struct monitor *m)
{
	const struct announce_how how = { .mountpoint = m->place.path,
		.session = keeper_session(m->keeper),
		.json = m->how->json,
		.quiet = m->how->quiet };
	int err;

	m->ready = true;
	set_readahead(m);
	err = announce_mount(&how);
	if (err == 0 && m->how->command != NULL) {
		err = start_command(m);
		if (err == 0 &&
		    sd_event_add_child(m->event, NULL, m->command, WEXITED,
			on_command, m) < 0)
			err = log_err(ERR_IO, "cannot watch the command");
	}
	/* Whoever waits learns of a failure by our exit status. */
	if (err == 0)
		tell_parent(m);
	/* A mount without a command does what it is for from here on. */
	m->serving = err == 0 && m->how->command == NULL;
	return err;
}

static int
on_keyd(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	(void)source, (void)fd, (void)events;
	/* A worker that is gone has told so otherwise. */
	(void)!monitor_give_keyd(arg);
	return 0;
}

static int
on_exe_wanted(struct monitor *m, uint64_t pid)
{
	OWNED_CONTROL c = control_of(CONTROL_EXE);
	char exe[PROCS_EXE_SIZE];

	c.number = control_pids((uint32_t)pid, procs_leader((uint32_t)pid));
	procs_exe((uint32_t)pid, exe);
	writer_bytes(&c.body, exe, strlen(exe));
	return control_send(m->control, &c);
}

static int
on_ended(struct monitor *m, const struct control *c)
{
	OWNED_MEM(char) text = NULL;
	char reason[MONITOR_REASON];
	int err = control_text(c, &text);

	if (err != 0)
		return err;
	m->ended = true;
	log_name(reason, sizeof(reason), text, strlen(text));
	log_error("keyd ended the session: %s", reason);
	finish(m, err_exit(ERR_DENIED), "ended by keyd");
	return 0;
}

/* A message of the worker's. */
static int
on_message(struct monitor *m, const struct control *c)
{
	switch (c->type) {
	case CONTROL_PREPARED:
		return mount_it(m);
	case CONTROL_READY:
		return on_ready(m);
	case CONTROL_KEYD_WANTED:
		return monitor_want_keyd(m);
	case CONTROL_EXE_WANTED:
		return on_exe_wanted(m, c->number);
	case CONTROL_ENDED:
		return on_ended(m, c);
	case CONTROL_FAILED:
		finish(m, err_exit(-(int)c->number), "the worker failed");
		return 0;
	case CONTROL_SETUP:
	case CONTROL_MOUNTED:
	case CONTROL_DETACH:
	case CONTROL_KEYD:
	case CONTROL_EXE:
	case CONTROL_STOP:
		break;
	}
	return log_err(ERR_FORMAT, "control socket: unknown message");
}

static int
on_control(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct monitor *m = arg;
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
		err = on_message(m, &c);
	if (err != 0 && err != ERR_UNREACHABLE)
		finish(m, err_exit(err), "the mount failed");
	return 0;
}

static int
on_worker(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct monitor *m = arg;

	(void)source;
	m->worker = 0;
	if (m->ready && info->si_code == CLD_EXITED && info->si_status == 0) {
		mountpoint_made_clear(&m->mount);
		finish(m, 0, "unmounted");
		return 0;
	}
	if (info->si_code == CLD_EXITED) {
		finish(m, info->si_status != 0 ? info->si_status : 1,
		    "the worker failed");
		return 0;
	}
	log_error("the worker died of signal %d: unmounting '%s'",
	    info->si_status, m->place.path);
	finish(m, 1, "the worker died");
	return 0;
}

static int
on_command(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct monitor *m = arg;

	(void)source;
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
block_signals(void)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	/* A terminal or a pipe that has gone is no reason to leave a mount. */
	(void)sigaction(SIGPIPE, &ignore, NULL);

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGCHLD);
	return sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? 0 :
							 log_sys("sigprocmask");
}

static int
watch(struct monitor *m)
{
	int r = sd_event_new(&m->event);

	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGTERM, on_signal, m);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGINT, on_signal, m);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGHUP, on_signal, m);
	if (r >= 0)
		r = sd_event_add_signal(m->event, NULL, SIGQUIT, on_signal, m);
	if (r >= 0)
		r = sd_event_add_io(m->event, NULL, m->control, POLLIN,
		    on_control, m);
	if (r >= 0)
		r = sd_event_add_io(m->event, NULL, keeper_event(m->keeper),
		    POLLIN, on_keyd, m);
	if (r >= 0)
		r = sd_event_add_child(m->event, NULL, m->worker, WEXITED,
		    on_worker, m);
	return r >= 0 ? 0 :
			log_err(ERR_IO, "sd-event: %s", strerrordesc_np(-r));
}

static int
set_up(struct monitor *m)
{
	int err = target_find(&m->target, m->how->user);

	if (err == 0)
		err = mountpoint_find(&m->place, m->how->mountpoint);
	if (err == 0)
		err = mountpoint_spares(&m->place, m->how->vault);
	if (err == 0)
		err = open_session(m);
	if (err == 0)
		err = block_signals();
	if (err == 0)
		err = start_worker(m);
	return err != 0 ? err : watch(m);
}

static int
run(const struct monitor_how *how, int parent)
{
	struct monitor m = { .how = how,
		.control = -1,
		.parent = parent,
		.place = { .dir = -1 },
		.mount = { .fd = -1 } };
	int err = set_up(&m);

	if (err == 0)
		(void)sd_event_loop(m.event);
	else
		snprintf(m.reason, sizeof(m.reason), "the mount failed");
	monitor_end(&m);
	return err != 0 ? err_exit(err) : m.status;
}

/* In the parent: until the mount stands, or its process has failed. */
static int
await(int fd, pid_t pid)
{
	uint8_t status;
	int wstatus;
	ssize_t n;

	do
		n = read(fd, &status, sizeof(status));
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return status;
	while (waitpid(pid, &wstatus, 0) < 0)
		if (errno != EINTR)
			return 1;
	return launch_status(wstatus);
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
		return await(fds[0], pid);
	}
	close(fds[0]);
	return run(how, fds[1]);
}
