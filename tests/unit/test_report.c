/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/report.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/rig.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define MIB (1U << 20)
#define CHUNK 65536U
#define BIG (8 * MIB) /* 128 rows */
#define LATER 10000   /* ms in which something surely happens */
#define SOON 300      /* ms in which something that must not would have */

static int
begin(void **state)
{
	const struct rig_how how = { .bytes = BIG,
		.chunk = CHUNK,
		.window = 64,
		.stall_ms = 60000,
		.slots = 1024 };

	log_sink(test_hush, NULL);
	*state = rig_new(&how);
	return 0;
}

static int
end(void **state)
{
	rig_free(*state);
	log_sink(NULL, NULL);
	return 0;
}

static void
pause_ms(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* Flip a bit of an object, or remove it. */
static void
damage(const struct rig *r, const struct digest *object, off_t at)
{
	char path[SERVED_PATH_SIZE];
	uint8_t byte;
	int fd;

	served_path(r->served, object, path);
	if (at < 0) {
		assert_int_equal(unlink(path), 0);
		return;
	}
	assert_int_equal(chmod(path, 0644), 0);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void
assert_one_fault(struct rig *r, const struct digest *object)
{
	OWNED_MEM(struct fake_record) record = NULL;

	assert_true(fake_keyd_await(r->keyd, 0, 1, 0));
	pause_ms(SOON);
	record = fake_keyd_record(r->keyd);
	assert_int_equal(record->faults, 1);
	assert_memory_equal(&record->fault[0], object, sizeof(*object));
}

static void
a_damaged_object_is_an_error_and_told_once(void **state)
{
	struct rig *r = *state;
	const struct digest *bad = &r->served->names[5];
	uint64_t fh = rig_open(r, r->big);

	damage(r, bad, 40000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_read(r, r->big, fh, 5 * CHUNK, 4096), EIO);
	/* A large read over it is none either; those beside it are. */
	assert_int_equal(rig_read(r, r->big, fh, 0, MIB), EIO);
	assert_int_equal(rig_read(r, r->big, fh, 4 * CHUNK, CHUNK), 0);
	assert_int_equal(rig_read(r, r->big, fh, 6 * CHUNK, CHUNK), 0);
	assert_one_fault(r, bad);
}

static void
a_missing_object_is_an_error_and_told_once(void **state)
{
	struct rig *r = *state;
	const struct digest *bad = &r->served->names[9];
	uint64_t fh = rig_open(r, r->big);

	damage(r, bad, -1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_read(r, r->big, fh, 9 * CHUNK, 4096), EIO);
	assert_int_equal(rig_read(r, r->big, fh, 8 * CHUNK, CHUNK), 0);
	assert_one_fault(r, bad);
}

static void
a_bad_manifest_page_is_the_object_that_is_told(void **state)
{
	struct rig *r = *state;
	const struct digest *bad = &r->served->manifest->pages[0].object;
	uint64_t fh = rig_open(r, r->big);

	damage(r, bad, 150);
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), EIO);
	assert_int_equal(rig_read(r, r->big, fh, MIB, 4096), EIO);
	assert_one_fault(r, bad);
}

static void
what_was_read_is_told_coalesced_by_reader(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh;

	wire_as(r->wire, 1000, 4001);
	fh = rig_open(r, r->big);
	assert_int_equal(atomic_load(&r->exe_wanted), 4001);
	report_exe(r->report, 4001, 4000, "/usr/bin/loader");
	/* Its threads are one reader. */
	for (uint64_t i = 0; i < 16; i++) {
		wire_as(r->wire, 1000, 5000 + (uint32_t)i);
		assert_int_equal(rig_read(r, r->big, fh, i * CHUNK, CHUNK), 0);
	}
	wire_release(r->wire, r->big, fh);
	report_flush(r->report, r->handles);
	assert_true(fake_keyd_await(r->keyd, 0, 0, 1));
	record = fake_keyd_record(r->keyd);
	assert_int_equal(record->extents, 1);
	assert_int_equal(record->extent[0].offset, 0);
	assert_int_equal(record->extent[0].length, MIB);
	assert_int_equal(record->extent[0].uid, 1000);
	assert_int_equal(record->extent[0].pid, 4000);
	assert_int_equal(record->extent[0].file, SERVED_BIG);
	assert_string_equal(record->extent[0].exe, "/usr/bin/loader");
}

