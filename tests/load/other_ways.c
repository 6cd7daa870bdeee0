/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways to a file's bytes that a process has, each tried at a place of its
 * own that nothing else has read.  A line for each: its name, and how many
 * bytes it gave, or - where this kernel does not have it.
 *	other_ways open FILE
 * opens it, by its path and from its directory.
 *	other_ways take FILE PID
 * the same, and what it gets out of PID, which has it open as 7 and is in its
 * directory.
 *	other_ways pass FILE FROM TO
 * as root: FROM opens it, maps it and reads its last page; TO is handed the
 * descriptor over a socket, or goes on with what FROM had.
 *	other_ways name FILE >HANDLE
 *	other_ways handle MOUNT <HANDLE
 * opens what has that handle.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/aio_abi.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/load/number.h"

#define PIECE 4096
#define STEP (64 << 10) /* from one way's place to the next one's */
#define NOT_HERE (-2)
#define HELD "7" /* the descriptor that PID has it open as */
#define HANDLE_BYTES 128

static sigjmp_buf place;
static off_t next_place;

static void
must(int good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

static void
on_bus(int number)
{
	(void)number;
	siglongjmp(place, 1);
}

static void *
map(int fd, off_t at)
{
	void *p = mmap(NULL, PIECE, PROT_READ, MAP_SHARED, fd, at);

	if (p != MAP_FAILED)
		(void)madvise(p, PIECE, MADV_RANDOM);
	return p;
}

/* How many bytes of a mapped page can be had. */
static ssize_t
touch(const void *mapped)
{
	const struct sigaction jump = { .sa_handler = on_bus };
	const volatile char *p = mapped;
	volatile ssize_t got = 0;

	sigaction(SIGBUS, &jump, NULL);
	if (sigsetjmp(place, 1) == 0)
		for (; got < PIECE; got++)
			(void)p[got];
	return got;
}

static ssize_t
by_read(int fd, off_t at)
{
	char buf[PIECE];

	return lseek(fd, at, SEEK_SET) == at ? read(fd, buf, sizeof(buf)) : -1;
}

static ssize_t
by_pread(int fd, off_t at)
{
	char buf[PIECE];

	return pread(fd, buf, sizeof(buf), at);
}

static ssize_t
by_readahead(int fd, off_t at)
{
	(void)readahead(fd, at, PIECE);
	return by_pread(fd, at);
}

static ssize_t
by_mmap(int fd, off_t at)
{
	const void *p = map(fd, at);

	return p != MAP_FAILED ? touch(p) : -1;
}

/* Not MAP_POPULATE: where a read fails, Linux 6.18 asks again for ever. */
static ssize_t
by_populate(int fd, off_t at)
{
	void *p = map(fd, at);

	if (p != MAP_FAILED && madvise(p, PIECE, MADV_POPULATE_READ) != 0 &&
	    errno == EINVAL)
		return NOT_HERE;
	return p != MAP_FAILED ? touch(p) : -1;
}

/* The kernel faults it in, on the way to a pipe. */
static ssize_t
by_write(int fd, off_t at)
{
	const void *p = map(fd, at);
	int pipes[2];

	if (p == MAP_FAILED || pipe(pipes) != 0)
		return -1;
	return write(pipes[1], p, PIECE);
}

static ssize_t
by_splice(int fd, off_t at)
{
	loff_t from = at;
	int pipes[2];

	if (pipe(pipes) != 0)
		return -1;
	return splice(fd, &from, pipes[1], NULL, PIECE, 0);
}

static ssize_t
by_sendfile(int fd, off_t at)
{
	int to = memfd_create("copy", MFD_CLOEXEC);

	return sendfile(to, fd, &at, PIECE);
}

/* Past the page cache. */
static ssize_t
by_direct(int fd, off_t at)
{
	int flags = fcntl(fd, F_GETFL);
	void *buf = NULL;
	ssize_t n;

	if (posix_memalign(&buf, PIECE, PIECE) != 0 ||
	    fcntl(fd, F_SETFL, flags | O_DIRECT) != 0)
		return -1;
	n = pread(fd, buf, PIECE, at);
	(void)fcntl(fd, F_SETFL, flags);
	free(buf);
	return n;
}

static ssize_t
by_reopen(int fd, off_t at)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	return again >= 0 ? by_pread(again, at) : -1;
}

static ssize_t
by_aio(int fd, off_t at)
{
	char buf[PIECE];
	struct iocb one = { .aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = (uint32_t)fd,
		.aio_buf = (uint64_t)(uintptr_t)buf,
		.aio_nbytes = PIECE,
		.aio_offset = at };
	struct iocb *list = &one;
	struct io_event event = { 0 };
	aio_context_t context = 0;

	if (syscall(SYS_io_setup, 1, &context) != 0)
		return NOT_HERE;
	if (syscall(SYS_io_submit, context, 1, &list) != 1 ||
	    syscall(SYS_io_getevents, context, 1, 1, &event, NULL) != 1)
		return -1;
	return (ssize_t)event.res;
}

