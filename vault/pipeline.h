/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PIPELINE_H
#define WEIR_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/intake.h"
#include "vault/lockbox.h"
#include "vault/object.h"
#include "vault/owned.h"
#include "vault/store.h"

/*
 * Plain chunks in, objects in the store out, and each file's digest: a pool of
 * threads hashes files, compresses, asks for keys by the batch, seals and
 * stores, while the caller reads on.  What is under way is bounded
 * (PIPELINE_BATCHES x PIPELINE_BYTES).  One thread calls these functions;
 * keys->chunk_keys is called from the pool's threads, one call at a time.
 *
 * A file's digest is one message, which no second processor can help with: a
 * piece of it that can be hashed is always hashed first, and the rest of the
 * work fills the other processors.  No more threads compute than there are.
 */
#define PIPELINE_BATCHES 3
#define PIPELINE_BYTES (32U << 20)
#define PIPELINE_CHUNKS 256

/* What became of a chunk. */
struct pipeline_chunk {
	struct digest object;
	uint64_t offset;	       /* as given */
	uint64_t stored_bytes;	       /* of the object written; 0: was there */
	const struct lockbox_row *box; /* in guarded memory */
};

struct pipeline_how {
	struct store *store;
	const struct intake_keys *keys;
	enum codec_effort effort;
	/* Each chunk, in the order given, from the caller's thread; it is in
	 * the store but for store_flush. */
	int (*done)(void *arg, const struct pipeline_chunk *c);
	void *arg;
};

struct pipeline;
int pipeline_new(struct pipeline **out, const struct pipeline_how *how)
    MUST_USE;
/* Waits for what is under way. */
void pipeline_free(struct pipeline *p);
OWNED_TYPE(pipeline);

/*
 * The chunks that are added from here to pipeline_end are a file.  Its digest
 * is in *digest once pipeline_finish has returned 0; until then, or until
 * pipeline_free, it is not the caller's.  NULL: nobody asks for it.
 */
int pipeline_begin(struct pipeline *p, struct digest *digest) MUST_USE;
void pipeline_end(struct pipeline *p);

/*
 * Room for the next chunk of n bytes (1 .. OBJECT_CHUNK_MAX), to be filled
 * before pipeline_add; asking again forgets it.  Waits for a place and may call
 * done.  Fails with the first error of any thread or of done.
 */
int pipeline_room(struct pipeline *p, size_t n, uint8_t **room) MUST_USE;

/* What the room was filled with. */
struct pipeline_plain {
	size_t length;			       /* of the room's n */
	uint64_t offset;		       /* in their file */
	uint8_t widths[OBJECT_CHUNK_SEGMENTS]; /* as struct object_plain's */
};
void pipeline_add(struct pipeline *p, const struct pipeline_plain *plain);

/* Take all that was added to its end. */
int pipeline_finish(struct pipeline *p) MUST_USE;

#endif
