/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys/frame.h"
#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

static const size_t sizes[] = { 100000, 300000 };

static int
setup(void **state)
{
	struct desk *d = calloc(1, sizeof(*d));

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

static int
removal(struct desk_person *p, enum msg_type type, const struct digest *version,
    uint64_t grace_ms)
{
	OWNED_WRITER body = writer_of(4096);
	char hex[DIGEST_HEX_SIZE], reference[128], reason[] = "a test";
	const struct msg_removal m = {
		.reference = reference,
		.reason = reason,
		.grace_ms = grace_ms,
	};

	snprintf(reference, sizeof(reference), "llama@%s",
	    digest_hex(version, hex));
	msg_removal_write(&body, &m);
	return desk_ask(p, type, &body, NULL);
}

static int
begin(struct desk_person *p, bool dry)
{
	OWNED_WRITER body = writer_of(8);

	msg_field_bool_write(&body, dry);
	return desk_ask(p, MSG_GC_BEGIN, &body, NULL);
}

/* All that is in the store. */
struct names {
	struct digest items[MSG_SWEEP_MAX + 1];
	uint32_t count;
};

static int
take(void *arg, const struct digest *name, uint64_t size)
{
	struct names *n = arg;

	(void)size;
	n->items[n->count++] = *name;
	return 0;
}

static int
sweep(struct desk_person *p, struct names *n, struct msg_sweep_reply *out)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);
	const struct msg_sweep m = { .count = n->count, .names = n->items };
	struct reader reply;
	int err;

	msg_sweep_write(&body, &m);
	err = desk_ask(p, MSG_GC_SWEEP, &body, &reply);
	if (err == 0)
		DESK_MUST(msg_sweep_reply_read(out, &reply));
	return err;
}

/* How many objects gc says this of. */
static uint32_t
swept(struct desk_person *p, enum msg_swept what)
{
	struct msg_sweep_reply r;
	struct names n = { .count = 0 };
	uint32_t count = 0;

	DESK_MUST(store_list(p->d->store, take, &n));
	DESK_MUST(begin(p, false));
	assert_int_equal(sweep(p, &n, &r), 0);
	for (uint32_t i = 0; i < r.count; i++)
		count += r.what[i] == what;
	msg_sweep_reply_clear(&r);
	assert_int_equal(desk_ask(p, MSG_GC_END, NULL, NULL), 0);
	return count;
}

/* As for an uploader who may not set the time of what it finds. */
static int
make_old(void *arg, const struct digest *name, uint64_t size)
{
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	const struct desk *d = arg;
	char hex[DIGEST_HEX_SIZE], path[512];

	(void)size;
	digest_hex(name, hex);
	snprintf(path, sizeof(path), "%s/objects/%.2s/%s", d->path, hex, hex);
	return utimensat(AT_FDCWD, path, times, 0) == 0 ? 0 : ERR_IO;
}

static uint8_t
commit(struct desk_person *p, const struct msg_put_commit *m)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);
	char labels[] = "{}", imports[] = "[]";
	struct msg_put_commit whole = *m;
	struct reader reply;

	whole.labels = labels;
	whole.imports = imports;
	msg_put_commit_write(&body, &whole);
	assert_int_equal(desk_ask(p, MSG_PUT_COMMIT, &body, &reply), 0);
	return reader_u8(&reply);
}

static bool
needs_nothing(struct desk_person *p)
{
	return swept(p, MSG_SWEPT_NEEDED) == 0;
}

