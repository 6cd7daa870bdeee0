/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "keys/frame.h"
#include "tests/lib/test.h"
#include "vault/err.h"

static void
make(struct writer *w, uint16_t type, uint64_t id, const void *body, size_t n)
{
	frame_begin(w, type, id);
	writer_bytes(w, body, n);
	assert_int_equal(frame_end(w), 0);
}

static void
a_frame_is_laid_out_as_documented(void **state)
{
	static const uint8_t want[] = { 15, 0, 0, 0, 0x34, 0x12, 0, 0, 8, 7, 6,
		5, 4, 3, 2, 1, 'a', 'b', 'c' };
	OWNED_WRITER w = writer_of(FRAME_BUFFER);

	(void)state;
	make(&w, 0x1234, 0x0102030405060708, "abc", 3);
	assert_int_equal(w.length, sizeof(want));
	assert_memory_equal(w.bytes, want, sizeof(want));
}

static void
what_is_written_parses_back(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	struct frame f;
	size_t used;

	(void)state;
	make(&w, 52, 99, "abc", 3);
	assert_int_equal(frame_parse(&f, w.bytes, w.length, &used), 0);
	assert_int_equal(used, w.length);
	assert_int_equal(f.type, 52);
	assert_int_equal(f.id, 99);
	assert_int_equal(f.length, 3);
	assert_memory_equal(f.body, "abc", 3);
}

static void
a_part_of_a_frame_asks_for_more(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	struct frame f;
	size_t used = 1;

	(void)state;
	make(&w, 52, 99, "abc", 3);
	for (size_t n = 0; n < w.length; n++) {
		uint8_t *part = malloc(n);

		assert_true(part != NULL || n == 0);
		if (n > 0)
			memcpy(part, w.bytes, n);
		assert_int_equal(frame_parse(&f, part, n, &used), 0);
		assert_int_equal(used, 0);
		free(part);
	}
}

static void
what_follows_a_frame_is_left(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER), two = writer_of(100);
	struct frame f;
	size_t used;

	(void)state;
	make(&w, 1, 1, NULL, 0);
	writer_bytes(&two, w.bytes, w.length);
	make(&w, 2, 2, "x", 1);
	writer_bytes(&two, w.bytes, w.length);
	assert_int_equal(frame_parse(&f, two.bytes, two.length, &used), 0);
	assert_int_equal(used, 16);
	assert_int_equal(frame_parse(&f, two.bytes + used, two.length - used,
			     &used),
	    0);
	assert_int_equal(used, 17);
	assert_int_equal(f.type, 2);
}

static void
a_length_out_of_bounds_is_refused_at_once(void **state)
{
	static const uint32_t wrong[] = { 0, 1, 11, FRAME_MAX + 1, UINT32_MAX };
	struct frame f;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		OWNED_WRITER w = writer_of(4);

		writer_u32(&w, wrong[i]);
		assert_int_equal(frame_parse(&f, w.bytes, 4, &used),
		    ERR_FORMAT);
	}
}

static void
the_two_zero_bytes_are_zero(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER);
	struct frame f;
	size_t used;

	(void)state;
	for (unsigned int bit = 0; bit < 16; bit++) {
		make(&w, 1, 1, NULL, 0);
		w.bytes[6 + bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(frame_parse(&f, w.bytes, w.length, &used),
		    ERR_FORMAT);
	}
}

static void
the_largest_frame_has_a_mebibyte(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER), wide = writer_of(1 << 22);
	struct frame f;
	size_t used;

	(void)state;
	frame_begin(&w, 1, 1);
	assert_non_null(writer_room(&w, FRAME_MAX - 12));
	assert_int_equal(frame_end(&w), 0);
	assert_int_equal(frame_parse(&f, w.bytes, w.length, &used), 0);
	assert_int_equal(used, FRAME_BUFFER);

	frame_begin(&w, 1, 1);
	assert_null(writer_room(&w, FRAME_MAX - 11));
	assert_int_equal(frame_end(&w), ERR_LIMIT);
	frame_begin(&wide, 1, 1);
	assert_non_null(writer_room(&wide, FRAME_MAX - 11));
	assert_int_equal(frame_end(&wide), ERR_LIMIT);
}

