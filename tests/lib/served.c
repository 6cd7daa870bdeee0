/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/served.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/sample.h"
#include "vault/object.h"

#define PAGE_MAX (1U << 20)
#define SMALL_BYTES 100

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void *
zeros(size_t count, size_t size)
{
	void *p = calloc(count, size);

	must(p != NULL);
	return p;
}

static char *
text(const char *s)
{
	char *copy = strdup(s);

	must(copy != NULL);
	return copy;
}

static void
put(struct served *s, const struct writer *w, const struct digest *name,
    uint32_t header_length)
{
	bool stored;

	must(store_put(s->store, name, w->bytes, w->length, header_length,
		 &stored) == 0);
}

/* Seal a chunk under a key of its row's own, and store it. */
static void
put_chunk(struct served *s, uint64_t row, const uint8_t *plain, uint32_t n)
{
	struct digest key = digest_of(&row, sizeof(row));
	OWNED_SAMPLE chunk = { 0 };

	memcpy(s->keys[row], key.bytes, KEY_SIZE);
	s->lengths[row] = n;
	chunk = sample_chunk(plain, n, s->keys[row]);
	s->names[row] = chunk.name;
	put(s, &chunk.w, &chunk.name, chunk.header_length);
}

static void
add_file(struct served *s, struct manifest *m, struct manifest_page *p,
    uint32_t index, uint32_t chunk)
{
	struct manifest_file *f = &m->files[index];

	s->content[index] = sample_noise(f->size, index + 1);
	f->digest = digest_of(s->content[index], f->size);
	f->first_row = m->chunk_rows;
	for (uint64_t at = 0; at < f->size; at += chunk, f->rows++) {
		uint64_t left = f->size - at;
		uint32_t n = left < chunk ? (uint32_t)left : chunk;

		put_chunk(s, m->chunk_rows, s->content[index] + at, n);
		p->rows[p->count++] = (struct manifest_row){
			.object = s->names[m->chunk_rows++],
			.offset = at,
			.length = n,
		};
	}
	m->total_bytes += f->size;
	m->weight_bytes += f->class == MANIFEST_WEIGHTS ? f->size : 0;
}

static void
put_page(struct served *s, enum object_type type, const struct writer *plain,
    struct digest *name)
{
	OWNED_WRITER w = writer_of(2 * PAGE_MAX);
	uint32_t header_length;

	must(object_seal_page(s->key, type, 0, plain->bytes, plain->length, &w,
		 name) == 0);
	must(object_peek(w.bytes, &header_length) == 0);
	put(s, &w, name, header_length);
}

static void
put_manifest(struct served *s, struct manifest *m,
    const struct manifest_page *p, struct digest *version)
{
	OWNED_WRITER page = writer_of(PAGE_MAX);
	OWNED_WRITER root = writer_of(PAGE_MAX);

	must(manifest_page_write(p, &page, &m->pages[0].digest) == 0);
	put_page(s, OBJECT_MANIFEST_PAGE, &page, &m->pages[0].object);
	/* Nobody here opens the lockbox. */
	m->pages[0].lockbox = digest_of("lockbox", 7);
	must(manifest_write(m, &root, version) == 0);
	put_page(s, OBJECT_MANIFEST, &root, &s->object);
}

static struct manifest *
make_tree(uint64_t bytes)
{
	const struct manifest_file rows[SERVED_ROWS] = {
		[SERVED_BIG] = { .kind = MANIFEST_FILE,
		    .mode = 0644,
		    .size = bytes },
		[SERVED_DIR] = { .kind = MANIFEST_DIR, .mode = 0750 },
		[SERVED_SMALL] = { .kind = MANIFEST_FILE,
		    .class = MANIFEST_CONFIG,
		    .mode = 0600,
		    .size = SMALL_BYTES },
		[SERVED_EMPTY] = { .kind = MANIFEST_FILE, .mode = 0644 },
		[SERVED_LINK] = { .kind = MANIFEST_LINK, .mode = 0777 },
	};
	static const char *const paths[SERVED_ROWS] = { "big", "dir",
		"dir/small", "empty", "link" };
	struct manifest *m = zeros(1, sizeof(*m));

	m->root_mode = 0755;
	m->file_count = SERVED_ROWS;
	m->files = zeros(SERVED_ROWS, sizeof(*m->files));
	m->page_count = 1;
	m->pages = zeros(1, sizeof(*m->pages));
	for (size_t i = 0; i < SERVED_ROWS; i++) {
		m->files[i] = rows[i];
		m->files[i].path = text(paths[i]);
	}
	m->files[SERVED_LINK].target = text("dir/small");
	return m;
}

struct served *
served_new(uint64_t bytes, uint32_t chunk)
{
	static const uint8_t key[KEY_SIZE] = { 1, 2, 3 };
	struct served *s = zeros(1, sizeof(*s));
	OWNED(manifest) m = make_tree(bytes);
	struct manifest_page page = { .rows = zeros(MANIFEST_PAGE_ROWS,
					  sizeof(*page.rows)) };
	struct version_open how = { 0 };

	must(sodium_init() >= 0);
	s->scratch = scratch_new();
	s->content = zeros(SERVED_ROWS, sizeof(*s->content));
	s->keys = zeros(MANIFEST_PAGE_ROWS, sizeof(*s->keys));
	s->lengths = zeros(MANIFEST_PAGE_ROWS, sizeof(*s->lengths));
	s->names = zeros(MANIFEST_PAGE_ROWS, sizeof(*s->names));
	must(store_dir_init(s->scratch.path) == 0);
	must(store_dir_open(&s->store, s->scratch.path) == 0);
	must(page_key_from(&s->key, key) == 0);
	add_file(s, m, &page, SERVED_BIG, chunk);
	add_file(s, m, &page, SERVED_SMALL, chunk);
	add_file(s, m, &page, SERVED_EMPTY, chunk);
	put_manifest(s, m, &page, &how.version);
	s->moody = moody_new(s->store, &s->read_through);
	how.store = s->read_through;
	how.object = s->object;
	how.manifest_key = s->key;
	must(version_open(&s->version, &how) == 0);
	s->manifest = version_manifest(s->version);
	free(page.rows);
	return s;
}

void
served_free(struct served *s)
{
	if (s == NULL)
		return;
	version_free(s->version);
	store_free(s->read_through);
	store_free(s->store);
	page_key_free(s->key);
	for (size_t i = 0; i < SERVED_ROWS; i++)
		free(s->content[i]);
	free(s->content);
	free(s->keys);
	free(s->lengths);
	free(s->names);
	scratch_free(&s->scratch);
	free(s);
}

char *
served_path(const struct served *s, const struct digest *name,
    char buf[static SERVED_PATH_SIZE])
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(name, hex);
	snprintf(buf, SERVED_PATH_SIZE, "%s/%.2s/%s", s->scratch.path, hex,
	    hex);
	return buf;
}
