/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/lookout_state.h"
#include "vault/err.h"

void
lookout_alert_free(struct lookout_alert *a)
{
	if (a == NULL)
		return;
	free(a->principal);
	free(a->model);
	free(a);
}

void
lookout_alert_free_all(struct lookout_alerts *list)
{
	struct lookout_alert *a;

	while ((a = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, a, entry);
		lookout_alert_free(a);
	}
}

static int
copy_text(char **copy, const char **text)
{
	if (*text == NULL)
		return 0;
	*copy = strdup(*text);
	*text = *copy;
	return *copy != NULL ? 0 : ERR_NOMEM;
}

static struct lookout_alert *
copy_alert(const struct watch_alert *from)
{
	struct lookout_alert *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->a = *from;
	if (from->version != NULL) {
		a->version = *from->version;
		a->a.version = &a->version;
	}
	if (copy_text(&a->principal, &a->a.principal) != 0 ||
	    copy_text(&a->model, &a->a.model) != 0) {
		lookout_alert_free(a);
		return NULL;
	}
	return a;
}

/* To whoever takes it; when nobody does for long, the watch waits. */
static int
hand_over(struct lookout *l, struct lookout_alert *a)
{
	LOCKED(lock, &l->mutex);

	while (l->raised_count >= LOOKOUT_RAISED_MAX && !l->stop)
		pthread_cond_wait(&l->work, &l->mutex);
	if (l->stop) {
		lookout_alert_free(a);
		return ERR_UNREACHABLE;
	}
	TAILQ_INSERT_TAIL(&l->raised, a, entry);
	l->raised_count++;
	pthread_cond_broadcast(&l->changed);
	l->how.wake(l->how.arg);
	return 0;
}

int
lookout_raise(void *lookout, const struct watch_alert *alert)
{
	struct lookout *l = lookout;
	struct lookout_alert *a;

	if (l->at < l->how.seen)
		return 0;
	a = copy_alert(alert);
	if (a == NULL)
		return ERR_NOMEM;
	if (l->at >= l->how.from)
		return hand_over(l, a);
	TAILQ_INSERT_TAIL(&l->held, a, entry);
	return 0;
}

static bool
same_text(const struct entry_view *v, const char *key, const char *text)
{
	const char *is = entry_view_text(v, key);

	if (is == NULL || text == NULL)
		return is == text;
	return strcmp(is, text) == 0;
}

static bool
says_the_same(const struct entry_view *v, const struct watch_alert *a)
{
	char hex[DIGEST_HEX_SIZE];
	uint64_t session;

	if (entry_view_number(v, "session", &session) != 0)
		session = 0;
	return session == a->session && same_text(v, "rule", a->rule) &&
	    same_text(v, "principal", a->principal) &&
	    same_text(v, "model", a->model) &&
	    same_text(v, "version",
		a->version != NULL ? digest_hex(a->version, hex) : NULL);
}

void
lookout_was_raised(struct lookout *l, const struct entry_view *v)
{
	struct lookout_alert *a;

	TAILQ_FOREACH(a, &l->held, entry) {
		if (says_the_same(v, &a->a)) {
			TAILQ_REMOVE(&l->held, a, entry);
			lookout_alert_free(a);
			return;
		}
	}
}

int
lookout_let_go(struct lookout *l)
{
	struct lookout_alert *a;
	int err = 0;

	while (err == 0 && (a = TAILQ_FIRST(&l->held)) != NULL) {
		TAILQ_REMOVE(&l->held, a, entry);
		err = hand_over(l, a);
	}
	return err;
}
