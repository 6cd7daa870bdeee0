/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"
#include "vault/digest.h"
#include "vault/err.h"
#include "vault/gcm.h"
#include "vault/sealed.h"

static const uint8_t key_a[KEY_SIZE] = "the key of these tests, number a";
static const uint8_t key_b[KEY_SIZE] = "the key of these tests, number b";
static const uint8_t salt[SEALED_SALT] = "a salt of thirty-two bytes......";

static int
read_record(const void *bytes, size_t length, const uint8_t *key,
    const char *purpose, void *out, size_t n)
{
	struct reader r = reader_of(bytes, length);
	int err = sealed_read(&r, key, purpose, out, n);

	if (err == 0)
		assert_true(reader_end(&r));
	return err;
}

static void
what_was_sealed_opens(void **state)
{
	static const size_t sizes[] = { 0, 1, 32, 64, SEALED_MAX };
	uint8_t secret[SEALED_MAX], out[SEALED_MAX];

	(void)state;
	memset(secret, 's', sizeof(secret));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		OWNED_WRITER w = writer_of(8192);

		assert_int_equal(sealed_write(&w, key_a, "root", secret,
				     sizes[i]),
		    0);
		assert_int_equal(w.length, sizes[i] + SEALED_OVERHEAD);
		memset(out, 0, sizeof(out));
		assert_int_equal(read_record(w.bytes, w.length, key_a, "root",
				     out, sizes[i]),
		    0);
		assert_memory_equal(out, secret, sizes[i]);
	}
}

static void
a_record_is_laid_out_as_documented(void **state)
{
	static const uint8_t domain[] = "weir sealed v1root";
	const struct kdf_input in = { key_a, KEY_SIZE, salt, sizeof(salt),
		domain, sizeof(domain) - 1 };
	OWNED_WRITER w = writer_of(8192);
	OWNED(gcm) g = NULL;
	uint8_t sub[KEY_SIZE], out[5];
	struct gcm_message m = { .aad = "root",
		.aad_length = 4,
		.out = out,
		.length = 5 };

	(void)state;
	assert_int_equal(sealed_write_salted(&w, key_a, salt, "root", "12345",
			     5),
	    0);
	assert_memory_equal(w.bytes, salt, 32);
	assert_memory_equal(w.bytes + 32, "\5\0\0\0", 4);
	digest_hkdf(sub, KEY_SIZE, &in);
	m.in = w.bytes + 36;
	memcpy(m.tag, w.bytes + 41, 16);
	assert_int_equal(gcm_opener_new(&g, sub), 0);
	assert_int_equal(gcm_open(g, &m), 0);
	assert_memory_equal(out, "12345", 5);
	assert_int_equal(w.length, 57);
}

static void
no_two_records_are_equal(void **state)
{
	OWNED_WRITER a = writer_of(8192);
	OWNED_WRITER b = writer_of(8192);

	(void)state;
	assert_int_equal(sealed_write(&a, key_a, "root", "12345", 5), 0);
	assert_int_equal(sealed_write(&b, key_a, "root", "12345", 5), 0);
	assert_memory_not_equal(a.bytes, b.bytes, 32);
	assert_memory_not_equal(a.bytes + 36, b.bytes + 36, 5);
}

static void
another_key_or_purpose_is_told_and_nothing_let_out(void **state)
{
	OWNED_WRITER w = writer_of(8192);
	uint8_t out[5] = "xxxxx";

	(void)state;
	assert_int_equal(sealed_write(&w, key_a, "root", "12345", 5), 0);
	assert_int_equal(read_record(w.bytes, w.length, key_b, "root", out, 5),
	    ERR_SECRET);
	assert_memory_equal(out, "\0\0\0\0\0", 5);
	assert_int_equal(read_record(w.bytes, w.length, key_a, "epoch", out, 5),
	    ERR_SECRET);
	assert_int_equal(read_record(w.bytes, w.length, key_a, "roo", out, 5),
	    ERR_SECRET);
}

