/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "keys/frame.h"
#include "keys/front_state.h"
#include "tests/lib/desk.h"
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

/* A vault, a front and a broker; the loop runs in a thread of its own. */
struct hall {
	struct desk d;
	struct front *front;
	struct broker *broker;
	pthread_t thread;
	bool leave;
	int result;
};

static void
ignore(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

static int
setup(void **state)
{
	struct hall *h = calloc(1, sizeof(*h));
	struct broker_how how;

	assert_non_null(h);
	log_sink(ignore, NULL);
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

static int
teardown(void **state)
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

static void
start(struct hall *h, bool leave)
{
	h->leave = leave;
	assert_int_equal(pthread_create(&h->thread, NULL, run, h), 0);
}

static int
finish(struct hall *h)
{
	pthread_join(h->thread, NULL);
	return h->result;
}

static int
adopt_one(struct hall *h)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     fds),
	    0);
	assert_int_equal(front_adopt(h->front, h->broker, fds[1]), 0);
	return fds[0];
}

static int
connect_to(const struct hall *h, int fd)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	assert_true(snprintf(a.sun_path, sizeof(a.sun_path), "%s/run/keyd.sock",
			h->d.path) < (int)sizeof(a.sun_path));
	return connect(fd, (const struct sockaddr *)&a, sizeof(a));
}

static int
dial(const struct hall *h)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect_to(h, fd) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
make_hello(struct writer *w, uint64_t id)
{
	char program[] = "test";
	const struct msg_hello m = { .version = MSG_VERSION, program };

	frame_begin(w, MSG_HELLO, id);
	msg_hello_write(w, &m);
	assert_int_equal(frame_end(w), 0);
}

/* The status of the next reply, and its id. */
static int
next_reply(int fd, uint64_t *id)
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

static int
say_hello(int fd)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	uint64_t id;
	int err;

	make_hello(&w, 77);
	err = frame_send(fd, &w);
	if (err == 0)
		err = next_reply(fd, &id);
	if (err == 0)
		assert_int_equal(id, 77);
	return err;
}

static void
it_serves_over_a_socketpair_and_leaves_with_its_last_client(void **state)
{
	struct hall *h = *state;
	int first = adopt_one(h), second = adopt_one(h);

	start(h, true);
	assert_int_equal(say_hello(first), 0);
	close(first);
	assert_int_equal(say_hello(second), 0);
	close(second);
	assert_int_equal(finish(h), 0);
}

