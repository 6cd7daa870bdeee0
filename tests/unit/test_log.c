/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

struct heard {
	size_t count;
	char last[4096];
};

static void
hear(void *arg, const char *line)
{
	struct heard *h = arg;

	h->count++;
	snprintf(h->last, sizeof(h->last), "%s", line);
}

static int
listen_in(void **state)
{
	struct heard *h = calloc(1, sizeof(*h));

	log_init("weir-test");
	log_level(2);
	log_sink(hear, h);
	*state = h;
	return h != NULL ? 0 : -1;
}

static int
stop_listening(void **state)
{
	log_sink(NULL, NULL);
	free(*state);
	return 0;
}

static void
a_line_begins_with_the_program(void **state)
{
	struct heard *h = *state;

	log_warn("%d of %s", 3, "four");
	assert_string_equal(h->last, "weir-test: 3 of four");
	assert_int_equal(h->count, 1);
}

static void
log_err_says_one_line_and_returns_the_error(void **state)
{
	struct heard *h = *state;

	assert_int_equal(log_err(ERR_LIMIT, "too %s", "long"), ERR_LIMIT);
	assert_string_equal(h->last, "weir-test: too long");
	assert_int_equal(h->count, 1);
}

static void
log_sys_says_the_reason_and_returns_its_error(void **state)
{
	struct heard *h = *state;

	errno = ENOSPC;
	assert_int_equal(log_sys("fsync '%s'", "journal"), ERR_SPACE);
	assert_string_equal(h->last,
	    "weir-test: fsync 'journal': No space left on device");
	errno = 99999;
	assert_int_equal(log_sys("x"), ERR_IO);
	assert_string_equal(h->last, "weir-test: x: unknown error");
	assert_int_equal(h->count, 2);
}

static void
lines_below_the_level_are_dropped(void **state)
{
	struct heard *h = *state;

	log_level(1);
	log_info("info");
	assert_int_equal(h->count, 0);
	log_warn("warning");
	assert_int_equal(h->count, 1);
	log_level(0);
	log_warn("warning");
	assert_int_equal(h->count, 1);
	log_error("error");
	assert_int_equal(h->count, 2);
	assert_int_equal(log_err(ERR_IO, "error"), ERR_IO);
	assert_int_equal(h->count, 3);
}

static void
a_line_stays_one_line(void **state)
{
	struct heard *h = *state;

	log_info("a\nb\x1b[2Jc\x7f");
	assert_string_equal(h->last, "weir-test: a?b?[2Jc?");
}

static void
a_long_line_is_cut_and_keeps_its_reason(void **state)
{
	struct heard *h = *state;
	char name[8192];

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	errno = EIO;
	assert_int_equal(log_sys("read '%s'", name), ERR_IO);
	assert_true(strlen(h->last) < sizeof(name) / 2);
	assert_non_null(strstr(h->last, ": Input/output error"));
}

/* What comes out of stderr while say runs. */
static void
capture(char *out, size_t size, void (*say)(void))
{
	int saved = dup(STDERR_FILENO);
	int ends[2];
	ssize_t n;

	assert_return_code(pipe(ends), errno);
	assert_return_code(dup2(ends[1], STDERR_FILENO), errno);
	log_sink(NULL, NULL);
	say();
	assert_return_code(dup2(saved, STDERR_FILENO), errno);
	close(saved);
	close(ends[1]);
	n = read(ends[0], out, size - 1);
	close(ends[0]);
	out[n > 0 ? n : 0] = '\0';
}

static void
say_three(void)
{
	log_init("weir-test");
	log_error("one");
	log_warn("two");
	log_info("three");
}

static void
stderr_gets_plain_lines(void **state)
{
	char out[256];

	(void)state;
	/* Set, but it names another file than stderr: a child of a service. */
	setenv("JOURNAL_STREAM", "1:1", 1);
	capture(out, sizeof(out), say_three);
	unsetenv("JOURNAL_STREAM");
	assert_string_equal(out,
	    "weir-test: one\nweir-test: two\nweir-test: three\n");
}

static void
say_to_journal(void)
{
	char stream[64];
	struct stat st;

	assert_return_code(fstat(STDERR_FILENO, &st), errno);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	say_three();
	unsetenv("JOURNAL_STREAM");
}

static void
the_journal_gets_levels(void **state)
{
	char out[256];

	(void)state;
	capture(out, sizeof(out), say_to_journal);
	log_init("weir-test");
	assert_string_equal(out,
	    "<3>weir-test: one\n<4>weir-test: two\n<6>weir-test: three\n");
}

static void *
chatter(void *arg)
{
	for (int i = 0; i < 500; i++)
		log_info("%s", (const char *)arg);
	return NULL;
}

static void
threads_do_not_tear_lines(void **state)
{
	struct heard *h = *state;
	char as[] = "aaaa", bs[] = "bbbb";
	pthread_t a, b;

	assert_int_equal(pthread_create(&a, NULL, chatter, as), 0);
	assert_int_equal(pthread_create(&b, NULL, chatter, bs), 0);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	assert_int_equal(h->count, 1000);
	assert_true(strcmp(h->last, "weir-test: aaaa") == 0 ||
	    strcmp(h->last, "weir-test: bbbb") == 0);
}

