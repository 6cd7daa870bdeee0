/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keys/verifier.h"
#include "keys/verifier_fds.h"
#include "tests/lib/forest.h"
#include "tests/lib/forgery.h"
#include "tests/lib/shed.h"
#include "vault/err.h"
#include "vault/reader.h"
#include "vault/writer.h"

/*
 * The child is this program again (/proc/self/exe): keyd's own, or, when the
 * environment names one, a child that hostile bytes have taken over.
 */
#define TAKEN_OVER "WEIR_TEST_VERIFIER"

#define BIG ((5U << 20) + 4321)
#define LONG_US 60000000

struct bench {
	struct shed s;
	struct version *v;
	struct intake_result r;
	sd_event *loop;
	struct verifier *verifier;
	struct verifier_job job;
	struct verifier_news last;
	unsigned int calls;
	unsigned int dones;
};

static void
on_news(void *arg, const struct verifier_news *n)
{
	struct bench *b = arg;

	assert_int_equal(b->dones, 0);
	b->last = *n;
	b->calls++;
	b->dones += n->done;
}

static int
setup(void **state)
{
	static const size_t sizes[] = { 70000, 5, 300000 };
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	shed_init(&b->s);
	forest_safetensors(b->s.src, "a.safetensors", sizes, 3, 7);
	forest_random(b->s.src, "big.bin", BIG, 8);
	forest_file(b->s.src, "config.json", "{}\n", 3, 0644);
	assert_int_equal(shed_put(&b->s, b->s.src, &b->r), 0);
	assert_int_equal(shed_open(&b->s, &b->r, &b->v), 0);
	b->job = (struct verifier_job){ .id = 77,
		.version = b->r.version,
		.object = b->r.object };
	memcpy(b->job.manifest_key, page_key_bytes(b->s.keys.manifest_key),
	    KEY_SIZE);
	memcpy(b->job.lockbox_key, page_key_bytes(b->s.keys.lockbox_key),
	    KEY_SIZE);
	assert_true(sd_event_new(&b->loop) >= 0);
	assert_int_equal(verifier_new(&b->verifier, b->loop, on_news, b), 0);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	unsetenv(TAKEN_OVER);
	verifier_free(b->verifier);
	/* Whatever happened: nobody is left. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	sd_event_unref(b->loop);
	version_free(b->v);
	intake_result_clear(&b->r);
	shed_clear(&b->s);
	free(b);
	return 0;
}

static void
start(struct bench *b)
{
	b->calls = b->dones = 0;
	b->last = (struct verifier_news){ 0 };
	assert_int_equal(verifier_start(b->verifier, b->s.objects, &b->job), 0);
}

/* To its end: what it says is of this job, and an error has a reason. */
static int
run(struct bench *b)
{
	start(b);
	while (b->dones == 0)
		assert_true(sd_event_run(b->loop, LONG_US) > 0);
	assert_true(b->last.id == 77);
	assert_int_equal(b->last.err != 0, b->last.reason[0] != '\0');
	return b->last.err;
}

static int
run_taken_over(struct bench *b, const char *how)
{
	assert_int_equal(setenv(TAKEN_OVER, how, 1), 0);
	return run(b);
}

static void
says(const struct bench *b, const char *text)
{
	if (strstr(b->last.reason, text) == NULL)
		fail_msg("'%s' lacks '%s'", b->last.reason, text);
}

/* --- keyd's own child --- */

static void
a_sound_version_is_found_sound(void **state)
{
	struct bench *b = *state;

	assert_int_equal(run(b), 0);
	assert_int_equal(b->last.files, 3);
	assert_true(b->last.bytes == version_manifest(b->v)->total_bytes);
	/* And the next one after it. */
	assert_int_equal(run(b), 0);
}

static struct digest
chunk_of(struct bench *b, const char *path)
{
	const struct manifest_file *f = manifest_find(version_manifest(b->v),
	    path);
	struct version_row row;
	size_t got;

	assert_non_null(f);
	assert_int_equal(version_rows_at(b->v, f->first_row, &row, 1, &got), 0);
	return row.row.object;
}

static void
flip(struct bench *b, const struct digest *name)
{
	OWNED_MEM(char) path = shed_object(&b->s, name);
	uint8_t byte;
	off_t end;
	int fd;

	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	end = lseek(fd, 0, SEEK_END) - 1;
	assert_int_equal(pread(fd, &byte, 1, end), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, end), 1);
	close(fd);
}

