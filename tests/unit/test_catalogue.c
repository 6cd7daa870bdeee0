/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/catalogue.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define HEAD "{\"v\":1,\"time\":\"2026-01-02T03:04:05.678Z\","
#define BY ",\"by\":\"user:root\",\"uid\":0,"
#define A8 "aaaaaaaa"
#define VA A8 A8 A8 A8 A8 A8 A8 "aaaaaaa1"
#define VB A8 A8 A8 A8 A8 A8 A8 "aaaaaaa2"
#define OBJECT                                                                 \
	"1111111111111111111111111111111111111111111111111111111111111111"
#define PUT(n, v)                                                              \
	HEAD "\"kind\":\"put\"" BY "\"upload\":" n                             \
	     ",\"model\":\"llama\",\"version\":\"" v                           \
	     "\",\"channel\":\"latest\",\"object\":\"" OBJECT                  \
	     "\",\"files\":3,\"bytes\":7,\"weights\":5,\"chunks\":2}"
#define GRANT(n, to)                                                           \
	HEAD "\"kind\":\"grant.add\"" BY "\"grant\":" n                        \
	     ",\"model\":\"llama\",\"channel\":\"latest\",\"to\":\"" to        \
	     "\",\"type\":\"load\",\"loads\":3,\"per\":\"day\","               \
	     "\"export\":true,\"until\":\"2027-01-01T00:00:00.000Z\","         \
	     "\"reason\":\"r\"}"

#define RELEASE(rows)                                                          \
	HEAD "\"kind\":\"release\"" BY "\"session\":1,\"version\":\"" VA       \
	     "\",\"file\":0,\"grant\":1,\"clock\":1,\"weights\":0,"            \
	     "\"fresh\":0,\"first\":" rows "}"
/* A life of a vault. */
static const char *const life[] = {
	HEAD "\"kind\":\"init\"" BY "\"vault\":\"x\",\"origin\":\"y\"}",
	HEAD "\"kind\":\"role.add\"" BY "\"role\":\"owner\",\"to\":"
	     "\"user:root\"}",
	HEAD "\"kind\":\"role.add\"" BY "\"role\":\"uploader\",\"family\":"
	     "\"llama\",\"to\":\"user:bob\"}",
	HEAD "\"kind\":\"put.begin\"" BY "\"upload\":1,\"model\":\"llama\"}",
	PUT("1", VA),
	HEAD "\"kind\":\"put.begin\"" BY "\"upload\":2,\"model\":\"llama\"}",
	PUT("2", VB),
	HEAD "\"kind\":\"put.begin\"" BY "\"upload\":3,\"model\":\"llama\"}",
	PUT("3", VA),
	GRANT("1", "user:bob"),
	GRANT("2", "user:eve"),
	HEAD "\"kind\":\"grant.rm\"" BY "\"grant\":2}",
	HEAD "\"kind\":\"session.open\"" BY "\"session\":1,\"for\":"
	     "\"user:bob\",\"purpose\":\"mount\",\"host\":\"h\",\"pid\":9,"
	     "\"mountpoint\":\"/mnt\",\"versions\":[{\"model\":\"llama\","
	     "\"channel\":\"latest\",\"version\":\"" VA
	     "\",\"grant\":1,\"type\":\"load\"},{\"model\":\"llama\","
	     "\"version\":\"" VB "\",\"grant\":1,\"type\":\"browse\"}]}",
	RELEASE("0,\"count\":2,\"bytes\":70"),
	RELEASE("2,\"count\":1,\"bytes\":7"),
	HEAD "\"kind\":\"fault\"" BY "\"session\":1,\"version\":\"" VA
	     "\",\"object\":\"" OBJECT "\",\"reason\":\"r\"}",
	HEAD "\"kind\":\"extents\"" BY "\"session\":1,\"version\":\"" VA
	     "\",\"reads\":[]}",
	HEAD "\"kind\":\"role.rm\"" BY "\"role\":\"uploader\",\"family\":"
	     "\"llama\",\"to\":\"user:bob\"}",
	HEAD "\"kind\":\"session.close\"" BY "\"session\":1,\"reason\":\"r\"}",
};
#define LIFE (sizeof(life) / sizeof(life[0]))

static int
setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	log_sink(test_hush, NULL);
	*s = scratch_new();
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	scratch_free(*state);
	free(*state);
	return 0;
}

/* A new one has the keys of the life's uploads: they are stored before their
 * entries. */
