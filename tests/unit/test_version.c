/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/forest.h"
#include "tests/lib/shed.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/version.h"

#define LONG ((16U << 20) + 100000) /* four chunks of 4 MiB, and a bit */
#define OBJECTS_MAX 32
#define THREADS 4

/* A stream, so that its chunks have 64 segments; every other segment
 * can be compressed. */
static uint8_t *
long_bytes(void)
{
	uint8_t *bytes = malloc(LONG);

	assert_non_null(bytes);
	forest_bytes(bytes, LONG, 1);
	for (size_t at = 0; at + 65536 < LONG; at += 2 * 65536)
		memset(bytes + at, (int)(at >> 17), 65536);
	return bytes;
}

static void
put_long(struct shed *s, const uint8_t *bytes, struct version **v)
{
	struct intake_result r;

	assert_int_equal(shed_put_stream(s, "w", bytes, LONG, &r), 0);
	assert_int_equal(r.chunks, 5);
	assert_int_equal(shed_open(s, &r, v), 0);
	intake_result_clear(&r);
}

static void
reads_any_part_of_a_chunk(void **state)
{
	static const uint32_t edges[] = { 0, 1, 4096, 32768, 65535, 65536,
		65537, 131071, 131072, 131073, 1 << 20, (17 << 16) - 1,
		17 << 16, (17 << 16) + 1, 34 << 16, (4 << 20) - 65537,
		(4 << 20) - 1, 4 << 20 };
	const size_t count = sizeof(edges) / sizeof(edges[0]);
	OWNED_MEM(uint8_t) buf = malloc((4 << 20) + 2);
	OWNED_MEM(uint8_t) bytes = long_bytes();
	OWNED(version) v = NULL;
	struct version_row row;
	OWNED_SHED s;
	size_t got;

	(void)state;
	shed_init(&s);
	put_long(&s, bytes, &v);
	assert_int_equal(version_rows_at(v, 1, &row, 1, &got), 0);
	assert_int_equal(row.row.length, 4 << 20);
	for (size_t a = 0; a < count; a++)
		for (size_t b = a; b < count; b++) {
			uint32_t n = edges[b] - edges[a];

			buf[0] = buf[1 + n] = 0xee;
			assert_int_equal(version_read(v, &row,
					     fakekeys_row(&s.keys, 1), edges[a],
					     buf + 1, n),
			    0);
			assert_memory_equal(buf + 1,
			    bytes + (4 << 20) + edges[a], n);
			assert_int_equal(buf[0], 0xee);
			assert_int_equal(buf[1 + n], 0xee);
		}
	assert_int_equal(version_read(v, &row, fakekeys_row(&s.keys, 1),
			     4 << 20, buf, 1),
	    ERR_USAGE);
	assert_int_equal(version_read(v, &row, fakekeys_row(&s.keys, 1), 1, buf,
			     4 << 20),
	    ERR_USAGE);
}

struct racer {
	pthread_t thread;
	struct shed *shed;
	struct version *version;
	const uint8_t *bytes;
	uint64_t seed;
	int err;
};

/* Random reads of a file, compared. */
static int
race(struct racer *r)
{
	const struct manifest_file *f = version_manifest(r->version)->files;
	OWNED_MEM(uint8_t) buf = malloc(1 << 20);
	uint8_t dice[8 * 64];

	forest_bytes(dice, sizeof(dice), r->seed);
	for (size_t i = 0; i < 64; i++) {
		struct version_row row;
		uint64_t x, at;
		size_t n, count;
		int err;

		memcpy(&x, dice + 8 * i, 8);
		at = x % LONG;
		n = (size_t)(x >> 40) % (1 << 20) + 1;
		err = version_rows(r->version, f, at, 1, &row, 1, &count);
		if (err != 0)
			return err;
		if (row.row.offset + row.row.length - at < n)
			n = (size_t)(row.row.offset + row.row.length - at);
		err = version_read(r->version, &row,
		    fakekeys_row(&r->shed->keys, row.number),
		    (uint32_t)(at - row.row.offset), buf, n);
		if (err != 0)
			return err;
		if (memcmp(buf, r->bytes + at, n) != 0)
			return ERR_FORMAT;
	}
	return 0;
}

static void *
race_main(void *arg)
{
	struct racer *r = arg;

	r->err = race(r);
	return NULL;
}

static void
serves_many_threads_at_once(void **state)
{
	OWNED_MEM(uint8_t) bytes = long_bytes();
	struct racer racers[THREADS];
	OWNED(version) v = NULL;
	OWNED_SHED s;

	(void)state;
	shed_init(&s);
	put_long(&s, bytes, &v);
	for (uint64_t i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){ .shed = &s,
			.version = v,
			.bytes = bytes,
			.seed = i };
		assert_int_equal(pthread_create(&racers[i].thread, NULL,
				     race_main, &racers[i]),
		    0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(racers[i].thread, NULL);
		assert_int_equal(racers[i].err, 0);
	}
}

