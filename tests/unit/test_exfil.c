/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sample of `make bench-exfil`: every attack of the table, with a few seeds
 * that no threshold was set on, against the real budgets and the real watch.
 */
#include <stdio.h>

#include "keys/watch_rules.h"
#include "tests/exfil/promise.h"
#include "tests/exfil/trial.h"
#include "tests/lib/test.h"

#define RUNS 2
#define WORK 1500

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
		wrong = promise_broken(&t);
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
		assert_non_null(promise_broken(&t));
		assert_true(t.most_all.worst > PROMISE_ALL ||
		    t.loaded.worst > PROMISE_LOADS);
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
	assert_string_equal(promise_broken(&t), "not flagged");
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
