/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/source.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/gguf.h"
#include "vault/writer.h"

enum { U8 = 0, U32 = 4, BOOL = 7, STRING = 8, ARRAY = 9, U64 = 10 };
enum { F32 = 0, Q4_0 = 2, Q4_K = 12, BF16 = 30 };

struct parsed {
	char why[200];
	struct tensor_list tensors;
	uint64_t header_bytes;
};

static int
parse_bytes(struct parsed *p, const uint8_t *bytes, size_t n)
{
	struct model_source src = source_of(bytes, n);
	struct why why = { p->why, sizeof(p->why) };

	p->why[0] = '\0';
	tensor_list_clear(&p->tensors);
	return gguf_parse(&p->tensors, &p->header_bytes, &src, &why);
}

/* Parse what w holds, which is freed; why it was refused is looked for. */
static void
expect(int err, const char *why, struct writer *w)
{
	struct parsed p = { 0 };
	int got;

	assert_true(writer_ok(w));
	got = parse_bytes(&p, w->bytes, w->length);
	if (got != err || (why != NULL && strstr(p.why, why) == NULL))
		fail_msg("%d \"%s\", not %d \"%s\"", got, p.why, err, why);
	if (err != 0)
		assert_true(p.why[0] != '\0' && p.tensors.count == 0);
	tensor_list_clear(&p.tensors);
	writer_free(w);
}

static void
put_string(struct writer *w, const char *s)
{
	writer_u64(w, strlen(s));
	writer_bytes(w, s, strlen(s));
}

static struct writer
begin(uint32_t version, uint64_t tensors, uint64_t keys)
{
	struct writer w = writer_of(SIZE_MAX / 2);

	writer_bytes(&w, "GGUF", 4);
	writer_u32(&w, version);
	writer_u64(&w, tensors);
	writer_u64(&w, keys);
	return w;
}

static void
put_key(struct writer *w, const char *key, uint32_t type)
{
	put_string(w, key);
	writer_u32(w, type);
}

/* A tensor of one dimension. */
static void
put_tensor(struct writer *w, const char *name, uint64_t n, uint32_t type,
    uint64_t offset)
{
	put_string(w, name);
	writer_u32(w, 1);
	writer_u64(w, n);
	writer_u32(w, type);
	writer_u64(w, offset);
}

static void
put_data(struct writer *w, size_t alignment, size_t n)
{
	while (w->length % alignment != 0)
		writer_u8(w, 0);
	memset(writer_room(w, n), 0x5a, n);
}

/* Every kind of value, two tensors, and nothing behind their data. */
static struct writer
small(void)
{
	static const uint8_t sizes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8,
		8 };
	struct writer w = begin(3, 2, 15);
	char key[] = "kA";

	for (uint32_t type = 0; type < 13; type++) {
		if (sizes[type] == 0)
			continue;
		key[1] = (char)('A' + type);
		put_key(&w, key, type);
		memset(writer_room(&w, sizes[type]), 1, sizes[type]);
	}
	put_key(&w, "general.alignment", U32);
	writer_u32(&w, 64);
	put_key(&w, "text", STRING);
	put_string(&w, "value");
	put_key(&w, "tokens", ARRAY);
	writer_u32(&w, STRING);
	writer_u64(&w, 2);
	put_string(&w, "a");
	put_string(&w, "");
	put_key(&w, "nested", ARRAY);
	writer_u32(&w, ARRAY);
	writer_u64(&w, 1);
	writer_u32(&w, U8);
	writer_u64(&w, 3);
	writer_bytes(&w, "xyz", 3);
	put_tensor(&w, "a", 3, F32, 0);
	put_tensor(&w, "b", 256, Q4_K, 64);
	put_data(&w, 64, 64 + 144);
	assert_true(writer_ok(&w));
	return w;
}

