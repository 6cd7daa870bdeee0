/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_shred.h"
#include "keys/keyring_slot.h"
#include "vault/certificate.h"
#include "vault/err.h"
#include "vault/file.h"

/* Files are listed up to this much; the version's digest binds all. */
#define FILES_SIZE (400U << 10)
#define KEPT_FOR_MAX 256

static json_t *
file_json(const struct manifest_file *f)
{
	char hex[DIGEST_HEX_SIZE];

	return json_pack("{s:s, s:I, s:s}", "path", f->path, "size",
	    (json_int_t)f->size, "sha256", digest_hex(&f->digest, hex));
}

static int
add_files(json_t *facts, const struct manifest *m)
{
	json_t *files = json_array();
	json_int_t left_out = 0;
	size_t size = 0;

	if (json_object_set_new(facts, "files", files) != 0)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct manifest_file *f = &m->files[i];

		if (f->kind != MANIFEST_FILE)
			continue;
		/* Escapes may make six bytes of one. */
		size += 128 + strlen(f->path) * 2;
		if (size > FILES_SIZE)
			left_out++;
		else if (json_array_append_new(files, file_json(f)) != 0)
			return ERR_NOMEM;
	}
	return left_out == 0 ||
		json_object_set_new(facts, "files_left_out",
		    json_integer(left_out)) == 0 ?
	    0 :
	    ERR_NOMEM;
}

static bool
is_gone(int err)
{
	return err == ERR_NOT_FOUND || err == ERR_INTEGRITY ||
	    err == ERR_FORMAT || err == ERR_LIMIT;
}

static int
read_files(struct broker *b, const struct catalogue_version *v, json_t *facts)
{
	struct pages_verify how = {
		.store = b->how.store,
		.version = v->version,
		.object = v->object,
	};
	OWNED(version_key) key = NULL;
	OWNED(manifest) m = NULL;
	int err = broker_model_key(b, v->upload, &key);

	how.key = key;
	if (err == 0)
		err = pages_open(&how, &m);
	if (err == 0)
		return add_files(facts, m);
	if (!is_gone(err))
		return err;
	return json_object_set_new(facts, "files_unknown",
		   json_string("its manifest was missing or damaged")) == 0 ?
	    0 :
	    ERR_NOMEM;
}

int
broker_shred_facts(struct broker *b, const struct catalogue_version *v,
    char **out)
{
	char put[ENTRY_TIME_SIZE];
	json_auto_t *facts = json_pack("{s:s, s:s, s:I, s:I}", "put_by", v->by,
	    "put", entry_time_text(v->created_ms, put), "bytes",
	    (json_int_t)v->bytes, "weights", (json_int_t)v->weights);
	int err = facts != NULL ? read_files(b, v, facts) : ERR_NOMEM;

	if (err != 0)
		return err;
	*out = json_dumps(facts, JSON_COMPACT);
	return *out != NULL ? 0 : ERR_NOMEM;
}

/* --- the payload --- */

static int
add_shared(void *arg, const struct catalogue_version *v, uint64_t chunks)
{
	char hex[DIGEST_HEX_SIZE];
	json_t *list = arg;

	if (json_array_size(list) == KEPT_FOR_MAX)
		return 0;
	return json_array_append_new(list,
		   json_pack("{s:s, s:I}", "version",
		       digest_hex(&v->version, hex), "chunks",
		       (json_int_t)chunks)) == 0 ?
	    0 :
	    ERR_NOMEM;
}

static json_t *
limits_of_kind(enum unlock_kind kind)
{
	static const char *const texts[] = {
		[UNLOCK_PASSPHRASE] = "passphrase: whoever knows one, and has a"
				      " copy of the keyring, of the epoch file"
				      " and of the catalogue, all three from"
				      " before the shred, opens the version's"
				      " objects where these were copied, too",
		[UNLOCK_KEY_FILE] = "key-file: whoever has one, and copies of"
				    " the keyring, the epoch file and the"
				    " catalogue from before the shred, opens"
				    " objects that were copied, too",
		[UNLOCK_RECOVERY] = "recovery key: as for a key file; it is the"
				    " same key as long as the vault's is",
	};

	return json_string(texts[kind]);
}

