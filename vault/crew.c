/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/crew.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 32
#define EACH 4 /* things that a thread is worth */
#define STACK ((size_t)512 << 10)

struct crew {
	void (*each)(void *arg, size_t i);
	void *arg;
	size_t n;
	atomic_size_t next;
};

static void *
work(void *arg)
{
	struct crew *c = arg;
	size_t i;

	while ((i = atomic_fetch_add(&c->next, 1)) < c->n)
		c->each(c->arg, i);
	return NULL;
}

void
crew_run(size_t n, void (*each)(void *arg, size_t i), void *arg)
{
	struct crew c = { .each = each, .arg = arg, .n = n };
	pthread_t threads[THREADS];
	size_t most = n / EACH < THREADS ? n / EACH : THREADS, got = 0;
	pthread_attr_t small;

	if (most > 1 && pthread_attr_init(&small) == 0) {
		(void)!pthread_attr_setstacksize(&small, STACK);
		while (got + 1 < most &&
		    pthread_create(&threads[got], &small, work, &c) == 0)
			got++;
		pthread_attr_destroy(&small);
	}
	work(&c);
	while (got > 0)
		pthread_join(threads[--got], NULL);
}
