/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/note.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/base64.h"
#include "vault/err.h"

#define KEY_ID_SIZE 4
#define KEY_BLOB_SIZE 33 /* type and public key */
#define SIGNATURE_SIZE 64
#define TEXT_MAX (NOTE_NAME_MAX + 80) /* and a size, a root, line ends */
#define DASH "\xe2\x80\x94 "	      /* an em dash and a space */

/* Text that lies somewhere else. */
struct span {
	const char *at;
	size_t length;
};

/* Visible ASCII without '+': what a schema-less URL needs, and less than the
 * specification allows. */
static bool
name_ok(const struct span *name)
{
	if (name->length == 0 || name->length > NOTE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name->length; i++)
		if (name->at[i] <= 0x20 || name->at[i] >= 0x7f ||
		    name->at[i] == '+')
			return false;
	return true;
}

static bool
span_is(const struct span *s, const char *text)
{
	return s->length == strlen(text) && memcmp(s->at, text, s->length) == 0;
}

/* Cut what precedes the first `end` off s; false if there is none. */
static bool
cut(struct span *s, char end, struct span *out)
{
	const char *p = memchr(s->at, end, s->length);

	if (p == NULL)
		return false;
	*out = (struct span){ s->at, (size_t)(p - s->at) };
	s->at = p + 1;
	s->length -= out->length + 1;
	return true;
}

/* At most max bytes. */
static bool
decode(const struct span *text, uint8_t *out, size_t max, size_t *length)
{
	return base64_decode(out, max, length, text->at, text->length) == 0;
}

static void
key_id(struct note_key *k)
{
	uint8_t blob[2 + sizeof(k->public_key)] = { '\n', (uint8_t)k->type };
	struct digest d;

	memcpy(blob + 2, k->public_key, sizeof(k->public_key));
	d = digest_of2(k->name, strlen(k->name), blob, sizeof(blob));
	memcpy(k->id, d.bytes, KEY_ID_SIZE);
}

static bool
key_name(struct note_key *k, const struct span *name)
{
	if (!name_ok(name))
		return false;
	memcpy(k->name, name->at, name->length);
	k->name[name->length] = '\0';
	return true;
}

static int
parse_key(struct note_key *out, const char *vkey, enum note_type type)
{
	struct span rest = { vkey, strlen(vkey) }, name, id;
	char hex[2 * KEY_ID_SIZE + 1];
	uint8_t blob[KEY_BLOB_SIZE];
	struct note_key k = { .type = type };
	size_t n;

	if (!cut(&rest, '+', &name) || !key_name(&k, &name) ||
	    !cut(&rest, '+', &id) || !decode(&rest, blob, sizeof(blob), &n) ||
	    n != sizeof(blob) || blob[0] != type)
		return ERR_FORMAT;
	memcpy(k.public_key, blob + 1, sizeof(k.public_key));
	key_id(&k);

	sodium_bin2hex(hex, sizeof(hex), k.id, sizeof(k.id));
	if (!span_is(&id, hex))
		return ERR_FORMAT;
	*out = k;
	return 0;
}

int
note_key_parse(struct note_key *out, const char *vkey)
{
	return parse_key(out, vkey, NOTE_SIGNATURE);
}

int
note_key_parse_witness(struct note_key *out, const char *vkey)
{
	return parse_key(out, vkey, NOTE_COSIGNATURE);
}

static int
key_of(struct note_key *out, const char *name, const struct sign_key *seed,
    enum note_type type)
{
	SECRET(uint8_t, secret, 64);
	struct span s = { name, strlen(name) };
	struct note_key k = { .type = type };

	if (!key_name(&k, &s))
		return ERR_FORMAT;
	crypto_sign_seed_keypair(k.public_key, secret, sign_key_bytes(seed));
	key_id(&k);
	*out = k;
	return 0;
}

int
note_key_of(struct note_key *out, const char *name, const struct sign_key *seed)
{
	return key_of(out, name, seed, NOTE_SIGNATURE);
}

