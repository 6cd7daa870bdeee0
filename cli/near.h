/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_NEAR_H
#define WEIR_NEAR_H

/* How many letters must be put in, taken out or changed to make b of a, at most
 * 15: for names that were mistyped. */
unsigned int near_distance(const char *a, const char *b);

#endif
