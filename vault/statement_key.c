/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "vault/base64.h"
#include "vault/err.h"
#include "vault/statement.h"

#define TYPE "ssh-ed25519"
#define BLANKS " \t"

/* The public key as OpenSSH has it, before the key itself: two lengths and
 * the type. */
static const uint8_t prefix[] = { 0, 0, 0, 11, 's', 's', 'h', '-', 'e', 'd',
	'2', '5', '5', '1', '9', 0, 0, 0, 32 };

#define BLOB_SIZE (sizeof(prefix) + 32)

bool
statement_key_ok(const uint8_t bytes[static 32])
{
	return crypto_core_ed25519_is_valid_point(bytes) == 1;
}

/* Nothing, or a blank and the rest of one line. */
static bool
comment_ok(const char *s)
{
	size_t line = strcspn(s, "\r\n");

	return (line == 0 || strchr(BLANKS, s[0]) != NULL) &&
	    s[line + strspn(s + line, "\r\n")] == '\0';
}

int
statement_key_parse(struct statement_key *out, const char *text)
{
	const size_t type = strlen(TYPE);
	uint8_t blob[BLOB_SIZE];
	size_t n, length;

	if (strncmp(text, TYPE, type) != 0 || text[type] == '\0' ||
	    strchr(BLANKS, text[type]) == NULL)
		return ERR_FORMAT;
	text += type + strspn(text + type, BLANKS);
	length = strcspn(text, BLANKS "\r\n");
	if (base64_decode(blob, sizeof(blob), &n, text, length) != 0 ||
	    n != sizeof(blob) || memcmp(blob, prefix, sizeof(prefix)) != 0 ||
	    !statement_key_ok(blob + sizeof(prefix)) ||
	    !comment_ok(text + length))
		return ERR_FORMAT;
	memcpy(out->bytes, blob + sizeof(prefix), sizeof(out->bytes));
	return 0;
}

char *
statement_key_text(const struct statement_key *k,
    char buf[static STATEMENT_KEY_TEXT])
{
	uint8_t blob[BLOB_SIZE];
	char base64[BASE64_SIZE(BLOB_SIZE)];

	memcpy(blob, prefix, sizeof(prefix));
	memcpy(blob + sizeof(prefix), k->bytes, sizeof(k->bytes));
	base64_encode(base64, blob, sizeof(blob));
	snprintf(buf, STATEMENT_KEY_TEXT, TYPE " %s", base64);
	return buf;
}

struct digest
statement_key_id(const struct statement_key *k)
{
	return digest_of(k->bytes, sizeof(k->bytes));
}
