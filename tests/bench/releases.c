/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many durable releases a second keyd gives:
 *	releases VAULT KEYFILE REF THREADS SECONDS [COUNT ROWS]
 * Each thread has a connection and a session of its own, all are opened at
 * once, and asks for COUNT chunks (1) after another, each reply awaited: the
 * first ones, or windows through all ROWS of the version, over and over.
 * Prints releases a second; with COUNT also chunk keys a second, and how many
 * seconds after the start the last session had its first keys.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/client.h"
#include "vault/clock.h"
#include "vault/log.h"
#include "vault/secret.h"

struct job {
	const char *vault;
	const char *key_file;
	char *reference;
	double seconds;
	double start;
	double first; /* when it had its first keys */
	uint32_t count;
	uint64_t rows;
	unsigned long done;
	int err;
};

static int
ask(struct job *j, struct client *c)
{
	struct msg_session_open open = { .principal = (char[]){ "" },
		.purpose = MSG_MOUNT,
		.mountpoint = (char[]){ "" },
		.host = (char[]){ "bench" },
		.pid = (uint32_t)getpid(),
		.exe = (char[]){ "" },
		.trust = MSG_UNSIGNED,
		.count = 1,
		.refs = &j->reference };
	struct msg_session s = { 0 };
	double end = clock_seconds(CLOCK_MONOTONIC) + j->seconds;
	uint64_t at = 0;
	int err = client_session_open(c, &open, &s);

	while (err == 0 && clock_seconds(CLOCK_MONOTONIC) < end) {
		struct msg_release m = { .session = s.session,
			.version = 0,
			.first = at,
			.count = j->count };
		struct msg_release_reply r = { 0 };

		err = client_release(c, &m, &r);
		msg_release_reply_clear(&r);
		if (j->done == 0)
			j->first = clock_seconds(CLOCK_MONOTONIC) - j->start;
		j->done += err == 0;
		at += j->count;
		if (at + j->count > j->rows)
			at = 0;
	}
	msg_session_clear(&s);
	return err;
}

static void *
run(void *arg)
{
	struct job *j = arg;
	struct unlock_source unlock = { .key_file = j->key_file,
		.no_prompt = true };
	struct client_how how = { .vault = j->vault,
		.unlock = &unlock,
		.program = "releases" };
	OWNED(client) c = NULL;

	j->err = client_open(&c, &how);
	if (j->err == 0)
		j->err = ask(j, c);
	return NULL;
}

int
main(int argc, char **argv)
{
	unsigned long threads, total = 0;
	double seconds, start, last = 0;
	pthread_t *ids;
	struct job *jobs;

	log_init("releases");
	if ((argc != 6 && argc != 8) || secret_init() != 0)
		return 2;
	threads = strtoul(argv[4], NULL, 10);
	seconds = strtod(argv[5], NULL);
	ids = calloc(threads, sizeof(*ids));
	jobs = calloc(threads, sizeof(*jobs));
	if (ids == NULL || jobs == NULL || threads == 0)
		return 1;

	start = clock_seconds(CLOCK_MONOTONIC);
	for (unsigned long i = 0; i < threads; i++) {
		jobs[i] = (struct job){ .vault = argv[1],
			.key_file = argv[2],
			.reference = argv[3],
			.seconds = seconds,
			.start = start,
			.count = argc == 8 ?
			    (uint32_t)strtoul(argv[6], NULL, 10) :
			    1,
			.rows = argc == 8 ? strtoull(argv[7], NULL, 10) : 0 };
		if (pthread_create(&ids[i], NULL, run, &jobs[i]) != 0)
			return 1;
	}
	for (unsigned long i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		if (jobs[i].err != 0)
			return 1;
		total += jobs[i].done;
		if (jobs[i].first > last)
			last = jobs[i].first;
	}

	if (argc == 8)
		printf("%.1f releases, %.0f chunk keys a second; first keys "
		       "within %.2f s\n",
		    (double)total / seconds,
		    (double)total / seconds * jobs[0].count, last);
	else
		printf("%.1f\n", (double)total / seconds);
	free(ids);
	free(jobs);
	return 0;
}
