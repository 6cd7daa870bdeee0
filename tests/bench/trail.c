/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A long trail, for `weir audit replay` and its like to be timed on:
 *	trail VAULT KEYFILE SESSIONS ENTRIES
 * VAULT is one that `weir init --key-file KEYFILE` has made, and no keyd
 * serves.  Puts of 64 models and SESSIONS sessions, every second one to browse,
 * are appended as keyd would write them, then ENTRIES entries of theirs, a
 * thousand a second: of ten, one tells of four reads, the others are releases.
 * Who browses takes a small part of what it asks for anew.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/keyring.h"
#include "keys/unlock.h"
#include "keys/vaultdir.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/secret.h"
#include "vault/trail.h"

#define MODELS 64
#define WEIGHTS UINT64_C(810000000000)
#define CHUNK (UINT64_C(4) << 20)
#define START INT64_C(1790000000000)
#define BATCH 10000 /* entries on their way to disk */

static struct digest
version_of(uint64_t session)
{
	uint64_t m = session % MODELS;

	return digest_of(&m, sizeof(m));
}

static int
append(struct trail *t, struct entry *e, uint64_t *index)
{
	const uint8_t *bytes;
	size_t n;
	int err = entry_end(e, &bytes, &n);

	if (err == 0)
		err = trail_append(t, bytes, n, index);
	if (err == 0 && *index % BATCH == 0)
		err = trail_wait(t, *index);
	entry_free(e);
	return err;
}

static int
put(struct trail *t, uint64_t m, uint64_t *index)
{
	const struct entry_actor by = { "user:up", 1000 };
	const struct digest version = version_of(m);
	struct entry e = { 0 };
	char model[24];

	snprintf(model, sizeof(model), "m%" PRIu64, m);
	entry_begin(&e, ENTRY_PUT, &by, START);
	entry_text(&e, "model", model);
	entry_digest(&e, "version", &version);
	entry_number(&e, "weights", WEIGHTS);
	return append(t, &e, index);
}

static int
session(struct trail *t, uint64_t s, uint64_t *index)
{
	char who[32], model[24];
	const struct entry_actor by = { who, 1000 };
	const struct digest version = version_of(s);
	struct entry e = { 0 };

	snprintf(who, sizeof(who), "user:u%" PRIu64, s);
	snprintf(model, sizeof(model), "m%" PRIu64, s % MODELS);
	entry_begin(&e, ENTRY_SESSION_OPEN, &by, START);
	entry_number(&e, "session", s);
	entry_text(&e, "for", who);
	entry_text(&e, "host", "node");
	entry_open_list(&e, "versions");
	entry_open_object(&e, NULL);
	entry_text(&e, "model", model);
	entry_digest(&e, "version", &version);
	entry_number(&e, "grant", s);
	entry_text(&e, "type", s % 2 == 0 ? "load" : "browse");
	entry_close(&e);
	entry_close(&e);
	entry_number(&e, "clock", 1000000);
	return append(t, &e, index);
}

static void
add_reads(struct entry *e, uint64_t row)
{
	entry_open_list(e, "reads");
	for (uint64_t k = 0; k < 4; k++) {
		entry_open_list(e, NULL);
		entry_number(e, NULL, 1);
		entry_number(e, NULL, (row + k) * CHUNK);
		entry_number(e, NULL, CHUNK);
		entry_number(e, NULL, 1000);
		entry_number(e, NULL, 4711);
		entry_text(e, NULL, "/usr/bin/python3.11");
		entry_close(e);
	}
	entry_close(e);
}

static void
add_release(struct entry *e, uint64_t s, uint64_t i, uint64_t row)
{
	entry_number(e, "file", 1);
	entry_number(e, "first", row);
	entry_number(e, "count", 1);
	entry_number(e, "bytes", CHUNK);
	entry_number(e, "grant", s);
	entry_number(e, "clock", 1000000 + i / 1000);
	entry_number(e, "weights", CHUNK);
	entry_number(e, "fresh", s % 2 == 0 || row == 0 ? CHUNK : 0);
	entry_number(e, "used", s % 2 == 0 ? row * 5 : 5);
	if (s % 2 != 0)
		entry_number(e, "pool", 50);
}

static int
event(struct trail *t, uint64_t sessions, uint64_t i, uint64_t *index)
{
	uint64_t s = i % sessions + 1, row = i / sessions;
	bool reads = i % 10 == 9;
	const struct digest version = version_of(s);
	char who[32];
	const struct entry_actor by = { who, 1000 };
	struct entry e = { 0 };

	snprintf(who, sizeof(who), "user:u%" PRIu64, s);
	entry_begin(&e, reads ? ENTRY_EXTENTS : ENTRY_RELEASE, &by,
	    START + (int64_t)i);
	entry_number(&e, "session", s);
	entry_digest(&e, "version", &version);
	if (reads)
		add_reads(&e, row);
	else
		add_release(&e, s, i, row);
	return append(t, &e, index);
}

static int
fill(struct trail *t, uint64_t sessions, uint64_t entries)
{
	uint64_t index = 0;
	int err = 0;

	for (uint64_t m = 0; err == 0 && m < MODELS; m++)
		err = put(t, m, &index);
	for (uint64_t s = 1; err == 0 && s <= sessions; s++)
		err = session(t, s, &index);
	for (uint64_t i = 0; err == 0 && i < entries; i++)
		err = event(t, sessions, i, &index);
	return err == 0 ? trail_wait(t, index) : err;
}

static int
run(char **argv)
{
	const struct unlock_source from = { .key_file = argv[2],
		.no_prompt = true };
	OWNED_UNLOCK secret = { 0 };
	OWNED(vaultdir) v = NULL;
	OWNED(keyring) k = NULL;
	OWNED(trail) t = NULL;
	struct trail_open how = { 0 };
	int err;

	if ((err = vaultdir_open(&v, argv[1])) != 0 ||
	    (err = unlock_load(&secret, &from, false)) != 0 ||
	    (err = keyring_open(v->dir, &secret, &k)) != 0)
		return err;
	how.vault = v->dir;
	how.key = &v->key;
	how.seed = k->log_seed;
	memcpy(how.id.bytes, v->id, sizeof(how.id.bytes));
	err = trail_open(&t, &how);
	return err == 0 ?
	    fill(t, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10)) :
	    err;
}

int
main(int argc, char **argv)
{
	if (argc != 5 || strtoull(argv[3], NULL, 10) == 0) {
		fprintf(stderr,
		    "usage: trail VAULT KEYFILE SESSIONS ENTRIES\n");
		return 2;
	}
	log_init("trail");
	return secret_init() == 0 && run(argv) == 0 ? 0 : 1;
}
