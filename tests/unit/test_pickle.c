/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/source.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/imports.h"
#include "vault/memo.h"
#include "vault/pickle.h"
#include "vault/writer.h"

struct listed {
	struct model_imports imports;
	char why[256];
};

static int
list(struct listed *l, const void *bytes, size_t n)
{
	struct model_source src = source_of(bytes, n);
	struct why why = { l->why, sizeof(l->why) };
	OWNED_STREAM s = { 0 };

	l->why[0] = '\0';
	model_imports_clear(&l->imports);
	assert_int_equal(stream_open(&s, &src, 0, n), 0);
	return pickle_list(&l->imports, &s, &why);
}

/* The imports, one after another with a comma between. */
static void
expect_n(int err, const char *imports, const char *bytes, size_t n)
{
	struct listed l = { 0 };
	char got[2048] = "";
	size_t at = 0;
	int result = list(&l, bytes, n);

	for (size_t i = 0; i < l.imports.count; i++)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%s",
		    i > 0 ? "," : "", l.imports.names[i]);
	if (result != err || strcmp(got, imports) != 0)
		fail_msg("%d \"%s\" (%s), not %d \"%s\"", result, got, l.why,
		    err, imports);
	assert_true(err == 0 || l.why[0] != '\0');
	model_imports_clear(&l.imports);
}

/* For literals, which may hold NULs. */
#define EXPECT(err, imports, bytes)                                            \
	expect_n(err, imports, bytes, sizeof(bytes) - 1)

/* What torch.save writes of a tensor, and what its loader imports. */
static const char
    tensor[] = "\x80\x02"
	       "ccollections\nOrderedDict\nq\0)Rq\1X\1\0\0\0wq\2"
	       "ctorch._utils\n_rebuild_tensor_v2\nq\3((X\7\0\0\0storageq\4"
	       "ctorch\nFloatStorage\nq\5X\1\0\0\0"
	       "0q\6X\3\0\0\0cpuq\7K\x10tq\x08Q"
	       "K\0K\x10\x85q\x09K\1\x85q\x0a\x89"
	       "ccollections\nOrderedDict\nq\x0b)Rq"
	       "\x0ctq\x0dRq\x0es.";

static void
lists_what_a_torch_tensor_imports(void **state)
{
	struct listed l = { 0 };

	(void)state;
	assert_int_equal(list(&l, tensor, sizeof(tensor) - 1), 0);
	assert_int_equal(l.imports.count, 3);
	assert_int_equal(l.imports.refused, 0);
	assert_null(l.imports.first_refused);
	assert_string_equal(l.imports.names[0], "collections OrderedDict");
	assert_string_equal(l.imports.names[1], "torch FloatStorage");
	assert_string_equal(l.imports.names[2],
	    "torch._utils _rebuild_tensor_v2");
	model_imports_clear(&l.imports);
}

static void
allows_exact_names_only(void **state)
{
	static const char *const refused[] = { "os system", "posix system",
		"builtins eval", "builtins getattr", "builtins exec",
		"torch.storage _load_from_bytes", "torch load", "torch",
		"torch ", " torch Size", "torch  Size", "torch Sizes",
		"torch._utils _rebuild_tensor_v2.__globals__", "",
		"functools partial", "operator attrgetter", "? (a tar archive)",
		"collections orderedDict" };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_false(imports_allowed(refused[i]));
	/* From all over the sorted list. */
	assert_true(imports_allowed("__builtin__ bytearray"));
	assert_true(imports_allowed("_codecs encode"));
	assert_true(imports_allowed("numpy.core.multiarray _reconstruct"));
	assert_true(imports_allowed("torch BFloat16Storage"));
	assert_true(imports_allowed("torch bfloat16"));
	assert_true(imports_allowed("torch.nn.parameter Parameter"));
	assert_true(imports_allowed("torch.storage _UntypedStorage"));
}

