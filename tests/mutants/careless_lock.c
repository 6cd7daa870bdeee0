/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_broker_lock over a lock with one hole, which WEIR_MUTANT names;
 * tests/cli/secrets-mutants.sh runs each.
 */
#include <stdlib.h>
#include <string.h>

#include "keys/broker_state.h"

void __real_keyring_lock(struct keyring *k);
void __wrap_keyring_lock(struct keyring *k);
int __real_catalogue_secret_locked(struct catalogue *c, int64_t *ms);
int __wrap_catalogue_secret_locked(struct catalogue *c, int64_t *ms);
int __real_broker_session_end_all(struct broker *b, const char *reason,
    uint64_t *count);
int __wrap_broker_session_end_all(struct broker *b, const char *reason,
    uint64_t *count);

static bool
mutant_is(const char *name)
{
	const char *mutant = getenv("WEIR_MUTANT");

	return mutant != NULL && strcmp(mutant, name) == 0;
}

/* What says that it is locked goes, and what opens the versions stays. */
void
__wrap_keyring_lock(struct keyring *k)
{
	struct epoch_key *epoch = k->epoch;

	if (mutant_is("hoarding"))
		k->epoch = NULL;
	__real_keyring_lock(k);
	if (mutant_is("hoarding"))
		k->epoch = epoch;
}

/* The next start opens it. */
int
__wrap_catalogue_secret_locked(struct catalogue *c, int64_t *ms)
{
	int err = __real_catalogue_secret_locked(c, ms);

	if (mutant_is("short"))
		*ms = 0;
	return err;
}

/* Who has keys keeps on. */
int
__wrap_broker_session_end_all(struct broker *b, const char *reason,
    uint64_t *count)
{
	return mutant_is("lenient") ?
	    0 :
	    __real_broker_session_end_all(b, reason, count);
}
