/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/witness.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/base64.h"
#include "vault/err.h"
#include "vault/writer.h"

#define TIME_SIZE 8
#define SIGNATURE_SIZE 64
#define COSIGNATURE_SIZE (TIME_SIZE + SIGNATURE_SIZE)

/* What is signed: when, and the note's text. */
static int
to_sign(char **out, const char *note, size_t length, uint64_t time)
{
	size_t text;
	int err = note_text(note, length, &text);

	if (err != 0)
		return err;
	if (asprintf(out, "cosignature/v1\ntime %" PRIu64 "\n%.*s", time,
		(int)text, note) < 0)
		return ERR_NOMEM;
	return 0;
}

int
witness_cosign(char **out, const char *note, size_t length,
    const struct note_key *k, const struct sign_key *seed, uint64_t time)
{
	SECRET(uint8_t, secret, 64);
	uint8_t public_key[32], blob[COSIGNATURE_SIZE];
	OWNED_MEM(char) message = NULL;
	int err;

	crypto_sign_seed_keypair(public_key, secret, sign_key_bytes(seed));
	if (k->type != NOTE_COSIGNATURE ||
	    memcmp(public_key, k->public_key, sizeof(public_key)) != 0)
		return ERR_USAGE;
	err = to_sign(&message, note, length, time);
	if (err != 0)
		return err;
	for (size_t i = 0; i < TIME_SIZE; i++)
		blob[i] = (uint8_t)(time >> (8 * (TIME_SIZE - 1 - i)));
	crypto_sign_detached(blob + TIME_SIZE, NULL, (const uint8_t *)message,
	    strlen(message), secret);
	return note_line(out, k, blob, sizeof(blob));
}

/* The cosignatures of one key over one note. */
struct sight {
	const char *note;
	size_t length;
	const struct note_key *k;
	bool any;
	uint64_t time;
};

static int
check_cosignature(void *arg, const uint8_t *bytes, size_t n)
{
	struct sight *s = arg;
	OWNED_MEM(char) message = NULL;
	uint64_t time = 0;
	int err;

	if (n != COSIGNATURE_SIZE)
		return ERR_INTEGRITY;
	for (size_t i = 0; i < TIME_SIZE; i++)
		time = time << 8 | bytes[i];
	err = to_sign(&message, s->note, s->length, time);
	if (err != 0)
		return err;
	if (crypto_sign_verify_detached(bytes + TIME_SIZE,
		(const uint8_t *)message, strlen(message),
		s->k->public_key) != 0)
		return ERR_INTEGRITY;
	s->any = true;
	if (time > s->time)
		s->time = time;
	return 0;
}

int
witness_time(const char *note, size_t length, const struct note_key *k,
    uint64_t *out)
{
	struct sight s = { note, length, k, false, 0 };
	int err = note_each(note, length, k, check_cosignature, &s);

	if (err == 0 && !s.any)
		err = ERR_NOT_FOUND;
	if (err == 0)
		*out = s.time;
	return err;
}

int
witness_line(const char *note, size_t length, const char *lines,
    size_t lines_length, const struct note_key *k, uint64_t *out)
{
	struct sight s = { note, length, k, false, 0 };
	int err = note_each_line(lines, lines_length, k, check_cosignature, &s);

	if (err == 0 && !s.any)
		err = ERR_NOT_FOUND;
	if (err == 0)
		*out = s.time;
	return err;
}

/* ---- add-checkpoint ---- */

/* The next line, without its end; false if there is none. */
static bool
next_line(const char **at, size_t *left, const char **line, size_t *length)
{
	const char *end = memchr(*at, '\n', *left);

	if (end == NULL)
		return false;
	*line = *at;
	*length = (size_t)(end - *at);
	*left -= *length + 1;
	*at = end + 1;
	return true;
}

/* "old N" */
static bool
parse_old(uint64_t *out, const char *line, size_t n)
{
	static const char word[] = "old ";
	size_t at = strlen(word);
	uint64_t v = 0;

	if (n <= at || memcmp(line, word, at) != 0 ||
	    (line[at] == '0' && n > at + 1))
		return false;
	for (; at < n; at++)
		if (line[at] < '0' || line[at] > '9' ||
		    __builtin_mul_overflow(v, 10U, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(line[at] - '0'), &v))
			return false;
	*out = v;
	return true;
}

int
witness_request_parse(struct witness_request *out, const char *body, size_t n)
{
	struct witness_request r = { 0 };
	const char *line;
	size_t length, got;

	if (!next_line(&body, &n, &line, &length) ||
	    !parse_old(&r.old_size, line, length))
		return ERR_FORMAT;
	for (;;) {
		if (!next_line(&body, &n, &line, &length))
			return ERR_FORMAT;
		if (length == 0)
			break;
		if (r.count == WITNESS_PROOF_MAX ||
		    base64_decode(r.proof[r.count].bytes, DIGEST_SIZE, &got,
			line, length) != 0 ||
		    got != DIGEST_SIZE)
			return ERR_FORMAT;
		r.count++;
	}
	if (n == 0)
		return ERR_FORMAT;
	r.note = body;
	r.length = n;
	*out = r;
	return 0;
}

int
witness_request_write(char **out, const struct witness_request *r)
{
	OWNED_WRITER w = writer_of(WITNESS_BODY_MAX + 1);
	char line[BASE64_SIZE(DIGEST_SIZE) + 1];
	size_t n;
	int length;

	length = snprintf(line, sizeof(line), "old %" PRIu64 "\n", r->old_size);
	writer_bytes(&w, line, (size_t)length);
	for (size_t i = 0; i < r->count; i++) {
		base64_encode(line, r->proof[i].bytes, DIGEST_SIZE);
		writer_bytes(&w, line, strlen(line));
		writer_u8(&w, '\n');
	}
	writer_u8(&w, '\n');
	writer_bytes(&w, r->note, r->length);
	writer_u8(&w, '\0');
	if (!writer_ok(&w))
		return ERR_LIMIT;
	*out = (char *)writer_take(&w, &n);
	return 0;
}
