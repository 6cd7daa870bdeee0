/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TILES_WRITER_H
#define WEIR_TILES_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/file.h"
#include "vault/owned.h"
#include "vault/tiles_view.h"

/*
 * Entries turned into tiles and bundles (FORMAT.md, "Trail").  Every file is
 * written whole under another name, synced and renamed, and its directory
 * synced; files that are there already are written again, because only a
 * checkpoint says that one is durable.  After an error the writer is of no
 * more use: free it, and begin again from the last checkpoint.
 */
struct tiles_writer;

/* Go on where view ends; view is not kept.  Removes what a process that died
 * left half-written at the edge.  trail is borrowed. */
int tiles_writer_open(struct tiles_writer **out, const struct file *trail,
    struct tiles_view *view) MUST_USE;
void tiles_writer_free(struct tiles_writer *w);
OWNED_TYPE(tiles_writer);

/* Take in one entry of 1 .. 65,535 bytes; what becomes full is written. */
int tiles_writer_add(struct tiles_writer *w, const void *entry, size_t n)
    MUST_USE;

/* Write what is partly full and has grown.  Then a checkpoint of *size and
 * *root may be signed. */
int tiles_writer_flush(struct tiles_writer *w, uint64_t *size,
    struct digest *root) MUST_USE;

#endif
