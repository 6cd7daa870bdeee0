/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/grove.h"

#include <stdlib.h>
#include <string.h>

#include "vault/object.h"
#include "vault/size.h"

#define ROOM 4 /* files and pages beyond what a test asked for */

static char *
copy(const char *s)
{
	char *c = strdup(s);

	if (c == NULL)
		abort();
	return c;
}

struct manifest *
grove_room(uint32_t files, uint32_t pages)
{
	struct manifest *m = calloc(1, sizeof(*m));

	if (m == NULL)
		abort();
	m->files = calloc(files + ROOM, sizeof(*m->files));
	m->pages = calloc(pages + ROOM, sizeof(*m->pages));
	if (m->files == NULL || m->pages == NULL)
		abort();
	m->root_mode = 0755;
	return m;
}

void
grove_path(struct manifest *m, uint32_t i, const char *path)
{
	free(m->files[i].path);
	m->files[i].path = copy(path);
}

void
grove_target(struct manifest *m, uint32_t i, const char *target)
{
	free(m->files[i].target);
	m->files[i].target = copy(target);
}

struct manifest_file *
grove_dir(struct manifest *m, const char *path)
{
	struct manifest_file *f = &m->files[m->file_count++];

	f->kind = MANIFEST_DIR;
	f->mode = 0755;
	f->path = copy(path);
	f->first_row = m->chunk_rows;
	return f;
}

static void
add_link(struct manifest *m, const char *path, const char *target)
{
	struct manifest_file *f = grove_dir(m, path);

	f->kind = MANIFEST_LINK;
	f->mode = 0777;
	f->target = copy(target);
}

struct manifest_file *
grove_file(struct manifest *m, const char *path, uint64_t n)
{
	struct manifest_file *f = grove_dir(m, path);

	f->kind = MANIFEST_FILE;
	f->mode = 0644;
	f->size = n;
	f->digest = digest_of(path, n > 0 ? strlen(path) : 0);
	f->rows = (uint32_t)size_units(n, OBJECT_CHUNK_MAX);
	m->total_bytes += n;
	m->weight_bytes += n;
	m->chunk_rows += f->rows;
	m->page_count = (uint32_t)size_units(m->chunk_rows, MANIFEST_PAGE_ROWS);
	return f;
}

static void
set_class(struct manifest *m, struct manifest_file *f, enum manifest_class what)
{
	f->class = what;
	m->weight_bytes -= f->size;
}

struct manifest *
grove_new(void)
{
	struct manifest *m = grove_room(GROVE_ROWS, 2);
	struct manifest_file *f;

	set_class(m, grove_file(m, "LICENSE", 11357), MANIFEST_TEXT);
	set_class(m, grove_file(m, "config.json", 700), MANIFEST_CONFIG);
	grove_file(m, "empty", 0);
	add_link(m, "latest", "weights/big");
	grove_dir(m, "weights");
	add_link(m, "weights/back", "../config.json");
	f = grove_file(m, "weights/big", 5000 * UINT64_C(65536));
	m->chunk_rows += 5000 - f->rows;
	f->rows = 5000;
	f->header_bytes = 1000;
	m->weight_bytes -= 1000;
	grove_dir(m, "weights/sub");
	grove_file(m, "weights/sub/small", 1);
	m->pages[1].first_offset = 4094 * UINT64_C(65536);
	for (uint8_t p = 0; p < 2; p++) {
		m->pages[p].digest = digest_of((uint8_t[]){ 1, p }, 2);
		m->pages[p].object = digest_of((uint8_t[]){ 2, p }, 2);
		m->pages[p].lockbox = digest_of((uint8_t[]){ 3, p }, 2);
	}
	m->tensor_digest = digest_of("tensor index", 12);
	m->tensor_object = digest_of("its object", 10);
	return m;
}
