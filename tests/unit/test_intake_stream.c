/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/lib/forest.h"
#include "tests/lib/shed.h"
#include "vault/err.h"

/* A pickle that imports os.system. */
static const char evil[] = "cos\nsystem\n(S'true'\ntR.";

static void
takes_a_stream_that_fits_in_memory_as_a_file(void **state)
{
	static const size_t sizes[] = { 0, 1, 70000, 16 << 20 };
	OWNED_SHED s;
	struct intake_result a, b;

	(void)state;
	shed_init(&s);
	for (size_t i = 0; i < 4; i++) {
		OWNED_MEM(uint8_t) bytes = malloc(sizes[i] + 1);
		OWNED_MEM(char) p = forest_path(s.src, "w.dat");

		forest_bytes(bytes, sizes[i], i);
		forest_file(s.src, "w.dat", bytes, sizes[i], 0644);
		assert_int_equal(shed_put(&s, p, &a), 0);
		assert_int_equal(shed_put_stream(&s, "w.dat", bytes, sizes[i],
				     &b),
		    0);
		assert_true(digest_equal(&a.version, &b.version));
		assert_int_equal(b.totals.bytes_total, sizes[i]);
		intake_result_clear(&a);
		intake_result_clear(&b);
	}
	assert_int_equal(shed_put_stream(&s, "e.pkl", (const uint8_t *)evil,
			     sizeof(evil) - 1, &b),
	    ERR_FORMAT);
}

static void
takes_a_long_stream_in_the_largest_chunks(void **state)
{
	static const size_t sizes[] = { (16 << 20) + 1, 20 << 20,
		(20 << 20) - 1 };
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	for (size_t i = 0; i < 3; i++) {
		OWNED_MEM(uint8_t) bytes = malloc(sizes[i]);
		OWNED_MEM(char) dest = forest_path(s.scratch.path, "x0");
		OWNED_MEM(char) out = NULL;
		OWNED_MEM(char) in = forest_path(s.scratch.path, "stream");
		OWNED(version) v = NULL;
		struct intake_result r;

		forest_bytes(bytes, sizes[i], i);
		dest[strlen(dest) - 1] = (char)('0' + i);
		assert_int_equal(shed_put_stream(&s, "w", bytes, sizes[i], &r),
		    0);
		assert_int_equal(r.bytes, sizes[i]);
		assert_int_equal(r.chunks, 5);
		assert_int_equal(shed_open(&s, &r, &v), 0);
		assert_int_equal(shed_get(&s, v, dest), 0);
		out = forest_path(dest, "w");
		chmod(in, 0644);
		assert_true(forest_same(in, out));
		intake_result_clear(&r);
	}
}

static void
refuses_a_model_in_a_long_stream(void **state)
{
	static const struct {
		const char *name, *begins;
		size_t n;
	} cases[] = {
		{ "m.safetensors", "", 0 },
		{ "m.GGUF", "", 0 },
		{ "pytorch_model.bin", "", 0 },
		{ "x", "GGUF\3\0\0\0", 8 },
		{ "x", "\x80\4\x95", 3 },
		{ "x", "PK\3\4", 4 },
		{ "x", "\0\1\0\0\0\0\0\0{\"a\"", 12 },
	};
	const size_t n = (16 << 20) + 1;
	OWNED_MEM(uint8_t) bytes = malloc(n);
	struct intake_result r;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		forest_bytes(bytes, n, 3);
		memcpy(bytes, cases[i].begins, cases[i].n);
		shed_hush(&s);
		assert_int_equal(shed_put_stream(&s, cases[i].name, bytes, n,
				     &r),
		    ERR_FORMAT);
		assert_non_null(strstr(s.lines, "give it as a file"));
	}
	forest_bytes(bytes, n, 3);
	assert_int_equal(shed_put_stream(&s, "x", bytes, n, &r), 0);
	intake_result_clear(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_stream_that_fits_in_memory_as_a_file),
		cmocka_unit_test(takes_a_long_stream_in_the_largest_chunks),
		cmocka_unit_test(refuses_a_model_in_a_long_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
