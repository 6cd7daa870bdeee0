/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/oms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/fields.h"
#include "vault/log.h"

#define SHOWN_SIZE 160

void
oms_files_clear(struct oms_files *f)
{
	free(f->items);
	*f = (struct oms_files){ 0 };
}

const char *const *
oms_default_ignores(size_t *count)
{
	static const char *const always[] = { ".git", ".gitattributes",
		".github", ".gitignore" };

	*count = sizeof(always) / sizeof(always[0]);
	return always;
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
is_under_any(const char *name, const char *const *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_under(name, paths[i]))
			return true;
	return false;
}

bool
oms_is_ignored(const char *path, const char *const *ignore, size_t count)
{
	size_t always_count;
	const char *const *always = oms_default_ignores(&always_count);

	return is_under_any(path, always, always_count) ||
	    is_under_any(path, ignore, count);
}

bool
oms_ignore_ok(const char *path)
{
	return manifest_path_ok(path) && strpbrk(path, "*?[") == NULL;
}

bool
oms_name_ok(const char *name)
{
	return fields_text_ok(name, OMS_NAME_MAX);
}

static int
by_name(const void *a, const void *b)
{
	const struct oms_resource *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int
oms_files_sort(struct oms_files *f, char why[static OMS_WHY])
{
	char shown[SHOWN_SIZE];

	if (f->count > 1)
		qsort(f->items, f->count, sizeof(*f->items), by_name);
	for (size_t i = 1; i < f->count; i++) {
		const char *name = f->items[i].name;

		if (strcmp(f->items[i - 1].name, name) != 0)
			continue;
		snprintf(why, OMS_WHY, "'%s' is there twice",
		    log_name(shown, sizeof(shown), name, strlen(name)));
		return ERR_CONFLICT;
	}
	return 0;
}

const struct oms_resource *
oms_files_find(const struct oms_files *f, const char *name)
{
	const struct oms_resource key = { .name = name };

	if (f->count == 0)
		return NULL;
	return bsearch(&key, f->items, f->count, sizeof(key), by_name);
}

static bool
is_left_out(const char *path, const char *const *ignore, size_t count)
{
	return is_under(path, OMS_FILE) || oms_is_ignored(path, ignore, count);
}

int
oms_files_of(struct oms_files *out, const struct manifest *m,
    const char *const *ignore, size_t ignore_count, bool links,
    char why[static OMS_WHY])
{
	struct oms_files f = { 0 };
	char shown[SHOWN_SIZE];
	int err;

	f.items = calloc((size_t)m->file_count + 1, sizeof(*f.items));
	if (f.items == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < m->file_count; i++) {
		const struct manifest_file *file = &m->files[i];

		if (file->kind == MANIFEST_DIR ||
		    is_left_out(file->path, ignore, ignore_count))
			continue;
		if (file->kind == MANIFEST_FILE) {
			f.items[f.count++] = (struct oms_resource){
				.name = file->path,
				.digest = file->digest,
			};
		} else if (links) {
			snprintf(why, OMS_WHY,
			    "'%s' is a symbolic link, which model.sig cannot"
			    " cover",
			    log_name(shown, sizeof(shown), file->path,
				strlen(file->path)));
			oms_files_clear(&f);
			return ERR_CONFLICT;
		}
	}
	/* A manifest sorts '/' before all else. */
	err = oms_files_sort(&f, why);
	if (err != 0) {
		oms_files_clear(&f);
		return err;
	}
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
