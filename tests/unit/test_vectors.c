/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The files in tests/vectors (see its README.md) are what this program writes
 * and what it reads.  After a change of the format on purpose:
 *
 *	build/tests/unit/test_vectors write
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/grove.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/lockbox.h"
#include "vault/manifest.h"
#include "vault/object.h"
#include "vault/sealed.h"
#include "vault/size.h"
#include "vault/tensor.h"

#define FOLDER "tests/vectors/"

/* Bytes n of the pattern: H("weir vector" || i as 8 bytes) for i = 0, 1, … */
static uint8_t *
pattern(size_t n)
{
	uint8_t *out = malloc(n + DIGEST_SIZE);

	assert_non_null(out);
	for (uint64_t i = 0; i * DIGEST_SIZE < n; i++) {
		uint8_t block[8];
		struct digest d;

		for (size_t b = 0; b < 8; b++)
			block[b] = (uint8_t)(i >> 8 * b & 0xff);
		d = digest_of2("weir vector", 11, block, 8);
		memcpy(out + i * DIGEST_SIZE, d.bytes, DIGEST_SIZE);
	}
	return out;
}

/* 32 bytes from here up: keys and salts. */
struct fixed {
	uint8_t bytes[32];
};

static struct fixed
count_from(uint8_t first)
{
	struct fixed f;

	for (uint8_t i = 0; i < 32; i++)
		f.bytes[i] = (uint8_t)(first + i);
	return f;
}

static struct digest
digest_of_text(const char *text, uint32_t n)
{
	char buf[64];

	snprintf(buf, sizeof(buf), "%s %u", text, n);
	return digest_of(buf, strlen(buf));
}

/* The chunk key for these plain bytes in the family 00 01 … 1f. */
static void
chunk_key(uint8_t key[static KEY_SIZE], struct object_payload *p)
{
	OWNED(family_key) family = NULL;
	struct digest d;

	assert_int_equal(object_sealing_digest(&d, p, NULL), 0);
	assert_int_equal(family_key_from(&family, count_from(0).bytes), 0);
	object_chunk_key(key, family, &d);
}

static struct page_key *
vector_page_key(enum object_type type)
{
	OWNED(version_key) v = NULL;
	struct page_key *k;

	assert_int_equal(version_key_from(&v, count_from(0x40).bytes), 0);
	if (type == OBJECT_LOCKBOX_PAGE)
		assert_int_equal(object_lockbox_key(&k, v), 0);
	else
		assert_int_equal(object_manifest_key(&k, v), 0);
	return k;
}

/* A vector is written to w; n and index are its own to use. */
struct vector {
	const char *name;
	void (*make)(const struct vector *v, struct writer *w);
	uint32_t n;
	uint32_t index;
};

/* The header of a chunk of n pattern bytes; the body follows from it. */
static void
make_chunk(const struct vector *v, struct writer *w)
{
	OWNED_MEM(uint8_t) plain = pattern(v->n);
	OWNED_WRITER all = writer_of(5 << 20);
	OWNED(object_payload) p = NULL;
	const struct fixed zeros = { { 0 } };
	uint8_t key[KEY_SIZE];
	struct digest name;
	uint32_t header;

	assert_int_equal(object_payload_new(&p, OBJECT_CHUNK, 0, plain, v->n),
	    0);
	chunk_key(key, p);
	assert_int_equal(object_seal(p, key, zeros.bytes, NULL, &all, &name,
			     &header),
	    0);
	writer_bytes(w, all.bytes, header);
}

/* A whole object of type n: 100 pattern bytes, salt 80 81 … 9f. */
static void
make_page(const struct vector *v, struct writer *w)
{
	const enum object_type type = (enum object_type)v->n;
	OWNED_MEM(uint8_t) plain = pattern(100);
	OWNED(page_key) k = vector_page_key(type);
	OWNED(object_payload) p = NULL;
	const struct fixed salt = count_from(0x80);
	uint8_t key[KEY_SIZE];
	struct digest name;
	uint32_t header;

	object_page_key(key, k, type, v->index, salt.bytes);
	assert_int_equal(object_payload_new(&p, type, v->index, plain, 100), 0);
	assert_int_equal(object_seal(p, key, salt.bytes, NULL, w, &name,
			     &header),
	    0);
}

