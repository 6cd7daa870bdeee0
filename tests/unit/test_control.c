/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/control.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

static void
messages_arrive_one_by_one_and_whole(void **state)
{
	int pair[2];
	OWNED_CONTROL m = control_of(CONTROL_EXE);

	(void)state;
	assert_int_equal(control_pair(pair), 0);
	m.number = UINT64_MAX - 1;
	writer_bytes(&m.body, "/usr/bin/python3", 16);
	assert_int_equal(control_send(pair[0], &m), 0);
	assert_int_equal(control_say(pair[0], CONTROL_STOP, 7), 0);
	{
		OWNED_CONTROL got = control_of(0);
		OWNED_MEM(char) text = NULL;

		assert_int_equal(control_receive(pair[1], &got), 0);
		assert_int_equal(got.type, CONTROL_EXE);
		assert_true(got.number == UINT64_MAX - 1);
		assert_int_equal(got.fds[0], -1);
		assert_int_equal(control_text(&got, &text), 0);
		assert_string_equal(text, "/usr/bin/python3");
	}
	{
		OWNED_CONTROL got = control_of(0);

		assert_int_equal(control_receive(pair[1], &got), 0);
		assert_int_equal(got.type, CONTROL_STOP);
		assert_int_equal(got.number, 7);
		assert_int_equal(got.body.length, 0);
	}
	close(pair[0]);
	close(pair[1]);
}

static bool
same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	    x.st_dev == y.st_dev;
}

static void
descriptors_travel_and_close_on_exec(void **state)
{
	int pair[2];
	OWNED_CONTROL m = control_of(CONTROL_SETUP);
	OWNED_CONTROL got = control_of(0);

	(void)state;
	assert_int_equal(control_pair(pair), 0);
	m.fds[0] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	m.fds[1] = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(control_send(pair[0], &m), 0);
	assert_int_equal(control_receive(pair[1], &got), 0);
	for (int i = 0; i < 2; i++) {
		assert_true(got.fds[i] >= 0 && got.fds[i] != m.fds[i]);
		assert_true(same_file(got.fds[i], m.fds[i]));
		assert_int_equal(fcntl(got.fds[i], F_GETFD) & FD_CLOEXEC,
		    FD_CLOEXEC);
	}
	close(pair[0]);
	close(pair[1]);
}

static void
a_full_socket_is_told_and_not_waited_for(void **state)
{
	int pair[2], sent = 0, err;
	OWNED_CONTROL m = control_of(CONTROL_EXE_WANTED);

	(void)state;
	assert_int_equal(control_pair(pair), 0);
	while ((err = control_try(pair[0], &m)) == 0)
		sent++;
	assert_int_equal(err, ERR_CONFLICT);
	assert_true(sent > 0);
	close(pair[0]);
	close(pair[1]);
}

static void
an_end_that_is_gone_is_no_news(void **state)
{
	int pair[2];
	OWNED_CONTROL m = control_of(0);

	(void)state;
	assert_int_equal(control_pair(pair), 0);
	close(pair[1]);
	assert_int_equal(control_say(pair[0], CONTROL_READY, 0),
	    ERR_UNREACHABLE);
	assert_int_equal(control_receive(pair[0], &m), ERR_UNREACHABLE);
	close(pair[0]);
}

static void
a_message_that_is_cut_is_refused(void **state)
{
	static const uint8_t bytes[9] = { CONTROL_STOP };
	int pair[2];

	(void)state;
	log_sink(test_hush, NULL);
	assert_int_equal(control_pair(pair), 0);
	for (size_t n = 1; n <= sizeof(bytes); n++) {
		OWNED_CONTROL m = control_of(0);

		assert_int_equal(send(pair[0], bytes, n, 0), (ssize_t)n);
		assert_int_equal(control_receive(pair[1], &m),
		    n < sizeof(bytes) ? ERR_FORMAT : 0);
	}
	log_sink(NULL, NULL);
	close(pair[0]);
	close(pair[1]);
}

#define VERSIONS 256

/* The largest session there is: 256 versions with the longest names. */
static void
the_largest_setup_fits_into_one_message(void **state)
{
	static struct msg_version versions[VERSIONS];
	static struct xattrs_mark marks[VERSIONS];
	char model[129], channel[33];
	int pair[2];
	const struct control_setup setup = { .stall_ms = 60000,
		.uid = 1,
		.gid = 2,
		.session = { .session = 3,
		    .count = VERSIONS,
		    .versions = versions },
		.marks = marks };
	struct control_setup got;
	struct reader r;
	OWNED_CONTROL m = control_of(CONTROL_SETUP);
	OWNED_CONTROL in = control_of(0);

	(void)state;
	memset(model, 'm', 128);
	model[128] = '\0';
	memset(channel, 'c', 32);
	channel[32] = '\0';
	for (size_t i = 0; i < VERSIONS; i++) {
		marks[i].serial = UINT64_MAX - i;
		memset(marks[i].signed_by, 'n', XATTRS_SIGNERS - 1);
		versions[i] = (struct msg_version){ .model = model,
			.channel = channel,
			.type = MSG_GRANT_LOAD,
			.window = 64,
			.grant = i };
	}
	assert_int_equal(control_pair(pair), 0);
	control_setup_write(&m.body, &setup);
	assert_int_equal(control_send(pair[0], &m), 0);
	assert_int_equal(control_receive(pair[1], &in), 0);
	r = reader_of(in.body.bytes, in.body.length);
	assert_int_equal(control_setup_read(&got, &r), 0);
	assert_int_equal(got.stall_ms, 60000);
	assert_int_equal(got.uid, 1);
	assert_int_equal(got.gid, 2);
	assert_int_equal(got.session.count, VERSIONS);
	assert_string_equal(got.session.versions[255].model, model);
	assert_int_equal(got.session.versions[255].grant, 255);
	assert_true(got.marks[255].serial == UINT64_MAX - 255);
	assert_string_equal(got.marks[255].signed_by, marks[0].signed_by);
	control_setup_clear(&got);
	close(pair[0]);
	close(pair[1]);
}

static void
a_setup_that_is_cut_anywhere_is_refused(void **state)
{
	struct msg_version version = { .model = (char[]){ "m" },
		.channel = (char[]){ "c" },
		.type = MSG_GRANT_BROWSE,
		.window = 1 };
	struct xattrs_mark mark = { .serial = 7, .signed_by = "carol" };
	const struct control_setup setup = { .session = { .count = 1,
						 .versions = &version },
		.marks = &mark };
	OWNED_WRITER w = writer_of(CONTROL_MAX);

	(void)state;
	control_setup_write(&w, &setup);
	assert_true(writer_ok(&w));
	for (size_t n = 0; n < w.length; n++) {
		struct reader r = reader_of(w.bytes, n);
		struct control_setup got;

		assert_int_not_equal(control_setup_read(&got, &r), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive_one_by_one_and_whole),
		cmocka_unit_test(descriptors_travel_and_close_on_exec),
		cmocka_unit_test(a_full_socket_is_told_and_not_waited_for),
		cmocka_unit_test(an_end_that_is_gone_is_no_news),
		cmocka_unit_test(a_message_that_is_cut_is_refused),
		cmocka_unit_test(the_largest_setup_fits_into_one_message),
		cmocka_unit_test(a_setup_that_is_cut_anywhere_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