static struct catalogue *
open_at(const struct scratch *s, const char *name)
{
	const struct catalogue_wrapped key = { (const uint8_t *)"key", 3 };
	struct catalogue *c;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	if (access(path, F_OK) == 0) {
		assert_int_equal(catalogue_open(&c, path), 0);
		return c;
	}
	assert_int_equal(catalogue_create(&c, path), 0);
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(catalogue_upload_stage(c, i, "llama", &key),
		    0);
	return c;
}

static int
apply(struct catalogue *c, uint64_t index, const char *text)
{
	struct entry_view v;
	int err;

	assert_int_equal(entry_parse(&v, text, strlen(text)), 0);
	err = catalogue_apply(c, index, &v);
	entry_view_clear(&v);
	return err;
}

static void
live(struct catalogue *c)
{
	for (size_t i = 0; i < LIFE; i++)
		assert_int_equal(apply(c, i, life[i]), 0);
}

/* --- what entries add up to --- */

static void
roles_come_and_go(void **state)
{
	OWNED(catalogue) c = open_at(*state, "c");
	struct catalogue_role bob = {
		.role = ROLE_UPLOADER,
		.family = "llama",
		.to = "user:bob",
	};
	unsigned int held;
	uint64_t owners;
	bool has;

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(apply(c, i, life[i]), 0);
	assert_int_equal(catalogue_role_has(c, &bob, &has), 0);
	assert_true(has);
	snprintf(bob.family, sizeof(bob.family), "other");
	assert_int_equal(catalogue_role_has(c, &bob, &has), 0);
	assert_false(has);
	assert_int_equal(catalogue_role_held(c, "user:bob", &held), 0);
	assert_int_equal(held, ROLE_UPLOADER);
	for (size_t i = 3; i < LIFE; i++)
		assert_int_equal(apply(c, i, life[i]), 0);
	assert_int_equal(catalogue_role_held(c, "user:bob", &held), 0);
	assert_int_equal(held, 0);
	assert_int_equal(catalogue_role_held(c, "user:root", &held), 0);
	assert_int_equal(held, ROLE_OWNER);
	assert_int_equal(catalogue_role_owners(c, &owners), 0);
	assert_int_equal(owners, 1);
}

static void
grants_are_kept_as_they_were_given(void **state)
{
	OWNED(catalogue) c = open_at(*state, "c");
	OWNED_MEM(struct grant) list = NULL;
	struct grant g;
	size_t n;

	live(c);
	assert_int_equal(catalogue_grant_get(c, 1, &g), 0);
	assert_string_equal(g.model, "llama");
	assert_string_equal(g.channel, "latest");
	assert_string_equal(g.version, "");
	assert_string_equal(g.to, "user:bob");
	assert_int_equal(g.type, MSG_GRANT_LOAD);
	assert_int_equal(g.loads, 3);
	assert_true(g.per_day);
	assert_true(g.export);
	assert_true(g.until_ms == 1798761600000);
	assert_true(g.created_ms == 1767323045678);
	assert_string_equal(g.by, "user:root");
	assert_int_equal(catalogue_grant_get(c, 2, &g), ERR_NOT_FOUND);
	assert_int_equal(catalogue_grant_removed(c, 1, &g), ERR_NOT_FOUND);
	assert_int_equal(catalogue_grant_removed(c, 2, &g), 0);
	assert_true(g.removed_ms == 1767323045678);
	assert_string_equal(g.removed_by, "user:root");
	assert_int_equal(catalogue_grant_list(c, "", "", &list, &n), 0);
	assert_int_equal(n, 1);
	free(list);
	list = NULL;
	assert_int_equal(catalogue_grant_list(c, "user:eve", "", &list, &n), 0);
	assert_int_equal(n, 0);
	/* a number is never given twice */
	assert_int_equal(catalogue_next(c, CATALOGUE_GRANT), 3);
}

static void
a_version_keeps_its_first_copy_and_latest_moves(void **state)
{
	OWNED(catalogue) c = open_at(*state, "c");
	struct catalogue_version v;
	struct digest a, b, latest;

	assert_int_equal(digest_parse(&a, VA), 0);
	assert_int_equal(digest_parse(&b, VB), 0);
	live(c);
	assert_int_equal(catalogue_version_get(c, "llama", &a, &v), 0);
	assert_int_equal(v.upload, 1);
	assert_int_equal(v.files, 3);
	assert_int_equal(v.bytes, 7);
	assert_int_equal(v.weights, 5);
	assert_int_equal(v.chunks, 2);
	assert_string_equal(v.by, "user:root");
	assert_int_equal(catalogue_version_get(c, "other", &a, &v),
	    ERR_NOT_FOUND);
	assert_int_equal(catalogue_version_channel(c, "llama", "latest",
			     &latest),
	    0);
	assert_true(digest_equal(&latest, &a));
	assert_int_equal(catalogue_version_channel(c, "llama", "prod", &latest),
	    ERR_NOT_FOUND);
}

