/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRAIL_H
#define WEIR_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/file.h"
#include "vault/journal.h"
#include "vault/note.h"
#include "vault/owned.h"
#include "vault/secret.h"

/*
 * The trail: journal and transparency log (FORMAT.md, "Trail").  The writer
 * below is keyd's alone; the readers at the end need only the files.
 */

struct trail;

/* Make trail/ beneath the vault directory: empty journal, checkpoint of
 * size 0. */
int trail_init(const struct file *vault, const struct note_key *key,
    const struct sign_key *seed) MUST_USE;

/*
 * Open as the writer.  Verifies the checkpoint and the journal above it,
 * repairs a torn tail, integrates what the journal holds and the tiles do
 * not.  Entries at and above `from` are replayed to each (for the
 * projection; NULL: to nobody); an error may be found after some were.
 * Starts the commit thread and the once-a-second integrator.  key and seed
 * are borrowed until trail_free.  ERR_INTEGRITY, said in a log line, when
 * something was changed, and when the trail ends before `from`.  ERR_SPACE.
 */
struct trail_open {
	const struct file *vault;
	struct journal_id id;
	const struct note_key *key;
	const struct sign_key *seed;
	uint64_t from;
	int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n);
	void *arg;
};
int trail_open(struct trail **out, const struct trail_open *how) MUST_USE;

/* Commit what waits, integrate, publish, stop the threads. */
void trail_free(struct trail *t);
OWNED_TYPE(trail);

/*
 * Group commit.  trail_append queues an entry and returns its index at once;
 * trail_wait returns 0 when that entry, and all before it, are durable.
 * trail_append keeps a copy of entry.  Thread-safe.  The order of indices is
 * the order of trail_append calls.  When the trail cannot be written (journal
 * or tiles, a full disk included) every call returns the error and the trail
 * stays dead: what became durable before is, and stays so; the process is to
 * stop, and the next trail_open verifies and goes on.
 *
 * trail_append: ERR_LIMIT for an entry of 0 or more than 65,535 bytes, or
 * when TRAIL_QUEUE_MAX bytes wait already.  trail_wait: ERR_USAGE for an
 * index that trail_append did not return.
 */
#define TRAIL_QUEUE_MAX (64U << 20)
int trail_append(struct trail *t, const void *entry, size_t n, uint64_t *index)
    MUST_USE;
int trail_wait(struct trail *t, uint64_t index) MUST_USE;

/*
 * Without blocking: done(arg, result) is called once, by the commit thread when
 * index becomes durable or the trail fails, or by the caller's own thread when
 * that is so already, for a wrong index (ERR_USAGE) and out of memory
 * (ERR_NOMEM).  It may append, and must not wait nor free the trail.
 */
void trail_notify(struct trail *t, uint64_t index,
    void (*done)(void *arg, int result), void *arg);

/* Entries that are durable. */
uint64_t trail_size(struct trail *t);

/* The error that the trail died of, or 0.  ERR_INTEGRITY: somebody changed its
 * files; it looks once a second, and before each checkpoint. */
int trail_failed(struct trail *t);

/*
 * For a watchdog: whether each of the two threads got on since the last call,
 * or has nothing to do.  Not as long as one and the same write or sync takes,
 * and not once the trail is dead.
 */
bool trail_moves(struct trail *t);

/* Integrate now; the published checkpoint covers at least what was durable
 * at the call.  The caller frees *note (may be NULL). */
int trail_publish(struct trail *t, struct note_checkpoint *out, char **note)
    MUST_USE;

/* The same without blocking: done is called as by trail_notify, by the thread
 * that publishes; trail_published then gives the last checkpoint. */
void trail_publish_notify(struct trail *t, void (*done)(void *arg, int result),
    void *arg);
int trail_published(struct trail *t, struct note_checkpoint *out, char **note)
    MUST_USE;

/*
 * Readers: from the files of trail/ alone, whether keyd runs or not.  What
 * they give out was checked against the checkpoint.  One thread at a time.
 * ERR_INTEGRITY is said in a log line, by trail_verify in its verdict.
 */
struct trail_reader;
int trail_reader_open(struct trail_reader **out, const struct file *vault,
    const struct note_key *key) MUST_USE;
void trail_reader_free(struct trail_reader *r);
OWNED_TYPE(trail_reader);
const struct note_checkpoint *trail_reader_checkpoint(
    const struct trail_reader *r);
/* The checkpoint's signed note, borrowed. */
const char *trail_reader_note(const struct trail_reader *r);

/* Entries from .. to (exclusive; cut to the checkpoint's size), in order. */
int trail_reader_each(struct trail_reader *r, uint64_t from, uint64_t to,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg) MUST_USE;

/* The same for many of them: a thread of its own reads and checks ahead.  each
 * must not use r. */
int trail_reader_stream(struct trail_reader *r, uint64_t from, uint64_t to,
    int (*each)(void *arg, uint64_t index, const uint8_t *entry, size_t n),
    void *arg) MUST_USE;

/* Before many calls of trail_reader_each: what they check goes through lanes
 * (lanes.h) where there are any. */
int trail_reader_many(struct trail_reader *r) MUST_USE;

/* Hashes of complete subtrees, for proofs: a tlog_node_fn whose argument is a
 * struct trail_reader *. */
int trail_reader_node(void *reader, unsigned int level, uint64_t n,
    struct digest *out) MUST_USE;

/*
 * Recompute everything: entries → leaves → every tile → root → checkpoint,
 * then the journal's chain and that its entries are the log's.  When
 * something is wrong ERR_INTEGRITY, and *out is written: bad_index
 * is the first entry that is wrong (UINT64_MAX: none, or not one entry's
 * fault) and why says what is.  older, if given, is a checkpoint kept from
 * before: the log must extend it.
 */
struct trail_verdict {
	uint64_t entries;
	uint64_t bad_index;
	char why[200];
};
int trail_verify(struct trail_reader *r, const struct journal_id *id,
    const struct note_checkpoint *older, struct trail_verdict *out) MUST_USE;

#endif