/* Page index of the vectors' tree: chunk n is called H("object n"). */
static void
make_rows(const struct vector *v, struct writer *w)
{
	OWNED_MEM(struct manifest_row) rows = calloc(4096, sizeof(*rows));
	struct manifest_page page = { .index = v->index, .rows = rows };
	const uint32_t big = 2, small = big + 4095;
	struct digest d;

	for (uint32_t n = v->index * 4096; n <= small; n++) {
		struct manifest_row *row = &rows[page.count++];

		row->object = digest_of_text("object", n);
		row->length = 65536;
		if (n >= big && n < small)
			row->offset = (n - big) * UINT64_C(65536);
		else
			row->length = n == 0 ? 11357 : n == 1 ? 700 : 1;
		if (page.count == 4096)
			break;
	}
	assert_int_equal(manifest_page_write(&page, w, &d), 0);
}

/* The tree of tests/lib/grove.h with 4,095 chunks in weights/big. */
static void
make_manifest(const struct vector *v, struct writer *w)
{
	OWNED(manifest) m = grove_new();
	const uint64_t less = 905 * UINT64_C(65536);
	struct digest version;

	(void)v;
	m->files[GROVE_BIG].rows -= 905;
	m->files[GROVE_BIG].size -= less;
	m->files[GROVE_SMALL].first_row -= 905;
	m->chunk_rows -= 905;
	m->total_bytes -= less;
	m->weight_bytes -= less;
	for (uint32_t p = 0; p < 2; p++) {
		const struct vector page = { .index = p };
		OWNED_WRITER rows = writer_of(1 << 20);

		make_rows(&page, &rows);
		m->pages[p].digest = digest_of(rows.bytes, rows.length);
		m->pages[p].object = digest_of_text("page object", p);
		m->pages[p].lockbox = digest_of_text("lockbox object", p);
	}
	assert_int_equal(manifest_write(m, w, &version), 0);
}

static void
make_lockbox(const struct vector *v, struct writer *w)
{
	OWNED(lockbox) b = NULL;

	assert_int_equal(lockbox_new(&b, v->index), 0);
	for (uint32_t n = 0; n < v->n; n++) {
		struct lockbox_row row = {
			.sealing = digest_of_text("sealing", n),
			.length = n == 0 ? 65536 : 1,
		};
		struct digest key = digest_of_text("key", n);

		memcpy(row.key, key.bytes, KEY_SIZE);
		assert_int_equal(lockbox_add(b, &row), 0);
	}
	assert_int_equal(lockbox_write(b, w), 0);
}

static void
make_tensors(const struct vector *v, struct writer *w)
{
	static const struct tensor tensors[] = {
		{ .file = 6,
		    .offset = 1000,
		    .length = 12000,
		    .type = TENSOR_BF16,
		    .dims = 2,
		    .shape = { 60, 100 } },
		{ .file = 6,
		    .offset = 13000,
		    .length = 0,
		    .type = TENSOR_F32,
		    .dims = 1,
		    .shape = { 0 } },
		{ .file = 6, .offset = 13000, .length = 4, .type = TENSOR_F32 },
		{ .file = 8,
		    .offset = 0,
		    .length = 1,
		    .type = TENSOR_GGML + 12,
		    .dims = 8,
		    .shape = { 1, 2, 3, 4, 5, 6, 7, UINT64_MAX } },
	};
	static const char *const names[] = { "embed.weight", "empty", "scale",
		"b\xc3\xa9ta" };
	struct tensor_list l = { 0 };

	(void)v;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(tensor_list_add(&l, &tensors[i],
				     strdup(names[i])),
		    0);
	assert_int_equal(tensor_index_write(&l, w), 0);
	tensor_list_clear(&l);
}

static void
make_sealed(const struct vector *v, struct writer *w)
{
	const struct fixed key = count_from(0xc0), salt = count_from(0x80);
	const struct fixed secret = count_from(0);

	(void)v;
	assert_int_equal(sealed_write_salted(w, key.bytes, salt.bytes, "root",
			     secret.bytes, 32),
	    0);
}

static const struct vector vectors[] = {
	{ "chunk-1.header", make_chunk, 1, 0 },
	{ "chunk-65535.header", make_chunk, 65535, 0 },
	{ "chunk-65536.header", make_chunk, 65536, 0 },
	{ "chunk-65537.header", make_chunk, 65537, 0 },
	{ "chunk-4194303.header", make_chunk, 4194303, 0 },
	{ "chunk-4194304.header", make_chunk, 4194304, 0 },
	{ "manifest.object", make_page, OBJECT_MANIFEST, 0 },
	{ "manifest-page-7.object", make_page, OBJECT_MANIFEST_PAGE, 7 },
	{ "lockbox-page-7.object", make_page, OBJECT_LOCKBOX_PAGE, 7 },
	{ "tensor-index.object", make_page, OBJECT_TENSOR_INDEX, 0 },
	{ "manifest.record", make_manifest, 0, 0 },
	{ "manifest-page-1.record", make_rows, 0, 1 },
	{ "lockbox-page-1.record", make_lockbox, 2, 1 },
	{ "tensor-index.record", make_tensors, 0, 0 },
	{ "sealed.record", make_sealed, 0, 0 },
};
#define VECTORS (sizeof(vectors) / sizeof(vectors[0]))