static void
every_flipped_bit_is_refused(void **state)
{
	OWNED_WRITER w = writer_of(8192);
	uint8_t out[32];

	(void)state;
	assert_int_equal(sealed_write(&w, key_a, "root", key_b, 32), 0);
	for (size_t bit = 0; bit < 8 * w.length; bit++) {
		int want = bit / 8 >= 32 && bit / 8 < 36 ? ERR_FORMAT :
							   ERR_SECRET;

		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(read_record(w.bytes, w.length, key_a, "root",
				     out, 32),
		    want);
		w.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
every_truncation_is_refused(void **state)
{
	OWNED_WRITER w = writer_of(8192);
	uint8_t out[32];

	(void)state;
	assert_int_equal(sealed_write(&w, key_a, "root", key_b, 32), 0);
	for (size_t n = 0; n < w.length; n++) {
		OWNED_MEM(uint8_t) copy = malloc(n > 0 ? n : 1);

		memcpy(copy, w.bytes, n);
		assert_int_equal(read_record(copy, n, key_a, "root", out, 32),
		    ERR_FORMAT);
	}
}

static void
another_length_than_the_reader_wants_is_refused(void **state)
{
	OWNED_WRITER w = writer_of(8192);
	uint8_t out[40];

	(void)state;
	assert_int_equal(sealed_write(&w, key_a, "root", key_b, 32), 0);
	assert_int_equal(read_record(w.bytes, w.length, key_a, "root", out, 31),
	    ERR_FORMAT);
	assert_int_equal(read_record(w.bytes, w.length, key_a, "root", out, 33),
	    ERR_FORMAT);
}

static void
a_secret_has_at_most_4096_bytes(void **state)
{
	static uint8_t secret[SEALED_MAX + 1];
	OWNED_WRITER w = writer_of(8192);
	OWNED_WRITER full = writer_of(SEALED_OVERHEAD + 31);

	(void)state;
	assert_int_equal(sealed_write(&w, key_a, "root", secret,
			     SEALED_MAX + 1),
	    ERR_LIMIT);
	assert_int_equal(w.length, 0);
	assert_int_equal(sealed_write(&full, key_a, "root", secret, 32),
	    ERR_LIMIT);
	assert_int_equal(full.length, 0);
	assert_int_equal(sealed_write(&full, key_a, "root", secret, 31), 0);
}

static void
records_follow_each_other_and_show_their_salt(void **state)
{
	OWNED_WRITER w = writer_of(8192);
	struct reader r, cut;
	uint8_t out[3];

	(void)state;
	assert_int_equal(sealed_write_salted(&w, key_a, salt, "a", "one", 3),
	    0);
	assert_int_equal(sealed_write(&w, key_b, "b", "two", 3), 0);
	r = reader_of(w.bytes, w.length);
	assert_memory_equal(sealed_salt(&r), salt, 32);
	assert_int_equal(sealed_read(&r, key_a, "a", out, 3), 0);
	assert_memory_equal(out, "one", 3);
	assert_memory_equal(sealed_salt(&r), w.bytes + SEALED_OVERHEAD + 3, 32);
	assert_int_equal(sealed_read(&r, key_b, "b", out, 3), 0);
	assert_memory_equal(out, "two", 3);
	assert_true(reader_end(&r));
	cut = reader_of(w.bytes, 31);
	assert_null(sealed_salt(&cut));
	assert_true(reader_ok(&cut));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_opens),
		cmocka_unit_test(a_record_is_laid_out_as_documented),
		cmocka_unit_test(no_two_records_are_equal),
		cmocka_unit_test(
		    another_key_or_purpose_is_told_and_nothing_let_out),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(
		    another_length_than_the_reader_wants_is_refused),
		cmocka_unit_test(a_secret_has_at_most_4096_bytes),
		cmocka_unit_test(records_follow_each_other_and_show_their_salt),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