static void
it_serves_over_its_socket_for_its_user_alone(void **state)
{
	struct hall *h = *state;
	struct stat st;
	int fd;

	assert_int_equal(front_listen(h->front, h->d.vault->dir, false), 0);
	assert_int_equal(fstatat(h->d.vault->dir->fd, "run", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(h->d.vault->dir->fd, "run/keyd.sock", &st, 0),
	    0);
	assert_int_equal(st.st_mode & 07777, 0600);
	fd = dial(h);
	assert_true(fd >= 0);
	start(h, true);
	assert_int_equal(say_hello(fd), 0);
	close(fd);
	assert_int_equal(finish(h), 0);
	/* and nothing of the socket is left */
	assert_int_not_equal(fstatat(h->d.vault->dir->fd, "run/keyd.sock", &st,
				 0),
	    0);
	assert_int_equal(dial(h), -1);
}

static void
a_service_listens_for_everybody(void **state)
{
	struct hall *h = *state;
	struct stat st;

	assert_int_equal(front_listen(h->front, h->d.vault->dir, true), 0);
	assert_int_equal(fstatat(h->d.vault->dir->fd, "run", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fstatat(h->d.vault->dir->fd, "run/keyd.sock", &st, 0),
	    0);
	assert_int_equal(st.st_mode & 07777, 0666);
}

static void
a_socket_that_a_killed_keyd_left_is_replaced(void **state)
{
	struct hall *h = *state;
	int fd;

	assert_int_equal(mkdirat(h->d.vault->dir->fd, "run", 0700), 0);
	assert_int_equal(file_replace(h->d.vault->dir, "run/keyd.sock", "x", 1,
			     0600),
	    0);
	assert_int_equal(front_listen(h->front, h->d.vault->dir, false), 0);
	fd = dial(h);
	assert_true(fd >= 0);
	close(fd);
}

static void
whoever_is_at_the_door_is_let_in_before_it_leaves(void **state)
{
	struct hall *h = *state;
	int first = adopt_one(h), second;

	assert_int_equal(front_listen(h->front, h->d.vault->dir, false), 0);
	second = dial(h);
	assert_true(second >= 0);
	close(first);
	start(h, true);
	assert_int_equal(say_hello(second), 0);
	close(second);
	assert_int_equal(finish(h), 0);
}

static void
count(void *arg, const char *line)
{
	atomic_uint *lines = arg;

	(void)line;
	atomic_fetch_add(lines, 1);
}

/* It says so once, and neither burns the processor nor forgets who waits. */
static void
who_comes_when_descriptors_are_out_is_let_in_later(void **state)
{
	const struct timespec pause = { .tv_nsec = 300000000 };
	struct note_checkpoint published;
	struct hall *h = *state;
	struct rlimit limit, none;
	atomic_uint lines = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int stays = adopt_one(h);

	assert_int_equal(front_listen(h->front, h->d.vault->dir, false), 0);
	assert_int_equal(trail_publish(h->d.trail, &published, NULL), 0);
	start(h, true);
	assert_int_equal(say_hello(stays), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	log_sink(count, &lines);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(connect_to(h, fd), 0);
	nanosleep(&pause, NULL);
	assert_int_equal(say_hello(stays), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(say_hello(fd), 0);
	assert_int_equal(lines, 1);
	log_sink(ignore, NULL);
	close(stays);
	close(fd);
	assert_int_equal(finish(h), 0);
}

static void
frames_come_in_any_pieces(void **state)
{
	struct hall *h = *state;
	OWNED_WRITER w = writer_of(FRAME_BUFFER), all = writer_of(1 << 16);
	int fd = adopt_one(h);
	uint64_t id;

	start(h, true);
	for (uint64_t i = 0; i < 5; i++) {
		make_hello(&w, i);
		writer_bytes(&all, w.bytes, w.length);
	}
	for (size_t i = 0; i < all.length; i++)
		assert_int_equal(write(fd, all.bytes + i, 1), 1);
	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(next_reply(fd, &id), 0);
		assert_int_equal(id, i);
	}
	assert_int_equal(write(fd, all.bytes, all.length), all.length);
	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(next_reply(fd, &id), 0);
		assert_int_equal(id, i);
	}
	close(fd);
	assert_int_equal(finish(h), 0);
}

static void
a_malformed_frame_ends_its_connection_alone(void **state)
{
	static const char *const wrong[] = { "\xff\xff\xff\xff", "\0\0\0\0",
		"\x0c\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0",
		"\x0c\0\0\0\x01\x80\0\0\0\0\0\0\0\0\0\0" };
	static const size_t lengths[] = { 4, 4, 16, 16 };
	struct hall *h = *state;
	int good = adopt_one(h), bad[4];
	uint64_t id;

	for (size_t i = 0; i < 4; i++)
		bad[i] = adopt_one(h);
	start(h, true);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(write(bad[i], wrong[i], lengths[i]),
		    lengths[i]);
		assert_int_equal(next_reply(bad[i], &id), ERR_UNREACHABLE);
		close(bad[i]);
	}
	assert_int_equal(say_hello(good), 0);
	close(good);
	assert_int_equal(finish(h), 0);
}

static void *
ask_and_ask(void *arg)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	int fd = *(int *)arg;

	make_hello(&w, 1);
	for (int i = 0; i < 20000; i++)
		if (frame_send(fd, &w) != 0)
			return NULL;
	return arg;
}

/* Somebody who asks and does not read: keyd stops reading, others go on, and
 * nothing is lost. */
