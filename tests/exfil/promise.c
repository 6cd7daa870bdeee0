/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/promise.h"

const char *
promise_broken(const struct trial *t)
{
	bool alone = t->scene->kind == SCENE_COPY ||
	    t->scene->kind == SCENE_TRICK;

	switch (t->scene->kind) {
	case SCENE_BENIGN:
		break;
	case SCENE_COPY:
	case SCENE_TRICK:
	case SCENE_GROUP:
		if (t->most_one.worst > PROMISE_ONE)
			return "one got more than 2 % in 30 days";
		if (t->most_all.worst > PROMISE_ALL)
			return "all together got more than 5 % in 30 days";
		if (t->blocked != t->runs)
			return "not blocked";
		if (t->flagged != t->runs)
			return "not flagged";
		if (t->flag_leak.worst >
		    (alone ? PROMISE_ONE : PROMISE_ALL) / 2 + PROMISE_CHUNK)
			return "flagged after more than half of it";
		break;
	case SCENE_SPREAD:
		if (t->flagged != t->runs)
			return "not flagged";
		break;
	case SCENE_LOAD:
		if (t->loaded.worst > PROMISE_LOADS)
			return "more than 1.05 of the loads granted";
		if (t->flagged != t->runs)
			return "not flagged";
		break;
	case SCENE_FACT:
		if (t->flagged != t->runs)
			return "not flagged";
		if (t->flag_leak.worst > PROMISE_CHUNK)
			return "flagged after the first chunk";
		break;
	case SCENE_QUIET:
		if (t->most_one.worst > PROMISE_ONE / 2 ||
		    t->most_all.worst > PROMISE_ALL / 2)
			return "more than what is flagged";
		if (t->held.worst <= 0)
			return "nothing leaked: it did not try";
		break;
	case SCENE_HABIT:
	case SCENE_UNSEEN:
		if (t->held.worst < 0.99)
			return "did not load: it is no test";
		break;
	}
	return NULL;
}
