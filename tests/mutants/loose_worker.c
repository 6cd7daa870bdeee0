/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker with the hole that WEIR_MUTANT names: unit tests must find each of
 * them out (tests/cli/worker-mutants.sh).
 *
 *	wipe	keys outlive their session
 *	retry	a store that fails is not asked again
 *	ahead	what is read ahead is answered like what was asked for
 *	hash	sealed bytes are not compared with the digests of their blocks
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuse/jobs.h"
#include "fuse/keyslots.h"
#include "vault/manifest.h"
#include "vault/object.h"

void __real_keyslots_wipe(struct keyslots *k);
void __wrap_keyslots_wipe(struct keyslots *k);
void __real_jobs_later(struct jobs *s, struct job *j, int64_t ms);
void __wrap_jobs_later(struct jobs *s, struct job *j, int64_t ms);
bool __real_manifest_row_weighs(const struct manifest_file *f,
    const struct manifest_row *row);
bool __wrap_manifest_row_weighs(const struct manifest_file *f,
    const struct manifest_row *row);
int __real_object_check_run(const struct object *o, struct lanes *l,
    const struct object_run *run);
int __wrap_object_check_run(const struct object *o, struct lanes *l,
    const struct object_run *run);

static bool
has_hole(const char *name)
{
	const char *hole = getenv("WEIR_MUTANT");

	return hole != NULL && strcmp(hole, name) == 0;
}

void
__wrap_keyslots_wipe(struct keyslots *k)
{
	if (!has_hole("wipe"))
		__real_keyslots_wipe(k);
}

void
__wrap_jobs_later(struct jobs *s, struct job *j, int64_t ms)
{
	if (has_hole("retry"))
		jobs_fail(j, EIO);
	else
		__real_jobs_later(s, j, ms);
}

int
__wrap_object_check_run(const struct object *o, struct lanes *l,
    const struct object_run *run)
{
	return has_hole("hash") ? 0 : __real_object_check_run(o, l, run);
}

bool
__wrap_manifest_row_weighs(const struct manifest_file *f,
    const struct manifest_row *row)
{
	return !has_hole("ahead") && __real_manifest_row_weighs(f, row);
}
