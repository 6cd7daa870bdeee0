/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/client_start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keys/peer.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define PATIENCE_MS 30000
#define PAUSE_MS 20
#define PROGRAM "weir-keyd"
#ifndef WEIR_LIBEXECDIR
#define WEIR_LIBEXECDIR "/usr/libexec/weir"
#endif

/* The descriptors that the child gets: above stdin, stdout, stderr. */
#define CHILD_FD 3
#define CHILD_SECRET_FD 4
#define CLEAR_FD 10 /* ours are kept out of their way */

static void
pause_ms(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

struct client_start
client_start_of(const struct vaultdir *v, const struct unlock_source *source,
    uint32_t timeout_ms)
{
	if (timeout_ms == 0)
		timeout_ms = PATIENCE_MS;
	return (struct client_start){
		.vault = v,
		.source = source,
		.timeout_ms = timeout_ms,
		.deadline_ms = clock_ms() + timeout_ms,
	};
}

void
client_start_clear(struct client_start *s)
{
	unlock_clear(&s->secret);
}

static int
no_keyd(const struct client_start *s)
{
	const struct vaultdir *v = s->vault;
	char owner[PEER_SIZE];
	const char *name = peer_principal(v->owner, owner) + strlen("user:");

	return log_err(ERR_UNREACHABLE,
	    "no weir-keyd serves '%s', which belongs to %s; as %s, and for as"
	    " long as others are to use it: weir-keyd --vault '%s' --key-file"
	    " FILE",
	    v->path, name, name, v->path);
}

/* A keyd that hangs does not take connections when many are waiting. */
static int
limit_connect(const struct client_start *s, int fd)
{
	const struct timeval t = { .tv_sec = s->timeout_ms / 1000,
		.tv_usec = (suseconds_t)(s->timeout_ms % 1000) * 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) != 0)
		return log_sys("setsockopt SO_SNDTIMEO");
	return 0;
}

/* ERR_NOT_FOUND when nobody listens, ERR_DENIED when we may not ask. */
static int
dial(const struct client_start *s, int *out)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	OWNED(file) run = NULL;
	OWNED_FD fd = -1;
	int err;

	err = file_open(&run, s->vault->dir, VAULTDIR_RUN, O_PATH | O_DIRECTORY,
	    0);
	if (err != 0)
		return err;
	/* However long the vault's path is, this one fits. */
	snprintf(address.sun_path, sizeof(address.sun_path),
	    "/proc/self/fd/%d/" VAULTDIR_SOCKET, run->fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return log_sys("socket");
	err = limit_connect(s, fd);
	if (err != 0)
		return err;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) !=
	    0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return ERR_NOT_FOUND;
		if (errno == EACCES)
			return ERR_DENIED;
		if (errno == EAGAIN)
			return log_err(ERR_UNREACHABLE,
			    "the weir-keyd of '%s' does not answer",
			    s->vault->path);
		return log_sys("connect to the weir-keyd of '%s'",
		    s->vault->path);
	}
	*out = fd;
	fd = -1;
	return 0;
}

/* Somebody else must not pass for keyd. */
static int
check_server(const struct client_start *s, int fd)
{
	struct peer p;
	int err = peer_of(&p, fd);

	if (err != 0)
		return err;
	if (p.uid != s->vault->owner && p.uid != 0 && p.uid != geteuid())
		return log_err(ERR_DENIED,
		    "what answers in '%s' runs as uid %ju, not as the vault's"
		    " owner: it is not trusted",
		    s->vault->path, (uintmax_t)p.uid);
	return 0;
}

/* Beside the program that runs, or where it is installed. */
static int
find_program(char path[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	if (n > 0) {
		path[n] = '\0';
		slash = strrchr(path, '/');
		if (slash != NULL &&
		    (size_t)(slash - path) + sizeof("/" PROGRAM) < PATH_MAX) {
			memcpy(slash, "/" PROGRAM, sizeof("/" PROGRAM));
			if (access(path, X_OK) == 0)
				return 0;
		}
	}
	snprintf(path, PATH_MAX, "%s", WEIR_LIBEXECDIR "/" PROGRAM);
	if (access(path, X_OK) == 0)
		return 0;
	return log_err(ERR_UNREACHABLE,
	    PROGRAM " is neither beside this program nor in " WEIR_LIBEXECDIR);
}

/* A socketpair: ours, and the child's clear of the numbers that it gets. */
static int
pair(int *ours, int *theirs)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
		return log_sys("socketpair");
	*ours = fds[0];
	*theirs = fcntl(fds[1], F_DUPFD_CLOEXEC, CLEAR_FD);
	close(fds[1]);
	return *theirs >= 0 ? 0 : log_sys("dup");
}

