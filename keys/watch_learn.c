/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch_parts.h"

int
watch_learn_put(struct watch *w, const struct watch_event *e)
{
	struct watch_version *v;
	struct watch_what *m;
	bool again;
	int err;

	if (e->model == NULL)
		return 0;
	err = watch_state_what(w, e->model, &m);
	if (err != 0)
		return err;
	again = watch_state_version(m, &e->version) != NULL;
	err = watch_state_put(m, &e->version, &v);
	if (err != 0)
		return err;
	v->weights = e->total;
	if (again || e->index == WATCH_KNOWN)
		return 0;
	/* What came before it is not the newest any more. */
	for (size_t i = 0; i < m->version_count; i++)
		if (&m->versions[i] != v && m->versions[i].superseded == 0) {
			m->versions[i].superseded = w->now;
			m->versions[i].by = e->index;
		}
	return 0;
}

int
watch_learn_grant(struct watch *w, const struct watch_event *e)
{
	struct watch_grant *g;
	int err;

	if (e->grant == 0)
		return 0;
	err = watch_state_grant(w, e->grant, &g);
	if (err != 0)
		return err;
	g->loads = e->loads;
	g->type = e->type;
	g->exact = !digest_is_zero(&e->version);
	return 0;
}

int
watch_learn_statement(struct watch *w, const struct watch_event *e)
{
	struct watch_version *v;
	struct watch_what *m;
	int err;

	if ((!e->revokes && !e->promotes) || e->model == NULL)
		return 0;
	err = watch_state_what(w, e->model, &m);
	if (err == 0)
		err = watch_state_put(m, &e->version, &v);
	if (err != 0)
		return err;
	m->revoked = m->revoked || e->revokes;
	if (e->revokes)
		v->revoked = e->index + 1;
	else
		v->superseded = 0;
	return 0;
}

int
watch_learn_decoy(struct watch *w, const struct watch_event *e, bool is)
{
	struct watch_what *m;
	int err;

	if (e->model == NULL)
		return 0;
	err = watch_state_what(w, e->model, &m);
	if (err != 0)
		return err;
	if (is && !m->decoy)
		watch_state_hold_what(w, m);
	if (!is && m->decoy)
		watch_state_drop_what(w, m);
	m->decoy = is;
	m->decoy_index = e->index;
	return 0;
}
