/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/signature.h"

#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/oms.h"

#define MODE 0444
#define RESOURCE 170 /* bytes of a resource in the payload, but its name */

static char name[] = OMS_FILE;

void
signature_clear(struct signature *s)
{
	free(s->bytes);
	*s = (struct signature){ 0 };
}

/* About as long as the bundle will be. */
static uint64_t
length_of(const struct manifest *m)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < m->file_count; i++)
		n += strlen(m->files[i].path) + RESOURCE;
	return n / 3 * 4;
}

int
signature_make(struct signature *out, const struct manifest *m,
    const char *record, const char *shown)
{
	char why[OMS_WHY] = "";
	char *bytes;
	size_t n;
	int err;

	*out = (struct signature){ 0 };
	if (record == NULL || manifest_find(m, OMS_FILE) != NULL)
		return 0;
	if (length_of(m) > SIGNATURE_MAX) {
		log_warn("%s: its " OMS_FILE " is too long to be shown in the "
			 "mount; `weir sign --oms --bundle` writes it",
		    shown);
		return 0;
	}
	err = oms_recorded(&bytes, &n, m, record, why);
	if (err == ERR_NOMEM)
		return err;
	if (err != 0) {
		log_warn("%s: the " OMS_FILE " that keyd has for it is left "
			 "out: %s",
		    shown, why);
		return 0;
	}
	*out = (struct signature){ .bytes = bytes,
		.file = { .kind = MANIFEST_FILE,
		    .class = MANIFEST_TEXT,
		    .mode = MODE,
		    .path = name,
		    .size = n,
		    .digest = digest_of(bytes, n) } };
	return 0;
}
