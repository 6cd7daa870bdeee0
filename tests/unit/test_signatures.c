/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/signatures.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"
#include "vault/oms.h"

#define FOLDER "tests/vectors/"
#define FILES 5

static unsigned int lines;

static void
count(void *arg, const char *line)
{
	(void)arg;
	(void)line;
	lines++;
}

static char *
load(const char *name)
{
	char path[128];
	uint8_t *bytes;
	size_t n;

	snprintf(path, sizeof(path), FOLDER "%s", name);
	assert_int_equal(file_load(NULL, path, 1U << 16, &bytes, &n), 0);
	return (char *)bytes;
}

/* What keyd would have recorded of the vector's bundle. */
static char *
record_of(const char *bundle, const char *name)
{
	OWNED_MEM(char) key = load("oms-p256.pub");
	json_error_t e;
	json_t *j = json_loads(bundle, 0, &e);
	json_t *signatures = json_object_get(json_object_get(j, "dsseEnvelope"),
	    "signatures");
	json_t *r = json_pack("{s:s, s:[s, s], s:s, s:O}", "name", name,
	    "ignore", "cache", "z", "key", key, "sig",
	    json_object_get(json_array_get(signatures, 0), "sig"));
	char *text = json_dumps(r, JSON_COMPACT);

	assert_non_null(text);
	json_decref(r);
	json_decref(j);
	return text;
}

static struct manifest
vector_manifest(struct manifest_file files[static FILES + 1])
{
	static char names[FILES + 1][32] = { "a-b", "a/b", "c\"\\d",
		"grüße, welt", "模型.bin", "model.sig" };

	for (size_t i = 0; i < FILES + 1; i++)
		files[i] = (struct manifest_file){ .kind = MANIFEST_FILE,
			.path = names[i],
			.digest = digest_of(names[i], strlen(names[i])) };
	return (struct manifest){ .file_count = FILES, .files = files };
}

static void
a_record_becomes_a_file(void **state)
{
	struct manifest_file files[FILES + 1];
	const struct manifest m = vector_manifest(files);
	OWNED_MEM(char) bundle = load("oms-p256.sig");
	OWNED_MEM(char) record = record_of(bundle, "model");
	struct signature s;
	struct digest d;

	(void)state;
	assert_int_equal(signatures_one(&s, &m, record, "m"), 0);
	assert_string_equal(s.bytes, bundle);
	assert_int_equal(s.file.size, strlen(bundle));
	assert_int_equal(s.file.mode, 0444);
	assert_string_equal(s.file.path, "model.sig");
	d = digest_of(bundle, strlen(bundle));
	assert_true(digest_equal(&s.file.digest, &d));
	signatures_drop(&s);
	assert_null(s.bytes);
}

static void
there_is_none_without_record_or_beside_a_file_of_that_name(void **state)
{
	struct manifest_file files[FILES + 1];
	struct manifest m = vector_manifest(files);
	OWNED_MEM(char) bundle = load("oms-p256.sig");
	OWNED_MEM(char) record = record_of(bundle, "model");
	struct signature s;

	(void)state;
	lines = 0;
	assert_int_equal(signatures_one(&s, &m, NULL, "m"), 0);
	assert_null(s.bytes);
	m.files = &files[FILES];
	m.file_count = 1;
	assert_int_equal(signatures_one(&s, &m, record, "m"), 0);
	assert_null(s.bytes);
	assert_int_equal(lines, 0);
}

static void
a_record_that_does_not_belong_is_left_out_and_told(void **state)
{
	struct manifest_file files[FILES + 1];
	const struct manifest m = vector_manifest(files);
	OWNED_MEM(char) bundle = load("oms-p256.sig");
	OWNED_MEM(char) other = record_of(bundle, "other");
	OWNED_MEM(char) right = record_of(bundle, "model");
	const char *const bad[] = { other, "", "{}", right };
	struct signature s;

	(void)state;
	lines = 0;
	files[2].digest.bytes[0] ^= 1; /* so that right is wrong */
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(signatures_one(&s, &m, bad[i], "m"), 0);
		assert_null(s.bytes);
		assert_int_equal(lines, i + 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_becomes_a_file),
		cmocka_unit_test(
		    there_is_none_without_record_or_beside_a_file_of_that_name),
		cmocka_unit_test(
		    a_record_that_does_not_belong_is_left_out_and_told),
	};

	log_sink(count, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
