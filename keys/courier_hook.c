/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/courier_state.h"
#include "vault/err.h"
#include "vault/log.h"

/*
 * The hook: a program that gets one alert as JSON on standard input.  Exit
 * status 0 takes it.  It has keyd's uid, and therefore must be somebody's who
 * has keyd's secrets already: root's, or keyd's own.
 */

/* Nobody else may change what lies here; in a sticky directory nobody else can
 * take away what is not theirs. */
static bool
is_safe(const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return false;
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return true;
	return S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;
}

/* The program, and every directory on the way to it. */
static bool
is_trusted(const char *path, char *why)
{
	OWNED_MEM(char) real = realpath(path, NULL);
	struct stat st;

	if (real == NULL || stat(path, &st) != 0) {
		snprintf(why, COURIER_WHY, "'%.150s': %s", path,
		    strerrordesc_np(errno));
		return false;
	}
	if (strcmp(real, path) != 0) {
		snprintf(why, COURIER_WHY,
		    "'%.80s' is by way of a link: name '%.100s'", path, real);
		return false;
	}
	if (!S_ISREG(st.st_mode) || access(path, X_OK) != 0) {
		snprintf(why, COURIER_WHY, "'%.150s' is no program", path);
		return false;
	}
	while (is_safe(&st)) {
		char *slash = strrchr(real, '/');

		if (slash == real && real[1] == '\0')
			return true;
		slash[slash == real ? 1 : 0] = '\0';
		if (stat(real, &st) != 0)
			break;
	}
	snprintf(why, COURIER_WHY,
	    "'%.150s' may be changed by others than root and weir-keyd's user,"
	    " and is not run",
	    real);
	return false;
}

/* The alert fits into a pipe (COURIER_JSON_MAX): nobody waits for who does not
 * read. */
static int
fill_pipe(const char *json)
{
	size_t n = strlen(json);
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) != 0)
		return -1;
	if (fcntl(fds[1], F_SETFL, O_NONBLOCK) != 0 ||
	    write(fds[1], json, n) != (ssize_t)n ||
	    write(fds[1], "\n", 1) != 1) {
		close(fds[0]);
		fds[0] = -1;
	}
	close(fds[1]);
	return fds[0];
}

static int
spawn_at(const char *path, int input, char *const env[], pid_t *pid)
{
	OWNED_MEM(char) name = strdup(path);
	char *const argv[] = { name, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t how;
	sigset_t none, all;
	int r;

	if (name == NULL)
		return ENOMEM;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&how);
	posix_spawn_file_actions_addchdir_np(&files, "/");
	posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null",
	    O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null",
	    O_WRONLY, 0);
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setsigdefault(&how, &all);
	posix_spawnattr_setflags(&how,
	    POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
		POSIX_SPAWN_SETSIGDEF);
	r = posix_spawn(pid, path, &files, &how, argv, env);
	posix_spawnattr_destroy(&how);
	posix_spawn_file_actions_destroy(&files);
	return r;
}

/* With an environment of its own: keyd's may name secrets. */
static int
spawn(const struct courier_line *line, int input, pid_t *pid)
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin";
	static char lang[] = "LC_ALL=C.UTF-8";
	OWNED_MEM(char) vault = NULL;
	char *env[] = { path, lang, NULL, NULL };

	if (asprintf(&vault, "WEIR_VAULT=%s", line->how->vault->path) < 0) {
		vault = NULL;
		return ENOMEM;
	}
	env[2] = vault;
	return spawn_at(line->how->rules.hook, input, env, pid);
}

/* Whether it has ended by itself in time; *status is how. */
static enum courier_result
wait_for(const struct courier_line *line, pid_t pid, int *status)
{
	OWNED_FD child = pidfd_open(pid, 0);
	struct pollfd fds[] = {
		{ .fd = child, .events = POLLIN },
		{ .fd = line->stop_fd, .events = POLLIN },
	};
	int ms = (int)line->how->rules.hook_timeout * 1000, r = -1;

	if (child >= 0)
		do
			r = poll(fds, 2, ms);
		while (r < 0 && errno == EINTR);
	if (r <= 0 || (fds[0].revents & POLLIN) == 0)
		(void)kill(-pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	if (r > 0 && (fds[0].revents & POLLIN) != 0)
		return COURIER_DONE;
	return r > 0 ? COURIER_ENDED : COURIER_AGAIN;
}

static enum courier_result
deliver(struct courier_line *line, const struct courier_letter *letter,
    char *why)
{
	enum courier_result result;
	OWNED_FD input = -1;
	int status = 0, r;
	pid_t pid;

	if (!is_trusted(line->how->rules.hook, why))
		return COURIER_AGAIN;
	input = fill_pipe(letter->json);
	r = input >= 0 ? spawn(line, input, &pid) : EIO;
	if (r != 0) {
		snprintf(why, COURIER_WHY, "it cannot be run: %s",
		    strerrordesc_np(r));
		return COURIER_AGAIN;
	}
	result = wait_for(line, pid, &status);
	if (result == COURIER_AGAIN)
		snprintf(why, COURIER_WHY, "it took more than %u s",
		    line->how->rules.hook_timeout);
	if (result != COURIER_DONE)
		return result;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return COURIER_DONE;
	if (WIFSIGNALED(status))
		snprintf(why, COURIER_WHY, "it died of signal %d",
		    WTERMSIG(status));
	else
		snprintf(why, COURIER_WHY, "it ended with exit status %d",
		    WEXITSTATUS(status));
	return COURIER_NO;
}

const struct courier_kind courier_hook = { "hook", deliver };
