/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/role.h"

#include <stddef.h>
#include <string.h>

#include "vault/err.h"

static const struct {
	enum role role;
	const char *name;
} names[] = {
	{ ROLE_OWNER, "owner" },
	{ ROLE_MANAGER, "manager" },
	{ ROLE_UPLOADER, "uploader" },
	{ ROLE_REVIEWER, "reviewer" },
	{ ROLE_MOUNTER, "mounter" },
};
#define COUNT (sizeof(names) / sizeof(names[0]))

int
role_parse(enum role *out, const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(names[i].name, name) == 0) {
			*out = names[i].role;
			return 0;
		}
	return ERR_FORMAT;
}

const char *
role_name(enum role r)
{
	for (size_t i = 0; i < COUNT; i++)
		if (names[i].role == r)
			return names[i].name;
	return "unknown";
}

bool
role_has_family(enum role r)
{
	return r == ROLE_UPLOADER;
}

bool
role_may(unsigned int held, unsigned int wanted)
{
	return wanted == 0 || (held & (wanted | ROLE_OWNER)) != 0;
}
