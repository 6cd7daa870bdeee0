/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

/* Where the vault's secret is to be had, and whatever lies there. */
static const char *const secrets[] = { "WEIR_PASSPHRASE_FILE", "WEIR_KEY_FILE",
	"CREDENTIALS_DIRECTORY" };

#define NOT_FOUND 127
#define NOT_RUN 126
#define STEP_MS 50
#define END_MS 10000 /* for a command to end when it is told to */
#define KILL_MS 1000

/* No line that is read from a worker's stdout, and no terminal to read. */
static void
run_worker(int control)
{
	static char name[] = "weir-mount", word[] = LAUNCH_WORKER;
	char *const argv[] = { name, word, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* A terminal that stops or ends a job leaves the mount to others. */
	(void)setsid();
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

/* What names the user, and nothing that names our secrets. */
static int
set_environment(const struct launch_command *c)
{
	const struct passwd *p = getpwnam(c->user);

	if (p == NULL)
		return log_err(ERR_NOT_FOUND, "there is no account '%s'",
		    c->user);
	if (setenv("HOME", p->pw_dir, 1) != 0 ||
	    setenv("USER", c->user, 1) != 0 ||
	    setenv("LOGNAME", c->user, 1) != 0 ||
	    setenv("SHELL", p->pw_shell[0] != '\0' ? p->pw_shell : "/bin/sh",
		1) != 0)
		return log_sys("setenv");
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
		(void)unsetenv(secrets[i]);
	return 0;
}

static int
become(const struct launch_command *c)
{
	if (c->user == NULL)
		return 0;
	if (set_environment(c) != 0)
		return ERR_IO;
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

/* Wait a moment; what somebody tells us meanwhile is for the command. */
static void
pass_on_signal(pid_t command)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	number = sigtimedwait(&set, NULL, &step);
	if (number > 0)
		(void)kill(command, number);
}

/* Whether it ended within so many ms, and how. */
static bool
ends(pid_t command, int64_t ms, int *status)
{
	int64_t end = clock_ms() + ms;
	pid_t pid;

	while (
	    (pid = waitpid(command, status, WNOHANG)) == 0 && clock_ms() < end)
		pass_on_signal(command);
	return pid == command;
}

void
launch_end(pid_t command, int *status)
{
	int wstatus = 0;
	bool ended;

	(void)kill(command, SIGTERM);
	ended = ends(command, END_MS, &wstatus);
	if (!ended) {
		log_warn("the command does not end: it is killed");
		(void)kill(command, SIGKILL);
		ended = ends(command, KILL_MS, &wstatus);
	}
	if (*status == 0)
		*status = ended ? launch_status(wstatus) : 1;
}

void
launch_stopped(pid_t command, int number)
{
	OWNED_FD terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (terminal < 0 || number == SIGSTOP)
		return;
	(void)raise(SIGSTOP);
	(void)kill(command, SIGCONT);
}

int
launch_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}
