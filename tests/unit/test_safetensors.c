/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/fuzz/source.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/safetensors.h"
#include "vault/writer.h"

#define TEXT_SIZE 200

/* Time and memory are held to their bounds where nothing else adds to them. */
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* A file: the length, the header as given, and so many bytes of data. */
struct file_bytes {
	struct writer w;
	char why[TEXT_SIZE];
	struct tensor_list tensors;
	uint64_t header_bytes;
};

static int
parse_bytes(struct file_bytes *f, const uint8_t *bytes, size_t n)
{
	struct model_source src = source_of(bytes, n);
	struct why why = { f->why, sizeof(f->why) };

	f->why[0] = '\0';
	tensor_list_clear(&f->tensors);
	return safetensors_parse(&f->tensors, &f->header_bytes, &src, &why);
}

static void
make_n(struct file_bytes *f, const char *header, size_t length, size_t data)
{
	f->w = writer_of(SIZE_MAX / 2);
	writer_u64(&f->w, length);
	writer_bytes(&f->w, header, length);
	memset(writer_room(&f->w, data), 0x5a, data);
	assert_true(writer_ok(&f->w));
}

static void
drop(struct file_bytes *f)
{
	writer_free(&f->w);
	tensor_list_clear(&f->tensors);
}

/* Parse a header over so much data; why it was refused is looked for. */
static void
expect(int err, const char *why, const char *header, size_t data)
{
	struct file_bytes f = { 0 };
	int got;

	make_n(&f, header, strlen(header), data);
	got = parse_bytes(&f, f.w.bytes, f.w.length);
	if (got != err || (why != NULL && strstr(f.why, why) == NULL))
		fail_msg("%s: %d \"%s\", not %d \"%s\"", header, got, f.why,
		    err, why);
	if (err != 0)
		assert_true(f.why[0] != '\0' && f.tensors.count == 0);
	drop(&f);
}

#define ONE(rest) "{\"a\":{\"dtype\":\"F32\"," rest "}}"

static const char small
    [] = "{\"__metadata__\":{\"format\":\"pt\"},"
	 "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[4,28]},"
	 "\"a\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[0,4]}}  ";

static void
reads_tensors_in_the_order_of_the_file(void **state)
{
	struct file_bytes f = { 0 };
	const struct tensor *t;

	(void)state;
	make_n(&f, small, strlen(small), 28);
	assert_int_equal(parse_bytes(&f, f.w.bytes, f.w.length), 0);
	assert_int_equal(f.header_bytes, 8 + strlen(small));
	assert_int_equal(f.tensors.count, 2);
	t = &f.tensors.items[0];
	assert_string_equal(t->name, "a");
	assert_int_equal(t->type, TENSOR_BF16);
	assert_int_equal(t->offset, f.header_bytes);
	assert_int_equal(t->length, 4);
	t = &f.tensors.items[1];
	assert_string_equal(t->name, "b");
	assert_int_equal(t->dims, 2);
	assert_int_equal(t->shape[1], 3);
	assert_int_equal(t->offset, f.header_bytes + 4);
	assert_int_equal(t->length, 24);
	drop(&f);
}

static void
takes_files_without_tensors(void **state)
{
	(void)state;
	expect(0, NULL, "{}", 0);
	expect(0, NULL, "{ \n\t}", 0);
	expect(0, NULL, "{\"__metadata__\":{}}", 0);
	expect(ERR_FORMAT, "last 1 bytes belong to no tensor", "{}", 1);
}

static void
takes_scalars_and_tensors_without_bytes(void **state)
{
	(void)state;
	expect(0, NULL, ONE("\"shape\":[],\"data_offsets\":[0,4]"), 4);
	expect(0, NULL, ONE("\"shape\":[0,9],\"data_offsets\":[0,0]"), 0);
	/* The empty one sorts after by name and before by place. */
	expect(0, NULL,
	    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
	    "\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
	    4);
	expect(ERR_FORMAT, "overlaps",
	    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
	    "\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[2,2]}}",
	    4);
}

