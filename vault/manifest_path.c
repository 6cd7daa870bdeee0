/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "vault/manifest.h"
#include "vault/manifest_rules.h"

/* Where a byte stands in manifest order: the end, a slash, all others. */
static int
rank(char c)
{
	if (c == '\0')
		return 0;
	return c == '/' ? 1 : 2 + (unsigned char)c;
}

int
manifest_compare(const char *a, const char *b)
{
	while (*a == *b && *a != '\0') {
		a++;
		b++;
	}
	return rank(*a) - rank(*b);
}

/*
 * The code point at *at, moving it on; -1 unless it is UTF-8 of the shortest
 * form and no surrogate.
 */
static long
code_point(const unsigned char **at)
{
	static const long least[] = { 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = *at;
	int more = 0;
	long c = *p++;

	if (c >= 0xf0 && c < 0xf8)
		more = 3;
	else if (c >= 0xe0)
		more = 2;
	else if (c >= 0xc0)
		more = 1;
	else if (c >= 0x80)
		return -1;
	if (c >= 0xf8)
		return -1;
	if (more > 0)
		c &= 0x3f >> more;
	for (int i = 0; i < more; i++) {
		if ((*p & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (*p++ & 0x3f);
	}
	*at = p;
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return -1;
	return c;
}

/* UTF-8 without control characters. */
static bool
text_ok(const char *s)
{
	const unsigned char *at = (const unsigned char *)s;

	while (*at != '\0') {
		long c = code_point(&at);

		if (c < 0x20 || (c >= 0x7f && c < 0xa0))
			return false;
	}
	return true;
}

static bool
is(const char *component, size_t n, const char *what)
{
	return n == strlen(what) && memcmp(component, what, n) == 0;
}

bool
manifest_path_ok(const char *path)
{
	size_t length = strlen(path);
	const char *at = path;

	if (length == 0 || length > MANIFEST_PATH_MAX || !text_ok(path))
		return false;
	for (;;) {
		size_t n = strcspn(at, "/");

		if (n == 0 || n > MANIFEST_NAME_MAX || is(at, n, ".") ||
		    is(at, n, ".."))
			return false;
		if (at[n] == '\0')
			return true;
		at += n + 1;
	}
}

/* How many directories of the tree lie above path. */
static size_t
depth_of(const char *path)
{
	size_t depth = 0;

	for (; *path != '\0'; path++)
		depth += *path == '/';
	return depth;
}

/*
 * ".." counts only before the first name: behind a name that is itself a link
 * it would lead elsewhere than it seems to.
 */
bool
manifest_target_ok(const char *path, const char *target)
{
	size_t length = strlen(target), depth = depth_of(path);
	bool named = false;

	if (length == 0 || length > MANIFEST_TARGET_MAX || *target == '/' ||
	    !text_ok(target))
		return false;
	for (const char *at = target;; at++) {
		size_t n = strcspn(at, "/");

		if (is(at, n, "..")) {
			if (named || depth == 0)
				return false;
			depth--;
		} else if (n > 0 && !is(at, n, ".")) {
			named = true;
		}
		if (n > MANIFEST_NAME_MAX)
			return false;
		at += n;
		if (*at == '\0')
			return true;
	}
}
