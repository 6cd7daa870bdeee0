/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-forgetful: a host that has seen nothing of serials, roots,
 * checkpoints and revocations, as often as it saw them.
 * tests/cli/rollback-matrix.sh must find it out.
 */
#include <stddef.h>

#include "vault/seen.h"

struct seen_channel __wrap_seen_channel(const struct seen *s, const char *key);
const char *__wrap_seen_root(const struct seen *s, uint64_t *number,
    bool *first_use);
const char *__wrap_seen_checkpoint(const struct seen *s);
bool __wrap_seen_revoked(const struct seen *s, const char *model,
    const struct digest *version, struct revoked *out);

struct seen_channel
__wrap_seen_channel(const struct seen *s, const char *key)
{
	(void)s;
	(void)key;
	return (struct seen_channel){ 0 };
}

const char *
__wrap_seen_root(const struct seen *s, uint64_t *number, bool *first_use)
{
	(void)s;
	*number = 0;
	*first_use = false;
	return NULL;
}

const char *
__wrap_seen_checkpoint(const struct seen *s)
{
	(void)s;
	return NULL;
}

bool
__wrap_seen_revoked(const struct seen *s, const char *model,
    const struct digest *version, struct revoked *out)
{
	(void)s;
	(void)model;
	(void)version;
	(void)out;
	return false;
}