static void
knows_every_dtype_and_its_bits(void **state)
{
	static const struct {
		const char *name;
		size_t bytes; /* of 8 elements */
	} dtypes[] = { { "F4", 4 }, { "F6_E2M3", 6 }, { "F6_E3M2", 6 },
		{ "BOOL", 8 }, { "U8", 8 }, { "I8", 8 }, { "F8_E5M2", 8 },
		{ "F8_E4M3", 8 }, { "F8_E8M0", 8 }, { "F8_E4M3FNUZ", 8 },
		{ "F8_E5M2FNUZ", 8 }, { "I16", 16 }, { "U16", 16 },
		{ "F16", 16 }, { "BF16", 16 }, { "I32", 32 }, { "U32", 32 },
		{ "F32", 32 }, { "C64", 64 }, { "F64", 64 }, { "I64", 64 },
		{ "U64", 64 } };

	(void)state;
	for (size_t i = 0; i < sizeof(dtypes) / sizeof(dtypes[0]); i++) {
		char header[200];

		snprintf(header, sizeof(header),
		    "{\"a\":{\"dtype\":\"%s\",\"shape\":[8],"
		    "\"data_offsets\":[0,%zu]}}",
		    dtypes[i].name, dtypes[i].bytes);
		expect(0, NULL, header, dtypes[i].bytes);
	}
	expect(ERR_FORMAT, "tensor 'a': dtype 'f32' is not known",
	    "{\"a\":{\"dtype\":\"f32\",\"shape\":[],\"data_offsets\":[0,4]}}",
	    4);
}

static void
refuses_elements_that_are_not_whole_bytes(void **state)
{
	(void)state;
	expect(ERR_FORMAT, "whole bytes",
	    "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}",
	    1);
	expect(ERR_FORMAT, "whole bytes",
	    "{\"a\":{\"dtype\":\"F6_E2M3\",\"shape\":[2],"
	    "\"data_offsets\":[0,1]}}",
	    1);
}

static void
refuses_offsets_that_do_not_fit(void **state)
{
	(void)state;
	expect(ERR_FORMAT, "before they begin",
	    ONE("\"shape\":[1],\"data_offsets\":[4,0]"), 4);
	expect(ERR_FORMAT, "and the data at 4",
	    ONE("\"shape\":[2],\"data_offsets\":[0,8]"), 4);
	expect(ERR_FORMAT, "not a beginning and an end",
	    ONE("\"shape\":[1],\"data_offsets\":[-4,0]"), 4);
	expect(ERR_FORMAT, "not a beginning and an end",
	    ONE("\"shape\":[1],\"data_offsets\":[0,4,4]"), 4);
	expect(ERR_FORMAT, "not a beginning and an end",
	    ONE("\"shape\":[1],\"data_offsets\":[0,4.0]"), 4);
	expect(ERR_FORMAT, "and the data at",
	    ONE("\"shape\":[1],\"data_offsets\":[9223372036854775803,"
		"9223372036854775807]"),
	    4);
	expect(ERR_FORMAT, "too big integer",
	    ONE("\"shape\":[1],\"data_offsets\":[0,18446744073709551615]"), 4);
}

static void
refuses_holes_and_overlaps(void **state)
{
	(void)state;
	expect(ERR_FORMAT, "tensor 'a': leaves a hole of 4 bytes",
	    ONE("\"shape\":[1],\"data_offsets\":[4,8]"), 8);
	expect(ERR_FORMAT, "tensor 'b': overlaps the tensor before it by 2",
	    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
	    "\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[2,6]}}",
	    6);
	expect(ERR_FORMAT, "tensor 'b': leaves a hole of 1 bytes",
	    "{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
	    "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[5,6]}}",
	    6);
	expect(ERR_FORMAT, "belong to no tensor",
	    ONE("\"shape\":[1],\"data_offsets\":[0,4]"), 5);
}

