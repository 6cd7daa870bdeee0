/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/object.h"

#define DAEMON 1

static const size_t sizes[] = { 200000, 5, 0 };
static const size_t other_sizes[] = { 70000 };

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

static json_t *
models(struct desk_person *p)
{
	return desk_list(p, MSG_MODEL_LS, &(struct msg_list){ 0 });
}

static int
begin(struct desk_person *p, const char *model, uint64_t *upload)
{
	OWNED_WRITER body = writer_of(4096);
	struct msg_put_begin_reply m;
	struct reader reply;
	int err;

	msg_string_write(&body, model);
	err = desk_ask(p, MSG_PUT_BEGIN, &body, &reply);
	if (err == 0) {
		assert_int_equal(msg_put_begin_reply_read(&m, &reply), 0);
		*upload = m.upload;
		msg_put_begin_reply_clear(&m);
	}
	return err;
}

static int
keys(struct desk_person *p, uint64_t upload, uint8_t key[static KEY_SIZE])
{
	OWNED_WRITER body = writer_of(4096);
	struct digest d = digest_of("sealing", 7);
	const struct msg_put_keys m = {
		.upload = upload,
		.count = 1,
		.digests = &d,
	};
	struct msg_put_keys_reply r;
	struct reader reply;
	int err;

	msg_put_keys_write(&body, &m);
	err = desk_ask(p, MSG_PUT_KEYS, &body, &reply);
	if (err == 0) {
		assert_int_equal(msg_put_keys_reply_read(&r, &reply), 0);
		assert_int_equal(r.count, 1);
		memcpy(key, r.keys[0], KEY_SIZE);
		msg_put_keys_reply_clear(&r);
	}
	return err;
}

static void
a_put_makes_a_version_and_moves_latest(void **state)
{
	struct digest first, second;
	char hex[DIGEST_HEX_SIZE];
	struct desk_person p;
	json_t *j, *m, *e;

	desk_person_come(&p, *state, 0);
	assert_int_equal(desk_put(&p, "llama", sizes, 3, &first), 0);
	assert_int_equal(desk_put(&p, "llama", other_sizes, 1, &second), 0);
	j = models(&p);
	m = json_array_get(json_object_get(j, "models"), 0);
	assert_string_equal(json_string_value(json_object_get(m, "latest")),
	    digest_hex(&second, hex));
	m = json_array_get(json_object_get(m, "versions"), 0);
	assert_string_equal(json_string_value(json_object_get(m, "version")),
	    digest_hex(&first, hex));
	assert_int_equal(json_integer_value(json_object_get(m, "files")), 3);
	assert_int_equal(json_integer_value(json_object_get(m, "bytes")),
	    200005);
	assert_string_equal(json_string_value(
				json_object_get(json_object_get(m, "labels"),
				    "a")),
	    "b");
	json_decref(j);
	e = desk_last(*state, "put");
	assert_string_equal(json_string_value(json_object_get(e, "channel")),
	    "latest");
	assert_null(json_object_get(e, "pickle"));
	json_decref(e);
	desk_person_go(&p);
}

static void
the_same_tree_again_keeps_the_copy_that_is_there(void **state)
{
	struct desk *d = *state;
	struct catalogue_version before, after;
	struct digest first, other, again;
	struct desk_person p;

	desk_person_come(&p, d, 0);
	assert_int_equal(desk_put(&p, "llama", sizes, 3, &first), 0);
	assert_int_equal(catalogue_version_get(d->catalogue, "llama", &first,
			     &before),
	    0);
	assert_int_equal(desk_put(&p, "llama", other_sizes, 1, &other), 0);
	assert_int_equal(desk_put(&p, "llama", sizes, 3, &again), 0);
	assert_true(digest_equal(&first, &again));
	assert_int_equal(catalogue_version_get(d->catalogue, "llama", &first,
			     &after),
	    0);
	assert_true(digest_equal(&before.object, &after.object));
	assert_true(before.upload == after.upload);
	/* and latest is what was put last */
	assert_int_equal(catalogue_version_channel(d->catalogue, "llama",
			     "latest", &other),
	    0);
	assert_true(digest_equal(&first, &other));
	assert_int_equal(desk_count(d, "put"), 3);
	desk_person_go(&p);
}

/* What a store writer does to the old copy: the new put must not call it
 * stored. */
static void
a_damaged_copy_is_not_called_stored(void **state)
{
	struct desk *d = *state;
	struct catalogue_version v;
	struct digest version, again;
	struct desk_person p;

	desk_person_come(&p, d, 0);
	assert_int_equal(desk_put(&p, "llama", sizes, 3, &version), 0);
	assert_int_equal(catalogue_version_get(d->catalogue, "llama", &version,
			     &v),
	    0);
	assert_int_equal(store_remove(d->store, &v.object), 0);
	assert_int_equal(desk_put(&p, "llama", sizes, 3, &again),
	    ERR_INTEGRITY);
	assert_int_equal(desk_count(d, "put"), 1);
	desk_person_go(&p);
}

