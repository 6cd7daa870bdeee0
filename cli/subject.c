/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/oms.h"

#define NAME_SIZE 256

void
subject_clear(struct subject *s)
{
	version_free(s->version);
	msg_version_clear(&s->m);
	*s = (struct subject){ 0 };
}

int
subject_check(const struct options *o, const char *reference, struct ref *out)
{
	int r = talk_ref(o, reference, out);

	if (r != 0 || strlen(out->digits) >= SUBJECT_DIGITS)
		return r;
	if (out->digits[0] != '\0')
		return options_wrong(o,
		    "%d digits of a version are too few to sign it: give %d or "
		    "all 64 ('weir ls %s' has them)",
		    (int)strlen(out->digits), SUBJECT_DIGITS, out->name);
	return options_wrong(o,
	    "'%s' is whatever it is at the moment; name the version: %s@DIGITS "
	    "('weir ls %s' has them)",
	    reference, out->name, out->name);
}

/* What the statement calls root, and how many files there are. */
static int
compute_root(struct subject *s)
{
	const struct manifest *m = version_manifest(s->version);
	char why[OMS_WHY] = "";
	struct oms_files files;
	int r;

	if ((r = oms_files_of(&files, m, NULL, 0, false, why)) != 0)
		return r;
	s->root = oms_root(&files);
	oms_files_clear(&files);
	for (uint32_t i = 0; i < m->file_count; i++)
		if (m->files[i].kind == MANIFEST_FILE)
			s->files++;
	return 0;
}

/* Whether keyd's answer is about what was asked for. */
static int
is_what_was_asked(const struct subject *s, const char *reference)
{
	char hex[DIGEST_HEX_SIZE];
	struct ref ref;

	if (ref_parse(&ref, reference) != 0)
		return ERR_USAGE;
	digest_hex(&s->m.version, hex);
	if (strcmp(s->m.model, ref.name) == 0 &&
	    strncmp(hex, ref.digits, strlen(ref.digits)) == 0)
		return 0;
	return log_err(ERR_INTEGRITY,
	    "keyd answers with %s@%s when asked for '%s': it is not to be "
	    "trusted",
	    s->m.model, hex, reference);
}

int
subject_open(struct subject *out, struct client *client, struct store *store,
    const char *reference)
{
	OWNED_SUBJECT s = { 0 };
	char hex[DIGEST_HEX_SIZE];
	struct msg_version m;
	int r;

	if ((r = client_version_get(client, reference, &m)) != 0)
		return r;
	s.m = m;
	snprintf(s.full, sizeof(s.full), "%s@%s", m.model,
	    digest_hex(&m.version, hex));
	if ((r = is_what_was_asked(&s, reference)) != 0)
		return r;
	r = talk_version(&s.version, store, &s.m);
	if (r == ERR_INTEGRITY || r == ERR_FORMAT || r == ERR_NOT_FOUND)
		return log_err(r == ERR_FORMAT ? ERR_INTEGRITY : r,
		    "the manifest that keyd names for %s is %s", s.full,
		    r == ERR_NOT_FOUND ? "not in the store" :
					 "not the one with that digest");
	if (r != 0)
		return r;
	/* What is signed is what was computed, whatever was said. */
	if (!digest_equal(&version_manifest(s.version)->version, &m.version))
		return log_err(ERR_INTEGRITY,
		    "the manifest that keyd names for %s is another version's",
		    s.full);
	if ((r = compute_root(&s)) != 0)
		return r;
	*out = s;
	s = (struct subject){ 0 };
	return 0;
}

int
subject_open_digest(struct subject *out, struct client *client,
    struct store *store, const char *model, const struct digest *version)
{
	char reference[REF_NAME_MAX + DIGEST_HEX_SIZE + 1];
	char hex[DIGEST_HEX_SIZE];

	snprintf(reference, sizeof(reference), "%s@%s", model,
	    digest_hex(version, hex));
	return subject_open(out, client, store, reference);
}
