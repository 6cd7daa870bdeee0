/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/ref.h"

#include <string.h>

#include "vault/err.h"

#define PRINCIPAL_USER "user:"
#define USER_NAME_MAX 64
#define DIGITS_MAX 64

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* All n characters are of the set, and there is at least one. */
static bool
made_of(const char *s, size_t n, const char *set)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] == '\0' || strchr(set, s[i]) == NULL)
			return false;
	return n > 0;
}

static bool
component_ok(const char *s, size_t n)
{
	return made_of(s, n, LOWER DIGITS "._-") && s[0] != '.';
}

static bool
name_ok(const char *s, size_t n)
{
	const char *slash = memchr(s, '/', n);
	size_t first = slash != NULL ? (size_t)(slash - s) : n;

	if (n > REF_NAME_MAX || !component_ok(s, first))
		return false;
	return slash == NULL || component_ok(slash + 1, n - first - 1);
}

static bool
digits_ok(const char *s)
{
	size_t n = strlen(s);

	return n >= REF_DIGITS_MIN && n <= DIGITS_MAX &&
	    made_of(s, n, DIGITS "abcdef");
}

bool
ref_name_ok(const char *name)
{
	return name_ok(name, strlen(name));
}

bool
ref_channel_ok(const char *channel)
{
	size_t n = strlen(channel);

	return n <= REF_CHANNEL_MAX && component_ok(channel, n);
}

bool
ref_principal_ok(const char *principal)
{
	size_t prefix = strlen(PRINCIPAL_USER), n = strlen(principal);

	if (n <= prefix || n > prefix + USER_NAME_MAX ||
	    strncmp(principal, PRINCIPAL_USER, prefix) != 0)
		return false;
	return made_of(principal + prefix, n - prefix,
	    LOWER UPPER DIGITS "._@-");
}

int
ref_parse(struct ref *out, const char *text)
{
	size_t n = strcspn(text, ":@");
	const char *rest = text + n;
	struct ref r = { 0 };

	if (!name_ok(text, n))
		return ERR_FORMAT;
	memcpy(r.name, text, n);
	if (*rest == ':') {
		if (!ref_channel_ok(rest + 1))
			return ERR_FORMAT;
		memcpy(r.channel, rest + 1, strlen(rest + 1));
	} else if (*rest == '@') {
		if (!digits_ok(rest + 1))
			return ERR_FORMAT;
		memcpy(r.digits, rest + 1, strlen(rest + 1));
	}
	*out = r;
	return 0;
}
