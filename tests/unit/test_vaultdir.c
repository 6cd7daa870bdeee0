/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/catalogue.h"
#include "keys/vaultdir.h"
#include "tests/lib/fault.h"
#include "tests/lib/heir.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/trail.h"

#define KEY "0123456789abcdef0123456789abcdef"

struct place {
	struct scratch s;
	char *path; /* of the vault to be */
	struct unlock secret;
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	log_sink(test_hush, NULL);
	assert_int_equal(secret_init(), 0);
	/* Hundreds of vaults are made; what a real disk makes of a sync is
	 * for other tests. */
	if (access("/dev/shm", W_OK) == 0)
		setenv("TMPDIR", "/dev/shm", 0);
	p->s = scratch_new();
	assert_true(asprintf(&p->path, "%s/vault", p->s.path) > 0);
	p->secret.kind = UNLOCK_KEY_FILE;
	assert_int_equal(secret_text_from(&p->secret.secret, KEY, 32), 0);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	unlock_clear(&p->secret);
	free(p->path);
	scratch_free(&p->s);
	free(p);
	return 0;
}

/* Keep the recovery key, or fail to (arg is the error). */
static int
keep(void *arg, const struct vaultdir_made *made)
{
	OWNED_MEM(char) json = NULL;
	size_t n;

	assert_non_null(secret_text_bytes(made->recovery, &n));
	assert_true(n >= 40);
	assert_int_equal(strlen(made->id), VAULTDIR_ID_SIZE - 1);
	assert_string_equal(made->key->name + strlen("weir.local/"), made->id);
	/* there is no vault before the key is kept */
	assert_true(asprintf(&json, "%s/" VAULTDIR_JSON, made->path) > 0);
	assert_int_not_equal(access(json, F_OK), 0);
	return *(const int *)arg;
}

static int
init_keeping(const struct place *p, int err)
{
	const struct vaultdir_init how = {
		.path = p->path,
		.first = &p->secret,
		.owner = "user:alice",
		.uid = 1234,
		.keep = keep,
		.arg = &err,
	};

	return vaultdir_init(&how);
}

static int
init(const struct place *p)
{
	return init_keeping(p, 0);
}

/* What init promises: it opens, and the trail begins as it must. */
static void
assert_vault(const struct place *p)
{
	OWNED(trail_reader) r = NULL;
	OWNED(vaultdir) v = NULL;
	OWNED(keyring) k = NULL;
	OWNED(catalogue) c = NULL;
	OWNED_MEM(char) path = NULL;
	struct trail_verdict verdict;
	struct journal_id id;
	unsigned int held;

	assert_int_equal(vaultdir_open(&v, p->path), 0);
	assert_int_equal(keyring_open(v->dir, &p->secret, &k), 0);
	assert_memory_equal(k->vault, v->id, 16);
	assert_int_equal(trail_reader_open(&r, v->dir, &v->key), 0);
	assert_int_equal(trail_reader_checkpoint(r)->size, 2);
	memcpy(id.bytes, v->id, sizeof(id.bytes));
	assert_int_equal(trail_verify(r, &id, NULL, &verdict), 0);
	path = vaultdir_path(v, VAULTDIR_CATALOGUE);
	assert_int_equal(catalogue_open(&c, path), 0);
	assert_int_equal(catalogue_applied(c), 2);
	assert_int_equal(catalogue_role_held(c, "user:alice", &held), 0);
	assert_int_equal(held, ROLE_OWNER);
	assert_int_equal(faccessat(v->dir->fd, "objects", W_OK, 0), 0);
}

static void
init_makes_a_vault_that_opens(void **state)
{
	struct place *p = *state;
	OWNED(vaultdir) v = NULL;
	char id[VAULTDIR_ID_SIZE];

	assert_int_equal(init(p), 0);
	assert_vault(p);
	assert_int_equal(vaultdir_open(&v, p->path), 0);
	assert_int_equal(strncmp(v->key.name, "weir.local/", 11), 0);
	assert_string_equal(v->key.name + 11, vaultdir_id(v, id));
	assert_int_equal(v->owner, geteuid());
	assert_string_equal(v->path, p->path);
	/* nothing is left of the making */
	assert_int_not_equal(faccessat(v->dir->fd, ".init", F_OK, 0), 0);
}