static void
digits_find_one_version_or_tell_of_several(void **state)
{
	OWNED(catalogue) c = open_at(*state, "c");
	struct digest d, b;

	live(c);
	assert_int_equal(digest_parse(&b, VB), 0);
	assert_int_equal(catalogue_version_digits(c, "llama", A8, &d),
	    ERR_CONFLICT);
	assert_int_equal(catalogue_version_digits(c, "llama", VB, &d), 0);
	assert_true(digest_equal(&d, &b));
	assert_int_equal(catalogue_version_digits(c, "llama", "aaaaaaab", &d),
	    ERR_NOT_FOUND);
	assert_int_equal(catalogue_version_digits(c, "llama", "bbbbbbbb", &d),
	    ERR_NOT_FOUND);
	assert_int_equal(catalogue_version_digits(c, "other", VB, &d),
	    ERR_NOT_FOUND);
}

/* The open sessions, as they come. */
struct come {
	struct session *all[8];
	size_t n;
	size_t most; /* then it is enough */
};

static int
come(void *arg, struct session *s)
{
	struct come *c = arg;

	c->all[c->n++] = s;
	return c->n == c->most ? 1 : 0;
}

static void
gone(struct come *c)
{
	for (size_t i = 0; i < c->n; i++)
		session_free(c->all[i]);
	c->n = 0;
}

static void
a_session_adds_up_what_it_was_given(void **state)
{
	OWNED(catalogue) c = open_at(*state, "c");
	OWNED(session) closed = NULL;
	OWNED(session) none = NULL;
	struct come list = { .n = 0 };
	const struct session *s;
	uint64_t open;

	for (size_t i = 0; i < LIFE - 1; i++)
		assert_int_equal(apply(c, i, life[i]), 0);
	assert_int_equal(catalogue_session_count(c, &open), 0);
	assert_int_equal(open, 1);
	assert_int_equal(catalogue_session_each(c, 0, come, &list), 0);
	assert_int_equal(list.n, 1);
	s = list.all[0];
	assert_int_equal(s->id, 1);
	assert_string_equal(s->principal, "user:bob");
	assert_string_equal(s->by, "user:root");
	assert_string_equal(s->mountpoint, "/mnt");
	assert_int_equal(s->releases, 2);
	assert_int_equal(s->released_bytes, 77);
	assert_int_equal(s->faults, 1);
	assert_int_equal(s->count, 2);
	assert_string_equal(s->versions[0].channel, "latest");
	assert_string_equal(s->versions[1].channel, "");
	assert_int_equal(s->versions[1].type, MSG_GRANT_BROWSE);
	assert_true(s->closed_ms == 0);
	gone(&list);

	assert_int_equal(apply(c, LIFE - 1, life[LIFE - 1]), 0);
	assert_int_equal(catalogue_session_each(c, 0, come, &list), 0);
	assert_int_equal(list.n, 0);
	assert_int_equal(catalogue_session_get(c, 1, &closed), 0);
	assert_true(closed->closed_ms == 1767323045678);
	assert_int_equal(catalogue_session_get(c, 2, &none), ERR_NOT_FOUND);
}

static void
lists_go_on_behind_where_they_ended(void **state)
{
	OWNED(catalogue) c = open_at(*state, "c");
	struct come list = { .most = 2 };
	char text[1024];

	for (uint64_t i = 0; i < 5; i++) {
		snprintf(text, sizeof(text),
		    HEAD "\"kind\":\"session.open\"" BY "\"session\":%d,"
			 "\"for\":\"user:bob\",\"purpose\":\"get\","
			 "\"host\":\"h\",\"pid\":1,\"versions\":[]}",
		    (int)i + 1);
		assert_int_equal(apply(c, i, text), 0);
	}
	assert_int_equal(catalogue_session_each(c, 0, come, &list), 1);
	assert_int_equal(list.all[1]->id, 2);
	gone(&list);
	assert_int_equal(catalogue_session_each(c, 2, come, &list), 1);
	assert_int_equal(list.all[0]->id, 3);
	gone(&list);
	assert_int_equal(catalogue_session_each(c, 4, come, &list), 0);
	assert_int_equal(list.n, 1);
	gone(&list);
	assert_int_equal(catalogue_session_each(c, 5, come, &list), 0);
	assert_int_equal(list.n, 0);
}

/* --- replay --- */

