/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CONFINE_H
#define WEIR_CONFINE_H

#include "vault/owned.h"

/*
 * Give up, for good and before there is any thread, what a worker does not
 * need: capabilities, groups, the way back to any of them, core dumps, being
 * traced, and descriptors above `last`.  A root's worker goes on as the owner
 * of the store's directory, so that it can read the objects.  Limits on locked
 * memory are lifted before, as far as they may be.
 */
int confine_worker(int store, int last) MUST_USE;

#endif
