/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "keys/front_state.h"
#include "vault/err.h"
#include "vault/log.h"

#define BACKLOG 128

/* Nobody can be let in just now: until the next tick we do not look who is
 * there.  Said once. */
static void
close_door(struct front *f)
{
	if (!f->full)
		log_sys("connections have to wait: accept");
	f->full = true;
	if (f->listening != NULL)
		sd_event_source_set_enabled(f->listening, SD_EVENT_OFF);
}

/* Whether a connection came of it. */
bool
front_listen_accept(struct front *f)
{
	int fd;

	if (f->listener < 0)
		return false;
	fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0) {
		f->full = false;
		return front_link_new(f, fd) == 0;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
	    errno == ENOBUFS)
		close_door(f);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		log_sys("accept");
	return false;
}

static int
on_listener(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct front *f = arg;

	(void)source;
	(void)fd;
	(void)events;
	front_listen_accept(f);
	front_settle(f);
	return 0;
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* What clients find where they look: 0 or an errno. */
static int
look(const struct front *f, struct stat *out)
{
	return fstatat(f->run->fd, VAULTDIR_SOCKET, out, AT_SYMLINK_NOFOLLOW) ==
		0 ?
	    0 :
	    errno;
}

static int
bind_socket(struct front *f, mode_t mode)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (unlinkat(f->run->fd, VAULTDIR_SOCKET, 0) != 0 && errno != ENOENT)
		return log_sys("remove the socket of a keyd that was killed");
	f->listener = socket(AF_UNIX,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (f->listener < 0)
		return log_sys("socket");
	/* However long the vault's path is, this one fits. */
	snprintf(address.sun_path, sizeof(address.sun_path),
	    "/proc/self/fd/%d/" VAULTDIR_SOCKET, f->run->fd);
	if (bind(f->listener, (const struct sockaddr *)&address,
		sizeof(address)) != 0)
		return log_sys("bind '%s/" VAULTDIR_SOCKET "'", f->run->name);
	if (look(f, &f->bound) != 0 ||
	    fchmodat(f->run->fd, VAULTDIR_SOCKET, mode, 0) != 0)
		return log_sys("chmod '%s/" VAULTDIR_SOCKET "'", f->run->name);
	if (listen(f->listener, BACKLOG) != 0)
		return log_sys("listen");
	return 0;
}

/* That clients find it: a keyd behind another socket would serve nobody, and
 * look well. */
static int
check_handed(const struct front *f)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(a) - 1;
	struct stat ours, theirs;

	if (sd_is_socket_unix(f->listener, SOCK_STREAM, 1, NULL, 0) <= 0 ||
	    getsockname(f->listener, (struct sockaddr *)&a, &size) != 0 ||
	    a.sun_path[0] != '/')
		return log_err(ERR_USAGE,
		    "what the service manager handed over is no listening "
		    "socket of the file system: "
		    "ListenStream=%s/" VAULTDIR_SOCKET,
		    f->run->name);
	if (look(f, &ours) != 0 || lstat(a.sun_path, &theirs) != 0 ||
	    !same_file(&ours, &theirs))
		return log_err(ERR_USAGE,
		    "the service manager listens at '%s', and clients ask at "
		    "'%s/" VAULTDIR_SOCKET "': mend ListenStream=, or restart "
		    "the socket unit",
		    a.sun_path, f->run->name);
	return 0;
}

static int
take_handed(struct front *f, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	f->handed = true;
	f->listener = fd;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return log_sys("the service manager's socket");
	return check_handed(f);
}

int
front_listen(struct front *f, const struct file *vault,
    const struct front_door *door)
{
	int err, code;

	err = file_mkdir(vault, VAULTDIR_RUN, 0700);
	if (err == 0)
		err = file_open(&f->run, vault, VAULTDIR_RUN,
		    O_RDONLY | O_DIRECTORY, 0);
	if (err != 0)
		return err;
	if (door->handed >= 0)
		err = take_handed(f, door->handed);
	else if (fchmod(f->run->fd, door->service ? 0755 : 0700) != 0)
		err = log_sys("chmod '%s'", f->run->name);
	else
		err = bind_socket(f, door->service ? 0666 : 0600);
	if (err != 0)
		return err;
	code = sd_event_add_io(f->loop, &f->listening, f->listener, EPOLLIN,
	    on_listener, f);
	return code < 0 ? front_failed(code, "add the socket to the loop") : 0;
}

/* Where it is another's by now, it is left alone. */
static void
remove_socket(struct front *f)
{
	struct stat st;
	int code = look(f, &st);

	if (code == ENOENT || (code == 0 && !same_file(&st, &f->bound)))
		return;
	if (unlinkat(f->run->fd, VAULTDIR_SOCKET, 0) != 0 && errno != ENOENT)
		log_sys("remove '%s/" VAULTDIR_SOCKET "'", f->run->name);
}

void
front_listen_end(struct front *f)
{
	f->listening = sd_event_source_disable_unref(f->listening);
	if (f->listener < 0)
		return;
	if (!f->handed)
		remove_socket(f);
	close(f->listener);
	f->listener = -1;
}
