/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "keys/broker_trust.h"
#include "tests/lib/bureau.h"
#include "tests/lib/fault.h"
#include "tests/lib/moved.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define P(i) (1U << (i))

static int
setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	log_sink(test_hush, NULL);
	desk_new(d, true);
	*state = d;
	return 0;
}

static int
teardown(void **state)
{
	desk_free(*state);
	free(*state);
	return 0;
}

static struct digest
promoted(struct desk_person *owner, const char *channel, int64_t lasts_ms)
{
	struct digest v = bureau_signed(owner, "llama", 9);
	struct statement_fields f = bureau_promotion(owner->d, "llama", channel,
	    &v);

	if (lasts_ms != 0)
		f.expires_ms = broker_record_clock() + lasts_ms;
	assert_int_equal(bureau_say(owner, &f, P(0) | P(2), NULL), 0);
	return v;
}

static void
begin(struct desk_person *owner, struct desk *d)
{
	const struct bureau_policy policy = BUREAU_POLICY;
	struct digest v;
	uint64_t id;
	size_t size = 5;

	desk_person_come(owner, d, 0);
	bureau_begin(owner, &policy);
	assert_int_equal(desk_put(owner, "llama", &size, 1, &v), 0);
	assert_int_equal(desk_grant(owner, "llama", "user:root", MSG_GRANT_LOAD,
			     false, &id),
	    0);
}

/* llama@ and the first n digits. */
static const char *
by_digits(char buf[static 128], const struct digest *v, int n)
{
	char hex[DIGEST_HEX_SIZE];

	snprintf(buf, 128, "llama@%.*s", n, digest_hex(v, hex));
	return buf;
}

static void
a_pinned_host_opens_what_was_promoted_or_signed(void **state)
{
	struct desk_person owner;
	struct digest v;
	char ref[128];
	json_t *e;

	begin(&owner, *state);
	v = promoted(&owner, "prod", 0);
	assert_int_equal(bureau_open(&owner, "llama:prod", MSG_PINNED), 0);
	e = desk_last(*state, "session.open");
	assert_string_equal(desk_text(e, "trust"), "pinned");
	json_decref(e);
	assert_int_equal(bureau_open(&owner, by_digits(ref, &v, 64),
			     MSG_FIRST_USE),
	    0);
	e = desk_last(*state, "session.open");
	assert_string_equal(desk_text(e, "trust"), "first-use");
	json_decref(e);
	desk_person_go(&owner);
}

static void
a_pinned_host_names_what_somebody_signs(void **state)
{
	struct desk_person owner;
	struct digest v;
	char ref[128];
	json_t *e;

	begin(&owner, *state);
	v = promoted(&owner, "prod", 0);
	REFUSED(&owner, ERR_USAGE, "name a channel, or the version in full",
	    bureau_open(&owner, "llama:latest", MSG_PINNED));
	REFUSED(&owner, ERR_USAGE, "nobody signs what llama:latest stands for",
	    bureau_open(&owner, "llama", MSG_PINNED));
	REFUSED(&owner, ERR_USAGE, "name a channel, or the version in full",
	    bureau_open(&owner, by_digits(ref, &v, 63), MSG_FIRST_USE));
	e = desk_last(*state, "session.refused");
	assert_string_equal(desk_text(e, "trust"), "first-use");
	assert_non_null(strstr(desk_text(e, "reason"), "is not signed"));
	json_decref(e);
	desk_person_go(&owner);
}

static void
an_unsigned_version_is_opened_by_its_digits_only(void **state)
{
	struct desk_person owner;
	struct digest v;
	char ref[128];
	size_t size = 7;

	begin(&owner, *state);
	(void)promoted(&owner, "prod", 0);
	assert_int_equal(desk_put(&owner, "llama", &size, 1, &v), 0);
	REFUSED(&owner, ERR_INTEGRITY, "nobody has signed it",
	    bureau_open(&owner, by_digits(ref, &v, 64), MSG_PINNED));
	assert_int_equal(bureau_open(&owner, ref, MSG_UNSIGNED), 0);
	assert_int_equal(bureau_open(&owner, by_digits(ref, &v, 12),
			     MSG_UNSIGNED),
	    0);
	REFUSED(&owner, ERR_USAGE, "is a channel: it is llama@",
	    bureau_open(&owner, "llama:prod", MSG_UNSIGNED));
	desk_person_go(&owner);
}

