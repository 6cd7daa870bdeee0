/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-mount-blind: a mount that serves whatever comes out of opening a
 * segment, good or bad.  tests/crash/flip.py must find it out.
 */
#include "vault/err.h"
#include "vault/object.h"

int __real_object_open_segment(struct object_opener *p, uint32_t segment,
    const uint8_t *sealed, uint8_t *plain);
int __wrap_object_open_segment(struct object_opener *p, uint32_t segment,
    const uint8_t *sealed, uint8_t *plain);

int
__wrap_object_open_segment(struct object_opener *p, uint32_t segment,
    const uint8_t *sealed, uint8_t *plain)
{
	int err = __real_object_open_segment(p, segment, sealed, plain);

	return err == ERR_INTEGRITY ? 0 : err;
}
