/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BROKER_REMOVAL_H
#define WEIR_BROKER_REMOVAL_H

#include "keys/broker_state.h"

/* What goes: broker_removal.c, broker_gc.c, broker_shred.c. */

/* --- broker_removal.c --- */

/* When the oldest upload under way began; INT64_MAX: there is none. */
int64_t broker_removal_since(const struct broker *b);
/* ERR_CONFLICT, with a sentence, while a session has t open. */
int broker_removal_sessions(struct broker_call *c,
    const struct broker_target *t) MUST_USE;
/* The same while a signed channel points to t, and it is not revoked. */
int broker_removal_channels(struct broker_call *c,
    const struct broker_target *t) MUST_USE;

/* The same while somebody makes a backup; COMMAND is what to run later. */
int broker_removal_backups(struct broker_call *c, const char *command) MUST_USE;
/* Read a request that names a version with a reason, and have it done. */
struct msg_removal;
int broker_removal_ask(struct broker_call *c,
    int (*act)(struct broker_call *c, const struct msg_removal *m)) MUST_USE;

/* --- broker_shred.c --- */

/* At start: the epoch that is in force; and, when keyd can record, shreds that
 * were cut off. */
int broker_shred_settle(struct broker *b) MUST_USE;
int broker_shred_resume(struct broker *b) MUST_USE;
/* Objects that are left of versions that are shredded go, for a moment. */
void broker_shred_tick(struct broker *b);

/* --- broker_gc.c --- */

/* Whether something that the version being committed needs was removed since
 * the upload began.  Then all of it is pinned until the upload ends. */
int broker_gc_hold(struct broker *b, uint64_t upload,
    const struct broker_check *k, bool *lost) MUST_USE;
/* An upload has ended (0: all have). */
void broker_gc_let_go(struct broker *b, uint64_t upload);
/* Which pages the version being committed needs: nothing leads to them yet. */
int broker_gc_stage(struct broker *b, const char *model,
    const struct broker_check *k) MUST_USE;
/* Remove objects, unless somebody needs them: what became of each of m, and how
 * many bytes went (dry: would go). */
int broker_gc_remove(struct broker *b, const struct msg_sweep *m,
    enum msg_swept *what, uint64_t *bytes) MUST_USE;
/* Forget which objects versions needed that are gone. */
int broker_gc_prune(struct broker *b) MUST_USE;
void broker_gc_free_all(struct broker *b);

/* --- the handlers --- */

int broker_removal_rm(struct broker_call *c);
int broker_removal_undelete(struct broker_call *c);
int broker_gc_begin(struct broker_call *c);
int broker_gc_sweep(struct broker_call *c);
int broker_gc_end(struct broker_call *c);
int broker_shred_begin(struct broker_call *c);
int broker_shred_sweep(struct broker_call *c);

#endif