static void
what_a_put_found_and_gc_took_is_stored_again(void **state)
{
	struct desk *d = *state;
	struct msg_put_begin_reply begun;
	struct desk_person owner, other;
	struct msg_put_commit m;
	struct digest version;

	desk_person_come(&owner, d, 0);
	desk_person_come(&other, d, 0);
	DESK_MUST(desk_put(&owner, "llama", sizes, 2, &version));
	DESK_MUST(removal(&owner, MSG_VERSION_RM, &version, 0));
	DESK_MUST(desk_begin(&other, "llama", &begun));
	DESK_MUST(desk_take_in(&other, &begun, sizes, 2, &m));
	/* Pages of this upload, and chunks that it found, all from long ago. */
	DESK_MUST(store_list(d->store, make_old, d));
	DESK_MUST(begin(&owner, false)); /* the version goes */
	assert_true(swept(&owner, MSG_SWEPT_REMOVED) > 0);
	DESK_MUST(desk_take_in(&other, &begun, sizes, 2, &m));
	assert_int_equal(commit(&other, &m), MSG_COMMITTED_NOT);
	/* From now on they are pinned, however old they look. */
	DESK_MUST(store_list(d->store, make_old, d));
	assert_true(swept(&owner, MSG_SWEPT_PINNED) > 0);
	DESK_MUST(desk_take_in(&other, &begun, sizes, 2, &m));
	assert_int_equal(commit(&other, &m), MSG_COMMITTED_NEW);
	DESK_MUST(store_list(d->store, make_old, d));
	assert_int_equal(swept(&owner, MSG_SWEPT_PINNED), 0);
	assert_int_equal(desk_count(d, "put"), 2);
	desk_person_go(&other);
	desk_person_go(&owner);
}

static void
what_an_upload_has_written_stays_whatever_the_grace(void **state)
{
	struct desk *d = *state;
	struct msg_put_begin_reply begun;
	struct desk_person owner;
	struct msg_put_commit m;

	desk_person_come(&owner, d, 0);
	DESK_MUST(desk_begin(&owner, "llama", &begun));
	DESK_MUST(desk_take_in(&owner, &begun, sizes, 2, &m));
	assert_true(swept(&owner, MSG_SWEPT_PINNED) > 0);
	assert_int_equal(swept(&owner, MSG_SWEPT_REMOVED), 0);
	assert_int_equal(commit(&owner, &m), MSG_COMMITTED_NEW);
	desk_person_go(&owner);
}

static void
what_goes_for_good_is_without_its_key_also_after_a_crash(void **state)
{
	struct desk *d = *state;
	struct desk_person owner;
	struct digest version, found;
	uint8_t *wrapped;
	size_t n;

	desk_person_come(&owner, d, 0);
	DESK_MUST(desk_put(&owner, "llama", sizes, 2, &version));
	DESK_MUST(removal(&owner, MSG_VERSION_RM, &version, 0));
	assert_int_equal(catalogue_upload_key(d->catalogue, 1, &wrapped, &n),
	    0);
	assert_true(n > 0);
	free(wrapped);
	DESK_MUST(begin(&owner, false));
	assert_int_equal(removal(&owner, MSG_VERSION_UNDELETE, &version, 0),
	    ERR_NOT_FOUND);
	desk_person_go(&owner);
	desk_restart(d, false);
	assert_int_equal(catalogue_upload_key(d->catalogue, 1, &wrapped, &n),
	    0);
	assert_int_equal(n, 0);
	free(wrapped);
	assert_int_equal(catalogue_version_channel(d->catalogue, "llama",
			     "latest", &found),
	    ERR_NOT_FOUND);
	desk_person_come(&owner, d, 0);
	assert_true(needs_nothing(&owner));
	DESK_MUST(desk_put(&owner, "llama", sizes, 2, &version));
	desk_person_go(&owner);
}

static void
a_session_keeps_its_version(void **state)
{
	struct desk *d = *state;
	struct desk_person owner;
	struct msg_session s;
	struct digest version;
	uint64_t grant;

	desk_person_come(&owner, d, 0);
	DESK_MUST(desk_put(&owner, "llama", sizes, 2, &version));
	DESK_MUST(desk_grant(&owner, "llama", "user:root", MSG_GRANT_LOAD,
	    false, &grant));
	DESK_MUST(desk_open(&owner, "llama", MSG_MOUNT, "", &s));
	assert_int_equal(removal(&owner, MSG_VERSION_RM, &version, 1000),
	    ERR_CONFLICT);
	assert_non_null(strstr(owner.sentence, "weir session close 1"));
	msg_session_clear(&s);
	desk_person_go(&owner);
}

