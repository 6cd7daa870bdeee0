/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sample of `make bench-exfil`: every attack of the table, with a few seeds
 * that no threshold was set on, against the real budgets and the real watch.
 */
#include <stdio.h>

#include "keys/watch_rules.h"
#include "tests/exfil/trial.h"
#include "tests/lib/test.h"

#define RUNS 2
#define WORK 1500
/* A share of one chunk of the smallest model here. */
#define CHUNK 0.0025

#define ONE 0.02
#define ALL 0.05
#define LOADS 1.05

/* NULL, or what a trial breaks of what is promised for its kind. */
static const char *
broken(const struct trial *t)
{
	bool alone = t->scene->kind == SCENE_COPY ||
	    t->scene->kind == SCENE_TRICK;

	switch (t->scene->kind) {
	case SCENE_BENIGN:
		break;
	case SCENE_COPY:
	case SCENE_TRICK:
	case SCENE_GROUP:
		if (t->most_one.worst > ONE)
			return "one got more than 2 % in 30 days";
		if (t->most_all.worst > ALL)
			return "all together got more than 5 % in 30 days";
		if (t->blocked != t->runs)
			return "not blocked";
		if (t->flagged != t->runs)
			return "not flagged";
		if (t->flag_leak.worst > (alone ? ONE : ALL) / 2 + CHUNK)
			return "flagged after more than half of it";
		break;
	case SCENE_SPREAD:
		if (t->flagged != t->runs)
			return "not flagged";
		break;
	case SCENE_LOAD:
		if (t->loaded.worst > LOADS)
			return "more than 1.05 of the loads granted";
		if (t->flagged != t->runs)
			return "not flagged";
		break;
	case SCENE_FACT:
		if (t->flagged != t->runs)
			return "not flagged";
		if (t->flag_leak.worst > CHUNK)
			return "flagged after the first chunk";
		break;
	case SCENE_QUIET:
		if (t->most_one.worst > ONE / 2 || t->most_all.worst > ALL / 2)
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

static void
run(const struct scene *s, bool no_budget, const struct watch_rules *rules,
    struct trial *t)
{
	struct world_how how = { .seed = TRIAL_FIRST_SEED,
		.rules = rules,
		.no_budget = no_budget };

	trial_run(s, &how, RUNS, t);
}

static void
every_attack_is_held_to_what_is_promised(void **state)
{
	struct watch_rules rules;
	const struct scene *s;
	unsigned int bad = 0;

	(void)state;
	watch_rules_default(&rules);
	for (size_t i = 0; (s = scene_at(i)) != NULL; i++) {
		const char *wrong;
		struct trial t;

		if (s->kind == SCENE_BENIGN)
			continue;
		run(s, false, &rules, &t);
		wrong = broken(&t);
		if (wrong == NULL)
			continue;
		print_message("# %s: %s\n", s->name, wrong);
		bad++;
	}
	assert_int_equal(bad, 0);
}

static void
what_is_allowed_and_uploaded_is_not_seen(void **state)
{
	struct watch_rules rules;
	struct trial t;

	(void)state;
	watch_rules_default(&rules);
	run(scene_find("load and upload"), false, &rules, &t);
	assert_int_equal(t.flagged, 0);
	assert_true(t.held.median > 0.99);
}

static void
honest_work_is_not_suspected(void **state)
{
	struct watch_rules rules;
	struct world_how how = { .seed = TRIAL_FIRST_SEED, .rules = &rules };
	struct trial_alarms a;
	size_t alarms;

	(void)state;
	watch_rules_default(&rules);
	trial_work(&how, WORK, &a);
	for (size_t i = 0; i < a.count; i++)
		print_message("# %s: %s\n", a.list[i].rule,
		    a.list[i].row == NULL ? "nobody" : a.list[i].row);
	alarms = a.count;
	assert_true(a.loads >= WORK && a.releases > a.loads);
	trial_alarms_clear(&a);
	assert_int_equal(alarms, 0);
}

static void
the_ledger_counts_what_is_held(void **state)
{
	struct dice d = dice_new(1);
	OWNED(family) f = family_new(0, "m");
	OWNED(ledger) l = ledger_new(f);
	uint64_t day = 86400000, weights;
	uint32_t a, b;

	(void)state;
	family_add(f, &d, 1, 100);
	a = f->versions[0].chunks[FAMILY_AUX + 1];
	b = f->versions[0].chunks[FAMILY_AUX + 2];
	weights = f->versions[0].weights;
	ledger_give(l, a, 0);
	ledger_give(l, a, day);
	assert_true(ledger_held(l) == (double)f->weights[a] / (double)weights);
	ledger_give(l, b, 31 * day);
	assert_true(ledger_held(l) ==
	    (double)(f->weights[a] + f->weights[b]) / (double)weights);
	assert_true(ledger_most(l) < ledger_held(l));
	ledger_give(l, a, 60 * day);
	assert_true(ledger_most(l) == ledger_held(l));
	/* A fork has what the first has. */
	family_add_fork(f, 0);
	assert_true(ledger_held(l) ==
	    (double)(f->weights[a] + f->weights[b]) / (double)weights);
}

/* The controls: what is promised fails without what keeps it. */
static void
without_budgets_the_promise_is_broken(void **state)
{
	static const char *const names[] = { "cp", "50 padded copies",
		"split over 16", "tenths by chance" };
	struct watch_rules rules;

	(void)state;
	watch_rules_default(&rules);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct trial t;

		run(scene_find(names[i]), true, &rules, &t);
		assert_non_null(broken(&t));
		assert_true(t.most_all.worst > ALL || t.loaded.worst > LOADS);
	}
}

static void
without_rules_nothing_is_flagged(void **state)
{
	struct watch_rules rules;
	struct trial t;

	(void)state;
	watch_rules_default(&rules);
	for (unsigned int i = 0; i < WATCH_RULES; i++)
		rules.rules[i].enabled = false;
	run(scene_find("cp"), false, &rules, &t);
	assert_int_equal(t.flagged, 0);
	assert_string_equal(broken(&t), "not flagged");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_attack_is_held_to_what_is_promised),
		cmocka_unit_test(the_ledger_counts_what_is_held),
		cmocka_unit_test(what_is_allowed_and_uploaded_is_not_seen),
		cmocka_unit_test(honest_work_is_not_suspected),
		cmocka_unit_test(without_budgets_the_promise_is_broken),
		cmocka_unit_test(without_rules_nothing_is_flagged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
