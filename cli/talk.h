/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TALK_H
#define WEIR_TALK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "keys/client.h"
#include "vault/store.h"
#include "vault/version.h"

/* What commands say to keyd, a step above client.h. */

/* The keyd of the vault that was asked for.  Whoever named an unlocking secret
 * is told when one runs already, and the secret was not looked at. */
int talk_open(struct client **out, const struct options *o) MUST_USE;
/* The same for a request that has the secret in it: nobody is told. */
int talk_open_with(struct client **out, const struct options *o) MUST_USE;

/* A request whose reply is one JSON object. */
int talk_json(struct client *c, enum msg_type type, const char *argument,
    json_t **out) MUST_USE;
int talk_json_id(struct client *c, enum msg_type type, uint64_t id,
    json_t **out) MUST_USE;

/*
 * A list, whole, however many replies it takes: *out is an object with all
 * items under `name`.  m says what is asked for; its strings may be NULL for
 * empty ones.
 */
int talk_list(struct client *c, enum msg_type type, const char *name,
    const struct msg_list *m, json_t **out) MUST_USE;

/* A reply's text as an object; text is taken over.  ERR_FORMAT, said. */
int talk_parse(char *text, json_t **out) MUST_USE;

/* The object store of the vault that was asked for, for reading or for
 * writing.  ERR_NOT_FOUND, ERR_DENIED, said with what would mend it. */
int talk_store(struct store **out, const struct options *o, bool writing)
    MUST_USE;

/* A version as keyd names it and as it lies in the store. */
int talk_version(struct version **out, struct store *s,
    const struct msg_version *m) MUST_USE;

/* The labels of a version that version.get told of: a JSON object; and as
 * people read them, "step=9000 tokens=2T" (the caller frees). */
int talk_labels(const struct msg_version *m, json_t **out) MUST_USE;
int talk_labels_text(const json_t *labels, char **out) MUST_USE;

/* Parse a reference, saying what is wrong: ERR_USAGE. */
int talk_ref(const struct options *o, const char *text, struct ref *out)
    MUST_USE;

/*
 * The command that lets an account read, or write to, what is below a directory
 * of the vault, now and later; the caller frees, NULL: out of memory.  What
 * others write there stays its owner's to write to, too.
 */
char *talk_share(const char *path, const char *account, bool writing);

/* What to know about somebody who was just given something, unless o->quiet:
 * that this host has no such account, and that keyd has to run for others than
 * the vault's owner. */
void talk_about(const struct options *o, struct client *c,
    const char *principal);

/* Fields of a JSON object: "" and 0 and false when absent or of another
 * type. */
const char *talk_text(const json_t *object, const char *key);
uint64_t talk_number(const json_t *object, const char *key);
bool talk_bool(const json_t *object, const char *key);

#endif