static void
counts_what_is_refused(void **state)
{
	static const char bytes[] = "cos\nsystem\n0ctorch\nSize\n0"
				    "cnt\nsystem\n0cos\nsystem\n.";
	struct listed l = { 0 };

	(void)state;
	assert_int_equal(list(&l, bytes, sizeof(bytes) - 1), 0);
	assert_int_equal(l.imports.count, 3);
	assert_int_equal(l.imports.refused, 2);
	assert_string_equal(l.imports.first_refused, "os system");
	model_imports_clear(&l.imports);
}

static void
finds_imports_of_every_opcode(void **state)
{
	(void)state;
	EXPECT(0, "os system", "cos\nsystem\n(S'ls'\ntR.");
	EXPECT(0, "os system", "(S'ls'\nios\nsystem\n.");
	EXPECT(0, "os system", "(cos\nsystem\nS'ls'\no.");
	EXPECT(0, "os system", "\x80\4\x8c\2os\x8c\6system\x93.");
	EXPECT(0, "os system", "X\2\0\0\0osX\6\0\0\0system\x93.");
	EXPECT(0, "os system", "\x8d\2\0\0\0\0\0\0\0osU\6system\x93.");
	EXPECT(0, "os system", "S'os'\nT\6\0\0\0system\x93.");
	EXPECT(0, "os system", "Vos\nS\"system\"\n\x93.");
}

static void
follows_names_through_stack_and_memo(void **state)
{
	(void)state;
	/* Memoized, dropped, fetched in another order. */
	EXPECT(0, "os system",
	    "\x8c\6system\x94"
	    "0\x8c\2os\x94"
	    "0h\1h\0\x93.");
	EXPECT(0, "os system",
	    "\x8c\6systemp7\n0\x8c\2osr\1\2\0\0000j\1\2\0\0g7\n\x93.");
	/* Decoys between: other strings, a mark, a duplicate. */
	EXPECT(0, "os system",
	    "\x8c\2os(\x8c\5torch\x8c\4Size1\x8c\6system\x93.");
	EXPECT(0, "os os", "\x8c\2os2\x93.");
	EXPECT(0, "os system",
	    "\x8c\2os\x8c\5torch0\x8c\6system\x8c\4Size0\x93.");
	/* Numbers as int() takes them, the unpickler in C up to a NUL. */
	EXPECT(0, "os system",
	    "Vsystem\np 1_0\n0Vos\np5\0 and more\n0g+5\ng10\0\n\x93.");
	/* A memo entry written anew. */
	EXPECT(0, "os system",
	    "\x8c\5torchq\0"
	    "0\x8c\2osq\0"
	    "0h\0\x8c\6system\x93.");
	/* MEMOIZE numbers by how many there are, not by the highest. */
	EXPECT(0, "os system",
	    "\x8c\5torchq\5"
	    "0\x8c\2os\x94"
	    "0h\1\x8c\6system\x93.");
}

static void
names_that_cannot_be_told_are_refused(void **state)
{
	(void)state;
	/* Escapes that spell "os". */
	EXPECT(0, "? system", "S'o\\x73'\n\x8c\6system\x93.");
	EXPECT(0, "? system", "Vo\\u0073\n\x8c\6system\x93.");
	/* What a call returns, and what a persistent id stands for. */
	EXPECT(0, "? ?,collections OrderedDict",
	    "ccollections\nOrderedDict\n)Rccollections\nOrderedDict\n)R\x93.");
	EXPECT(0, "? system", "Pid\n\x8c\6system\x93.");
	/* Python imports nothing by what is no str. */
	EXPECT(ERR_FORMAT, "", "\x8c\2osK\1\x93.");
	EXPECT(ERR_FORMAT, "", ")q\0\x8c\2osh\0\x93.");
	EXPECT(ERR_FORMAT, "", "N2\x93.");
	/* Too long to be kept. */
	{
		char bytes[600];
		int n = snprintf(bytes, sizeof(bytes), "c%0300d\nx\n.", 0);

		expect_n(0, "? x", bytes, (size_t)n);
		n = snprintf(bytes, sizeof(bytes), "cos\n%0300d\n.", 0);
		expect_n(0, "os ?", bytes, (size_t)n);
	}
	/* A NUL in the name: os is imported before it is looked up. */
	EXPECT(0, "os ?", "cos\nsys\0tem\n.");
}

