/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/frame.h"
#include "keys/msg.h"
#include "tests/lib/again.h"
#include "tests/lib/test.h"
#include "vault/err.h"

/* Limits at n and n + 1. */
AGAIN(put_keys);
AGAIN(session_open);
AGAIN(release);
AGAIN(extents);

static char text[] = "some text";

static int
release_of(uint32_t count)
{
	OWNED_WRITER w = writer_of(64), out = writer_of(64);
	const struct msg_release m = { .count = count };

	msg_release_write(&w, &m);
	return again_release(w.bytes, w.length, &out);
}

static void
a_release_is_of_1_to_64_chunks(void **state)
{
	(void)state;
	assert_int_equal(release_of(0), ERR_FORMAT);
	assert_int_equal(release_of(1), 0);
	assert_int_equal(release_of(64), 0);
	assert_int_equal(release_of(65), ERR_FORMAT);
}

static int
keys_of(uint32_t count)
{
	OWNED_WRITER w = writer_of(FRAME_MAX), out = writer_of(FRAME_MAX);
	struct digest *d = calloc(count + 1, sizeof(*d));
	const struct msg_put_keys m = { .count = count, .digests = d };

	assert_non_null(d);
	msg_put_keys_write(&w, &m);
	free(d);
	return again_put_keys(w.bytes, w.length, &out);
}

static void
keys_are_asked_for_1_to_1024_at_a_time(void **state)
{
	(void)state;
	assert_int_equal(keys_of(0), ERR_FORMAT);
	assert_int_equal(keys_of(1), 0);
	assert_int_equal(keys_of(1024), 0);
	assert_int_equal(keys_of(1025), ERR_FORMAT);
}

static int
open_of(uint16_t count)
{
	OWNED_WRITER w = writer_of(FRAME_MAX), out = writer_of(FRAME_MAX);
	char *refs[257];
	const struct msg_session_open m = {
		.purpose = MSG_MOUNT,
		.count = count,
		.refs = refs,
	};

	for (size_t i = 0; i < 257; i++)
		refs[i] = text;
	msg_session_open_write(&w, &m);
	return again_session_open(w.bytes, w.length, &out);
}

static void
a_session_is_of_1_to_256_versions(void **state)
{
	(void)state;
	assert_int_equal(open_of(0), ERR_FORMAT);
	assert_int_equal(open_of(1), 0);
	assert_int_equal(open_of(256), 0);
	assert_int_equal(open_of(257), ERR_FORMAT);
}

static int
extents_of(uint32_t count)
{
	OWNED_WRITER w = writer_of(FRAME_MAX), out = writer_of(FRAME_MAX);
	struct msg_extent e[257] = { { 0 } };
	const struct msg_extents m = { .count = count, .extents = e };

	msg_extents_write(&w, &m);
	return again_extents(w.bytes, w.length, &out);
}

static void
extents_come_1_to_256_at_a_time(void **state)
{
	(void)state;
	assert_int_equal(extents_of(0), ERR_FORMAT);
	assert_int_equal(extents_of(1), 0);
	assert_int_equal(extents_of(256), 0);
	assert_int_equal(extents_of(257), ERR_FORMAT);
}

static void
a_count_that_the_bytes_cannot_hold_is_refused(void **state)
{
	OWNED_WRITER w = writer_of(64), out = writer_of(64);

	(void)state;
	writer_u64(&w, 1);
	writer_u32(&w, UINT32_MAX);
	assert_int_equal(again_put_keys(w.bytes, w.length, &out), ERR_FORMAT);
	writer_reset(&w);
	writer_u64(&w, 1);
	writer_u16(&w, 1);
	writer_u32(&w, UINT32_MAX);
	assert_int_equal(again_extents(w.bytes, w.length, &out), ERR_FORMAT);
}

static void
a_string_has_4096_bytes_at_most(void **state)
{
	(void)state;
	for (size_t n = MSG_TEXT_MAX; n <= MSG_TEXT_MAX + 1; n++) {
		OWNED_WRITER w = writer_of(FRAME_MAX);
		OWNED_MEM(char) out = NULL;
		char *s = malloc(n + 1);
		struct reader r;

		assert_non_null(s);
		memset(s, 's', n);
		s[n] = '\0';
		msg_string_write(&w, s);
		r = reader_of(w.bytes, w.length);
		assert_int_equal(msg_string_read(&out, &r),
		    n == MSG_TEXT_MAX ? 0 : ERR_FORMAT);
		free(s);
	}
}

