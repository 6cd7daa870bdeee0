/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/sandbox.h"
#include "vault/secret.h"

#define LOCKED_BYTES (256UL << 20)
#define NOBODY 65534
#define GROUPS 65536 /* most that an account can be in */

static void
raise_limit(__rlimit_resource_t what, rlim_t least)
{
	struct rlimit limit;

	if (getrlimit(what, &limit) != 0)
		return;
	if (geteuid() == 0 && limit.rlim_max < least)
		limit.rlim_max = least;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(what, &limit);
}

/* Somebody to go on as. */
struct identity {
	uid_t uid;
	gid_t gid;
	gid_t group; /* one more, if count is 1 */
	size_t count;
};

/* The account that stands for nobody. */
static unsigned int
nobody(const char *path)
{
	OWNED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[16] = "";
	unsigned long n;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return NOBODY;
	n = strtoul(text, NULL, 10);
	return n > 0 && n < UINT_MAX ? (unsigned int)n : NOBODY;
}

static bool
is_member(uid_t uid, gid_t gid, gid_t group)
{
	OWNED_MEM(gid_t) groups = calloc(GROUPS, sizeof(*groups));
	const struct passwd *p = getpwuid(uid);
	int count = GROUPS;

	if (groups == NULL || p == NULL ||
	    getgrouplist(p->pw_name, gid, groups, &count) < 0)
		return false;
	for (int i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* Whether it can read the store; nothing is given up yet. */
static bool
can_read(const struct confine_how *how, const struct identity *who)
{
	bool can = false;

	if (setgroups(who->count, &who->group) == 0 && setegid(who->gid) == 0 &&
	    seteuid(who->uid) == 0)
		can = how->readable(how->arg);
	if (seteuid(0) != 0 || setegid(0) != 0 || setgroups(0, NULL) != 0)
		return false; /* what follows fails, too */
	return can;
}

/* The one to go on as, of those that confine.h names. */
static bool
choose(const struct confine_how *how, const struct stat *st,
    struct identity *out)
{
	const uid_t none = nobody("/proc/sys/kernel/overflowuid");
	const gid_t none_gid = nobody("/proc/sys/kernel/overflowgid");
	const struct identity list[] = {
		{ how->uid, how->gid, 0, 0 },
		{ how->uid, how->gid, st->st_gid, 1 },
		{ none, none_gid, 0, 0 },
		{ none, none_gid, st->st_gid, 1 },
		{ 0, 0, 0, 0 },
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const struct identity *who = &list[i];
		bool last = i == sizeof(list) / sizeof(list[0]) - 1;

		if (last ? how->uid != 0 || st->st_uid != 0 : who->uid == 0)
			continue;
		if (who->count > 0 && who->group == 0)
			continue;
		if (who->count > 0 &&
		    !is_member(how->uid, how->gid, who->group))
			continue;
		/* Root without capabilities reads what is its own. */
		if (last || can_read(how, who)) {
			*out = *who;
			return true;
		}
	}
	return false;
}

static int
become_somebody(const struct confine_how *how)
{
	struct identity who;
	struct stat st;

	/* Who is root of a user namespace only may not. */
	if (setgroups(0, NULL) != 0 && errno == EPERM)
		return log_err(ERR_DENIED,
		    "root of a user namespace like this one cannot give up its "
		    "groups: mount under your own uid (unshare --user "
		    "--map-current-user --keep-caps --mount), or outside");
	if (fstat(how->store, &st) != 0)
		return log_sys("the object store");
	if (!choose(how, &st, &who))
		return log_err(ERR_DENIED,
		    "neither uid %u nor nobody can read the vault's objects, "
		    "and a mount does not read them as their owner: chmod -R "
		    "o+rX VAULT/objects",
		    how->uid);
	if (setgroups(who.count, &who.group) != 0 ||
	    setresgid(who.gid, who.gid, who.gid) != 0 ||
	    setresuid(who.uid, who.uid, who.uid) != 0)
		return log_sys("giving up root");
	return 0;
}

/* The monitor decides when the worker ends; a terminal or a scheduler that
 * signals the whole group tells the monitor. */
static void
ignore_signals(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM,
		SIGPIPE };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t none;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)sigaction(signals[i], &ignore, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What a worker does beside reading its store: it waits for the kernel, keyd
 * and the monitor, takes a connection from the monitor, and lets go of its
 * terminal.  No socket, process, program or mount is made. */
static const int calls[] = {
	SYS_chdir,
	SYS_dup3,
	SYS_eventfd2,
	SYS_getresgid,
	SYS_getresuid,
	SYS_pipe2,
	SYS_ppoll,
	SYS_recvmsg,
	SYS_sendmsg,
	SYS_setsid,
	SYS_splice,
#ifdef SYS_poll /* where the C library uses the old ones */
	SYS_dup2,
	SYS_poll,
#endif
};

int
confine_worker(const struct confine_how *how)
{
	int err = 0;

	ignore_signals();
	if (close_range((unsigned int)how->last + 1, ~0U, 0) != 0)
		return log_sys("close_range");
	raise_limit(RLIMIT_MEMLOCK, LOCKED_BYTES);
	raise_limit(RLIMIT_NOFILE, 0);
	sandbox_bound();
	if (geteuid() == 0)
		err = become_somebody(how);
	if (err == 0)
		err = sandbox_drop();
	if (err == 0)
		err = sandbox_files(how->store);
	/* Behind the change of user, which makes a process dumpable again. */
	if (err == 0)
		err = secret_init();
	return err != 0 ?
	    err :
	    sandbox_calls(calls, sizeof(calls) / sizeof(calls[0]));
}
