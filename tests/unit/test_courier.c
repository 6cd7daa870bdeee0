/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "keys/courier.h"
#include "tests/lib/hourglass.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

#define PATIENCE 4000 /* times 5 ms */
#define LONG 60000    /* ms in which nothing is tried again */

struct scene {
	struct scratch scratch;
	struct vaultdir vault;
	struct courier_how how;
	atomic_uint warned; /* by the courier's thread */
};

static void
on_line(void *arg, const char *line)
{
	struct scene *s = arg;

	if (strstr(line, "is left out") != NULL)
		s->warned++;
}

/* A file beneath the scene's directory, of this text and mode. */
static void
write_file(const struct scene *s, const char *name, const char *text,
    mode_t mode)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", s->scratch.path, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
moment(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

/* What the hook took. */
static const char *
taken(const struct scene *s, char buf[static 4096])
{
	char path[300];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/taken", s->scratch.path);
	f = fopen(path, "r");
	if (f != NULL) {
		n = fread(buf, 1, 4095, f);
		fclose(f);
	}
	buf[n] = '\0';
	for (char *c = buf; *c != '\0'; c++)
		if (*c == '\n')
			*c = ' ';
	return buf;
}

static void
until_taken(const struct scene *s, const char *wanted)
{
	char buf[4096];

	for (int i = 0; i < PATIENCE; i++) {
		if (strcmp(taken(s, buf), wanted) == 0)
			return;
		moment(5);
	}
	assert_string_equal(taken(s, buf), wanted);
}

/* There is such a file beneath the scene's directory. */
static bool
is_there(const struct scene *s, const char *name)
{
	return faccessat(s->scratch.dir->fd, name, F_OK, 0) == 0;
}

static void
until_there(const struct scene *s, const char *name)
{
	for (int i = 0; i < PATIENCE && !is_there(s, name); i++)
		moment(5);
	assert_true(is_there(s, name));
}

/* The alert waits on the disk, and those before it. */
static void
until_stored(const struct scene *s, unsigned int number)
{
	char name[64];

	snprintf(name, sizeof(name), "alerts/hook/%020u", number);
	until_there(s, name);
}

/* A hook that fails while there is a file `fail`, and hangs while there is one
 * `hang`: `hung` says so. */
static void
write_hook(const struct scene *s)
{
	char text[1024];
	const char *d = s->scratch.path;

	snprintf(text, sizeof(text),
	    "#!/bin/sh\n[ ! -e %s/hang ] || { : >%s/hung; sleep 1000; }\n"
	    "[ ! -e %s/fail ] || exit 1\nread -r a\necho \"$a\" >>%s/taken\n",
	    d, d, d, d);
	write_file(s, "hook", text, 0755);
}

static int
setup(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->scratch = scratch_new();
	s->vault.dir = s->scratch.dir;
	s->vault.path = s->scratch.path;
	s->vault.owner = geteuid();
	s->how.vault = &s->vault;
	s->how.pause_ms = 5;
	deliver_default(&s->how.rules);
	snprintf(s->how.rules.hook, sizeof(s->how.rules.hook), "%s/hook",
	    s->scratch.path);
	write_hook(s);
	log_sink(on_line, s);
	hourglass_go();
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *s = *state;

	log_sink(NULL, NULL);
	scratch_free(&s->scratch);
	free(s);
	return 0;
}

static struct courier *
start(const struct scene *s)
{
	struct courier *c;

	assert_int_equal(courier_new(&c, &s->how), 0);
	return c;
}

static void
post(struct courier *c, uint64_t from, uint64_t to)
{
	char json[24];

	for (uint64_t n = from; n <= to; n++) {
		snprintf(json, sizeof(json), "%ju", (uintmax_t)n);
		courier_post(c, n, WATCH_HIGH, json);
	}
}

static void
alerts_are_taken_in_their_order_and_once(void **state)
{
	struct scene *s = *state;
	OWNED(courier) c = start(s);

	post(c, 1, 5);
	post(c, 3, 4); /* again */
	until_taken(s, "1 2 3 4 5 ");
	courier_settle(c, 10000);
	assert_int_equal(courier_waiting(c), 0);
	assert_int_equal(courier_next(c), 6);
}

static void
what_fails_is_tried_again_and_holds_its_place(void **state)
{
	struct scene *s = *state;
	OWNED(courier) c = NULL;

	write_file(s, "fail", "", 0600);
	s->how.pause_ms = LONG;
	hourglass_stop();
	c = start(s);
	post(c, 1, 2);
	courier_settle(c, 10000); /* until the first has failed */
	assert_int_equal(courier_waiting(c), 2);
	assert_int_equal(file_remove(s->scratch.dir, "fail"), 0);
	hourglass_pass(LONG);
	until_taken(s, "1 2 ");
	assert_int_equal(s->warned, 0);
}

static void
what_is_refused_ten_times_is_left_out_and_said(void **state)
{
	struct scene *s = *state;
	OWNED(courier) c = NULL;

	write_file(s, "hook",
	    "#!/bin/sh\nread -r a\n[ \"$a\" != 1 ] || exit 1\n"
	    "echo \"$a\" >>${0%/*}/taken\n",
	    0755);
	c = start(s);
	post(c, 1, 2);
	until_taken(s, "2 ");
	assert_int_equal(s->warned, 1);
}

static void
the_oldest_go_when_too_many_wait(void **state)
{
	struct scene *s = *state;
	struct courier *c;

	s->how.rules.keep = 3;
	write_file(s, "fail", "", 0600);
	s->how.pause_ms = LONG;
	c = start(s);
	post(c, 1, 3);
	courier_settle(c, 10000);
	assert_int_equal(s->warned, 0); /* the limit itself */
	post(c, 4, 5);
	until_stored(s, 5);
	for (int i = 0; i < PATIENCE && courier_waiting(c) > 3; i++)
		moment(5);
	courier_free(c);
	assert_int_equal(s->warned, 2);
	assert_int_equal(file_remove(s->scratch.dir, "fail"), 0);
	c = start(s);
	until_taken(s, "3 4 5 ");
	courier_free(c);
}

static void
what_waits_is_there_after_a_restart(void **state)
{
	struct scene *s = *state;
	struct courier *c;

	write_file(s, "fail", "", 0600);
	s->how.pause_ms = LONG;
	c = start(s);
	post(c, 1, 12);
	courier_settle(c, 10000);
	until_stored(s, 12);
	courier_free(c);
	assert_int_equal(file_remove(s->scratch.dir, "fail"), 0);
	c = start(s);
	assert_int_equal(courier_next(c), 13);
	until_taken(s, "1 2 3 4 5 6 7 8 9 10 11 12 ");
	courier_free(c);
}

/* Who has alerts taken elsewhere for the first time is not told of old ones. */
static void
a_new_queue_begins_behind_what_there_is(void **state)
{
	struct scene *s = *state;
	OWNED(courier) c = NULL;

	s->how.last = 7;
	c = start(s);
	assert_int_equal(courier_next(c), 8);
	post(c, 1, 9);
	until_taken(s, "8 9 ");
}

static void
what_hangs_is_ended_when_keyd_ends(void **state)
{
	struct scene *s = *state;
	struct timespec before, after;
	struct courier *c;

	s->how.rules.hook_timeout = 300;
	write_file(s, "hang", "", 0600);
	c = start(s);
	post(c, 1, 1);
	until_there(s, "hung");
	clock_gettime(CLOCK_MONOTONIC, &before);
	courier_free(c);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < 200);
	assert_int_equal(file_remove(s->scratch.dir, "hang"), 0);
	c = start(s);
	until_taken(s, "1 ");
	courier_free(c);
}

