/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-planted: a worker that somebody has taken over.  Before it serves
 * it tries what an intruder would, says a line for each ("planted NAME: done"
 * or why not), and then serves.  With WEIR_MUTANT=free nothing was given up
 * before: what is not done then shows nothing.  WEIR_TEST_PID is a process to
 * attack, WEIR_TEST_DIR a directory outside the store, WEIR_TEST_SOCKET
 * something to connect to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuse/confine.h"
#include "fuse/reads.h"
#include "vault/err.h"
#include "vault/log.h"

int __real_confine_worker(const struct confine_how *how);
int __wrap_confine_worker(const struct confine_how *how);
int __real_reads_new(struct reads **out, const struct reads_how *how);
int __wrap_reads_new(struct reads **out, const struct reads_how *how);
int __real_reads_start(struct reads *r);
int __wrap_reads_start(struct reads *r);

static struct reads_how taken;

static const char *
in_dir(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", getenv("WEIR_TEST_DIR"), name);
	return path;
}

static pid_t
victim(void)
{
	const char *pid = getenv("WEIR_TEST_PID");

	return pid != NULL ? (pid_t)strtol(pid, NULL, 10) : 0;
}

static void
say(const char *name, long r)
{
	if (r >= 0)
		log_warn("planted %s: done", name);
	else
		log_warn("planted %s: %s", name, strerrordesc_np(errno));
}

static void
files(void)
{
	char path[64];

	say("open-secret", open(in_dir("secret"), O_RDONLY | O_CLOEXEC));
	say("open-write",
	    open(in_dir("new"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	snprintf(path, sizeof(path), "/proc/%d/mem", victim());
	say("open-memory", open(path, O_RDONLY | O_CLOEXEC));
	say("open-fuse", open("/dev/fuse", O_RDWR | O_CLOEXEC));
	say("unlink", unlink(in_dir("gone")));
	say("mount", mount("planted", in_dir("mnt"), "tmpfs", 0, NULL));
}

static void
sockets(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(9) };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	say("socket", fd);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s",
	    getenv("WEIR_TEST_SOCKET"));
	say("connect", connect(fd, (struct sockaddr *)&to, sizeof(to)));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	say("internet", connect(fd, (const struct sockaddr *)&in, sizeof(in)));
}

static void
processes(void)
{
	char byte;
	struct iovec here = { &byte, 1 };
	struct iovec there = { &taken, 1 };
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	say("fork", child);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	say("kill", kill(victim(), 0));
	say("ptrace", ptrace(PTRACE_SEIZE, victim(), NULL, NULL));
	say("read-memory",
	    process_vm_readv(getppid(), &here, 1, &there, 1, 0) < 0 &&
		    errno == EFAULT ?
		0 :
		-1);
	/* What is not there is looked for only where exec is let by. */
	(void)execl(in_dir("absent"), "absent", (char *)NULL);
	say("exec", errno == ENOENT ? 0 : -1);
}

static void
kernel(void)
{
	char params[128] = { 0 };
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	say("dumpable", prctl(PR_SET_DUMPABLE, 1));
	say("new-code", mprotect(page, 4096, PROT_READ | PROT_EXEC));
	say("namespace", unshare(CLONE_NEWUTS));
	say("io-uring", syscall(SYS_io_uring_setup, 1, params));
	say("keyring", syscall(SYS_keyctl, 0, -3, 1));
	say("bpf",
	    syscall(SYS_bpf, BPF_MAP_CREATE, params, 0) < 0 && errno == EINVAL ?
		0 :
		-1);
}

static void
answered(void *arg, const struct link_answer *a)
{
	if (a->err == 0)
		log_warn("planted %s: done", (const char *)arg);
	else
		log_warn("planted %s: %s", (const char *)arg,
		    a->sentence != NULL ? a->sentence : err_text(a->err));
}

static void
ask(char *name, uint64_t session, uint16_t version, uint64_t first,
    uint32_t count)
{
	const struct msg_release m = { .session = session,
		.version = version,
		.first = first,
		.count = count };
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX);

	msg_release_write(&body, &m);
	if (link_call(taken.link, MSG_RELEASE, &body, answered, name) != 0)
		log_warn("planted %s: not sent", name);
}

static void
keys(void)
{
	static char own[] = "own-keys", other[] = "keys-of-another-session",
		    version[] = "keys-of-another-version",
		    rows[] = "keys-of-other-rows";

	ask(own, taken.session, 0, 0, 1);
	ask(other, taken.session - 1, 0, 0, 1);
	ask(version, taken.session, taken.count, 0, 1);
	ask(rows, taken.session, 0, 1000000, 1);
	if (!link_drain(taken.link, 30000))
		log_warn("planted keys: keyd does not answer");
}

int
__wrap_confine_worker(const struct confine_how *how)
{
	const char *hole = getenv("WEIR_MUTANT");

	return hole != NULL && strcmp(hole, "free") == 0 ?
	    0 :
	    __real_confine_worker(how);
}

int
__wrap_reads_new(struct reads **out, const struct reads_how *how)
{
	log_limit(0);
	taken = *how;
	return __real_reads_new(out, how);
}

int
__wrap_reads_start(struct reads *r)
{
	files();
	sockets();
	processes();
	kernel();
	keys();
	return __real_reads_start(r);
}
