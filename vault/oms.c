/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/oms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"

void
oms_files_clear(struct oms_files *f)
{
	free(f->items);
	*f = (struct oms_files){ 0 };
}

/* path itself, or what lies in the directory path. */
static bool
is_under(const char *name, const char *path)
{
	size_t n = strlen(path);

	while (n > 0 && path[n - 1] == '/')
		n--;
	return n > 0 && strncmp(name, path, n) == 0 &&
	    (name[n] == '\0' || name[n] == '/');
}

static bool
is_ignored(const char *name, const char *const *ignore, size_t count)
{
	static const char *const always[] = { ".git", ".gitattributes",
		".github", ".gitignore", OMS_FILE };

	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (is_under(name, always[i]))
			return true;
	for (size_t i = 0; i < count; i++)
		if (is_under(name, ignore[i]))
			return true;
	return false;
}

static int
by_name(const void *a, const void *b)
{
	const struct oms_resource *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int
oms_files_of(struct oms_files *out, const struct manifest *m,
    const char *const *ignore, size_t ignore_count, bool links,
    char why[static OMS_WHY])
{
	struct oms_files f = { 0 };

	f.items = calloc((size_t)m->file_count + 1, sizeof(*f.items));
	if (f.items == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct manifest_file *file = &m->files[i];

		if (file->kind == MANIFEST_DIR ||
		    is_ignored(file->path, ignore, ignore_count))
			continue;
		if (file->kind == MANIFEST_FILE) {
			f.items[f.count++] = (struct oms_resource){
				.name = file->path,
				.digest = file->digest,
			};
		} else if (links) {
			snprintf(why, OMS_WHY,
			    "'%.100s' is a symbolic link, which model.sig"
			    " does not cover",
			    file->path);
			oms_files_clear(&f);
			return ERR_CONFLICT;
		}
	}
	/* A manifest sorts '/' before all else. */
	qsort(f.items, f.count, sizeof(*f.items), by_name);
	*out = f;
	return 0;
}

struct digest
oms_root(const struct oms_files *f)
{
	OWNED(digester) d = NULL;

	/* It ends the process, as other digests do, when memory is short. */
	if (digester_new(&d) != 0)
		abort();
	for (size_t i = 0; i < f->count; i++)
		digester_add(d, f->items[i].digest.bytes, DIGEST_SIZE);
	return digester_end(d);
}
