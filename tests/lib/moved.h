/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MOVED_H
#define WEIR_MOVED_H

#include <stdint.h>

/*
 * Clocks that a test moves: how far keyd's are from what they were (since boot,
 * and the wall's), and which boot it is, 0 being the one that it is.  Who
 * includes this is linked with it in between (Makefile, "wraps").
 */
extern int64_t moved_boot_s, moved_wall_ms;
extern uint8_t moved_boot;

/* What holds now: these variables, unless a program has its own moved_now. */
struct moved {
	int64_t boot_s;
	int64_t wall_ms;
	uint8_t boot;
};
struct moved moved_now(void);

#endif
