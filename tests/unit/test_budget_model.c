/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that can happen between a release's judgement and its reply, in every
 * order: three clients want more than the four tokens that there are; entries
 * become durable one by one, are folded, replied to; keyd crashes at any
 * moment, and folds again what the disk kept.  The budgets are the real
 * ones; two mutants of the order show that what is checked can fail.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "keys/budget.h"
#include "tests/lib/test.h"

#define CLIENTS 3
#define ASKS 2 /* of each client, at most */
#define JOURNAL 16
#define NONE 0xff

enum mutant {
	HONEST,
	EARLY_REPLY, /* before the entry is durable */
	BLIND_JUDGE, /* what is on its way does not count */
	LOSSY_SAVE   /* the first release folded is not saved */
};

/* One budget to fill up. */
struct game {
	enum msg_grant_type type;
	size_t chunks; /* of the version */
	unsigned int tokens, asks, crashes;
	unsigned int taken; /* chunks, by others; each client its own one */
	uint64_t wants[CLIENTS][ASKS];
	enum mutant mutant;
};

/* Bytes only, without holes: it is its own key. */
struct state {
	uint8_t journal[JOURNAL]; /* client * ASKS + ask */
	uint8_t length, durable, folded;
	uint8_t entry[CLIENTS]; /* waited for; NONE: none */
	uint8_t next[CLIENTS];	/* ask */
	uint8_t replied;	/* by bit client * ASKS + ask */
	uint8_t crashes;
	uint8_t down;
};

struct seen {
	struct state state;
	UT_hash_handle hh;
};

/* A budget that so much of a journal was folded into; of this so much was
 * saved, and came back. */
struct folded {
	uint8_t journal[JOURNAL + 2]; /* behind it: how much, and saved */
	struct budget *budget;
	UT_hash_handle hh;
};

struct search {
	const struct game *game;
	struct seen *seen;
	struct folded *folded;
	size_t states;
	const char *wrong; /* the first thing that does not hold */
};

/* --- the real budget --- */

/* What others have of the pool, each as much as one may. */
static void
take(const struct game *g, struct budget *b)
{
	unsigned int each = (unsigned int)g->chunks / 60;

	for (unsigned int i = 0; i < g->taken; i++) {
		char name[16];
		struct budget_ask a = { .principal = name,
			.first = g->chunks - 1 - i,
			.count = 1,
			.type = MSG_GRANT_BROWSE,
			.clock = 1000 };
		struct budget_debit d;

		snprintf(name, sizeof(name), "user:%u", i / each);
		assert_int_equal(budget_debit(b, &a, &d), 0);
	}
}

static struct budget *
fresh(const struct game *g)
{
	struct budget *b = NULL;
	uint32_t *rows = calloc(g->chunks, sizeof(*rows));
	uint32_t version;

	assert_non_null(rows);
	assert_int_equal(budget_new(&b), 0);
	for (size_t i = 0; i < g->chunks; i++)
		assert_int_equal(budget_add_chunk(b, 1 << 20, &rows[i]), 0);
	assert_int_equal(budget_add_version(b, rows, g->chunks, &version), 0);
	assert_int_equal(version, 0);
	free(rows);
	take(g, b);
	return b;
}

static struct budget_ask
ask_of(const struct game *g, unsigned int token)
{
	static const char *const names[] = { "user:a", "user:b", "user:c" };
	unsigned int client = token / ASKS;

	return (struct budget_ask){ .principal = g->taken > 0 ? names[client] :
								"user:a",
		.first = g->wants[client][token % ASKS],
		.count = 1,
		.type = g->type,
		.session = client + 1,
		.grant = 7,
		.loads = 1,
		.clock = 1000 };
}

/* The first so many of the journal, as the catalogue keeps them. */
struct kept {
	uint32_t times[CLIENTS + 1][BUDGET_PAGE]; /* the last: the pool */
	uint64_t bits[CLIENTS][BUDGET_WORDS];
	struct budget_sum sum;
};

static void
keep(const struct game *g, struct kept *k, unsigned int token)
{
	struct budget_ask a = ask_of(g, token);
	unsigned int client = token / ASKS;
	uint32_t chunk = (uint32_t)a.first;
	uint64_t bit = UINT64_C(1) << (chunk % 64);

	if (g->type == MSG_GRANT_BROWSE) {
		k->times[g->taken > 0 ? client : 0][chunk] = (uint32_t)
		    budget_hour(a.clock);
		k->times[CLIENTS][chunk] = (uint32_t)budget_hour(a.clock);
		return;
	}
	budget_sum_add(&k->sum, budget_hour(a.clock),
	    (k->bits[client][chunk / 64] & bit) == 0 ? 1 << 20 : 0, 1 << 20);
	k->bits[client][chunk / 64] |= bit;
}

