/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/owned.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
owned_mem_freep(void *p)
{
	void *mem;

	/* p is the address of a pointer of some type. */
	memcpy(&mem, p, sizeof(mem));
	free(mem);
}

void
owned_fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

pthread_mutex_t *
owned_lock(pthread_mutex_t *mutex)
{
	/* It fails only for a mutex that is none: a mistake of ours. */
	if (pthread_mutex_lock(mutex) != 0)
		abort();
	return mutex;
}

void
owned_unlock(pthread_mutex_t **mutex)
{
	if (*mutex != NULL && pthread_mutex_unlock(*mutex) != 0)
		abort();
}