static void
only_uploaders_of_the_family_put(void **state)
{
	struct desk_person owner, daemon;
	struct digest version;
	uint64_t upload;

	desk_person_come(&owner, *state, 0);
	desk_person_come(&daemon, *state, DAEMON);
	assert_int_equal(begin(&daemon, "llama", &upload), ERR_DENIED);
	assert_non_null(strstr(daemon.sentence,
	    "weir role add uploader --family llama --to user:daemon"));
	assert_int_equal(desk_count(*state, "refused"), 1);
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "uploader", "llama",
			     "user:daemon"),
	    0);
	assert_int_equal(desk_put(&daemon, "llama", sizes, 3, &version), 0);
	assert_int_equal(begin(&daemon, "other", &upload), ERR_DENIED);
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "manager", "",
			     "user:daemon"),
	    0);
	assert_int_equal(begin(&daemon, "other", &upload), ERR_DENIED);
	desk_person_go(&owner);
	desk_person_go(&daemon);
}

/* An upload that was begun does not outlive the right to it. */
static void
who_is_no_uploader_any_more_goes_no_further(void **state)
{
	static const size_t size = 6;
	struct desk_person owner, daemon;
	struct msg_put_begin_reply begun;
	struct msg_put_commit m;
	uint8_t key[KEY_SIZE];

	desk_person_come(&owner, *state, 0);
	desk_person_come(&daemon, *state, DAEMON);
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "uploader", "llama",
			     "user:daemon"),
	    0);
	assert_int_equal(desk_begin(&daemon, "llama", &begun), 0);
	assert_int_equal(desk_take_in(&daemon, &begun, &size, 1, &m), 0);
	assert_int_equal(desk_role(&owner, MSG_ROLE_RM, "uploader", "llama",
			     "user:daemon"),
	    0);
	assert_int_equal(keys(&daemon, begun.upload, key), ERR_DENIED);
	assert_int_equal(desk_commit(&daemon, &m), ERR_DENIED);
	assert_int_equal(desk_count(*state, "refused"), 2);
	assert_int_equal(desk_count(*state, "put"), 0);
	assert_int_equal(desk_role(&owner, MSG_ROLE_ADD, "uploader", "llama",
			     "user:daemon"),
	    0);
	assert_int_equal(desk_commit(&daemon, &m), 0);
	desk_person_go(&owner);
	desk_person_go(&daemon);
}

static void
a_model_has_a_proper_name(void **state)
{
	static const char *const wrong[] = { "", "Llama", "../llama", ".llama",
		"a/b/c", "llama:latest", "llama@12345678" };
	struct desk_person p;
	uint64_t upload;

	desk_person_come(&p, *state, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(begin(&p, wrong[i], &upload), ERR_USAGE);
	assert_int_equal(begin(&p, "meta/llama-3.1", &upload), 0);
	desk_person_go(&p);
}

static void
an_upload_is_its_connections_alone(void **state)
{
	struct desk_person p, other;
	uint8_t key[KEY_SIZE];
	uint64_t upload;

	desk_person_come(&p, *state, 0);
	desk_person_come(&other, *state, 0);
	assert_int_equal(begin(&p, "llama", &upload), 0);
	assert_int_equal(keys(&other, upload, key), ERR_DENIED);
	assert_int_equal(keys(&p, upload + 1, key), ERR_DENIED);
	assert_int_equal(keys(&p, upload, key), 0);
	desk_person_go(&p);
	desk_person_come(&p, *state, 0);
	assert_int_equal(keys(&p, upload, key), ERR_DENIED);
	desk_person_go(&p);
	desk_person_go(&other);
}

static void
a_connection_has_few_uploads(void **state)
{
	struct desk_person p;
	uint64_t upload;

	desk_person_come(&p, *state, 0);
	for (int i = 0; i < 16; i++)
		assert_int_equal(begin(&p, "llama", &upload), 0);
	assert_int_equal(begin(&p, "llama", &upload), ERR_LIMIT);
	desk_person_go(&p);
}

/* Nor does one user take the room of all. */
static void
a_user_has_few_uploads_over_all_connections(void **state)
{
	struct desk_person p[5], daemon;
	uint64_t upload;

	for (int i = 0; i < 5; i++)
		desk_person_come(&p[i], *state, 0);
	for (int i = 0; i < 4; i++)
		for (int n = 0; n < 16; n++)
			assert_int_equal(begin(&p[i], "llama", &upload), 0);
	assert_int_equal(begin(&p[4], "llama", &upload), ERR_LIMIT);
	assert_int_equal(desk_role(&p[4], MSG_ROLE_ADD, "uploader", "llama",
			     "user:daemon"),
	    0);
	desk_person_come(&daemon, *state, DAEMON);
	assert_int_equal(begin(&daemon, "llama", &upload), 0);
	desk_person_go(&p[0]);
	assert_int_equal(begin(&p[4], "llama", &upload), 0);
	for (int i = 1; i < 5; i++)
		desk_person_go(&p[i]);
	desk_person_go(&daemon);
}

/* How much of this process is locked. */
static long
locked_kib(void)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmLck: %ld", &kib) == 1)
			break;
	fclose(f);
	assert_true(kib >= 0);
	return kib;
}

