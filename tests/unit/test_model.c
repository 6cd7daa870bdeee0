/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/source.h"
#include "tests/lib/archive.h"
#include "tests/lib/fault.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/model.h"

#define TENSOR_IMPORT "ctorch._utils\n_rebuild_tensor_v2\n."
#define HOSTILE "cos\nsystem\n(S'id'\ntR."

static const char
    safetensors[] = "\x40\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"U8\",\"shape\":[4],"
		    "\"data_offsets\":[0,4]}}           data";
static const char gguf[] = "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

static int
inspect(struct model_info *info, const char *path, const void *bytes, size_t n,
    char why[static 200])
{
	struct model_source src = source_of(bytes, n);

	memset(why, 'x', 199);
	return model_inspect(info, path, &src, why, 200);
}

struct expected {
	enum model_format format;
	enum manifest_class class;
	size_t refused;
};

static void
expect_n(const char *path, const char *bytes, size_t n, struct expected e)
{
	struct model_info info = { 0 };
	char why[200];

	if (inspect(&info, path, bytes, n, why) != 0)
		fail_msg("%s: %s", path, why);
	if (info.format != e.format || info.class != e.class ||
	    info.imports.refused != e.refused)
		fail_msg("%s: format %d class %d refused %zu (%s)", path,
		    (int)info.format, (int)info.class, info.imports.refused,
		    info.imports.first_refused);
	assert_string_equal(why, "");
	model_info_clear(&info);
}

#define EXPECT(path, bytes, ...)                                               \
	expect_n(path, bytes, sizeof(bytes) - 1,                               \
	    (struct expected){ __VA_ARGS__ })

static void
expect_refused(const char *path, const char *bytes, size_t n, const char *text)
{
	struct model_info info = { 0 };
	char why[200];

	assert_int_equal(inspect(&info, path, bytes, n, why), ERR_FORMAT);
	if (strstr(why, text) == NULL)
		fail_msg("%s: \"%s\" and not \"%s\"", path, why, text);
}

static void
knows_safetensors_by_name_and_by_magic(void **state)
{
	static const char *const paths[] = { "a.safetensors", "x/A.SAFETENSORS",
		"x.safetensors/blob", "config.json" };
	struct model_info info = { 0 };
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(inspect(&info, paths[i], safetensors,
				     sizeof(safetensors) - 1, why),
		    0);
		assert_int_equal(info.format, MODEL_SAFETENSORS);
		assert_int_equal(info.class, MANIFEST_WEIGHTS);
		assert_int_equal(info.header_bytes, 72);
		assert_int_equal(info.tensors.count, 1);
		assert_int_equal(info.tensors.items[0].offset, 72);
		model_info_clear(&info);
	}
	expect_refused("a.safetensors", "hello", 5, "no safetensors");
	expect_refused("a.safetensors", "", 0, "no safetensors");
	/* By magic, and not well-formed. */
	expect_refused("blob", safetensors, sizeof(safetensors) - 2,
	    "tensor 'a'");
}

static void
knows_gguf_by_name_and_by_magic(void **state)
{
	(void)state;
	EXPECT("a.gguf", gguf, MODEL_GGUF, MANIFEST_WEIGHTS, 0);
	EXPECT("x/blob", gguf, MODEL_GGUF, MANIFEST_WEIGHTS, 0);
	expect_refused("a.gguf", "hello", 5, "the file ends");
	expect_refused("blob", gguf, sizeof(gguf) - 2, "the file ends");
	EXPECT("README.md", "GGUF is a format", MODEL_OTHER, MANIFEST_TEXT, 0);
}

static void
lists_pickles_by_their_names(void **state)
{
	static const char *const paths[] = { "a.pt", "a.pth", "x/a.ckpt",
		"a.pkl", "a.pickle", "a.PT", "a.bin" };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		EXPECT(paths[i], TENSOR_IMPORT, MODEL_PICKLE, MANIFEST_WEIGHTS,
		    0);
		/* Protocol 0 has no magic. */
		EXPECT(paths[i], HOSTILE, MODEL_PICKLE, MANIFEST_WEIGHTS, 1);
		EXPECT(paths[i], "\x80\2" HOSTILE, MODEL_PICKLE,
		    MANIFEST_WEIGHTS, 1);
	}
}

static void
lists_what_begins_like_a_pickle(void **state)
{
	(void)state;
	EXPECT(".metadata", "\x80\4" HOSTILE, MODEL_PICKLE, MANIFEST_WEIGHTS,
	    1);
	EXPECT("config.json", "\x80\2" HOSTILE, MODEL_PICKLE, MANIFEST_WEIGHTS,
	    1);
	/* But not what only happens to. */
	EXPECT("weights.raw", "\x80\2\xff\xff\xff", MODEL_OTHER,
	    MANIFEST_WEIGHTS, 0);
	EXPECT("weights.raw", "\x80\6N.", MODEL_OTHER, MANIFEST_WEIGHTS, 0);
	EXPECT("notes.txt", HOSTILE, MODEL_OTHER, MANIFEST_TEXT, 0);
}

