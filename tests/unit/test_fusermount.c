/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/fusermount.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

static void
keep_line(void *arg, const char *line)
{
	snprintf(arg, 1024, "%s", line);
}

/* In $PATH there is a fusermount3 that does this, and nothing else. */
static void
stand_in(const struct scratch *s, const char *script)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/fusermount3", s->path);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", script);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(setenv("PATH", s->path, 1), 0);
}

static int
umount_by(const char *script, char line[static 1024])
{
	OWNED_SCRATCH s = scratch_new();
	int err;

	line[0] = '\0';
	log_sink(keep_line, line);
	stand_in(&s, script);
	err = fusermount_umount("/m n", true);
	log_sink(NULL, NULL);
	return err;
}

static void
a_mount_is_in_use_only_where_that_is_said(void **state)
{
	char line[1024];

	(void)state;
	assert_int_equal(umount_by("exit 0", line), 0);
	assert_int_equal(umount_by("echo 'fusermount3: failed to unmount /m n: "
				   "Device or resource busy' >&2; exit 1",
			     line),
	    ERR_CONFLICT);
	assert_string_equal(line, "");
	assert_int_equal(
	    umount_by("echo 'fusermount3: entry for /m n not found in "
		      "/etc/mtab' >&2; echo more >&2; exit 1",
		line),
	    ERR_DENIED);
	assert_non_null(strstr(line, "'/m n'"));
	assert_non_null(strstr(line, "not found in /etc/mtab"));
	assert_null(strstr(line, "more"));
	assert_int_equal(umount_by("exit 1", line), ERR_DENIED);
}

static void
its_options_are_those_that_were_asked_for(void **state)
{
	char line[1024];

	(void)state;
	assert_int_equal(umount_by("[ \"$*\" = '-uz -- /m n' ] || exit 1",
			     line),
	    0);
}

static void
where_there_is_none_it_is_said_how_to_get_it(void **state)
{
	OWNED_SCRATCH s = scratch_new();
	char line[1024] = "";

	(void)state;
	log_sink(keep_line, line);
	assert_int_equal(setenv("PATH", s.path, 1), 0);
	assert_int_equal(fusermount_umount("/m", false), ERR_NOT_FOUND);
	log_sink(NULL, NULL);
	assert_non_null(strstr(line, "apt-get install fuse3"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mount_is_in_use_only_where_that_is_said),
		cmocka_unit_test(its_options_are_those_that_were_asked_for),
		cmocka_unit_test(where_there_is_none_it_is_said_how_to_get_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