int
note_key_of_witness(struct note_key *out, const char *name,
    const struct sign_key *seed)
{
	return key_of(out, name, seed, NOTE_COSIGNATURE);
}

char *
note_key_text(const struct note_key *k)
{
	uint8_t blob[KEY_BLOB_SIZE] = { (uint8_t)k->type };
	char hex[2 * KEY_ID_SIZE + 1];
	char base64[BASE64_SIZE(KEY_BLOB_SIZE)];
	char *text;

	memcpy(blob + 1, k->public_key, sizeof(k->public_key));
	sodium_bin2hex(hex, sizeof(hex), k->id, sizeof(k->id));
	base64_encode(base64, blob, sizeof(blob));
	if (asprintf(&text, "%s+%s+%s", k->name, hex, base64) < 0)
		return NULL;
	return text;
}

int
note_checkpoint_sign(char **out, const struct note_checkpoint *c,
    const struct note_key *k, const struct sign_key *seed)
{
	SECRET(uint8_t, secret, 64);
	uint8_t public_key[32], blob[KEY_ID_SIZE + SIGNATURE_SIZE];
	char root[BASE64_SIZE(DIGEST_SIZE)];
	char base64[BASE64_SIZE(sizeof(blob))];
	char text[TEXT_MAX], *note;

	crypto_sign_seed_keypair(public_key, secret, sign_key_bytes(seed));
	if (memcmp(public_key, k->public_key, sizeof(public_key)) != 0 ||
	    strcmp(c->origin, k->name) != 0)
		return ERR_USAGE;

	base64_encode(root, c->root.bytes, DIGEST_SIZE);
	snprintf(text, sizeof(text), "%s\n%" PRIu64 "\n%s\n", c->origin,
	    c->size, root);
	memcpy(blob, k->id, KEY_ID_SIZE);
	crypto_sign_detached(blob + KEY_ID_SIZE, NULL, (const uint8_t *)text,
	    strlen(text), secret);
	base64_encode(base64, blob, sizeof(blob));
	if (asprintf(&note, "%s\n" DASH "%s %s\n", text, k->name, base64) < 0)
		return ERR_NOMEM;
	*out = note;
	return 0;
}

/*
 * Look at one signature line.  A line by somebody else, or by another key of
 * that name, is passed over once it is well-formed.
 */
static int
look_at_line(struct span line, const struct note_key *k, note_each_fn *each,
    void *arg)
{
	const size_t dash = strlen(DASH);
	uint8_t blob[NOTE_MAX];
	struct span name;
	size_t n;

	if (line.length < dash || memcmp(line.at, DASH, dash) != 0)
		return ERR_FORMAT;
	line.at += dash;
	line.length -= dash;
	if (!cut(&line, ' ', &name) || name.length == 0 ||
	    memchr(name.at, '+', name.length) != NULL ||
	    !decode(&line, blob, sizeof(blob), &n) || n <= KEY_ID_SIZE)
		return ERR_FORMAT;
	if (!span_is(&name, k->name) || memcmp(blob, k->id, KEY_ID_SIZE) != 0)
		return 0;
	return each(arg, blob + KEY_ID_SIZE, n - KEY_ID_SIZE);
}

int
note_each_line(const char *lines, size_t length, const struct note_key *k,
    note_each_fn *each, void *arg)
{
	struct span rest = { lines, length }, line;
	int err = length == 0 ? ERR_FORMAT : 0;

	while (err == 0 && rest.length > 0) {
		if (!cut(&rest, '\n', &line))
			return ERR_FORMAT;
		err = look_at_line(line, k, each, arg);
	}
	return err;
}