static void
what_takes_too_long_is_ended_and_tried_again(void **state)
{
	struct scene *s = *state;
	OWNED(courier) c = NULL;

	s->how.rules.hook_timeout = 3;
	write_file(s, "hang", "", 0600);
	c = start(s);
	post(c, 1, 1);
	courier_settle(c, 10000);
	assert_int_equal(file_remove(s->scratch.dir, "hang"), 0);
	until_taken(s, "1 ");
}

/* --- what is not run --- */

static void
not_run(struct scene *s)
{
	struct courier *c;
	char buf[4096];

	s->how.pause_ms = LONG;
	c = start(s);
	post(c, 1, 1);
	courier_settle(c, 10000);
	assert_int_equal(courier_waiting(c), 1);
	assert_string_equal(taken(s, buf), "");
	courier_free(c);
}

static void
a_hook_that_others_may_write_to_is_not_run(void **state)
{
	struct scene *s = *state;
	char path[300];

	snprintf(path, sizeof(path), "%s/hook", s->scratch.path);
	assert_int_equal(chmod(path, 0775), 0);
	not_run(s);
	assert_int_equal(chmod(path, 0757), 0);
	not_run(s);
	assert_int_equal(chmod(path, 0644), 0);
	not_run(s);
}

static void
a_hook_in_a_directory_of_others_is_not_run(void **state)
{
	struct scene *s = *state;

	assert_int_equal(chmod(s->scratch.path, 0777), 0);
	not_run(s);
	assert_int_equal(chmod(s->scratch.path, 0700), 0);
}