/* Every row of every table, as text. */
static char *
dump(const struct scratch *s, const char *name)
{
	static const char *const tables[] = { "meta", "roles", "grants",
		"families", "uploads", "versions", "channels", "sessions",
		"session_versions", "statements", "oms" };
	size_t size;
	char *text = NULL, path[4096];
	FILE *f = open_memstream(&text, &size);
	sqlite3 *db;

	assert_non_null(f);
	snprintf(path, sizeof(path), "%s/%s", s->path, name);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		sqlite3_stmt *q;
		char sql[64];

		snprintf(sql, sizeof(sql), "select * from %s order by 1, 2",
		    tables[i]);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL),
		    SQLITE_OK);
		while (sqlite3_step(q) == SQLITE_ROW) {
			fputs(tables[i], f);
			for (int n = 0; n < sqlite3_column_count(q); n++)
				fprintf(f, " %s", sqlite3_column_text(q, n));
			fputs("\n", f);
		}
		sqlite3_finalize(q);
	}
	sqlite3_close(db);
	fclose(f);
	return text;
}

/*
 * Stopped after any entry, flushed or not, and replayed from where it was:
 * the same as without a stop.
 */
static void
replay_from_any_moment_gives_the_same(void **state)
{
	OWNED_MEM(char) whole = NULL;
	struct catalogue *c = open_at(*state, "whole");

	live(c);
	assert_int_equal(catalogue_flush(c), 0);
	catalogue_free(c);
	whole = dump(*state, "whole");
	assert_non_null(strstr(whole, "user:bob"));
	for (size_t stop = 0; stop <= LIFE; stop++)
		for (int flush = 0; flush <= 1; flush++) {
			OWNED_MEM(char) again = NULL;
			char name[32];

			snprintf(name, sizeof(name), "c%zu-%d", stop, flush);
			c = open_at(*state, name);
			for (size_t i = 0; i < stop; i++)
				assert_int_equal(apply(c, i, life[i]), 0);
			if (flush)
				assert_int_equal(catalogue_flush(c), 0);
			catalogue_free(c);
			c = open_at(*state, name);
			assert_int_equal(catalogue_applied(c),
			    flush ? stop : 0);
			for (uint64_t i = catalogue_applied(c); i < LIFE; i++)
				assert_int_equal(apply(c, i, life[i]), 0);
			assert_int_equal(catalogue_flush(c), 0);
			catalogue_free(c);
			again = dump(*state, name);
			assert_string_equal(again, whole);
		}
}

static void
an_entry_counts_once(void **state)
{
	OWNED(catalogue) c = open_at(*state, "c");
	OWNED(session) s = NULL;

	live(c);
	live(c);
	assert_int_equal(catalogue_applied(c), LIFE);
	assert_int_equal(catalogue_session_get(c, 1, &s), 0);
	assert_int_equal(s->releases, 2);
}

static void
a_gap_is_refused(void **state)
{
	OWNED(catalogue) c = open_at(*state, "c");

	assert_int_equal(apply(c, 1, life[1]), ERR_INTEGRITY);
	assert_int_equal(apply(c, 0, life[0]), 0);
	assert_int_equal(apply(c, 2, life[2]), ERR_INTEGRITY);
	assert_int_equal(catalogue_applied(c), 1);
}

static void
an_entry_that_lacks_something_is_refused(void **state)
{
	static const char *const wrong[] = {
		HEAD "\"kind\":\"role.add\"" BY "\"role\":\"king\",\"to\":"
		     "\"user:root\"}",
		HEAD "\"kind\":\"role.add\"" BY "\"to\":\"user:root\"}",
		HEAD "\"kind\":\"grant.add\"" BY "\"model\":\"llama\"}",
		HEAD "\"kind\":\"grant.add\"" BY "\"grant\":0}",
		HEAD "\"kind\":\"grant.add\"" BY "\"grant\":1,\"type\":"
		     "\"load\",\"until\":\"soon\"}",
		HEAD "\"kind\":\"put.begin\"" BY "\"model\":\"llama\"}",
		HEAD "\"kind\":\"put\"" BY "\"upload\":1}",
		HEAD "\"kind\":\"put\"" BY "\"upload\":1,\"version\":\"12\"}",
		HEAD "\"kind\":\"session.open\"" BY "\"session\":1,"
		     "\"purpose\":\"sell\"}",
		HEAD "\"kind\":\"session.open\"" BY "\"session\":1,"
		     "\"purpose\":\"get\",\"versions\":[{}]}",
	};
	OWNED(catalogue) c = open_at(*state, "c");

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(apply(c, 0, wrong[i]), ERR_INTEGRITY);
	assert_int_equal(catalogue_applied(c), 0);
}

/* --- wrapped keys --- */

