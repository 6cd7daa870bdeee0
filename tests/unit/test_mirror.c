/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/sample.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/mirror.h"

#define OBJECTS 20

static const uint8_t key[KEY_SIZE] = "the key of these tests, number a";

/* Two stores; the first has objects. */
struct pair {
	struct scratch a, b;
	struct store *from, *to;
	struct digest names[OBJECTS];
	struct mirror how;
	struct mirror_totals done;
	unsigned int bad, missing;
	struct digest last_bad;
	bool stop;
};

static void
on_bad(void *arg, const struct digest *name, bool missing)
{
	struct pair *p = arg;

	p->bad++;
	p->missing += missing;
	p->last_bad = *name;
}

static struct store *
open_store(const struct scratch *s)
{
	struct store *out;

	assert_int_equal(store_dir_init(s->path), 0);
	assert_int_equal(store_dir_open(&out, s->path), 0);
	return out;
}

static int
setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	log_sink(test_hush, NULL);
	p->a = scratch_new();
	p->b = scratch_new();
	p->from = open_store(&p->a);
	p->to = open_store(&p->b);
	for (size_t i = 0; i < OBJECTS; i++) {
		OWNED_MEM(uint8_t) plain = sample_noise(50000 + i, i + 1);
		struct sample o = sample_chunk(plain, 50000 + i, key);

		assert_int_equal(store_put(p->from, &o.name, o.w.bytes,
				     o.w.length, o.header_length, NULL),
		    0);
		p->names[i] = o.name;
		sample_free(&o);
	}
	p->how = (struct mirror){
		.from = p->from,
		.to = p->b.dir,
		.names = p->names,
		.count = OBJECTS,
		.stop = &p->stop,
		.bad = on_bad,
		.arg = p,
	};
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *p = *state;

	store_free(p->from);
	store_free(p->to);
	scratch_free(&p->a);
	scratch_free(&p->b);
	free(p);
	return 0;
}

/* Damage an object: a byte of its body, or its length. */
static void
damage(const struct scratch *s, const struct digest *name, off_t length)
{
	char hex[DIGEST_HEX_SIZE], path[4096];
	int fd;

	digest_hex(name, hex);
	snprintf(path, sizeof(path), "%s/%.2s/%s", s->path, hex, hex);
	assert_int_equal(chmod(path, 0600), 0);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	if (length >= 0)
		assert_int_equal(ftruncate(fd, length), 0);
	else
		assert_int_equal(pwrite(fd, "x!", 2, 5000), 2);
	close(fd);
}

static void
all_objects_are_copied_once(void **state)
{
	struct pair *p = *state;

	assert_int_equal(mirror_run(&p->how, &p->done), 0);
	assert_int_equal(p->done.copied, OBJECTS);
	for (size_t i = 0; i < OBJECTS; i++) {
		OWNED(object) o = NULL;

		assert_int_equal(store_header(p->to, &p->names[i], OBJECT_CHUNK,
				     &o),
		    0);
	}
	assert_int_equal(mirror_run(&p->how, &p->done), 0);
	assert_int_equal(p->done.copied, 0);
	assert_int_equal(p->done.objects, OBJECTS);
	assert_int_equal(p->bad, 0);
}

static void
a_damaged_object_is_told_and_not_copied(void **state)
{
	struct pair *p = *state;
	uint64_t size;

	damage(&p->a, &p->names[3], -1);
	assert_int_equal(mirror_run(&p->how, &p->done), 0);
	assert_int_equal(p->bad, 1);
	assert_int_equal(p->missing, 0);
	assert_true(digest_equal(&p->last_bad, &p->names[3]));
	assert_int_equal(p->done.copied, OBJECTS - 1);
	assert_int_equal(store_has(p->to, &p->names[3], &size), ERR_NOT_FOUND);
}

static void
one_cut_short_and_one_that_is_gone_are_told(void **state)
{
	struct pair *p = *state;

	damage(&p->a, &p->names[0], 100);
	assert_int_equal(store_remove(p->from, &p->names[1]), 0);
	assert_int_equal(mirror_run(&p->how, &p->done), 0);
	assert_int_equal(p->bad, 2);
	assert_int_equal(p->missing, 1);
	assert_int_equal(p->done.copied, OBJECTS - 2);
}

/* What the vault has lost stays in the backup. */
static void
a_damaged_object_does_not_replace_a_sound_copy(void **state)
{
	struct pair *p = *state;
	OWNED(object) o = NULL;
	uint8_t byte[2];
	size_t got;

	assert_int_equal(mirror_run(&p->how, &p->done), 0);
	damage(&p->a, &p->names[5], -1);
	p->how.read_all = true;
	assert_int_equal(mirror_run(&p->how, &p->done), 0);
	assert_int_equal(p->bad, 0);
	assert_int_equal(p->done.copied, 0);
	assert_int_equal(store_header(p->to, &p->names[5], OBJECT_CHUNK, &o),
	    0);
	assert_int_equal(store_get(p->to, &p->names[5], 5000, byte, 2, &got),
	    0);
	assert_memory_not_equal(byte, "x!", 2);
}

static void
a_copy_of_another_length_is_replaced(void **state)
{
	struct pair *p = *state;

	assert_int_equal(mirror_run(&p->how, &p->done), 0);
	damage(&p->b, &p->names[2], 777);
	assert_int_equal(mirror_run(&p->how, &p->done), 0);
	assert_int_equal(p->done.copied, 1);
}

static void
a_damaged_copy_is_mended_when_all_is_read(void **state)
{
	struct pair *p = *state;

	assert_int_equal(mirror_run(&p->how, &p->done), 0);
	damage(&p->b, &p->names[2], -1);
	assert_int_equal(mirror_run(&p->how, &p->done), 0);
	assert_int_equal(p->done.copied, 0);
	p->how.read_all = true;
	assert_int_equal(mirror_run(&p->how, &p->done), 0);
	assert_int_equal(p->done.copied, 1);
}

static void
it_stops_when_told(void **state)
{
	struct pair *p = *state;

	p->stop = true;
	assert_int_equal(mirror_run(&p->how, &p->done), ERR_CONFLICT);
	assert_int_equal(p->done.copied, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		TEST(all_objects_are_copied_once),
		TEST(a_damaged_object_is_told_and_not_copied),
		TEST(one_cut_short_and_one_that_is_gone_are_told),
		TEST(a_damaged_object_does_not_replace_a_sound_copy),
		TEST(a_copy_of_another_length_is_replaced),
		TEST(a_damaged_copy_is_mended_when_all_is_read),
		TEST(it_stops_when_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
