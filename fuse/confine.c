/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/confine.h"

#include <grp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/sandbox.h"
#include "vault/secret.h"

#define LOCKED_BYTES (256UL << 20)

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

static int
become_owner(int store)
{
	struct stat st;

	if (fstat(store, &st) != 0)
		return log_sys("the object store");
	if (setgroups(0, NULL) != 0 ||
	    setresgid(st.st_gid, st.st_gid, st.st_gid) != 0 ||
	    setresuid(st.st_uid, st.st_uid, st.st_uid) != 0)
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

int
confine_worker(int store, int last)
{
	int err = 0;

	ignore_signals();
	if (close_range((unsigned int)last + 1, ~0U, 0) != 0)
		return log_sys("close_range");
	raise_limit(RLIMIT_MEMLOCK, LOCKED_BYTES);
	raise_limit(RLIMIT_NOFILE, 0);
	sandbox_bound();
	if (geteuid() == 0)
		err = become_owner(store);
	if (err == 0)
		err = sandbox_drop();
	/* Comes last: a change of user makes a process dumpable again. */
	return err != 0 ? err : secret_init();
}
