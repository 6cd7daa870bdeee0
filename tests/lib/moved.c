/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/moved.h"

#include <string.h>

#include "keys/accounting.h"
#include "keys/broker_state.h"
#include "vault/entry.h"

int64_t moved_boot_s, moved_wall_ms;
uint8_t moved_boot;

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

__attribute__((weak)) struct moved
moved_now(void)
{
	return (struct moved){ moved_boot_s, moved_wall_ms, moved_boot };
}

int64_t
__wrap_accounting_boot(void)
{
	return __real_accounting_boot() + moved_now().boot_s;
}

void
__wrap_accounting_boot_id(uint8_t out[static ACCOUNTING_BOOT])
{
	__real_accounting_boot_id(out);
	out[0] ^= moved_now().boot;
}

int64_t
__wrap_broker_record_clock(void)
{
	return __real_broker_record_clock() + moved_now().wall_ms;
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