static void
lose(struct bench *b, const struct digest *name)
{
	OWNED_MEM(char) path = shed_object(&b->s, name);

	assert_int_equal(unlink(path), 0);
}

static void
a_damaged_object_is_named(void **state)
{
	struct bench *b = *state;
	struct digest name = chunk_of(b, "big.bin");
	char hex[DIGEST_HEX_SIZE];

	flip(b, &name);
	assert_int_equal(run(b), ERR_INTEGRITY);
	says(b, "big.bin: object");
	says(b, digest_hex(&name, hex));
	says(b, "not what was vouched for");
}

static void
a_lost_chunk_is_a_verdict_and_a_lost_manifest_none(void **state)
{
	struct bench *b = *state;
	struct digest name = chunk_of(b, "big.bin");

	lose(b, &name);
	assert_int_equal(run(b), ERR_INTEGRITY);
	says(b, "missing");
	lose(b, &b->r.object);
	assert_int_equal(run(b), ERR_IO);
	says(b, "not in the store");
}

static void
what_was_found_sound_earlier_is_not_read_again(void **state)
{
	struct bench *b = *state;
	struct digest name = chunk_of(b, "a.safetensors");

	flip(b, &name);
	b->job.first_file = 1;
	assert_int_equal(run(b), 0);
	assert_true(b->last.bytes == version_manifest(b->v)->total_bytes);
	b->job.first_file = 0;
	assert_int_equal(run(b), ERR_INTEGRITY);
	says(b, "a.safetensors: object");
}

static void
a_forged_version_is_found_out(void **state)
{
	const struct {
		struct forgery f;
		const char *says;
	} cases[] = {
		{ { .file = digest_of("clean", 5) }, "its content is not" },
		{ { .swap = "big.bin" }, "big.bin: object" },
		{ { .header = 64 }, "its header has" },
		{ { .key = true }, "object" },
		{ { .tensors = true }, "its tensors are not" },
	};
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		forgery_make(&b->s, b->v, &b->r, &cases[i].f, &b->job.object,
		    &b->job.version);
		assert_int_equal(run(b), ERR_INTEGRITY);
		says(b, cases[i].says);
	}
}

static void
a_manifest_of_another_version_is_found_out(void **state)
{
	struct bench *b = *state;

	b->job.version.bytes[31] ^= 1;
	assert_int_equal(run(b), ERR_INTEGRITY);
	says(b, "its manifest is not the one vouched for");
}

static void
one_job_at_a_time(void **state)
{
	struct bench *b = *state;

	start(b);
	assert_int_equal(verifier_start(b->verifier, b->s.objects, &b->job),
	    ERR_CONFLICT);
	while (b->dones == 0)
		assert_true(sd_event_run(b->loop, LONG_US) > 0);
	assert_int_equal(b->last.err, 0);
}

static void
a_store_that_is_not_there_starts_nothing(void **state)
{
	struct bench *b = *state;

	assert_int_equal(verifier_start(b->verifier, "/nonexistent", &b->job),
	    ERR_NOT_FOUND);
	assert_int_equal(run(b), 0);
}

static void
a_verifier_that_is_freed_takes_its_child_along(void **state)
{
	struct bench *b = *state;

	start(b);
	verifier_free(b->verifier);
	b->verifier = NULL; /* teardown looks for children */
}

/* --- a child that is not itself any more --- */