static void
without_a_trust_root_nothing_is_accepted(void **state)
{
	struct desk_person owner;
	struct digest v;
	char ref[128];
	size_t size = 7;
	uint64_t id;

	desk_person_come(&owner, *state, 0);
	assert_int_equal(desk_put(&owner, "llama", &size, 1, &v), 0);
	assert_int_equal(desk_grant(&owner, "llama", "user:root",
			     MSG_GRANT_LOAD, false, &id),
	    0);
	by_digits(ref, &v, 64);
	REFUSED(&owner, ERR_INTEGRITY, "weir trust init",
	    bureau_open(&owner, ref, MSG_PINNED));
	assert_int_equal(bureau_open(&owner, ref, MSG_UNSIGNED), 0);
	desk_person_go(&owner);
}

static void
a_promotion_ends(void **state)
{
	struct desk_person owner;

	begin(&owner, *state);
	(void)promoted(&owner, "prod", 3600000);
	assert_int_equal(bureau_open(&owner, "llama:prod", MSG_PINNED), 0);
	moved_wall_ms = 3600000;
	REFUSED(&owner, ERR_INTEGRITY, "its promotion (P3) ended",
	    bureau_open(&owner, "llama:prod", MSG_PINNED));
	moved_wall_ms = 0;
	desk_person_go(&owner);
}

static void
a_revoked_version_is_opened_in_no_way(void **state)
{
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;
	char ref[128];

	begin(&owner, *state);
	v = promoted(&owner, "prod", 0);
	by_digits(ref, &v, 64);
	/* Who reads it reads no more. */
	assert_int_equal(bureau_open(&owner, "llama:prod", MSG_PINNED), 0);
	assert_int_equal(broker_sessions(((struct desk *)*state)->broker), 1);
	f = bureau_revocation(*state, "llama", &v);
	assert_int_equal(bureau_say(&owner, &f, P(3), NULL), 0);
	assert_int_equal(broker_sessions(((struct desk *)*state)->broker), 0);
	assert_int_equal(owner.events, 1);
	assert_int_equal(desk_count(*state, "session.close"), 1);
	REFUSED(&owner, ERR_DENIED, "it was revoked (R4): poisoned",
	    bureau_open(&owner, "llama:prod", MSG_PINNED));
	REFUSED(&owner, ERR_DENIED, "it was revoked (R4): poisoned",
	    bureau_open(&owner, ref, MSG_PINNED));
	REFUSED(&owner, ERR_DENIED, "it was revoked (R4): poisoned",
	    bureau_open(&owner, ref, MSG_UNSIGNED));
	REFUSED(&owner, ERR_USAGE, "llama:latest is a channel",
	    bureau_open(&owner, "llama:latest", MSG_UNSIGNED));
	assert_int_equal(desk_count(*state, "session.refused"), 4);
	desk_person_go(&owner);
}

/* Whoever a later root leaves out has signed nothing. */
static void
what_was_accepted_is_judged_by_the_newest_root(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY;
	OWNED(statement) first = bureau_root(*state, &policy, 1, NULL);
	OWNED(statement) second = NULL;
	OWNED(statement) third = NULL;
	struct desk_person owner;
	struct digest v;
	char ref[128];
	uint64_t id;

	desk_person_come(&owner, *state, 0);
	assert_int_equal(bureau_add(&owner, first, P(0), NULL), 0);
	v = promoted(&owner, "prod", 0);
	assert_int_equal(desk_grant(&owner, "llama", "user:root",
			     MSG_GRANT_LOAD, false, &id),
	    0);
	by_digits(ref, &v, 64);
	assert_int_equal(bureau_open(&owner, ref, MSG_PINNED), 0);
	policy.from = 1;
	policy.count = 5;
	second = bureau_root(*state, &policy, 2, first);
	assert_int_equal(bureau_add(&owner, second, P(0) | P(1), NULL), 0);
	/* p2, who signed the version, is still there; p0 is not */
	assert_int_equal(bureau_open(&owner, ref, MSG_PINNED), 0);
	REFUSED(&owner, ERR_INTEGRITY,
	    "of P3 1 of 2 signatures counts under trust root 2 (p2)",
	    bureau_open(&owner, "llama:prod", MSG_PINNED));
	policy.from = 3;
	third = bureau_root(*state, &policy, 3, second);
	assert_int_equal(bureau_add(&owner, third, P(1) | P(3), NULL), 0);
	REFUSED(&owner, ERR_INTEGRITY,
	    "of S2 0 of 1 signatures count under trust root 3; missing: p3",
	    bureau_open(&owner, ref, MSG_PINNED));
	REFUSED(&owner, ERR_INTEGRITY, "of S2 0 of 1 signatures count",
	    bureau_open(&owner, "llama:prod", MSG_PINNED));
	assert_int_equal(bureau_open(&owner, ref, MSG_UNSIGNED), 0);
	desk_person_go(&owner);
}

