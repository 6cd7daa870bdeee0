/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"

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

/* Files at the top that are left out of the root digest (FORMAT.md). */
static bool
is_ignored(const char *path)
{
	static const char *const names[] = { ".git", ".gitattributes",
		".github", ".gitignore", "model.sig" };
	size_t n = strcspn(path, "/");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == n && strncmp(path, names[i], n) == 0)
			return true;
	return false;
}

static int
by_bytes(const void *a, const void *b)
{
	const struct manifest_file *const *x = a, *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

static int
compute_root(struct subject *s)
{
	const struct manifest *m = version_manifest(s->version);
	OWNED_MEM(const struct manifest_file *) list = NULL;
	OWNED(digester) d = NULL;
	size_t n = 0;
	int r;

	list = calloc(m->file_count + 1, sizeof(const struct manifest_file *));
	if (list == NULL)
		return ERR_NOMEM;
	if ((r = digester_new(&d)) != 0)
		return r;
	for (uint32_t i = 0; i < m->file_count; i++) {
		if (m->files[i].kind != MANIFEST_FILE)
			continue;
		s->files++;
		if (!is_ignored(m->files[i].path))
			list[n++] = &m->files[i];
	}
	qsort(list, n, sizeof(const struct manifest_file *), by_bytes);
	for (size_t i = 0; i < n; i++)
		digester_add(d, list[i]->digest.bytes, DIGEST_SIZE);
	s->root = digester_end(d);
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
