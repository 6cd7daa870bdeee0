/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SANDBOX_H
#define WEIR_SANDBOX_H

#include <stddef.h>

#include "vault/owned.h"

/*
 * What a process that opens hostile bytes gives up, for good: every
 * capability, new privileges by exec, (Landlock, where the kernel has it) every
 * file but those beneath one directory, which it may read, and (seccomp) every
 * system call that it does not need: no sockets, no other processes, no
 * programs.  Descriptors that are open stay.  Before any thread is there.
 */

/* dir is a directory's descriptor.  A kernel without Landlock is no error. */
int sandbox_enter(int dir) MUST_USE;

/* The kernel's Landlock ABI; 0: none. */
int sandbox_landlock(void);
/* What of it that one can forbid, for people. */
const char *sandbox_landlock_has(int abi);

/* Parts of it, for who changes its user in between: not even a program with
 * capabilities would have any; and none are left. */
void sandbox_bound(void);
int sandbox_drop(void) MUST_USE;
/* Where the kernel has Landlock: no file but those beneath dir, to be read;
 * and what of it there is, no TCP, no abstract sockets and no signals outside.
 * For who has given up the rest, or needs calls that sandbox_enter forbids. */
int sandbox_files(int dir) MUST_USE;
/* From here on only the system calls that a process without sockets, children
 * and files to write needs, and count more of them by their numbers: others
 * fail with EPERM, and memory that was written is not run. */
int sandbox_calls(const int *more, size_t count) MUST_USE;

#endif