static void
no_vault_is_made_whose_recovery_key_is_lost(void **state)
{
	struct place *p = *state;
	OWNED(vaultdir) v = NULL;
	OWNED(file) dir = NULL;

	assert_int_equal(init_keeping(p, ERR_SPACE), ERR_SPACE);
	assert_int_equal(vaultdir_open(&v, p->path), ERR_NOT_FOUND);
	assert_int_equal(file_open(&dir, NULL, p->path, O_RDONLY | O_DIRECTORY,
			     0),
	    0);
	assert_int_not_equal(faccessat(dir->fd, "keyring", F_OK, 0), 0);
	assert_int_not_equal(faccessat(dir->fd, "trail", F_OK, 0), 0);
	assert_int_equal(init(p), 0);
	assert_vault(p);
}

static void
a_vault_is_not_made_over(void **state)
{
	struct place *p = *state;

	assert_int_equal(init(p), 0);
	assert_int_equal(init(p), ERR_CONFLICT);
	assert_vault(p);
}

static void
init_meanwhile(void *arg)
{
	assert_int_equal(init(arg), 0);
}

/* Two at once: one looks before the vault is there, and locks after it is
 * finished.  It must leave it alone. */
static void
a_vault_that_another_init_finished_meanwhile_stays(void **state)
{
	const struct place *p = *state;
	OWNED_MEM(char) mark = NULL;
	int err;

	fault_call(FAULT_SYNC, 1, init_meanwhile, *state);
	err = init(p);
	assert_true(fault_off());
	assert_int_equal(err, ERR_CONFLICT);
	assert_vault(p);
	assert_true(asprintf(&mark, "%s/.init", p->path) > 0);
	assert_int_not_equal(access(mark, F_OK), 0);
}

