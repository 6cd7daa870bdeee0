/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/cores.h"

#include <sched.h>

unsigned int
cores_count(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	return (unsigned int)CPU_COUNT(&set);
}