static void
roles_count(void **state)
{
	struct desk *d = *state;
	struct desk_person owner, bin;
	struct digest version;

	desk_person_come(&owner, d, 0);
	DESK_MUST(desk_put(&owner, "llama", sizes, 2, &version));
	desk_person_come(&bin, d, 2);
	assert_int_equal(removal(&bin, MSG_VERSION_RM, &version, 0),
	    ERR_DENIED);
	assert_int_equal(begin(&bin, true), ERR_DENIED);
	DESK_MUST(desk_role(&owner, MSG_ROLE_ADD, "manager", "", "user:bin"));
	assert_int_equal(removal(&bin, MSG_VERSION_RM, &version, 0), 0);
	assert_int_equal(removal(&bin, MSG_VERSION_UNDELETE, &version, 0), 0);
	assert_int_equal(begin(&bin, true), ERR_DENIED);
	desk_person_go(&bin);
	desk_person_go(&owner);
}

static void
nothing_goes_for_good_while_a_backup_is_made(void **state)
{
	struct desk *d = *state;
	struct desk_person owner, other;
	struct digest version;

	desk_person_come(&owner, d, 0);
	desk_person_come(&other, d, 0);
	DESK_MUST(desk_put(&owner, "llama", sizes, 2, &version));
	DESK_MUST(removal(&owner, MSG_VERSION_RM, &version, 0));
	DESK_MUST(mkdirat(d->vault->dir->fd, VAULTDIR_RUN, 0700) != 0 &&
	    errno != EEXIST);
	assert_int_equal(desk_ask(&other, MSG_BACKUP, NULL, NULL), 0);
	assert_int_equal(begin(&owner, true), 0);
	assert_int_equal(begin(&owner, false), ERR_CONFLICT);
	assert_non_null(strstr(owner.sentence, "a backup is being made"));
	desk_person_go(&other);
	assert_int_equal(begin(&owner, false), 0);
	assert_int_equal(removal(&owner, MSG_VERSION_UNDELETE, &version, 0),
	    ERR_NOT_FOUND);
	desk_person_go(&owner);
}

static void
a_sweep_has_its_limits(void **state)
{
	struct desk *d = *state;
	struct desk_person owner;
	struct msg_sweep_reply r;
	struct names n = { .count = MSG_SWEEP_MAX };

	desk_person_come(&owner, d, 0);
	assert_int_equal(sweep(&owner, &n, &r), ERR_USAGE);
	DESK_MUST(begin(&owner, true));
	/* It would remove, and that run is dry. */
	assert_int_equal(sweep(&owner, &n, &r), ERR_USAGE);
	DESK_MUST(begin(&owner, false));
	assert_int_equal(sweep(&owner, &n, &r), 0);
	assert_int_equal(r.what[0], MSG_SWEPT_ABSENT);
	msg_sweep_reply_clear(&r);
	n.count++;
	assert_int_equal(sweep(&owner, &n, &r), ERR_FORMAT);
	n.count = 0;
	assert_int_equal(sweep(&owner, &n, &r), ERR_FORMAT);
	desk_person_go(&owner);
}

static void
a_grace_has_its_limit(void **state)
{
	const uint64_t most = UINT64_C(3650) * 24 * 60 * 60 * 1000;
	struct desk_person owner;
	struct digest version;

	desk_person_come(&owner, *state, 0);
	DESK_MUST(desk_put(&owner, "llama", sizes, 2, &version));
	assert_int_equal(removal(&owner, MSG_VERSION_RM, &version, most + 1),
	    ERR_USAGE);
	assert_int_equal(removal(&owner, MSG_VERSION_RM, &version, most), 0);
	desk_person_go(&owner);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_put_found_and_gc_took_is_stored_again),
		TEST(what_an_upload_has_written_stays_whatever_the_grace),
		TEST(what_goes_for_good_is_without_its_key_also_after_a_crash),
		TEST(a_session_keeps_its_version),
		TEST(roles_count),
		TEST(nothing_goes_for_good_while_a_backup_is_made),
		TEST(a_sweep_has_its_limits),
		TEST(a_grace_has_its_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
