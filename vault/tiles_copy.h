/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TILES_COPY_H
#define WEIR_TILES_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "vault/file.h"
#include "vault/note.h"
#include "vault/owned.h"

/*
 * The files of a log of a checkpoint's size, copied while the log may grow
 * (FORMAT.md, "Backup").
 */
struct tiles_copy {
	const struct file *from, *to; /* trail directories */
	/* One that has full tiles of the same log, to be linked; or NULL. */
	const struct file *known;
	const struct note_checkpoint *checkpoint;
	const char *note; /* its text, which is written last */
};

/*
 * Nothing lasts before the caller syncs the file system.  Every entry is
 * checked against the checkpoint once it is copied: ERR_INTEGRITY, said.
 */
int tiles_copy_run(const struct tiles_copy *c) MUST_USE;

#endif