static void
check_name(const char *name, size_t length, const char *want)
{
	char buf[256];

	assert_ptr_equal(log_name(buf, sizeof(buf), name, length), buf);
	assert_string_equal(buf, want);
}

static void
names_of_people_stay_readable(void **state)
{
	static const char plain[] = "Llama 3/größe-\u6a21\u578b.bin";

	(void)state;
	check_name(plain, strlen(plain), plain);
	check_name("", 0, "");
	check_name("\xf0\x9f\xa6\xab", 4, "\xf0\x9f\xa6\xab");
	check_name("\xed\x9f\xbf", 3, "\xed\x9f\xbf");
}

static void
names_cannot_steer_a_terminal_or_end_a_quote(void **state)
{
	(void)state;
	check_name("a\nb\0c", 5, "a\\x0ab\\x00c");
	check_name("\x1b[2J\x7f", 5, "\\x1b[2J\\x7f");
	check_name("'\"\\", 3, "\\x27\\x22\\x5c");
	check_name("\xc2\x9b", 2, "\\xc2\\x9b");	  /* C1: CSI */
	check_name("\xe2\x80\xae", 3, "\\xe2\\x80\\xae"); /* RLO */
}

static void
bytes_that_are_not_utf8_are_escaped(void **state)
{
	(void)state;
	check_name("\xff\xfe", 2, "\\xff\\xfe");
	check_name("\x80", 1, "\\x80");
	check_name("\xc3", 1, "\\xc3");		 /* cut short */
	check_name("\xc3g", 2, "\\xc3g");	 /* no continuation */
	check_name("\xc0\xaf", 2, "\\xc0\\xaf"); /* overlong */
	check_name("\xe0\x80\xaf", 3, "\\xe0\\x80\\xaf");
	check_name("\xf0\x80\x80\xaf", 4, "\\xf0\\x80\\x80\\xaf");
	check_name("\xed\xa0\x80", 3, "\\xed\\xa0\\x80"); /* a surrogate */
	check_name("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80");
	check_name("\xf8\x88\x80\x80\x80", 5, "\\xf8\\x88\\x80\\x80\\x80");
}

static void
a_name_is_cut_to_fit_at_a_whole_character(void **state)
{
	static const char name[] = "ab\u00e9\ncdefgh";
	static const char *const want[] = { "", "", ".", "..", "...", "a...",
		"ab...", "ab...", "ab\u00e9...", "ab\u00e9...", "ab\u00e9...",
		"ab\u00e9...", "ab\u00e9\\x0a...", "ab\u00e9\\x0ac...",
		"ab\u00e9\\x0acd...", "ab\u00e9\\x0acdefgh" };

	(void)state;
	for (size_t size = 1; size < sizeof(want) / sizeof(want[0]); size++) {
		char *buf = malloc(size); /* so that ASan sees one too many */

		log_name(buf, size, name, strlen(name));
		assert_string_equal(buf, want[size]);
		free(buf);
	}
}

static void *
say_something(void *arg)
{
	log_warn("%s", (const char *)arg);
	return NULL;
}

static void
one_thread_can_be_hushed(void **state)
{
	struct heard *h = *state;
	char text[] = "from another thread";
	pthread_t thread;

	log_hush(true);
	log_error("not heard");
	assert_int_equal(h->count, 0);
	assert_int_equal(pthread_create(&thread, NULL, say_something, text), 0);
	pthread_join(thread, NULL);
	assert_int_equal(h->count, 1);
	log_hush(false);
	log_error("heard");
	assert_int_equal(h->count, 2);
}

static void
lines_that_are_alike_are_limited_and_others_are_not(void **state)
{
	struct heard *h = *state;

	log_limit(3);
	for (int i = 0; i < 50; i++)
		log_warn("object %d cannot be read", i);
	assert_int_equal(h->count, 3);
	assert_string_equal(h->last, "weir-test: object 2 cannot be read");
	log_error("the store fails");
	assert_int_equal(h->count, 4);
	/* Another way of saying it again. */
	for (int i = 0; i < 50; i++)
		(void)log_err(ERR_IO, "object %d is damaged", i);
	assert_int_equal(h->count, 7);
	log_limit(0);
	for (int i = 0; i < 50; i++)
		log_warn("object %d cannot be read", i);
	assert_int_equal(h->count, 57);
}

#define HEARD(f) cmocka_unit_test_setup_teardown(f, listen_in, stop_listening)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		HEARD(a_line_begins_with_the_program),
		HEARD(log_err_says_one_line_and_returns_the_error),
		HEARD(log_sys_says_the_reason_and_returns_its_error),
		HEARD(lines_below_the_level_are_dropped),
		HEARD(a_line_stays_one_line),
		HEARD(a_long_line_is_cut_and_keeps_its_reason),
		HEARD(one_thread_can_be_hushed),
		HEARD(lines_that_are_alike_are_limited_and_others_are_not),
		HEARD(stderr_gets_plain_lines),
		HEARD(the_journal_gets_levels),
		HEARD(threads_do_not_tear_lines),
		cmocka_unit_test(names_of_people_stay_readable),
		cmocka_unit_test(names_cannot_steer_a_terminal_or_end_a_quote),
		cmocka_unit_test(bytes_that_are_not_utf8_are_escaped),
		cmocka_unit_test(a_name_is_cut_to_fit_at_a_whole_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
