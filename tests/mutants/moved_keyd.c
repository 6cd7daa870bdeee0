/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-keyd-moved: a keyd whose clocks a test moves while it runs.  The file
 * that WEIR_MOVED names has by how many seconds both are ahead, how many
 * more the wall's is, and the number of the boot, each 0 where it is absent.
 * With blind_budget.c, so that the tests with thieves can be shown to find
 * one that is not stopped.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/moved.h"

struct moved
moved_now(void)
{
	const char *path = getenv("WEIR_MOVED");
	FILE *f = path != NULL ? fopen(path, "re") : NULL;
	long long both = 0, wall = 0;
	unsigned int boot = 0;

	if (f == NULL)
		return (struct moved){ 0 };
	if (fscanf(f, "%lld %lld %u", &both, &wall, &boot) < 1)
		both = 0;
	(void)fclose(f);
	return (struct moved){ both, (both + wall) * 1000, (uint8_t)boot };
}
