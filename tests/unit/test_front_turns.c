/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keys/frame.h"
#include "tests/lib/hall.h"
#include "tests/lib/test.h"
#include "vault/entry.h"
#include "vault/err.h"

/* Connections take turns, and buffers have an end. */

/* What was sent makes room for what is to come. */
static void
a_client_that_always_has_answers_coming_is_served_on(void **state)
{
	enum { BLOCK = 1 << 20, TOTAL = 80 << 20 };
	struct hall *h = *state;
	OWNED_MEM(char) block = calloc(1, BLOCK);
	OWNED_MEM(char) got = malloc(BLOCK);
	int fd = hall_adopt(h);
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
	int many = hall_adopt(h), one = hall_adopt(h);
	struct place p = { 0 };
	uint64_t id;

	hall_make_hello(&w, 1);
	assert_int_equal(frame_send(many, &w), 0);
	assert_int_equal(frame_send(one, &w), 0);
	for (uint64_t i = 0; i < FLOOD; i++) {
		make_report(&w, i, 1);
		writer_bytes(&all, w.bytes, w.length);
	}
	assert_int_equal(frame_send(many, &all), 0);
	make_report(&w, 2, MARK);
	assert_int_equal(frame_send(one, &w), 0);
	hall_start(h, true);
	assert_int_equal(hall_next_reply(one, &id), 0);
	assert_int_equal(hall_next_reply(one, &id), 0);
	assert_int_equal(id, 2);
	for (uint64_t i = 0; i <= FLOOD; i++)
		assert_int_equal(hall_next_reply(many, &id), 0);
	close(many);
	close(one);
	assert_int_equal(hall_finish(h), 0);

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
	int fd = hall_adopt(h);

	hall_make_hello(&w, 1);
	assert_int_equal(frame_send(fd, &w), 0);
	for (uint64_t i = 0; i < FLOOD; i++) {
		make_report(&w, i, 1);
		writer_bytes(&all, w.bytes, w.length);
	}
	assert_int_equal(frame_send(fd, &all), 0);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	hall_start(h, true);
	assert_int_equal(hall_finish(h), 0);
	close(fd);
	assert_int_equal(broker_stop(h->broker), 0);
	assert_int_equal(desk_count(&h->d, "check"), FLOOD);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, hall_setup, hall_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_client_that_always_has_answers_coming_is_served_on),
		TEST(one_client_does_not_keep_the_others_waiting),
		TEST(all_that_was_asked_before_a_hangup_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
