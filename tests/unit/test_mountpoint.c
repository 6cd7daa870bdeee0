/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/mountpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

static const char sample[] =
    "22 28 0:20 / /sys rw,nosuid - sysfs sysfs rw\n"
    "36 28 0:45 / /mnt/a ro,nosuid,nodev shared:9 - fuse.weir "
    "weir:llama@0123456789ab ro,user_id=1000,group_id=1000\n"
    "37 28 0:46 / /mnt/with\\040blank\\134and\\011tab ro - fuse.weir "
    "weir:x@1 ro,user_id=0,group_id=0,default_permissions\n"
    "38 28 0:47 / /mnt/b rw shared:1 master:2 propagate_from:3 - fuse.sshfs "
    "host: rw,user_id=7\n"
    "39 36 250:4095 / /mnt/a ro - fuse.weir weir:second@2 ro,user_id=5\n";

static void
finds_mounts_of_weir_and_no_others(void **state)
{
	OWNED_MOUNTPOINTS l = { 0 };

	(void)state;
	assert_int_equal(mountpoint_parse(&l, sample), 0);
	assert_int_equal(l.count, 3);
	assert_string_equal(l.items[0].path, "/mnt/a");
	assert_string_equal(l.items[0].source, "weir:llama@0123456789ab");
	assert_int_equal(l.items[0].uid, 1000);
	assert_int_equal(l.items[0].major, 0);
	assert_int_equal(l.items[0].minor, 45);
	assert_int_equal(l.items[2].major, 250);
	assert_int_equal(l.items[2].minor, 4095);
}

static void
blanks_in_a_path_are_unescaped(void **state)
{
	OWNED_MOUNTPOINTS l = { 0 };

	(void)state;
	assert_int_equal(mountpoint_parse(&l, sample), 0);
	assert_string_equal(l.items[1].path, "/mnt/with blank\\and\ttab");
	assert_non_null(mountpoint_at(&l, "/mnt/with blank\\and\ttab"));
}

static void
of_two_at_one_path_the_last_one_is_seen(void **state)
{
	OWNED_MOUNTPOINTS l = { 0 };

	(void)state;
	assert_int_equal(mountpoint_parse(&l, sample), 0);
	assert_string_equal(mountpoint_at(&l, "/mnt/a")->source,
	    "weir:second@2");
	assert_null(mountpoint_at(&l, "/mnt/b"));
	assert_null(mountpoint_at(&l, "/mnt"));
	assert_null(mountpoint_at(&l, ""));
}

static void
a_mount_is_found_by_its_device_wherever_it_is(void **state)
{
	OWNED_MOUNTPOINTS l = { 0 };

	(void)state;
	assert_int_equal(mountpoint_parse(&l, sample), 0);
	assert_string_equal(mountpoint_of(&l, 0, 46)->source, "weir:x@1");
	assert_string_equal(mountpoint_of(&l, 250, 4095)->source,
	    "weir:second@2");
	assert_null(mountpoint_of(&l, 0, 4095));
	assert_null(mountpoint_of(&l, 0, 47)); /* not of weir */
}

static void
of_several_the_one_on_top_is_at_a_path(void **state)
{
	OWNED_MOUNTPOINTS beneath = { 0 };
	OWNED_MOUNTPOINTS all = { 0 };
	static const char
	    top[] = "42 43 0:52 / /m ro - fuse.weir weir:m@1 ro\n"
		    "43 27 0:53 / /m ro - fuse.weir weir:m@2 ro\n";
	static const char
	    cover[] = "42 43 0:52 / /m ro - fuse.weir weir:m@1 ro\n"
		      "43 27 0:53 / /m ro - fuse.weir weir:m@2 ro\n"
		      "44 42 0:54 / /m rw - tmpfs tmpfs rw\n";

	(void)state;
	/* The second one came beneath the first. */
	assert_int_equal(mountpoint_parse(&beneath, top), 0);
	assert_string_equal(mountpoint_at(&beneath, "/m")->source, "weir:m@1");
	assert_int_equal(mountpoint_parse(&all, cover), 0);
	assert_true(mountpoint_at(&all, "/m")->covered);
}

static void
what_is_covered_by_another_mount_is_known(void **state)
{
	static const char
	    covered[] = "36 28 0:45 / /a\\040b ro - fuse.weir weir:m@1 ro\n"
			"37 36 0:46 / /a\\040b/c rw - tmpfs t rw\n"
			"38 28 0:47 / /d ro - fuse.weir weir:m@2 ro\n"
			"35 38 0:48 / /d rw - tmpfs t rw\n";
	OWNED_MOUNTPOINTS l = { 0 };
	OWNED_MOUNTPOINTS early = { 0 };

	(void)state;
	assert_int_equal(mountpoint_parse(&l, covered), 0);
	assert_int_equal(l.count, 2);
	assert_false(l.items[0].covered);
	assert_true(l.items[1].covered);
	/* The last mount at a path is what covers the one before. */
	assert_int_equal(mountpoint_parse(&early, sample), 0);
	assert_true(early.items[0].covered);
	assert_false(early.items[2].covered);
}

static void
lines_that_end_anywhere_are_passed_over(void **state)
{
	(void)state;
	for (size_t n = 0; n <= strlen(sample); n++) {
		OWNED_MOUNTPOINTS l = { 0 };
		OWNED_MEM(char) cut = strndup(sample, n);

		assert_non_null(cut);
		assert_int_equal(mountpoint_parse(&l, cut), 0);
		assert_in_range(l.count, 0, 3);
		for (size_t i = 0; i < l.count; i++)
			assert_non_null(l.items[i].path);
	}
}

