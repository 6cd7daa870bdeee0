/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/forget.h"
#include "vault/clock.h"

static void *
run(void *arg)
{
	struct forget *f = arg;

	ops_forget_pages(f->ops, f->se);
	atomic_store(&f->done, true);
	f->over(f->arg);
	return NULL;
}

void
forget_begin(struct forget *f)
{
	if (f->begun)
		return;
	f->begun = true;
	f->begun_ms = clock_ms();
	f->threaded = pthread_create(&f->thread, NULL, run, f) == 0;
	if (!f->threaded)
		run(f);
}

bool
forget_done(struct forget *f)
{
	return atomic_load(&f->done);
}

bool
forget_for(struct forget *f, int64_t ms)
{
	return forget_done(f) || clock_ms() - f->begun_ms >= ms;
}

void
forget_join(struct forget *f)
{
	if (f->threaded)
		pthread_join(f->thread, NULL);
	f->threaded = false;
}
