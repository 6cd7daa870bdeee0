/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/buffer.h"

#include <sys/mman.h>

#include "vault/log.h"
#include "vault/secret.h"

uint8_t *
buffer_new(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(p, n, MADV_DONTDUMP);
	if (mlock(p, n) != 0)
		log_info("no room to lock plaintext in memory: raise "
			 "RLIMIT_MEMLOCK (ulimit -l)");
	return p;
}

void
buffer_free(uint8_t *buf, size_t n)
{
	secret_wipe(buf, n);
	munmap(buf, n);
}
