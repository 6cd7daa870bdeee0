/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/session.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "keys/grant.h"
#include "vault/err.h"

#define DOMAIN "weir session v1"

void
session_free(struct session *s)
{
	if (s == NULL)
		return;
	free(s->principal);
	free(s->by);
	free(s->host);
	free(s->mountpoint);
	free(s->versions);
	free(s);
}

void
session_token(uint8_t out[static SESSION_TOKEN],
    const struct page_key *index_secret, uint64_t session)
{
	uint8_t text[sizeof(DOMAIN) - 1 + 8];

	static_assert(crypto_auth_hmacsha256_BYTES == SESSION_TOKEN, "token");
	static_assert(crypto_auth_hmacsha256_KEYBYTES == KEY_SIZE, "key");
	memcpy(text, DOMAIN, sizeof(DOMAIN) - 1);
	for (size_t i = 0; i < 8; i++)
		text[sizeof(DOMAIN) - 1 + i] = (uint8_t)(session >> 8 * i);
	crypto_auth_hmacsha256(out, text, sizeof(text),
	    page_key_bytes(index_secret));
}

bool
session_token_ok(const uint8_t token[static SESSION_TOKEN],
    const struct page_key *index_secret, uint64_t session)
{
	SECRET(uint8_t, right, 32);

	session_token(right, index_secret, session);
	return sodium_memcmp(right, token, SESSION_TOKEN) == 0;
}

const char *
session_release_wrong(const struct msg_release *m, enum msg_grant_type type,
    uint64_t rows)
{
	if (m->count == 0)
		return "a release is of one chunk at least";
	if (m->count > grant_window(type))
		return type == MSG_GRANT_LOAD ?
		    "more chunks than a release may have" :
		    "a browse grant releases one chunk at a time";
	if (m->first >= rows || m->count > rows - m->first)
		return "the version has no such chunks";
	return NULL;
}

const char *
session_trust_name(enum msg_trust t)
{
	switch (t) {
	case MSG_PINNED:
		return "pinned";
	case MSG_FIRST_USE:
		return "first-use";
	case MSG_UNSIGNED:
		break;
	}
	return "unsigned";
}

const char *
session_purpose_name(enum msg_purpose p)
{
	return p == MSG_GET ? "get" : "mount";
}

int
session_purpose_parse(enum msg_purpose *out, const char *name)
{
	if (strcmp(name, "mount") == 0)
		*out = MSG_MOUNT;
	else if (strcmp(name, "get") == 0)
		*out = MSG_GET;
	else
		return ERR_FORMAT;
	return 0;
}