static void
names_are_shown_escaped(void **state)
{
	(void)state;
	EXPECT(0, "o\\x1b[2Js sys\\x0dtem", "co\x1b[2Js\nsys\rtem\n.");
}

static void
an_import_counts_before_what_breaks_after_it(void **state)
{
	(void)state;
	EXPECT(ERR_FORMAT, "os system", "cos\nsystem\n");
	EXPECT(ERR_FORMAT, "os system", "cos\nsystem\n\xff");
	EXPECT(ERR_FORMAT, "os system", "cos\nsystem\nRR.");
	/* INST without a mark: Python in Python imports first. */
	EXPECT(ERR_FORMAT, "os system", "ios\nsystem\n.");
	/* A last line without an end, likewise. */
	EXPECT(ERR_FORMAT, "os ?", "cos\nsystemX");
	EXPECT(ERR_FORMAT, "os ?", "cos\n");
	EXPECT(ERR_FORMAT, "osX ?", "cosX");
	EXPECT(ERR_FORMAT, "os\\xff ?", "cos\xff");
	EXPECT(ERR_FORMAT, "", "c");
	/* No module is called so. */
	EXPECT(ERR_FORMAT, "", "co\0s\nsystem\n.");
	EXPECT(0, "? system", "cos.\0\nsystem\n.");
	EXPECT(ERR_FORMAT, "", "c\xff\nsystem\n.");
}

static void
lists_pickles_one_after_another(void **state)
{
	(void)state;
	EXPECT(0, "a b,c d", "ca\nb\n.N.cc\nd\n.");
	EXPECT(ERR_FORMAT, "a b,c ?", "ca\nb\n.cc");
	/* The memo and the stack are not carried over. */
	EXPECT(ERR_FORMAT, "", "\x8c\2osq\0.h\0.");
	EXPECT(ERR_FORMAT, "", "NN..");
}

static const char
    magic[] = "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/* Torch's layout without a zip: so many pickles, then raw bytes. */
static void
expect_legacy(int err, const char *imports, size_t first, unsigned int pickles,
    const char *raw, size_t raw_size)
{
	OWNED_WRITER w = writer_of(4096);

	writer_bytes(&w, magic + sizeof(magic) - 1 - first, first);
	for (unsigned int i = 1; i < pickles; i++)
		writer_bytes(&w, i == 3 ? "ca\nb\n." : "\x80\2N.",
		    i == 3 ? 6 : 4);
	writer_bytes(&w, raw, raw_size);
	expect_n(err, imports, (const char *)w.bytes, w.length);
}

static void
stops_before_the_raw_data_of_old_torch_files(void **state)
{
	(void)state;
	expect_legacy(0, "a b", 15, 5, "\1\2\3cos\nsystem\n", 14);
	expect_legacy(0, "a b", 15, 5, "", 0);
	/* Four pickles, and what is raw is the fifth. */
	expect_legacy(ERR_FORMAT, "a b", 15, 4, "\1\2\3", 3);
	expect_legacy(0, "a b,os system", 15, 4, "cos\nsystem\n.", 12);
	/* Not its magic alone in the first pickle: no raw data. */
	expect_legacy(ERR_FORMAT, "a b", 13, 5, "\1\2\3", 3);
	expect_legacy(0, "a b,os system", 13, 5, "cos\nsystem\n.", 12);
}

static void
refuses_what_python_refuses(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = { { "", 0 }, { ".", 1 }, { "N", 1 }, { "\x80", 1 },
		{ "\x80\6N.", 4 }, { "0.", 2 }, { "2.", 2 }, { "1.", 2 },
		{ "t.", 2 }, { "(NR.", 4 }, { "N(.", 3 }, { "h\0.", 3 },
		{ "g0\n.", 4 }, { "q\0N.", 4 }, { "p0\nN.", 5 },
		{ "\x94N.", 3 }, { "Np\n.", 4 }, { "Npx\n.", 5 },
		{ "\x82\1.", 3 }, { "\x84\1\0\0\0.", 6 },
		{ "T\xff\xff\xff\xff.", 6 }, { "\x8b\0\0\0\x80.", 6 },
		{ "\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", 10 },
		{ "X\5\0\0\0abc.", 9 }, { "\x93.", 2 }, { "N\x93.", 3 },
		{ "N(N\x93.", 5 }, { "Ne.", 3 }, { "(e.", 3 }, { "NNs.", 4 },
		{ "(NNu.", 5 }, { "Na.", 3 }, { "Nb.", 3 },
		{ "c\xff\nx\n.", 6 }, { "cx\n\xff\n.", 6 }, { "I1", 2 },
		{ "S'abc", 5 } };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_n(ERR_FORMAT, "", bad[i].bytes, bad[i].n);
}

