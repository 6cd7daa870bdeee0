/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/forest.h"
#include "tests/lib/heir.h"
#include "tests/lib/shed.h"
#include "vault/err.h"

static void
refuses_a_model_file_that_is_not_well_formed_by_its_name(void **state)
{
	struct intake_result r;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_file(s.src, "bad.safetensors", "\2\0\0\0\0\0\0\0[]", 10, 0644);
	assert_int_equal(shed_put(&s, s.src, &r), ERR_FORMAT);
	assert_non_null(strstr(s.lines, "bad.safetensors"));
}

/* A pickle that imports os.system. */
static const char evil[] = "cos\nsystem\n(S'true'\ntR.";

static int
put_with_pickles(struct shed *s, struct intake_result *r)
{
	const char *const path = s->src;
	const struct intake_how how = {
		.store = s->store,
		.keys = &s->keys.intake,
		.paths = &path,
		.path_count = 1,
		.allow_pickle = true,
	};

	return intake_run(&how, r);
}

static void
refuses_a_pickle_that_could_run_code_unless_it_is_let_in(void **state)
{
	struct intake_result r;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_file(s.src, "evil.pkl", evil, sizeof(evil) - 1, 0644);
	assert_int_equal(shed_put(&s, s.src, &r), ERR_FORMAT);
	assert_non_null(strstr(s.lines, "evil.pkl"));
	assert_non_null(strstr(s.lines, "os system"));
	assert_non_null(strstr(s.lines, "--allow-pickle"));
	assert_int_equal(put_with_pickles(&s, &r), 0);
	assert_int_equal(r.imports.count, 1);
	assert_string_equal(r.imports.names[0], "os system");
	intake_result_clear(&r);
}

/* Something that happens while the first keys are asked for. */
struct meanwhile {
	struct shed *shed;
	void (*act)(const struct shed *s);
	unsigned int calls;
};

static int
keys_meanwhile(void *arg, const struct digest *digests, size_t count,
    uint8_t (*keys)[KEY_SIZE])
{
	struct meanwhile *m = arg;
	const struct intake_keys *k = &m->shed->keys.intake;

	if (m->calls++ == 0)
		m->act(m->shed);
	return k->chunk_keys(k->arg, digests, count, keys);
}

static int
put_meanwhile(struct shed *s, void (*act)(const struct shed *s))
{
	struct meanwhile m = { s, act, 0 };
	struct intake_keys keys = s->keys.intake;
	const char *const path = s->src;
	const struct intake_how how = {
		.store = s->store,
		.keys = &keys,
		.paths = &path,
		.path_count = 1,
	};
	struct intake_result r;

	keys.chunk_keys = keys_meanwhile;
	keys.arg = &m;
	shed_hush(s);
	return intake_run(&how, &r);
}

static void
append(const struct shed *s)
{
	OWNED_MEM(char) p = forest_path(s->src, "long");
	OWNED_FD fd = open(p, O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, "x", 1), 1);
}

static void
overwrite(const struct shed *s)
{
	OWNED_MEM(char) p = forest_path(s->src, "long");
	OWNED_FD fd = open(p, O_WRONLY);

	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
}

static void
cut_short(const struct shed *s)
{
	OWNED_MEM(char) p = forest_path(s->src, "long");

	assert_int_equal(truncate(p, 1000), 0);
}

static void
make_longer(const struct shed *s)
{
	OWNED_MEM(char) p = forest_path(s->src, "long");

	assert_int_equal(truncate(p, 150 << 20), 0);
}

static void
sees_that_a_file_changes_while_it_is_read(void **state)
{
	void (*const acts[])(
	    const struct shed *s) = { append, overwrite, cut_short };
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	forest_file(s.src, "long", "", 0, 0644);
	for (size_t i = 0; i < 3; i++) {
		/* Longer than what is under way at once. */
		make_longer(&s);
		assert_int_equal(put_meanwhile(&s, acts[i]), ERR_CONFLICT);
		assert_non_null(strstr(s.lines, "long"));
	}
}

