/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/signature.h"

#include <stdlib.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/oms.h"

#define MODE 0444

static char name[] = OMS_FILE;

void
signature_clear(struct signature *s)
{
	free(s->bytes);
	*s = (struct signature){ 0 };
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
	err = oms_recorded(&bytes, &n, m, record, why);
	if (err == ERR_NOMEM)
		return err;
	if (err == 0 && n > SIGNATURE_MAX) {
		free(bytes);
		log_warn("%s: its " OMS_FILE " has %zu bytes, too many to be "
			 "shown in the mount",
		    shown, n);
		return 0;
	}
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
