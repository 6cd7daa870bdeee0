/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/trail_index.h"

#define SESSIONS 40
#define ENTRIES 2000

static const struct digest root = { { 7 } };

static struct digest
version_of(uint64_t m)
{
	return digest_of(&m, sizeof(m));
}

static void
finish(struct trail_index *x, struct entry *e)
{
	const uint8_t *bytes;
	size_t n;

	assert_int_equal(entry_end(e, &bytes, &n), 0);
	assert_int_equal(trail_index_add(x, bytes, n), 0);
	entry_free(e);
}

/* Session s is user s % 8's, opened by a scheduler, of models s % 5 and 9. */
static void
add_opening(struct trail_index *x, uint64_t s, int64_t time)
{
	const struct entry_actor by = { "user:slurm", 10 };
	struct entry e = { 0 };
	char who[32], model[24];

	snprintf(who, sizeof(who), "user:u%u", (unsigned int)(s % 8));
	entry_begin(&e, ENTRY_SESSION_OPEN, &by, time);
	entry_number(&e, "session", s);
	entry_text(&e, "for", who);
	entry_open_list(&e, "versions");
	for (int i = 0; i < 2; i++) {
		const struct digest v = version_of(i == 0 ? s % 5 : 9);

		snprintf(model, sizeof(model), "m%u",
		    i == 0 ? (unsigned int)(s % 5) : 9);
		entry_open_object(&e, NULL);
		entry_text(&e, "model", model);
		entry_digest(&e, "version", &v);
		entry_close(&e);
	}
	entry_close(&e);
	finish(x, &e);
}

static void
add_release(struct trail_index *x, uint64_t s, int64_t time)
{
	const struct entry_actor by = { "user:slurm", 10 };
	const struct digest v = version_of(s % 5);
	struct entry e = { 0 };

	entry_begin(&e, s % 3 == 0 ? ENTRY_EXTENTS : ENTRY_RELEASE, &by, time);
	entry_number(&e, "session", s);
	entry_digest(&e, "version", &v);
	entry_number(&e, "file", 1);
	finish(x, &e);
}

static void
add_text(struct trail_index *x, enum entry_kind kind, const char *by,
    const char *const fields[][2], size_t count)
{
	const struct entry_actor actor = { by, 10 };
	struct entry e = { 0 };

	entry_begin(&e, kind, &actor, 500);
	for (size_t i = 0; i < count; i++)
		entry_text(&e, fields[i][0], fields[i][1]);
	finish(x, &e);
}

/* Entry i: the openings first, then releases. */
static struct trail_index *
make(void)
{
	struct trail_index *x = NULL;

	assert_int_equal(trail_index_new(&x), 0);
	for (uint64_t s = 1; s <= SESSIONS; s++)
		add_opening(x, s, 1000);
	for (uint64_t i = 0; i < ENTRIES; i++)
		add_release(x, i % SESSIONS + 1, 2000 + (int64_t)i);
	return x;
}

static struct trail_index_query
ask(const char *who, const char *model)
{
	return (struct trail_index_query){
		.who = who,
		.model = model,
		.since_ms = INT64_MIN,
		.until_ms = INT64_MAX,
		.kinds = TRAIL_INDEX_ALL,
	};
}

static size_t
count_of(const struct trail_index *x, const struct trail_index_query *q)
{
	struct trail_index_found f;

	assert_int_equal(trail_index_find(x, q, &f), 0);
	for (size_t i = 1; i < f.count; i++)
		assert_true(f.entries[i] > f.entries[i - 1]);
	free(f.entries);
	return f.count;
}