static void
reads_tensors_and_where_the_data_begins(void **state)
{
	struct writer w = small();
	struct parsed p = { 0 };
	const struct tensor *t;

	(void)state;
	assert_int_equal(parse_bytes(&p, w.bytes, w.length), 0);
	assert_int_equal(p.header_bytes, w.length - 64 - 144);
	assert_int_equal(p.header_bytes % 64, 0);
	assert_int_equal(p.tensors.count, 2);
	t = &p.tensors.items[0];
	assert_string_equal(t->name, "a");
	assert_int_equal(t->type, TENSOR_F32);
	assert_int_equal(t->length, 12);
	assert_int_equal(t->offset, p.header_bytes);
	t = &p.tensors.items[1];
	assert_int_equal(t->type, TENSOR_GGML + Q4_K);
	assert_int_equal(t->dims, 1);
	assert_int_equal(t->shape[0], 256);
	assert_int_equal(t->length, 144);
	assert_int_equal(t->offset, p.header_bytes + 64);
	tensor_list_clear(&p.tensors);
	writer_free(&w);
}

static void
knows_versions_2_and_3(void **state)
{
	(void)state;
	for (uint32_t version = 0; version < 6; version++) {
		struct writer w = begin(version, 0, 0);
		bool known = version == 2 || version == 3;

		expect(known ? 0 : ERR_FORMAT, known ? NULL : "GGUF version",
		    &w);
	}
	{
		struct writer w = begin(0x03000000, 0, 0); /* big-endian */

		expect(ERR_FORMAT, "GGUF version", &w);
	}
	{
		struct writer w = begin(3, 0, 0);

		w.bytes[0] = 'g';
		expect(ERR_FORMAT, "magic", &w);
	}
}

static void
refuses_counts_that_the_file_cannot_hold(void **state)
{
	static const uint64_t counts[] = { 1, 1ULL << 32, 1ULL << 63,
		UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct writer tensors = begin(3, counts[i], 0);
		struct writer keys = begin(3, 0, counts[i]);
		struct writer array = begin(3, 0, 1);

		expect(ERR_FORMAT, "tensors are more than", &tensors);
		expect(ERR_FORMAT, "keys are more than", &keys);
		for (uint32_t type = 0; type < 13; type++) {
			put_key(&array, "k", ARRAY);
			writer_u32(&array, type);
			writer_u64(&array, counts[i] + 20);
			expect(ERR_FORMAT, NULL, &array);
			array = begin(3, 0, 1);
		}
		writer_free(&array);
	}
}

static void
refuses_strings_that_are_too_long(void **state)
{
	static const uint64_t lengths[] = { 1, GGUF_STRING_MAX,
		GGUF_STRING_MAX + 1, UINT64_MAX - 8 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct writer w = begin(3, 0, 1);

		put_key(&w, "k", STRING);
		writer_u64(&w, lengths[i]);
		expect(ERR_FORMAT,
		    lengths[i] > GGUF_STRING_MAX ? "key 'k': a string of" :
						   "file ends",
		    &w);

		w = begin(3, 0, 1);
		writer_u64(&w, lengths[i] + 8);
		writer_u64(&w, 0);
		expect(ERR_FORMAT, "key 0: its name has", &w);
	}
}

static void
refuses_value_types_it_does_not_know(void **state)
{
	struct writer w = begin(3, 0, 1);

	(void)state;
	put_key(&w, "k", 13);
	writer_u64(&w, 0);
	expect(ERR_FORMAT, "key 'k': value type 13 is not known", &w);
}

static void
refuses_a_key_that_stands_twice(void **state)
{
	struct writer w = begin(3, 0, 3);

	(void)state;
	put_key(&w, "twin", U8);
	writer_u8(&w, 1);
	put_key(&w, "other", U8);
	writer_u8(&w, 1);
	put_key(&w, "twin", BOOL);
	writer_u8(&w, 1);
	expect(ERR_FORMAT, "key 'twin': stands twice", &w);
}

