/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/lib/sample.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/object.h"

static const uint8_t key[KEY_SIZE] = "the key of these tests, number a";

/* Lengths about those of blocks, segments, and as many blocks as lanes. */
static const size_t lengths[] = { 1, 32767, 32768, 32769, 65536, 65537, 98304,
	480 << 10, 512 << 10, (512 << 10) + 1, OBJECT_CHUNK_MAX, 70000, 3 };
#define COUNT (sizeof(lengths) / sizeof(lengths[0]))

/* Chunks where a caller keeps them; every third one compresses. */
struct scene {
	struct codec_packer *packer;
	struct lanes *lanes;
	uint8_t *plain[COUNT];
	uint8_t *room[COUNT];
	struct object_payload *payloads[COUNT];
};

static void
scene_init(struct scene *s)
{
	*s = (struct scene){ 0 };
	assert_int_equal(codec_packer_new(&s->packer, CODEC_AUTO), 0);
	assert_int_equal(lanes_new(&s->lanes, LANES_FASTER), 0);
	for (size_t i = 0; i < COUNT; i++) {
		struct object_plain plain = { .length = lengths[i],
			.packer = s->packer };

		s->plain[i] = sample_noise(lengths[i], i);
		if (i % 3 == 2)
			memset(s->plain[i], 'x', lengths[i]);
		s->room[i] = malloc(OBJECT_CHUNK_HEAD + lengths[i]);
		assert_non_null(s->room[i]);
		plain.bytes = s->room[i] + OBJECT_CHUNK_HEAD;
		memcpy(plain.bytes, s->plain[i], lengths[i]);
		assert_int_equal(object_payload_over(&s->payloads[i], &plain),
		    0);
	}
}

static void
scene_free(struct scene *s)
{
	for (size_t i = 0; i < COUNT; i++) {
		object_payload_free(s->payloads[i]);
		free(s->room[i]);
		free(s->plain[i]);
	}
	lanes_free(s->lanes);
	codec_packer_free(s->packer);
}

static void
chunks_have_together_the_sealing_digests_of_each_alone(void **state)
{
	__attribute__((cleanup(scene_free))) struct scene s;
	struct digest together[COUNT], alone;

	(void)state;
	scene_init(&s);
	assert_int_equal(object_sealing_digests(together, s.payloads, COUNT,
			     s.lanes),
	    0);
	for (size_t i = 0; i < COUNT; i++) {
		OWNED(object_payload) p = NULL;

		assert_int_equal(object_payload_new(&p, OBJECT_CHUNK, 0,
				     s.plain[i], lengths[i]),
		    0);
		assert_int_equal(object_sealing_digest(&alone, p, NULL), 0);
		assert_true(digest_equal(&together[i], &alone));
	}
}

static void
chunks_sealed_in_place_are_the_objects_of_each_alone(void **state)
{
	__attribute__((cleanup(scene_free))) struct scene s;
	struct object_sealing sealing[COUNT] = { 0 };

	(void)state;
	scene_init(&s);
	for (size_t i = 0; i < COUNT; i++) {
		sealing[i].payload = s.payloads[i];
		sealing[i].key = key;
	}
	assert_int_equal(object_seal_chunks(sealing, COUNT, s.lanes), 0);
	for (size_t i = 0; i < COUNT; i++) {
		OWNED_SAMPLE alone = sample_chunk(s.plain[i], lengths[i], key);

		assert_true(digest_equal(&sealing[i].name, &alone.name));
		assert_int_equal(sealing[i].header_length, alone.header_length);
		assert_int_equal(sealing[i].length, alone.w.length);
		assert_memory_equal(sealing[i].bytes, alone.w.bytes,
		    alone.w.length);
		assert_in_range(sealing[i].bytes - s.room[i], 0,
		    OBJECT_CHUNK_HEAD);
	}
}

/* Bytes of plain that are where it lay, one after another. */
static bool
is_there(const uint8_t *room, const uint8_t *plain, size_t n)
{
	return memcmp(room + OBJECT_CHUNK_HEAD, plain, n) == 0;
}

static void
plain_bytes_are_wiped_when_a_payload_goes(void **state)
{
	__attribute__((cleanup(scene_free))) struct scene s;
	static const uint8_t zeros[65536];
	struct object_sealing sealing = { .key = key };

	(void)state;
	scene_init(&s);
	/* Never sealed. */
	assert_true(is_there(s.room[4], s.plain[4], lengths[4]));
	object_payload_free(s.payloads[4]);
	s.payloads[4] = NULL;
	assert_memory_equal(s.room[4] + OBJECT_CHUNK_HEAD, zeros, lengths[4]);
	/* Sealed shorter than it was: what lies behind the sealed bytes. */
	assert_int_equal(lengths[5], 65537);
	sealing.payload = s.payloads[5];
	assert_int_equal(object_seal_chunks(&sealing, 1, s.lanes), 0);
	assert_in_range(sealing.length, 1, 1000);
	assert_int_equal(s.room[5][OBJECT_CHUNK_HEAD + 60000], 'x');
	object_payload_free(s.payloads[5]);
	s.payloads[5] = NULL;
	assert_int_equal(s.room[5][OBJECT_CHUNK_HEAD + 60000], 0);
	assert_memory_equal(s.room[5] + OBJECT_CHUNK_HEAD + 1000, zeros, 64000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    chunks_have_together_the_sealing_digests_of_each_alone),
		cmocka_unit_test(
		    chunks_sealed_in_place_are_the_objects_of_each_alone),
		cmocka_unit_test(plain_bytes_are_wiped_when_a_payload_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