/* The file of a vector; to be freed. */
static uint8_t *
load(const char *name, size_t *n)
{
	char path[100];
	uint8_t *bytes;

	snprintf(path, sizeof(path), FOLDER "%s", name);
	assert_int_equal(file_load(NULL, path, 1 << 20, &bytes, n), 0);
	return bytes;
}

static void
every_file_is_rewritten_byte_for_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		OWNED_WRITER w = writer_of(1 << 20);
		OWNED_MEM(uint8_t) file = NULL;
		size_t n;

		vectors[i].make(&vectors[i], &w);
		assert_true(writer_ok(&w));
		file = load(vectors[i].name, &n);
		assert_int_equal(n, w.length);
		assert_memory_equal(file, w.bytes, n);
	}
}

static void
chunks_are_read_on_each_side_of_every_size_edge(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		OWNED_MEM(uint8_t) file = NULL;
		OWNED(object) o = NULL;
		struct digest name;
		size_t n;

		if (vectors[i].make != make_chunk)
			continue;
		file = load(vectors[i].name, &n);
		name = digest_of(file, n);
		assert_int_equal(object_parse(&o, file, n, OBJECT_CHUNK, &name),
		    0);
		assert_int_equal(o->plain_length, vectors[i].n);
		assert_int_equal(o->body_length, vectors[i].n);
		assert_int_equal(o->segment_count,
		    size_units(vectors[i].n, OBJECT_SEGMENT));
	}
}

static void
pages_are_opened(void **state)
{
	OWNED_MEM(uint8_t) want = pattern(100);

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		const enum object_type type = (enum object_type)vectors[i].n;
		OWNED_MEM(uint8_t) file = NULL;
		OWNED_MEM(uint8_t) plain = NULL;
		OWNED(page_key) k = NULL;
		OWNED(object) o = NULL;
		uint32_t header;
		size_t n;

		if (vectors[i].make != make_page)
			continue;
		file = load(vectors[i].name, &n);
		k = vector_page_key(type);
		assert_int_equal(object_peek(file, &header), 0);
		assert_int_equal(object_parse(&o, file, header, type, NULL), 0);
		assert_int_equal(o->index, vectors[i].index);
		assert_int_equal(object_open_page(o, k, file + header,
				     n - header, &plain),
		    0);
		assert_memory_equal(plain, want, 100);
	}
}

/* Its bytes depend on zstd's version: it is read and never written again. */
static void
a_compressed_chunk_is_opened(void **state)
{
	OWNED_MEM(uint8_t) file = NULL;
	OWNED_MEM(uint8_t) plain = NULL;
	OWNED(object) o = NULL;
	uint32_t header;
	size_t n;

	(void)state;
	file = load("chunk-zstd.object", &n);
	assert_int_equal(object_peek(file, &header), 0);
	assert_int_equal(object_parse(&o, file, header, OBJECT_CHUNK, NULL), 0);
	assert_int_equal(o->plain_length, 65537);
	assert_int_equal(o->segments[0].codec, CODEC_ZSTD);
	assert_int_equal(o->segments[1].codec, CODEC_RAW);
	assert_int_equal(object_open(o, count_from(0x20).bytes, file + header,
			     n - header, &plain),
	    0);
	for (size_t i = 0; i < 65537; i++)
		assert_int_equal(plain[i], "weir"[i % 4]);
}

/* A number as a model has it: its upper byte tells little. */
static uint8_t
float_byte(size_t i, size_t width)
{
	const uint32_t number = 0x3c000000 |
	    ((uint32_t)(i / width) * 2654435761U & 0x00ffffff);

	return (uint8_t)(number >> (32 - 8 * (width - i % width)));
}