static void
wants_an_alignment_that_is_a_power_of_two(void **state)
{
	static const struct {
		uint32_t value;
		int err;
	} cases[] = { { 1, 0 }, { 32, 0 }, { 4096, 0 }, { 0, ERR_FORMAT },
		{ 3, ERR_FORMAT }, { 33, ERR_FORMAT },
		{ UINT32_MAX, ERR_FORMAT } };
	struct writer w;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w = begin(3, 1, 1);
		put_key(&w, "general.alignment", U32);
		writer_u32(&w, cases[i].value);
		put_tensor(&w, "a", 1, F32, 0);
		put_data(&w, cases[i].err == 0 ? cases[i].value : 1, 4);
		expect(cases[i].err, cases[i].err != 0 ? "power of two" : NULL,
		    &w);
	}
	w = begin(3, 0, 1);
	put_key(&w, "general.alignment", U64);
	writer_u64(&w, 32);
	expect(ERR_FORMAT, "is not a u32", &w);
}

/* One array in another, depth of them. */
static struct writer
nested(unsigned int depth)
{
	struct writer w = begin(3, 0, 1);

	put_key(&w, "k", ARRAY);
	for (unsigned int i = 0; i + 1 < depth; i++) {
		writer_u32(&w, ARRAY);
		writer_u64(&w, 1);
	}
	writer_u32(&w, U8);
	writer_u64(&w, 1);
	writer_u8(&w, 0);
	return w;
}

static void
holds_its_limits_at_n_and_one_more(void **state)
{
	char name[GGUF_NAME_MAX + 2] = "";
	struct writer w;

	(void)state;
	w = nested(GGUF_NESTING_MAX);
	expect(0, NULL, &w);
	w = nested(GGUF_NESTING_MAX + 1);
	expect(ERR_LIMIT, "key 'k': arrays nested deeper than 4", &w);
	w = nested(100000);
	expect(ERR_LIMIT, "nested", &w);

	for (size_t n = GGUF_NAME_MAX; n <= GGUF_NAME_MAX + 1; n++) {
		memset(name, 'n', n);
		w = begin(3, 1, 0);
		put_tensor(&w, name, 1, F32, 0);
		put_data(&w, 32, 4);
		expect(n > GGUF_NAME_MAX ? ERR_FORMAT : 0,
		    n > GGUF_NAME_MAX ? "name has 64 bytes" : NULL, &w);
	}
	for (uint32_t dims = GGUF_DIMS_MAX; dims <= GGUF_DIMS_MAX + 1; dims++) {
		w = begin(3, 1, 0);
		put_string(&w, "a");
		writer_u32(&w, dims);
		for (uint32_t i = 0; i < dims; i++)
			writer_u64(&w, 1);
		writer_u32(&w, F32);
		writer_u64(&w, 0);
		put_data(&w, 32, 4);
		expect(dims > GGUF_DIMS_MAX ? ERR_FORMAT : 0,
		    dims > GGUF_DIMS_MAX ? "tensor 'a': 5 dimensions" : NULL,
		    &w);
	}
}

static void
holds_its_limits_on_counts(void **state)
{
	struct writer w;

	(void)state;
	for (unsigned int over = 0; over <= 1; over++) {
		w = begin(3, 0, GGUF_KEYS_MAX + over);
		for (unsigned int i = 0; i < GGUF_KEYS_MAX + over; i++) {
			writer_u64(&w, 4);
			writer_u32(&w, i);
			writer_u32(&w, U8);
			writer_u8(&w, 0);
		}
		expect(over ? ERR_LIMIT : 0, over ? "keys; weir takes" : NULL,
		    &w);
	}
	w = begin(3, GGUF_TENSORS_MAX + 1, 0);
	memset(writer_room(&w, 24ULL * (GGUF_TENSORS_MAX + 1)), 0,
	    24ULL * (GGUF_TENSORS_MAX + 1));
	expect(ERR_LIMIT, "tensors; weir takes", &w);
}