static void
nonsense_is_passed_over(void **state)
{
	static const char *const lines[] = {
		"",
		"\n\n\n",
		" ",
		"- - - - - - -",
		"1 2 3 4 5 6 - fuse.weir s user_id=1",
		"1 2 a:b / /p o - fuse.weir s user_id=1",
		"1 2 1: / /p o - fuse.weir s",
		"1 2 99999999999999:1 / /p o - fuse.weir s o",
		"1 2 0:1 / /p o fuse.weir s o",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		OWNED_MOUNTPOINTS l = { 0 };

		assert_int_equal(mountpoint_parse(&l, lines[i]), 0);
		assert_int_equal(l.count, 0);
	}
}

static void
a_bad_escape_stays_as_it_is(void **state)
{
	OWNED_MOUNTPOINTS l = { 0 };

	(void)state;
	assert_int_equal(mountpoint_parse(&l,
			     "1 2 0:1 / /p\\04\\999\\ o - fuse.weir s o\n"),
	    0);
	assert_int_equal(l.count, 1);
	assert_string_equal(l.items[0].path, "/p\\04\\999\\");
}

static void
the_kernels_own_list_can_be_read(void **state)
{
	OWNED_MOUNTPOINTS l = { 0 };

	(void)state;
	assert_int_equal(mountpoint_list(&l), 0);
}

static void
keep_line(void *arg, const char *line)
{
	snprintf(arg, 1024, "%s", line);
}

static void
a_place_is_found_through_links(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct mountpoint_place p;
	char dir[512], link[512];
	OWNED_MEM(char) real = NULL;

	(void)state;
	snprintf(dir, sizeof(dir), "%s/dir", s.path);
	snprintf(link, sizeof(link), "%s/link", s.path);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(symlink("dir", link), 0);
	real = realpath(dir, NULL);
	assert_non_null(real);
	assert_int_equal(mountpoint_find(&p, link), 0);
	assert_string_equal(p.path, real);
	mountpoint_place_clear(&p);
}

static void
what_cannot_be_mounted_on_is_named(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	struct mountpoint_place p;
	char line[1024] = "", path[512];

	(void)state;
	log_sink(keep_line, line);
	snprintf(path, sizeof(path), "%s/absent", s.path);
	assert_int_equal(mountpoint_find(&p, path), ERR_NOT_FOUND);
	assert_non_null(strstr(line, path));
	line[0] = '\0';
	assert_int_equal(mountpoint_find(&p, "/proc/self/status"),
	    ERR_NOT_FOUND);
	assert_non_null(strstr(line, "/proc/self/status"));
	log_sink(NULL, NULL);
}

static int
spares(const struct scratch *s, const char *place, const char *vault)
{
	char here[512], there[512];
	struct mountpoint_place p = { .path = here };

	snprintf(here, sizeof(here), "%s%s", s->path, place);
	snprintf(there, sizeof(there), "%s%s", s->path, vault);
	if (strcmp(place, "/") == 0)
		p.path = (char[]){ "/" };
	return mountpoint_spares(&p, there);
}

static void
a_mount_may_not_hide_the_vault(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	OWNED_MEM(char) real = realpath(s.path, NULL);
	char path[512], line[1024] = "";

	(void)state;
	assert_non_null(real);
	free(s.path);
	s.path = real;
	real = NULL;
	log_sink(keep_line, line);
	snprintf(path, sizeof(path), "%s/vault", s.path);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/vault/objects", s.path);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/link", s.path);
	assert_int_equal(symlink("vault", path), 0);
	assert_int_equal(spares(&s, "/", "/vault"), ERR_CONFLICT);
	assert_int_equal(spares(&s, "", "/vault"), ERR_CONFLICT);
	assert_int_equal(spares(&s, "/vault", "/vault"), ERR_CONFLICT);
	assert_int_equal(spares(&s, "/vault", "/link"), ERR_CONFLICT);
	assert_int_equal(spares(&s, "/vault/objects", "/vault"), ERR_CONFLICT);
	assert_non_null(strstr(line, "would hide the vault"));
	assert_int_equal(spares(&s, "/vaulted", "/vault"), 0);
	assert_int_equal(spares(&s, "/vaul", "/vault"), 0);
	assert_int_equal(spares(&s, "/mnt", "/link"), 0);
	log_sink(NULL, NULL);
}

static void
only_mounts_of_weir_are_unmounted(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	char line[1024] = "";

	(void)state;
	log_sink(keep_line, line);
	assert_int_equal(mountpoint_umount(s.path, false), ERR_NOT_FOUND);
	assert_non_null(strstr(line, "not a mount of weir"));
	assert_int_equal(mountpoint_umount("/proc", true), ERR_NOT_FOUND);
	log_sink(NULL, NULL);
	assert_int_equal(access("/proc/self", F_OK), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_mounts_of_weir_and_no_others),
		cmocka_unit_test(blanks_in_a_path_are_unescaped),
		cmocka_unit_test(of_two_at_one_path_the_last_one_is_seen),
		cmocka_unit_test(a_mount_is_found_by_its_device_wherever_it_is),
		cmocka_unit_test(of_several_the_one_on_top_is_at_a_path),
		cmocka_unit_test(what_is_covered_by_another_mount_is_known),
		cmocka_unit_test(lines_that_end_anywhere_are_passed_over),
		cmocka_unit_test(nonsense_is_passed_over),
		cmocka_unit_test(a_bad_escape_stays_as_it_is),
		cmocka_unit_test(the_kernels_own_list_can_be_read),
		cmocka_unit_test(a_place_is_found_through_links),
		cmocka_unit_test(what_cannot_be_mounted_on_is_named),
		cmocka_unit_test(a_mount_may_not_hide_the_vault),
		cmocka_unit_test(only_mounts_of_weir_are_unmounted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
