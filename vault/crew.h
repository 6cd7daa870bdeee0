/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CREW_H
#define WEIR_CREW_H

#include <stddef.h>

/*
 * Many things of one kind that each wait for a disk, done side by side:
 * removals and syncs take a device's round trip each, and a device takes many
 * at once.  Not for what needs a processor.
 */

/* each(arg, i) once for every i below n, on threads of its own where there are
 * enough of them, and in order where there are few; returns when all are done.
 * Threads that cannot be had only make it slower. */
void crew_run(size_t n, void (*each)(void *arg, size_t i), void *arg);

#endif