/* Split a note into its text and its signature lines. */
static int
split(const char *note, size_t length, struct span *text, struct span *lines)
{
	const char *blank;

	if (length == 0 || length > NOTE_MAX || note[length - 1] != '\n')
		return ERR_FORMAT;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)note[i] < 0x20 && note[i] != '\n')
			return ERR_FORMAT;
	blank = memmem(note, length, "\n\n", 2);
	if (blank == NULL)
		return ERR_FORMAT;
	*text = (struct span){ note, (size_t)(blank + 1 - note) };
	*lines = (struct span){ blank + 2, length - text->length - 1 };
	return 0;
}

/* Decimal without leading zeros. */
static bool
parse_size(uint64_t *out, const struct span *s)
{
	uint64_t v = 0;

	if (s->length == 0 || (s->length > 1 && s->at[0] == '0'))
		return false;
	for (size_t i = 0; i < s->length; i++) {
		if (s->at[i] < '0' || s->at[i] > '9' ||
		    __builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s->at[i] - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

static int
parse_text(struct note_checkpoint *out, struct span text)
{
	struct span origin, size, root;
	struct note_checkpoint c = { 0 };
	size_t n;

	if (!cut(&text, '\n', &origin) || !cut(&text, '\n', &size) ||
	    !cut(&text, '\n', &root) || text.length != 0)
		return ERR_FORMAT;
	if (!name_ok(&origin) || !parse_size(&c.size, &size) ||
	    !decode(&root, c.root.bytes, DIGEST_SIZE, &n) || n != DIGEST_SIZE)
		return ERR_FORMAT;
	memcpy(c.origin, origin.at, origin.length);
	*out = c;
	return 0;
}

int
note_checkpoint_parse(struct note_checkpoint *out, const char *note,
    size_t length)
{
	struct span text, lines;
	int err = split(note, length, &text, &lines);

	return err != 0 ? err : parse_text(out, text);
}

int
note_text(const char *note, size_t length, size_t *out)
{
	struct span text, lines;
	int err = split(note, length, &text, &lines);

	if (err == 0)
		*out = text.length;
	return err;
}

int
note_each(const char *note, size_t length, const struct note_key *k,
    note_each_fn *each, void *arg)
{
	struct span text, lines;
	int err = split(note, length, &text, &lines);

	if (err != 0)
		return err;
	return note_each_line(lines.at, lines.length, k, each, arg);
}

/* A text, and whether its key signed it. */
struct check {
	struct span text;
	const struct note_key *k;
	bool done;
};

static int
check_signature(void *arg, const uint8_t *bytes, size_t n)
{
	struct check *c = arg;

	if (n != SIGNATURE_SIZE ||
	    crypto_sign_verify_detached(bytes, (const uint8_t *)c->text.at,
		c->text.length, c->k->public_key) != 0)
		return ERR_INTEGRITY;
	c->done = true;
	return 0;
}

int
note_checkpoint_read(struct note_checkpoint *out, const char *note,
    size_t length, const struct note_key *k)
{
	struct check check = { .k = k };
	struct note_checkpoint c;
	struct span lines;
	int err;

	err = split(note, length, &check.text, &lines);
	if (err == 0)
		err = note_each_line(lines.at, lines.length, k, check_signature,
		    &check);
	if (err == 0 && !check.done)
		err = ERR_INTEGRITY;
	if (err == 0)
		err = parse_text(&c, check.text);
	if (err == 0 && strcmp(c.origin, k->name) != 0)
		err = ERR_INTEGRITY;
	if (err == 0)
		*out = c;
	return err;
}

int
note_line(char **out, const struct note_key *k, const uint8_t *bytes, size_t n)
{
	uint8_t blob[KEY_ID_SIZE + 128];
	char base64[BASE64_SIZE(sizeof(blob))];

	if (n > sizeof(blob) - KEY_ID_SIZE)
		return ERR_USAGE;
	memcpy(blob, k->id, KEY_ID_SIZE);
	memcpy(blob + KEY_ID_SIZE, bytes, n);
	base64_encode(base64, blob, KEY_ID_SIZE + n);
	if (asprintf(out, DASH "%s %s\n", k->name, base64) < 0)
		return ERR_NOMEM;
	return 0;
}
