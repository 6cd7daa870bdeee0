/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/xattrs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "vault/log.h"

#define PREFIX "user.weir."

void
xattrs_signers(struct xattrs_mark *m, const char *signed_by)
{
	if (signed_by == NULL)
		m->signed_by[0] = '\0';
	else
		log_name(m->signed_by, sizeof(m->signed_by), signed_by,
		    strlen(signed_by));
}

static bool
version(const struct xattrs_of *x, char value[static XATTRS_SIGNERS])
{
	digest_hex(x->version, value);
	return x->item->within && x->item->kind != MANIFEST_LINK;
}

static bool
sha256(const struct xattrs_of *x, char value[static XATTRS_SIGNERS])
{
	if (x->item->file == NULL)
		return false;
	digest_hex(&x->item->file->digest, value);
	return true;
}

/* What the version's signers signed: model.sig is made by others. */
static bool
is_vouched_for(const struct xattrs_of *x)
{
	return x->item->file != NULL && !x->item->extra;
}

static bool
signed_by(const struct xattrs_of *x, char value[static XATTRS_SIGNERS])
{
	memcpy(value, x->mark->signed_by, XATTRS_SIGNERS);
	return is_vouched_for(x) && value[0] != '\0';
}

static bool
serial(const struct xattrs_of *x, char value[static XATTRS_SIGNERS])
{
	snprintf(value, XATTRS_SIGNERS, "%" PRIu64, x->mark->serial);
	return is_vouched_for(x) && x->mark->serial != 0;
}

static const struct {
	const char *name;
	bool (*value)(const struct xattrs_of *x,
	    char value[static XATTRS_SIGNERS]);
} attributes[] = {
	{ PREFIX "version", version },
	{ PREFIX "sha256", sha256 },
	{ PREFIX "signed_by", signed_by },
	{ PREFIX "serial", serial },
};

#define COUNT (sizeof(attributes) / sizeof(attributes[0]))

bool
xattrs_value(const struct xattrs_of *x, const char *name,
    char value[static XATTRS_SIGNERS])
{
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(attributes[i].name, name) == 0)
			return attributes[i].value(x, value);
	return false;
}

size_t
xattrs_list(const struct xattrs_of *x, char names[static XATTRS_NAMES])
{
	char value[XATTRS_SIGNERS];
	size_t n = 0;

	for (size_t i = 0; i < COUNT; i++) {
		if (!attributes[i].value(x, value))
			continue;
		memcpy(names + n, attributes[i].name,
		    strlen(attributes[i].name) + 1);
		n += strlen(attributes[i].name) + 1;
	}
	return n;
}
