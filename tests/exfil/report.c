/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exfil/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "tests/exfil/promise.h"

#define YEAR_DAYS 365

/* --- false alarms --- */

static size_t
alarms_of(const struct trial_alarms *a, const char *row)
{
	size_t n = 0;

	for (size_t i = 0; i < a->count; i++)
		n += a->list[i].row == NULL ?
		    row == NULL :
		    row != NULL && strcmp(a->list[i].row, row) == 0;
	return n;
}

static double
per_10000(const struct trial_alarms *a, double alarms)
{
	return a->loads == 0 ? 0 : alarms * 1e4 / (double)a->loads;
}

static void
print_alarms(const struct trial_alarms *a)
{
	const struct scene *s;

	printf("honest work: %" PRIu64 " loads, %" PRIu64 " releases, in"
	       " %" PRIu64 " vaults of 45 days\n"
	       "false alarms: %zu, which is %.3f in 10,000 loads, and with"
	       " 95 %% at most %.3f\n",
	    a->loads, a->releases, a->worlds, a->count,
	    per_10000(a, (double)a->count),
	    per_10000(a, trial_poisson_bound(a->count)));
	for (size_t i = 0; (s = scene_at(i)) != NULL; i++)
		if (s->kind == SCENE_BENIGN && alarms_of(a, s->name) > 0)
			printf("  %-28s %zu\n", s->name, alarms_of(a, s->name));
	if (alarms_of(a, NULL) > 0)
		printf("  %-28s %zu\n", "(nobody named)", alarms_of(a, NULL));
	for (size_t i = 0; i < a->count && i < 10; i++)
		printf("  %s: %s\n", a->list[i].rule,
		    a->list[i].row == NULL ? "-" : a->list[i].row);
}

/* --- attacks --- */

static void
print_time(const struct trial *t)
{
	double s = t->flag_seconds.median;

	if (t->flagged == 0)
		printf("%9s", "-");
	else if (s < 120)
		printf("%7.0f s", s);
	else if (s < 2 * 3600)
		printf("%5.0f min", s / 60);
	else if (s < 2 * 86400)
		printf("%7.1f h", s / 3600);
	else
		printf("%7.1f d", s / 86400);
}

static void
print_figure(const struct trial_figure *f, size_t of)
{
	if (of == 0)
		printf("  %6s %6s %6s", "-", "-", "-");
	else
		printf("  %6.4f %6.4f %6.4f", f->median, f->p95, f->worst);
}

static void
print_trial(const struct trial *t)
{
	printf("%-22s %4.0f%%", t->scene->name,
	    100.0 * (double)t->flagged / (double)t->runs);
	print_figure(&t->flag_leak, t->flagged);
	print_time(t);
	print_figure(&t->block_leak, t->blocked);
	printf("  %6.4f %6.4f %6.3f %5.0f%%  %s\n", t->most_one.worst,
	    t->most_all.worst, t->loaded.worst,
	    100.0 * (double)t->baseline / (double)t->runs,
	    t->flagged > 0 ? t->rule : "-");
}

static void
print_trials(const struct report *r)
{
	enum scene_kind kind = SCENE_BENIGN;

	printf("\nmodel-equivalents, over seeds %" PRIu64 " to %" PRIu64 "\n"
	       "%-22s %5s  %-20s %9s  %-20s  %-20s %6s  %s\n",
	    r->first_seed, r->first_seed + r->runs - 1, "", "flag-",
	    "leaked before flag", "time to", "leaked before block",
	    "most in 30 days", "bytes/", "flagged");
	printf("%-22s %5s  %6s %6s %6s %9s  %6s %6s %6s  %6s %6s %6s %6s  %s\n",
	    "attack", "ged", "median", "p95", "worst", "flag", "median", "p95",
	    "worst", "one", "all", "loads", "minute", "by");
	for (size_t i = 0; i < r->count; i++) {
		const struct trial *t = &r->trials[i];

		if (t->scene->kind != kind)
			printf("-- %s\n", scene_kind_name(t->scene->kind));
		kind = t->scene->kind;
		print_trial(t);
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct trial *t = &r->trials[i];

		if (t->scene->kind == SCENE_QUIET)
			printf("%s, %s: flagged in %zu of %zu runs, %.3f"
			       " model-equivalents a year (worst %.3f)\n",
			    t->scene->name, t->scene->about, t->flagged,
			    t->runs, t->held.median, t->held.worst);
	}
}

static void
print_ablation(const struct report *r)
{
	if (r->ablation_count == 0)
		return;
	printf("\nwithout a rule, the others on: attacks flagged less often,"
	       " or later\n");
	for (size_t i = 0; i < r->ablation_count; i++) {
		const struct report_ablation *a = &r->ablation[i];

		printf("  %-24s %3zu %3zu  %s\n", a->rule, a->unseen, a->later,
		    a->most);
	}
}

