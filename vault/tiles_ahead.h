/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TILES_AHEAD_H
#define WEIR_TILES_AHEAD_H

#include <stdint.h>

#include "vault/owned.h"
#include "vault/tiles_view.h"

/*
 * As tiles_view_each, but a thread reads and checks ahead of what each is
 * given.  Until it returns, the view is that thread's: each must not use it.
 * ERR_NOMEM when there is no thread to be had.
 */
int tiles_ahead_each(struct tiles_view *v, uint64_t from, uint64_t to,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg) MUST_USE;

#endif
