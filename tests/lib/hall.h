/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_HALL_H
#define WEIR_HALL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "keys/front_state.h"
#include "tests/lib/desk.h"

/* A vault, a front and a broker; the loop runs in a thread of its own. */
struct hall {
	struct desk d;
	struct front *front;
	struct broker *broker;
	pthread_t thread;
	bool leave;
	int result;
};

/* For cmocka: *state is a hall whose front does not run yet. */
int hall_setup(void **state);
int hall_teardown(void **state);

/* Have it run, until its last client has gone with leave; its result. */
void hall_start(struct hall *h, bool leave);
int hall_finish(struct hall *h);

/* The client's end of a socketpair; of a connection to the socket, or -1. */
int hall_adopt(struct hall *h);
int hall_dial(const struct hall *h);
int hall_connect(const struct hall *h, int fd);

void hall_make_hello(struct writer *w, uint64_t id);
/* The status of the next reply, and its id. */
int hall_next_reply(int fd, uint64_t *id);
int hall_say_hello(int fd);

#endif
