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
#include "tests/lib/fault.h"
#include "tests/lib/hall.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define PATIENCE 20000 /* ms, and more on a busy machine */

static int
listen_for(struct hall *h, bool everybody, int handed)
{
	const struct front_door door = { everybody, handed };

	return front_listen(h->front, h->d.vault->dir, &door);
}

static void
it_serves_a_socketpair_and_leaves_with_its_last_client(void **state)
{
	struct hall *h = *state;
	int first = hall_adopt(h), second = hall_adopt(h);

	hall_start(h, true);
	assert_int_equal(hall_say_hello(first), 0);
	close(first);
	assert_int_equal(hall_say_hello(second), 0);
	close(second);
	assert_int_equal(hall_finish(h), 0);
}

static void
it_serves_over_its_socket_for_its_user_alone(void **state)
{
	struct hall *h = *state;
	struct stat st;
	int fd;

	assert_int_equal(listen_for(h, false, -1), 0);
	assert_int_equal(fstatat(h->d.vault->dir->fd, "run", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fstatat(h->d.vault->dir->fd, "run/keyd.sock", &st, 0),
	    0);
	assert_int_equal(st.st_mode & 07777, 0600);
	fd = hall_dial(h);
	assert_true(fd >= 0);
	hall_start(h, true);
	assert_int_equal(hall_say_hello(fd), 0);
	close(fd);
	assert_int_equal(hall_finish(h), 0);
	/* and nothing of the socket is left */
	assert_int_not_equal(fstatat(h->d.vault->dir->fd, "run/keyd.sock", &st,
				 0),
	    0);
	assert_int_equal(hall_dial(h), -1);
}

static void
a_service_listens_for_everybody(void **state)
{
	struct hall *h = *state;
	struct stat st;

	assert_int_equal(listen_for(h, true, -1), 0);
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
	assert_int_equal(listen_for(h, false, -1), 0);
	fd = hall_dial(h);
	assert_true(fd >= 0);
	close(fd);
}

static void
whoever_is_at_the_door_is_let_in_before_it_leaves(void **state)
{
	struct hall *h = *state;
	int first = hall_adopt(h), second;

	assert_int_equal(listen_for(h, false, -1), 0);
	second = hall_dial(h);
	assert_true(second >= 0);
	close(first);
	hall_start(h, true);
	assert_int_equal(hall_say_hello(second), 0);
	close(second);
	assert_int_equal(hall_finish(h), 0);
}

/* A socket that listens at run/NAME, as a service manager makes it. */
static int
manager_listens(struct hall *h, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(
	    mkdirat(h->d.vault->dir->fd, "run", 0755) == 0 || errno == EEXIST);
	assert_true(snprintf(a.sun_path, sizeof(a.sun_path), "%s/run/%s",
			h->d.path, name) < (int)sizeof(a.sun_path));
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void
who_comes_while_no_keyd_runs_is_served_by_the_next(void **state)
{
	struct hall *h = *state;
	int manager = manager_listens(h, "keyd.sock"), fd, later;

	/* before keyd is there */
	fd = hall_dial(h);
	assert_true(fd >= 0);
	assert_int_equal(listen_for(h, true, dup(manager)), 0);
	hall_start(h, true);
	assert_int_equal(hall_say_hello(fd), 0);
	close(fd);
	assert_int_equal(hall_finish(h), 0);
	/* and when it has gone */
	later = hall_dial(h);
	assert_true(later >= 0);
	close(later);
	close(manager);
}

static void
a_socket_where_nobody_asks_is_refused(void **state)
{
	struct hall *h = *state;
	int manager = manager_listens(h, "elsewhere.sock");

	assert_int_equal(listen_for(h, true, manager), ERR_USAGE);
}

static void
a_socket_whose_name_is_gone_is_refused(void **state)
{
	struct hall *h = *state;
	int manager = manager_listens(h, "keyd.sock");

	assert_int_equal(unlinkat(h->d.vault->dir->fd, "run/keyd.sock", 0), 0);
	close(manager_listens(h, "keyd.sock"));
	/* another is there now, with the same name */
	assert_int_equal(renameat(h->d.vault->dir->fd, "run/keyd.sock",
			     h->d.vault->dir->fd, "run/other"),
	    0);
	assert_int_equal(listen_for(h, true, manager), ERR_USAGE);
}

static void
what_does_not_listen_is_refused(void **state)
{
	struct hall *h = *state;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(listen_for(h, true, fds[0]), ERR_USAGE);
	close(fds[1]);
}

static void
a_socket_that_is_anothers_by_now_is_left(void **state)
{
	struct hall *h = *state;
	struct stat st;
	int fd;

	assert_int_equal(listen_for(h, true, -1), 0);
	fd = hall_adopt(h);
	hall_start(h, true);
	assert_int_equal(hall_say_hello(fd), 0);
	assert_int_equal(unlinkat(h->d.vault->dir->fd, "run/keyd.sock", 0), 0);
	close(manager_listens(h, "keyd.sock"));
	close(fd);
	assert_int_equal(hall_finish(h), 0);
	assert_int_equal(fstatat(h->d.vault->dir->fd, "run/keyd.sock", &st, 0),
	    0);
}

static void
count(void *arg, const char *line)
{
	atomic_uint *lines = arg;

	/* Others miss descriptors, too, and say so. */
	if (strstr(line, "connection") != NULL)
		atomic_fetch_add(lines, 1);
}

/* It says so once, and neither burns the processor nor forgets who waits. */
static void
who_comes_when_descriptors_are_out_is_let_in_later(void **state)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	const struct timespec pause = { .tv_nsec = 300000000 };
	struct note_checkpoint published;
	struct hall *h = *state;
	struct rlimit limit, none;
	atomic_uint lines = 0;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int stays = hall_adopt(h);

	assert_int_equal(listen_for(h, false, -1), 0);
	assert_int_equal(trail_publish(h->d.trail, &published, NULL), 0);
	hall_start(h, true);
	assert_int_equal(hall_say_hello(stays), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 3;
	log_sink(count, &lines);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(hall_connect(h, fd), 0);
	for (int i = 0; i < PATIENCE && lines == 0; i++)
		nanosleep(&moment, NULL);
	nanosleep(&pause, NULL);
	assert_int_equal(hall_say_hello(stays), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(hall_say_hello(fd), 0);
	assert_int_equal(lines, 1);
	log_sink(test_hush, NULL);
	close(stays);
	close(fd);
	assert_int_equal(hall_finish(h), 0);
}

static void
frames_come_in_any_pieces(void **state)
{
	struct hall *h = *state;
	OWNED_WRITER w = writer_of(FRAME_BUFFER), all = writer_of(1 << 16);
	int fd = hall_adopt(h);
	uint64_t id;

	hall_start(h, true);
	for (uint64_t i = 0; i < 5; i++) {
		hall_make_hello(&w, i);
		writer_bytes(&all, w.bytes, w.length);
	}
	for (size_t i = 0; i < all.length; i++)
		assert_int_equal(write(fd, all.bytes + i, 1), 1);
	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(hall_next_reply(fd, &id), 0);
		assert_int_equal(id, i);
	}
	assert_int_equal(write(fd, all.bytes, all.length), all.length);
	for (uint64_t i = 0; i < 5; i++) {
		assert_int_equal(hall_next_reply(fd, &id), 0);
		assert_int_equal(id, i);
	}
	close(fd);
	assert_int_equal(hall_finish(h), 0);
}

static void
a_malformed_frame_ends_its_connection_alone(void **state)
{
	static const char *const wrong[] = { "\xff\xff\xff\xff", "\0\0\0\0",
		"\x0c\0\0\0\x01\0\x01\0\0\0\0\0\0\0\0\0",
		"\x0c\0\0\0\x01\x80\0\0\0\0\0\0\0\0\0\0" };
	static const size_t lengths[] = { 4, 4, 16, 16 };
	struct hall *h = *state;
	int good = hall_adopt(h), bad[4];
	uint64_t id;

	for (size_t i = 0; i < 4; i++)
		bad[i] = hall_adopt(h);
	hall_start(h, true);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(write(bad[i], wrong[i], lengths[i]),
		    lengths[i]);
		assert_int_equal(hall_next_reply(bad[i], &id), ERR_UNREACHABLE);
		close(bad[i]);
	}
	assert_int_equal(hall_say_hello(good), 0);
	close(good);
	assert_int_equal(hall_finish(h), 0);
}

static void *
ask_and_ask(void *arg)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	int fd = *(int *)arg;

	hall_make_hello(&w, 1);
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
	int deaf = hall_adopt(h), other = hall_adopt(h);
	pthread_t thread;
	void *done;
	uint64_t id;

	hall_start(h, true);
	assert_int_equal(pthread_create(&thread, NULL, ask_and_ask, &deaf), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(hall_say_hello(other), 0);
	for (int i = 0; i < 20000; i++)
		assert_int_equal(hall_next_reply(deaf, &id), 0);
	pthread_join(thread, &done);
	assert_non_null(done);
	close(deaf);
	close(other);
	assert_int_equal(hall_finish(h), 0);
}

static void
a_client_that_leaves_with_requests_under_way_harms_nobody(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	const struct msg_check_report m = { .objects = 1 };
	struct hall *h = *state;
	int stays = hall_adopt(h);

	for (int i = 0; i < 20; i++) {
		int leaves = hall_adopt(h);

		hall_make_hello(&w, 1);
		assert_int_equal(frame_send(leaves, &w), 0);
		for (uint64_t n = 0; n < 50; n++) {
			frame_begin(&w, MSG_CHECK_REPORT, n);
			msg_check_report_write(&w, &m);
			assert_int_equal(frame_end(&w), 0);
			assert_int_equal(frame_send(leaves, &w), 0);
		}
		close(leaves);
	}
	hall_start(h, true);
	assert_int_equal(hall_say_hello(stays), 0);
	close(stays);
	assert_int_equal(hall_finish(h), 0);
	assert_int_equal(broker_stop(h->broker), 0);
}

static void
sigterm_ends_it(void **state)
{
	struct hall *h = *state;
	int fd = hall_adopt(h);

	hall_start(h, false);
	assert_int_equal(hall_say_hello(fd), 0);
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	assert_int_equal(hall_finish(h), 0);
	assert_int_equal(broker_stop(h->broker), 0);
	close(fd);
}

static void
it_ends_with_an_error_when_the_trail_does(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	const struct msg_check_report m = { .objects = 1 };
	struct hall *h = *state;
	int fd = hall_adopt(h);
	uint64_t id;

	hall_start(h, true);
	assert_int_equal(hall_say_hello(fd), 0);
	fault_fail_from(FAULT_SYNC, 1, EIO);
	frame_begin(&w, MSG_CHECK_REPORT, 5);
	msg_check_report_write(&w, &m);
	assert_int_equal(frame_end(&w), 0);
	assert_int_equal(frame_send(fd, &w), 0);
	assert_int_equal(hall_next_reply(fd, &id), ERR_IO);
	assert_int_equal(id, 5);
	assert_int_not_equal(hall_finish(h), 0);
	assert_true(fault_off());
	close(fd);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, hall_setup, hall_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_serves_a_socketpair_and_leaves_with_its_last_client),
		TEST(it_serves_over_its_socket_for_its_user_alone),
		TEST(a_service_listens_for_everybody),
		TEST(a_socket_that_a_killed_keyd_left_is_replaced),
		TEST(who_comes_while_no_keyd_runs_is_served_by_the_next),
		TEST(a_socket_where_nobody_asks_is_refused),
		TEST(a_socket_whose_name_is_gone_is_refused),
		TEST(what_does_not_listen_is_refused),
		TEST(a_socket_that_is_anothers_by_now_is_left),
		TEST(whoever_is_at_the_door_is_let_in_before_it_leaves),
		TEST(who_comes_when_descriptors_are_out_is_let_in_later),
		TEST(frames_come_in_any_pieces),
		TEST(a_malformed_frame_ends_its_connection_alone),
		TEST(a_client_that_does_not_read_is_not_read_from),
		TEST(a_client_that_leaves_with_requests_under_way_harms_nobody),
		TEST(sigterm_ends_it),
		TEST(it_ends_with_an_error_when_the_trail_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
