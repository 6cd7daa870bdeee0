/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/stand.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fuse/control.h"
#include "fuse/launch.h"
#include "fuse/procs.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/store.h"

#define SOURCE_SIZE 256
#define BUSY_MS 1000 /* for the last closes to arrive */
#define BUSY_STEP_MS 50
#define GOODBYE_MS 8000 /* for the worker to tell what is left */
#define FORGET_MS 65000 /* the same, where nobody is in a hurry */

void
stand_free(struct stand *s)
{
	if (s == NULL)
		return;
	sd_event_source_disable_unref(s->messages);
	sd_event_source_disable_unref(s->keyd);
	sd_event_source_disable_unref(s->child);
	keeper_free(s->keeper);
	mountpoint_made_clear(&s->mount);
	if (s->apart >= 0)
		close(s->apart);
	if (s->control >= 0)
		close(s->control);
	free(s);
}

int
stand_new(struct stand **out, const struct stand_how *how)
{
	OWNED(stand) s = calloc(1, sizeof(*s));
	const struct keeper_how keeper = { .vault = how->vault,
		.unlock = how->unlock,
		.trust = how->trust };
	char host[HOST_NAME_MAX + 1] = "", exe[PROCS_EXE_SIZE];
	OWNED_MEM(char) mountpoint = strdup(how->mountpoint);
	OWNED_MEM(char) principal = strdup(how->target->principal);
	struct msg_session_open open = {
		.principal = principal,
		.purpose = MSG_MOUNT,
		.mountpoint = mountpoint,
		.host = host,
		.pid = (uint32_t)getpid(),
		.exe = exe,
		.count = how->count,
		.refs = how->refs,
	};
	int err;

	if (s == NULL || mountpoint == NULL || principal == NULL)
		return ERR_NOMEM;
	s->control = -1;
	s->mount.fd = -1;
	s->apart = -1;
	(void)gethostname(host, sizeof(host) - 1);
	procs_exe((uint32_t)getpid(), exe);
	err = keeper_new(&s->keeper, &keeper, &open);
	if (err != 0)
		return err;
	*out = s;
	s = NULL;
	return 0;
}

/* What the files say of who vouches for them. */
static struct xattrs_mark *
marks_of(const struct keeper *k)
{
	const uint16_t count = keeper_session(k)->count;
	const struct chain_version *v = keeper_versions(k);
	struct xattrs_mark *marks = calloc(count, sizeof(*marks));

	for (uint16_t i = 0; marks != NULL && i < count; i++) {
		marks[i].serial = v[i].serial;
		xattrs_signers(&marks[i], v[i].signed_by);
	}
	return marks;
}

/* What each version's model.sig is made of. */
static int
send_records(struct stand *s)
{
	const struct chain_version *versions = keeper_versions(s->keeper);
	uint16_t count = keeper_session(s->keeper)->count;

	for (uint16_t i = 0; i < count; i++) {
		OWNED_CONTROL c = control_of(CONTROL_RECORD);
		int err;

		if (versions[i].oms_json == NULL)
			continue;
		if (strlen(versions[i].oms_json) > CONTROL_MAX) {
			log_warn("%s: its model.sig is too long to be shown",
			    versions[i].full);
			continue;
		}
		c.number = i;
		writer_bytes(&c.body, versions[i].oms_json,
		    strlen(versions[i].oms_json));
		err = control_send(s->control, &c);
		if (err != 0)
			return err;
	}
	return 0;
}

static int
send_setup(struct stand *s, const struct stand_how *how)
{
	OWNED_MEM(struct xattrs_mark) marks = marks_of(s->keeper);
	const struct control_setup setup = { .stall_ms = how->stall_ms,
		.uid = how->target->uid,
		.gid = how->target->gid,
		.session = *keeper_session(s->keeper),
		.marks = marks };
	OWNED_CONTROL c = control_of(CONTROL_SETUP);
	char path[PATH_MAX];
	int err;

	if (marks == NULL)
		return ERR_NOMEM;
	control_setup_write(&c.body, &setup);
	if (snprintf(path, sizeof(path), "%s/objects", how->vault) >=
	    (int)sizeof(path))
		return log_err(ERR_LIMIT, "'%s': too long a path", how->vault);
	err = store_dir_fd(&c.fds[0], path);
	if (err == 0)
		err = keeper_connect(s->keeper, &c.fds[1]);
	if (err == 0)
		err = send_records(s);
	return err != 0 ? err : control_send(s->control, &c);
}