static void
an_empty_directory_will_do_and_a_full_one_not(void **state)
{
	struct place *p = *state;
	OWNED(file) dir = NULL;
	OWNED_MEM(uint8_t) kept = NULL;
	size_t n;

	assert_int_equal(mkdir(p->path, 0755), 0);
	assert_int_equal(file_open(&dir, NULL, p->path, O_RDONLY | O_DIRECTORY,
			     0),
	    0);
	assert_int_equal(file_replace(dir, "keyring", "mine", 4, 0600), 0);
	assert_int_equal(init(p), ERR_CONFLICT);
	assert_int_equal(file_load(dir, "keyring", 100, &kept, &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(file_remove(dir, "keyring"), 0);
	assert_int_equal(init(p), 0);
	assert_vault(p);
}

static void
a_file_is_no_place_for_a_vault(void **state)
{
	struct place *p = *state;

	assert_int_equal(file_replace(p->s.dir, "vault", "x", 1, 0600), 0);
	assert_int_not_equal(init(p), 0);
}

/* Killed at any write, sync or rename: no vault, and the same again works. */
static void
an_init_that_was_cut_off_can_be_run_again(void **state)
{
	unsigned int killed = 0;

	(void)state;
	for (unsigned int n = 1;; n++) {
		struct place *p;
		OWNED(vaultdir) v = NULL;
		int status;
		pid_t pid;

		assert_int_equal(setup((void **)&p), 0);
		pid = fork();
		if (pid == 0) {
			fault_exit(FAULT_DISK, n);
			_exit(init(p) == 0 ? 0 : 1);
		}
		assert_true(pid > 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 0) {
			assert_vault(p);
			teardown((void **)&p);
			break;
		}
		assert_int_equal(WEXITSTATUS(status), FAULT_STATUS);
		killed++;
		if (vaultdir_open(&v, p->path) == 0)
			assert_vault(p); /* all but the mark's removal */
		else
			assert_int_equal(init(p), 0);
		assert_vault(p);
		teardown((void **)&p);
	}
	assert_true(killed > 10);
}

static void
an_init_on_a_disk_that_fails_can_be_run_again(void **state)
{
	(void)state;
	for (unsigned int n = 1;; n++) {
		struct place *p;
		int err;

		assert_int_equal(setup((void **)&p), 0);
		fault_fail(FAULT_DISK, n, ENOSPC);
		err = init(p);
		if (!fault_off()) {
			assert_int_equal(err, 0);
			teardown((void **)&p);
			return;
		}
		if (err != 0) {
			err = init(p);
			assert_true(err == 0 || err == ERR_CONFLICT);
		}
		assert_vault(p);
		teardown((void **)&p);
	}
}

static void
one_keyd_holds_the_lock(void **state)
{
	struct place *p = *state;
	OWNED(vaultdir) v = NULL;
	struct file *first;
	struct file *second;
	bool held;

	assert_int_equal(init(p), 0);
	assert_int_equal(vaultdir_open(&v, p->path), 0);
	assert_int_equal(vaultdir_locked(v->dir, &held), 0);
	assert_false(held);
	assert_int_equal(vaultdir_lock(&first, v->dir), 0);
	assert_int_equal(vaultdir_locked(v->dir, &held), 0);
	assert_true(held);
	assert_int_equal(vaultdir_lock(&second, v->dir), ERR_CONFLICT);
	/* looking did not let go of it */
	assert_int_equal(vaultdir_locked(v->dir, &held), 0);
	assert_true(held);
	file_free(first);
	assert_int_equal(vaultdir_lock(&second, v->dir), 0);
	file_free(second);
}

/* --- vault.json --- */

static int
open_json(const struct place *p, const char *text)
{
	OWNED(vaultdir) v = NULL;
	OWNED(file) dir = NULL;

	assert_int_equal(file_open(&dir, NULL, p->path, O_RDONLY | O_DIRECTORY,
			     0),
	    0);
	assert_int_equal(file_replace(dir, "vault.json", text, strlen(text),
			     0644),
	    0);
	return vaultdir_open(&v, p->path);
}

static void
a_vault_json_is_read_strictly(void **state)
{
	struct place *p = *state;
	OWNED_MEM(uint8_t) good = NULL;
	OWNED(vaultdir) v = NULL;
	size_t n;

	assert_int_equal(init(p), 0);
	assert_int_equal(vaultdir_open(&v, p->path), 0);
	assert_int_equal(file_load(v->dir, "vault.json", 4096, &good, &n), 0);
	assert_int_equal(open_json(p, (const char *)good), 0);
	assert_int_equal(open_json(p, ""), ERR_FORMAT);
	assert_int_equal(open_json(p, "{}"), ERR_FORMAT);
	assert_int_equal(open_json(p, "{\"weir\":2}"), ERR_FORMAT);
	/* with something that this version does not know */
	{
		char text[4096];

		assert_true(snprintf(text, sizeof(text), "{\"new\":1,%s",
				(const char *)good + 1) > 0);
		assert_int_equal(open_json(p, text), ERR_FORMAT);
	}
	/* cut anywhere but before its newline */
	for (size_t cut = 0; cut < n - 1; cut++) {
		char text[4096];

		memcpy(text, good, cut);
		text[cut] = '\0';
		assert_int_equal(open_json(p, text), ERR_FORMAT);
	}
	/* one character of an id, an origin or a key is another one's */
	for (size_t i = 9; i < n - 40; i++) {
		char text[4096];

		memcpy(text, good, n + 1);
		text[i] = text[i] == '3' ? '4' : '3';
		assert_int_equal(open_json(p, text), ERR_FORMAT);
	}
}

static void
where_there_is_no_vault_it_says_so(void **state)
{
	struct place *p = *state;
	OWNED(vaultdir) v = NULL;

	assert_int_equal(vaultdir_open(&v, p->path), ERR_NOT_FOUND);
	assert_int_equal(mkdir(p->path, 0755), 0);
	assert_int_equal(vaultdir_open(&v, p->path), ERR_NOT_FOUND);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(init_makes_a_vault_that_opens),
		TEST(no_vault_is_made_whose_recovery_key_is_lost),
		TEST(a_vault_is_not_made_over),
		TEST(a_vault_that_another_init_finished_meanwhile_stays),
		TEST(an_empty_directory_will_do_and_a_full_one_not),
		TEST(a_file_is_no_place_for_a_vault),
		cmocka_unit_test(an_init_that_was_cut_off_can_be_run_again),
		cmocka_unit_test(an_init_on_a_disk_that_fails_can_be_run_again),
		TEST(one_keyd_holds_the_lock),
		TEST(a_vault_json_is_read_strictly),
		TEST(where_there_is_no_vault_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