static void
entries_are_found_by_whose_session_it_is_and_its_models(void **state)
{
	OWNED(trail_index) x = make();
	struct trail_index_query q = ask("user:u3", NULL);

	(void)state;
	assert_int_equal(trail_index_size(x), SESSIONS + ENTRIES);
	assert_int_equal(count_of(x, &q), 5 + ENTRIES / 8);
	q = ask("user:u3", "m3"); /* session 3: no other has both */
	assert_int_equal(count_of(x, &q), 1 + ENTRIES / SESSIONS);
	q.kinds = TRAIL_INDEX_KIND(ENTRY_SESSION_OPEN);
	assert_int_equal(count_of(x, &q), 1);
	q = ask(NULL, "m9");
	assert_int_equal(count_of(x, &q), SESSIONS + ENTRIES);
	q = ask("user:slurm", "m4");
	assert_int_equal(count_of(x, &q), (SESSIONS + ENTRIES) / 5);
	/* Names, not parts of them. */
	q = ask("user:u", NULL);
	assert_int_equal(count_of(x, &q), 0);
	q = ask("ser:u3", NULL);
	assert_int_equal(count_of(x, &q), 0);
	q = ask(NULL, "m");
	assert_int_equal(count_of(x, &q), 0);
}

static void
runs_of_other_times_are_passed_over(void **state)
{
	OWNED(trail_index) x = make();
	struct trail_index_query q = ask(NULL, NULL);

	(void)state;
	q.since_ms = 2000 + ENTRIES - 1;
	assert_int_equal(count_of(x, &q), (SESSIONS + ENTRIES) % 256);
	q.since_ms = 2000 + ENTRIES;
	assert_int_equal(count_of(x, &q), 0);
	q.since_ms = INT64_MIN;
	q.until_ms = 1001;
	assert_int_equal(count_of(x, &q), 256);
	assert_int_equal(trail_index_from(x, 2000 + 256 - SESSIONS), 256);
	assert_int_equal(trail_index_from(x, 2000 + 255 - SESSIONS), 0);
	assert_int_equal(trail_index_from(x, INT64_MAX), SESSIONS + ENTRIES);
	assert_int_equal(trail_index_until(x, 2000 + 256 - SESSIONS), 256);
	assert_int_equal(trail_index_until(x, 2001 + 256 - SESSIONS), 512);
	assert_int_equal(trail_index_until(x, INT64_MAX), SESSIONS + ENTRIES);
}

static void
context_is_what_tells_of_sessions_and_models(void **state)
{
	static const char *const put[][2] = { { "model", "m3" },
		{ "version", "aa" } };
	OWNED(trail_index) x = NULL;
	struct trail_index_query q = ask("user:u3", "m3");
	struct trail_index_found f;

	(void)state;
	assert_int_equal(trail_index_new(&x), 0);
	add_text(x, ENTRY_PUT, "user:up", put, 2);
	add_opening(x, 3, 1000);
	add_opening(x, 4, 1000);
	add_release(x, 3, 2000);
	q.kinds = TRAIL_INDEX_KIND(ENTRY_EXTENTS);
	assert_int_equal(count_of(x, &q), 1);
	q.context = true;
	assert_int_equal(trail_index_find(x, &q, &f), 0);
	assert_int_equal(f.count, 3);
	assert_int_equal(f.entries[0], 0); /* the put */
	assert_int_equal(f.entries[1], 1); /* its session's opening */
	assert_int_equal(f.entries[2], 3);
	free(f.entries);
}

static void
context_is_of_the_entries_from_a_number_on(void **state)
{
	OWNED(trail_index) x = make();
	struct trail_index_query q = ask(NULL, NULL);
	struct trail_index_found f;

	(void)state;
	q.from = SESSIONS + ENTRIES - 2; /* of sessions 39 and 40 */
	assert_int_equal(count_of(x, &q), 2);
	q.context = true;
	assert_int_equal(trail_index_find(x, &q, &f), 0);
	assert_int_equal(f.count, 4);
	assert_int_equal(f.entries[0], 38);
	assert_int_equal(f.entries[1], 39);
	assert_int_equal(f.entries[2], SESSIONS + ENTRIES - 2);
	free(f.entries);
	q.from = SESSIONS + ENTRIES;
	assert_int_equal(count_of(x, &q), 0);
	q.from = UINT64_MAX;
	assert_int_equal(count_of(x, &q), 0);
}