static bool
alarms_hold(const struct trial_alarms *a)
{
	return a->count * PROMISE_ALARMS <= a->loads;
}

bool
report_holds(const struct report *r)
{
	bool holds = alarms_hold(r->alarms);

	for (size_t i = 0; i < r->count; i++)
		holds = promise_broken(&r->trials[i]) == NULL && holds;
	return holds;
}

static void
print_promises(const struct report *r)
{
	printf("\nwhat is promised: %s\n",
	    report_holds(r) ? "holds" : "BROKEN");
	if (!alarms_hold(r->alarms))
		printf("  honest work: more false alarms than 1 in %d loads\n",
		    PROMISE_ALARMS);
	for (size_t i = 0; i < r->count; i++) {
		const char *wrong = promise_broken(&r->trials[i]);

		if (wrong != NULL)
			printf("  %s: %s\n", r->trials[i].scene->name, wrong);
	}
}

void
report_text(const struct report *r)
{
	print_alarms(r->alarms);
	print_trials(r);
	if (r->control != NULL)
		printf("\nthe control, budgets off: %s leaks %.3f (median),"
		       " blocked in %zu of %zu\n",
		    r->control->scene->name, r->control->held.median,
		    r->control->blocked, r->control->runs);
	print_ablation(r);
	printf("\nbytes/minute: an alarm above %.1f GB of one principal in a"
	       " minute, the most that honest work took on seeds 0 to 29\n"
	       "%.1f s of one CPU\n",
	    (double)r->minute_bytes / 1e9, r->seconds);
	print_promises(r);
}

/* --- JSON --- */

static json_t *
figure_json(const struct trial_figure *f)
{
	return json_pack("{s:f,s:f,s:f}", "median", f->median, "p95", f->p95,
	    "worst", f->worst);
}

static json_t *
trial_json(const struct trial *t)
{
	json_t *j = json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:s?}", "attack",
	    t->scene->name, "kind", scene_kind_name(t->scene->kind), "about",
	    t->scene->about, "runs", (json_int_t)t->runs, "flagged",
	    (json_int_t)t->flagged, "blocked", (json_int_t)t->blocked,
	    "bytes_per_minute_flagged", (json_int_t)t->baseline, "rule",
	    t->flagged > 0 ? t->rule : NULL);

	json_object_set_new(j, "broken",
	    promise_broken(t) != NULL ? json_string(promise_broken(t)) :
					json_null());
	json_object_set_new(j, "leaked_before_flag",
	    figure_json(&t->flag_leak));
	json_object_set_new(j, "leaked_before_block",
	    figure_json(&t->block_leak));
	json_object_set_new(j, "seconds_to_flag",
	    figure_json(&t->flag_seconds));
	json_object_set_new(j, "leaked", figure_json(&t->held));
	json_object_set_new(j, "most_in_30_days_one",
	    figure_json(&t->most_one));
	json_object_set_new(j, "most_in_30_days_all",
	    figure_json(&t->most_all));
	json_object_set_new(j, "loads_for_each_granted",
	    figure_json(&t->loaded));
	return j;
}

static json_t *
alarms_json(const struct trial_alarms *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->count; i++)
		json_array_append_new(list,
		    json_pack("{s:s,s:s?}", "rule", a->list[i].rule, "row",
			a->list[i].row));
	return json_pack("{s:I,s:I,s:f,s:f,s:o}", "loads", (json_int_t)a->loads,
	    "releases", (json_int_t)a->releases, "false_alarms_per_10000",
	    per_10000(a, (double)a->count), "at_most_95",
	    per_10000(a, trial_poisson_bound(a->count)), "alarms", list);
}

void
report_json(const struct report *r)
{
	json_t *j = json_pack("{s:I,s:I,s:o,s:[],s:[],s:I}", "first_seed",
	    (json_int_t)r->first_seed, "runs", (json_int_t)r->runs, "honest",
	    alarms_json(r->alarms), "attacks", "ablation",
	    "baseline_bytes_per_minute", (json_int_t)r->minute_bytes);

	for (size_t i = 0; i < r->count; i++)
		json_array_append_new(json_object_get(j, "attacks"),
		    trial_json(&r->trials[i]));
	for (size_t i = 0; i < r->ablation_count; i++)
		json_array_append_new(json_object_get(j, "ablation"),
		    json_pack("{s:s,s:I,s:I}", "rule", r->ablation[i].rule,
			"less_often", (json_int_t)r->ablation[i].unseen,
			"later", (json_int_t)r->ablation[i].later));
	json_object_set_new(j, "holds", json_boolean(report_holds(r)));
	if (r->control != NULL)
		json_object_set_new(j, "budgets_off", trial_json(r->control));
	json_dumpf(j, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(j);
}