static void
a_bin_may_hold_anything_that_imports_nothing(void **state)
{
	(void)state;
	EXPECT("a.bin", "", MODEL_OTHER, MANIFEST_WEIGHTS, 0);
	EXPECT("a.bin", "\0\0\0\0", MODEL_OTHER, MANIFEST_WEIGHTS, 0);
	EXPECT("a.bin", "\x80\2\xff", MODEL_OTHER, MANIFEST_WEIGHTS, 0);
	EXPECT("a.bin", "c\xff\x80 raw\nbytes\n", MODEL_OTHER, MANIFEST_WEIGHTS,
	    0);
	/* An import, and then nothing that makes sense: two refused. */
	EXPECT("a.bin", "cos\nsystem\n\xff", MODEL_PICKLE, MANIFEST_WEIGHTS, 2);
	/* A number that only Python follows, and one that it reads to a NUL. */
	EXPECT("a.bin", "Np4294967295\n" HOSTILE, MODEL_PICKLE,
	    MANIFEST_WEIGHTS, 1);
	EXPECT("a.bin", "Np1\0x\n" HOSTILE, MODEL_PICKLE, MANIFEST_WEIGHTS, 1);
}

/* Of weights without a format hardly any file may be taken for a pickle. */
static void
noise_is_no_pickle(void **state)
{
	uint64_t noise = 88172645463325252U;
	unsigned int refused = 0;

	(void)state;
	for (unsigned int file = 0; file < 50000; file++) {
		struct model_info info = { 0 };
		uint64_t words[128];
		char why[200];

		/* xorshift64 (Marsaglia, 2003) */
		for (size_t i = 0; i < 128; i++) {
			noise ^= noise << 13;
			noise ^= noise >> 7;
			noise ^= noise << 17;
			words[i] = noise;
		}
		assert_int_equal(inspect(&info, "a.bin", words, sizeof(words),
				     why),
		    0);
		refused += info.imports.refused > 0;
		model_info_clear(&info);
	}
	print_message("%u of 50,000 files of noise were refused\n", refused);
	assert_true(refused < 2);
}

static void
what_cannot_be_listed_is_refused_by_name(void **state)
{
	struct model_info info = { 0 };
	char why[200];

	(void)state;
	assert_int_equal(inspect(&info, "a.pt", "\0\1", 2, why), 0);
	assert_int_equal(info.format, MODEL_PICKLE);
	assert_int_equal(info.imports.refused, 1);
	assert_non_null(strstr(info.imports.first_refused,
	    "? (pickle: before byte 1: an opcode"));
	model_info_clear(&info);
	EXPECT("a.pkl", "\x80\2N", MODEL_PICKLE, MANIFEST_WEIGHTS, 1);
	EXPECT("a.pt", "PK\3\4", MODEL_PICKLE, MANIFEST_WEIGHTS, 1);
	EXPECT("a.bin", "PK\3\4", MODEL_PICKLE, MANIFEST_WEIGHTS, 1);
	EXPECT("a.docx", "PK\3\4", MODEL_OTHER, MANIFEST_WEIGHTS, 0);
	/* Nothing to be loaded. */
	EXPECT("a.pt", "", MODEL_OTHER, MANIFEST_WEIGHTS, 0);
}

static void
expect_zip(const char *path, const char *name, const char *pickle,
    bool deflated, struct expected e)
{
	const struct archive_member members[] = {
		{ "archive/version", "3\n", 2, false },
		{ name, pickle, strlen(pickle), deflated },
		{ "archive/data/0", HOSTILE, strlen(HOSTILE), false },
	};
	OWNED_ARCHIVE a = archive_make(members, 3, deflated);

	expect_n(path, (const char *)a.w.bytes, a.w.length, e);
}

static void
lists_the_pickles_of_any_zip(void **state)
{
	const struct expected good = { MODEL_PICKLE, MANIFEST_WEIGHTS, 0 };
	const struct expected bad = { MODEL_PICKLE, MANIFEST_WEIGHTS, 1 };
	const struct expected other = { MODEL_OTHER, MANIFEST_WEIGHTS, 0 };

	(void)state;
	for (int deflated = 0; deflated <= 1; deflated++) {
		expect_zip("a.pt", "archive/data.pkl", TENSOR_IMPORT, deflated,
		    good);
		expect_zip("a.bin", "archive/data.pkl", HOSTILE, deflated, bad);
		expect_zip("a.zip", "archive/DATA.PKL", HOSTILE, deflated, bad);
		expect_zip("a", "data.pickle", HOSTILE, deflated, bad);
		expect_zip("a.pt", "archive/data.pkl", "\xff", deflated, bad);
		expect_zip("a.zip", "archive/notes", HOSTILE, deflated, other);
	}
}

