/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MOVED_H
#define WEIR_MOVED_H

#include <stdint.h>

#include "keys/accounting.h"

/*
 * Clocks that a test moves: how far keyd's are from what they were (since boot,
 * and the wall's), and which boot it is.  A test that includes this header is
 * linked with -Wl,--wrap= (Makefile, "Clocks that the test moves").
 */
extern int64_t moved_boot_s, moved_wall_ms;
extern uint8_t moved_boot;

#endif
