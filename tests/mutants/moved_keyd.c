/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-keyd-moved: a keyd whose clocks a test puts forward while it runs, by so
 * many seconds as are in the file that WEIR_MOVED names.  With blind_budget.c, so
 * that the tests with thieves can be shown to find one that is not stopped.
 */
#include <stdio.h>
#include <stdlib.h>

#include "keys/accounting.h"
#include "keys/broker_state.h"

int64_t __real_accounting_boot(void);
int64_t __wrap_accounting_boot(void);
int64_t __real_broker_record_clock(void);
int64_t __wrap_broker_record_clock(void);

static int64_t
moved_s(void)
{
	const char *path = getenv("WEIR_MOVED");
	FILE *f = path != NULL ? fopen(path, "re") : NULL;
	long long s = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lld", &s) != 1)
		s = 0;
	(void)fclose(f);
	return s;
}

int64_t
__wrap_accounting_boot(void)
{
	return __real_accounting_boot() + moved_s();
}

int64_t
__wrap_broker_record_clock(void)
{
	return __real_broker_record_clock() + moved_s() * 1000;
}
