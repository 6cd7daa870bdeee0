/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/tensor.h"

#define OWNED_LIST                                                             \
	__attribute__((cleanup(tensor_list_clear))) struct tensor_list

static void
add(struct tensor_list *l, uint32_t file, uint64_t offset, const char *name)
{
	const struct tensor t = {
		.file = file,
		.offset = offset,
		.length = 24,
		.type = TENSOR_F32,
		.dims = 2,
		.shape = { 2, 3 },
	};

	assert_int_equal(tensor_list_add(l, &t, strdup(name)), 0);
}

static void
three(struct tensor_list *l)
{
	add(l, 0, 100, "a.weight");
	add(l, 0, 124, "b.weight");
	add(l, 3, 0, "");
	l->items[1].dims = 0;
	l->items[2].dims = TENSOR_DIMS_MAX;
	l->items[2].shape[7] = UINT64_MAX;
	l->items[2].type = TENSOR_GGML + 12;
}

static int
parse(const uint8_t *bytes, size_t n)
{
	OWNED_MEM(uint8_t) copy = malloc(n > 0 ? n : 1);
	OWNED_LIST l = { 0 };

	memcpy(copy, bytes, n);
	return tensor_index_parse(&l, copy, n);
}

static void
an_index_comes_back_as_it_was_written(void **state)
{
	OWNED_LIST l = { 0 };
	OWNED_LIST again = { 0 };
	OWNED_WRITER w = writer_of(1 << 20);

	(void)state;
	three(&l);
	assert_int_equal(tensor_index_write(&l, &w), 0);
	assert_int_equal(tensor_index_parse(&again, w.bytes, w.length), 0);
	assert_int_equal(again.count, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct tensor *a = &l.items[i], *b = &again.items[i];

		assert_string_equal(a->name, b->name);
		assert_int_equal(a->file, b->file);
		assert_true(a->offset == b->offset && a->length == b->length);
		assert_int_equal(a->type, b->type);
		assert_int_equal(a->dims, b->dims);
		assert_memory_equal(a->shape, b->shape,
		    a->dims * sizeof(a->shape[0]));
	}
}

static void
an_empty_index_is_one_too(void **state)
{
	OWNED_LIST l = { 0 };
	OWNED_WRITER w = writer_of(1 << 20);

	(void)state;
	assert_int_equal(tensor_index_write(&l, &w), 0);
	assert_int_equal(w.length, 16);
	assert_memory_equal(w.bytes, "weirtns\n\1\0\0\0\0\0\0\0", 16);
	assert_int_equal(parse(w.bytes, w.length), 0);
}

static void
every_truncation_and_extension_is_refused(void **state)
{
	OWNED_LIST l = { 0 };
	OWNED_WRITER w = writer_of(1 << 20);

	(void)state;
	three(&l);
	assert_int_equal(tensor_index_write(&l, &w), 0);
	for (size_t n = 0; n < w.length; n++)
		assert_int_equal(parse(w.bytes, n), ERR_FORMAT);
	writer_u8(&w, 0);
	assert_int_equal(parse(w.bytes, w.length), ERR_FORMAT);
}

