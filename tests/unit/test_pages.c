/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "keys/pages.h"
#include "tests/lib/desk.h"
#include "tests/lib/test.h"
#include "vault/log.h"

#define MODELS 10

/* A vault with models m0, m1, ..., and how often the key of one was asked for:
 * that is how often its manifest was fetched. */
struct shelf {
	struct desk d;
	struct desk_person owner;
	struct catalogue_version versions[MODELS];
	unsigned int fetched;
};

struct asked {
	struct shelf *s;
	uint64_t upload;
};

static int
setup(void **state)
{
	struct shelf *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	log_sink(test_hush, NULL);
	desk_new(&s->d, true);
	desk_person_come(&s->owner, &s->d, 0);
	for (size_t i = 0; i < MODELS; i++) {
		const size_t size = i + 1;
		struct digest version;
		char model[8];

		snprintf(model, sizeof(model), "m%zu", i);
		assert_int_equal(desk_put(&s->owner, model, &size, 1, &version),
		    0);
		assert_int_equal(catalogue_version_get(s->d.catalogue, model,
				     &version, &s->versions[i]),
		    0);
	}
	*state = s;
	return 0;
}

static int
teardown(void **state)
{
	struct shelf *s = *state;

	desk_person_go(&s->owner);
	desk_free(&s->d);
	free(s);
	return 0;
}

static int
key_of(void *arg, struct version_key **out)
{
	const struct asked *a = arg;
	OWNED_MEM(uint8_t) wrapped = NULL;
	size_t n;

	a->s->fetched++;
	assert_int_equal(catalogue_upload_key(a->s->d.catalogue, a->upload,
			     &wrapped, &n),
	    0);
	return keyring_open_version(a->s->d.keyring, a->upload, wrapped, n,
	    out);
}

static void
ask(struct shelf *s, struct pages *p, size_t i)
{
	struct asked a = { .s = s, .upload = s->versions[i].upload };
	const struct pages_version v = {
		.version = s->versions[i].version,
		.object = s->versions[i].object,
		.key = key_of,
		.arg = &a,
	};
	const struct manifest *m;

	assert_int_equal(pages_manifest(p, &v, &m), 0);
	assert_int_equal(m->total_bytes, i + 1);
}

static void
manifests_that_were_used_last_are_held(void **state)
{
	struct shelf *s = *state;
	OWNED(pages) p = NULL;

	assert_int_equal(pages_new(&p, s->d.store, 1 << 20), 0);
	for (int twice = 0; twice < 2; twice++)
		for (size_t i = 0; i < PAGES_MANIFESTS; i++)
			ask(s, p, i);
	assert_int_equal(s->fetched, PAGES_MANIFESTS);
	ask(s, p, 0);
	ask(s, p, PAGES_MANIFESTS); /* in the place of 1 */
	assert_int_equal(s->fetched, PAGES_MANIFESTS + 1);
	ask(s, p, 0);
	assert_int_equal(s->fetched, PAGES_MANIFESTS + 1);
	ask(s, p, 1);
	assert_int_equal(s->fetched, PAGES_MANIFESTS + 2);
}

/* Eight great ones are not held, however few they are. */
static void
manifests_take_so_much_memory_and_no_more(void **state)
{
	struct shelf *s = *state;
	OWNED(pages) one = NULL;
	OWNED(pages) few = NULL;

	assert_int_equal(pages_new(&one, s->d.store, 1), 0);
	ask(s, one, 0);
	ask(s, one, 0);
	assert_int_equal(s->fetched, 1);
	ask(s, one, 1);
	ask(s, one, 0);
	assert_int_equal(s->fetched, 3);

	/* A small manifest takes some 250 to 500 bytes. */
	s->fetched = 0;
	assert_int_equal(pages_new(&few, s->d.store, 1500), 0);
	for (size_t i = 0; i < PAGES_MANIFESTS; i++)
		ask(s, few, i);
	ask(s, few, PAGES_MANIFESTS - 1);
	ask(s, few, PAGES_MANIFESTS - 2);
	assert_int_equal(s->fetched, PAGES_MANIFESTS);
	ask(s, few, 0);
	ask(s, few, 1);
	assert_int_equal(s->fetched, PAGES_MANIFESTS + 2);
}

#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(manifests_that_were_used_last_are_held),
		TEST(manifests_take_so_much_memory_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