static void
a_client_that_does_not_read_is_not_read_from(void **state)
{
	struct hall *h = *state;
	int deaf = adopt_one(h), other = adopt_one(h);
	pthread_t thread;
	void *done;
	uint64_t id;

	start(h, true);
	assert_int_equal(pthread_create(&thread, NULL, ask_and_ask, &deaf), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(say_hello(other), 0);
	for (int i = 0; i < 20000; i++)
		assert_int_equal(next_reply(deaf, &id), 0);
	pthread_join(thread, &done);
	assert_non_null(done);
	close(deaf);
	close(other);
	assert_int_equal(finish(h), 0);
}

/* What was sent makes room for what is to come. */
static void
a_client_that_always_has_answers_coming_is_served_on(void **state)
{
	enum { BLOCK = 1 << 20, TOTAL = 80 << 20 };
	struct hall *h = *state;
	OWNED_MEM(char) block = calloc(1, BLOCK);
	OWNED_MEM(char) got = malloc(BLOCK);
	int fd = adopt_one(h);
	struct front_link *l = TAILQ_FIRST(&h->front->links);
	size_t queued = 0, received = 0;

	assert_non_null(block);
	assert_non_null(got);
	while (received < TOTAL) {
		bool low = queued - received < 2 * BLOCK;
		ssize_t n;

		front_link_send(l, block, low ? BLOCK : 0);
		queued += low ? BLOCK : 0;
		assert_false(l->dead);
		n = recv(fd, got, BLOCK, MSG_DONTWAIT);
		assert_true(n > 0);
		received += (size_t)n;
	}
	close(fd);
}

#define FLOOD 1300 /* check reports: a buffer full of them */
#define MARK 77

static void
make_report(struct writer *w, uint64_t id, uint64_t objects)
{
	const struct msg_check_report m = { .objects = objects };

	frame_begin(w, MSG_CHECK_REPORT, id);
	msg_check_report_write(w, &m);
	assert_int_equal(frame_end(w), 0);
}

struct place {
	uint64_t first; /* entry of a report, */
	uint64_t mark;	/* and of the one with the mark */
};

static int
look(void *arg, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct place *p = arg;
	struct entry_view v;
	uint64_t objects;

	assert_int_equal(entry_parse(&v, bytes, n), 0);
	if (v.kind == ENTRY_CHECK) {
		assert_int_equal(entry_view_number(&v, "objects", &objects), 0);
		if (p->first == 0)
			p->first = index;
		if (objects == MARK)
			p->mark = index;
	}
	entry_view_clear(&v);
	return 0;
}

/* Whoever asks for much at once waits for its turns, as everybody does. */
static void
one_client_does_not_keep_the_others_waiting(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER), all = writer_of(1 << 20);
	struct note_checkpoint published;
	OWNED(trail_reader) r = NULL;
	struct hall *h = *state;
	int many = adopt_one(h), one = adopt_one(h);
	struct place p = { 0 };
	uint64_t id;

	make_hello(&w, 1);
	assert_int_equal(frame_send(many, &w), 0);
	assert_int_equal(frame_send(one, &w), 0);
	for (uint64_t i = 0; i < FLOOD; i++) {
		make_report(&w, i, 1);
		writer_bytes(&all, w.bytes, w.length);
	}
	assert_int_equal(frame_send(many, &all), 0);
	make_report(&w, 2, MARK);
	assert_int_equal(frame_send(one, &w), 0);
	start(h, true);
	assert_int_equal(next_reply(one, &id), 0);
	assert_int_equal(next_reply(one, &id), 0);
	assert_int_equal(id, 2);
	for (uint64_t i = 0; i <= FLOOD; i++)
		assert_int_equal(next_reply(many, &id), 0);
	close(many);
	close(one);
	assert_int_equal(finish(h), 0);

	assert_int_equal(trail_publish(h->d.trail, &published, NULL), 0);
	assert_int_equal(trail_reader_open(&r, h->d.vault->dir,
			     &h->d.vault->key),
	    0);
	assert_int_equal(trail_reader_each(r, 0, published.size, look, &p), 0);
	assert_true(p.first > 0 && p.mark >= p.first);
	assert_true(p.mark - p.first < 64);
}