int
stand_start(struct stand *s, const struct stand_how *how)
{
	int pair[2], err;

	err = control_pair(pair);
	if (err != 0)
		return err;
	s->control = pair[0];
	err = launch_worker(&s->worker, pair[1]);
	close(pair[1]);
	return err != 0 ? err : send_setup(s, how);
}

/* As far as the grant of any of its versions allows. */
static unsigned int
readahead_of(const struct stand *stand)
{
	const struct msg_session *s = keeper_session(stand->keeper);
	unsigned int kb = 0;

	for (uint16_t i = 0; i < s->count; i++)
		if (s->versions[i].readahead_kb > kb)
			kb = s->versions[i].readahead_kb;
	return kb;
}

/* Who it is for; source is weir:MODEL@VERSION of the first version, by which
 * tools know the mount. */
static struct mountpoint_how
mount_how(const struct stand *s, const struct target *target,
    char source[static SOURCE_SIZE])
{
	const struct msg_version *v = keeper_session(s->keeper)->versions;
	char hex[DIGEST_HEX_SIZE];

	snprintf(source, SOURCE_SIZE, "weir:%s@%.12s", v->model,
	    digest_hex(&v->version, hex));
	return (struct mountpoint_how){ .source = source,
		.uid = target->uid,
		.gid = target->gid,
		.readahead_kb = readahead_of(s) };
}

static int
send_mount(const struct stand *s)
{
	OWNED_CONTROL c = control_of(CONTROL_MOUNTED);

	c.fds[0] = fcntl(s->mount.fd, F_DUPFD_CLOEXEC, 0);
	if (c.fds[0] < 0)
		return log_sys("dup");
	return control_send(s->control, &c);
}

int
stand_mount(struct stand *s, struct mountpoint_place *place,
    const struct target *target)
{
	char source[SOURCE_SIZE];
	const struct mountpoint_how how = mount_how(s, target, source);
	int err = mountpoint_mount(place, &how, &s->mount);

	if (err != 0)
		return err;
	/* Held open, it could not be unmounted. */
	close(place->dir);
	place->dir = -1;
	return send_mount(s);
}

int
stand_mount_apart(struct stand *s, const struct target *target)
{
	char source[SOURCE_SIZE];
	const struct mountpoint_how how = mount_how(s, target, source);
	int err = mountpoint_apart(&how, &s->mount, &s->apart);

	if (err != 0)
		return err;
	err = send_mount(s);
	if (err == 0)
		return 0;
	/* Another way to mount may be tried. */
	mountpoint_made_clear(&s->mount);
	close(s->apart);
	s->apart = -1;
	return err;
}

int
stand_replace(struct stand *s, const struct stand *old)
{
	int err = mountpoint_replace(s->apart, &old->mount);

	if (err != 0)
		return err;
	close(s->apart);
	s->apart = -1;
	return 0;
}

void
stand_readahead(const struct stand *stand)
{
	int err = mountpoint_readahead(&stand->mount, readahead_of(stand));

	if (err == ERR_DENIED)
		log_info("only root can set the kernel's read-ahead, or udev "
			 "with weir's 60-weir.rules: reads are of 128 KiB, "
			 "and slower");
}

bool
stand_same(const struct stand *a, const struct stand *b)
{
	const struct msg_session *x = keeper_session(a->keeper);
	const struct msg_session *y = keeper_session(b->keeper);

	if (x->count != y->count)
		return false;
	for (uint16_t i = 0; i < x->count; i++)
		if (strcmp(x->versions[i].model, y->versions[i].model) != 0 ||
		    strcmp(x->versions[i].channel, y->versions[i].channel) !=
			0 ||
		    !digest_equal(&x->versions[i].version,
			&y->versions[i].version))
			return false;
	return true;
}

bool
stand_in_order(struct stand *s, enum control_type type)
{
	if (type == CONTROL_PREPARED) {
		bool first = !s->prepared;

		s->prepared = true;
		return first;
	}
	if (type == CONTROL_READY) {
		bool first = !s->ready && s->mount.fd >= 0;

		s->ready = true;
		return first;
	}
	return true;
}

