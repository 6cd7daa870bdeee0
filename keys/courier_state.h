/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_COURIER_STATE_H
#define WEIR_COURIER_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "keys/courier.h"
#include "vault/file.h"

/* What the parts of the courier share: for courier*.c alone. */

struct courier_letter {
	TAILQ_ENTRY(courier_letter) entry;
	uint64_t number;
	bool stored; /* in the queue's directory */
	char *json;
};
TAILQ_HEAD(courier_letters, courier_letter);

/* How a delivery ended.  REFUSED: the other side looked, and does not want
 * it. */
enum courier_result { COURIER_DONE, COURIER_AGAIN, COURIER_NO, COURIER_ENDED };

struct courier_line;
struct courier_kind {
	const char *name; /* "hook": of its directory, too */
	/* why has COURIER_WHY bytes; written unless it is done. */
	enum courier_result (*deliver)(struct courier_line *line,
	    const struct courier_letter *letter, char *why);
};
#define COURIER_WHY 256
extern const struct courier_kind courier_hook, courier_webhook;

/* A queue, and the thread that delivers what is in it. */
struct courier_line {
	const struct courier_kind *kind;
	const struct courier_how *how;
	struct file *dir;
	pthread_t thread;
	bool running;
	int stop_fd; /* readable when it is to end */
	atomic_bool stop;

	pthread_mutex_t mutex;
	pthread_cond_t work;
	pthread_cond_t changed;
	struct courier_letters letters; /* by number */
	size_t count;
	uint64_t posted;       /* the highest number there has been */
	uint64_t kept;	       /* the highest number that is on the disk */
	unsigned int failures; /* of the first letter, one after another */
	unsigned int refused;
	bool out; /* the first letter is being delivered */
	bool failed;
};

#define COURIER_LINES 2
struct courier {
	struct courier_how how;
	struct courier_line lines[COURIER_LINES];
	size_t count;
};

/* --- courier_queue.c: the directory --- */

void courier_letter_free(struct courier_letter *l);
/* Read what was left, and the highest number that was posted. */
int courier_queue_open(struct courier_line *line) MUST_USE;
int courier_queue_store(struct courier_line *line, struct courier_letter *l)
    MUST_USE;
/* l is freed. */
void courier_queue_remove(struct courier_line *line, struct courier_letter *l);

#endif