/* What others took of the pool was saved, too. */
static void
restore(const struct game *g, struct kept *k, struct budget *b)
{
	for (unsigned int i = 0; i < g->taken; i++)
		k->times[CLIENTS][g->chunks - 1 - i] = (uint32_t)budget_hour(
		    1000);
	for (unsigned int i = 0; i <= CLIENTS; i++) {
		struct budget_ask a = ask_of(g, i % CLIENTS * ASKS);

		if (g->type == MSG_GRANT_BROWSE &&
		    (g->taken > 0 || i == 0 || i == CLIENTS))
			assert_int_equal(budget_restore_times(b,
					     i < CLIENTS ? a.principal : NULL,
					     0, k->times[i]),
			    0);
		if (g->type == MSG_GRANT_LOAD && i < CLIENTS)
			assert_int_equal(budget_restore_session(b, a.session, 0,
					     k->bits[i]),
			    0);
	}
	if (g->type == MSG_GRANT_LOAD)
		assert_int_equal(budget_restore_grant(b, 7, 0, &k->sum), 0);
}

static struct budget *
fold_saved(struct search *s, const uint8_t *journal, uint8_t saved, uint8_t n)
{
	struct folded *f;
	struct kept *k;
	uint8_t key[JOURNAL + 2] = { 0 };

	memcpy(key, journal, n);
	key[JOURNAL] = n;
	key[JOURNAL + 1] = saved;
	HASH_FIND(hh, s->folded, key, sizeof(key), f);
	if (f != NULL)
		return f->budget;
	f = calloc(1, sizeof(*f));
	k = calloc(1, sizeof(*k));
	assert_true(f != NULL && k != NULL);
	memcpy(f->journal, key, sizeof(key));
	f->budget = fresh(s->game);
	for (uint8_t i = s->game->mutant == LOSSY_SAVE; i < saved; i++)
		keep(s->game, k, journal[i]);
	if (saved > 0)
		restore(s->game, k, f->budget);
	for (uint8_t i = saved; i < n; i++) {
		struct budget_ask a = ask_of(s->game, journal[i]);
		struct budget_debit d;

		assert_int_equal(budget_debit(f->budget, &a, &d), 0);
	}
	free(k);
	HASH_ADD_KEYPTR(hh, s->folded, f->journal, sizeof(f->journal), f);
	return f->budget;
}

static struct budget *
fold(struct search *s, const uint8_t *journal, uint8_t n)
{
	return fold_saved(s, journal, 0, n);
}

/* --- what must hold --- */

/* Tokens taken by what a mask holds: distinct chunks of a principal, or of each
 * session. */
static unsigned int
tokens(const struct game *g, unsigned int mask)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < CLIENTS * ASKS; i++) {
		bool again = false;

		if ((mask >> i & 1) == 0)
			continue;
		for (unsigned int j = 0; j < i; j++)
			if ((mask >> j & 1) != 0 &&
			    g->wants[i / ASKS][i % ASKS] ==
				g->wants[j / ASKS][j % ASKS] &&
			    (g->type == MSG_GRANT_BROWSE ||
				i / ASKS == j / ASKS))
				again = true;
		n += !again;
	}
	return n;
}

static unsigned int
mask_of(const uint8_t *journal, uint8_t n)
{
	unsigned int mask = 0;

	for (uint8_t i = 0; i < n; i++)
		mask |= 1U << journal[i];
	return mask;
}

/* The fold says what a count by hand says. */
static bool
fold_is_right(struct search *s, const struct state *t)
{
	struct budget *b = fold(s, t->journal, t->folded);
	struct budget_ask a = ask_of(s->game, 0);
	struct budget_used u;
	unsigned int n = tokens(s->game, mask_of(t->journal, t->folded));

	assert_int_equal(budget_used(b, &a, &u), 0);
	if (s->game->type == MSG_GRANT_LOAD)
		return u.loaded == (uint64_t)n << 20;
	n = (n + s->game->taken) * 1000000;
	return u.pool_ppm == (n + s->game->chunks - 1) / s->game->chunks;
}

