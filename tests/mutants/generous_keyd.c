/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weir-keyd-generous: a keyd that takes one rule of grants less seriously,
 * which WEIR_MUTANT names; with "all" it finds a grant for whoever asks.
 * tests/cli/grant-mutants.sh holds it against the tests of grants.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/catalogue.h"
#include "keys/grant.h"
#include "vault/err.h"

enum grant_answer __real_grant_choose(const struct grant *grants, size_t n,
    const struct grant_want *want, const struct grant **out);
enum grant_answer __wrap_grant_choose(const struct grant *grants, size_t n,
    const struct grant_want *want, const struct grant **out);
enum grant_answer __real_grant_stands(const struct grant *g, int64_t now_ms);
enum grant_answer __wrap_grant_stands(const struct grant *g, int64_t now_ms);
int64_t __real_grant_ends(const struct grant *g, int64_t now_ms);
int64_t __wrap_grant_ends(const struct grant *g, int64_t now_ms);
int __real_catalogue_grant_list(struct catalogue *c, const char *principal,
    const char *model, struct grant **out, size_t *n);
int __wrap_catalogue_grant_list(struct catalogue *c, const char *principal,
    const char *model, struct grant **out, size_t *n);

static bool
mutant_is(const char *name)
{
	const char *mutant = getenv("WEIR_MUTANT");

	return mutant != NULL &&
	    (strcmp(mutant, name) == 0 || strcmp(mutant, "all") == 0);
}

/* A grant without what the mutant passes over. */
static void
loosen(struct grant *g)
{
	if (mutant_is("end"))
		g->until_ms = 0;
	if (mutant_is("hours"))
		g->when = (struct grant_when){ 0 };
	if (mutant_is("host"))
		*g->hosts = '\0';
	if (mutant_is("export"))
		g->export = true;
	if (mutant_is("approvals"))
		g->approvals = 0;
	if (mutant_is("sessions"))
		g->max_sessions = 0;
	if (mutant_is("reference"))
		*g->channel = *g->version = '\0';
}

/* The choice is among loosened copies, and is told by the place in the list. */
enum grant_answer
__wrap_grant_choose(const struct grant *grants, size_t n,
    const struct grant_want *want, const struct grant **out)
{
	struct grant *copy = calloc(n + 1, sizeof(*copy));
	const struct grant *chosen = NULL;
	enum grant_answer a;

	if (copy == NULL)
		return GRANT_NONE;
	for (size_t i = 0; i < n; i++) {
		copy[i] = grants[i];
		loosen(&copy[i]);
	}
	a = __real_grant_choose(copy, n, want, &chosen);
	*out = chosen != NULL ? &grants[chosen - copy] : NULL;
	free(copy);
	return a;
}

enum grant_answer
__wrap_grant_stands(const struct grant *g, int64_t now_ms)
{
	struct grant copy = *g;

	loosen(&copy);
	return __real_grant_stands(&copy, now_ms);
}

int64_t
__wrap_grant_ends(const struct grant *g, int64_t now_ms)
{
	struct grant copy = *g;

	loosen(&copy);
	return __real_grant_ends(&copy, now_ms);
}

/* Somebody else's will do; so will one that is for another model. */
int
__wrap_catalogue_grant_list(struct catalogue *c, const char *principal,
    const char *model, struct grant **out, size_t *n)
{
	const char *who = mutant_is("principal") ? "" : principal;
	bool any = mutant_is("model");
	int err = __real_catalogue_grant_list(c, who, any ? "" : model, out, n);

	for (size_t i = 0; err == 0 && any && *model != '\0' && i < *n; i++)
		snprintf((*out)[i].model, sizeof((*out)[i].model), "%s", model);
	return err;
}
