/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/source.h"
#include "tests/lib/archive.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/zip.h"

static const char text[] = "some text that some text can be packed with some";
static const struct archive_member members[] = {
	{ "archive/data.pkl", text, sizeof(text), false },
	{ "archive/packed", text, sizeof(text), true },
	{ "archive/empty", "", 0, false },
};
#define COUNT (sizeof(members) / sizeof(members[0]))

struct taken {
	uint8_t bytes[200];
	size_t n;
};

static int
take(void *arg, struct stream *s)
{
	struct taken *t = arg;

	t->n = (size_t)stream_left(s);
	assert_true(t->n <= sizeof(t->bytes));
	stream_copy(s, t->bytes, t->n);
	return s->err;
}

struct opened {
	struct zip *z;
	char why[200];
};

static int
open_bytes(struct opened *o, const uint8_t *bytes, size_t n)
{
	struct model_source src = source_of(bytes, n);
	struct why why = { o->why, sizeof(o->why) };

	o->why[0] = '\0';
	zip_free(o->z);
	o->z = NULL;
	return zip_open(&o->z, &src, &why);
}

/* All that a file holds, or the first error. */
static int
read_all(const uint8_t *bytes, size_t n, char why[static 200])
{
	struct model_source src = source_of(bytes, n);
	struct why w = { why, 200 };
	OWNED(zip) z = NULL;
	struct taken t;
	int err;

	why[0] = '\0';
	err = zip_open(&z, &src, &w);
	for (size_t i = 0; err == 0 && i < z->count; i++)
		if (z->members[i].size <= sizeof(t.bytes))
			err = zip_member_use(&z->members[i], &src, take, &t,
			    &w);
	return err;
}

static void
expect(int err, const char *why, const struct archive *a)
{
	struct opened o = { 0 };
	int got = open_bytes(&o, a->w.bytes, a->w.length);

	if (got != err || (why != NULL && strstr(o.why, why) == NULL))
		fail_msg("%d \"%s\", not %d \"%s\"", got, o.why, err, why);
	zip_free(o.z);
}

static void
put_u32(struct archive *a, size_t offset, uint32_t v)
{
	for (size_t i = 0; i < 4; i++)
		a->w.bytes[offset + i] = (uint8_t)(v >> 8 * i);
}

static void
reads_members_stored_and_deflated(void **state)
{
	(void)state;
	for (int zip64 = 0; zip64 <= 1; zip64++) {
		OWNED_ARCHIVE a = archive_make(members, COUNT, zip64);
		struct model_source src = source_of(a.w.bytes, a.w.length);
		struct opened o = { 0 };
		struct why why = { o.why, sizeof(o.why) };

		assert_int_equal(open_bytes(&o, a.w.bytes, a.w.length), 0);
		assert_int_equal(o.z->count, COUNT);
		for (size_t i = 0; i < COUNT; i++) {
			const struct zip_member *m = &o.z->members[i];
			struct taken t = { .n = 999 };

			assert_string_equal(m->name, members[i].name);
			assert_int_equal(zip_member_use(m, &src, take, &t,
					     &why),
			    0);
			assert_int_equal(t.n, members[i].n);
			assert_memory_equal(t.bytes, members[i].bytes, t.n);
		}
		zip_free(o.z);
	}
}

static void
takes_an_archive_of_nothing(void **state)
{
	OWNED_ARCHIVE a = archive_make(NULL, 0, false);

	(void)state;
	assert_true(zip_claimed(a.w.bytes, a.w.length));
	expect(0, NULL, &a);
}

static void
takes_a_comment_that_ends_the_file_and_no_other(void **state)
{
	OWNED_ARCHIVE a = archive_make(members, COUNT, false);
	size_t end = a.w.length;

	(void)state;
	memset(writer_room(&a.w, UINT16_MAX), 'c', UINT16_MAX);
	a.w.bytes[end - 2] = a.w.bytes[end - 1] = 0xff;
	expect(0, NULL, &a);
	a.w.length--;
	expect(ERR_FORMAT, "comment does not end", &a);
	a.w.length++;
	writer_u8(&a.w, 'c');
	expect(ERR_FORMAT, "no end record", &a);
}

/* Readers that look for the last end record, and those that do not, must
 * not see two archives. */