struct ring {
	int fd;
	unsigned int flags; /* for io_uring_enter */
	struct io_uring_params p;
	uint8_t *sq, *cq;
	struct io_uring_sqe *sqe;
};

static int
open_ring(struct ring *r, unsigned int setup)
{
	struct io_uring_params *p = &r->p;
	const int both = PROT_READ | PROT_WRITE;

	*r = (struct ring){ .p = { .flags = setup } };
	r->fd = (int)syscall(SYS_io_uring_setup, 1, p);
	if (r->fd < 0)
		return -1;
	r->sq = mmap(NULL, p->sq_off.array + p->sq_entries * sizeof(uint32_t),
	    both, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
	r->cq = mmap(NULL,
	    p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe), both,
	    MAP_SHARED, r->fd, IORING_OFF_CQ_RING);
	r->sqe = mmap(NULL, p->sq_entries * sizeof(*r->sqe), both, MAP_SHARED,
	    r->fd, IORING_OFF_SQES);
	must(r->sq != MAP_FAILED && r->cq != MAP_FAILED &&
		(void *)r->sqe != MAP_FAILED,
	    "mmap of a ring");
	r->flags = IORING_ENTER_GETEVENTS;
	if ((setup & IORING_SETUP_SQPOLL) != 0)
		r->flags |= IORING_ENTER_SQ_WAKEUP;
	return 0;
}

/* By hand: a library for it is not everywhere. */
static ssize_t
ring_read(unsigned int setup, uint8_t flags, int fd, off_t at)
{
	static char buf[PIECE];
	const struct io_uring_cqe *cqe;
	struct ring r;
	ssize_t got;

	if (open_ring(&r, setup) != 0)
		return NOT_HERE;
	*r.sqe = (struct io_uring_sqe){ .opcode = IORING_OP_READ,
		.flags = flags,
		.fd = fd,
		.off = (uint64_t)at,
		.addr = (uint64_t)(uintptr_t)buf,
		.len = PIECE };
	memset(r.sq + r.p.sq_off.array, 0, sizeof(uint32_t));
	atomic_store((_Atomic uint32_t *)(void *)(r.sq + r.p.sq_off.tail), 1);
	must(syscall(SYS_io_uring_enter, r.fd, 1, 1, r.flags, NULL, 0) >= 0,
	    "io_uring_enter");
	cqe = (const void *)(r.cq + r.p.cq_off.cqes);
	got = cqe->res;
	close(r.fd);
	return got;
}

static ssize_t
by_ring(int fd, off_t at)
{
	return ring_read(0, 0, fd, at);
}

/* A thread of the kernel's reads. */
static ssize_t
by_ring_worker(int fd, off_t at)
{
	return ring_read(0, IOSQE_ASYNC, fd, at);
}

static ssize_t
by_ring_poller(int fd, off_t at)
{
	return ring_read(IORING_SETUP_SQPOLL, 0, fd, at);
}

static const struct {
	const char *name;
	ssize_t (*get)(int fd, off_t at);
} ways[] = {
	{ "read", by_read },
	{ "pread", by_pread },
	{ "readahead", by_readahead },
	{ "mmap", by_mmap },
	{ "populate", by_populate },
	{ "write", by_write },
	{ "splice", by_splice },
	{ "sendfile", by_sendfile },
	{ "direct", by_direct },
	{ "reopen", by_reopen },
	{ "aio", by_aio },
	{ "io_uring", by_ring },
	{ "io_uring-worker", by_ring_worker },
	{ "io_uring-poller", by_ring_poller },
};

static void
say(const char *from, const char *way, ssize_t got)
{
	if (got == NOT_HERE)
		printf("%s-%s -\n", from, way);
	else
		printf("%s-%s %zd\n", from, way, got > 0 ? got : (ssize_t)0);
	fflush(stdout);
}

static void
all_ways(const char *from, int fd)
{
	/* Else one way would find what another one had read ahead. */
	if (fd >= 0)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		say(from, ways[i].name,
		    fd >= 0 ? ways[i].get(fd, next_place) : -1);
		next_place += STEP;
	}
	if (fd >= 0)
		close(fd);
}

/* --- by a path --- */

static int
open_at(const char *path)
{
	char dir[4096];
	int at;

	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	at = open(dir, O_PATH | O_CLOEXEC);
	return openat(at, strrchr(path, '/') + 1, O_RDONLY | O_CLOEXEC);
}

static int
by_path(const char *path)
{
	all_ways("open", open(path, O_RDONLY | O_CLOEXEC));
	all_ways("openat", open_at(path));
	return 0;
}

/* --- out of another process --- */

