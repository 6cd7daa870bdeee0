/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_NAMES_H
#define WEIR_NAMES_H

#include <stdbool.h>

#include "vault/file.h"
#include "vault/owned.h"

/*
 * Every name in a directory but "." and "..", in no order.  each's error
 * stops it and is returned.  Names that come or go meanwhile may be missed.
 */
int names_each(const struct file *dir, int (*each)(void *arg, const char *name),
    void *arg) MUST_USE;

/* Whether path is dir or beneath it, by the names alone: both are as realpath
 * has them. */
bool names_within(const char *path, const char *dir);

#endif