/* Read and never written again, too. */
static void
a_chunk_in_byte_planes_is_opened(void **state)
{
	OWNED_MEM(uint8_t) file = NULL;
	OWNED_MEM(uint8_t) plain = NULL;
	OWNED(object) o = NULL;
	uint32_t header;
	size_t n;

	(void)state;
	file = load("chunk-planes.object", &n);
	assert_int_equal(object_peek(file, &header), 0);
	assert_int_equal(object_parse(&o, file, header, OBJECT_CHUNK, NULL), 0);
	assert_int_equal(o->plain_length, 65536 + 4099);
	assert_int_equal(o->segments[0].codec, CODEC_PLANES2);
	assert_int_equal(o->segments[1].codec, CODEC_PLANES4);
	assert_int_equal(object_open(o, count_from(0x20).bytes, file + header,
			     n - header, &plain),
	    0);
	for (size_t i = 0; i < 65536; i++)
		assert_int_equal(plain[i], float_byte(i, 2));
	for (size_t i = 0; i < 4099; i++)
		assert_int_equal(plain[65536 + i], float_byte(i, 4));
}

static void
records_are_read(void **state)
{
	OWNED_MEM(uint8_t) file = NULL;
	OWNED_MEM(uint8_t) page_file = NULL;
	OWNED(manifest) m = NULL;
	OWNED(manifest_page) page = NULL;
	size_t n;

	(void)state;
	file = load("manifest.record", &n);
	assert_int_equal(manifest_parse(&m, file, n, NULL), 0);
	assert_int_equal(m->file_count, GROVE_ROWS);
	assert_int_equal(m->chunk_rows, 4098);
	page_file = load("manifest-page-1.record", &n);
	assert_int_equal(manifest_page_parse(&page, page_file, n, 1,
			     &m->pages[1].digest),
	    0);
	assert_int_equal(page->count, 2);
	assert_int_equal(manifest_page_check(page, m), 0);
}

static void
secret_records_and_tensors_are_read(void **state)
{
	OWNED_MEM(uint8_t) box = NULL;
	OWNED_MEM(uint8_t) index = NULL;
	OWNED_MEM(uint8_t) sealed = NULL;
	OWNED(lockbox) b = NULL;
	struct tensor_list l = { 0 };
	const struct fixed secret = count_from(0);
	struct reader r;
	uint8_t out[32];
	size_t n;

	(void)state;
	box = load("lockbox-page-1.record", &n);
	assert_int_equal(lockbox_parse(&b, box, n, 1), 0);
	assert_int_equal(lockbox_count(b), 2);
	assert_int_equal(lockbox_at(b, 0)->length, 65536);
	index = load("tensor-index.record", &n);
	assert_int_equal(tensor_index_parse(&l, index, n), 0);
	assert_int_equal(l.count, 4);
	assert_string_equal(l.items[3].name, "b\xc3\xa9ta");
	tensor_list_clear(&l);
	sealed = load("sealed.record", &n);
	r = reader_of(sealed, n);
	assert_int_equal(sealed_read(&r, count_from(0xc0).bytes, "root", out,
			     32),
	    0);
	assert_true(reader_end(&r));
	assert_memory_equal(out, secret.bytes, 32);
}

static int
write_file(const char *name, const struct writer *w)
{
	char path[100];

	snprintf(path, sizeof(path), FOLDER "%s", name);
	return file_replace(NULL, path, w->bytes, w->length, 0644);
}

static int
write_compressed(void)
{
	OWNED_WRITER w = writer_of(1 << 20);
	OWNED(object_payload) p = NULL;
	const struct fixed zeros = { { 0 } };
	static uint8_t plain[65537];
	struct digest name;
	uint32_t header;
	int err;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t) "weir"[i % 4];
	err = object_payload_new(&p, OBJECT_CHUNK, 0, plain, sizeof(plain));
	if (err == 0)
		err = object_seal(p, count_from(0x20).bytes, zeros.bytes, NULL,
		    &w, &name, &header);
	return err != 0 ? err : write_file("chunk-zstd.object", &w);
}

static int
write_all(void)
{
	int err = write_compressed();

	for (size_t i = 0; i < VECTORS && err == 0; i++) {
		OWNED_WRITER w = writer_of(1 << 20);

		vectors[i].make(&vectors[i], &w);
		err = write_file(vectors[i].name, &w);
	}
	return err;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_file_is_rewritten_byte_for_byte),
		cmocka_unit_test(
		    chunks_are_read_on_each_side_of_every_size_edge),
		cmocka_unit_test(pages_are_opened),
		cmocka_unit_test(a_compressed_chunk_is_opened),
		cmocka_unit_test(a_chunk_in_byte_planes_is_opened),
		cmocka_unit_test(records_are_read),
		cmocka_unit_test(secret_records_and_tensors_are_read),
	};

	if (sodium_init() < 0)
		return 1;
	if (argc == 2 && strcmp(argv[1], "write") == 0)
		return write_all() != 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
