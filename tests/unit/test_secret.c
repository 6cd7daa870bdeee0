/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/secret.h"

/* The sanitizers' mlock does nothing. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#define MLOCK_WORKS                                                            \
	(!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer))

static const uint8_t bytes[KEY_SIZE] = "0123456789abcdef0123456789abcde";

static int
begin(void **state)
{
	(void)state;
	return secret_init();
}

static void
the_process_cannot_be_dumped(void **state)
{
	struct rlimit core;

	(void)state;
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
	assert_return_code(getrlimit(RLIMIT_CORE, &core), errno);
	assert_int_equal(core.rlim_cur, 0);
	assert_int_equal(core.rlim_max, 0);
}

static void
a_key_holds_the_bytes_given(void **state)
{
	OWNED(root_key) root = NULL;
	OWNED(sign_key) sign = NULL;

	(void)state;
	assert_int_equal(root_key_from(&root, bytes), 0);
	assert_int_equal(sign_key_from(&sign, bytes), 0);
	assert_memory_equal(root_key_bytes(root), bytes, KEY_SIZE);
	assert_memory_equal(sign_key_bytes(sign), bytes, KEY_SIZE);
	assert_ptr_not_equal(root_key_bytes(root), sign_key_bytes(sign));
}

static void
new_keys_differ(void **state)
{
	OWNED(version_key) a = NULL;
	OWNED(version_key) b = NULL;

	(void)state;
	assert_int_equal(version_key_new(&a), 0);
	assert_int_equal(version_key_new(&b), 0);
	assert_memory_not_equal(version_key_bytes(a), version_key_bytes(b),
	    KEY_SIZE);
}

static void
freeing_nothing_does_nothing(void **state)
{
	(void)state;
	root_key_free(NULL);
	epoch_key_free(NULL);
	version_key_free(NULL);
	page_key_free(NULL);
	family_key_free(NULL);
	sign_key_free(NULL);
	key_arena_free(NULL);
	secret_text_free(NULL);
}

static sigjmp_buf fault_place;

static void
on_fault(int number)
{
	(void)number;
	siglongjmp(fault_place, 1);
}

/* Whether this process can read or write a byte at p. */
static bool
can_touch(uint8_t *p, bool write)
{
	const struct sigaction jump = { .sa_handler = on_fault };
	struct sigaction segv, bus;
	volatile uint8_t *at = p;
	volatile bool can = false;

	sigaction(SIGSEGV, &jump, &segv);
	sigaction(SIGBUS, &jump, &bus);
	if (sigsetjmp(fault_place, 1) == 0) {
		const uint8_t byte = *at;

		if (write)
			*at = byte;
		can = true;
	}
	sigaction(SIGSEGV, &segv, NULL);
	sigaction(SIGBUS, &bus, NULL);
	return can;
}

static void
keys_lie_between_guard_pages_and_are_read_only(void **state)
{
	OWNED(family_key) k = NULL;
	uint8_t *p;

	(void)state;
	assert_int_equal(family_key_from(&k, bytes), 0);
	p = (uint8_t *)(uintptr_t)family_key_bytes(k);
	assert_true(can_touch(p, false));
	assert_false(can_touch(p, true));
	assert_false(can_touch(p + KEY_SIZE, false));
	assert_false(can_touch(p - 4096, false));
}

/* One that wiped its copy would wipe ours. */
static void
a_child_has_none_of_its_parents_keys(void **state)
{
	OWNED(family_key) k = NULL;
	uint8_t *p;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(family_key_from(&k, bytes), 0);
	p = (uint8_t *)(uintptr_t)family_key_bytes(k);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(can_touch(p, false) ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_memory_equal(p, bytes, KEY_SIZE);
}

static long
locked_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib = -1;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, "VmLck:", 6) == 0)
			kib = strtol(line + 6, NULL, 10);
	fclose(f);
	return kib;
}

static void
keys_are_locked_into_memory(void **state)
{
	long before = locked_kib();
	OWNED(root_key) k = NULL;
	OWNED(key_arena) a = NULL;

	(void)state;
	if (!MLOCK_WORKS)
		skip();
	assert_int_equal(root_key_from(&k, bytes), 0);
	assert_true(locked_kib() >= before + 4);
	assert_int_equal(key_arena_new(&a, 4096), 0);
	assert_true(locked_kib() >= before + 4 + 128);
	key_arena_free(a);
	root_key_free(k);
	a = NULL;
	k = NULL;
	assert_int_equal(locked_kib(), before);
}