/* What is beyond it: by each kind of secret that unlocks a vault, and else. */
static int
add_limits(struct broker *b, json_t *j)
{
	static const char *const others[] = {
		"epoch file: a copy of 'epoch' from before the shred (a backup"
		" that is kept apart, a snapshot) must be destroyed by whoever"
		" keeps it",
		"snapshots, and file systems that write elsewhere"
		" (copy-on-write, journals of data), keep what was overwritten",
		"solid-state disks keep overwritten blocks until they erase"
		" them",
		"whoever was given the version may have kept it: 'readers' has"
		" how many sessions were",
		"the trail keeps what was recorded of it: names, digests,"
		" labels, who",
	};
	OWNED_MEM(uint8_t) bytes = NULL;
	struct keyring_slots slots;
	bool told[UNLOCK_RECOVERY + 1] = { false };
	json_t *list = json_array();
	struct reader r;
	size_t n;
	int err = file_load(b->how.vault->dir, KEYRING_FILE, KEYRING_FILE_MAX,
	    &bytes, &n);

	if (json_object_set_new(j, "limits", list) != 0)
		return ERR_NOMEM;
	if (err == 0) {
		r = reader_of(bytes, n);
		err = keyring_slots_read(&slots, &r);
	}
	for (uint16_t i = 0; err == 0 && i < slots.count; i++) {
		enum unlock_kind kind = slots.items[i].kind;

		if (told[kind])
			continue;
		told[kind] = true;
		if (json_array_append_new(list, limits_of_kind(kind)) != 0)
			err = ERR_NOMEM;
	}
	for (size_t i = 0; err == 0 && i < sizeof(others) / sizeof(others[0]);
	     i++)
		if (json_array_append_new(list, json_string(others[i])) != 0)
			err = ERR_NOMEM;
	return err;
}

static json_t *
begin_payload(struct broker *b, const struct catalogue_shred *s)
{
	char id[VAULTDIR_ID_SIZE], begun[ENTRY_TIME_SIZE];
	char now[ENTRY_TIME_SIZE];

	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, "
			 "s:I}",
	    "weir", 1, "about", "deletion", "vault",
	    vaultdir_id(b->how.vault, id), "model", s->model, "version",
	    s->version, "by", s->by, "begun",
	    entry_time_text(s->begun_ms, begun), "time",
	    entry_time_text(broker_record_clock(), now), "reason", s->reason,
	    "epoch", (json_int_t)b->how.keyring->epoch_number, "begin_entry",
	    (json_int_t)s->id);
}

static json_t *
objects_json(const uint64_t count[static 3])
{
	json_t *j = json_pack("{s:I, s:I}", "removed", (json_int_t)count[1],
	    "kept_for_uploads", (json_int_t)count[2]);

	if (count[0] > 0 &&
	    json_object_set_new(j, "left",
		json_integer((json_int_t)count[0])) != 0) {
		json_decref(j);
		return NULL;
	}
	return j;
}

static int
add_counts(struct broker *b, const struct catalogue_shred *s,
    const uint64_t count[static 3], json_t *j)
{
	struct catalogue *c = b->how.catalogue;
	struct catalogue_shared shared;
	uint64_t sessions, copies;
	json_t *list = json_array();
	int err = catalogue_shred_shared(c, s->model, s->version, &shared,
	    add_shared, list);

	if (err == 0)
		err = catalogue_shred_readers(c, s->model, s->version,
		    &sessions, &copies);
	if (err != 0) {
		json_decref(list);
		return err;
	}
	if (json_object_set_new(j, "chunks",
		json_pack("{s:I, s:I, s:o}", "destroyed",
		    (json_int_t)(shared.chunks - shared.kept), "kept",
		    (json_int_t)shared.kept, "kept_for", list)) != 0 ||
	    json_object_set_new(j, "objects", objects_json(count)) != 0 ||
	    json_object_set_new(j, "readers",
		json_pack("{s:I, s:I}", "sessions", (json_int_t)sessions,
		    "copies", (json_int_t)copies)) != 0)
		return ERR_NOMEM;
	return 0;
}

static int
add_facts(struct broker *b, const struct catalogue_shred *s, json_t *j)
{
	OWNED_MEM(char) text = NULL;
	json_auto_t *facts = NULL;
	json_error_t why;
	int err = catalogue_shred_facts(b->how.catalogue, s->model, s->version,
	    &text);

	if (err == ERR_NOT_FOUND)
		return 0;
	if (err != 0)
		return err;
	facts = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	if (facts == NULL)
		return ERR_INTEGRITY;
	return json_object_update_missing(j, facts) == 0 ? 0 : ERR_NOMEM;
}

int
broker_shred_payload(struct broker *b, const struct catalogue_shred *s,
    const uint64_t count[static 3], char **out)
{
	json_auto_t *j = begin_payload(b, s);
	int err = j != NULL ? add_facts(b, s, j) : ERR_NOMEM;

	if (err == 0)
		err = add_counts(b, s, count, j);
	if (err == 0)
		err = add_limits(b, j);
	if (err != 0)
		return err;
	*out = json_dumps(j, JSON_COMPACT);
	return *out != NULL ? 0 : ERR_NOMEM;
}
