/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/unlock.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"

static int
setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	log_sink(test_hush, NULL);
	assert_int_equal(secret_init(), 0);
	unsetenv("WEIR_PASSPHRASE_FILE");
	unsetenv("WEIR_KEY_FILE");
	unsetenv("CREDENTIALS_DIRECTORY");
	*s = scratch_new();
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

/* A file in the scratch directory; the caller frees its path. */
static char *
put_file(const struct scratch *s, const char *name, const void *bytes, size_t n)
{
	char *path;

	assert_int_equal(file_replace(s->dir, name, bytes, n, 0600), 0);
	assert_true(asprintf(&path, "%s/%s", s->path, name) > 0);
	return path;
}

static void
assert_secret(const struct unlock *u, enum unlock_kind kind, const char *text)
{
	size_t n;
	const uint8_t *bytes = secret_text_bytes(u->secret, &n);

	assert_int_equal(u->kind, kind);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(bytes, text, n);
}

#define KEY "0123456789abcdef0123456789abcdef"

static void
the_order_is_options_environment_credentials(void **state)
{
	struct scratch *s = *state;
	OWNED_MEM(char) a = put_file(s, "a", "one", 3);
	OWNED_MEM(char) b = put_file(s, "b", KEY, 32);
	OWNED_MEM(char) c = put_file(s, "c", "three", 5);
	OWNED_MEM(char) d = put_file(s, "d", KEY "4", 33);
	OWNED_MEM(char) e = put_file(s, "weir-unlock", "five", 4);
	OWNED_MEM(char) f = put_file(s, "weir-unlock.key", KEY "56", 34);
	struct unlock_source from = {
		.passphrase_file = a,
		.key_file = b,
		.no_prompt = true,
	};
	struct unlock u;

	setenv("WEIR_PASSPHRASE_FILE", c, 1);
	setenv("WEIR_KEY_FILE", d, 1);
	setenv("CREDENTIALS_DIRECTORY", s->path, 1);
	assert_int_equal(unlock_load(&u, &from, false), 0);
	assert_secret(&u, UNLOCK_PASSPHRASE, "one");
	unlock_clear(&u);
	from.passphrase_file = NULL;
	assert_int_equal(unlock_load(&u, &from, false), 0);
	assert_secret(&u, UNLOCK_KEY_FILE, KEY);
	unlock_clear(&u);
	from.key_file = NULL;
	assert_int_equal(unlock_load(&u, &from, false), 0);
	assert_secret(&u, UNLOCK_PASSPHRASE, "three");
	unlock_clear(&u);
	unsetenv("WEIR_PASSPHRASE_FILE");
	assert_int_equal(unlock_load(&u, &from, false), 0);
	assert_secret(&u, UNLOCK_KEY_FILE, KEY "4");
	unlock_clear(&u);
	unsetenv("WEIR_KEY_FILE");
	assert_int_equal(unlock_load(&u, &from, false), 0);
	assert_secret(&u, UNLOCK_PASSPHRASE, "five");
	unlock_clear(&u);
	assert_int_equal(unlink(e), 0);
	assert_int_equal(unlock_load(&u, &from, false), 0);
	assert_secret(&u, UNLOCK_KEY_FILE, KEY "56");
	unlock_clear(&u);
	assert_int_equal(unlink(f), 0);
	assert_int_equal(unlock_load(&u, &from, false), ERR_SECRET);
}

static int
load_passphrase(struct scratch *s, const char *text, struct unlock *out)
{
	OWNED_MEM(char) path = put_file(s, "p", text, strlen(text));
	const struct unlock_source from = { .passphrase_file = path };

	return unlock_load(out, &from, false);
}

static void
one_newline_at_the_end_is_dropped(void **state)
{
	static const struct {
		const char *file, *secret;
	} cases[] = {
		{ "word", "word" },
		{ "word\n", "word" },
		{ "word\n\n", "word\n" },
		{ "two\nlines", "two\nlines" },
		{ " \n", " " },
	};
	struct unlock u;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(load_passphrase(*state, cases[i].file, &u), 0);
		assert_secret(&u, UNLOCK_PASSPHRASE, cases[i].secret);
		unlock_clear(&u);
	}
	assert_int_equal(load_passphrase(*state, "", &u), ERR_SECRET);
	assert_int_equal(load_passphrase(*state, "\n", &u), ERR_SECRET);
}

static void
a_key_file_has_32_to_4096_bytes(void **state)
{
	static const struct {
		size_t n;
		int err;
	} cases[] = {
		{ 0, ERR_SECRET },
		{ 31, ERR_SECRET },
		{ 32, 0 },
		{ 4096, 0 },
		{ 4097, ERR_LIMIT },
	};
	char bytes[4097];

	memset(bytes, '\n', sizeof(bytes)); /* kept, whatever they are */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OWNED_MEM(char) path = put_file(*state, "k", bytes, cases[i].n);
		const struct unlock_source from = { .key_file = path };
		struct unlock u;
		size_t n;

		assert_int_equal(unlock_load(&u, &from, false), cases[i].err);
		if (cases[i].err != 0)
			continue;
		secret_text_bytes(u.secret, &n);
		assert_int_equal(n, cases[i].n);
		unlock_clear(&u);
	}
}