static void
refuses_an_end_record_inside_a_comment(void **state)
{
	OWNED_ARCHIVE a = archive_make(members, COUNT, false);
	size_t end = a.w.length;

	(void)state;
	writer_bytes(&a.w, "PK\5\6", 4);
	memset(writer_room(&a.w, 18), 0, 18);
	a.w.bytes[end - 2] = 22;
	expect(ERR_FORMAT, "directory does not end", &a);
}

static void
refuses_bytes_before_and_between(void **state)
{
	OWNED_ARCHIVE a = archive_make(members, COUNT, false);
	OWNED_ARCHIVE b = archive_make(members, COUNT, false);
	const size_t end = b.end;

	(void)state;
	/* A first member that the directory does not name. */
	put_u32(&a, a.directory + 42, 1);
	expect(ERR_FORMAT, "before the first member", &a);
	/* The directory is said to be shorter. */
	put_u32(&b, end + 12, (uint32_t)(b.end - b.directory - 1));
	expect(ERR_FORMAT, "directory does not end", &b);
}

static void
refuses_members_that_overlap(void **state)
{
	static const size_t sizes[] = { 20, 24 };
	OWNED_ARCHIVE a = archive_make(members, COUNT, false);

	(void)state;
	/* The second one's header inside the first one. */
	put_u32(&a, a.directory + 46 + strlen(members[0].name) + 42, 40);
	expect(ERR_FORMAT, "overlaps what follows it", &a);

	for (size_t i = 0; i < 2; i++) {
		OWNED_ARCHIVE b = archive_make(members, COUNT, false);

		put_u32(&b, b.directory + sizes[i], 0xfffffff0);
		if (i == 0)
			expect(ERR_FORMAT, "member 'archive/data.pkl' overlaps",
			    &b);
		else
			expect(0, NULL, &b);
	}
}

static void
refuses_counts_that_do_not_fit(void **state)
{
	static const uint32_t counts[] = { 0x00020002, 0x00040004, 0xfffefffe,
		0x00030002, 0x00000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		OWNED_ARCHIVE a = archive_make(members, COUNT, false);

		put_u32(&a, a.end + 8, counts[i]);
		expect(ERR_FORMAT, NULL, &a);
	}
}

static void
refuses_end_records_that_do_not_agree(void **state)
{
	OWNED_ARCHIVE a = archive_make(members, COUNT, true);
	const size_t end = a.end + 56 + 20;

	(void)state;
	expect(0, NULL, &a);
	put_u32(&a, end + 8, 0x00020002);
	expect(ERR_FORMAT, "do not agree", &a);
	put_u32(&a, end + 8, 0x00030003); /* the same, written out */
	expect(0, NULL, &a);
	put_u32(&a, end + 16, (uint32_t)a.directory - 1);
	expect(ERR_FORMAT, "do not agree", &a);
	put_u32(&a, end + 16, UINT32_MAX);
	put_u32(&a, a.end + 56 + 8, (uint32_t)a.end - 1);
	expect(ERR_FORMAT, "locator does not point", &a);
	put_u32(&a, a.end + 56 + 8, (uint32_t)a.end);
	put_u32(&a, a.end + 4, 45);
	expect(ERR_FORMAT, "another size", &a);
}

static void
refuses_a_directory_that_is_too_large(void **state)
{
	struct archive a = { .w = writer_of(SIZE_MAX / 2) };
	size_t n = ZIP_DIRECTORY_MAX + 1;

	(void)state;
	memset(writer_room(&a.w, n), 0, n);
	writer_bytes(&a.w, "PK\5\6", 4);
	writer_u32(&a.w, 0);
	writer_u32(&a.w, 0x00010001);
	writer_u32(&a.w, (uint32_t)n);
	writer_u32(&a.w, 0);
	writer_u16(&a.w, 0);
	expect(ERR_LIMIT, "weir takes", &a);
	/* A byte less is looked at, and is no directory. */
	put_u32(&a, n + 12, (uint32_t)n - 1);
	put_u32(&a, n + 16, 1);
	expect(ERR_FORMAT, "directory is broken", &a);
	archive_free(&a);
}

