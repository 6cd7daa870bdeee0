/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/moody.h"

#include <pthread.h>
#include <stdlib.h>

#include "vault/log.h"

struct moody {
	struct store *inner;
	pthread_mutex_t mutex; /* of what follows */
	pthread_cond_t cond;
	int err;
	bool hang;
	size_t asked;
};

/* Be what it was told to be. */
static int
behave(struct moody *m)
{
	LOCKED(lock, &m->mutex);

	m->asked++;
	while (m->hang)
		pthread_cond_wait(&m->cond, &m->mutex);
	return m->err == 0 ? 0 : log_err(m->err, "the store is moody");
}

static int
moody_has(void *arg, const struct digest *name, uint64_t *size)
{
	struct moody *m = arg;
	int err = behave(m);

	return err != 0 ? err : store_has(m->inner, name, size);
}

static int
moody_get(void *arg, const struct digest *name, uint64_t offset, void *buf,
    size_t n, size_t *got)
{
	struct moody *m = arg;
	int err = behave(m);

	return err != 0 ? err : store_get(m->inner, name, offset, buf, n, got);
}

static void
moody_free(void *arg)
{
	struct moody *m = arg;

	pthread_cond_destroy(&m->cond);
	pthread_mutex_destroy(&m->mutex);
	free(m);
}

struct moody *
moody_new(struct store *inner, struct store **out)
{
	static const struct store_ops ops = { .has = moody_has,
		.get = moody_get,
		.free = moody_free };
	struct moody *m = calloc(1, sizeof(*m));

	if (m == NULL)
		abort();
	m->inner = inner;
	pthread_mutex_init(&m->mutex, NULL);
	pthread_cond_init(&m->cond, NULL);
	if (store_new(out, &ops, m) != 0)
		abort();
	return m;
}

void
moody_fail(struct moody *m, int err)
{
	LOCKED(lock, &m->mutex);

	m->err = err;
}

void
moody_hang(struct moody *m, bool hang)
{
	LOCKED(lock, &m->mutex);

	m->hang = hang;
	pthread_cond_broadcast(&m->cond);
}

size_t
moody_asked(struct moody *m)
{
	LOCKED(lock, &m->mutex);
	size_t n = m->asked;

	m->asked = 0;
	return n;
}