static void
refuses_shapes_that_overflow_or_lie(void **state)
{
	(void)state;
	expect(ERR_FORMAT, "more bytes than can be counted",
	    ONE("\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]"), 0);
	/* The product wraps to 0 before the last 0 is seen. */
	expect(ERR_FORMAT, "more bytes than can be counted",
	    ONE("\"shape\":[4294967296,4294967296,0],"
		"\"data_offsets\":[0,0]"),
	    0);
	/* The bits overflow and the elements do not. */
	expect(ERR_FORMAT, "more bytes than can be counted",
	    ONE("\"shape\":[1152921504606846976],\"data_offsets\":[0,0]"), 0);
	expect(ERR_FORMAT, "make 8 bytes, data_offsets 4",
	    ONE("\"shape\":[2],\"data_offsets\":[0,4]"), 4);
	expect(ERR_FORMAT, "not a size",
	    ONE("\"shape\":[-1],\"data_offsets\":[0,4]"), 4);
	expect(ERR_FORMAT, "not a size",
	    ONE("\"shape\":[1.0],\"data_offsets\":[0,4]"), 4);
	expect(ERR_FORMAT, "not a list",
	    ONE("\"shape\":1,\"data_offsets\":[0,4]"), 4);
}

static void
takes_eight_dimensions_and_not_nine(void **state)
{
	(void)state;
	expect(0, NULL,
	    ONE("\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]"), 4);
	expect(ERR_LIMIT, "shape has 9 dimensions",
	    ONE("\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]"), 4);
}

