/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a thief gets before the flag and before the block, and how often honest
 * work is suspected: docs/watch.md, "Figures".
 *	bench_exfil [--json] [--loads N] [--runs N] [--first-seed N]
 *	    [--scene NAME] [--rules FILE] [--no-ablation]
 * It fails when something is not as promised.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/watch_rules.h"
#include "tests/exfil/must.h"
#include "tests/exfil/report.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define LOADS 100000
#define RUNS 30
#define BASELINE_LOADS 6000 /* on the seeds that thresholds are set on */
#define ABLATION_RUNS 5

struct options {
	bool json;
	bool no_ablation;
	uint64_t loads, runs, first_seed;
	const char *scene; /* NULL: all */
	const char *rules; /* NULL: the defaults */
};

static int
parse(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "no-ablation", no_argument, NULL, 'a' },
		{ "loads", required_argument, NULL, 'l' },
		{ "runs", required_argument, NULL, 'n' },
		{ "first-seed", required_argument, NULL, 'f' },
		{ "scene", required_argument, NULL, 's' },
		{ "rules", required_argument, NULL, 'r' },
		{ 0 },
	};
	int c;

	*o = (struct options){ .loads = LOADS,
		.runs = RUNS,
		.first_seed = TRIAL_FIRST_SEED };
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'j':
			o->json = true;
			break;
		case 'a':
			o->no_ablation = true;
			break;
		case 'l':
			o->loads = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			o->runs = strtoull(optarg, NULL, 10);
			break;
		case 'f':
			o->first_seed = strtoull(optarg, NULL, 10);
			break;
		case 's':
			o->scene = optarg;
			break;
		case 'r':
			o->rules = optarg;
			break;
		default:
			return -1;
		}
	return optind == argc && o->runs > 0 ? 0 : -1;
}

/* --- the parts --- */

static struct trial *
attacks(const struct options *o, const struct world_how *how, size_t *count)
{
	struct trial *list = NULL;
	const struct scene *s;

	*count = 0;
	for (size_t i = 0; (s = scene_at(i)) != NULL; i++) {
		if (s->kind == SCENE_BENIGN ||
		    (o->scene != NULL && strcmp(o->scene, s->name) != 0))
			continue;
		list = must_grow(list, *count, sizeof(*list));
		trial_run(s, how, o->runs, &list[(*count)++]);
	}
	return list;
}

/* The attacks again, without one rule, beside themselves with all. */
static void
compare(struct report_ablation *a, const struct trial *with,
    const struct trial *without)
{
	bool unseen = without->flagged < with->flagged;
	bool later = !unseen && with->flagged > 0 &&
	    without->flag_leak.median > with->flag_leak.median + 1e-9;

	a->unseen += unseen;
	a->later += later;
	if ((unseen || later) && a->most[0] == '\0')
		snprintf(a->most, sizeof(a->most), "%s", with->scene->name);
}

static struct report_ablation *
ablate(const struct options *o, const struct world_how *how, size_t *count)
{
	struct report_ablation *list = NULL;
	struct options few = *o;
	struct trial *all;
	size_t n;

	few.runs = ABLATION_RUNS < o->runs ? ABLATION_RUNS : o->runs;
	all = attacks(&few, how, &n);
	*count = 0;
	for (unsigned int i = 0; i < WATCH_RULES; i++) {
		struct watch_rules rules = *how->rules;
		struct world_how less = *how;
		struct trial *without;

		rules.rules[i].enabled = false;
		less.rules = &rules;
		without = attacks(&few, &less, &n);
		list = must_grow(list, *count, sizeof(*list));
		list[*count] = (struct report_ablation){
			.rule = watch_rules_name((enum watch_rule_id)i)
		};
		for (size_t j = 0; j < n; j++)
			compare(&list[*count], &all[j], &without[j]);
		free(without);
		(*count)++;
	}
	free(all);
	return list;
}

/* What one principal of honest work takes in a minute, at most. */
static uint64_t
minute_peak(const struct world_how *how)
{
	struct world_how early = *how;
	struct trial_alarms a;
	uint64_t peak;

	early.seed = 0;
	trial_work(&early, BASELINE_LOADS, &a);
	peak = a.minute_peak;
	trial_alarms_clear(&a);
	return peak;
}

static bool
bench(const struct options *o, const struct watch_rules *rules)
{
	struct world_how how = { .seed = o->first_seed, .rules = rules };
	struct report r = { .first_seed = o->first_seed, .runs = o->runs };
	double start = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
	struct trial_alarms alarms;
	struct trial control;
	struct trial *trials;
	struct report_ablation *ablation = NULL;
	bool holds;

	how.minute_bytes = r.minute_bytes = minute_peak(&how);
	trial_work(&how, o->loads, &alarms);
	r.alarms = &alarms;
	r.trials = trials = attacks(o, &how, &r.count);
	if (!o->no_ablation)
		ablation = ablate(o, &how, &r.ablation_count);
	r.ablation = ablation;
	how.no_budget = true;
	trial_run(scene_find("cp"), &how, ABLATION_RUNS, &control);
	r.control = &control;
	r.seconds = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;

	if (o->json)
		report_json(&r);
	else
		report_text(&r);
	holds = report_holds(&r);
	free(trials);
	free(ablation);
	trial_alarms_clear(&alarms);
	return holds;
}

static int
read_rules(struct watch_rules *rules, const char *file)
{
	OWNED_MEM(char) text = malloc(WATCH_RULES_TEXT_MAX + 1);
	char sentence[256] = "";
	struct why why = { sentence, sizeof(sentence) };
	FILE *f = fopen(file, "re");
	size_t n;

	if (f == NULL || text == NULL) {
		if (f != NULL)
			fclose(f);
		return log_sys("open '%s'", file);
	}
	n = fread(text, 1, WATCH_RULES_TEXT_MAX + 1, f);
	fclose(f);
	if (watch_rules_parse(rules, text, n, &why) != 0)
		return log_err(ERR_FORMAT, "'%s': %s", file, sentence);
	return 0;
}

int
main(int argc, char **argv)
{
	struct watch_rules rules;
	struct options o;

	log_init("bench_exfil");
	if (parse(argc, argv, &o) != 0) {
		fputs("usage: bench_exfil [--json] [--loads N] [--runs N]"
		      " [--first-seed N] [--scene NAME] [--rules FILE]"
		      " [--no-ablation]\n",
		    stderr);
		return 2;
	}
	if (o.scene != NULL && scene_find(o.scene) == NULL) {
		log_err(ERR_USAGE, "there is no scene '%s'", o.scene);
		return 2;
	}
	watch_rules_default(&rules);
	if (o.rules != NULL && read_rules(&rules, o.rules) != 0)
		return 1;
	return bench(&o, &rules) ? 0 : 1;
}
