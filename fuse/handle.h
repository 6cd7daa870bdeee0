/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_HANDLE_H
#define WEIR_HANDLE_H

#include <stdbool.h>
#include <stdint.h>

#include "fuse/extents.h"
#include "fuse/pattern.h"
#include "fuse/window.h"
#include "vault/manifest.h"
#include "vault/owned.h"

/*
 * Open files.  A handle is counted: the opening holds it, and so does each
 * read under way.  The handles of one file share its window.  Thread-safe;
 * no lock is held over anything slow.
 */
struct handle;
struct handle_set;

struct handle_file {
	uint64_t ino;
	uint16_t version;
	uint32_t window;		 /* most rows in one release */
	const struct manifest *manifest; /* borrowed, as file */
	const struct manifest_file *file;
};

/* closed is called when a handle's last holder has let go, before it is
 * freed. */
int handle_set_new(struct handle_set **out,
    void (*closed)(void *arg, struct handle *h), void *arg) MUST_USE;
/* Nobody may use a handle any more; those that are left are freed. */
void handle_set_free(struct handle_set *s);

/* uid and pid: of who opened it. */
int handle_open(struct handle **out, struct handle_set *s,
    const struct handle_file *file, uint32_t uid, uint32_t pid) MUST_USE;
struct handle *handle_hold(struct handle *h);
void handle_free(struct handle *h); /* let go */
OWNED_TYPE(handle);

const struct handle_file *handle_file(const struct handle *h);

/* Whether this user opened it: a descriptor that was handed on to another one
 * reads nothing there but what the kernel keeps (docs/threat-model.md). */
bool handle_is_of(const struct handle *h, uint32_t uid);

/* Note that another user asks.  True where that one was not the last such one,
 * and not too many were; *opener, who opened it, gets an empty range. */
bool handle_handed_on(struct handle *h, uint32_t uid, struct extent *opener);

/* The file's row in the manifest's file table. */
uint32_t handle_index(const struct handle *h);

/* Note which rows of the version a read takes, once for each; how the file is
 * read through this handle, to go by this read too. */
enum pattern_kind handle_note(struct handle *h, uint64_t row, uint32_t count);

/* window_miss and window_hit for a row of the version; the answer is cut to
 * the file's rows. */
struct window_ask handle_miss(struct handle *h, uint64_t row, uint32_t need);
bool handle_hit(struct handle *h, uint64_t row, struct window_ask *out);

/* Note a request that fails because nobody may have asked for all of it.  True
 * when the same one failed a moment ago: a kernel whose pages are as large as
 * its requests asks for nothing smaller, and somebody waits. */
bool handle_again(struct handle *h, uint64_t offset, uint64_t size);

/*
 * Note a read.  It counts as the opener's where the uid is the same, so that
 * threads are one reader.  ERR_LIMIT, ERR_NOMEM: see extents_add.
 */
int handle_read(struct handle *h, const struct extent *x) MUST_USE;

/* Take what was noted; the caller clears it. */
struct extents handle_take(struct handle *h);

/* Each open handle.  The set is locked meanwhile. */
void handle_each(struct handle_set *s,
    void (*each)(void *arg, struct handle *h), void *arg);

#endif
