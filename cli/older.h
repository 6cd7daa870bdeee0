/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OLDER_H
#define WEIR_OLDER_H

#include "cli/options.h"
#include "keys/client.h"

/* A vault that has less of its trail than this host has seen, or another one:
 * one that was put back, or rewritten.  Mounts and copies of it are refused. */

#define OLDER_SIZE 256
#define OLDER_ADVICE_SIZE 512

/* That it is so, in a sentence; empty when it is not, or cannot be told.
 * still: of a vault that nobody serves, by its files. */
void older_look(struct client *client, char out[static OLDER_SIZE]);
void older_look_still(const struct options *o, char out[static OLDER_SIZE]);

/* What is to be done about it on this host. */
void older_advice(const uint8_t vault[static 16],
    char out[static OLDER_ADVICE_SIZE]);

#endif
