/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/gcm.h"
#include "vault/lanes.h"
#include "vault/multibuf.h"
#include "vault/sandbox.h"

#define ITEMS_MAX 40
#define LENGTH_MAX 70000

static uint8_t bytes[LENGTH_MAX + ITEMS_MAX];

/* Whether this machine has lanes: without them there is nothing to compare. */
static bool
have_lanes(void)
{
	OWNED(lanes) l = NULL;

	return lanes_new(&l, LANES_MANY) == 0;
}

static void
check(struct lanes *l, const struct lanes_bytes *items, size_t count)
{
	struct digest out[ITEMS_MAX];

	memset(out, 0xa5, sizeof(out));
	lanes_digest(l, items, count, out);
	for (size_t i = 0; i < count; i++) {
		struct digest d = digest_of(items[i].at, items[i].length);

		assert_memory_equal(&out[i], &d, sizeof(d));
	}
}

/* Each of these lengths, as many times as lanes may have. */
static void
each_length_at_each_count(struct lanes *l)
{
	static const size_t lengths[] = { 0, 1, 55, 56, 63, 64, 65, 119, 120,
		128, 32767, 32768, 65534, 65535, 65536, LENGTH_MAX };
	struct lanes_bytes items[ITEMS_MAX];

	for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++)
		for (size_t count = 0; count <= ITEMS_MAX; count += 3) {
			for (size_t i = 0; i < count; i++)
				items[i] = (struct lanes_bytes){
					.at = bytes + i,
					.length = lengths[k],
				};
			check(l, items, count);
		}
}

static void
every_length_and_count_gives_the_digest(void **state)
{
	static const enum lanes_kind kinds[] = { LANES_FASTER, LANES_ONE,
		LANES_MANY };

	(void)state;
	randombytes_buf(bytes, sizeof(bytes));
	each_length_at_each_count(NULL);
	for (size_t i = 0; i < 3; i++) {
		OWNED(lanes) l = NULL;

		if (kinds[i] == LANES_MANY && !have_lanes())
			continue;
		assert_int_equal(lanes_new(&l, kinds[i]), 0);
		each_length_at_each_count(l);
	}
}

static void
lengths_may_differ_within_one_call(void **state)
{
	struct lanes_bytes items[ITEMS_MAX];
	OWNED(lanes) l = NULL;

	(void)state;
	if (!have_lanes())
		skip();
	assert_int_equal(lanes_new(&l, LANES_MANY), 0);
	for (int round = 0; round < 200; round++) {
		size_t count = randombytes_uniform(ITEMS_MAX + 1);

		for (size_t i = 0; i < count; i++)
			items[i] = (struct lanes_bytes){
				.at = bytes + randombytes_uniform(64),
				.length = randombytes_uniform(
				    round % 2 == 0 ? 300 : LENGTH_MAX - 64),
			};
		check(l, items, count);
	}
}

static void
every_short_length_is_hashed_many_at_once(void **state)
{
	OWNED(lanes) l = NULL;

	(void)state;
	if (!have_lanes())
		skip();
	assert_int_equal(lanes_new(&l, LANES_MANY), 0);
	for (size_t n = 0; n < 300; n++) {
		struct lanes_bytes in[ITEMS_MAX];

		for (size_t i = 0; i < ITEMS_MAX; i++)
			in[i] = (struct lanes_bytes){ bytes + i, n + i };
		check(l, in, ITEMS_MAX);
	}
}

static void
the_published_message_is_hashed_in_each_lane(void **state)
{
	static const char abc
	    [] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f2001"
		 "5ad";
	struct digest out[ITEMS_MAX];
	struct lanes_bytes items[ITEMS_MAX];
	OWNED(lanes) l = NULL;

	(void)state;
	if (!have_lanes())
		skip();
	assert_int_equal(lanes_new(&l, LANES_MANY), 0);
	for (size_t i = 0; i < ITEMS_MAX; i++)
		items[i] = (struct lanes_bytes){ .at = "abc", .length = 3 };
	lanes_digest(l, items, ITEMS_MAX, out);
	for (size_t i = 0; i < ITEMS_MAX; i++) {
		char hex[DIGEST_HEX_SIZE];

		assert_string_equal(digest_hex(&out[i], hex), abc);
	}
}

static void
the_environment_chooses(void **state)
{
	OWNED(lanes) one = NULL;
	OWNED(lanes) many = NULL;

	(void)state;
	assert_int_equal(setenv("WEIR_LANES", "one", 1), 0);
	assert_int_equal(lanes_new(&one, LANES_FASTER), 0);
	assert_false(lanes_beside(one, ITEMS_MAX));
	assert_int_equal(setenv("WEIR_LANES", "many", 1), 0);
	assert_int_equal(lanes_new(&many, LANES_FASTER), 0);
	assert_int_equal(lanes_beside(many, 1), have_lanes());
	unsetenv("WEIR_LANES");
}