int
stand_keyd_wanted(struct stand *s)
{
	int err = keeper_again(s->keeper);

	if (err == 0 || err == ERR_CONFLICT)
		return 0;
	return control_say(s->control, CONTROL_KEYD, 0);
}

int
stand_give_keyd(struct stand *s)
{
	OWNED_CONTROL c = control_of(CONTROL_KEYD);

	c.fds[0] = keeper_take(s->keeper);
	return control_send(s->control, &c);
}

/* A grant that the session rests on lists programs. */
static bool
lists_exes(const struct msg_session *m)
{
	for (uint16_t i = 0; i < m->count; i++)
		if (m->versions[i].exes)
			return true;
	return false;
}

int
stand_exe_wanted(struct stand *s, uint64_t pid)
{
	OWNED_CONTROL c = control_of(CONTROL_EXE);
	char path[PROCS_EXE_SIZE];
	struct control_exe exe = { .path = path };
	int err;

	c.number = control_pids((uint32_t)pid, procs_leader((uint32_t)pid));
	procs_exe((uint32_t)pid, path);
	if (lists_exes(keeper_session(s->keeper))) {
		err = programs_digest(&s->programs, (uint32_t)pid, &exe.digest);
		exe.asked = err != ERR_NOT_FOUND;
		exe.seen = err == 0;
	}
	control_exe_write(&c.body, &exe);
	return control_send(s->control, &c);
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
unmount(struct stand *s, const char *path)
{
	int64_t end = clock_ms() + BUSY_MS;
	bool dead = s->worker == 0 || s->ended;
	int err = ERR_CONFLICT;

	while (!dead && err == ERR_CONFLICT && clock_ms() < end) {
		err = mountpoint_leave(&s->mount, false);
		if (err == ERR_CONFLICT)
			pause_ms(BUSY_STEP_MS);
	}
	if (err == 0 || err == ERR_NOT_FOUND)
		return err == 0;
	if (err == ERR_CONFLICT && !dead)
		log_warn("'%s' is in use: its readers fail from now on", path);
	err = mountpoint_leave(&s->mount, true);
	if (err != 0 && err != ERR_NOT_FOUND)
		log_error("'%s' is still mounted: weir umount --force '%s', "
			  "when nothing is mounted over it",
		    path, path);
	return false;
}

/* Whether somebody says once more that it is to end. */
static bool
in_a_hurry(void *arg)
{
	const struct timespec now = { 0 };
	struct stand *s = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	s->hurry = s->hurry || sigtimedwait(&set, NULL, &now) > 0;
	return s->hurry;
}

/* The worker tells keyd what is left, has the kernel drop what it keeps, and
 * ends. */
static void
wait_for_worker(struct stand *s)
{
	int64_t now = clock_ms();
	const int64_t usual = now + GOODBYE_MS;
	const int64_t end = s->wrong ? usual : now + FORGET_MS;
	pid_t pid;

	do {
		struct pollfd p[2] = {
			{ .fd = s->control, .events = POLLIN },
			{ .fd = keeper_event(s->keeper), .events = POLLIN },
		};
		OWNED_CONTROL c = control_of(0);

		/* It may need a connection to keyd for that. */
		(void)poll(p, 2, BUSY_STEP_MS);
		if (p[1].revents != 0)
			(void)!stand_give_keyd(s);
		if (p[0].revents != 0) {
			if (control_receive(s->control, &c) != 0)
				pause_ms(BUSY_STEP_MS);
			else if (c.type == CONTROL_KEYD_WANTED)
				(void)!stand_keyd_wanted(s);
		}
		pid = waitpid(s->worker, NULL, WNOHANG);
		now = clock_ms();
	} while (pid == 0 && now < end && (now < usual || !in_a_hurry(s)));
	if (pid == 0) {
		(void)kill(s->worker, SIGKILL);
		(void)waitpid(s->worker, NULL, 0);
	}
	s->worker = 0;
}

void
stand_take_down(struct stand *s, const char *path, const char *reason)
{
	bool unused = s->mount.fd >= 0 && unmount(s, path);

	mountpoint_made_clear(&s->mount);
	if (s->worker != 0) {
		if (!unused || s->wrong)
			(void)!control_say(s->control, CONTROL_STOP, 0);
		wait_for_worker(s);
	}
	if (s->ended)
		keeper_learn(s->keeper, in_a_hurry, s);
	else
		keeper_close(s->keeper, reason, in_a_hurry, s);
}