static void
a_child_that_dies_gives_no_verdict(void **state)
{
	struct bench *b = *state;

	assert_int_equal(run_taken_over(b, "killed"), ERR_IO);
	says(b, "killed");
	assert_int_equal(run_taken_over(b, "segv"), ERR_IO);
	says(b, "died of signal 11");
	assert_int_equal(run_taken_over(b, "exit"), ERR_IO);
	says(b, "ended without a verdict");
	assert_int_equal(run_taken_over(b, "empty"), ERR_IO);
	says(b, "ended without a verdict");
	unsetenv(TAKEN_OVER);
	assert_int_equal(run(b), 0);
}

static void
a_child_that_does_not_get_on_is_ended(void **state)
{
	struct bench *b = *state;

	verifier_patience(b->verifier, 100000);
	assert_int_equal(run_taken_over(b, "silent"), ERR_IO);
	says(b, "does not get on");
	/* To say the same again and again is no way to get on.  It has the time
	 * to say so, however slow the machine is. */
	for (uint64_t us = 500000; b->calls < 2 && us < LONG_US; us *= 2) {
		verifier_patience(b->verifier, us);
		assert_int_equal(run_taken_over(b, "repeats"), ERR_IO);
		says(b, "does not get on");
	}
	assert_in_range(b->calls, 2, 100000);
}

static void
hostile_news_end_the_child(void **state)
{
	static const char *const ways[] = { "garbage", "long", "of another",
		"backwards", "newline", "latin", "cut" };
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		assert_int_equal(run_taken_over(b, ways[i]), ERR_IO);
		says(b, "says what it cannot mean");
	}
}

static void
send_news(const struct verifier_news *n)
{
	OWNED_WRITER w = writer_of(VERIFIER_MESSAGE_MAX);

	verifier_news_write(&w, n);
	(void)!send(VERIFIER_CONTROL_FD, w.bytes, w.length, MSG_NOSIGNAL);
}

static void
send_bytes(size_t n)
{
	static uint8_t bytes[4096];

	memset(bytes, 'x', sizeof(bytes));
	(void)!send(VERIFIER_CONTROL_FD, bytes, n, MSG_NOSIGNAL);
}

static int
taken_over(const char *how)
{
	const struct timespec pause_10ms = { .tv_nsec = 10000000 };
	struct verifier_news n = { .id = 77, .files = 2, .bytes = 100 };

	if (strcmp(how, "exit") == 0)
		return 1;
	if (strcmp(how, "killed") == 0)
		raise(SIGKILL);
	if (strcmp(how, "segv") == 0) {
		sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = SIG_DFL },
		    NULL);
		raise(SIGSEGV);
	}
	if (strcmp(how, "empty") == 0)
		send_bytes(0);
	if (strcmp(how, "garbage") == 0)
		send_bytes(40);
	if (strcmp(how, "long") == 0)
		send_bytes(4096);
	if (strcmp(how, "cut") == 0)
		send_bytes(1);
	if (strcmp(how, "of another") == 0)
		n.id = 78;
	if (strcmp(how, "newline") == 0)
		snprintf(n.reason, sizeof(n.reason), "a\nb");
	if (strcmp(how, "latin") == 0)
		snprintf(n.reason, sizeof(n.reason), "caf\xe9");
	if (strcmp(how, "silent") != 0)
		send_news(&n);
	n.files = 1;
	if (strcmp(how, "backwards") == 0)
		send_news(&n);
	n.files = 2;
	while (strcmp(how, "repeats") == 0) {
		send_news(&n);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause_10ms, NULL);
	}
	for (;;)
		pause();
}

/* --- messages --- */

