/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"

#define CAPABILITIES 64 /* more than there are */

/* What each version of Landlock can forbid, and how long its struct is: newer
 * ones than the headers know of are taken as the last of these.  What is not
 * handled stays allowed. */
static const struct {
	uint64_t files; /* LANDLOCK_ACCESS_FS_* */
	uint64_t net;
	uint64_t scopes;
	size_t size;
} known[] = {
	{ 0, 0, 0, 0 },
	{ 0x1fff, 0, 0, 8 },
	{ 0x3fff, 0, 0, 8 },
	{ 0x7fff, 0, 0, 8 },
	{ 0x7fff, 3, 0, 16 },
	{ 0xffff, 3, 0, 16 },
	{ 0xffff, 3, 3, 24 },
};

int
sandbox_landlock(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

const char *
sandbox_landlock_has(int abi)
{
	if (abi >= 6)
		return "files, TCP, abstract sockets, signals";
	return abi >= 4 ? "files, TCP" : abi > 0 ? "files" : "nothing";
}

void
sandbox_bound(void)
{
	for (unsigned long cap = 0; cap < CAPABILITIES; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

/* Where a service manager has seen to it, capset may be forbidden. */
static bool
has_none(struct __user_cap_header_struct *head)
{
	struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, head, has) != 0)
		return false;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if (has[i].effective != 0 || has[i].permitted != 0 ||
		    has[i].inheritable != 0)
			return false;
	return true;
}

int
sandbox_drop(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {
		{ 0, 0, 0 },
	};

	if (syscall(SYS_capset, &head, none) != 0 && !has_none(&head))
		return log_sys("giving up capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return log_sys("prctl PR_SET_NO_NEW_PRIVS");
	return 0;
}

int
sandbox_files(int dir)
{
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE |
		    LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = dir,
	};
	size_t abi = (size_t)sandbox_landlock();

	if (abi == 0)
		return 0;
	if (abi >= sizeof(known) / sizeof(known[0]))
		abi = sizeof(known) / sizeof(known[0]) - 1;

	const uint64_t all[3] = { known[abi].files, known[abi].net,
		known[abi].scopes };
	OWNED_FD rules = (int)syscall(SYS_landlock_create_ruleset, all,
	    known[abi].size, 0);

	if (rules < 0 ||
	    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
		&beneath, 0) != 0 ||
	    syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		return log_sys("Landlock");
	return 0;
}

/* Newer than some libseccomp. */
#ifdef SYS_memfd_secret
#define MEMFD_SECRET SYS_memfd_secret
#else
#define MEMFD_SECRET 447
#endif

/* Memory, threads, the files and sockets that are there. */
static const int calls[] = { SCMP_SYS(brk), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(close),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(fadvise64),
	SCMP_SYS(fstat), SCMP_SYS(ftruncate), SCMP_SYS(futex),
	SCMP_SYS(getdents64), SCMP_SYS(getegid), SCMP_SYS(geteuid),
	SCMP_SYS(getgid), SCMP_SYS(getpid), SCMP_SYS(getrandom),
	SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(lseek), SCMP_SYS(madvise),
	SCMP_SYS(membarrier), MEMFD_SECRET, SCMP_SYS(mlock), SCMP_SYS(mlock2),
	SCMP_SYS(mremap), SCMP_SYS(munlock), SCMP_SYS(munmap),
	SCMP_SYS(nanosleep), SCMP_SYS(newfstatat), SCMP_SYS(openat),
	SCMP_SYS(openat2), SCMP_SYS(pread64), SCMP_SYS(read),
	SCMP_SYS(readlink), SCMP_SYS(readv), SCMP_SYS(recvfrom),
	SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(sendto),
	SCMP_SYS(set_robust_list), SCMP_SYS(sigaltstack), SCMP_SYS(statx),
	SCMP_SYS(uname), SCMP_SYS(write), SCMP_SYS(writev) };

/* Some calls do more than is needed: which of their arguments are let by.
 * fcntl could have the kernel signal others; prctl could make a process
 * dumpable again; nothing that was written is to be run. */
static const struct {
	int call;
	unsigned int place; /* of the argument */
	scmp_datum_t mask, value;
} parts[] = {
	{ SCMP_SYS(fcntl), 1, UINT32_MAX, F_DUPFD },
	{ SCMP_SYS(fcntl), 1, UINT32_MAX, F_DUPFD_CLOEXEC },
	{ SCMP_SYS(fcntl), 1, UINT32_MAX, F_GETFD },
	{ SCMP_SYS(fcntl), 1, UINT32_MAX, F_SETFD },
	{ SCMP_SYS(fcntl), 1, UINT32_MAX, F_GETFL },
	{ SCMP_SYS(fcntl), 1, UINT32_MAX, F_SETFL },
	{ SCMP_SYS(fcntl), 1, UINT32_MAX, F_GETPIPE_SZ },
	{ SCMP_SYS(fcntl), 1, UINT32_MAX, F_SETPIPE_SZ },
	{ SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME },
	{ SCMP_SYS(prctl), 0, UINT32_MAX, PR_GET_DUMPABLE },
	{ SCMP_SYS(prctl), 0, UINT32_MAX, 0x53564d41 }, /* PR_SET_VMA */
	{ SCMP_SYS(mmap), 2, PROT_EXEC, 0 },
	{ SCMP_SYS(mprotect), 2, PROT_EXEC, 0 },
};

static int
allow_parts(scmp_filter_ctx filter)
{
	/* An undumpable process may say so once more. */
	int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 2,
	    SCMP_A0(SCMP_CMP_EQ, PR_SET_DUMPABLE, 0),
	    SCMP_A1(SCMP_CMP_EQ, 0, 0));

	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, parts[i].call, 1,
		    SCMP_CMP(parts[i].place, SCMP_CMP_MASKED_EQ, parts[i].mask,
			parts[i].value));
	return r;
}

static int
allow_list(scmp_filter_ctx filter, const int *list, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, list[i], 0);
	return r;
}

static int
allow(scmp_filter_ctx filter, const int *more, size_t count)
{
	int r = allow_list(filter, calls, sizeof(calls) / sizeof(calls[0]));

	if (r == 0)
		r = allow_list(filter, more, count);
	if (r == 0)
		r = allow_parts(filter);
	/* Threads, and no processes: a filter cannot look into what clone3 is
	 * given, and glibc does without it. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS),
		    SCMP_SYS(clone3), 0);
	/* Its own limits and signals (abort), nobody else's. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW,
		    SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_EQ, 0, 0));
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill),
		    1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
	return r == 0 ? seccomp_load(filter) : r;
}

int
sandbox_calls(const int *more, size_t count)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter != NULL ? allow(filter, more, count) : -ENOMEM;

	seccomp_release(filter);
	return r == 0 ? 0 : log_err(ERR_IO, "seccomp: %s", strerrordesc_np(-r));
}

int
sandbox_enter(int dir)
{
	int err;

	sandbox_bound();
	err = sandbox_drop();
	if (err == 0)
		err = sandbox_files(dir);
	return err == 0 ? sandbox_calls(NULL, 0) : err;
}
