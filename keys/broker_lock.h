/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BROKER_LOCK_H
#define WEIR_BROKER_LOCK_H

#include "keys/broker_state.h"

/*
 * Unlocking secrets, and what is done with them, between broker*.c.  A
 * passphrase takes long to look at, so that each request has two halves
 * (broker_check): ..._look is on the check's thread and touches nothing
 * but what it is given, ..._checked goes on as a handler with what it
 * found, and takes k over.
 */

/* A change of the unlocking secrets. */
void broker_secret_look(struct broker_secret *s);
int broker_secret_checked(struct broker_call *c, struct broker_check *k);
void broker_secret_free(struct broker_secret *s);
/* No change is under way, and one that was recorded is in its place; with a
 * sentence. */
int broker_secret_settled(struct broker_call *c) MUST_USE;

/* As broker_check_start, of what there is one of at a time: k is taken
 * over, and freed where nothing comes of it; err is what was wrong before,
 * and then comes back. */
int broker_check_secret(struct broker_call *c, struct broker_check *k, int err)
    MUST_USE;

/* --- broker_lock.c: a keyd without keys --- */

/* Answer that there are none. */
int broker_lock_says(struct broker_call *c);
/* At start: one that was locked stays so. */
int broker_lock_start(struct broker *b) MUST_USE;
void broker_lock_look(struct broker_unlock *u);
int broker_lock_checked(struct broker_call *c, struct broker_check *k);
void broker_lock_free(struct broker_unlock *u);

/* --- broker_rekey.c: another root key --- */

void broker_rekey_look(struct broker_rekey *r);
int broker_rekey_checked(struct broker_call *c, struct broker_check *k);
void broker_rekey_free(struct broker_rekey *r);

/* --- the handlers --- */

int broker_secret_ls(struct broker_call *c);
int broker_secret_add(struct broker_call *c);
int broker_secret_rm(struct broker_call *c);
int broker_lock_lock(struct broker_call *c);
int broker_lock_unlock(struct broker_call *c);
int broker_rekey_rekey(struct broker_call *c);

#endif
