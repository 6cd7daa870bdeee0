/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"

#define CAPABILITIES 64 /* more than there are */

/* Rights by ABI: the first 13 came with 1, REFER with 2, TRUNCATE with 3.  One
 * that is not handled stays allowed. */
#define RIGHTS_1 ((UINT64_C(1) << 13) - 1)
#define RIGHTS_2 ((UINT64_C(1) << 14) - 1)
#define RIGHTS_3 ((UINT64_C(1) << 15) - 1)

int
sandbox_landlock(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

void
sandbox_bound(void)
{
	for (unsigned long cap = 0; cap < CAPABILITIES; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
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

	if (syscall(SYS_capset, &head, none) != 0)
		return log_sys("giving up capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return log_sys("prctl PR_SET_NO_NEW_PRIVS");
	return 0;
}

static int
restrict_files(int dir)
{
	const int abi = sandbox_landlock();
	const struct landlock_ruleset_attr all = {
		.handled_access_fs = abi >= 3 ? RIGHTS_3 :
		    abi == 2		      ? RIGHTS_2 :
						RIGHTS_1,
	};
	const struct landlock_path_beneath_attr reading = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE |
		    LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = dir,
	};
	OWNED_FD rules = -1;

	if (abi == 0)
		return 0;
	rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (rules < 0 ||
	    syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
		&reading, 0) != 0 ||
	    syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		return log_sys("Landlock");
	return 0;
}

/* Memory, threads, the files and sockets that are there. */
static const int calls[] = { SCMP_SYS(brk), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep), SCMP_SYS(close),
	SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(fcntl), SCMP_SYS(fstat),
	SCMP_SYS(futex), SCMP_SYS(getdents64), SCMP_SYS(getegid),
	SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getpid),
	SCMP_SYS(getrandom), SCMP_SYS(gettid), SCMP_SYS(getuid),
	SCMP_SYS(lseek), SCMP_SYS(madvise), SCMP_SYS(membarrier),
	SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(mmap), SCMP_SYS(mprotect),
	SCMP_SYS(mremap), SCMP_SYS(munlock), SCMP_SYS(munmap),
	SCMP_SYS(nanosleep), SCMP_SYS(newfstatat), SCMP_SYS(openat),
	SCMP_SYS(openat2), SCMP_SYS(pread64), SCMP_SYS(prctl), SCMP_SYS(read),
	SCMP_SYS(readlink), SCMP_SYS(readv), SCMP_SYS(recvfrom),
	SCMP_SYS(restart_syscall), SCMP_SYS(rseq), SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield), SCMP_SYS(sendto),
	SCMP_SYS(set_robust_list), SCMP_SYS(sigaltstack), SCMP_SYS(statx),
	SCMP_SYS(uname), SCMP_SYS(write), SCMP_SYS(writev) };

static int
allow(scmp_filter_ctx filter)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(calls) / sizeof(calls[0]); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
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

static int
restrict_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r = filter != NULL ? allow(filter) : -ENOMEM;

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
		err = restrict_files(dir);
	return err == 0 ? restrict_calls() : err;
}