static void
note_limit(void *arg, const char *line)
{
	*(bool *)arg = strstr(line, "RLIMIT_MEMLOCK") != NULL;
}

/* In a child, where nothing may be locked: 0 if all were refused and said. */
static int
try_without_locking(void)
{
	const struct rlimit none = { 0, 0 };
	struct secret_text *t = NULL;
	struct key_arena *a = NULL;
	struct root_key *k = NULL;
	bool said = false;

	log_sink(note_limit, &said);
	if (setrlimit(RLIMIT_MEMLOCK, &none) != 0)
		return 2;
	if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
		return 2;
	if (root_key_new(&k) != ERR_NOMEM || k != NULL || !said)
		return 1;
	said = false;
	if (key_arena_new(&a, 16) != ERR_NOMEM || a != NULL || !said)
		return 1;
	said = false;
	if (secret_text_from(&t, "x", 1) != ERR_NOMEM || t != NULL || !said)
		return 1;
	return 0;
}

static void
memory_that_cannot_be_locked_is_refused_with_the_limit(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (!MLOCK_WORKS)
		skip();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(try_without_locking());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
an_arena_holds_its_slots_and_not_one_more(void **state)
{
	struct chunk_key *keys[100], *more = NULL;
	OWNED(key_arena) a = NULL;

	(void)state;
	assert_int_equal(key_arena_new(&a, 100), 0);
	for (uint8_t i = 0; i < 100; i++) {
		const uint8_t mine[KEY_SIZE] = { i, [31] = i };

		assert_int_equal(chunk_key_from(&keys[i], a, mine), 0);
	}
	assert_int_equal(chunk_key_from(&more, a, bytes), ERR_LIMIT);
	assert_null(more);
	for (uint8_t i = 0; i < 100; i++) {
		assert_int_equal(chunk_key_bytes(keys[i])[0], i);
		assert_int_equal(chunk_key_bytes(keys[i])[31], i);
	}
	chunk_key_drop(a, keys[42]);
	assert_int_equal(chunk_key_from(&more, a, bytes), 0);
	assert_memory_equal(chunk_key_bytes(more), bytes, KEY_SIZE);
	assert_int_equal(chunk_key_from(&more, a, bytes), ERR_LIMIT);
}

static void
a_dropped_key_is_wiped(void **state)
{
	static const uint8_t zeros[KEY_SIZE];
	OWNED(key_arena) a = NULL;
	struct chunk_key *k;
	const uint8_t *p;

	(void)state;
	assert_int_equal(key_arena_new(&a, 2), 0);
	assert_int_equal(chunk_key_from(&k, a, bytes), 0);
	p = chunk_key_bytes(k);
	chunk_key_drop(a, k);
	assert_memory_equal(p, zeros, KEY_SIZE);
	chunk_key_drop(a, NULL);
}

static void
dropping_a_key_twice_stops_the_process(void **state)
{
	OWNED(key_arena) a = NULL;
	struct chunk_key *k;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(key_arena_new(&a, 2), 0);
	assert_int_equal(chunk_key_from(&k, a, bytes), 0);
	chunk_key_drop(a, k);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct sigaction die = { .sa_handler = SIG_DFL };

		sigaction(SIGABRT, &die, NULL);
		close(STDERR_FILENO);
		chunk_key_drop(a, k);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void
an_arena_needs_a_sensible_size(void **state)
{
	struct key_arena *a = NULL;

	(void)state;
	assert_int_equal(key_arena_new(&a, 0), ERR_USAGE);
	assert_int_equal(key_arena_new(&a, SIZE_MAX), ERR_USAGE);
	assert_null(a);
}

static void
no_memory_for_an_arena_leaves_nothing(void **state)
{
	unsigned int n;

	(void)state;
	for (n = 1;; n++) {
		struct key_arena *a = NULL;
		int err;

		fault_fail(FAULT_MEMORY, n, 0);
		err = key_arena_new(&a, 8);
		if (!fault_off()) {
			assert_int_equal(err, 0);
			key_arena_free(a);
			break;
		}
		assert_int_equal(err, ERR_NOMEM);
		assert_null(a);
	}
	assert_true(n > 3);
}

static void *
take_and_drop(void *arg)
{
	struct key_arena *a = arg;
	struct chunk_key *keys[8];

	for (int round = 0; round < 200; round++) {
		uint8_t mine[KEY_SIZE];

		for (uint8_t i = 0; i < 8; i++) {
			memset(mine, round + i, sizeof(mine));
			if (chunk_key_from(&keys[i], a, mine) != 0)
				return arg;
		}
		for (uint8_t i = 0; i < 8; i++) {
			memset(mine, round + i, sizeof(mine));
			if (memcmp(chunk_key_bytes(keys[i]), mine, KEY_SIZE) !=
			    0)
				return arg;
			chunk_key_drop(a, keys[i]);
		}
	}
	return NULL;
}

static void
threads_share_an_arena(void **state)
{
	OWNED(key_arena) a = NULL;
	pthread_t threads[4];
	void *failed;

	(void)state;
	assert_int_equal(key_arena_new(&a, 4 * 8), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
				     take_and_drop, a),
		    0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

static void
a_text_of_any_length_is_kept(void **state)
{
	char text[300];

	(void)state;
	memset(text, 'p', sizeof(text));
	for (size_t n = 0; n <= sizeof(text); n++) {
		OWNED(secret_text) t = NULL;
		const uint8_t *back;
		size_t length = 999;

		assert_int_equal(secret_text_from(&t, text, n), 0);
		back = secret_text_bytes(t, &length);
		assert_int_equal(length, n);
		assert_memory_equal(back, text, n);
		n += n > 40 ? 60 : 0;
	}
}

static void
wiping_leaves_zeros(void **state)
{
	uint8_t both[66];

	(void)state;
	memset(both, 1, sizeof(both));
	secret_wipe_64(both + 1);
	secret_wipe_32(both + 33);
	secret_wipe(both + 1, 0);
	assert_int_equal(both[0], 1);
	for (size_t i = 1; i < 65; i++)
		assert_int_equal(both[i], 0);
	assert_int_equal(both[65], 1);
}

/* Nothing that fills p is dead code. */
static void
use(uint8_t *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

static __attribute__((noinline)) void
scratch_plain(const uint8_t seed[static 32])
{
	uint8_t tmp[32];

	memcpy(tmp, seed, sizeof(tmp));
	use(tmp);
}

static __attribute__((noinline)) void
scratch_secret(const uint8_t seed[static 32])
{
	SECRET(uint8_t, tmp, 32);

	memcpy(tmp, seed, sizeof(tmp));
	use(tmp);
}

struct job {
	void (*f)(const uint8_t *seed);
	const uint8_t *seed;
};

/* So deep that the end of the thread does not write over it. */
static void *
run_deep(void *arg)
{
	const struct job *job = arg;
	uint8_t room[65536];

	use(room);
	job->f(job->seed);
	use(room);
	return NULL;
}

/* Whether the bytes of seed are left on the stack of a thread that ran f. */
static bool
left_behind(void (*f)(const uint8_t *), const uint8_t seed[static 32])
{
	struct job job = { f, seed };
	const size_t size = 1 << 20;
	uint8_t *stack = aligned_alloc(4096, size);
	pthread_attr_t attr;
	pthread_t thread;
	bool found;

	assert_non_null(stack);
	memset(stack, 0, size);
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstack(&attr, stack, size), 0);
	assert_int_equal(pthread_create(&thread, &attr, run_deep, &job), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
	found = memmem(stack, size, seed, 32) != NULL;
	free(stack);
	return found;
}

static void
scratch_wipes_itself(void **state)
{
	uint8_t seed[32];

	(void)state;
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(i * 37 + 11);
	assert_true(
	    left_behind(scratch_plain, seed)); /* or it proves nothing */
	assert_false(left_behind(scratch_secret, seed));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_process_cannot_be_dumped),
		cmocka_unit_test(a_key_holds_the_bytes_given),
		cmocka_unit_test(new_keys_differ),
		cmocka_unit_test(freeing_nothing_does_nothing),
		cmocka_unit_test(
		    keys_lie_between_guard_pages_and_are_read_only),
		cmocka_unit_test(a_child_has_none_of_its_parents_keys),
		cmocka_unit_test(keys_are_locked_into_memory),
		cmocka_unit_test(
		    memory_that_cannot_be_locked_is_refused_with_the_limit),
		cmocka_unit_test(an_arena_holds_its_slots_and_not_one_more),
		cmocka_unit_test(a_dropped_key_is_wiped),
		cmocka_unit_test(dropping_a_key_twice_stops_the_process),
		cmocka_unit_test(an_arena_needs_a_sensible_size),
		cmocka_unit_test(no_memory_for_an_arena_leaves_nothing),
		cmocka_unit_test(threads_share_an_arena),
		cmocka_unit_test(a_text_of_any_length_is_kept),
		cmocka_unit_test(wiping_leaves_zeros),
		cmocka_unit_test(scratch_wipes_itself),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