static void
an_upload_locks_no_memory_while_it_waits(void **state)
{
	struct desk_person p;
	uint8_t key[KEY_SIZE];
	uint64_t upload;
	long before;

	desk_person_come(&p, *state, 0);
	before = locked_kib();
	for (int i = 0; i < 16; i++) {
		assert_int_equal(begin(&p, "llama", &upload), 0);
		assert_int_equal(keys(&p, upload, key), 0);
	}
	assert_int_equal(locked_kib(), before);
	desk_person_go(&p);
}

/* A catalogue that cannot be written is the end, as everywhere. */
static void
a_key_that_cannot_be_stored_ends_the_broker(void **state)
{
	struct desk *d = *state;
	const struct sigaction ignored = { .sa_handler = SIG_IGN };
	struct note_checkpoint published;
	struct rlimit limit, none;
	struct desk_person p;
	uint64_t upload;
	int err;

	desk_person_come(&p, d, 0);
	assert_int_equal(trail_publish(d->trail, &published, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	assert_int_equal(sigaction(SIGXFSZ, &ignored, NULL), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	err = begin(&p, "llama", &upload);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(err, ERR_IO);
	assert_true(broker_failed(d->broker) != 0);
	desk_person_go(&p);
	desk_restart(d, false);
	desk_person_come(&p, d, 0);
	assert_int_equal(begin(&p, "llama", &upload), 0);
	desk_person_go(&p);
}

static void
chunk_keys_are_the_familys_and_recorded(void **state)
{
	uint8_t first[KEY_SIZE], second[KEY_SIZE], third[KEY_SIZE];
	struct digest sealing = digest_of("sealing", 7), all;
	char hex[DIGEST_HEX_SIZE];
	struct desk_person p;
	uint64_t upload;
	json_t *e;

	desk_person_come(&p, *state, 0);
	assert_int_equal(begin(&p, "llama", &upload), 0);
	assert_int_equal(keys(&p, upload, first), 0);
	e = desk_last(*state, "put.keys");
	all = digest_of(sealing.bytes, DIGEST_SIZE);
	assert_string_equal(json_string_value(json_object_get(e, "digest")),
	    digest_hex(&all, hex));
	assert_int_equal(json_integer_value(json_object_get(e, "count")), 1);
	json_decref(e);

	desk_person_go(&p);
	desk_restart(*state, false);
	desk_person_come(&p, *state, 0);
	assert_int_equal(begin(&p, "llama", &upload), 0);
	assert_int_equal(keys(&p, upload, second), 0);
	assert_memory_equal(first, second, KEY_SIZE);
	assert_int_equal(begin(&p, "other", &upload), 0);
	assert_int_equal(keys(&p, upload, third), 0);
	assert_memory_not_equal(first, third, KEY_SIZE);
	desk_person_go(&p);
}

static void
uploads_get_new_numbers_after_a_crash(void **state)
{
	struct desk *d = *state;
	struct desk_person p;
	uint64_t first, second;
	uint8_t *wrapped;
	size_t n;

	desk_person_come(&p, d, 0);
	assert_int_equal(begin(&p, "llama", &first), 0);
	desk_person_go(&p);
	desk_restart(d, false);
	/* and what nobody can finish has no key any more */
	assert_int_equal(catalogue_upload_key(d->catalogue, first, &wrapped,
			     &n),
	    ERR_NOT_FOUND);
	desk_person_come(&p, d, 0);
	assert_int_equal(begin(&p, "llama", &second), 0);
	assert_true(second > first);
	desk_person_go(&p);
}

/* --- what a commit must say --- */

/* Everything in the store, and the commit that would be right. */
static void
make_commit(struct desk_person *p, struct msg_put_commit *out)
{
	static const size_t size = 6;
	struct msg_put_begin_reply begun;

	assert_int_equal(desk_begin(p, "llama", &begun), 0);
	assert_int_equal(desk_take_in(p, &begun, &size, 1, out), 0);
}

static void
a_commit_that_is_not_true_is_refused(void **state)
{
	char list[] = "[1]", object[] = "{\"a\":1}", junk[] = "{";
	struct msg_put_commit right, m;
	struct desk_person p;

	desk_person_come(&p, *state, 0);
	make_commit(&p, &right);
	m = right;
	m.files++;
	assert_int_equal(desk_commit(&p, &m), ERR_INTEGRITY);
	m = right;
	m.bytes++;
	assert_int_equal(desk_commit(&p, &m), ERR_INTEGRITY);
	m = right;
	m.weights++;
	assert_int_equal(desk_commit(&p, &m), ERR_INTEGRITY);
	m = right;
	m.chunks++;
	assert_int_equal(desk_commit(&p, &m), ERR_INTEGRITY);
	m = right;
	m.version.bytes[0] ^= 1;
	assert_int_equal(desk_commit(&p, &m), ERR_INTEGRITY);
	m = right;
	m.object.bytes[0] ^= 1;
	assert_int_equal(desk_commit(&p, &m), ERR_NOT_FOUND);
	m = right;
	m.upload++;
	assert_int_equal(desk_commit(&p, &m), ERR_DENIED);
	m = right;
	m.labels = object;
	assert_int_equal(desk_commit(&p, &m), ERR_USAGE);
	m.labels = junk;
	assert_int_equal(desk_commit(&p, &m), ERR_USAGE);
	m = right;
	m.imports = list;
	assert_int_equal(desk_commit(&p, &m), ERR_USAGE);
	m.imports = object;
	assert_int_equal(desk_commit(&p, &m), ERR_USAGE);
	assert_int_equal(desk_count(*state, "put"), 0);
	/* and after all that the right one is still good, once */
	m = right;
	assert_int_equal(desk_commit(&p, &m), 0);
	assert_int_equal(desk_commit(&p, &m), ERR_DENIED);
	desk_person_go(&p);
}

/* Take away each object of the version in turn: a chunk is not keyd's to look
 * at, the manifest and its pages are. */
struct listing {
	struct digest names[16];
	size_t count;
};

static int
list_object(void *arg, const struct digest *name, uint64_t size)
{
	struct listing *l = arg;

	(void)size;
	assert_true(l->count < 16);
	l->names[l->count++] = *name;
	return 0;
}

static bool
is_chunk(struct store *s, const struct digest *name)
{
	OWNED(object) o = NULL;

	return store_header(s, name, OBJECT_CHUNK, &o) == 0;
}

static void
a_commit_needs_every_page_in_the_store(void **state)
{
	struct desk *d = *state;
	struct listing l = { .count = 0 };
	struct msg_put_commit m;
	struct desk_person p;
	size_t pages = 0;

	desk_person_come(&p, d, 0);
	make_commit(&p, &m);
	assert_int_equal(store_list(d->store, list_object, &l), 0);
	for (size_t i = 0; i < l.count; i++) {
		char hex[DIGEST_HEX_SIZE];
		OWNED_MEM(char) from = NULL;
		OWNED_MEM(char) to = NULL;

		if (is_chunk(d->store, &l.names[i]))
			continue;
		digest_hex(&l.names[i], hex);
		assert_true(asprintf(&from, "%s/objects/%.2s/%s", d->path, hex,
				hex) > 0);
		assert_true(asprintf(&to, "%s/away", d->path) > 0);
		assert_int_equal(rename(from, to), 0);
		assert_int_equal(desk_commit(&p, &m), ERR_NOT_FOUND);
		assert_int_equal(rename(to, from), 0);
		pages++;
	}
	assert_int_equal(pages, 3); /* manifest, page, lockbox page */
	assert_int_equal(desk_commit(&p, &m), 0);
	desk_person_go(&p);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_put_makes_a_version_and_moves_latest),
		TEST(the_same_tree_again_keeps_the_copy_that_is_there),
		TEST(a_damaged_copy_is_not_called_stored),
		TEST(only_uploaders_of_the_family_put),
		TEST(who_is_no_uploader_any_more_goes_no_further),
		TEST(a_model_has_a_proper_name),
		TEST(an_upload_is_its_connections_alone),
		TEST(a_connection_has_few_uploads),
		TEST(a_user_has_few_uploads_over_all_connections),
		TEST(an_upload_locks_no_memory_while_it_waits),
		TEST(a_key_that_cannot_be_stored_ends_the_broker),
		TEST(chunk_keys_are_the_familys_and_recorded),
		TEST(uploads_get_new_numbers_after_a_crash),
		TEST(a_commit_that_is_not_true_is_refused),
		TEST(a_commit_needs_every_page_in_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
