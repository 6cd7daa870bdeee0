/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/fusermount.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"

#define PROGRAM "fusermount3"
#define SOURCE_MAX 512
#define REQUEST_KB 1024 /* of the kernel, at most */
#define LINE_SIZE 256
#define NOT_RUN 127

/* In the child: run it, with the socket that the descriptor comes back by, and
 * what it complains of into a file; -1: neither. */
static void
run(char *const argv[], int socket, int complaints)
{
	char number[16];

	if (socket >= 0) {
		/* A copy without close-on-exec. */
		snprintf(number, sizeof(number), "%d", dup(socket));
		setenv("_FUSE_COMMFD", number, 1);
	}
	if (complaints >= 0)
		dup2(complaints, STDERR_FILENO);
	execvp(PROGRAM, argv);
	_exit(NOT_RUN);
}

static int
start(char *const argv[], int socket, int complaints, pid_t *out)
{
	pid_t pid = fork();

	if (pid < 0)
		return log_sys("fork");
	if (pid == 0)
		run(argv, socket, complaints);
	*out = pid;
	return 0;
}

/* Its exit status; NOT_RUN when it could not be run. */
static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return NOT_RUN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* One byte comes with the descriptor. */
static int
receive_fd(int socket)
{
	char byte;
	struct iovec part = { &byte, 1 };
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} rights;
	struct msghdr msg = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = rights.space,
		.msg_controllen = sizeof(rights.space) };
	struct cmsghdr *c;
	ssize_t n;
	int fd;

	do
		n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (c == NULL || c->cmsg_level != SOL_SOCKET ||
	    c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static int
not_run(void)
{
	return log_err(ERR_NOT_FOUND,
	    "there is no " PROGRAM ": apt-get install fuse3");
}

int
fusermount_mount(const char *path, const char *source,
    unsigned int readahead_kb, int *out)
{
	char options[SOURCE_MAX], most[32] = "";
	OWNED_MEM(char) target = strdup(path);
	char program[] = PROGRAM, dash_o[] = "-o", dashes[] = "--";
	char *const argv[] = { program, dash_o, options, dashes, target, NULL };
	int pair[2], status, fd, err;
	pid_t pid = -1;

	if (target == NULL)
		return ERR_NOMEM;
	if (readahead_kb < REQUEST_KB)
		snprintf(most, sizeof(most), "max_read=%u,",
		    readahead_kb * 1024);
	snprintf(options, sizeof(options),
	    "ro,nosuid,nodev,subtype=weir,%sdefault_permissions,fsname=%s",
	    most, source);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return log_sys("socketpair");

	OWNED_FD ours = pair[0];
	{
		OWNED_FD theirs = pair[1];

		err = start(argv, theirs, -1, &pid);
	}
	if (err != 0)
		return err;
	fd = receive_fd(ours);
	status = wait_for(pid);
	if (status == NOT_RUN && fd < 0)
		return not_run();
	if (fd < 0)
		return log_err(ERR_DENIED,
		    PROGRAM " did not mount on '%s'; 'weir doctor' may know"
			    " why",
		    path);
	*out = fd;
	return 0;
}

/* What was complained of, one line of it. */
static void
first_line(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

/* It has no status of its own for a mount that is in use. */
static int
not_unmounted(const char *path, int complaints)
{
	char line[LINE_SIZE], shown[LINE_SIZE];

	first_line(complaints, line, sizeof(line));
	if (strcasestr(line, "busy") != NULL)
		return ERR_CONFLICT;
	return log_err(ERR_DENIED, PROGRAM " did not unmount '%s': %s", path,
	    log_name(shown, sizeof(shown), line, strlen(line)));
}

int
fusermount_umount(const char *path, bool lazy)
{
	OWNED_MEM(char) target = strdup(path);
	OWNED_FD complaints = memfd_create("complaints", MFD_CLOEXEC);
	char program[] = PROGRAM, flags[] = "-uz", dashes[] = "--";
	char *const argv[] = { program, flags, dashes, target, NULL };
	pid_t pid = -1;
	int status, err;

	if (target == NULL)
		return ERR_NOMEM;
	if (complaints < 0)
		return log_sys("memfd_create");
	if (!lazy)
		flags[2] = '\0';
	err = start(argv, -1, complaints, &pid);
	if (err != 0)
		return err;
	status = wait_for(pid);
	if (status == NOT_RUN)
		return not_run();
	return status == 0 ? 0 : not_unmounted(path, complaints);
}