/* Signals as they are at login, whatever the caller does with them. */
static int
child_attributes(posix_spawnattr_t *a)
{
	sigset_t none, all;
	int code;

	sigemptyset(&none);
	sigfillset(&all);
	code = posix_spawnattr_setflags(a,
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (code == 0)
		code = posix_spawnattr_setsigmask(a, &none);
	if (code == 0)
		code = posix_spawnattr_setsigdefault(a, &all);
	return code;
}

static int
spawn(pid_t *out, const char *program, const char *vault, int fd, int secret)
{
	char *argv[] = { (char[]){ PROGRAM }, (char[]){ "--embedded" },
		(char[]){ "--fd" }, (char[]){ "3" }, (char[]){ "--secret-fd" },
		(char[]){ "4" }, (char[]){ "--vault" }, NULL, NULL };
	OWNED_MEM(char) path = strdup(vault);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int code;

	if (path == NULL)
		return ERR_NOMEM;
	argv[sizeof(argv) / sizeof(argv[0]) - 2] = path;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	code = child_attributes(&attributes);
	if (code == 0)
		code = posix_spawn_file_actions_adddup2(&actions, fd, CHILD_FD);
	if (code == 0)
		code = posix_spawn_file_actions_adddup2(&actions, secret,
		    CHILD_SECRET_FD);
	if (code == 0)
		code = posix_spawn(out, program, &actions, &attributes, argv,
		    environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	errno = code;
	return code == 0 ? 0 : log_sys("start '%s'", program);
}

static int
start(struct client_start *s, int *out)
{
	OWNED_FD fd = -1, child_fd = -1, secret = -1, child_secret = -1;
	static const struct unlock_source nowhere;
	char program[PATH_MAX];
	int err;

	err = find_program(program);
	if (err == 0 && s->secret.secret == NULL)
		err = unlock_load(&s->secret,
		    s->source != NULL ? s->source : &nowhere, false);
	if (err == 0)
		err = pair(&fd, &child_fd);
	if (err == 0)
		err = pair(&secret, &child_secret);
	if (err == 0)
		err = spawn(&s->child, program, s->vault->path, child_fd,
		    child_secret);
	if (err != 0)
		return err;

	/* One that lost the election is gone before it takes the secret. */
	err = unlock_send(secret, &s->secret);
	if (err != 0 && err != ERR_UNREACHABLE)
		return err;
	*out = fd;
	fd = -1;
	return 0;
}

int
client_start_connect(struct client_start *s, int *fd, bool *started)
{
	for (;;) {
		bool held;
		int err = dial(s, fd);

		*started = false;
		if (err == 0) {
			err = check_server(s, *fd);
			if (err != 0)
				close(*fd);
			return err;
		}
		if (err != ERR_NOT_FOUND && err != ERR_DENIED)
			return err;
		if (err == ERR_DENIED || s->vault->owner != geteuid())
			return no_keyd(s);

		err = vaultdir_locked(s->vault->dir, &held);
		if (err == 0 && !held) {
			*started = true;
			return start(s, fd);
		}
		if (err == 0 && clock_ms() > s->deadline_ms)
			err = log_err(ERR_UNREACHABLE,
			    "a weir-keyd holds '%s/" VAULTDIR_LOCK "' and does"
			    " not answer",
			    s->vault->path);
		if (err != 0)
			return err;
		pause_ms(PAUSE_MS);
	}
}

/* What the exit status of a keyd that did not get ready stands for; it has said
 * why. */
static int
from_exit(int status)
{
	static const int errs[] = { [2] = ERR_USAGE,
		[3] = ERR_INTEGRITY,
		[4] = ERR_DENIED,
		[5] = ERR_NOT_FOUND,
		[7] = ERR_SECRET };

	if ((size_t)status < sizeof(errs) / sizeof(errs[0]) &&
	    errs[status] != 0)
		return errs[status];
	return ERR_IO;
}

int
client_start_again(struct client_start *s)
{
	int status = 0;

	if (s->child > 0) {
		while (waitpid(s->child, &status, 0) < 0 && errno == EINTR)
			;
		s->child = 0;
		if (WIFEXITED(status) && WEXITSTATUS(status) != 0 &&
		    WEXITSTATUS(status) != err_exit(ERR_CONFLICT))
			return from_exit(WEXITSTATUS(status));
	}
	if (clock_ms() > s->deadline_ms)
		return log_err(ERR_UNREACHABLE,
		    "the weir-keyd of '%s' does not stay up long enough to"
		    " answer",
		    s->vault->path);
	pause_ms(PAUSE_MS);
	return 0;
}
