/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_REPORT_H
#define WEIR_REPORT_H

#include <stdint.h>

#include "fuse/handle.h"
#include "fuse/link.h"
#include "vault/digest.h"
#include "vault/owned.h"

/*
 * What a worker asserts to keyd: extents that were read, and objects that are
 * not what was vouched for.  Nothing here waits; while keyd is away a bounded
 * number of messages is kept.  Thread-safe.
 */
struct report;

struct report_how {
	struct link *link; /* borrowed */
	uint64_t session;
	uint16_t versions;
	/* Find out what a process runs; answered by report_exe. */
	void (*want_exe)(void *arg, uint32_t pid);
	void *arg;
};

int report_new(struct report **out, const struct report_how *how) MUST_USE;
void report_free(struct report *r); /* after the link's */
OWNED_TYPE(report);

/* A process has opened a file: what it runs will be asked for. */
void report_opened(struct report *r, uint32_t pid);
/* The answer: the process that this thread is of (0: not known), and its
 * program, or an empty string. */
void report_exe(struct report *r, uint32_t pid, uint32_t process,
    const char *exe);

/* The program that a process runs, by its SHA-256 (NULL: it could not be seen):
 * keyd is told of each once. */
void report_program(struct report *r, uint32_t process, const char *exe,
    const struct digest *digest);

/* Tell keyd what there is trouble with (MSG_TROUBLE_*): while there is any,
 * and once when it is over.  To be called each second. */
void report_trouble(struct report *r, uint8_t what);

/* Note a read, before it is answered. */
void report_read(struct report *r, struct handle *h, const struct extent *x);

/* Note where another user than the opener asked, and got nothing: x
 * is empty, and so is one of the opener's, told first so that keyd
 * knows which is which. */
void report_refused(struct report *r, struct handle *h, const struct extent *x);

/* Take over what a handle noted; it is told at the next report_flush, or
 * before when there is enough for a message. */
void report_handle(struct report *r, struct handle *h);

/* The same for each handle of the set, and tell it all. */
void report_flush(struct report *r, struct handle_set *s);

/* Tell of an object, once in a session; file is MSG_NO_FILE or the file's row
 * in the file table. */
struct report_fault {
	uint16_t version;
	uint32_t file;
	struct digest object;
	const char *reason;
};
void report_fault(struct report *r, const struct report_fault *f);

#endif