/* Or whoever changes the keys would bring back what they had stopped. */
static void
a_revocation_stays_when_its_keys_go(void **state)
{
	struct bureau_policy policy = BUREAU_POLICY;
	OWNED(statement) first = bureau_root(*state, &policy, 1, NULL);
	OWNED(statement) second = NULL;
	struct statement_fields f;
	struct desk_person owner;
	struct digest v;
	char ref[128];
	uint64_t id;

	desk_person_come(&owner, *state, 0);
	assert_int_equal(bureau_add(&owner, first, P(0), NULL), 0);
	v = promoted(&owner, "prod", 0);
	assert_int_equal(desk_grant(&owner, "llama", "user:root",
			     MSG_GRANT_LOAD, false, &id),
	    0);
	by_digits(ref, &v, 64);
	f = bureau_revocation(*state, "llama", &v);
	assert_int_equal(bureau_say(&owner, &f, P(3), NULL), 0);
	/* p3 goes; who signed and promoted the version stays. */
	policy.count = 3;
	second = bureau_root(*state, &policy, 2, first);
	assert_int_equal(bureau_add(&owner, second, P(0), NULL), 0);
	REFUSED(&owner, ERR_DENIED, "it was revoked (R4): poisoned",
	    bureau_open(&owner, "llama:prod", MSG_PINNED));
	REFUSED(&owner, ERR_DENIED, "it was revoked (R4): poisoned",
	    bureau_open(&owner, ref, MSG_PINNED));
	REFUSED(&owner, ERR_DENIED, "it was revoked (R4): poisoned",
	    bureau_open(&owner, ref, MSG_UNSIGNED));
	desk_person_go(&owner);
}

static void
a_grant_comes_first(void **state)
{
	struct desk_person owner, bin;

	begin(&owner, *state);
	desk_person_come(&bin, *state, 2);
	(void)promoted(&owner, "prod", 0);
	REFUSED(&bin, ERR_DENIED, "has no grant for llama:prod",
	    bureau_open(&bin, "llama:prod", MSG_PINNED));
	REFUSED(&bin, ERR_DENIED, "has no grant for llama:staging",
	    bureau_open(&bin, "llama:staging", MSG_PINNED));
	desk_person_go(&owner);
	desk_person_go(&bin);
}

static void
a_list_that_is_too_long_keeps_its_newest(void **state)
{
	struct broker_newest l = { .list = json_array() };
	static char filling[100000];

	(void)state;
	memset(filling, 'x', sizeof(filling) - 1);
	for (int i = 0; i < 20; i++)
		assert_int_equal(broker_trust_append(&l,
				     json_pack("[i, s]", i, filling)),
		    0);
	assert_int_equal(json_array_size(l.list), 9);
	assert_true(json_dumpb(l.list, NULL, 0, JSON_COMPACT) < MSG_JSON_MAX);
	assert_int_equal(json_integer_value(
			     json_array_get(json_array_get(l.list, 8), 0)),
	    19);
	assert_int_equal(broker_trust_append(&l, NULL), ERR_NOMEM);
	json_decref(l.list);
}

/* --- replay --- */

static int
print(void *arg, const struct catalogue_statement *s)
{
	char payload[DIGEST_HEX_SIZE];

	fprintf(arg,
	    "%ju %d %s %s %s %ju %d %ju %ju %jd %d %s %jd %jd %s %s"
	    " %s\n",
	    (uintmax_t)s->id, s->about, s->model, s->channel, s->hex,
	    (uintmax_t)s->serial, s->act, (uintmax_t)s->back,
	    (uintmax_t)s->number, (intmax_t)s->expires_ms, s->state, s->by,
	    (intmax_t)s->created_ms, (intmax_t)s->settled_ms,
	    digest_hex(&s->payload, payload), s->signers, s->envelope);
	return 0;
}

