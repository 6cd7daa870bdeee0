/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/trails.h"
#include "vault/err.h"
#include "vault/trail.h"

#define MANY 3000 /* eleven full bundles, and one more */

struct seen {
	uint64_t next;
	uint64_t stop; /* an error of ours, at this one */
};

static int
is_next(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct seen *s = arg;
	char text[32];
	size_t length = trails_text(text, index);

	assert_int_equal(index, s->next);
	assert_int_equal(n, length);
	assert_memory_equal(entry, text, n);
	s->next++;
	return index == s->stop ? ERR_CONFLICT : 0;
}

static struct trails
made(uint64_t entries)
{
	struct trails t = trails_new();

	assert_int_equal(trails_open(&t, 0), 0);
	assert_int_equal(trails_add(&t, entries), 0);
	trails_close(&t);
	return t;
}

static int
stream(const struct trails *t, uint64_t from, uint64_t to, struct seen *s)
{
	OWNED(trail_reader) r = NULL;
	int err = trail_reader_open(&r, t->s.dir, &t->key);

	return err == 0 ? trail_reader_stream(r, from, to, is_next, s) : err;
}

static void
every_range_is_given_out_whole_and_in_order(void **state)
{
	static const uint64_t edges[] = { 0, 1, 255, 256, 257, 1023, 1024, 1025,
		1281, 2815, 2816, 2817, 2999, 3000, 3001, UINT64_MAX };
	const size_t n = sizeof(edges) / sizeof(edges[0]);
	OWNED_TRAILS t = made(MANY);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			struct seen s = { edges[i], UINT64_MAX };
			uint64_t end = edges[k] < MANY ? edges[k] : MANY;

			assert_int_equal(stream(&t, edges[i], edges[k], &s), 0);
			assert_int_equal(s.next,
			    edges[i] < end ? end : edges[i]);
		}
}

static void
who_is_given_them_may_stop_at_any(void **state)
{
	OWNED_TRAILS t = made(MANY);

	(void)state;
	for (uint64_t stop = 0; stop < MANY; stop += 97) {
		struct seen s = { 0, stop };

		assert_int_equal(stream(&t, 0, MANY, &s), ERR_CONFLICT);
		assert_int_equal(s.next, stop + 1);
	}
}

/* Nothing of a bundle whose tile or bytes were changed is given out. */
static void
a_changed_byte_anywhere_stops_it_before_its_bundle(void **state)
{
	OWNED_TRAILS t = made(MANY);

	(void)state;
	for (unsigned int n = 0; n < 11; n++)
		for (size_t i = 0; i < 2; i++) {
			struct seen s = { 0, UINT64_MAX };
			char path[64];

			snprintf(path, sizeof(path), "trail/tile/%s/%03u",
			    i == 0 ? "entries" : "0", n);
			trails_flip(&t, path, 700 + n);
			assert_int_equal(stream(&t, 0, MANY, &s),
			    ERR_INTEGRITY);
			assert_int_equal(s.next, n * 256);
			trails_flip(&t, path, 700 + n);
			s.next = 0;
			assert_int_equal(stream(&t, 0, MANY, &s), 0);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_range_is_given_out_whole_and_in_order),
		cmocka_unit_test(who_is_given_them_may_stop_at_any),
		cmocka_unit_test(
		    a_changed_byte_anywhere_stops_it_before_its_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
