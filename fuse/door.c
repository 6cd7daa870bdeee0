/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "vault/digest.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/seen.h"

#define DIRECTORY "mounts"
#define REQUEST "refresh\n"
#define REQUEST_SECONDS 2
#define NAME_DIGITS 32
#define BACKLOG 8

struct door {
	int fd;
	struct file *dir;
	char name[NAME_DIGITS + 8]; /* in dir */
	ino_t inode;		    /* what we made of that name */
};

void
door_free(struct door *d)
{
	struct stat st;

	if (d == NULL)
		return;
	/* Another mount may have the name by now. */
	if (d->dir != NULL && d->inode != 0 &&
	    fstatat(d->dir->fd, d->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino == d->inode)
		(void)unlinkat(d->dir->fd, d->name, 0);
	if (d->fd >= 0)
		close(d->fd);
	file_free(d->dir);
	free(d);
}

static void
name_of(const char *mountpoint, char name[static NAME_DIGITS + 8])
{
	const struct digest d = digest_of(mountpoint, strlen(mountpoint));
	char hex[DIGEST_HEX_SIZE];

	snprintf(name, NAME_DIGITS + 8, "%.*s.sock", NAME_DIGITS,
	    digest_hex(&d, hex));
}

/* ERR_NOT_FOUND, not logged, unless it is to be made. */
static int
open_directory(struct file **out, bool make)
{
	OWNED_MEM(char) state = NULL;
	OWNED_MEM(char) path = NULL;
	char *text;
	int err = seen_directory(&text);

	if (err != 0)
		return err;
	state = text;
	if (asprintf(&text, "%s/" DIRECTORY, state) < 0)
		return ERR_NOMEM;
	path = text;
	if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
		return log_sys("mkdir '%s'", path);
	return file_open(out, NULL, path, O_RDONLY | O_DIRECTORY, 0);
}

/* A path of any length would not fit into an address. */
static struct sockaddr_un
address(const struct file *dir, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/%s", dir->fd,
	    name);
	return a;
}

static int
listen_at(struct door *d)
{
	struct sockaddr_un a = address(d->dir, d->name);
	struct stat st;

	/* One that is there was left by a mount that stands no more, or by
	 * one that was taken from the tree. */
	(void)unlinkat(d->dir->fd, d->name, 0);
	d->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0 ||
	    bind(d->fd, (const struct sockaddr *)&a, sizeof(a)) != 0 ||
	    listen(d->fd, BACKLOG) != 0 ||
	    fstatat(d->dir->fd, d->name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return log_sys("'%s/%s'", d->dir->name, d->name);
	d->inode = st.st_ino;
	return 0;
}

int
door_open(struct door **out, const char *mountpoint)
{
	OWNED(door) d = calloc(1, sizeof(*d));
	int err;

	if (d == NULL)
		return ERR_NOMEM;
	d->fd = -1;
	name_of(mountpoint, d->name);
	err = open_directory(&d->dir, true);
	if (err == 0)
		err = listen_at(d);
	if (err != 0)
		return err;
	*out = d;
	d = NULL;
	return 0;
}

int
door_fd(const struct door *d)
{
	return d->fd;
}

static bool
may_enter(int fd)
{
	struct ucred who;
	socklen_t n = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 &&
	    (who.uid == 0 || who.uid == geteuid());
}

int
door_admit(struct door *d, int *out)
{
	const struct timeval patience = { .tv_sec = REQUEST_SECONDS };
	OWNED_FD fd = accept4(d->fd, NULL, NULL, SOCK_CLOEXEC);
	char request[sizeof(REQUEST)] = "";
	size_t got = 0;

	if (fd < 0 || !may_enter(fd) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		sizeof(patience)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
		sizeof(patience)) != 0)
		return ERR_CONFLICT;
	while (got < sizeof(REQUEST) - 1) {
		ssize_t n = read(fd, request + got, sizeof(REQUEST) - 1 - got);

		if (n <= 0)
			return ERR_CONFLICT;
		got += (size_t)n;
	}
	if (strcmp(request, REQUEST) != 0)
		return ERR_CONFLICT;
	*out = fd;
	fd = -1;
	return 0;
}

void
door_answer(int fd, int status, bool changed, const char *line)
{
	char text[DOOR_LINE + 32];
	int n = snprintf(text, sizeof(text), "%d %d %.*s\n", status, changed,
	    DOOR_LINE - 1, line);

	/* Who did not wait does not hear it. */
	(void)send(fd, text, (size_t)n, MSG_NOSIGNAL);
	close(fd);
}

/* --- the other side --- */

static int
read_reply(struct door_reply *out, int fd)
{
	char text[DOOR_LINE + 32];
	size_t got = 0;
	int changed, at = 0;

	while (got < sizeof(text) - 1) {
		ssize_t n = read(fd, text + got, sizeof(text) - 1 - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	text[got] = '\0';
	if (sscanf(text, "%d %d %n", &out->status, &changed, &at) != 2 ||
	    got == 0 || text[got - 1] != '\n')
		return log_err(ERR_UNREACHABLE, "the mount's monitor has gone");
	text[got - 1] = '\0';
	out->changed = changed != 0;
	snprintf(out->line, sizeof(out->line), "%s", text + at);
	return 0;
}

int
door_ask(struct door_reply *out, const char *mountpoint)
{
	OWNED(file) dir = NULL;
	OWNED_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char name[NAME_DIGITS + 8];
	struct sockaddr_un a;
	int err;

	if (fd < 0)
		return log_sys("socket");
	name_of(mountpoint, name);
	err = open_directory(&dir, false);
	if (err != 0)
		return err;
	a = address(dir, name);
	if (connect(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		return errno == ENOENT || errno == ECONNREFUSED ?
		    ERR_NOT_FOUND :
		    log_sys("'%s/%s'", dir->name, name);
	if (!may_enter(fd))
		return log_err(ERR_DENIED, "'%s/%s' is not a monitor of yours",
		    dir->name, name);
	if (send(fd, REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL) < 0)
		return log_sys("'%s/%s'", dir->name, name);
	return read_reply(out, fd);
}