static int
print_version(void *arg, const struct catalogue_version *v)
{
	char hex[DIGEST_HEX_SIZE];

	fprintf(arg, "%s %s %d\n", v->model, digest_hex(&v->version, hex),
	    v->verified);
	return 0;
}

static char *
printed(struct catalogue *c)
{
	const struct catalogue_versions all = { .model = "",
		.after_model = "" };
	char *out = NULL, hex[DIGEST_HEX_SIZE];
	struct digest now;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	assert_non_null(f);
	assert_int_equal(catalogue_statement_each(c, "", print, f), 0);
	assert_int_equal(catalogue_version_each(c, &all, print_version, f), 0);
	assert_int_equal(catalogue_version_channel(c, "llama", "prod", &now),
	    0);
	fprintf(f, "prod %s, next %ju\n", digest_hex(&now, hex),
	    (uintmax_t)catalogue_next(c, CATALOGUE_STATEMENT));
	fclose(f);
	return out;
}

static int
apply(void *arg, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct entry_view v;
	int err = entry_parse(&v, bytes, n);

	assert_int_equal(err, 0);
	err = catalogue_apply(arg, index, &v);
	entry_view_clear(&v);
	return err;
}

/* One of each kind and state. */
static void
live(struct desk *d)
{
	struct statement_fields f;
	struct desk_person owner;
	OWNED(statement) s = NULL;
	struct digest v, w;

	begin(&owner, d);
	v = promoted(&owner, "prod", 0);
	w = bureau_signed(&owner, "llama", 12);
	f = bureau_promotion(d, "llama", "prod", &w);
	s = people_statement(&f);
	assert_int_equal(bureau_add(&owner, s, P(2), NULL), 0);
	f.reason = "a rival";
	assert_int_equal(bureau_say(&owner, &f, P(2), NULL), 0);
	f.reason = "one too many";
	assert_int_equal(bureau_say(&owner, &f, P(2), NULL), 0);
	assert_int_equal(bureau_withdraw(&owner, 7, "indeed"), 0);
	assert_int_equal(bureau_sign(&owner, 5, s, 3, NULL), 0);
	f = bureau_promotion(d, "llama", "prod", &v);
	assert_int_equal(bureau_say(&owner, &f, P(2), NULL), 0);
	f = bureau_version(d, "llama", &v);
	f.owner = "somebody";
	assert_int_equal(bureau_say(&owner, &f, P(2), NULL), 0);
	f = bureau_revocation(d, "llama", &v);
	assert_int_equal(bureau_say(&owner, &f, P(2), NULL), 0);
	desk_person_go(&owner);
}

struct entries {
	struct {
		uint8_t *bytes;
		size_t n;
	} at[64];
	size_t count;
};

static int
keep(void *arg, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct entries *e = arg;

	assert_true(index == e->count && e->count < 64);
	e->at[index].bytes = malloc(n);
	assert_non_null(e->at[index].bytes);
	memcpy(e->at[index].bytes, bytes, n);
	e->at[index].n = n;
	e->count++;
	return 0;
}

static void
read_all(struct desk *d, struct entries *e)
{
	OWNED(trail_reader) r = NULL;
	struct note_checkpoint published;

	assert_int_equal(trail_publish(d->trail, &published, NULL), 0);
	assert_int_equal(trail_reader_open(&r, d->vault->dir, &d->vault->key),
	    0);
	assert_int_equal(trail_reader_each(r, 0, published.size, keep, e), 0);
	assert_true(e->count > 15);
}

/* The catalogue at path; a new one has the keys of the uploads to come, which
 * are not in the trail. */
static struct catalogue *
open_or_make(const char *path)
{
	static const struct catalogue_wrapped key = { (const uint8_t *)"k", 1 };
	struct catalogue *c;

	if (access(path, F_OK) == 0) {
		assert_int_equal(catalogue_open(&c, path), 0);
		return c;
	}
	assert_int_equal(catalogue_create(&c, path), 0);
	for (uint64_t id = 1; id <= 16; id++)
		assert_int_equal(catalogue_upload_stage(c, id, "llama", &key),
		    0);
	return c;
}

