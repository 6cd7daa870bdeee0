/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fleet that opens a version at once:
 *	fleet VAULT REFERENCE ROWS HOSTS SECONDS [UID]
 * Each host is a thread with a connection of its own to the keyd that serves
 * VAULT: it says hello, opens a session, asks for the keys of its first chunks,
 * and goes on through the version from there, each reply awaited.  Hosts begin
 * in different places.  With UID, as root, they are users UID, UID + 1, ...,
 * 200 hosts each, and root is the last sixteen of a thousand: keyd gives no
 * user more.  Prints one line of JSON; times are seconds since all began.
 */
#include <err.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/client.h"
#include "vault/clock.h"
#include "vault/log.h"
#include "vault/secret.h"

#define HOSTS_MAX 1000U
#define HOSTS_OF_USER 200U
#define OTHERS_MAX 984U /* hosts that are not root's */
#define STACK (256U << 10)
#define PATIENCE_MS 120000U

struct host {
	double opened; /* its session */
	double first;  /* its first keys */
	double last;
	uint64_t releases;
	uint64_t keys;
	int err;
};

/* What all processes share. */
struct fleet {
	pthread_barrier_t all;
	double start;
	struct host hosts[HOSTS_MAX];
};

struct way {
	const char *vault;
	char *reference;
	uint64_t rows;
	unsigned long hosts;
	double seconds;
	uid_t uid;
	struct fleet *fleet;
};

struct job {
	const struct way *way;
	unsigned long number;
	pthread_t thread;
};

/* Windows from where this host begins, to the end and from the start again. */
static int
read_on(const struct job *j, struct client *c, const struct msg_session *s)
{
	const struct way *w = j->way;
	struct host *h = &w->fleet->hosts[j->number];
	const uint32_t most = MSG_WINDOW_MAX;
	/* A window is of one file, whose rows are a multiple of it. */
	uint64_t at = w->rows / w->hosts * j->number / most * most;
	int err = 0;

	do {
		const uint64_t left = w->rows - at;
		struct msg_release m = { .session = s->session,
			.first = at,
			.count = left < most ? (uint32_t)left : most };
		struct msg_release_reply r = { 0 };

		err = client_release(c, &m, &r);
		msg_release_reply_clear(&r);
		if (err != 0)
			return err;
		h->last = clock_seconds(CLOCK_MONOTONIC) - w->fleet->start;
		if (h->releases++ == 0)
			h->first = h->last;
		h->keys += m.count;
		at = (at + m.count) % w->rows;
	} while (h->last < w->seconds);
	return 0;
}

static int
be_host(const struct job *j)
{
	const struct way *w = j->way;
	struct unlock_source unlock = { .no_prompt = true };
	struct client_how how = { .vault = w->vault,
		.unlock = &unlock,
		.program = "fleet",
		.timeout_ms = PATIENCE_MS };
	char name[32];
	char *reference = w->reference;
	struct msg_session_open open = { .principal = (char[]){ "" },
		.purpose = MSG_MOUNT,
		.mountpoint = (char[]){ "/models" },
		.host = name,
		.pid = (uint32_t)getpid(),
		.exe = (char[]){ "" },
		.trust = MSG_UNSIGNED,
		.count = 1,
		.refs = &reference };
	struct msg_session s = { 0 };
	OWNED(client) c = NULL;
	int err = client_open(&c, &how);

	snprintf(name, sizeof(name), "host-%04lu", j->number);
	if (err == 0)
		err = client_session_open(c, &open, &s);
	w->fleet->hosts[j->number].opened = clock_seconds(CLOCK_MONOTONIC) -
	    w->fleet->start;
	if (err == 0)
		err = read_on(j, c, &s);
	if (err == 0)
		err = client_session_close(c, s.session, "");
	msg_session_clear(&s);
	return err;
}

