/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "keys/broker_trust.h"
#include "vault/err.h"
#include "vault/oms.h"

/* model.sig (FORMAT.md): keyd keeps what cannot be derived from a manifest. */

static int
key_of(void *arg, struct version_key **out)
{
	const struct broker_key_of *k = arg;

	return broker_model_key(k->b, k->upload, out);
}

/* Borrowed until the next look at any manifest. */
static int
manifest_of(struct broker_call *c, const struct catalogue_version *v,
    const struct manifest **out)
{
	struct broker_key_of key = { .b = c->b, .upload = v->upload };
	const struct pages_version pages = {
		.version = v->version,
		.object = v->object,
		.key = key_of,
		.arg = &key,
	};
	char hex[DIGEST_HEX_SIZE];
	int err = pages_manifest(c->b->pages, &pages, out);

	if (err != 0)
		return broker_call_fail(c, err,
		    "the manifest of %s@%s cannot be opened: %s; `weir check`"
		    " tells more",
		    v->model, digest_hex(&v->version, hex), err_text(err));
	return 0;
}

int
broker_oms_root(struct broker_call *c, const struct catalogue_version *v,
    struct digest *out)
{
	const struct manifest *m = NULL;
	struct oms_files files;
	char why[OMS_WHY] = "";
	int err = manifest_of(c, v, &m);

	if (err == 0)
		err = oms_files_of(&files, m, NULL, 0, false, why);
	if (err != 0)
		return err;
	*out = oms_root(&files);
	oms_files_clear(&files);
	return 0;
}
