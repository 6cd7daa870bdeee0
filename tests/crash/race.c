/* SPDX-License-Identifier: Apache-2.0 */
/*
 * budget-holds: 64 connections to a running keyd ask for what is left of a
 * budget, all at the same moment:
 *	race VAULT KEYFILE MODEL REF CHUNKS WEIGHTS ROUNDS
 * Each round is a load grant of one load for somebody new, a session of its for
 * each connection, and a chunk for each, as they come.  Of a load 1.05 may be
 * had: no more bytes than that may come in all, and who is told no is told so
 * by ERR_DENIED.  Prints what came; 1 if a round had too much, or too little.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/asker.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/secret.h"

#define RACERS 64

struct race {
	const char *vault, *key_file, *model, *ref;
	uint64_t chunks, weights;
	char principal[32];
	bool over;
	pthread_barrier_t start, open, done;
};

struct racer {
	struct race *race;
	unsigned int number;
	struct asker a;
	pthread_t thread;
	uint64_t bytes; /* that it got in this round */
	int err;	/* 0, ERR_DENIED, or the test's end */
};

static void
run_round(struct racer *r)
{
	struct race *race = r->race;
	uint64_t row = r->number % race->chunks;

	r->bytes = 0;
	r->err = asker_open(&r->a, race->ref, race->principal);
	pthread_barrier_wait(&race->open);
	if (r->err == 0)
		r->err = asker_take(&r->a, row, 1, &r->bytes);
}

static void *
run(void *arg)
{
	struct racer *r = arg;

	while (true) {
		pthread_barrier_wait(&r->race->start);
		if (r->race->over)
			return NULL;
		run_round(r);
		pthread_barrier_wait(&r->race->done);
	}
}

/* What all got together; whether anything but yes and no was said. */
static int
sum(const struct racer *racers, uint64_t *bytes, unsigned int *refused)
{
	*bytes = 0;
	*refused = 0;
	for (unsigned int i = 0; i < RACERS; i++) {
		if (racers[i].err != 0 && racers[i].err != ERR_DENIED)
			return racers[i].err;
		*bytes += racers[i].bytes;
		*refused += racers[i].err == ERR_DENIED;
	}
	return 0;
}

/* A round: its grant, the race, and the grant gone again. */
static int
one(struct race *race, struct asker *owner, struct racer *racers,
    unsigned long n, uint64_t *bytes)
{
	unsigned int refused;
	uint64_t grant;
	int err;

	snprintf(race->principal, sizeof(race->principal), "user:racer-%lu", n);
	err = asker_grant(owner, race->model, race->principal, 1, &grant);
	if (err != 0)
		return err;
	pthread_barrier_wait(&race->start);
	pthread_barrier_wait(&race->done);
	err = sum(racers, bytes, &refused);
	if (err == 0 && refused == 0)
		printf("# round %lu: nobody was refused\n", n);
	return err == 0 ? asker_grant_rm(owner, grant) : err;
}

static int
race_all(struct race *race, struct asker *owner, struct racer *racers,
    unsigned long rounds)
{
	uint64_t limit = race->weights + race->weights / 20, bytes, most = 0,
		 least = UINT64_MAX;

	for (unsigned long n = 0; n < rounds; n++) {
		int err = one(race, owner, racers, n, &bytes);

		if (err != 0)
			return err;
		most = bytes > most ? bytes : most;
		least = bytes < least ? bytes : least;
	}
	printf("%lu rounds, %" PRIu64 " to %" PRIu64
	       " bytes of at most %" PRIu64 "\n",
	    rounds, least, most, limit);
	/* What one load is must come, too, or it was no race. */
	return most <= limit && least >= race->weights ? 0 : ERR_CONFLICT;
}

int
main(int argc, char **argv)
{
	static struct racer racers[RACERS];
	struct race race = { 0 };
	struct asker owner;
	int err;

	log_init("race");
	if (argc != 8 || secret_init() != 0)
		return 2;
	race.vault = argv[1];
	race.key_file = argv[2];
	race.model = argv[3];
	race.ref = argv[4];
	race.chunks = strtoull(argv[5], NULL, 10);
	race.weights = strtoull(argv[6], NULL, 10);
	pthread_barrier_init(&race.start, NULL, RACERS + 1);
	pthread_barrier_init(&race.open, NULL, RACERS);
	pthread_barrier_init(&race.done, NULL, RACERS + 1);
	if (race.chunks == 0 ||
	    asker_come(&owner, race.vault, race.key_file) != 0)
		return 2;
	for (unsigned int i = 0; i < RACERS; i++) {
		racers[i].race = &race;
		racers[i].number = i;
		if (asker_come(&racers[i].a, race.vault, race.key_file) != 0 ||
		    pthread_create(&racers[i].thread, NULL, run, &racers[i]) !=
			0)
			return 2;
	}
	err = race_all(&race, &owner, racers, strtoul(argv[7], NULL, 10));
	race.over = true;
	pthread_barrier_wait(&race.start);
	for (unsigned int i = 0; i < RACERS; i++) {
		pthread_join(racers[i].thread, NULL);
		asker_go(&racers[i].a);
	}
	asker_go(&owner);
	if (err != 0 && err != ERR_CONFLICT)
		printf("# %s\n", err_text(err));
	return err != 0;
}