static void *
run(void *arg)
{
	struct job *j = arg;

	pthread_barrier_wait(&j->way->fleet->all);
	pthread_barrier_wait(&j->way->fleet->all); /* the start is told */
	j->way->fleet->hosts[j->number].err = be_host(j);
	return NULL;
}

/* Hosts first .. first + n - 1, as one user: a process of their own. */
static void
start_user(const struct way *w, unsigned long first, unsigned long n, uid_t uid)
{
	static struct job jobs[HOSTS_MAX];
	pthread_attr_t attr;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid > 0)
		return;
	if (uid != 0 && (setgid(uid) != 0 || setuid(uid) != 0))
		err(1, "setuid");
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (unsigned long i = 0; i < n; i++) {
		jobs[i] = (struct job){ .way = w, .number = first + i };
		if (pthread_create(&jobs[i].thread, &attr, run, &jobs[i]) != 0)
			errx(1, "no thread");
	}
	for (unsigned long i = 0; i < n; i++)
		pthread_join(jobs[i].thread, NULL);
	_exit(0);
}

static void
start_users(const struct way *w)
{
	unsigned long others = w->hosts;
	uid_t uid = w->uid;

	if (uid == 0) {
		start_user(w, 0, w->hosts, 0);
		return;
	}
	if (others > OTHERS_MAX)
		others = OTHERS_MAX;
	for (unsigned long at = 0; at < others; at += HOSTS_OF_USER) {
		unsigned long left = others - at;

		start_user(w, at, left < HOSTS_OF_USER ? left : HOSTS_OF_USER,
		    uid++);
	}
	if (others < w->hosts)
		start_user(w, others, w->hosts - others, 0);
}

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* 0, or 1 when a host got nothing. */
static int
tell(const struct way *w)
{
	double first[HOSTS_MAX], opened = 0, last = 0;
	uint64_t releases = 0, keys = 0;
	unsigned long failed = 0;

	for (unsigned long i = 0; i < w->hosts; i++) {
		const struct host *h = &w->fleet->hosts[i];

		failed += h->err != 0 || h->releases == 0;
		first[i] = h->first;
		opened = h->opened > opened ? h->opened : opened;
		last = h->last > last ? h->last : last;
		releases += h->releases;
		keys += h->keys;
	}
	qsort(first, w->hosts, sizeof(first[0]), by_value);
	printf("{\"hosts\": %lu, \"failed\": %lu, \"last_session\": %.3f, "
	       "\"median_first_keys\": %.3f, \"last_first_keys\": %.3f, "
	       "\"seconds\": %.3f, \"releases\": %ju, \"keys\": %ju}\n",
	    w->hosts, failed, opened, first[w->hosts / 2], first[w->hosts - 1],
	    last, (uintmax_t)releases, (uintmax_t)keys);
	return failed > 0;
}

int
main(int argc, char **argv)
{
	struct way w = { 0 };
	pthread_barrierattr_t shared;

	log_init("fleet");
	if ((argc != 6 && argc != 7) || secret_init() != 0)
		return 2;
	w.vault = argv[1];
	w.reference = argv[2];
	w.rows = strtoull(argv[3], NULL, 10);
	w.hosts = strtoul(argv[4], NULL, 10);
	w.seconds = strtod(argv[5], NULL);
	w.uid = argc == 7 ? (uid_t)strtoul(argv[6], NULL, 10) : 0;
	if (w.rows == 0 || w.hosts == 0 || w.hosts > HOSTS_MAX)
		return 2;
	w.fleet = mmap(NULL, sizeof(*w.fleet), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w.fleet == MAP_FAILED)
		err(1, "mmap");
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&w.fleet->all, &shared, (unsigned int)w.hosts + 1);
	start_users(&w);
	/* Nobody goes before the last one is there. */
	pthread_barrier_wait(&w.fleet->all);
	w.fleet->start = clock_seconds(CLOCK_MONOTONIC);
	pthread_barrier_wait(&w.fleet->all);
	while (wait(NULL) > 0)
		;
	return tell(&w);
}
