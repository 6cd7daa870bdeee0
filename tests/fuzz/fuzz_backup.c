/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/backup.h"

#include "tests/fuzz/fuzz.h"

/* What restore reads of a backup: backup.json, or the list of objects. */
int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	OWNED_BACKUP_LIST l = { 0 };
	struct backup b;

	(void)!backup_parse(&b, bytes, n);
	(void)!backup_list_parse(&l, bytes, n);
	return 0;
}
