/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "keys/broker_lock.h"
#include "keys/broker_state.h"
#include "vault/err.h"
#include "vault/log.h"

/*
 * Checks of what was put or signed, on a thread of their own: a version may
 * have thousands of pages or files, and others do not wait for them.  One at a
 * time, in the order of their asking.
 */

void
broker_check_free(struct broker_check *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < BROKER_CHECK_COPIES; i++)
		version_key_free(k->keys[i]);
	family_key_free(k->family);
	manifest_free(k->manifest);
	free(k->chunks);
	msg_put_commit_clear(&k->m);
	msg_sign_oms_clear(&k->oms);
	broker_secret_free(k->secret);
	broker_lock_free(k->unlock);
	broker_rekey_free(k->rekey);
	free(k);
}

/* Rows of the new copy: what each weighs. */
static int
take_page(void *arg, const struct manifest *m, const struct manifest_page *page)
{
	struct broker_check *k = arg;
	uint64_t first = (uint64_t)page->index * MANIFEST_PAGE_ROWS;

	if (k->chunks == NULL)
		k->chunks = calloc(m->chunk_rows + 1, sizeof(*k->chunks));
	if (k->chunks == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < page->count; i++) {
		const struct manifest_row *row = &page->rows[i];
		const struct manifest_file *f = manifest_row_file(m, first + i);
		k->chunks[first + i] = (struct catalogue_chunk){
			.object = row->object,
			.weights = manifest_row_weighs(f, row) ? row->length :
								 0,
		};
	}
	return 0;
}

/* The new copy's manifest is kept; of one that was there it is enough that it
 * is sound. */
static void
look_put(struct broker_check *k, const atomic_bool *stop)
{
	for (size_t i = 0; i < k->count; i++) {
		OWNED(manifest) m = NULL;

		k->copies[i].key = k->keys[i];
		k->copies[i].family = k->family;
		k->copies[i].stop = stop;
		k->copies[i].page = i == 0 ? take_page : NULL;
		k->copies[i].arg = k;
		k->found[i] = pages_verify(&k->copies[i], &m);
		if (k->found[i] != 0)
			return;
		if (i == 0) {
			k->manifest = m;
			m = NULL;
		}
	}
}

static void
look(struct broker_check *k, const atomic_bool *stop)
{
	if (k->secret != NULL)
		broker_secret_look(k->secret);
	else if (k->unlock != NULL)
		broker_lock_look(k->unlock);
	else if (k->rekey != NULL)
		broker_rekey_look(k->rekey);
	else if (k->type == MSG_PUT_COMMIT)
		look_put(k, stop);
	else if (*stop)
		k->found[0] = ERR_UNREACHABLE;
	else
		k->found[0] = broker_oms_look(k);
}

static struct broker_check *
next_check(struct broker *b)
{
	LOCKED(lock, &b->mutex);

	while (STAILQ_EMPTY(&b->checks) && !b->checks_stop)
		pthread_cond_wait(&b->check_work, &b->mutex);
	return STAILQ_FIRST(&b->checks);
}

static void *
check_loop(void *arg)
{
	struct broker *b = arg;
	struct broker_check *k;

	/* It stays at the head while it is looked at. */
	while ((k = next_check(b)) != NULL) {
		look(k, &b->checks_break);
		pthread_mutex_lock(&b->mutex);
		STAILQ_REMOVE_HEAD(&b->checks, entry);
		STAILQ_INSERT_TAIL(&b->checked, k, entry);
		pthread_cond_broadcast(&b->settled);
		b->how.wake(b->how.arg);
		pthread_mutex_unlock(&b->mutex);
	}
	return NULL;
}

/* With the first check; signals are for the thread that waits for them. */
static int
start(struct broker *b)
{
	sigset_t all, old;
	int r;

	if (b->checking)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&b->checker, NULL, check_loop, b);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return log_err(ERR_NOMEM, "no thread to check a version with");
	b->checking = true;
	return 0;
}

int
broker_check_start(struct broker_call *c, struct broker_check *k)
{
	struct broker *b = c->b;
	int err = start(b);

	if (err != 0)
		return err;
	k->link = c->from->id;
	k->id = c->id;
	c->later = true;
	pthread_mutex_lock(&b->mutex);
	STAILQ_INSERT_TAIL(&b->checks, k, entry);
	pthread_cond_signal(&b->check_work);
	pthread_mutex_unlock(&b->mutex);
	return 0;
}

int
broker_check_secret(struct broker_call *c, struct broker_check *k, int err)
{
	k->type = c->request->type;
	if (err == 0)
		err = broker_check_start(c, k);
	if (err != 0)
		broker_check_free(k);
	else
		c->b->secret_busy = true;
	return err;
}

static struct broker_check *
take_checked(struct broker *b)
{
	LOCKED(lock, &b->mutex);
	struct broker_check *k = STAILQ_FIRST(&b->checked);

	if (k != NULL)
		STAILQ_REMOVE_HEAD(&b->checked, entry);
	return k;
}

/* What there is one of at a time. */
static bool
of_secrets(const struct broker_check *k)
{
	return k->secret != NULL || k->unlock != NULL || k->rekey != NULL;
}

void
broker_check_deliver(struct broker *b)
{
	struct broker_check *k;

	while ((k = take_checked(b)) != NULL) {
		struct broker_link *l;

		HASH_FIND(hh, b->links, &k->link, sizeof(k->link), l);
		if (l == NULL) { /* nobody waits for it any more */
			b->secret_busy = b->secret_busy && !of_secrets(k);
			broker_check_free(k);
		} else
			broker_call_go_on(l, k);
	}
}

void
broker_check_stop(struct broker *b)
{
	pthread_mutex_lock(&b->mutex);
	b->checks_stop = b->checks_break = true;
	pthread_cond_signal(&b->check_work);
	while (b->checking && !STAILQ_EMPTY(&b->checks))
		pthread_cond_wait(&b->settled, &b->mutex);
	pthread_mutex_unlock(&b->mutex);
	if (b->checking)
		pthread_join(b->checker, NULL);
	b->checking = false;
}

void
broker_check_interrupt(struct broker *b)
{
	const struct broker_check *k;

	pthread_mutex_lock(&b->mutex);
	b->checks_break = true;
	while (b->checking && (k = STAILQ_FIRST(&b->checks)) != NULL &&
	    !of_secrets(k))
		pthread_cond_wait(&b->settled, &b->mutex);
	pthread_mutex_unlock(&b->mutex);
	broker_check_deliver(b);
}

void
broker_check_again(struct broker *b)
{
	b->checks_break = false;
}

void
broker_check_free_all(struct broker *b)
{
	struct broker_check *k;

	broker_check_stop(b);
	while ((k = take_checked(b)) != NULL)
		broker_check_free(k);
}