static void
a_job_arrives_as_it_was_sent(void **state)
{
	struct bench *b = *state;
	OWNED_WRITER w = writer_of(VERIFIER_MESSAGE_MAX);
	struct verifier_job out;
	struct reader r;

	b->job.first_file = 12345;
	verifier_job_write(&w, &b->job);
	for (size_t n = 0; n < w.length; n++) {
		r = reader_of(w.bytes, n);
		assert_int_equal(verifier_job_read(&out, &r), ERR_FORMAT);
	}
	r = reader_of(w.bytes, w.length);
	assert_int_equal(verifier_job_read(&out, &r), 0);
	assert_true(out.id == 77 && out.first_file == 12345);
	assert_memory_equal(&out.version, &b->job.version, DIGEST_SIZE);
	assert_memory_equal(&out.object, &b->job.object, DIGEST_SIZE);
	assert_memory_equal(out.manifest_key, b->job.manifest_key, KEY_SIZE);
	assert_memory_equal(out.lockbox_key, b->job.lockbox_key, KEY_SIZE);
	writer_u8(&w, 0);
	r = reader_of(w.bytes, w.length);
	assert_int_equal(verifier_job_read(&out, &r), ERR_FORMAT);
}

static void
news_arrive_as_they_were_sent(void **state)
{
	const struct verifier_news in = { .id = 77,
		.done = true,
		.err = ERR_INTEGRITY,
		.files = 9,
		.bytes = UINT64_MAX,
		.reason = "grüße: its content" };
	OWNED_WRITER w = writer_of(VERIFIER_MESSAGE_MAX);
	struct verifier_news out;
	struct reader r;

	(void)state;
	verifier_news_write(&w, &in);
	for (size_t n = 0; n < w.length; n++) {
		r = reader_of(w.bytes, n);
		assert_int_equal(verifier_news_read(&out, &r), ERR_FORMAT);
	}
	r = reader_of(w.bytes, w.length);
	assert_int_equal(verifier_news_read(&out, &r), 0);
	assert_true(out.id == 77 && out.done && out.err == ERR_INTEGRITY);
	assert_true(out.files == 9 && out.bytes == UINT64_MAX);
	assert_string_equal(out.reason, in.reason);
	w.bytes[8] = 2; /* done */
	r = reader_of(w.bytes, w.length);
	assert_int_equal(verifier_news_read(&out, &r), ERR_FORMAT);
	w.bytes[8] = 1;
	w.bytes[9] = (uint8_t)(-ERR_SPACE + 1);
	r = reader_of(w.bytes, w.length);
	assert_int_equal(verifier_news_read(&out, &r), ERR_FORMAT);
}

static void
the_longest_reason_fits_and_no_longer_one(void **state)
{
	OWNED_WRITER w = writer_of(VERIFIER_MESSAGE_MAX);
	struct verifier_news n = { .id = 1 }, out;
	struct reader r;

	(void)state;
	memset(n.reason, 'r', sizeof(n.reason) - 1);
	verifier_news_write(&w, &n);
	assert_true(writer_ok(&w));
	r = reader_of(w.bytes, w.length);
	assert_int_equal(verifier_news_read(&out, &r), 0);
	assert_string_equal(out.reason, n.reason);
	/* One byte more, and its length. */
	w.bytes[w.length - sizeof(n.reason) - 1] = 0;
	w.bytes[w.length - sizeof(n.reason)] = 2;
	writer_u8(&w, 'r');
	r = reader_of(w.bytes, w.length);
	assert_int_equal(verifier_news_read(&out, &r), ERR_FORMAT);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_sound_version_is_found_sound,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_object_is_named,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_lost_chunk_is_a_verdict_and_a_lost_manifest_none, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    what_was_found_sound_earlier_is_not_read_again, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(a_forged_version_is_found_out,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_manifest_of_another_version_is_found_out, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(one_job_at_a_time, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    a_store_that_is_not_there_starts_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_verifier_that_is_freed_takes_its_child_along, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(
		    a_child_that_dies_gives_no_verdict, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_child_that_does_not_get_on_is_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(hostile_news_end_the_child,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(a_job_arrives_as_it_was_sent,
		    setup, teardown),
		cmocka_unit_test(news_arrive_as_they_were_sent),
		cmocka_unit_test(the_longest_reason_fits_and_no_longer_one),
	};
	const char *how = getenv(TAKEN_OVER);

	if (argc == 2 && strcmp(argv[1], VERIFIER_WORD) == 0)
		return how != NULL ? taken_over(how) :
				     err_exit(verifier_child());
	/* What a real disk makes of a sync is for other tests. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
