/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/grant_host.h"

#include <string.h>

static bool
may_be(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
	    c == '*' || c == '?';
}

const char *
grant_host_wrong(const char *patterns)
{
	size_t count = 0;

	if (strlen(patterns) >= GRANT_HOSTS_SIZE)
		return "the patterns of hosts are longer than 1,023 bytes in"
		       " all";
	while (*patterns != '\0') {
		size_t n = strcspn(patterns, " ");

		if (n == 0 || n > GRANT_HOST_MAX)
			return "a pattern of hosts has 1 to 253 characters";
		for (size_t i = 0; i < n; i++)
			if (!may_be(patterns[i]))
				return "a pattern of hosts has letters, digits,"
				       " '.', '-', '_', '*' and '?'";
		if (++count > GRANT_HOSTS_MAX)
			return "a grant has at most 16 patterns of hosts";
		patterns += n;
		if (patterns[0] == ' ' && patterns[1] == '\0')
			return "a pattern of hosts has 1 to 253 characters";
		patterns += *patterns == ' ';
	}
	return NULL;
}

static char
small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Only the last '*' is ever gone back to: what an earlier one could take, the
 * last one can. */
static bool
matches(const char *p, size_t n, const char *host)
{
	const char *end = p + n, *star = NULL, *kept = NULL;

	while (*host != '\0') {
		if (p < end && *p == '*') {
			star = ++p;
			kept = host;
		} else if (p < end &&
		    (*p == '?' || small(*p) == small(*host))) {
			p++;
			host++;
		} else if (star != NULL) {
			p = star;
			host = ++kept;
		} else {
			return false;
		}
	}
	while (p < end && *p == '*')
		p++;
	return p == end;
}

bool
grant_host_matches(const char *patterns, const char *host)
{
	if (*patterns == '\0')
		return true;
	while (*patterns != '\0') {
		size_t n = strcspn(patterns, " ");

		if (matches(patterns, n, host))
			return true;
		patterns += n;
		patterns += *patterns == ' ';
	}
	return false;
}