static bool
all_zero(const uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (buf[i] != 0)
			return false;
	return true;
}

static void
wipes_the_buffer_when_it_fails(void **state)
{
	OWNED_MEM(uint8_t) bytes = long_bytes();
	OWNED_MEM(uint8_t) buf = malloc(300000);
	OWNED_MEM(char) path = NULL;
	OWNED(version) v = NULL;
	struct version_row row;
	uint8_t wrong[KEY_SIZE] = { 1 };
	struct stat st;
	OWNED_SHED s;
	size_t got;

	(void)state;
	shed_init(&s);
	put_long(&s, bytes, &v);
	assert_int_equal(version_rows_at(v, 0, &row, 1, &got), 0);
	memset(buf, 0xee, 300000);
	assert_int_equal(version_read(v, &row, wrong, 5, buf, 300000),
	    ERR_INTEGRITY);
	assert_true(all_zero(buf, 300000));

	path = shed_object(&s, &row.row.object);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	assert_int_equal(version_read(v, &row, fakekeys_row(&s.keys, 0), 0, buf,
			     65536),
	    0);
	assert_memory_equal(buf, bytes, 65536);
	memset(buf, 0xee, 300000);
	assert_int_equal(version_read(v, &row, fakekeys_row(&s.keys, 0),
			     (4 << 20) - 300000, buf, 300000),
	    ERR_INTEGRITY);
	assert_true(all_zero(buf, 300000));

	assert_int_equal(unlink(path), 0);
	memset(buf, 0xee, 300000);
	assert_int_equal(version_read(v, &row, fakekeys_row(&s.keys, 0), 0, buf,
			     300000),
	    ERR_NOT_FOUND);
	assert_true(all_zero(buf, 300000));
}

static void
refuses_a_row_of_another_length_than_its_object(void **state)
{
	OWNED_MEM(uint8_t) bytes = long_bytes();
	OWNED(version) v = NULL;
	struct version_row row;
	OWNED_SHED s;
	uint8_t buf[10];
	size_t got;

	(void)state;
	shed_init(&s);
	put_long(&s, bytes, &v);
	assert_int_equal(version_rows_at(v, 0, &row, 1, &got), 0);
	row.row.length--;
	assert_int_equal(version_read(v, &row, fakekeys_row(&s.keys, 0), 0, buf,
			     sizeof(buf)),
	    ERR_INTEGRITY);
}

