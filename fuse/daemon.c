/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

#include "fuse/launch.h"
#include "vault/log.h"

int
daemon_journal(void)
{
	int fd = sd_journal_stream_fd("weir-mount", LOG_NOTICE, 0);

	return fd >= 0 ? fd : -1;
}

static void
to_journal(void *arg, const char *line)
{
	int stream = (int)(intptr_t)arg;

	if (stream >= 0)
		(void)dprintf(stream, "%s\n", line);
	else
		(void)sd_journal_send("MESSAGE=%s", line, "PRIORITY=%i",
		    LOG_NOTICE, "SYSLOG_IDENTIFIER=weir-mount", NULL);
}

void
daemon_detach(int null, int journal)
{
	if (null < 0)
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
	log_sink(to_journal, (void *)(intptr_t)journal); // NOLINT
	(void)setsid();
	(void)!chdir("/");
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
	if (null > STDERR_FILENO)
		(void)close(null);
}

int
daemon_await(int fd, pid_t pid)
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
daemon_signals(void)
{
	/* A terminal or a pipe that has gone is no reason to leave a mount, and
	 * one that stops its job none to stop it. */
	static const int ignored[] = { SIGPIPE, SIGTSTP, SIGTTIN, SIGTTOU };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		(void)sigaction(ignored[i], &ignore, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGCHLD);
	return sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? 0 :
							 log_sys("sigprocmask");
}