static const struct catalogue_wrapped one = { (const uint8_t *)"one", 3 };
static const struct catalogue_wrapped two = { (const uint8_t *)"two", 3 };

static int
upload_key(struct catalogue *c, uint64_t upload, const char *want)
{
	OWNED_MEM(uint8_t) got = NULL;
	size_t n;
	int err = catalogue_upload_key(c, upload, &got, &n);

	if (err == 0) {
		assert_int_equal(n, strlen(want));
		assert_memory_equal(got, want, n);
	}
	return err;
}

static void
a_staged_key_waits_for_its_entry(void **state)
{
	struct catalogue *c = open_at(*state, "c");

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(apply(c, i, life[i]), 0);
	assert_int_equal(catalogue_upload_stage(c, 1, "llama", &one), 0);
	catalogue_free(c);
	/* on the disk, and so is what was applied before it */
	c = open_at(*state, "c");
	assert_int_equal(catalogue_applied(c), 3);
	assert_int_equal(catalogue_next(c, CATALOGUE_UPLOAD), 1);
	assert_int_equal(upload_key(c, 1, "one"), 0);
	/* an entry never came: the next one takes its number */
	assert_int_equal(catalogue_upload_stage(c, 1, "llama", &two), 0);
	assert_int_equal(upload_key(c, 1, "two"), 0);
	assert_int_equal(catalogue_upload_drop_all(c), 0);
	assert_int_equal(upload_key(c, 1, "two"), ERR_NOT_FOUND);
	catalogue_free(c);
}

static void
the_key_of_a_version_stays_and_others_go(void **state)
{
	OWNED(catalogue) c = open_at(*state, "c");
	uint64_t count;

	for (size_t i = 0; i < LIFE; i++) {
		if (i == 3)
			assert_int_equal(catalogue_upload_stage(c, 1, "llama",
					     &one),
			    0);
		if (i == 7)
			assert_int_equal(catalogue_upload_stage(c, 3, "llama",
					     &two),
			    0);
		assert_int_equal(apply(c, i, life[i]), 0);
		if (i == 3) {
			assert_int_equal(catalogue_upload_count(c, &count), 0);
			assert_int_equal(count, 1);
		}
	}
	/* upload 3 brought a version that was there */
	assert_int_equal(upload_key(c, 3, "two"), ERR_NOT_FOUND);
	assert_int_equal(catalogue_upload_drop(c, 1), 0);
	assert_int_equal(catalogue_upload_drop_all(c), 0);
	assert_int_equal(upload_key(c, 1, "one"), 0);
	assert_int_equal(catalogue_upload_count(c, &count), 0);
	assert_int_equal(count, 0);
}

static void
a_familys_key_is_stored_once_and_for_all(void **state)
{
	OWNED(catalogue) c = open_at(*state, "c");
	OWNED_MEM(uint8_t) got = NULL;
	size_t n;

	assert_int_equal(catalogue_family_key(c, "llama", &got, &n),
	    ERR_NOT_FOUND);
	assert_int_equal(catalogue_family_stage(c, "llama", &one), 0);
	assert_int_equal(catalogue_family_stage(c, "llama", &two), 0);
	assert_int_equal(catalogue_family_key(c, "llama", &got, &n), 0);
	assert_memory_equal(got, "one", 3);
}

/* The trail goes on from where an old copy stopped; the keys do not. */
static void
an_older_copy_lacks_the_keys_of_later_versions(void **state)
{
	const struct scratch *s = *state;
	OWNED(catalogue) c = NULL;
	char path[4096];

	snprintf(path, sizeof(path), "%s/c", s->path);
	assert_int_equal(catalogue_create(&c, path), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(apply(c, i, life[i]), 0);
	assert_int_equal(apply(c, 4, life[4]), ERR_INTEGRITY);
	assert_int_equal(catalogue_applied(c), 4);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(roles_come_and_go),
		TEST(grants_are_kept_as_they_were_given),
		TEST(a_version_keeps_its_first_copy_and_latest_moves),
		TEST(digits_find_one_version_or_tell_of_several),
		TEST(a_session_adds_up_what_it_was_given),
		TEST(lists_go_on_behind_where_they_ended),
		TEST(replay_from_any_moment_gives_the_same),
		TEST(an_entry_counts_once),
		TEST(a_gap_is_refused),
		TEST(an_entry_that_lacks_something_is_refused),
		TEST(a_staged_key_waits_for_its_entry),
		TEST(the_key_of_a_version_stays_and_others_go),
		TEST(a_familys_key_is_stored_once_and_for_all),
		TEST(an_older_copy_lacks_the_keys_of_later_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