static void
a_file_that_was_named_must_be_there(void **state)
{
	const struct unlock_source from = { .key_file = "/nowhere/at/all" };
	struct unlock u;

	(void)state;
	assert_int_equal(unlock_load(&u, &from, false), ERR_SECRET);
}

static void
without_a_terminal_nothing_is_asked(void **state)
{
	const struct unlock_source from = { .no_prompt = false };
	struct unlock u;
	pid_t pid;

	(void)state;
	/* A session of its own has no terminal. */
	pid = fork();
	if (pid == 0) {
		if (setsid() < 0)
			_exit(99);
		_exit(unlock_load(&u, &from, false) == ERR_SECRET ? 0 : 1);
	}
	assert_true(pid > 0);
	{
		int status;

		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void
a_unit_is_called_by_its_name(void **state)
{
	(void)state;
	unsetenv("INVOCATION_ID");
	assert_null(unlock_unit("/var/lib/weir-keyd/llama"));
	setenv("INVOCATION_ID", "0", 1);
	assert_string_equal(unlock_unit("/var/lib/weir-keyd/llama"), "llama");
	assert_string_equal(unlock_unit("/srv/weir/vault"), "NAME");
	unsetenv("INVOCATION_ID");
}

/* --- hand-over --- */

static void
a_secret_is_handed_over_whole(void **state)
{
	char bytes[UNLOCK_MAX];
	struct unlock u = { .kind = UNLOCK_KEY_FILE }, got;
	size_t n;
	int fds[2];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	for (int pair = 0; pair <= 1; pair++) {
		assert_int_equal(secret_text_from(&u.secret, bytes,
				     sizeof(bytes)),
		    0);
		assert_int_equal(pair ?
			socketpair(AF_UNIX, SOCK_STREAM, 0, fds) :
			pipe(fds),
		    0);
		assert_int_equal(unlock_send(fds[1], &u), 0);
		close(fds[1]);
		assert_int_equal(unlock_receive(&got, fds[0]), 0);
		close(fds[0]);
		assert_int_equal(got.kind, UNLOCK_KEY_FILE);
		assert_memory_equal(secret_text_bytes(got.secret, &n), bytes,
		    sizeof(bytes));
		assert_int_equal(n, sizeof(bytes));
		unlock_clear(&got);
		unlock_clear(&u);
	}
}

static int
receive_bytes(const void *bytes, size_t n)
{
	struct unlock got = { .secret = NULL };
	int fds[2], err;

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], bytes, n), n);
	close(fds[1]);
	err = unlock_receive(&got, fds[0]);
	close(fds[0]);
	unlock_clear(&got);
	return err;
}

static void
anything_but_a_whole_secret_is_refused(void **state)
{
	static const uint8_t good[] = { 1, 3, 0, 0, 0, 'a', 'b', 'c' };
	uint8_t bad[sizeof(good) + 1] = { 0 };

	(void)state;
	assert_int_equal(receive_bytes(good, sizeof(good)), 0);
	for (size_t n = 0; n < sizeof(good); n++)
		assert_int_equal(receive_bytes(good, n), ERR_SECRET);
	memcpy(bad, good, sizeof(good));
	assert_int_equal(receive_bytes(bad, sizeof(bad)), ERR_SECRET);
	bad[0] = 0;
	assert_int_equal(receive_bytes(bad, sizeof(good)), ERR_SECRET);
	bad[0] = 4;
	assert_int_equal(receive_bytes(bad, sizeof(good)), ERR_SECRET);
	assert_int_equal(receive_bytes("\x01\0\0\0\0", 5), ERR_SECRET);
	assert_int_equal(receive_bytes("\x01\xff\xff\xff\xff", 5), ERR_SECRET);
}

static void
a_child_that_has_gone_does_not_kill_us(void **state)
{
	struct unlock u = { .kind = UNLOCK_PASSPHRASE };
	int fds[2];

	(void)state;
	assert_int_equal(secret_text_from(&u.secret, "x", 1), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	close(fds[0]);
	assert_int_equal(unlock_send(fds[1], &u), ERR_UNREACHABLE);
	close(fds[1]);
	unlock_clear(&u);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_order_is_options_environment_credentials),
		TEST(one_newline_at_the_end_is_dropped),
		TEST(a_key_file_has_32_to_4096_bytes),
		TEST(a_file_that_was_named_must_be_there),
		TEST(without_a_terminal_nothing_is_asked),
		TEST(a_unit_is_called_by_its_name),
		TEST(a_secret_is_handed_over_whole),
		TEST(anything_but_a_whole_secret_is_refused),
		TEST(a_child_that_has_gone_does_not_kill_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
