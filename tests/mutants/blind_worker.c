/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-blind: a mount that serves whatever comes out of opening a
 * segment, good or bad.  tests/crash/flip.py must find it out.
 */
#include "vault/err.h"
#include "vault/object.h"

int __real_object_open_run(struct object_opener *p, struct lanes *l,
    const struct object_run *run);
int __wrap_object_open_run(struct object_opener *p, struct lanes *l,
    const struct object_run *run);

int
__wrap_object_open_run(struct object_opener *p, struct lanes *l,
    const struct object_run *run)
{
	int err = __real_object_open_run(p, l, run);

	return err == ERR_INTEGRITY ? 0 : err;
}
