/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "tests/lib/forest.h"
#include "tests/lib/scratch.h"
#include "vault/swap.h"

#define HEADING "Filename\tType\tSize\tUsed\tPriority\n"

static int
setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	*s = scratch_new();
	forest_dir(s->path, "proc", 0755);
	forest_dir(s->path, "dev", 0755);
	forest_dir(s->path, "sys", 0755);
	forest_dir(s->path, "sys/block", 0755);
	forest_dir(s->path, "sys/dev", 0755);
	forest_dir(s->path, "sys/dev/block", 0755);
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

static void
text_file(const struct scratch *s, const char *name, const char *text)
{
	forest_file(s->path, name, text, strlen(text), 0644);
}

/* The kernel's list, of one. */
static void
swaps(const struct scratch *s, const char *name)
{
	char text[512];

	snprintf(text, sizeof(text), HEADING "%s  file  1  0  -2\n", name);
	text_file(s, "proc/swaps", text);
}

/* The directory in sysfs of the device that holds all this. */
static const char *
device_dir(const struct scratch *s, char path[static 64])
{
	struct stat st;

	assert_int_equal(stat(s->path, &st), 0);
	snprintf(path, 64, "sys/dev/block/%u:%u", major(st.st_dev),
	    minor(st.st_dev));
	return path;
}

static void
no_swap_is_no_trouble(void **state)
{
	const struct scratch *s = *state;
	char name[SWAP_NAME];

	assert_false(swap_find(s->path, name));
	text_file(s, "proc/swaps", HEADING);
	assert_false(swap_find(s->path, name));
}

static void
swap_on_a_plain_disk_is_found_and_named(void **state)
{
	const struct scratch *s = *state;
	char name[SWAP_NAME];

	text_file(s, "dev/vdb2", "");
	swaps(s, "/dev/vdb2");
	assert_true(swap_find(s->path, name));
	assert_string_equal(name, "/dev/vdb2");
	/* And what cannot be looked at. */
	swaps(s, "/dev/gone");
	assert_true(swap_find(s->path, name));
	assert_string_equal(name, "/dev/gone");
}

static void
swap_on_dm_crypt_is_fine(void **state)
{
	const struct scratch *s = *state;
	char name[SWAP_NAME], dir[64], path[128];

	text_file(s, "dev/swapfile", "");
	swaps(s, "/dev/swapfile");
	forest_dir(s->path, device_dir(s, dir), 0755);
	snprintf(path, sizeof(path), "%s/dm", dir);
	forest_dir(s->path, path, 0755);
	snprintf(path, sizeof(path), "%s/dm/uuid", dir);
	text_file(s, path, "CRYPT-LUKS2-0011-swap\n");
	assert_false(swap_find(s->path, name));
}

/* LVM on two disks, one of them encrypted, then both. */
static void
all_that_a_device_is_made_of_must_be_encrypted(void **state)
{
	static const char *const parts[] = { "", "/dm", "/slaves",
		"/slaves/dm-0", "/slaves/dm-0/dm", "/slaves/vdb" };
	const struct scratch *s = *state;
	char name[SWAP_NAME], dir[64], path[128];

	text_file(s, "dev/swapfile", "");
	swaps(s, "/dev/swapfile");
	device_dir(s, dir);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", dir, parts[i]);
		forest_dir(s->path, path, 0755);
	}
	snprintf(path, sizeof(path), "%s/dm/uuid", dir);
	text_file(s, path, "LVM-xyz\n");
	snprintf(path, sizeof(path), "%s/slaves/dm-0/dm/uuid", dir);
	text_file(s, path, "CRYPT-PLAIN-x\n");
	assert_true(swap_find(s->path, name));
	snprintf(path, sizeof(path), "%s/%s/slaves/vdb", s->path, dir);
	assert_int_equal(remove(path), 0);
	assert_false(swap_find(s->path, name));
}

static void
zram_is_memory_unless_it_has_a_disk_behind_it(void **state)
{
	const struct scratch *s = *state;
	char name[SWAP_NAME];

	swaps(s, "/dev/zram0");
	assert_false(swap_find(s->path, name));
	forest_dir(s->path, "sys/block/zram0", 0755);
	text_file(s, "sys/block/zram0/backing_dev", "none\n");
	assert_false(swap_find(s->path, name));
	text_file(s, "sys/block/zram0/backing_dev", "/dev/vdb\n");
	assert_true(swap_find(s->path, name));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_swap_is_no_trouble, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    swap_on_a_plain_disk_is_found_and_named, setup, teardown),
		cmocka_unit_test_setup_teardown(swap_on_dm_crypt_is_fine, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    all_that_a_device_is_made_of_must_be_encrypted, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    zram_is_memory_unless_it_has_a_disk_behind_it, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
