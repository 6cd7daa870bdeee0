/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/spent.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "vault/err.h"

struct spent {
	struct store *store;
	pthread_mutex_t mutex; /* of what follows */
	struct digest names[SPENT_KEPT];
	size_t first; /* the oldest one */
	size_t count;
};

int
spent_new(struct spent **out, struct store *s)
{
	struct spent *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return ERR_NOMEM;
	p->store = s;
	pthread_mutex_init(&p->mutex, NULL);
	*out = p;
	return 0;
}

void
spent_free(struct spent *p)
{
	if (p == NULL)
		return;
	pthread_mutex_destroy(&p->mutex);
	free(p);
}

/* The mutex is held, as below. */
static bool
is_kept(const struct spent *p, const struct digest *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (digest_equal(&p->names[(p->first + i) % SPENT_KEPT], name))
			return true;
	return false;
}

static void
take_oldest(struct spent *p, struct digest *out)
{
	*out = p->names[p->first];
	p->first = (p->first + 1) % SPENT_KEPT;
	p->count--;
}

/* Keep a name; true when that leaves another, *out, to be told of. */
static bool
keep(struct spent *p, const struct digest *name, struct digest *out)
{
	LOCKED(lock, &p->mutex);
	bool full = p->count == SPENT_KEPT;

	if (is_kept(p, name))
		return false;
	if (full)
		take_oldest(p, out);
	p->names[(p->first + p->count++) % SPENT_KEPT] = *name;
	return full;
}

void
spent_add(struct spent *p, const struct digest *name)
{
	struct digest oldest;

	if (keep(p, name, &oldest))
		store_uncache(p->store, &oldest);
}

static bool
take(struct spent *p, struct digest *out)
{
	LOCKED(lock, &p->mutex);

	if (p->count == 0)
		return false;
	take_oldest(p, out);
	return true;
}

void
spent_flush(struct spent *p)
{
	struct digest name;

	while (take(p, &name))
		store_uncache(p->store, &name);
}