static void
context_of_what_became_of_an_alert_is_the_alerts(void **state)
{
	OWNED(trail_index) x = NULL;
	struct trail_index_query q = ask(NULL, NULL);

	(void)state;
	assert_int_equal(trail_index_new(&x), 0);
	add_text(x, ENTRY_ALERT, "keyd", NULL, 0);
	add_text(x, ENTRY_CONFIG, "keyd", NULL, 0);
	add_text(x, ENTRY_ALERT_ACK, "user:rita", NULL, 0);
	q.context = true;
	q.from = 1;
	assert_int_equal(count_of(x, &q), 3);
	q.kinds = TRAIL_INDEX_KIND(ENTRY_CONFIG);
	assert_int_equal(count_of(x, &q), 1);
}

static void
other_kinds_are_found_by_their_names(void **state)
{
	static const char *const put[][2] = { { "model", "llama" },
		{ "version", "aa" } };
	static const char *const gone[][2] = { { "version", "aa" } };
	static const char *const role[][2] = { { "family", "llama" },
		{ "to", "user:bob" } };
	OWNED(trail_index) x = NULL;
	struct trail_index_query q = ask(NULL, "llama");

	(void)state;
	assert_int_equal(trail_index_new(&x), 0);
	add_text(x, ENTRY_PUT, "user:up", put, 2);
	add_text(x, ENTRY_VERSION_RM, "user:own", gone, 1);
	add_text(x, ENTRY_ROLE_ADD, "user:own", role, 2);
	add_text(x, ENTRY_CONFIG, "user:own", NULL, 0);
	assert_int_equal(count_of(x, &q), 3);
	q = ask("user:bob", "llama");
	assert_int_equal(count_of(x, &q), 1);
}

static size_t
write_to(const struct trail_index *x, struct writer *w)
{
	writer_reset(w);
	assert_int_equal(trail_index_write(x, &root, w), 0);
	return w->length;
}

/* What is added to an index that was read makes what it makes without. */
static void
an_index_that_was_read_goes_on_as_the_one_that_was_written(void **state)
{
	OWNED(trail_index) x = make();
	OWNED(trail_index) again = NULL;
	OWNED_WRITER w = writer_of(trail_index_limit(2 * ENTRIES));
	OWNED_WRITER other = writer_of(trail_index_limit(2 * ENTRIES));
	struct digest found;

	(void)state;
	write_to(x, &w);
	assert_int_equal(trail_index_parse(&again, &found, w.bytes, w.length),
	    0);
	assert_true(digest_equal(&found, &root));
	for (uint64_t i = 0; i < 700; i++) {
		add_release(x, i % SESSIONS + 1, 9000);
		add_release(again, i % SESSIONS + 1, 9000);
	}
	assert_int_equal(write_to(x, &w), write_to(again, &other));
	assert_memory_equal(w.bytes, other.bytes, w.length);
}

static void
what_was_changed_or_cut_off_is_refused(void **state)
{
	OWNED(trail_index) x = NULL;
	OWNED_WRITER w = writer_of(1 << 20);
	struct trail_index *again;
	struct digest found;

	(void)state;
	assert_int_equal(trail_index_new(&x), 0);
	add_opening(x, 3, 1000);
	for (int i = 0; i < 5; i++)
		add_release(x, 3, 2000);
	write_to(x, &w);
	for (size_t n = 0; n < w.length; n++)
		assert_int_equal(trail_index_parse(&again, &found, w.bytes, n),
		    ERR_FORMAT);
	for (size_t bit = 0; bit < 8 * w.length; bit++) {
		w.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(trail_index_parse(&again, &found, w.bytes,
				     w.length),
		    ERR_FORMAT);
		w.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	assert_int_equal(trail_index_parse(&again, &found, w.bytes, w.length),
	    0);
	trail_index_free(again);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    entries_are_found_by_whose_session_it_is_and_its_models),
		cmocka_unit_test(runs_of_other_times_are_passed_over),
		cmocka_unit_test(context_is_what_tells_of_sessions_and_models),
		cmocka_unit_test(context_is_of_the_entries_from_a_number_on),
		cmocka_unit_test(
		    context_of_what_became_of_an_alert_is_the_alerts),
		cmocka_unit_test(other_kinds_are_found_by_their_names),
		cmocka_unit_test(
		    an_index_that_was_read_goes_on_as_the_one_that_was_written),
		cmocka_unit_test(what_was_changed_or_cut_off_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