/* What was folded is saved; with the rest of the journal it makes the same. */
static bool
saved_is_the_same(struct search *s, const struct state *t)
{
	struct budget *b = fold(s, t->journal, t->length);
	struct budget *c = fold_saved(s, t->journal, t->folded, t->length);

	for (unsigned int i = 0; i < CLIENTS * ASKS; i++) {
		struct budget_ask a = ask_of(s->game, i);
		struct budget_used u, v;
		struct budget_debit d, e;

		assert_int_equal(budget_used(b, &a, &u), 0);
		assert_int_equal(budget_used(c, &a, &v), 0);
		assert_int_equal(budget_judge(b, &a, &d), 0);
		assert_int_equal(budget_judge(c, &a, &e), 0);
		if (u.used_ppm != v.used_ppm || u.pool_ppm != v.pool_ppm ||
		    u.loaded != v.loaded || u.repeats != v.repeats ||
		    d.answer != e.answer || d.fresh != e.fresh)
			return false;
	}
	return true;
}

static void
check(struct search *s, const struct state *t)
{
	unsigned int kept = mask_of(t->journal, t->durable);

	if (tokens(s->game, t->replied) > s->game->tokens)
		s->wrong = "more was given than the budget has";
	else if (tokens(s->game, mask_of(t->journal, t->length)) >
	    s->game->tokens)
		s->wrong = "more was recorded than the budget has";
	else if ((t->replied & ~kept) != 0)
		s->wrong = "what was given is not on disk";
	else if (!fold_is_right(s, t))
		s->wrong = "the fold is not what the journal says";
	else if (!saved_is_the_same(s, t))
		s->wrong = "what was saved is not what was folded";
}

/* --- what can happen --- */

static bool
judge(struct search *s, const struct state *t, unsigned int token)
{
	uint8_t n = s->game->mutant == BLIND_JUDGE ? t->folded : t->length;
	struct budget *b = fold(s, t->journal, n);
	struct budget_ask a = ask_of(s->game, token);
	struct budget_debit d;

	assert_int_equal(budget_judge(b, &a, &d), 0);
	return d.answer == BUDGET_OK || d.answer == BUDGET_SLOW;
}

static bool
can_ask(const struct search *s, const struct state *t, unsigned int client)
{
	return !t->down && t->entry[client] == NONE &&
	    t->next[client] < s->game->asks && t->length < JOURNAL;
}

static void
ask(struct search *s, struct state *t, unsigned int client)
{
	uint8_t token = (uint8_t)(client * ASKS + t->next[client]);

	if (!judge(s, t, token)) {
		t->next[client]++; /* refused */
		return;
	}
	t->entry[client] = t->length;
	t->journal[t->length++] = token;
}

static bool
can_reply(const struct search *s, const struct state *t, unsigned int client)
{
	if (t->down || t->entry[client] == NONE)
		return false;
	return s->game->mutant == EARLY_REPLY || t->entry[client] < t->folded;
}

static void
reply(struct state *t, unsigned int client)
{
	t->replied |= (uint8_t)(1U << t->journal[t->entry[client]]);
	t->entry[client] = NONE;
	t->next[client]++;
}

/* The disk kept so many of the entries; who waited will ask again. */
static void
crash(struct state *t, uint8_t kept)
{
	for (uint8_t i = kept; i < t->length; i++)
		t->journal[i] = 0;
	t->length = t->durable = kept;
	memset(t->entry, NONE, sizeof(t->entry));
	t->crashes++;
	t->down = 1;
}

static void visit(struct search *s, const struct state *t);

static void
clients_go_on(struct search *s, const struct state *t)
{
	for (unsigned int i = 0; i < CLIENTS; i++) {
		struct state u = *t;

		if (can_ask(s, t, i)) {
			ask(s, &u, i);
			visit(s, &u);
		}
		u = *t;
		if (can_reply(s, t, i)) {
			reply(&u, i);
			visit(s, &u);
		}
	}
}

static void
disk_goes_on(struct search *s, const struct state *t)
{
	struct state u = *t;

	if (t->durable < t->length) {
		u.durable++;
		visit(s, &u);
	}
	u = *t;
	if (t->folded < t->durable) {
		u.folded++;
		visit(s, &u);
	} else if (t->down) {
		u.down = 0; /* all is folded: requests are taken again */
		visit(s, &u);
	}
	for (uint8_t kept = t->durable;
	     t->crashes < s->game->crashes && kept <= t->length; kept++) {
		u = *t;
		crash(&u, kept);
		visit(s, &u);
	}
}

