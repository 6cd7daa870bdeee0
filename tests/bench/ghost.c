/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Put a version that has everything but its chunks, to measure keyd with:
 *	ghost VAULT KEYFILE MODEL GIGABYTES
 * Its manifest, its pages and its lockboxes are in the store, with keys that
 * keyd gave; the chunks that they name are nowhere, and nobody can read a byte
 * of it.  Prints the reference and how many rows it has.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/client.h"
#include "vault/binder.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/object.h"
#include "vault/secret.h"
#include "vault/store.h"

#define FILE_ROWS 1024U /* 4 GiB */
#define FILES_MAX 4096U
#define ASK 1024U
#define PATH_ROOM 64

struct ghost {
	struct client *client;
	struct msg_put_begin_reply begun;
	struct page_key *manifest_key;
	struct page_key *lockbox_key;
	struct store *store;
	struct manifest m;
	struct digest object;
	struct manifest_file files[FILES_MAX];
	char paths[FILES_MAX][PATH_ROOM];
};

static uint64_t
rows_of(unsigned long gigabytes)
{
	return (gigabytes * UINT64_C(1000000000) + OBJECT_CHUNK_MAX - 1) /
	    OBJECT_CHUNK_MAX;
}

static int
open_all(struct ghost *g, char **argv)
{
	struct unlock_source unlock = { .key_file = argv[2],
		.no_prompt = true };
	struct client_how how = { .vault = argv[1],
		.unlock = &unlock,
		.program = "ghost" };
	char path[4096];
	int err = client_open(&g->client, &how);

	snprintf(path, sizeof(path), "%s/objects", argv[1]);
	if (err == 0)
		err = store_dir_open(&g->store, path);
	if (err == 0)
		err = client_put_begin(g->client, argv[3], &g->begun);
	if (err == 0)
		err = page_key_from(&g->manifest_key, g->begun.manifest_key);
	if (err == 0)
		err = page_key_from(&g->lockbox_key, g->begun.lockbox_key);
	return err;
}

/* Rows from `first` on, as many as one request takes, with keys of keyd's. */
static int
bind_some(struct ghost *g, struct binder *b, uint64_t first, uint32_t count)
{
	struct digest sealing[ASK], object;
	struct msg_put_keys ask = { g->begun.upload, count, sealing };
	struct msg_put_keys_reply reply = { 0 };
	int err;

	randombytes_buf(sealing, sizeof(sealing));
	err = client_put_keys(g->client, &ask, &reply);
	for (uint32_t i = 0; err == 0 && i < count; i++) {
		struct lockbox_row box = { .sealing = sealing[i],
			.length = OBJECT_CHUNK_MAX };

		memcpy(box.key, reply.keys[i], sizeof(box.key));
		randombytes_buf(&object, sizeof(object));
		err = binder_add(b, &object,
		    (first + i) % FILE_ROWS * OBJECT_CHUNK_MAX, &box);
	}
	msg_put_keys_reply_clear(&reply);
	return err;
}

static int
bind_rows(struct ghost *g)
{
	const struct binder_how how = { g->store, g->manifest_key,
		g->lockbox_key };
	OWNED(binder) b = NULL;
	int err = binder_new(&b, &how);

	for (uint64_t at = 0; err == 0 && at < g->m.chunk_rows; at += ASK) {
		uint64_t left = g->m.chunk_rows - at;

		err = bind_some(g, b, at, left < ASK ? (uint32_t)left : ASK);
	}
	if (err == 0)
		err = binder_end(b, &g->m.pages, &g->m.page_count);
	return err;
}

static void
name_files(struct ghost *g)
{
	struct manifest *m = &g->m;

	m->root_mode = 0755;
	m->total_bytes = m->weight_bytes = m->chunk_rows * OBJECT_CHUNK_MAX;
	m->files = g->files;
	for (uint64_t at = 0; at < m->chunk_rows; at += FILE_ROWS) {
		struct manifest_file *f = &g->files[m->file_count];
		uint64_t left = m->chunk_rows - at;

		snprintf(g->paths[m->file_count], PATH_ROOM, "model-%05u.bin",
		    m->file_count);
		f->path = g->paths[m->file_count++];
		f->kind = MANIFEST_FILE;
		f->mode = 0644;
		f->first_row = at;
		f->rows = left < FILE_ROWS ? (uint32_t)left : FILE_ROWS;
		f->size = (uint64_t)f->rows * OBJECT_CHUNK_MAX;
		randombytes_buf(&f->digest, sizeof(f->digest));
	}
}

static int
commit(struct ghost *g)
{
	OWNED_WRITER w = writer_of(object_limit(OBJECT_MANIFEST));
	struct binder_record r = { .type = OBJECT_MANIFEST };
	struct msg_put_commit c = { .upload = g->begun.upload,
		.files = g->m.file_count,
		.bytes = g->m.total_bytes,
		.weights = g->m.weight_bytes,
		.chunks = g->m.chunk_rows,
		.labels = (char[]){ "{}" },
		.imports = (char[]){ "[]" } };
	enum msg_committed how;
	int err = manifest_write(&g->m, &w, &g->m.version);

	r.bytes = w.bytes;
	r.length = w.length;
	if (err == 0)
		err = binder_store(g->store, g->manifest_key, &r, &g->object);
	if (err == 0)
		err = store_flush(g->store);
	c.version = g->m.version;
	c.object = g->object;
	if (err == 0)
		err = client_put_commit(g->client, &c, &how);
	return err;
}

int
main(int argc, char **argv)
{
	static struct ghost g;
	char hex[DIGEST_HEX_SIZE];

	log_init("ghost");
	if (argc != 5 || secret_init() != 0)
		return 2;
	g.m.chunk_rows = rows_of(strtoul(argv[4], NULL, 10));
	if (g.m.chunk_rows == 0 ||
	    g.m.chunk_rows > (uint64_t)FILES_MAX * FILE_ROWS)
		return 2;
	name_files(&g);
	if (open_all(&g, argv) != 0 || bind_rows(&g) != 0 || commit(&g) != 0)
		return 1;
	printf("%s@%s %ju\n", argv[3], digest_hex(&g.m.version, hex),
	    (uintmax_t)g.m.chunk_rows);
	msg_put_begin_reply_clear(&g.begun);
	page_key_free(g.manifest_key);
	page_key_free(g.lockbox_key);
	store_free(g.store);
	client_free(g.client);
	free(g.m.pages);
	return 0;
}