static void
refuses_a_member_that_is_not_what_the_directory_says(void **state)
{
	static const struct {
		size_t offset; /* in the member's own header */
		uint8_t flip;
		const char *why;
	} cases[] = { { 0, 1, "not what the directory says" },
		{ 8, 8, "not what the directory says" },
		{ 26, 1, "not what the directory says" },
		{ 28, 0xff, "not what the directory says" },
		{ 30, 1, "not what the directory says" } };
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OWNED_ARCHIVE a = archive_make(members, 1, false);

		a.w.bytes[cases[i].offset] ^= cases[i].flip;
		assert_int_equal(read_all(a.w.bytes, a.w.length, why),
		    ERR_FORMAT);
		assert_non_null(strstr(why, cases[i].why));
	}
}

static void
refuses_members_it_cannot_unpack(void **state)
{
	OWNED_ARCHIVE a = archive_make(members, 1, false);
	OWNED_ARCHIVE b = archive_make(members, 1, false);
	OWNED_ARCHIVE c = archive_make(members, 1, false);
	char why[200];

	(void)state;
	a.w.bytes[a.directory + 8] |= 1;
	assert_int_equal(read_all(a.w.bytes, a.w.length, why), ERR_FORMAT);
	assert_non_null(strstr(why, "is encrypted"));
	b.w.bytes[b.directory + 10] = 12;
	assert_int_equal(read_all(b.w.bytes, b.w.length, why), ERR_FORMAT);
	assert_non_null(strstr(why, "neither stored nor deflated"));
	c.w.bytes[c.directory + 24]--; /* stored, with another size */
	assert_int_equal(read_all(c.w.bytes, c.w.length, why), ERR_FORMAT);
}

static void
a_member_gives_no_byte_more_than_it_can(void **state)
{
	OWNED_ARCHIVE a = archive_make(members + 1, 1, false);
	char why[200];

	(void)state;
	a.w.bytes[a.directory + 24]++; /* one more than is packed */
	assert_int_equal(read_all(a.w.bytes, a.w.length, why), ERR_FORMAT);
	a.w.bytes[a.directory + 24] -= 2; /* one less: the rest is not read */
	assert_int_equal(read_all(a.w.bytes, a.w.length, why), 0);
}

static void
refuses_every_truncation(void **state)
{
	char why[200];

	(void)state;
	for (int zip64 = 0; zip64 <= 1; zip64++) {
		OWNED_ARCHIVE a = archive_make(members, COUNT, zip64);

		for (size_t n = 0; n < a.w.length; n++) {
			/* Exactly as long, so that ASan sees beyond. */
			uint8_t *bytes = malloc(n);

			memcpy(bytes, a.w.bytes, n);
			assert_int_equal(read_all(bytes, n, why), ERR_FORMAT);
			assert_true(why[0] != '\0');
			free(bytes);
		}
	}
}

static void
survives_every_flipped_bit(void **state)
{
	char why[200];

	(void)state;
	for (int zip64 = 0; zip64 <= 1; zip64++) {
		OWNED_ARCHIVE a = archive_make(members, COUNT, zip64);
		size_t refused = 0;

		for (size_t bit = 0; bit < 8 * a.w.length; bit++) {
			a.w.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
			refused += read_all(a.w.bytes, a.w.length, why) != 0;
			a.w.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
		}
		assert_true(refused > 500);
		assert_int_equal(read_all(a.w.bytes, a.w.length, why), 0);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_members_stored_and_deflated),
		cmocka_unit_test(takes_an_archive_of_nothing),
		cmocka_unit_test(
		    takes_a_comment_that_ends_the_file_and_no_other),
		cmocka_unit_test(refuses_an_end_record_inside_a_comment),
		cmocka_unit_test(refuses_bytes_before_and_between),
		cmocka_unit_test(refuses_members_that_overlap),
		cmocka_unit_test(refuses_counts_that_do_not_fit),
		cmocka_unit_test(refuses_end_records_that_do_not_agree),
		cmocka_unit_test(refuses_a_directory_that_is_too_large),
		cmocka_unit_test(
		    refuses_a_member_that_is_not_what_the_directory_says),
		cmocka_unit_test(refuses_members_it_cannot_unpack),
		cmocka_unit_test(a_member_gives_no_byte_more_than_it_can),
		cmocka_unit_test(refuses_every_truncation),
		cmocka_unit_test(survives_every_flipped_bit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