static void
who_was_handed_a_descriptor_reads_nothing_told_of_once(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	const struct msg_extent *x;
	uint64_t fh;

	wire_as(r->wire, 1000, 4001);
	fh = rig_open(r, r->big);
	wire_as(r->wire, 1234, 6000);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(rig_read(r, r->big, fh, MIB + i * CHUNK, 4096),
		    EACCES);
	/* Root is no exception; and it goes on for the opener. */
	wire_as(r->wire, 0, 7000);
	assert_int_equal(rig_read(r, r->big, fh, CHUNK, 4096), EACCES);
	wire_as(r->wire, 1000, 4002);
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), 0);
	report_flush(r->report, r->handles);
	assert_true(link_drain(r->link, LATER));
	record = fake_keyd_record(r->keyd);
	assert_int_equal(record->releases, 1);
	assert_int_equal(record->extents, 5);
	x = record->extent;
	assert_int_equal(x[0].uid, 1000);
	assert_int_equal(x[0].length, 0);
	assert_int_equal(x[1].uid, 1234);
	assert_int_equal(x[1].pid, 6000);
	assert_int_equal(x[1].offset, MIB);
	assert_int_equal(x[1].length, 0);
	assert_int_equal(x[2].uid, 1000);
	assert_int_equal(x[3].uid, 0);
	assert_int_equal(x[4].uid, 1000);
	assert_int_equal(x[4].length, 4096);
}

static void
a_crowd_that_was_handed_a_descriptor_floods_nothing(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh;

	wire_as(r->wire, 1000, 4001);
	fh = rig_open(r, r->big);
	for (uint32_t i = 0; i < 200; i++) {
		wire_as(r->wire, 2000 + i, 6000);
		assert_int_equal(rig_read(r, r->big, fh, 0, 4096), EACCES);
	}
	report_flush(r->report, r->handles);
	assert_true(link_drain(r->link, LATER));
	record = fake_keyd_record(r->keyd);
	assert_int_equal(record->extents, 2 * 16);
}

static void
a_read_that_failed_is_not_told(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big);

	fake_keyd_refuse(r->keyd, ERR_DENIED);
	assert_int_equal(rig_read(r, r->big, fh, 0, 4096), EACCES);
	report_flush(r->report, r->handles);
	assert_true(link_drain(r->link, LATER));
	record = fake_keyd_record(r->keyd);
	assert_int_equal(record->extents, 0);
}

static void
nothing_is_left_to_tell_after_a_drain(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big), other = rig_open(r, r->small);

	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(rig_read(r, r->big, fh, (i * 37 % 120) * CHUNK,
				     100),
		    0);
	report_flush(r->report, r->handles);
	assert_true(link_drain(r->link, LATER));
	record = fake_keyd_record(r->keyd);
	assert_int_equal(record->extents, 100);
	/* While keyd keeps an answer back there is something left. */
	fake_keyd_hold(r->keyd, true);
	(void)wire_send_read(r->wire, r->small, other, 0, 1);
	assert_true(fake_keyd_await(r->keyd, record->releases + 1, 0, 0));
	assert_false(link_drain(r->link, SOON));
	fake_keyd_hold(r->keyd, false);
	assert_true(link_drain(r->link, LATER));
}

static void
a_flood_of_small_reads_tells_bounded_ranges(void **state)
{
	struct rig *r = *state;
	OWNED_MEM(struct fake_record) record = NULL;
	uint64_t fh = rig_open(r, r->big);

	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(rig_read(r, r->big, fh, i * 8192, 16), 0);
	report_flush(r->report, r->handles);
	assert_true(link_drain(r->link, LATER));
	record = fake_keyd_record(r->keyd);
	assert_in_range(record->extents, 1, EXTENTS_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_damaged_object_is_an_error_and_told_once),
		TEST(a_missing_object_is_an_error_and_told_once),
		TEST(a_bad_manifest_page_is_the_object_that_is_told),
		TEST(what_was_read_is_told_coalesced_by_reader),
		TEST(who_was_handed_a_descriptor_reads_nothing_told_of_once),
		TEST(a_crowd_that_was_handed_a_descriptor_floods_nothing),
		TEST(a_read_that_failed_is_not_told),
		TEST(nothing_is_left_to_tell_after_a_drain),
		TEST(a_flood_of_small_reads_tells_bounded_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
