/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_NOTE_H
#define WEIR_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/secret.h"

/* Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint).  Pure. */

#define NOTE_MAX (16U << 10)
#define NOTE_NAME_MAX 255

enum note_type {
	NOTE_SIGNATURE = 0x01,	 /* Ed25519 over the text: a log */
	NOTE_COSIGNATURE = 0x04, /* with a time: a witness (witness.h) */
};

/* Who may have signed: "name+hash+base64(type || public key)". */
struct note_key {
	enum note_type type;
	char name[NOTE_NAME_MAX + 1];
	uint8_t id[4];
	uint8_t public_key[32];
};

/* ERR_FORMAT for anything but a well-formed Ed25519 vkey: a log's, and a
 * witness's. */
int note_key_parse(struct note_key *out, const char *vkey) MUST_USE;
int note_key_parse_witness(struct note_key *out, const char *vkey) MUST_USE;
/* From a seed: name as given (no space, no '+'). */
int note_key_of(struct note_key *out, const char *name,
    const struct sign_key *seed) MUST_USE;
int note_key_of_witness(struct note_key *out, const char *name,
    const struct sign_key *seed) MUST_USE;
/* The caller frees. */
char *note_key_text(const struct note_key *k);

struct note_checkpoint {
	char origin[NOTE_NAME_MAX + 1];
	uint64_t size;
	struct digest root;
};

/* The signed note for a checkpoint; the caller frees. */
int note_checkpoint_sign(char **out, const struct note_checkpoint *c,
    const struct note_key *k, const struct sign_key *seed) MUST_USE;

/*
 * Read a note and check that k signed it and that its origin is k's name.
 * Unknown signatures are passed over.  ERR_FORMAT, ERR_INTEGRITY.
 */
int note_checkpoint_read(struct note_checkpoint *out, const char *note,
    size_t length, const struct note_key *k) MUST_USE;

/* The same without a look at who signed.  ERR_FORMAT. */
int note_checkpoint_parse(struct note_checkpoint *out, const char *note,
    size_t length) MUST_USE;

/* How much of a note is its text, with the last line end.  ERR_FORMAT. */
int note_text(const char *note, size_t length, size_t *out) MUST_USE;

/*
 * Every signature by k, as this note or these signature lines have it: each is
 * given the bytes behind the key's id.  ERR_FORMAT for lines that are
 * none; each's error stops it.
 */
typedef int note_each_fn(void *arg, const uint8_t *bytes, size_t n);
int note_each(const char *note, size_t length, const struct note_key *k,
    note_each_fn *each, void *arg) MUST_USE;
int note_each_line(const char *lines, size_t length, const struct note_key *k,
    note_each_fn *each, void *arg) MUST_USE;

/* A signature line; the caller frees. */
int note_line(char **out, const struct note_key *k, const uint8_t *bytes,
    size_t n) MUST_USE;

#endif
