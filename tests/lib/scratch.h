/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SCRATCH_H
#define WEIR_SCRATCH_H

#include "vault/file.h"

/*
 * A fresh directory for a test, under $TMPDIR or /tmp, opened.  Ends the
 * program when it cannot be made.  scratch_free removes it with all in it.
 */
struct scratch {
	char *path;
	struct file *dir;
};

struct scratch scratch_new(void);
void scratch_free(struct scratch *s);
#define OWNED_SCRATCH __attribute__((cleanup(scratch_free))) struct scratch

#endif
