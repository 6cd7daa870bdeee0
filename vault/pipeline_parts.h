/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PIPELINE_PARTS_H
#define WEIR_PIPELINE_PARTS_H

#include <pthread.h>

#include "vault/pipeline.h"

/* What the caller's side and the pool's share; for pipeline*.c alone. */

#define PIPELINE_THREADS_MAX 32

struct chunk {
	uint8_t *bytes; /* in the batch's arena; plain until it is packed */
	uint32_t length;
	uint64_t offset;
	uint8_t widths[OBJECT_CHUNK_SEGMENTS];
	bool summed;	     /* its file's digest has it, or nobody asks for
				that: it may be packed */
	struct chunk *after; /* in its file */
	struct object_payload *payload; /* until it is stored */
	struct digest object;
	uint64_t stored_bytes;
};

/* A file's digest in the making: one thread at a time adds to it. */
struct sum {
	struct sum *next;	   /* the file after it */
	struct digester *digester; /* or NULL, and out, too */
	struct digest *out;
	struct chunk *first; /* of those to be added yet */
	struct chunk *last;
	bool busy;
	bool ended; /* no more chunks come */
};

/* Guarded memory of a batch. */
struct secrets {
	uint8_t keys[PIPELINE_CHUNKS][KEY_SIZE];
	struct lockbox_row boxes[PIPELINE_CHUNKS];
};

enum stage {
	STAGE_PACK, /* chunks from next on wait to be packed; more may come */
	STAGE_KEYS, /* one thread asks for keys */
	STAGE_SEAL, /* chunks from next on wait to be sealed and stored */
	STAGE_DONE,
};

struct batch {
	enum stage stage;
	bool full; /* no more chunks come */
	size_t count;
	size_t next;   /* the next chunk to be worked at */
	size_t passed; /* chunks that have passed this stage */
	struct chunk chunks[PIPELINE_CHUNKS];
	struct digest sealing[PIPELINE_CHUNKS];
	struct secrets *secrets;
	/* The caller's: */
	uint8_t *arena; /* NULL at first */
	size_t used;	/* of the arena */
	size_t bytes;	/* of chunks */
};

struct pipeline {
	struct pipeline_how how;
	struct chunk room;	/* the caller's, as filling */
	size_t filling;		/* batches are numbered; number n is in place */
	size_t oldest;		/* n % PIPELINE_BATCHES */
	pthread_mutex_t asking; /* held over chunk_keys */
	pthread_mutex_t mutex;	/* of what follows, oldest, and the batches but
				   for what is theirs who hold a task */
	pthread_cond_t work;	/* for the pool */
	pthread_cond_t done;	/* for the caller */
	int err;		/* the first: all else is passed over */
	bool quit;
	size_t working; /* threads that compute: at most */
	size_t cores;
	struct sum *sums; /* in the order of their files */
	struct sum *sums_last;
	struct batch batches[PIPELINE_BATCHES];
	size_t threads;
	pthread_t pool[PIPELINE_THREADS_MAX];
};

/* Threads that leave the process's signals to the caller's. */
int pipeline_start(struct pipeline *p) MUST_USE;
void pipeline_stop(struct pipeline *p);

/* With the mutex held: take the first sum out, whose file is complete or
 * forgotten. */
void pipeline_sum_end(struct pipeline *p, struct sum *s);

/* With the mutex held: open the batch's next stage if it has passed this. */
void pipeline_advance(struct pipeline *p, struct batch *b);

#endif
