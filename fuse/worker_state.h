/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WORKER_STATE_H
#define WEIR_WORKER_STATE_H

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "fuse/control.h"
#include "fuse/forget.h"
#include "fuse/handle.h"
#include "fuse/keyslots.h"
#include "fuse/link.h"
#include "fuse/ops.h"
#include "fuse/reads.h"
#include "fuse/report.h"
#include "fuse/signatures.h"
#include "fuse/tree.h"
#include "vault/store.h"
#include "vault/version.h"

/* What a worker is made of, for worker*.c alone. */

#define WORKER_SERVERS 4       /* threads that answer the kernel */
#define WORKER_GOODBYE_MS 5000 /* for keyd to take what is left to be told */

struct worker {
	int control;
	int journal;	     /* for log lines, once detached; -1: none */
	int event;	     /* eventfd: look at what follows */
	atomic_uint serving; /* threads that answer the kernel */
	atomic_bool ended;   /* by keyd */
	pthread_mutex_t mutex;
	char *reason; /* for which it ended */
	bool ended_told;
	struct forget forget; /* what the kernel keeps */

	struct control_setup setup;
	uint16_t count; /* of versions */
	struct store *store;
	struct opened *opened; /* NULL: there is no room for it */
	struct spent *spent;
	struct version **versions;
	const struct manifest **manifests;
	uint32_t *windows;
	struct signatures signatures;
	struct tree *tree;
	struct keyslots *keys;
	struct link *link;
	struct report *report;
	struct handle_set *handles;
	struct reads *reads;
	struct ops ops;
	struct fuse_session *se;
	pthread_t servers[WORKER_SERVERS];
	unsigned int server_count;
};

/* Take the monitor's setup, give up what is not needed, and make all that
 * serves the kernel; only the link has a thread. */
int worker_prepare(struct worker *w) MUST_USE;

/* Have whoever attends to the worker look at it again. */
void worker_notice(void *worker);

#endif
