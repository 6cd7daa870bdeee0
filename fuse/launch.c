/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"

#define NOT_FOUND 127
#define NOT_RUN 126

/* No line that is read from a worker's stdout, and no terminal to read. */
static void
run_worker(int control)
{
	static char name[] = "weir-mount", word[] = LAUNCH_WORKER;
	char *const argv[] = { name, word, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
	}
	if (control == LAUNCH_CONTROL_FD)
		(void)fcntl(control, F_SETFD, 0);
	else
		(void)dup2(control, LAUNCH_CONTROL_FD);
	(void)close_range(LAUNCH_CONTROL_FD + 1, ~0U, 0);
	execv("/proc/self/exe", argv);
	_exit(NOT_RUN);
}

int
launch_worker(pid_t *out, int control)
{
	pid_t pid = fork();

	if (pid < 0)
		return log_sys("fork");
	if (pid == 0)
		run_worker(control);
	*out = pid;
	return 0;
}

static void
reset_signals(void)
{
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)sigaction(i, &usual, NULL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
become(const struct launch_command *c)
{
	if (c->user == NULL)
		return 0;
	if (initgroups(c->user, c->gid) != 0 ||
	    setresgid(c->gid, c->gid, c->gid) != 0 ||
	    setresuid(c->uid, c->uid, c->uid) != 0)
		return log_sys("becoming '%s'", c->user);
	return 0;
}

static void
run_command(const struct launch_command *c)
{
	int errnum;

	reset_signals();
	(void)setrlimit(RLIMIT_CORE, &c->core);
	if (setenv("WEIR_MOUNTPOINT", c->mountpoint, 1) != 0 || become(c) != 0)
		_exit(NOT_RUN);
	execvp(c->argv[0], c->argv);
	errnum = errno;
	(void)log_sys("'%s'", c->argv[0]);
	_exit(errnum == ENOENT ? NOT_FOUND : NOT_RUN);
}

int
launch_command(pid_t *out, const struct launch_command *c)
{
	pid_t pid = fork();

	if (pid < 0)
		return log_sys("fork");
	if (pid == 0)
		run_command(c);
	*out = pid;
	return 0;
}

int
launch_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}