/* One tensor behind a string, so that its data begins at this offset. */
static struct writer
with_header(uint64_t data)
{
	struct writer w = begin(3, 1, 1);
	struct writer end = begin(3, 0, 0);
	uint64_t before, fill;

	put_string(&w, "k");
	writer_u32(&w, STRING);
	before = w.length + 8;
	writer_reset(&end);
	put_tensor(&end, "a", 1, F32, 0);
	fill = data - before - end.length;
	writer_u64(&w, fill);
	memset(writer_room(&w, fill), 'x', fill);
	writer_bytes(&w, end.bytes, end.length);
	assert_int_equal(w.length, data);
	writer_free(&end);
	memset(writer_room(&w, 64), 0, 64);
	return w;
}

static void
holds_its_limit_on_all_before_the_data(void **state)
{
	struct writer w = with_header(GGUF_HEADER_MAX);

	(void)state;
	expect(0, NULL, &w);
	w = with_header(GGUF_HEADER_MAX + 32);
	expect(ERR_LIMIT, "longer than 128 MiB", &w);
}

static void
refuses_tensors_that_are_not_where_they_should_be(void **state)
{
	struct writer w;

	(void)state;
	w = begin(3, 1, 0);
	put_tensor(&w, "a", 1, F32, 32);
	put_data(&w, 32, 64);
	expect(ERR_FORMAT, "tensor 'a': its offset is 32 and should be 0", &w);

	w = begin(3, 2, 0);
	put_tensor(&w, "a", 9, F32, 0);
	put_tensor(&w, "b", 1, F32, 32); /* inside a */
	put_data(&w, 32, 128);
	expect(ERR_FORMAT, "tensor 'b': its offset is 32 and should be 64", &w);

	w = begin(3, 2, 0);
	put_tensor(&w, "a", 8, F32, 0);
	put_tensor(&w, "b", 1, F32, 64); /* a hole */
	put_data(&w, 32, 128);
	expect(ERR_FORMAT, "tensor 'b': its offset", &w);

	w = begin(3, 1, 0);
	put_tensor(&w, "a", 9, F32, 0);
	put_data(&w, 32, 35);
	expect(ERR_FORMAT, "tensor 'a': the file ends inside its data", &w);

	w = begin(3, 1, 0);
	put_tensor(&w, "a", 9, F32, UINT64_MAX);
	put_data(&w, 32, 36);
	expect(ERR_FORMAT, "tensor 'a': its offset", &w);
}

static void
refuses_two_tensors_of_one_name(void **state)
{
	struct writer w = begin(3, 2, 0);

	(void)state;
	put_tensor(&w, "a", 8, F32, 0);
	put_tensor(&w, "a", 8, F32, 32);
	put_data(&w, 32, 64);
	expect(ERR_FORMAT, "tensor 'a': there are two of this name", &w);
}

static void
refuses_names_that_are_not_utf8_text(void **state)
{
	struct writer w = begin(3, 1, 0);

	(void)state;
	put_tensor(&w, "\xff", 8, F32, 0);
	put_data(&w, 32, 32);
	expect(ERR_FORMAT, "tensor '\\xff': its name is not UTF-8", &w);

	w = begin(3, 1, 0);
	writer_u64(&w, 2);
	writer_u16(&w, 'a'); /* and a NUL */
	writer_u32(&w, 0);
	writer_u32(&w, F32);
	writer_u64(&w, 0);
	put_data(&w, 32, 32);
	expect(ERR_FORMAT, "its name is not UTF-8", &w);
}

static void
refuses_shapes_that_overflow(void **state)
{
	static const uint64_t shapes[][2] = { { 1ULL << 63, 1 },
		{ UINT64_MAX, 1 }, { 1ULL << 32, 1ULL << 32 },
		{ 1ULL << 62, 2 }, { 1ULL << 40, 1ULL << 22 } };

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct writer w = begin(3, 1, 0);

		put_string(&w, "a");
		writer_u32(&w, 2);
		writer_u64(&w, shapes[i][0]);
		writer_u64(&w, shapes[i][1]);
		writer_u32(&w, F32);
		writer_u64(&w, 0);
		put_data(&w, 32, 64);
		expect(ERR_FORMAT, "tensor 'a': ", &w);
	}
}