/* What was sent before hanging up is done, however much it is. */
static void
all_that_was_asked_before_a_hangup_is_done(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER), all = writer_of(1 << 20);
	struct hall *h = *state;
	int fd = adopt_one(h);

	make_hello(&w, 1);
	assert_int_equal(frame_send(fd, &w), 0);
	for (uint64_t i = 0; i < FLOOD; i++) {
		make_report(&w, i, 1);
		writer_bytes(&all, w.bytes, w.length);
	}
	assert_int_equal(frame_send(fd, &all), 0);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	start(h, true);
	assert_int_equal(finish(h), 0);
	close(fd);
	assert_int_equal(broker_stop(h->broker), 0);
	assert_int_equal(desk_count(&h->d, "check"), FLOOD);
}

static void
a_client_that_leaves_with_requests_under_way_harms_nobody(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	const struct msg_check_report m = { .objects = 1 };
	struct hall *h = *state;
	int stays = adopt_one(h);

	for (int i = 0; i < 20; i++) {
		int leaves = adopt_one(h);

		make_hello(&w, 1);
		assert_int_equal(frame_send(leaves, &w), 0);
		for (uint64_t n = 0; n < 50; n++) {
			frame_begin(&w, MSG_CHECK_REPORT, n);
			msg_check_report_write(&w, &m);
			assert_int_equal(frame_end(&w), 0);
			assert_int_equal(frame_send(leaves, &w), 0);
		}
		close(leaves);
	}
	start(h, true);
	assert_int_equal(say_hello(stays), 0);
	close(stays);
	assert_int_equal(finish(h), 0);
	assert_int_equal(broker_stop(h->broker), 0);
}

static void
sigterm_ends_it(void **state)
{
	struct hall *h = *state;
	int fd = adopt_one(h);

	start(h, false);
	assert_int_equal(say_hello(fd), 0);
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(finish(h), 0);
	assert_int_equal(broker_stop(h->broker), 0);
	close(fd);
}

static void
it_ends_with_an_error_when_the_trail_does(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	const struct msg_check_report m = { .objects = 1 };
	struct hall *h = *state;
	int fd = adopt_one(h);
	uint64_t id;

	start(h, true);
	assert_int_equal(say_hello(fd), 0);
	fault_fail_from(FAULT_SYNC, 1, EIO);
	frame_begin(&w, MSG_CHECK_REPORT, 5);
	msg_check_report_write(&w, &m);
	assert_int_equal(frame_end(&w), 0);
	assert_int_equal(frame_send(fd, &w), 0);
	assert_int_equal(next_reply(fd, &id), ERR_IO);
	assert_int_equal(id, 5);
	assert_int_not_equal(finish(h), 0);
	assert_true(fault_off());
	close(fd);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(
		    it_serves_over_a_socketpair_and_leaves_with_its_last_client),
		TEST(it_serves_over_its_socket_for_its_user_alone),
		TEST(a_service_listens_for_everybody),
		TEST(a_socket_that_a_killed_keyd_left_is_replaced),
		TEST(whoever_is_at_the_door_is_let_in_before_it_leaves),
		TEST(who_comes_when_descriptors_are_out_is_let_in_later),
		TEST(frames_come_in_any_pieces),
		TEST(a_malformed_frame_ends_its_connection_alone),
		TEST(a_client_that_does_not_read_is_not_read_from),
		TEST(a_client_that_always_has_answers_coming_is_served_on),
		TEST(one_client_does_not_keep_the_others_waiting),
		TEST(all_that_was_asked_before_a_hangup_is_done),
		TEST(a_client_that_leaves_with_requests_under_way_harms_nobody),
		TEST(sigterm_ends_it),
		TEST(it_ends_with_an_error_when_the_trail_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