static void
put_size(uint8_t *entry, uint32_t size)
{
	for (unsigned int i = 0; i < 4; i++)
		entry[24 + i] = (uint8_t)(size >> 8 * i);
}

/* Only as much is inflated as anybody needs, of all members together. */
static void
deflated_pickles_are_listed_up_to_a_limit(void **state)
{
	static const char over[] = "more than 1 GiB";
	const struct archive_member members[] = {
		{ "a.pkl", HOSTILE, strlen(HOSTILE), true },
		{ "b.pkl", HOSTILE, strlen(HOSTILE), true },
	};
	const struct {
		uint32_t sizes[2];
		bool refused;
	} cases[] = {
		{ { MODEL_INFLATED_MAX, 0 }, false },
		{ { MODEL_INFLATED_MAX + 1, 0 }, true },
		{ { MODEL_INFLATED_MAX / 2, MODEL_INFLATED_MAX / 2 }, false },
		{ { MODEL_INFLATED_MAX / 2, MODEL_INFLATED_MAX / 2 + 1 },
		    true },
		{ { UINT32_MAX - 1, UINT32_MAX - 1 }, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OWNED_ARCHIVE a = archive_make(members, 2, false);
		struct model_info info = { 0 };
		uint8_t *entry = a.w.bytes + a.directory;
		char why[200];

		put_size(entry, cases[i].sizes[0]);
		put_size(entry + 46 + strlen("a.pkl"), cases[i].sizes[1]);
		assert_int_equal(inspect(&info, "a.pt", (char *)a.w.bytes,
				     a.w.length, why),
		    0);
		assert_true(info.imports.refused > 0);
		assert_int_equal(strstr(info.imports.first_refused, over) !=
			NULL,
		    cases[i].refused);
		model_info_clear(&info);
	}
}

static void
both_members_of_one_name_are_listed(void **state)
{
	const struct archive_member members[] = {
		{ "a/data.pkl", TENSOR_IMPORT, strlen(TENSOR_IMPORT), false },
		{ "a/data.pkl", HOSTILE, strlen(HOSTILE), false },
	};
	OWNED_ARCHIVE a = archive_make(members, 2, false);

	(void)state;
	expect_n("a.pt", (const char *)a.w.bytes, a.w.length,
	    (struct expected){ MODEL_PICKLE, MANIFEST_WEIGHTS, 1 });
}

static void
a_tar_is_refused_where_torch_would_load_it(void **state)
{
	static const struct {
		const char *text; /* for a sum of 256 + 'a' - 8 * 0 */
		size_t n;
	} sums[] = { { "000541\0 ", 8 }, { "    541 ", 8 },
		{ "0o541\0\0\0", 8 }, { "5_41\0\0\0\0", 8 },
		{ "\x80\0\0\0\0\0\1\x61", 8 } };
	char head[512] = "a";

	(void)state;
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
		memcpy(head + 148, sums[i].text, sums[i].n);
		expect_n("a.bin", head, sizeof(head),
		    (struct expected){ MODEL_PICKLE, MANIFEST_WEIGHTS, 1 });
		expect_n("a.tar", head, sizeof(head),
		    (struct expected){ MODEL_OTHER, MANIFEST_WEIGHTS, 0 });
	}
	memcpy(head + 148, "000542\0 ", 8);
	expect_n("a.bin", head, sizeof(head),
	    (struct expected){ MODEL_OTHER, MANIFEST_WEIGHTS, 0 });
}

