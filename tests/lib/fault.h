/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FAULT_H
#define WEIR_FAULT_H

#include <stdbool.h>

/*
 * Failure injected, not hoped for.  A test that includes this header is linked
 * with -Wl,--wrap= (Makefile, "wraps"): calls that the code under test makes
 * itself can be made to fail; those inside shared libraries cannot.
 *
 *	for (unsigned int n = 1;; n++) {
 *		fault_fail(FAULT_MEMORY | FAULT_SYNC, n, EIO);
 *		err = thing_do(...);
 *		if (!fault_off())
 *			break;		nothing was left to fail
 *		... what must hold after the nth failure ...
 *	}
 *
 * Calls of all threads are counted.
 */
enum fault {
	FAULT_MEMORY = 1, /* malloc, calloc, realloc */
	FAULT_WRITE = 2,  /* write, pwrite */
	FAULT_SYNC = 4,	  /* fsync, fdatasync */
	FAULT_RENAME = 8, /* rename, renameat, renameat2 */
	FAULT_DISK = FAULT_WRITE | FAULT_SYNC | FAULT_RENAME,
};

/* The nth call (from 1) of these kinds fails with errnum, once; for memory
 * with ENOMEM whatever errnum is. */
void fault_fail(unsigned int kinds, unsigned int nth, int errnum);

/* As fault_fail, and so do all calls after it: a disk that stays full. */
void fault_fail_from(unsigned int kinds, unsigned int nth, int errnum);

/* The nth write or pwrite takes half of its bytes. */
void fault_short(unsigned int nth);

/* The process ends by _exit(FAULT_STATUS) in place of the nth call: for the
 * child of a fork. */
#define FAULT_STATUS 77
void fault_exit(unsigned int kinds, unsigned int nth);

/* Before the nth call, function is called once: what others do meanwhile. */
void fault_call(unsigned int kinds, unsigned int nth,
    void (*function)(void *arg), void *arg);

/* Before each call, by whoever makes it: a disk that takes its time.
 * fault_seen counts the calls. */
void fault_each(unsigned int kinds, void (*function)(void *arg), void *arg);

/* Nothing fails, and fault_seen counts the calls of these kinds. */
void fault_watch(unsigned int kinds);
unsigned int fault_seen(void);

/* Whether it came to the nth call; nothing fails from here on. */
bool fault_off(void);

#endif