static void
refuses_element_types_and_blocks_it_does_not_know(void **state)
{
	static const uint32_t gone[] = { 4, 5, 31, 32, 33, 36, 37, 38, 41, 127,
		128, UINT32_MAX };
	struct writer w;

	(void)state;
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
		w = begin(3, 1, 0);
		put_tensor(&w, "a", 256, gone[i], 0);
		put_data(&w, 32, 4096);
		expect(ERR_FORMAT, "tensor 'a': element type", &w);
	}
	w = begin(3, 1, 0);
	put_tensor(&w, "a", 33, Q4_0, 0);
	put_data(&w, 32, 4096);
	expect(ERR_FORMAT, "rows of 33 elements are not whole blocks of 32",
	    &w);
}

static void
bytes_behind_the_last_tensor_are_allowed(void **state)
{
	struct writer w = begin(3, 1, 0);

	(void)state;
	put_tensor(&w, "a", 1, BF16, 0);
	put_data(&w, 32, 1000);
	expect(0, NULL, &w);
}

static void
is_claimed_by_magic_but_not_by_text(void **state)
{
	(void)state;
	assert_true(gguf_claimed((const uint8_t *)"GGUF\3\0\0\0", 8));
	assert_false(gguf_claimed((const uint8_t *)"GGUF is a format", 16));
	assert_false(gguf_claimed((const uint8_t *)"GGUF\3\0\0", 7));
	assert_false(gguf_claimed((const uint8_t *)"GGML\3\0\0\0", 8));
}

static void
refuses_every_truncation(void **state)
{
	struct writer w = small();
	struct parsed p = { 0 };

	(void)state;
	for (size_t n = 0; n < w.length; n++) {
		/* Exactly as long, so that ASan sees a read beyond. */
		uint8_t *bytes = malloc(n);

		memcpy(bytes, w.bytes, n);
		assert_int_equal(parse_bytes(&p, bytes, n), ERR_FORMAT);
		assert_true(p.why[0] != '\0');
		free(bytes);
	}
	writer_free(&w);
}

static void
survives_every_flipped_bit(void **state)
{
	struct writer w = small();
	struct parsed p = { 0 };
	size_t refused = 0;

	(void)state;
	for (size_t bit = 0; bit < 8 * w.length; bit++) {
		int err;

		w.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		err = parse_bytes(&p, w.bytes, w.length);
		w.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		refused += err != 0;
		assert_true(err == 0 || p.why[0] != '\0');
		for (size_t i = 0; err == 0 && i < p.tensors.count; i++)
			assert_true(p.tensors.items[i].offset +
				p.tensors.items[i].length <=
			    w.length);
	}
	assert_true(refused > 500);
	tensor_list_clear(&p.tensors);
	writer_free(&w);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_tensors_and_where_the_data_begins),
		cmocka_unit_test(knows_versions_2_and_3),
		cmocka_unit_test(refuses_counts_that_the_file_cannot_hold),
		cmocka_unit_test(refuses_strings_that_are_too_long),
		cmocka_unit_test(refuses_value_types_it_does_not_know),
		cmocka_unit_test(refuses_a_key_that_stands_twice),
		cmocka_unit_test(wants_an_alignment_that_is_a_power_of_two),
		cmocka_unit_test(holds_its_limits_at_n_and_one_more),
		cmocka_unit_test(holds_its_limits_on_counts),
		cmocka_unit_test(holds_its_limit_on_all_before_the_data),
		cmocka_unit_test(
		    refuses_tensors_that_are_not_where_they_should_be),
		cmocka_unit_test(refuses_two_tensors_of_one_name),
		cmocka_unit_test(refuses_names_that_are_not_utf8_text),
		cmocka_unit_test(refuses_shapes_that_overflow),
		cmocka_unit_test(
		    refuses_element_types_and_blocks_it_does_not_know),
		cmocka_unit_test(bytes_behind_the_last_tensor_are_allowed),
		cmocka_unit_test(is_claimed_by_magic_but_not_by_text),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(survives_every_flipped_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
