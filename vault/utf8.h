/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_UTF8_H
#define WEIR_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Text from outside, a character at a time.
 */

/* The length of the well-formed sequence at s, of which there are left > 0
 * bytes, and its code point; 0 if there is none, and *code is left alone. */
size_t utf8_length(const uint8_t *s, size_t left, uint32_t *code);

/* Whether a character acts instead of being shown: controls (C0, DEL, C1),
 * those that turn text around, and those that nobody sees. */
bool utf8_acts(uint32_t code);

#endif