static void
visit(struct search *s, const struct state *t)
{
	struct seen *seen;

	if (s->wrong != NULL)
		return;
	HASH_FIND(hh, s->seen, t, sizeof(*t), seen);
	if (seen != NULL)
		return;
	seen = malloc(sizeof(*seen));
	assert_non_null(seen);
	memcpy(&seen->state, t, sizeof(*t));
	HASH_ADD(hh, s->seen, state, sizeof(seen->state), seen);
	s->states++;
	check(s, t);
	if (s->wrong != NULL)
		return;
	clients_go_on(s, t);
	disk_goes_on(s, t);
}

/* NULL: all holds, in so many states. */
static const char *
explore(const struct game *g, size_t *states)
{
	struct search s = { .game = g };
	struct state begin = { 0 };
	struct seen *a, *b;
	struct folded *f, *h;

	memset(begin.entry, NONE, sizeof(begin.entry));
	visit(&s, &begin);
	HASH_ITER(hh, s.seen, a, b) {
		HASH_DEL(s.seen, a);
		free(a);
	}
	HASH_ITER(hh, s.folded, f, h) {
		HASH_DEL(s.folded, f);
		budget_free(f->budget);
		free(f);
	}
	*states = s.states;
	return s.wrong;
}

/* --- the games --- */

/* Two per cent of 200 chunks; the last of a pool of 60; one load of four
 * chunks; chunks that more than one client wants; and a smaller budget, with a
 * crash while what the first one left is folded. */
static const struct game games[] = {
	{ MSG_GRANT_BROWSE, 200, 4, 2, 1, 0, { { 0, 1 }, { 2, 3 }, { 4, 5 } },
	    HONEST },
	{ MSG_GRANT_BROWSE, 200, 4, 2, 1, 0, { { 0, 1 }, { 1, 2 }, { 3, 4 } },
	    HONEST },
	{ MSG_GRANT_BROWSE, 1200, 4, 2, 1, 56, { { 0, 1 }, { 2, 3 }, { 4, 5 } },
	    HONEST },
	{ MSG_GRANT_LOAD, 4, 4, 2, 1, 0, { { 0, 1 }, { 0, 1 }, { 2, 3 } },
	    HONEST },
	{ MSG_GRANT_LOAD, 4, 4, 2, 1, 0, { { 0, 0 }, { 0, 1 }, { 2, 3 } },
	    HONEST },
	{ MSG_GRANT_BROWSE, 100, 2, 1, 3, 0, { { 0 }, { 1 }, { 2 } }, HONEST },
	{ MSG_GRANT_LOAD, 2, 2, 1, 3, 0, { { 0 }, { 0 }, { 1 } }, HONEST },
};
#define GAMES (sizeof(games) / sizeof(games[0]))

static void
no_order_gives_more_or_forgets(void **state)
{
	(void)state;
	for (size_t i = 0; i < GAMES; i++) {
		size_t states;
		const char *wrong = explore(&games[i], &states);

		if (wrong != NULL)
			fail_msg("game %zu: %s", i, wrong);
		print_message("# game %zu: %zu states\n", i, states);
		assert_true(states > 10000);
	}
}

static void
finds_a_reply_before_the_disk(void **state)
{
	(void)state;
	for (size_t i = 0; i < GAMES; i++) {
		struct game g = games[i];
		size_t states;
		const char *wrong;

		g.mutant = EARLY_REPLY;
		wrong = explore(&g, &states);
		assert_non_null(wrong);
		assert_string_equal(wrong, "what was given is not on disk");
	}
}

static void
finds_a_judge_that_is_blind_to_what_is_on_its_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < GAMES; i++) {
		struct game g = games[i];
		size_t states;
		const char *wrong;

		g.mutant = BLIND_JUDGE;
		wrong = explore(&g, &states);
		assert_non_null(wrong);
		assert_string_equal(wrong,
		    "more was recorded than the budget has");
	}
}

static void
finds_a_release_that_was_not_saved(void **state)
{
	(void)state;
	for (size_t i = 0; i < GAMES; i++) {
		struct game g = games[i];
		size_t states;
		const char *wrong;

		g.mutant = LOSSY_SAVE;
		wrong = explore(&g, &states);
		assert_non_null(wrong);
		assert_string_equal(wrong,
		    "what was saved is not what was folded");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_order_gives_more_or_forgets),
		cmocka_unit_test(finds_a_reply_before_the_disk),
		cmocka_unit_test(
		    finds_a_judge_that_is_blind_to_what_is_on_its_way),
		cmocka_unit_test(finds_a_release_that_was_not_saved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