static void
a_hook_of_somebody_else_is_not_run(void **state)
{
	struct scene *s = *state;
	char path[300];

	if (geteuid() != 0)
		skip();
	snprintf(path, sizeof(path), "%s/hook", s->scratch.path);
	assert_int_equal(chown(path, 1, 1), 0);
	not_run(s);
}

static void
a_hook_by_way_of_a_link_is_not_run(void **state)
{
	struct scene *s = *state;
	char path[300], hook[300];

	snprintf(hook, sizeof(hook), "%s/hook", s->scratch.path);
	snprintf(path, sizeof(path), "%s/link", s->scratch.path);
	assert_int_equal(symlink(hook, path), 0);
	snprintf(s->how.rules.hook, sizeof(s->how.rules.hook), "%s", path);
	not_run(s);
}

/* The control of these four. */
static void
and_the_same_hook_is_run_when_all_is_well(void **state)
{
	struct scene *s = *state;
	OWNED(courier) c = start(s);

	post(c, 1, 1);
	until_taken(s, "1 ");
}

/* --- damaged queues --- */

static void
what_is_no_alert_in_a_queue_is_passed_over(void **state)
{
	struct scene *s = *state;
	struct courier *c;

	write_file(s, "fail", "", 0600);
	s->how.pause_ms = LONG;
	c = start(s);
	post(c, 1, 2);
	courier_settle(c, 10000);
	until_stored(s, 2);
	courier_free(c);
	write_file(s, "alerts/hook/posted", "x", 0600);
	write_file(s, "alerts/hook/other", "x", 0600);
	write_file(s, "alerts/hook/.tmp-1", "x", 0600);
	assert_int_equal(mkdirat(s->scratch.dir->fd,
			     "alerts/hook/00000000000000000003", 0700),
	    0);
	assert_int_equal(file_remove(s->scratch.dir, "fail"), 0);
	c = start(s);
	until_taken(s, "1 2 ");
	courier_free(c);
	assert_int_equal(faccessat(s->scratch.dir->fd, "alerts/hook/.tmp-1",
			     F_OK, 0),
	    -1);
}

static void
less_than_what_is_asked_for_is_not_taken(void **state)
{
	struct scene *s = *state;
	OWNED(courier) c = NULL;

	s->how.rules.severity = WATCH_MEDIUM;
	c = start(s);
	courier_post(c, 1, WATCH_LOW, "1");
	courier_post(c, 2, WATCH_MEDIUM, "2");
	until_taken(s, "2 ");
}

int
main(void)
{
#define T(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(alerts_are_taken_in_their_order_and_once),
		T(what_fails_is_tried_again_and_holds_its_place),
		T(what_is_refused_ten_times_is_left_out_and_said),
		T(the_oldest_go_when_too_many_wait),
		T(what_waits_is_there_after_a_restart),
		T(a_new_queue_begins_behind_what_there_is),
		T(what_hangs_is_ended_when_keyd_ends),
		T(what_takes_too_long_is_ended_and_tried_again),
		T(a_hook_that_others_may_write_to_is_not_run),
		T(a_hook_in_a_directory_of_others_is_not_run),
		T(a_hook_of_somebody_else_is_not_run),
		T(a_hook_by_way_of_a_link_is_not_run),
		T(and_the_same_hook_is_run_when_all_is_well),
		T(what_is_no_alert_in_a_queue_is_passed_over),
		T(less_than_what_is_asked_for_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