static void
classifies_small_files_by_name(void **state)
{
	static const struct {
		const char *path;
		enum manifest_class class;
	} cases[] = { { "config.json", MANIFEST_CONFIG },
		{ "x/generation_config.json", MANIFEST_CONFIG },
		{ "model.safetensors.index.json", MANIFEST_CONFIG },
		{ "recipe.yaml", MANIFEST_CONFIG },
		{ "tokenizer.json", MANIFEST_TOKENIZER },
		{ "tokenizer_config.json", MANIFEST_TOKENIZER },
		{ "special_tokens_map.json", MANIFEST_TOKENIZER },
		{ "added_tokens.json", MANIFEST_TOKENIZER },
		{ "vocab.txt", MANIFEST_TOKENIZER },
		{ "vocab.json", MANIFEST_TOKENIZER },
		{ "merges.txt", MANIFEST_TOKENIZER },
		{ "o200k.tiktoken", MANIFEST_TOKENIZER },
		{ "README.md", MANIFEST_TEXT }, { "LICENSE", MANIFEST_TEXT },
		{ "LICENSE.txt", MANIFEST_TEXT },
		{ "notes.txt", MANIFEST_TEXT },
		{ ".gitattributes", MANIFEST_TEXT },
		{ "README.md/blob", MANIFEST_WEIGHTS },
		{ "blob", MANIFEST_WEIGHTS }, { "a.npy", MANIFEST_WEIGHTS },
		{ "config.json.weights", MANIFEST_WEIGHTS },
		{ "tokenizer.model", MANIFEST_WEIGHTS } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_n(cases[i].path, "{}", 2,
		    (struct expected){ MODEL_OTHER, cases[i].class, 0 });
	EXPECT("tokenizer.model", "\x0a\x0e\x0a\5<unk>\0", MODEL_OTHER,
	    MANIFEST_TOKENIZER, 0);
	EXPECT("config.json", "{}\0weights", MODEL_OTHER, MANIFEST_WEIGHTS, 0);
}

static void
a_file_of_the_limit_is_small_and_one_more_is_not(void **state)
{
	char *bytes = malloc(MODEL_SMALL + 1);

	(void)state;
	memset(bytes, ' ', MODEL_SMALL + 1);
	expect_n("config.json", bytes, MODEL_SMALL,
	    (struct expected){ MODEL_OTHER, MANIFEST_CONFIG, 0 });
	expect_n("config.json", bytes, MODEL_SMALL + 1,
	    (struct expected){ MODEL_OTHER, MANIFEST_WEIGHTS, 0 });
	free(bytes);
}

static int
broken_read(void *arg, void *buf, size_t n, uint64_t offset)
{
	unsigned int *left = arg;

	if ((*left)-- == 0)
		return ERR_IO;
	return source_read((void *)(uintptr_t)safetensors, buf, n, offset);
}

static void
a_failing_read_comes_back_as_it_is(void **state)
{
	(void)state;
	for (unsigned int n = 0;; n++) {
		unsigned int left = n;
		struct model_source src = { sizeof(safetensors) - 1,
			broken_read, &left };
		struct model_info info = { 0 };
		char why[200];
		int err = model_inspect(&info, "a", &src, why, sizeof(why));

		if (err == 0) {
			model_info_clear(&info);
			assert_true(n >= 3);
			break;
		}
		assert_int_equal(err, ERR_IO);
	}
}

static void
expect_no_memory_is_said(const char *path, const void *bytes, size_t n)
{
	for (unsigned int nth = 1;; nth++) {
		struct model_info info = { 0 };
		char why[200];
		int err;

		fault_fail(FAULT_MEMORY, nth, ENOMEM);
		err = inspect(&info, path, bytes, n, why);
		if (!fault_off()) {
			assert_int_equal(err, 0);
			assert_true(nth > 1);
			model_info_clear(&info);
			return;
		}
		assert_int_equal(err, ERR_NOMEM);
	}
}

static void
every_allocation_may_fail(void **state)
{
	static const char tensor[] = "GGUF\3\0\0\0\1\0\0\0\0\0\0\0"
				     "\0\0\0\0\0\0\0\0"
				     "\1\0\0\0\0\0\0\0a\0\0\0\0\0\0\0\0"
				     "\0\0\0\0\0\0\0\0"
				     "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0data";
	const struct archive_member members[] = {
		{ "a/data.pkl", HOSTILE, strlen(HOSTILE), false },
		{ "b/data.pkl", TENSOR_IMPORT, strlen(TENSOR_IMPORT), true },
	};
	OWNED_ARCHIVE a = archive_make(members, 2, true);

	(void)state;
	expect_no_memory_is_said("a.safetensors", safetensors,
	    sizeof(safetensors) - 1);
	expect_no_memory_is_said("a.gguf", tensor, sizeof(tensor) - 1);
	expect_no_memory_is_said("a.pt", a.w.bytes, a.w.length);
	expect_no_memory_is_said("a.pkl", "\x8c\2os\x8c\6system\x93q\0.", 16);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_safetensors_by_name_and_by_magic),
		cmocka_unit_test(knows_gguf_by_name_and_by_magic),
		cmocka_unit_test(lists_pickles_by_their_names),
		cmocka_unit_test(lists_what_begins_like_a_pickle),
		cmocka_unit_test(a_bin_may_hold_anything_that_imports_nothing),
		cmocka_unit_test(noise_is_no_pickle),
		cmocka_unit_test(what_cannot_be_listed_is_refused_by_name),
		cmocka_unit_test(lists_the_pickles_of_any_zip),
		cmocka_unit_test(deflated_pickles_are_listed_up_to_a_limit),
		cmocka_unit_test(both_members_of_one_name_are_listed),
		cmocka_unit_test(a_tar_is_refused_where_torch_would_load_it),
		cmocka_unit_test(classifies_small_files_by_name),
		cmocka_unit_test(
		    a_file_of_the_limit_is_small_and_one_more_is_not),
		cmocka_unit_test(a_failing_read_comes_back_as_it_is),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