static int
open_proc(const char *pid, const char *what, const char *name)
{
	char path[8192];

	snprintf(path, sizeof(path), "/proc/%s/%s%s", pid, what, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int
take_fd(const char *pid)
{
	int process = (int)syscall(SYS_pidfd_open, number(pid), 0);

	return (int)syscall(SYS_pidfd_getfd, process, number(HELD), 0);
}

static int
by_process(const char *path, const char *pid)
{
	(void)by_path(path);
	all_ways("fd", open_proc(pid, "fd/", HELD));
	all_ways("cwd", open_proc(pid, "cwd", strrchr(path, '/')));
	all_ways("root", open_proc(pid, "root", path));
	all_ways("taken", take_fd(pid));
	return 0;
}

/* --- a descriptor that is handed on --- */

static void
become(const char *uid)
{
	const struct passwd *p = getpwuid((uid_t)number(uid));

	must(p != NULL, "getpwuid");
	must(setgroups(0, NULL) == 0 &&
		setresgid(p->pw_gid, p->pw_gid, p->pw_gid) == 0 &&
		setresuid(p->pw_uid, p->pw_uid, p->pw_uid) == 0,
	    "setuid");
}

/* After becoming somebody without giving up capabilities: use them again. */
static void
raise_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2];

	must(syscall(SYS_capget, &head, data) == 0, "capget");
	data[0].effective = data[0].permitted;
	must(syscall(SYS_capset, &head, data) == 0, "capset");
}

union rights {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

static void
send_fd(int socket, int fd)
{
	char byte = 0;
	struct iovec part = { &byte, 1 };
	union rights rights = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
				    .cmsg_level = SOL_SOCKET,
				    .cmsg_type = SCM_RIGHTS } };
	const struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = rights.room,
		.msg_controllen = sizeof(rights.room) };

	memcpy(CMSG_DATA(&rights.head), &fd, sizeof(fd));
	must(sendmsg(socket, &m, 0) == 1, "sendmsg");
}

static int
receive_fd(int socket)
{
	char byte;
	struct iovec part = { &byte, 1 };
	union rights rights;
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = rights.room,
		.msg_controllen = sizeof(rights.room) };
	int fd;

	must(recvmsg(socket, &m, 0) == 1, "recvmsg");
	memcpy(&fd, CMSG_DATA(&rights.head), sizeof(fd));
	return fd;
}

/* FROM, and then TO with all that FROM had. */
static void
first_one(int socket, const char *path, const char *from, const char *to)
{
	int fd;
	const void *mapped;
	off_t last;

	must(prctl(PR_SET_KEEPCAPS, 1) == 0, "prctl");
	become(from);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0, path);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM);
	last = lseek(fd, 0, SEEK_END) / PIECE * PIECE - PIECE;
	must(by_pread(fd, last) == PIECE, "pread");
	mapped = map(fd, last - STEP);
	must(mapped != MAP_FAILED, "mmap");
	send_fd(socket, fd);
	raise_capabilities();
	become(to);
	say("kept", "mapping", touch(mapped));
	say("kept", "descriptor", by_pread(fd, last - 2 * STEP));
	exit(fflush(stdout));
}

static int
pass(const char *path, const char *from, const char *to)
{
	int pair[2], fd, status;
	off_t last;
	pid_t pid;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0)
		first_one(pair[0], path, from, to);
	close(pair[0]);
	fd = receive_fd(pair[1]);
	must(waitpid(pid, &status, 0) == pid && status == 0, "the first one");
	become(to);
	last = lseek(fd, 0, SEEK_END) / PIECE * PIECE - PIECE;
	say("passed", "cached", by_pread(fd, last));
	all_ways("passed", fd);
	return 0;
}

/* --- by a handle --- */

union handle {
	struct file_handle head;
	char room[sizeof(struct file_handle) + HANDLE_BYTES];
};

static int
name_handle(const char *path)
{
	union handle h = { .head = { .handle_bytes = HANDLE_BYTES } };
	int mount;

	must(name_to_handle_at(AT_FDCWD, path, &h.head, &mount, 0) == 0, path);
	return fwrite(&h, sizeof(h), 1, stdout) == 1 ? 0 : 1;
}

static int
by_handle(const char *path)
{
	union handle h;

	if (fread(&h, sizeof(h), 1, stdin) != 1)
		return 1;
	all_ways("handle",
	    open_by_handle_at(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC),
		&h.head, O_RDONLY | O_CLOEXEC));
	all_ways("handle-root",
	    open_by_handle_at(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		&h.head, O_RDONLY | O_CLOEXEC));
	return 0;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (argc == 3 && strcmp(what, "open") == 0)
		return by_path(argv[2]);
	if (argc == 4 && strcmp(what, "take") == 0)
		return by_process(argv[2], argv[3]);
	if (argc == 5 && strcmp(what, "pass") == 0)
		return pass(argv[2], argv[3], argv[4]);
	if (argc == 3 && strcmp(what, "name") == 0)
		return name_handle(argv[2]);
	if (argc == 3 && strcmp(what, "handle") == 0)
		return by_handle(argv[2]);
	fputs("usage: see its first comment\n", stderr);
	return 2;
}