static void
gives_up_when_keys_are_refused(void **state)
{
	struct intake_result r;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	for (int i = 0; i < 1000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%d", i);
		forest_file(s.src, name, name, strlen(name), 0644);
	}
	for (uint64_t n = 1;; n++) {
		int err;

		s.keys.calls = 0;
		s.keys.fail_at = n;
		err = shed_put(&s, s.src, &r);
		if (err == 0) {
			assert_int_equal(n, s.keys.calls + 1);
			break;
		}
		assert_int_equal(err, ERR_UNREACHABLE);
	}
	s.keys.fail_at = 0;
	shed_round_trip(&s, &r);
	intake_result_clear(&r);
}

static void
gives_up_when_asked_to(void **state)
{
	const volatile bool stop = true;
	const char *path;
	OWNED_SHED s;
	struct intake_result r;

	(void)state;
	shed_init(&s);
	forest_random(s.src, "f", 100, 1);
	path = s.src;
	{
		const struct intake_how how = {
			.store = s.store,
			.keys = &s.keys.intake,
			.paths = &path,
			.path_count = 1,
			.stop = &stop,
		};

		assert_int_equal(intake_run(&how, &r), ERR_CONFLICT);
	}
}

static volatile bool interrupted; /* by a progress report */

static void
interrupt(void *arg, const struct intake_progress *p)
{
	(void)arg;
	(void)p;
	interrupted = true;
}

/* Inspection, which may take long, stops like the rest. */
static void
gives_up_while_it_looks_at_a_file(void **state)
{
	const char *path;
	OWNED_SHED s;
	struct intake_result r;

	(void)state;
	shed_init(&s);
	interrupted = false;
	forest_random(s.src, "a", 100, 1);
	/* no safetensors at all, which it would say if it went on */
	forest_random(s.src, "b.safetensors", 100, 1);
	path = s.src;
	{
		const struct intake_how how = {
			.store = s.store,
			.keys = &s.keys.intake,
			.paths = &path,
			.path_count = 1,
			.progress = interrupt,
			.stop = &interrupted,
		};

		assert_int_equal(intake_run(&how, &r), ERR_CONFLICT);
		assert_true(interrupted);
	}
}

static void
die(const struct shed *s)
{
	(void)s;
	kill(getpid(), SIGKILL);
}

static void
goes_on_where_a_killed_run_stopped(void **state)
{
	OWNED_SHED s;
	struct intake_result r;
	int status;
	pid_t pid;

	(void)state;
	shed_init(&s);
	for (int i = 0; i < 3000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "f%04d", i);
		forest_random(s.src, name, 1000, (uint64_t)i);
	}
	for (unsigned int n = 3; n < 9; n += 3) {
		pid = fork();
		if (pid == 0) {
			struct meanwhile m = { &s, die, 1 - n };
			struct intake_keys keys = s.keys.intake;
			const char *const path = s.src;
			const struct intake_how how = {
				.store = s.store,
				.keys = &keys,
				.paths = &path,
				.path_count = 1,
			};

			keys.chunk_keys = keys_meanwhile;
			keys.arg = &m;
			(void)!intake_run(&how, &r);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
	}
	shed_round_trip(&s, &r);
	/* The first runs' objects were found. */
	assert_true(r.totals.bytes_new < r.bytes - 256000);
	assert_true(r.totals.bytes_new > 0);
	intake_result_clear(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    refuses_a_model_file_that_is_not_well_formed_by_its_name),
		cmocka_unit_test(
		    refuses_a_pickle_that_could_run_code_unless_it_is_let_in),
		cmocka_unit_test(sees_that_a_file_changes_while_it_is_read),
		cmocka_unit_test(gives_up_when_keys_are_refused),
		cmocka_unit_test(gives_up_when_asked_to),
		cmocka_unit_test(gives_up_while_it_looks_at_a_file),
		cmocka_unit_test(goes_on_where_a_killed_run_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
