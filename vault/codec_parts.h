/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CODEC_PARTS_H
#define WEIR_CODEC_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "vault/codec.h"
#include "vault/planes.h"

/* What packing and unpacking of segments share. */

#define CODEC_SEGMENT 65536

/* Before the planes of a segment: the length of each, two bytes. */
#define CODEC_PLANES_HEAD(width) (2 * (width))

/* A context lives in one piece of memory, made with it and wiped with it: it
 * keeps what went through, and asks for no more later. */
struct codec_workspace {
	void *bytes;
	size_t size;
};

int codec_workspace_new(struct codec_workspace *w, size_t size) MUST_USE;
void codec_workspace_wipe(struct codec_workspace *w);

#endif
