/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_HOURGLASS_H
#define WEIR_HOURGLASS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * CLOCK_MONOTONIC in a test's hands: what must happen in time does, however
 * slow the machine is, and what takes long takes no time.  Who includes this is
 * linked with it in between (Makefile, "wraps"), and waits at its condition
 * variables by this clock alone; poll and sleep are as long as ever.
 */

/* It stands still from here on; it goes on from where it stands. */
void hourglass_stop(void);
void hourglass_go(void);

/* So much has passed all at once. */
void hourglass_pass(int64_t ms);

/* Somebody waits until a moment that was reckoned by now. */
bool hourglass_waits(void);

#endif
