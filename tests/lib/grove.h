/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_GROVE_H
#define WEIR_GROVE_H

#include "vault/manifest.h"

/* Trees to test with.  What cannot be made ends the program. */

/*
 * A tree of every kind of row: nine rows in the file table, 5,003 chunk
 * rows, two pages, a tensor index.
 *
 *	LICENSE			text, 1 chunk
 *	config.json		config, 1 chunk
 *	empty			an empty file of weights
 *	latest			a link to weights/big
 *	weights			a directory
 *	weights/back		a link to ../config.json
 *	weights/big		5,000 chunks of 64 KiB, 1,000 of it a header
 *	weights/sub		a directory
 *	weights/sub/small	1 chunk
 */
enum grove_row {
	GROVE_LICENSE,
	GROVE_CONFIG,
	GROVE_EMPTY,
	GROVE_LATEST,
	GROVE_WEIGHTS,
	GROVE_BACK,
	GROVE_BIG,
	GROVE_SUB,
	GROVE_SMALL,
	GROVE_ROWS
};
struct manifest *grove_new(void);

/* An empty manifest with room for this many files and pages. */
struct manifest *grove_room(uint32_t files, uint32_t pages);

/* Another path or target for row i. */
void grove_path(struct manifest *m, uint32_t i, const char *path);
void grove_target(struct manifest *m, uint32_t i, const char *target);

/* Append a row; a file of n bytes gets chunks of 4 MiB and all sums. */
struct manifest_file *grove_dir(struct manifest *m, const char *path);
struct manifest_file *grove_file(struct manifest *m, const char *path,
    uint64_t n);

#endif
