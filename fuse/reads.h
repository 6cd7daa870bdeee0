/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_READS_H
#define WEIR_READS_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuse/handle.h"
#include "fuse/keyslots.h"
#include "fuse/link.h"
#include "fuse/report.h"
#include "vault/owned.h"
#include "vault/spent.h"
#include "vault/version.h"

/*
 * READ requests: rows, keys, then the bytes, checked and opened.  A pool of
 * threads does the work; a request that waits for keyd or for a store that
 * failed a moment ago is parked and holds none of them.  An answer is whole:
 * never short but at the end of the file, never EAGAIN.  What waits for longer
 * than the stall time fails with EIO.
 *
 * Where keys come in windows, sealed chunks leave the host's page
 * cache when they were read to their end (spent.h), but for a handle
 * that is read anywhere.
 *
 * Where keys come one chunk at a time (a browse grant) a reader is given no
 * weights that it did not ask for: a request that may be the kernel's
 * read-ahead, and reaches into weights whose key is not there, fails with EIO.
 * The kernel then asks for the page that is wanted, alone; or for the same once
 * more, which is answered.
 */
struct reads;

#define READS_MAX (1U << 20) /* bytes of one request */

struct reads_how {
	struct version *const *versions; /* by number; borrowed */
	uint16_t count;
	uint64_t session;
	struct keyslots *keys; /* borrowed, as those below */
	struct link *link;
	struct report *report;
	struct opened *opened; /* of the versions; may be NULL */
	struct spent *spent;   /* may be NULL */
	uint32_t stall_ms;
	uint32_t threads;
};

int reads_new(struct reads **out, const struct reads_how *how) MUST_USE;
int reads_start(struct reads *r) MUST_USE;

/* Stop the threads; what was not answered is, with EIO. */
void reads_stop(struct reads *r);
void reads_free(struct reads *r); /* stops it too; after the link's */
OWNED_TYPE(reads);

struct reads_request {
	fuse_req_t req;
	struct handle *handle;
	uint64_t offset;
	size_t size; /* within the file and at most READS_MAX; > 0 */
	bool asked;  /* by the reader, to the byte: no read-ahead */
};

/* Answer a request, sooner or later. */
void reads_submit(struct reads *r, const struct reads_request *q);

/* The session is over: every request under way and to come fails with EIO. */
void reads_end(struct reads *r);
bool reads_ended(const struct reads *r);

/* What there is trouble with just now: MSG_TROUBLE_*. */
uint8_t reads_trouble(const struct reads *r);

#endif