static struct catalogue *
applied(struct desk *d, const char *name, const struct entries *e, size_t stop,
    bool flush)
{
	struct catalogue *c;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", d->scratch.path, name);
	c = open_or_make(path);
	for (uint64_t i = catalogue_applied(c); i < stop; i++)
		assert_int_equal(apply(c, i, e->at[i].bytes, e->at[i].n), 0);
	if (flush)
		assert_int_equal(catalogue_flush(c), 0);
	return c;
}

/* From nothing, and from any entry at which it was stopped, flushed or not. */
static void
the_trail_alone_gives_the_same_catalogue(void **state)
{
	struct desk *d = *state;
	struct entries e = { .count = 0 };
	OWNED_MEM(char) was = NULL;

	live(d);
	was = printed(d->catalogue);
	assert_non_null(strstr(was, "prod "));
	read_all(d, &e);
	for (size_t stop = 0; stop <= e.count; stop++)
		for (int flush = 0; flush <= 1; flush++) {
			OWNED_MEM(char) is = NULL;
			struct catalogue *c;
			char name[32];

			snprintf(name, sizeof(name), "c%zu-%d", stop, flush);
			catalogue_free(applied(d, name, &e, stop, flush));
			c = applied(d, name, &e, e.count, true);
			is = printed(c);
			assert_string_equal(is, was);
			catalogue_free(c);
		}
	for (size_t i = 0; i < e.count; i++)
		free(e.at[i].bytes);
}

static void
what_was_answered_stands_after_a_crash(void **state)
{
	struct desk *d = *state;
	OWNED_MEM(char) was = NULL;
	OWNED_MEM(char) is = NULL;

	live(d);
	was = printed(d->catalogue);
	desk_restart(d, false);
	is = printed(d->catalogue);
	assert_string_equal(is, was);
}

/* Every way in which the disk can fail while a promotion gets its last
 * signature: what was told stands, and what was not told has come whole, or not
 * at all. */
static void
a_disk_that_fails_moves_no_channel_halfway(void **state)
{
	(void)state;
	for (unsigned int n = 1;; n++) {
		struct statement_fields f;
		struct desk_person owner;
		OWNED(statement) s = NULL;
		struct catalogue_statement *row;
		struct digest v, now;
		struct desk d;
		bool fired, moved;
		int err;

		desk_new(&d, true);
		begin(&owner, &d);
		v = bureau_signed(&owner, "llama", 9);
		f = bureau_promotion(&d, "llama", "prod", &v);
		s = people_statement(&f);
		assert_int_equal(bureau_add(&owner, s, P(2), NULL), 0);
		fault_fail(FAULT_WRITE | FAULT_SYNC, n, EIO);
		err = bureau_sign(&owner, 3, s, 0, NULL);
		fired = fault_off();
		desk_person_go(&owner);
		if (fired)
			desk_restart(&d, false);
		moved = catalogue_version_channel(d.catalogue, "llama", "prod",
			    &now) == 0;
		assert_int_equal(catalogue_statement_get(d.catalogue, 3, &row),
		    0);
		assert_int_equal(moved, row->state == CATALOGUE_EFFECTIVE);
		assert_true(err != 0 || moved);
		assert_true(err == 0 || err == ERR_IO);
		catalogue_statement_free(row);
		desk_free(&d);
		if (!fired) {
			assert_true(n > 1);
			return;
		}
	}
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pinned_host_opens_what_was_promoted_or_signed),
		TEST(a_pinned_host_names_what_somebody_signs),
		TEST(an_unsigned_version_is_opened_by_its_digits_only),
		TEST(without_a_trust_root_nothing_is_accepted),
		TEST(a_promotion_ends),
		TEST(a_revoked_version_is_opened_in_no_way),
		TEST(a_revocation_stays_when_its_keys_go),
		TEST(what_was_accepted_is_judged_by_the_newest_root),
		TEST(a_grant_comes_first),
		TEST(a_list_that_is_too_long_keeps_its_newest),
		TEST(the_trail_alone_gives_the_same_catalogue),
		TEST(what_was_answered_stands_after_a_crash),
		TEST(a_disk_that_fails_moves_no_channel_halfway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
