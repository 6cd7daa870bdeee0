/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-keyd-moved: a keyd whose clocks a test moves while it runs.  The file that
 * WEIR_MOVED names has by how many seconds both are ahead, how many more the wall's
 * is, and the number of the boot, each 0 where it is absent.  With blind_budget.c,
 * so that the tests with thieves can be shown to find one that is not stopped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/accounting.h"
#include "keys/broker_state.h"

int64_t __real_accounting_boot(void);
int64_t __wrap_accounting_boot(void);
void __real_accounting_boot_id(uint8_t out[static ACCOUNTING_BOOT]);
void __wrap_accounting_boot_id(uint8_t out[static ACCOUNTING_BOOT]);
int64_t __real_broker_record_clock(void);
int64_t __wrap_broker_record_clock(void);
void __real_entry_begin(struct entry *e, enum entry_kind kind,
    const struct entry_actor *by, int64_t time_ms);
void __wrap_entry_begin(struct entry *e, enum entry_kind kind,
    const struct entry_actor *by, int64_t time_ms);

struct moved {
	long long both, wall;
	unsigned int boot;
};

static struct moved
moved(void)
{
	const char *path = getenv("WEIR_MOVED");
	FILE *f = path != NULL ? fopen(path, "re") : NULL;
	struct moved m = { .both = 0 };

	if (f == NULL)
		return m;
	if (fscanf(f, "%lld %lld %u", &m.both, &m.wall, &m.boot) < 1)
		m = (struct moved){ .both = 0 };
	(void)fclose(f);
	return m;
}

int64_t
__wrap_accounting_boot(void)
{
	return __real_accounting_boot() + moved().both;
}

void
__wrap_accounting_boot_id(uint8_t out[static ACCOUNTING_BOOT])
{
	__real_accounting_boot_id(out);
	out[0] ^= (uint8_t)moved().boot;
}

int64_t
__wrap_broker_record_clock(void)
{
	const struct moved m = moved();

	return __real_broker_record_clock() + (m.both + m.wall) * 1000;
}

/* keyd's own entries ask the clock where it is, out of the wrap's reach. */
void
__wrap_entry_begin(struct entry *e, enum entry_kind kind,
    const struct entry_actor *by, int64_t time_ms)
{
	const bool own = strcmp(by->principal, "keyd") == 0;

	__real_entry_begin(e, kind, by,
	    own ? __wrap_broker_record_clock() : time_ms);
}