/* In a process of its own: it never gets out again. */
static int
in_sandbox(bool loaded)
{
	struct lanes_bytes items[ITEMS_MAX];
	struct digest out[ITEMS_MAX];
	OWNED(lanes) l = NULL;
	int dir;

	if (loaded)
		multibuf_load();
	dir = open("/var/empty", O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		dir = open("/proc", O_RDONLY | O_DIRECTORY);
	if (sandbox_enter(dir) != 0 || lanes_new(&l, LANES_FASTER) != 0)
		return 2;
	for (size_t i = 0; i < ITEMS_MAX; i++)
		items[i] = (struct lanes_bytes){ .at = bytes, .length = 999 };
	lanes_digest(l, items, ITEMS_MAX, out);
	for (size_t i = 0; i < ITEMS_MAX; i++) {
		struct digest d = digest_of(bytes, 999);

		if (!digest_equal(&d, &out[i]))
			return 3;
	}
	return lanes_beside(l, ITEMS_MAX) ? 1 : 0;
}

static int
status_in_sandbox(bool loaded)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(in_sandbox(loaded));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Comes first: nothing has loaded the library yet.  Under a sanitizer calls
 * are made that the sandbox ends the process for. */
static void
a_sandbox_keeps_what_was_loaded_and_does_without_the_rest(void **state)
{
	int before, after;

	(void)state;
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	skip();
#endif
#endif
	before = status_in_sandbox(true);
	after = status_in_sandbox(false);
	assert_true(before <= 1);
	assert_true(after <= 1);
	if (sandbox_landlock() > 0)
		assert_int_equal(after, 0);
	{
		OWNED(lanes) l = NULL;

		assert_int_equal(lanes_new(&l, LANES_FASTER), 0);
		assert_int_equal(before, lanes_beside(l, ITEMS_MAX));
	}
}

/* Seal as wish says, open as the other does: the bytes are the same. */
static void
both_seal_and_open_the_same(void **state)
{
	static const size_t lengths[] = { 1, 15, 16, 17, 255, 4096, 32768,
		65535, 65536 };
	static uint8_t out[2][65536], back[65536];
	uint8_t key[KEY_SIZE], aad[44];

	(void)state;
	randombytes_buf(key, sizeof(key));
	randombytes_buf(aad, sizeof(aad));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct gcm_message m[2];

		for (int way = 0; way < 2; way++) {
			OWNED(gcm) seals = NULL;

			setenv("WEIR_LANES", way == 0 ? "one" : "many", 1);
			m[way] = (struct gcm_message){
				.nonce = { (uint8_t)i },
				.aad = aad,
				.aad_length = sizeof(aad),
				.in = bytes,
				.out = out[way],
				.length = lengths[i],
			};
			assert_int_equal(gcm_sealer_new(&seals, key), 0);
			assert_int_equal(gcm_seal(seals, &m[way]), 0);
		}
		assert_memory_equal(out[0], out[1], lengths[i]);
		assert_memory_equal(m[0].tag, m[1].tag, sizeof(m[0].tag));
		for (int way = 0; way < 2; way++) {
			OWNED(gcm) opens = NULL;

			setenv("WEIR_LANES", way == 0 ? "one" : "many", 1);
			m[way].in = out[way];
			m[way].out = back;
			assert_int_equal(gcm_opener_new(&opens, key), 0);
			assert_int_equal(gcm_open(opens, &m[way]), 0);
			assert_memory_equal(back, bytes, lengths[i]);
			out[way][lengths[i] / 2] ^= 1;
			assert_int_equal(gcm_open(opens, &m[way]),
			    ERR_INTEGRITY);
			assert_int_equal(back[0], 0);
			out[way][lengths[i] / 2] ^= 1;
			m[way].tag[15] ^= 0x80;
			assert_int_equal(gcm_open(opens, &m[way]),
			    ERR_INTEGRITY);
		}
	}
	unsetenv("WEIR_LANES");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_sandbox_keeps_what_was_loaded_and_does_without_the_rest),
		cmocka_unit_test(every_length_and_count_gives_the_digest),
		cmocka_unit_test(lengths_may_differ_within_one_call),
		cmocka_unit_test(every_short_length_is_hashed_many_at_once),
		cmocka_unit_test(the_published_message_is_hashed_in_each_lane),
		cmocka_unit_test(the_environment_chooses),
		cmocka_unit_test(both_seal_and_open_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
