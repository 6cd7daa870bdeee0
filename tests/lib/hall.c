/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/hall.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "keys/frame.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

int
hall_setup(void **state)
{
	struct hall *h = calloc(1, sizeof(*h));
	struct broker_how how;

	assert_non_null(h);
	log_sink(test_hush, NULL);
	desk_new(&h->d, false);
	broker_free(h->d.broker);
	h->d.broker = NULL;
	how = (struct broker_how){
		.vault = h->d.vault,
		.keyring = h->d.keyring,
		.catalogue = h->d.catalogue,
		.trail = h->d.trail,
		.store = h->d.store,
		.program = "test",
		.own_uid = geteuid(),
	};
	assert_int_equal(front_new(&h->front, h->d.path), 0);
	front_connect(h->front, &how);
	assert_int_equal(broker_new(&h->broker, &how), 0);
	*state = h;
	return 0;
}

int
hall_teardown(void **state)
{
	struct hall *h = *state;

	front_close(h->front);
	broker_free(h->broker);
	front_free(h->front);
	desk_free(&h->d);
	free(h);
	return 0;
}

static void *
run(void *arg)
{
	struct hall *h = arg;

	h->result = front_run(h->front, h->broker, h->leave);
	return NULL;
}

void
hall_start(struct hall *h, bool leave)
{
	h->leave = leave;
	assert_int_equal(pthread_create(&h->thread, NULL, run, h), 0);
}

int
hall_finish(struct hall *h)
{
	pthread_join(h->thread, NULL);
	return h->result;
}

int
hall_adopt(struct hall *h)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     fds),
	    0);
	assert_int_equal(front_adopt(h->front, h->broker, fds[1]), 0);
	return fds[0];
}

int
hall_connect(const struct hall *h, int fd)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	assert_true(snprintf(a.sun_path, sizeof(a.sun_path), "%s/run/keyd.sock",
			h->d.path) < (int)sizeof(a.sun_path));
	return connect(fd, (const struct sockaddr *)&a, sizeof(a));
}

int
hall_dial(const struct hall *h)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (hall_connect(h, fd) == 0)
		return fd;
	close(fd);
	return -1;
}

void
hall_make_hello(struct writer *w, uint64_t id)
{
	char program[] = "test";
	const struct msg_hello m = { .version = MSG_VERSION, program };

	frame_begin(w, MSG_HELLO, id);
	msg_hello_write(w, &m);
	assert_int_equal(frame_end(w), 0);
}

/* The status of the next reply, and its id. */
int
hall_next_reply(int fd, uint64_t *id)
{
	OWNED_WRITER in = writer_of(FRAME_BUFFER);
	OWNED_MEM(char) sentence = NULL;
	struct reader r;
	struct frame f;
	int err, status;

	err = frame_receive(fd, &in, &f);
	if (err != 0)
		return err;
	r = reader_of(f.body, f.length);
	assert_int_equal(msg_status_read(&r, &status, &sentence), 0);
	*id = f.id;
	return status;
}

int
hall_say_hello(int fd)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	uint64_t id;
	int err;

	hall_make_hello(&w, 77);
	err = frame_send(fd, &w);
	if (err == 0)
		err = hall_next_reply(fd, &id);
	if (err == 0)
		assert_int_equal(id, 77);
	return err;
}