static void
refuses_what_stands_twice_at_every_level(void **state)
{
	(void)state;
	expect(ERR_FORMAT, "tensor 'a': there are two of this name",
	    "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
	    "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}",
	    2);
	/* The same name by another spelling. */
	expect(ERR_FORMAT, "tensor 'a': there are two of this name",
	    "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
	    "\"\\u0061\":{\"dtype\":\"U8\",\"shape\":[1],"
	    "\"data_offsets\":[1,2]}}",
	    2);
	expect(ERR_FORMAT, "duplicate object key",
	    ONE("\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]"), 4);
	expect(ERR_FORMAT, "duplicate object key",
	    "{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0);
	expect(ERR_FORMAT, "stands twice",
	    "{\"__metadata__\":{},\"\\u005f_metadata__\":{}}", 0);
}

static void
refuses_keys_that_are_not_its_own(void **state)
{
	(void)state;
	expect(ERR_FORMAT, "keys are not dtype",
	    ONE("\"shape\":[1],\"data_offsets\":[0,4],\"x\":1"), 4);
	expect(ERR_FORMAT, "keys are not dtype", ONE("\"shape\":[1]"), 4);
	expect(ERR_FORMAT, "__metadata__: the value of 'k' is not a string",
	    "{\"__metadata__\":{\"k\":1}}", 0);
	expect(ERR_FORMAT, "object should be here", "{\"__metadata__\":null}",
	    0);
	expect(ERR_FORMAT, "object should be here", "{\"a\":[]}", 0);
}

static void
refuses_json_that_is_not_strict(void **state)
{
	static const char *const bad[] = { " {}", "[]", "{} {}", "{}\n", "{",
		"{\"a\"", "{\"a\":", "{\"a\":{", "{,}",
		"{\"__metadata__\":{},}", "{\"__metadata__\" {}}",
		"{__metadata__:{}}", "{}\t",
		"{\"__metadata__\":{\"k\":\"\x01\"}}",
		"{\"__metadata__\":{\"k\":\"\xff\"}}",
		"{\"__metadata__\":{\"k\":\"\\u0000\"}}",
		"{\"__metadata__\":{\"k\":'v'}}", "{\"\xc0\x80\":{}}",
		"{\"a\\\":{}}", "{\"__metadata__\":{]}", "\xef\xbb\xbf{}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect(ERR_FORMAT, NULL, bad[i], 0);
	/* A NUL where white space may stand. */
	{
		struct file_bytes f = { 0 };

		make_n(&f, "{\0}", 3, 0);
		assert_int_equal(parse_bytes(&f, f.w.bytes, f.w.length),
		    ERR_FORMAT);
		drop(&f);
	}
}

static void
says_names_escaped_on_one_line(void **state)
{
	(void)state;
	expect(ERR_FORMAT, "tensor 'x\\x0a\\x1b[31m': the keys are",
	    "{\"x\\n\\u001b[31m\":{}}", 0);
}

static void
refuses_lengths_that_do_not_fit_the_file(void **state)
{
	static const uint64_t lengths[] = { 0, 3, 100, 100000000, 100000001,
		UINT64_MAX, UINT64_MAX - 7, 1ULL << 63 };
	struct file_bytes f = { 0 };

	(void)state;
	make_n(&f, "{}", 2, 0);
	assert_int_equal(parse_bytes(&f, f.w.bytes, f.w.length), 0);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (size_t b = 0; b < 8; b++)
			f.w.bytes[b] = (uint8_t)(lengths[i] >> 8 * b);
		assert_int_equal(parse_bytes(&f, f.w.bytes, f.w.length),
		    ERR_FORMAT);
		assert_true(f.why[0] != '\0');
	}
	drop(&f);
}

/* {} and spaces, of this length in all. */
static int
parse_spaces(size_t length)
{
	struct file_bytes f = { 0 };
	char *text = malloc(length);
	int err;

	assert_non_null(text);
	memset(text, ' ', length);
	memcpy(text, "{}", 2);
	make_n(&f, text, length, 0);
	err = parse_bytes(&f, f.w.bytes, f.w.length);
	drop(&f);
	free(text);
	return err;
}

static void
takes_a_header_of_the_maximum_and_not_a_byte_more(void **state)
{
	(void)state;
	assert_int_equal(parse_spaces(SAFETENSORS_HEADER_MAX), 0);
	assert_int_equal(parse_spaces(SAFETENSORS_HEADER_MAX + 1), ERR_FORMAT);
}

/* An object that is open, n bytes of filling, and what closes it. */
static int
parse_filled(const char *open, const char *fill, size_t n, const char *close)
{
	struct file_bytes f = { 0 };
	OWNED_WRITER w = writer_of(SIZE_MAX / 2);
	int err;

	writer_bytes(&w, open, strlen(open));
	for (size_t i = 0; i < n; i++)
		writer_u8(&w, (uint8_t)fill[i % strlen(fill)]);
	writer_bytes(&w, close, strlen(close));
	assert_true(writer_ok(&w));
	make_n(&f, (const char *)w.bytes, w.length, 1);
	err = parse_bytes(&f, f.w.bytes, f.w.length);
	drop(&f);
	return err;
}

static void
holds_its_limits_at_n_and_one_more(void **state)
{
	static const char entry[] = "{\"a\":";
	static const char value[] = "{\"dtype\":\"U8\",\"shape\":[1],"
				    "\"data_offsets\":[0,1]}";
	static const char named
	    [] = "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
	static const char rest[] =
	    "},\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
	size_t n = SAFETENSORS_ENTRY_MAX - strlen(value);
	char open[100];

	(void)state;
	snprintf(open, sizeof(open), "%s%.*s", entry, (int)strlen(value) - 1,
	    value);
	assert_int_equal(parse_filled(open, " ", n, "}}"), 0);
	assert_int_equal(parse_filled(open, " ", n + 1, "}}"), ERR_LIMIT);

	assert_int_equal(parse_filled("{\"", "n", TENSOR_NAME_MAX, named), 0);
	assert_int_equal(parse_filled("{\"", "n", TENSOR_NAME_MAX + 1, named),
	    ERR_LIMIT);

	n = SAFETENSORS_METADATA_MAX - 2;
	assert_int_equal(parse_filled("{\"__metadata__\":{", " ", n, rest), 0);
	assert_int_equal(parse_filled("{\"__metadata__\":{", " ", n + 1, rest),
	    ERR_LIMIT);
}

static void
refuses_every_truncation(void **state)
{
	struct file_bytes f = { 0 };

	(void)state;
	make_n(&f, small, strlen(small), 28);
	for (size_t n = 0; n < f.w.length; n++) {
		/* Exactly as long, so that ASan sees a read beyond. */
		uint8_t *bytes = malloc(n);

		memcpy(bytes, f.w.bytes, n);
		assert_int_equal(parse_bytes(&f, bytes, n), ERR_FORMAT);
		assert_true(f.why[0] != '\0');
		free(bytes);
	}
	drop(&f);
}

static void
survives_every_flipped_bit(void **state)
{
	struct file_bytes f = { 0 };
	size_t refused = 0;

	(void)state;
	make_n(&f, small, strlen(small), 28);
	for (size_t bit = 0; bit < 8 * f.w.length; bit++) {
		int err;

		f.w.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		err = parse_bytes(&f, f.w.bytes, f.w.length);
		f.w.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		refused += err != 0;
		assert_true(err == 0 || f.why[0] != '\0');
		for (size_t i = 0; err == 0 && i < f.tensors.count; i++)
			assert_true(f.tensors.items[i].offset +
				f.tensors.items[i].length <=
			    f.w.length);
	}
	assert_true(refused > 800);
	drop(&f);
}

static void
reads_100000_tensors_in_a_second(void **state)
{
	struct file_bytes f = { 0 };
	OWNED_WRITER w = writer_of(SIZE_MAX / 2);
	struct timespec from, to;
	double seconds;

	(void)state;
	writer_u8(&w, '{');
	for (unsigned int i = 0; i < 100000; i++) {
		char text[200];
		int n = snprintf(text, sizeof(text),
		    "%s\"model.layers.%u.self_attn.q_proj.weight\":{"
		    "\"dtype\":\"BF16\",\"shape\":[2,4],\"data_offsets\":"
		    "[%u,%u]}",
		    i > 0 ? "," : "", i, 16 * i, 16 * i + 16);

		writer_bytes(&w, text, (size_t)n);
	}
	writer_u8(&w, '}');
	make_n(&f, (const char *)w.bytes, w.length, 1600000);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	assert_int_equal(parse_bytes(&f, f.w.bytes, f.w.length), 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	assert_int_equal(f.tensors.count, 100000);
	seconds = (double)(to.tv_sec - from.tv_sec) +
	    (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	print_message("# 100,000 tensors: %.2f s\n", seconds);
	assert_true(SANITIZED || seconds < 1);
	drop(&f);
}

static long
peak_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

/* What jansson alone would make gigabytes of. */
static void
hostile_headers_take_little_memory(void **state)
{
	const size_t n = 20U << 20;
	long before;

	(void)state;
	before = peak_kib();
	assert_int_equal(parse_filled("{\"a\":{\"x\":[", "[],", n, "[]]}}"),
	    ERR_FORMAT);
	assert_int_equal(parse_filled("{\"a\":", "[", n, "}"), ERR_FORMAT);
	assert_int_equal(parse_filled("{\"__metadata__\":{\"x\":[", "[],", n,
			     "[]]}}"),
	    ERR_FORMAT);
	assert_int_equal(parse_filled("{\"a\":{\"shape\":[", "1,", n, "1]}}"),
	    ERR_LIMIT);
	/* Bytes of the file itself, twice while a writer grows. */
	assert_true(SANITIZED || peak_kib() - before < 200 * 1024);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_headers_take_little_memory),
		cmocka_unit_test(reads_tensors_in_the_order_of_the_file),
		cmocka_unit_test(takes_files_without_tensors),
		cmocka_unit_test(takes_scalars_and_tensors_without_bytes),
		cmocka_unit_test(knows_every_dtype_and_its_bits),
		cmocka_unit_test(refuses_elements_that_are_not_whole_bytes),
		cmocka_unit_test(refuses_offsets_that_do_not_fit),
		cmocka_unit_test(refuses_holes_and_overlaps),
		cmocka_unit_test(refuses_shapes_that_overflow_or_lie),
		cmocka_unit_test(takes_eight_dimensions_and_not_nine),
		cmocka_unit_test(refuses_what_stands_twice_at_every_level),
		cmocka_unit_test(refuses_keys_that_are_not_its_own),
		cmocka_unit_test(refuses_json_that_is_not_strict),
		cmocka_unit_test(says_names_escaped_on_one_line),
		cmocka_unit_test(refuses_lengths_that_do_not_fit_the_file),
		cmocka_unit_test(
		    takes_a_header_of_the_maximum_and_not_a_byte_more),
		cmocka_unit_test(holds_its_limits_at_n_and_one_more),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(survives_every_flipped_bit),
		cmocka_unit_test(reads_100000_tensors_in_a_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
