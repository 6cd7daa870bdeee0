/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FORGET_H
#define WEIR_FORGET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fuse/ops.h"

/*
 * The kernel keeps what was read, and who has a file open or mapped reads that
 * without asking, with or without a worker.  At the end it is told to drop all
 * of it, by a thread: that may take a while, and wait for reads to be answered.
 */
struct forget {
	const struct ops *ops; /* borrowed */
	struct fuse_session *se;
	void (*over)(void *arg); /* called when it is done; by the thread */
	void *arg;
	bool begun;
	int64_t begun_ms;
	bool threaded;
	atomic_bool done;
	pthread_t thread;
};

/* Once; later calls do nothing.  Without a thread to be had it is done here. */
void forget_begin(struct forget *f);
bool forget_done(struct forget *f);

/* Whether that is so, or it was begun so long ago. */
bool forget_for(struct forget *f, int64_t ms);

/* Wait for the thread, if there is one. */
void forget_join(struct forget *f);

#endif
