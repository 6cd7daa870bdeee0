/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
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

static int
drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {
		{ 0, 0, 0 },
	};

	/* Not even a program with capabilities would have any. */
	for (unsigned long cap = 0; cap < CAPABILITIES; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capset, &head, none) != 0)
		return log_sys("giving up capabilities");
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

int
sandbox_enter(int dir)
{
	int err = drop_capabilities();

	if (err != 0)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return log_sys("prctl PR_SET_NO_NEW_PRIVS");
	return restrict_files(dir);
}