static void
says_when_it_cannot_follow_python(void **state)
{
	OWNED_WRITER w = writer_of(4096);

	(void)state;
	/* Python's own unpickler takes any number. */
	EXPECT(ERR_LIMIT, "", "Np4294967295\ncos\nsystem\n.");
	/* Memo entries far beyond the others: a few are followed. */
	EXPECT(0, "os system",
	    "\x8c\2osr\xff\xff\xff\xff"
	    "0\x8c\6systemr"
	    "\0\0\0\x7f"
	    "0j\xff\xff\xff\xff"
	    "j\0\0\0\x7f\x93.");
	writer_u8(&w, 'N');
	for (uint32_t i = 0; i <= MEMO_FAR; i++) {
		writer_u8(&w, 'r');
		writer_u32(&w, 10000 * (i + 1));
	}
	expect_n(ERR_LIMIT, "", (const char *)w.bytes, w.length);
	w.length -= 5;
	writer_u8(&w, '.');
	expect_n(0, "", (const char *)w.bytes, w.length);
}

/*
 * Python reads a frame at once, so that its next load begins behind the frame:
 * what a STOP leaves of one must not be walked as a pickle that swallows the
 * next.
 */
static void
refuses_to_follow_a_frame_that_ends_inside_something(void **state)
{
	(void)state;
	EXPECT(0, "a b", "\x80\4\x95\6\0\0\0\0\0\0\0ca\nb\n.");
	EXPECT(0, "a b", "\x80\4\x95\5\0\0\0\0\0\0\0ca\nb\n.");
	EXPECT(ERR_LIMIT, "",
	    "\x80\4\x95\7\0\0\0\0\0\0\0N.B\xe\0\0\0cos\nsystem\n.N.");
	EXPECT(ERR_LIMIT, "", "\x80\4\x95\1\0\0\0\0\0\0\0K\1.");
	EXPECT(ERR_LIMIT, "a b", "\x80\4\x95\3\0\0\0\0\0\0\0ca\nb\n.");
	/* Whatever else is wrong with it: C drops "_", and reads on. */
	EXPECT(ERR_LIMIT, "", "N\x95\2\0\0\0\0\0\0\0p_1\ncos\nsystem\n.");
	EXPECT(ERR_LIMIT, "",
	    "N\x95\2\0\0\0\0\0\0\0c\xff"
	    "os\nsystem\n.");
	EXPECT(ERR_LIMIT, "", "N\x95\2\0\0\0\0\0\0\0X\xff\0\0\0N.");
	EXPECT(ERR_LIMIT, "",
	    "\x80\4\x95\x0b\0\0\0\0\0\0\0\x95\2\0\0\0\0\0\0\0N.");
	/* One of Python's two takes a frame that the file ends inside, has
	 * nothing behind its STOP, and stops at another frame. */
	EXPECT(0, "a b", "\x80\4\x95\x9\0\0\0\0\0\0\0ca\nb\n.");
	EXPECT(0, "a b",
	    "\x80\4\x95\xff\xff\xff\xff\xff\xff\xff\xff"
	    "ca\nb\n.cos\nsystem\n.");
	EXPECT(ERR_FORMAT, "a b",
	    "\x80\4\x95\x20\0\0\0\0\0\0\0ca\nb\n"
	    "\x95\2\0\0\0\0\0\0\0cos\nsystem\n.");
	EXPECT(ERR_FORMAT, "a b", "\x80\4\x95\x20\0\0\0\0\0\0\0ca\nb\n");
}