static void
finds_rows_by_offset_and_by_number_over_pages(void **state)
{
	struct version_row rows[300], one;
	const struct manifest_file *f;
	OWNED(version) v = NULL;
	struct intake_result r;
	OWNED_SHED s;
	size_t count, got;

	(void)state;
	shed_init(&s);
	forest_dir(s.src, "a", 0755);
	for (int i = 0; i < 4000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "a/%d", i);
		forest_file(s.src, name, "x", 1, 0644);
	}
	forest_random(s.src, "b", 200 * 65536 + 5, 9);
	assert_int_equal(shed_put(&s, s.src, &r), 0);
	assert_int_equal(shed_open(&s, &r, &v), 0);
	assert_int_equal(version_manifest(v)->page_count, 2);
	f = manifest_find(version_manifest(v), "b");

	assert_int_equal(version_rows(v, f, 0, UINT64_MAX, rows, 300, &count),
	    0);
	assert_int_equal(count, 201);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(rows[i].number, 4000 + i);
		assert_int_equal(rows[i].row.offset, i * 65536);
		assert_int_equal(version_rows_at(v, 4000 + i, &one, 1, &got),
		    0);
		assert_int_equal(got, 1);
		assert_memory_equal(&one.row.object, &rows[i].row.object, 32);
		/* The last byte of a row finds it, the next one does not. */
		assert_int_equal(version_rows(v, f,
				     rows[i].row.offset + rows[i].row.length -
					 1,
				     1, &one, 1, &got),
		    0);
		assert_int_equal(one.number, rows[i].number);
	}
	assert_int_equal(version_rows(v, f, 65535, 2, rows, 300, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(version_rows(v, f, 0, f->size, rows, 7, &count), 0);
	assert_int_equal(count, 7);
	assert_int_equal(version_rows(v, f, f->size, 1, rows, 7, &count), 0);
	assert_int_equal(count, 0);
	assert_int_equal(version_rows(v, f, 0, 0, rows, 7, &count), 0);
	assert_int_equal(count, 0);
	/* By number rows end with their page. */
	assert_int_equal(version_rows_at(v, 4090, rows, 300, &count), 0);
	assert_int_equal(count, 6);
	assert_int_equal(version_rows_at(v, 4201, rows, 300, &count), 0);
	assert_int_equal(count, 0);
	intake_result_clear(&r);
}

/* A small vault, all its objects, and what it should read as. */
struct small {
	struct shed shed;
	struct intake_result r;
	struct digest names[OBJECTS_MAX];
	uint8_t *objects[OBJECTS_MAX];
	size_t lengths[OBJECTS_MAX];
	size_t count;
	uint8_t *all; /* the files' bytes, one after another */
	size_t length;
	unsigned int silent;
};

static int
note_object(void *arg, const struct digest *name, uint64_t size)
{
	struct small *m = arg;

	assert_true(m->count < OBJECTS_MAX);
	m->names[m->count] = *name;
	m->lengths[m->count++] = (size_t)size;
	return 0;
}

/* Read all of a version into *out, as far as it goes. */
static int
read_all(struct small *m, uint8_t *out, size_t *length)
{
	const struct version_open how = {
		.store = m->shed.store,
		.object = m->r.object,
		.version = m->r.version,
		.manifest_key = m->shed.keys.manifest_key,
	};
	OWNED(version) v = NULL;
	struct tensor_list l = { 0 };
	size_t at = 0;
	int err = version_open(&v, &how), bad;

	if (err != 0)
		return err;
	bad = version_tensors(v, &l);
	if (bad == 0)
		assert_int_equal(l.count, 2);
	tensor_list_clear(&l);
	for (uint64_t row = 0; err == 0; row++) {
		struct version_row r;
		size_t got;

		err = version_rows_at(v, row, &r, 1, &got);
		if (err != 0 || got == 0)
			break;
		err = version_read(v, &r, fakekeys_row(&m->shed.keys, row), 0,
		    out + at, r.row.length);
		at += r.row.length;
	}
	*length = at;
	return err != 0 ? err : bad;
}

static void
small_init(struct small *m)
{
	static const size_t sizes[] = { 40, 70000 };
	OWNED(version) v = NULL;

	*m = (struct small){ 0 };
	shed_init(&m->shed);
	forest_safetensors(m->shed.src, "m.safetensors", sizes, 2, 1);
	forest_file(m->shed.src, "config.json", "{}", 2, 0644);
	forest_file(m->shed.src, "zeros", (char[3000]){ 0 }, 3000, 0644);
	assert_int_equal(shed_put(&m->shed, m->shed.src, &m->r), 0);
	assert_int_equal(shed_open(&m->shed, &m->r, &v), 0);
	assert_int_equal(store_list(m->shed.store, note_object, m), 0);
	for (size_t i = 0; i < m->count; i++) {
		OWNED_MEM(char) path = shed_object(&m->shed, &m->names[i]);
		size_t got;

		chmod(path, 0600);
		m->objects[i] = malloc(m->lengths[i]);
		assert_int_equal(store_get(m->shed.store, &m->names[i], 0,
				     m->objects[i], m->lengths[i], &got),
		    0);
	}
	m->all = malloc(m->r.bytes);
	assert_int_equal(read_all(m, m->all, &m->length), 0);
	assert_int_equal(m->length, m->r.bytes);
	log_level(-1);
}

static void
small_clear(struct small *m)
{
	log_level(2);
	for (size_t i = 0; i < m->count; i++)
		free(m->objects[i]);
	free(m->all);
	intake_result_clear(&m->r);
	shed_clear(&m->shed);
}
#define OWNED_SMALL __attribute__((cleanup(small_clear))) struct small

static void
write_object(struct small *m, size_t i, const uint8_t *bytes, size_t n)
{
	OWNED_MEM(char) path = shed_object(&m->shed, &m->names[i]);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

/* After an object was changed: an error, or the right bytes. */
static bool
told_or_same(struct small *m)
{
	static uint8_t out[1 << 20];
	size_t length;
	int err = read_all(m, out, &length);

	if (err != 0)
		return true;
	if (length != m->length || memcmp(out, m->all, length) != 0)
		m->silent++;
	return false;
}

/* Whether no byte of this object reaches a reader of files: a lockbox page. */
static bool
is_lockbox(const struct small *m, size_t i)
{
	return m->objects[i][10] == OBJECT_LOCKBOX_PAGE;
}

static void
signed_or_nothing_for_every_byte_of_every_object(void **state)
{
	unsigned int told = 0, same = 0;
	OWNED_SMALL m;

	(void)state;
	small_init(&m);
	for (size_t i = 0; i < m.count; i++) {
		OWNED_MEM(char) path = shed_object(&m.shed, &m.names[i]);
		int fd = open(path, O_RDWR);

		/* All of a header, and the large body here and there. */
		for (size_t at = 0; at < m.lengths[i];
		     at += at < 1000 || m.lengths[i] < 10000 ? 1 : 101) {
			uint8_t bad = m.objects[i][at] ^ (uint8_t)(1 << at % 8);
			bool error;

			assert_int_equal(pwrite(fd, &bad, 1, (off_t)at), 1);
			error = told_or_same(&m);
			assert_true(error || is_lockbox(&m, i));
			told += error;
			same += !error;
			assert_int_equal(pwrite(fd, m.objects[i] + at, 1,
					     (off_t)at),
			    1);
		}
		close(fd);
	}
	assert_int_equal(m.silent, 0);
	assert_true(told > 3000);
	assert_true(same > 100);
	assert_false(told_or_same(&m));
}

static void
signed_or_nothing_for_truncated_and_zeroed_objects(void **state)
{
	OWNED_SMALL m;

	(void)state;
	small_init(&m);
	for (size_t i = 0; i < m.count; i++) {
		OWNED_MEM(uint8_t) bytes = malloc(m.lengths[i]);
		OWNED_MEM(char) path = shed_object(&m.shed, &m.names[i]);

		for (size_t n = 0; n < m.lengths[i];
		     n += n < 1000 || m.lengths[i] < 10000 ? 1 : 1009) {
			write_object(&m, i, m.objects[i], n);
			assert_true(told_or_same(&m) || is_lockbox(&m, i));
		}
		for (size_t at = 0; at < m.lengths[i]; at += 512) {
			size_t n = m.lengths[i] - at < 512 ? m.lengths[i] - at :
							     512;

			memcpy(bytes, m.objects[i], m.lengths[i]);
			memset(bytes + at, 0, n);
			write_object(&m, i, bytes, m.lengths[i]);
			assert_true(told_or_same(&m) || is_lockbox(&m, i));
		}
		assert_int_equal(unlink(path), 0);
		assert_true(told_or_same(&m) || is_lockbox(&m, i));
		write_object(&m, i, m.objects[i], m.lengths[i]);
	}
	assert_int_equal(m.silent, 0);
}

static void
signed_or_nothing_for_every_object_under_every_other_name(void **state)
{
	OWNED_SMALL m;

	(void)state;
	small_init(&m);
	for (size_t i = 0; i < m.count; i++) {
		for (size_t j = 0; j < m.count; j++) {
			if (i == j)
				continue;
			/* j's bytes under i's name, and the other way. */
			write_object(&m, i, m.objects[j], m.lengths[j]);
			assert_true(told_or_same(&m) || is_lockbox(&m, i));
			write_object(&m, j, m.objects[i], m.lengths[i]);
			assert_true(told_or_same(&m));
			write_object(&m, j, m.objects[j], m.lengths[j]);
		}
		write_object(&m, i, m.objects[i], m.lengths[i]);
	}
	assert_int_equal(m.silent, 0);
	assert_false(told_or_same(&m));
}

static void
does_not_open_as_another_version_or_with_another_key(void **state)
{
	struct version_open how;
	OWNED(version) v = NULL;
	OWNED_SMALL m;

	(void)state;
	small_init(&m);
	how = (struct version_open){
		.store = m.shed.store,
		.object = m.r.object,
		.version = m.r.version,
		.manifest_key = m.shed.keys.manifest_key,
	};
	how.version.bytes[31] ^= 1;
	assert_int_equal(version_open(&v, &how), ERR_INTEGRITY);
	how.version = m.r.version;
	how.manifest_key = m.shed.keys.lockbox_key;
	assert_int_equal(version_open(&v, &how), ERR_INTEGRITY);
	how.manifest_key = m.shed.keys.manifest_key;
	how.object.bytes[0] ^= 1;
	assert_int_equal(version_open(&v, &how), ERR_NOT_FOUND);
	/* Each object that is no manifest, in its place. */
	for (size_t i = 0; i < m.count; i++) {
		how.object = m.names[i];
		if (digest_equal(&how.object, &m.r.object))
			continue;
		assert_int_equal(version_open(&v, &how), ERR_INTEGRITY);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_any_part_of_a_chunk),
		cmocka_unit_test(serves_many_threads_at_once),
		cmocka_unit_test(wipes_the_buffer_when_it_fails),
		cmocka_unit_test(
		    refuses_a_row_of_another_length_than_its_object),
		cmocka_unit_test(finds_rows_by_offset_and_by_number_over_pages),
		cmocka_unit_test(
		    signed_or_nothing_for_every_byte_of_every_object),
		cmocka_unit_test(
		    signed_or_nothing_for_truncated_and_zeroed_objects),
		cmocka_unit_test(
		    signed_or_nothing_for_every_object_under_every_other_name),
		cmocka_unit_test(
		    does_not_open_as_another_version_or_with_another_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