struct sender {
	int fd;
	const struct writer *w;
};

static void *
send_slowly(void *arg)
{
	const struct sender *s = arg;

	for (size_t i = 0; i < s->w->length; i++)
		if (write(s->fd, s->w->bytes + i, 1) != 1)
			return NULL;
	return NULL;
}

static void
a_frame_may_come_byte_by_byte(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER), in = writer_of(FRAME_BUFFER);
	struct sender s = { .w = &w };
	pthread_t thread;
	struct frame f;
	int fds[2];

	(void)state;
	make(&w, 9, 9, "slow", 4);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	s.fd = fds[0];
	assert_int_equal(pthread_create(&thread, NULL, send_slowly, &s), 0);
	assert_int_equal(frame_receive(fds[1], &in, &f), 0);
	assert_int_equal(f.type, 9);
	assert_memory_equal(f.body, "slow", 4);
	pthread_join(thread, NULL);
	close(fds[0]);
	close(fds[1]);
}

static void *
send_frame(void *arg)
{
	const struct sender *s = arg;

	return frame_send(s->fd, s->w) == 0 ? arg : NULL;
}

static void
a_large_frame_is_sent_whole(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER), in = writer_of(FRAME_BUFFER);
	struct sender s = { .w = &w };
	pthread_t thread;
	struct frame f;
	void *sent;
	int fds[2];

	(void)state;
	frame_begin(&w, 1, 1);
	memset(writer_room(&w, FRAME_MAX - 12), 'x', FRAME_MAX - 12);
	assert_int_equal(frame_end(&w), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	s.fd = fds[0];
	assert_int_equal(pthread_create(&thread, NULL, send_frame, &s), 0);
	assert_int_equal(frame_receive(fds[1], &in, &f), 0);
	assert_int_equal(f.length, FRAME_MAX - 12);
	pthread_join(thread, &sent);
	assert_non_null(sent);
	close(fds[0]);
	close(fds[1]);
}

static void
a_peer_that_has_gone_is_unreachable(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_BUFFER), in = writer_of(FRAME_BUFFER);
	struct frame f;
	int fds[2];

	(void)state;
	make(&w, 1, 1, "abc", 3);
	for (size_t n = 0; n < w.length; n++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
		assert_int_equal(write(fds[0], w.bytes, n), n);
		close(fds[0]);
		assert_int_equal(frame_receive(fds[1], &in, &f),
		    ERR_UNREACHABLE);
		assert_int_equal(frame_send(fds[1], &w), ERR_UNREACHABLE);
		close(fds[1]);
	}
}

static void
a_timeout_is_unreachable_too(void **state)
{
	const struct timeval t = { .tv_usec = 10000 };
	OWNED_WRITER in = writer_of(FRAME_BUFFER);
	struct frame f;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &t,
			     sizeof(t)),
	    0);
	assert_int_equal(frame_receive(fds[1], &in, &f), ERR_UNREACHABLE);
	close(fds[0]);
	close(fds[1]);
}

static void
a_malformed_frame_is_not_waited_for(void **state)
{
	OWNED_WRITER in = writer_of(FRAME_BUFFER);
	struct frame f;
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(write(fds[0], "\xff\xff\xff\xff", 4), 4);
	assert_int_equal(frame_receive(fds[1], &in, &f), ERR_FORMAT);
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_is_laid_out_as_documented),
		cmocka_unit_test(what_is_written_parses_back),
		cmocka_unit_test(a_part_of_a_frame_asks_for_more),
		cmocka_unit_test(what_follows_a_frame_is_left),
		cmocka_unit_test(a_length_out_of_bounds_is_refused_at_once),
		cmocka_unit_test(the_two_zero_bytes_are_zero),
		cmocka_unit_test(the_largest_frame_has_a_mebibyte),
		cmocka_unit_test(a_frame_may_come_byte_by_byte),
		cmocka_unit_test(a_large_frame_is_sent_whole),
		cmocka_unit_test(a_peer_that_has_gone_is_unreachable),
		cmocka_unit_test(a_timeout_is_unreachable_too),
		cmocka_unit_test(a_malformed_frame_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