static void
a_flipped_bit_is_refused_or_is_another_index(void **state)
{
	OWNED_LIST l = { 0 };
	OWNED_WRITER w = writer_of(1 << 20);

	(void)state;
	three(&l);
	assert_int_equal(tensor_index_write(&l, &w), 0);
	for (size_t bit = 0; bit < 8 * w.length; bit++) {
		OWNED_LIST other = { 0 };
		OWNED_WRITER again = writer_of(1 << 20);
		int err;

		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		err = tensor_index_parse(&other, w.bytes, w.length);
		if (bit < 8 * 16)
			assert_int_equal(err, ERR_FORMAT);
		if (err == 0) {
			assert_int_equal(tensor_index_write(&other, &again), 0);
			assert_int_equal(again.length, w.length);
			assert_memory_equal(again.bytes, w.bytes, w.length);
		} else {
			assert_int_equal(err, ERR_FORMAT);
		}
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Write two tensors with the second changed by hand: into the index, past
 * the writer's own checks. */
static int
write_and_parse(const struct tensor *second)
{
	const struct tensor first = { .file = 1,
		.offset = 8,
		.length = 8,
		.type = TENSOR_U8,
		.name = (char[]){ "m" } };
	const struct tensor *all[] = { &first, second };
	OWNED_WRITER w = writer_of(1 << 20);

	writer_bytes(&w, "weirtns\n\1\0\0\0\2\0\0\0", 16);
	for (size_t i = 0; i < 2; i++) {
		writer_u32(&w, all[i]->file);
		writer_u64(&w, all[i]->offset);
		writer_u64(&w, all[i]->length);
		writer_u8(&w, all[i]->type);
		writer_u8(&w, all[i]->dims);
		for (unsigned int d = 0; d < all[i]->dims && d < 8; d++)
			writer_u64(&w, all[i]->shape[d]);
		writer_string(&w, all[i]->name);
	}
	return parse(w.bytes, w.length);
}

static void
rules_of_an_index_are_checked(void **state)
{
	const struct tensor good = { .file = 1,
		.offset = 8,
		.length = 8,
		.type = TENSOR_U8,
		.dims = 8,
		.name = (char[]){ "n" } };
	struct tensor t = good;
	static char name[TENSOR_NAME_MAX + 2];

	(void)state;
	assert_int_equal(write_and_parse(&t), 0);
	t.name = (char[]){ "m" }; /* equal */
	assert_int_equal(write_and_parse(&t), ERR_FORMAT);
	t.name = (char[]){ "l" };
	assert_int_equal(write_and_parse(&t), ERR_FORMAT);
	t.offset = 9;
	assert_int_equal(write_and_parse(&t), 0);
	t.file = 0;
	assert_int_equal(write_and_parse(&t), ERR_FORMAT);
	t = good;
	t.offset = 7;
	assert_int_equal(write_and_parse(&t), ERR_FORMAT);
	t = good;
	t.dims = 9;
	assert_int_equal(write_and_parse(&t), ERR_FORMAT);
	t = good;
	t.length = UINT64_MAX - 8;
	assert_int_equal(write_and_parse(&t), 0);
	t.length++;
	assert_int_equal(write_and_parse(&t), ERR_FORMAT);
	t = good;
	memset(name, 'n', TENSOR_NAME_MAX);
	t.name = name;
	assert_int_equal(write_and_parse(&t), 0);
	name[TENSOR_NAME_MAX] = 'n';
	assert_int_equal(write_and_parse(&t), ERR_FORMAT);
}

static void
types_without_a_name_are_refused(void **state)
{
	struct tensor t = { .file = 2, .name = (char[]){ "n" } };

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		t.type = (uint8_t)type;
		if (strcmp(tensor_type_name(t.type), "unknown") != 0)
			assert_int_equal(write_and_parse(&t), 0);
		else
			assert_int_equal(write_and_parse(&t), ERR_FORMAT);
	}
}

static void
types_have_the_names_that_people_know(void **state)
{
	(void)state;
	assert_string_equal(tensor_type_name(TENSOR_BF16), "bf16");
	assert_string_equal(tensor_type_name(TENSOR_F8_E5M2FNUZ),
	    "f8_e5m2fnuz");
	assert_string_equal(tensor_type_name(TENSOR_GGML + 12), "ggml-q4_k");
	assert_string_equal(tensor_type_name(TENSOR_GGML + 4), "unknown");
	assert_string_equal(tensor_type_name(255), "unknown");
	assert_string_equal(tensor_type_name(0), "unknown");
	/* The numbers are in the format. */
	assert_int_equal(TENSOR_F32, 12);
	assert_int_equal(TENSOR_F8_E5M2FNUZ, 22);
}

static void
the_writer_refuses_what_the_parser_would(void **state)
{
	OWNED_LIST l = { 0 };
	OWNED_WRITER w = writer_of(1 << 20);
	OWNED_WRITER small = writer_of(16 + 24 + 16);

	(void)state;
	add(&l, 0, 5, "x");
	assert_int_equal(tensor_index_write(&l, &small), ERR_LIMIT);
	add(&l, 0, 4, "y");
	assert_int_equal(tensor_index_write(&l, &w), ERR_FORMAT);
	tensor_list_sort(&l);
	writer_reset(&w);
	assert_int_equal(tensor_index_write(&l, &w), 0);
	l.items[0].type = 23;
	assert_int_equal(tensor_index_write(&l, &w), ERR_FORMAT);
}

static void
sorting_goes_by_file_then_offset_then_name(void **state)
{
	OWNED_LIST l = { 0 };

	(void)state;
	tensor_list_sort(&l);
	add(&l, 2, 1, "e");
	add(&l, 1, 9, "d");
	add(&l, 1, 3, "c");
	add(&l, 1, 3, "b");
	add(&l, 0, UINT64_MAX, "a");
	tensor_list_sort(&l);
	for (size_t i = 0; i < l.count; i++)
		assert_int_equal(l.items[i].name[0], 'a' + (int)i);
}

static void
a_hundred_thousand_tensors_are_normal(void **state)
{
	OWNED_LIST l = { 0 };
	OWNED_LIST again = { 0 };
	OWNED_WRITER w = writer_of(64 << 20);

	(void)state;
	for (uint32_t i = 0; i < 100000; i++) {
		char name[40];

		snprintf(name, sizeof(name), "model.layers.%u.weight", i);
		add(&l, 0, (99999 - i) * UINT64_C(24), name);
	}
	tensor_list_sort(&l);
	assert_int_equal(tensor_index_write(&l, &w), 0);
	assert_int_equal(tensor_index_parse(&again, w.bytes, w.length), 0);
	assert_int_equal(again.count, 100000);
	assert_string_equal(again.items[0].name, "model.layers.99999.weight");
}

static void
out_of_memory_is_an_error_and_leaks_nothing(void **state)
{
	OWNED_LIST l = { 0 };
	OWNED_WRITER w = writer_of(1 << 20);
	unsigned int n;

	(void)state;
	three(&l);
	assert_int_equal(tensor_index_write(&l, &w), 0);
	for (n = 1;; n++) {
		OWNED_LIST out = { 0 };
		int err;

		fault_fail(FAULT_MEMORY, n, 0);
		err = tensor_index_parse(&out, w.bytes, w.length);
		if (!fault_off()) {
			assert_int_equal(err, 0);
			break;
		}
		assert_int_equal(err, ERR_NOMEM);
		assert_null(out.items);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_comes_back_as_it_was_written),
		cmocka_unit_test(an_empty_index_is_one_too),
		cmocka_unit_test(every_truncation_and_extension_is_refused),
		cmocka_unit_test(a_flipped_bit_is_refused_or_is_another_index),
		cmocka_unit_test(rules_of_an_index_are_checked),
		cmocka_unit_test(types_without_a_name_are_refused),
		cmocka_unit_test(types_have_the_names_that_people_know),
		cmocka_unit_test(the_writer_refuses_what_the_parser_would),
		cmocka_unit_test(sorting_goes_by_file_then_offset_then_name),
		cmocka_unit_test(a_hundred_thousand_tensors_are_normal),
		cmocka_unit_test(out_of_memory_is_an_error_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
