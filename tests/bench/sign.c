/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it takes to sign a version of 1 TB, from the bytes of its manifest to
 * the envelope: 250 files in 4 MiB chunks.  Neither the passphrase's Argon2id
 * nor keyd's answer is in it.  Prints the median of many rounds in ms.
 *	sign [ROUNDS]
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "vault/manifest.h"
#include "vault/oms.h"
#include "vault/secret.h"
#include "vault/statement.h"

#define FILES 250U
#define FILE_SIZE UINT64_C(4000000000)
#define CHUNK (UINT64_C(4) << 20)
#define FILE_ROWS ((uint32_t)((FILE_SIZE + CHUNK - 1) / CHUNK))
#define ROWS (FILES * FILE_ROWS)
#define PAGES ((ROWS + MANIFEST_PAGE_ROWS - 1) / MANIFEST_PAGE_ROWS)

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
fail(const char *what)
{
	fprintf(stderr, "sign: %s\n", what);
	exit(1);
}

/* The plain bytes of the manifest. */
static void
make_manifest(struct writer *w)
{
	static struct manifest_file files[FILES];
	static struct manifest_page_ref pages[PAGES];
	struct manifest m = { .root_mode = 0755,
		.total_bytes = FILES * FILE_SIZE,
		.weight_bytes = FILES * FILE_SIZE,
		.chunk_rows = ROWS,
		.file_count = FILES,
		.page_count = PAGES,
		.files = files,
		.pages = pages };
	struct digest version;

	for (uint32_t i = 0; i < FILES; i++) {
		char *path;

		if (asprintf(&path, "model-%05u-of-%05u.safetensors", i + 1,
			FILES) < 0)
			fail("out of memory");
		files[i] = (struct manifest_file){ .kind = MANIFEST_FILE,
			.mode = 0644,
			.path = path,
			.size = FILE_SIZE,
			.digest = digest_of(path, strlen(path)),
			.first_row = i * FILE_ROWS,
			.rows = FILE_ROWS };
	}
	for (uint32_t p = 0; p < PAGES; p++) {
		uint32_t row = p * MANIFEST_PAGE_ROWS;

		pages[p].digest = digest_of(&p, sizeof(p));
		pages[p].object = pages[p].lockbox = pages[p].digest;
		pages[p].first_offset = row % FILE_ROWS * CHUNK;
	}
	if (manifest_write(&m, w, &version) != 0)
		fail("the manifest cannot be written");
}

/* All that a signer does for itself. */
static void
sign(const struct writer *w, const uint8_t secret[static 64])
{
	struct statement_fields f = { .about = STATEMENT_VERSION,
		.model = "llama",
		.put_by = "user:alice",
		.files = FILES,
		.time_ms = 1 };
	struct statement_signature sig;
	OWNED(manifest) m = NULL;
	OWNED(statement) s = NULL;
	OWNED_MEM(uint8_t) bytes = NULL;
	OWNED_MEM(char) envelope = NULL;
	struct oms_files files;
	char why[STATEMENT_WHY], oms_why[OMS_WHY];
	size_t n = 0;

	if (manifest_parse(&m, w->bytes, w->length, NULL) != 0 ||
	    oms_files_of(&files, m, NULL, 0, false, oms_why) != 0)
		fail("the manifest cannot be read");
	f.root = oms_root(&files);
	oms_files_clear(&files);
	f.version = m->version;
	f.bytes = m->total_bytes;
	f.weights = m->weight_bytes;
	if (statement_new(&s, &f, NULL, why) != 0 ||
	    statement_to_sign(s, &bytes, &n) != 0)
		fail(why);
	crypto_sign_detached(sig.bytes, NULL, bytes, n, secret);
	sig.keyid = digest_of(secret + 32, 32);
	if (statement_add(s, &sig) != 0 ||
	    statement_envelope(s, &envelope) != 0)
		fail("out of memory");
}

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int
main(int argc, char **argv)
{
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
	OWNED_WRITER w = writer_of(MANIFEST_TEXT_MAX);
	OWNED_MEM(double) took = calloc(rounds + 1, sizeof(*took));
	uint8_t public[32], secret[64];

	if (rounds == 0 || took == NULL || secret_init() != 0)
		fail("nothing to do");
	crypto_sign_keypair(public, secret);
	make_manifest(&w);
	for (size_t i = 0; i < rounds; i++) {
		double begun = now_ms();

		sign(&w, secret);
		took[i] = now_ms() - begun;
	}
	qsort(took, rounds, sizeof(*took), by_value);
	printf("sign 1 TB (%u files, %u chunks): %.2f ms median, %.2f ms worst "
	       "of %zu\n",
	    FILES, ROWS, took[rounds / 2], took[rounds - 1], rounds);
	return 0;
}