static void
a_text_holds_no_nul(void **state)
{
	OWNED_WRITER w = writer_of(64);
	struct reader r;
	char *out;

	(void)state;
	writer_blob(&w, "a\0b", 3);
	r = reader_of(w.bytes, w.length);
	assert_int_equal(msg_text_read(&out, &r), ERR_FORMAT);
	writer_reset(&w);
	msg_text_write(&w, "");
	r = reader_of(w.bytes, w.length);
	assert_int_equal(msg_text_read(&out, &r), 0);
	assert_string_equal(out, "");
	free(out);
}

/* --- status --- */

static void
an_error_comes_with_its_sentence(void **state)
{
	(void)state;
	for (int err = ERR_FORMAT; err >= ERR_SPACE; err--) {
		OWNED_WRITER w = writer_of(64);
		OWNED_MEM(char) sentence = NULL;
		struct reader r;
		int got;

		msg_error_write(&w, err, "why");
		r = reader_of(w.bytes, w.length);
		assert_int_equal(msg_status_read(&r, &got, &sentence), 0);
		assert_int_equal(got, err);
		assert_string_equal(sentence, "why");
	}
}

static void
an_unknown_status_is_refused(void **state)
{
	OWNED_WRITER w = writer_of(64);
	char *sentence;
	struct reader r;
	int err;

	(void)state;
	writer_u8(&w, 13);
	writer_string(&w, "why");
	r = reader_of(w.bytes, w.length);
	assert_int_equal(msg_status_read(&r, &err, &sentence), ERR_FORMAT);
	r = reader_of(NULL, 0);
	assert_int_equal(msg_status_read(&r, &err, &sentence), ERR_FORMAT);
}

static void
a_long_sentence_is_cut(void **state)
{
	OWNED_WRITER w = writer_of(FRAME_MAX);
	OWNED_MEM(char) sentence = NULL;
	char s[MSG_TEXT_MAX + 100];
	struct reader r;
	int err;

	(void)state;
	memset(s, 's', sizeof(s));
	s[sizeof(s) - 1] = '\0';
	msg_error_write(&w, ERR_IO, s);
	r = reader_of(w.bytes, w.length);
	assert_int_equal(msg_status_read(&r, &err, &sentence), 0);
	assert_int_equal(strlen(sentence), MSG_TEXT_MAX);
}

static void
clearing_wipes_keys(void **state)
{
	static const uint8_t zeros[sizeof(struct msg_release_reply)];
	struct msg_release_reply reply;
	struct msg_put_begin_reply begun;
	struct msg_session_resume resume;

	(void)state;
	memset(&reply, 1, sizeof(reply));
	msg_release_reply_clear(&reply);
	assert_memory_equal(&reply, zeros, sizeof(reply));
	memset(&begun, 1, sizeof(begun));
	msg_put_begin_reply_clear(&begun);
	assert_memory_equal(&begun, zeros, sizeof(begun));
	memset(&resume, 1, sizeof(resume));
	msg_session_resume_clear(&resume);
	assert_memory_equal(&resume, zeros, sizeof(resume));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_release_is_of_1_to_64_chunks),
		cmocka_unit_test(keys_are_asked_for_1_to_1024_at_a_time),
		cmocka_unit_test(a_session_is_of_1_to_256_versions),
		cmocka_unit_test(extents_come_1_to_256_at_a_time),
		cmocka_unit_test(a_count_that_the_bytes_cannot_hold_is_refused),
		cmocka_unit_test(a_string_has_4096_bytes_at_most),
		cmocka_unit_test(a_text_holds_no_nul),
		cmocka_unit_test(an_error_comes_with_its_sentence),
		cmocka_unit_test(an_unknown_status_is_refused),
		cmocka_unit_test(a_long_sentence_is_cut),
		cmocka_unit_test(clearing_wipes_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
