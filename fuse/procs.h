/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PROCS_H
#define WEIR_PROCS_H

#include <stdint.h>

#define PROCS_EXE_SIZE 1024

/* The program that a process or thread runs, escaped for printing; empty where
 * that cannot be seen.  Returns buf. */
const char *procs_exe(uint32_t pid, char buf[static PROCS_EXE_SIZE]);

/* The process that a thread is of; 0 where that cannot be seen. */
uint32_t procs_leader(uint32_t tid);

#endif
