/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-credulous: a put that takes a file for what it was when it looks the
 * same, whatever its chunks are.  tests/cli/put-remembers.sh must find it out.
 */
#include "vault/intake_sums.h"

int __wrap_intake_sums_settle(struct intake_sums *s,
    const struct manifest_file *files, bool *wrong);
int __real_intake_sums_settle(struct intake_sums *s,
    const struct manifest_file *files, bool *wrong);

int
__wrap_intake_sums_settle(struct intake_sums *s,
    const struct manifest_file *files, bool *wrong)
{
	int err = __real_intake_sums_settle(s, files, wrong);

	*wrong = false;
	return err;
}