static void
holds_its_limits_at_n_and_one_more(void **state)
{
	for (unsigned int over = 0; over <= 1; over++) {
		const int err = over ? ERR_LIMIT : 0;
		OWNED_WRITER stack = writer_of(SIZE_MAX / 2);
		OWNED_WRITER imports = writer_of(SIZE_MAX / 2);
		struct listed l = { 0 };

		memset(writer_room(&stack, PICKLE_STACK_MAX + over), 'N',
		    PICKLE_STACK_MAX + over);
		writer_u8(&stack, '.');
		assert_int_equal(list(&l, stack.bytes, stack.length), err);

		for (unsigned int i = 0; i < IMPORTS_MAX + over; i++) {
			char text[40];
			int n = snprintf(text, sizeof(text), "cm\n%u\n0", i);

			writer_bytes(&imports, text, (size_t)n);
		}
		writer_bytes(&imports, "cm\n0\n.", 6); /* no new one */
		assert_int_equal(list(&l, imports.bytes, imports.length), err);
		assert_int_equal(l.imports.count, IMPORTS_MAX);
		model_imports_clear(&l.imports);
	}
	(void)state;
}

static void
passes_over_data_it_does_not_hold(void **state)
{
	OWNED_WRITER w = writer_of(SIZE_MAX / 2);

	(void)state;
	/* Bytes that look like an import, longer than the buffer. */
	writer_bytes(&w, "\x8e\0\0\x10\0\0\0\0\0", 9);
	for (unsigned int i = 0; i < (1U << 20) / 16; i++)
		writer_bytes(&w, "cos\nsystem\ncos\ns", 16);
	writer_bytes(&w, "cc\nd\n.", 6);
	expect_n(0, "c d", (const char *)w.bytes, w.length);
}

static void
refuses_every_truncation(void **state)
{
	struct listed l = { 0 };

	(void)state;
	for (size_t n = 0; n < sizeof(tensor) - 1; n++) {
		/* Exactly as long, so that ASan sees a read beyond. */
		char *bytes = malloc(n);

		memcpy(bytes, tensor, n);
		assert_int_equal(list(&l, bytes, n), ERR_FORMAT);
		assert_true(l.why[0] != '\0');
		free(bytes);
	}
	model_imports_clear(&l.imports);
}

static void
survives_every_flipped_bit(void **state)
{
	char bytes[sizeof(tensor)];
	struct listed l = { 0 };
	size_t refused = 0;

	(void)state;
	memcpy(bytes, tensor, sizeof(tensor));
	for (size_t bit = 0; bit < 8 * (sizeof(tensor) - 1); bit++) {
		int err;

		bytes[bit / 8] = (char)(tensor[bit / 8] ^ (1 << bit % 8));
		err = list(&l, bytes, sizeof(tensor) - 1);
		bytes[bit / 8] = tensor[bit / 8];
		refused += err != 0;
		assert_true(err == 0 || l.why[0] != '\0');
	}
	assert_true(refused > 200);
	model_imports_clear(&l.imports);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_what_a_torch_tensor_imports),
		cmocka_unit_test(allows_exact_names_only),
		cmocka_unit_test(counts_what_is_refused),
		cmocka_unit_test(finds_imports_of_every_opcode),
		cmocka_unit_test(follows_names_through_stack_and_memo),
		cmocka_unit_test(names_that_cannot_be_told_are_refused),
		cmocka_unit_test(names_are_shown_escaped),
		cmocka_unit_test(an_import_counts_before_what_breaks_after_it),
		cmocka_unit_test(lists_pickles_one_after_another),
		cmocka_unit_test(stops_before_the_raw_data_of_old_torch_files),
		cmocka_unit_test(refuses_what_python_refuses),
		cmocka_unit_test(says_when_it_cannot_follow_python),
		cmocka_unit_test(
		    refuses_to_follow_a_frame_that_ends_inside_something),
		cmocka_unit_test(holds_its_limits_at_n_and_one_more),
		cmocka_unit_test(passes_over_data_it_does_not_hold),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(survives_every_flipped_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
