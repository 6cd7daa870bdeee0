/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRAIL_READER_H
#define WEIR_TRAIL_READER_H

#include "vault/file.h"
#include "vault/note.h"
#include "vault/owned.h"
#include "vault/trail.h"

/* The parts of a reader that trail_verify needs; the rest is in trail.h. */

/* The directory trail/, borrowed. */
const struct file *trail_reader_directory(const struct trail_reader *r);

/* The checkpoint that is on disk now. */
int trail_reader_newest(const struct trail_reader *r,
    struct note_checkpoint *out) MUST_USE;

#endif
