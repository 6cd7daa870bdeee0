/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/extract.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/file.h"
#include "vault/guarded.h"
#include "vault/log.h"
#include "vault/names.h"

#define SHOWN_SIZE 1024
#define WINDOW_MAX 64
#define EXTRA_MODE 0444

struct extract {
	const struct extract_how *how;
	const struct manifest *manifest;
	struct file *dest;
	bool made;	  /* dest is ours, so that it gets the root's mode */
	struct file *dir; /* the directory last written to ... */
	char *dir_path;	  /* ... and its path in the tree */
	uint8_t (*keys)[KEY_SIZE]; /* guarded; of rows first_key and on */
	uint64_t first_key;
	uint32_t key_count;
	uint8_t *plain; /* a chunk */
	struct digester *digester;
	uint64_t done;
};

static const char *
shown(char buf[static SHOWN_SIZE], const char *path)
{
	return log_name(buf, SHOWN_SIZE, path, strlen(path));
}

static void
extract_clear(struct extract *e)
{
	file_free(e->dest);
	file_free(e->dir);
	free(e->dir_path);
	guarded_free(e->keys);
	if (e->plain != NULL)
		secret_wipe(e->plain, OBJECT_CHUNK_MAX);
	free(e->plain);
	digester_free(e->digester);
}

static int
no_memory(void)
{
	return log_err(ERR_NOMEM, "out of memory to write files");
}

static int
not_empty(void *arg, const char *name)
{
	const struct file *dest = arg;

	(void)name;
	return log_err(ERR_CONFLICT,
	    "'%s' is not empty: name a directory that does not exist, or an"
	    " empty one",
	    dest->name);
}

/* Nobody else gets into a directory of ours before it has its mode. */
static int
make_dest(struct extract *e)
{
	const char *path = e->how->dest;
	char buf[SHOWN_SIZE];
	int err;

	e->made = mkdir(path, 0700) == 0;
	if (!e->made && errno != EEXIST)
		return log_sys("make '%s'", shown(buf, path));
	err = file_open(&e->dest, NULL, path,
	    O_RDONLY | O_DIRECTORY | (e->made ? O_NOFOLLOW : 0), 0);
	if (err == ERR_NOT_FOUND)
		return log_err(err, "'%s' is gone", shown(buf, path));
	if (err != 0)
		return err;
	return names_each(e->dest, not_empty, e->dest);
}

/*
 * The directory that holds path, in e->dir, and path's last component.  It is
 * found beneath dest without following a link: what is done in it by a
 * single name stays in it.
 */
static int
enter(struct extract *e, const char *path, const char **leaf)
{
	const char *slash = strrchr(path, '/');
	OWNED_MEM(char) parent = NULL;
	char buf[SHOWN_SIZE];
	int err;

	*leaf = slash != NULL ? slash + 1 : path;
	parent = slash != NULL ? strndup(path, (size_t)(slash - path)) :
				 strdup(".");
	if (parent == NULL)
		return no_memory();
	if (e->dir_path != NULL && strcmp(e->dir_path, parent) == 0)
		return 0;
	file_free(e->dir);
	free(e->dir_path);
	e->dir = NULL;
	e->dir_path = NULL;
	err = file_open(&e->dir, e->dest, parent, O_RDONLY | O_DIRECTORY, 0);
	if (err == ERR_NOT_FOUND)
		return log_err(ERR_CONFLICT, "'%s' was taken away meanwhile",
		    shown(buf, parent));
	if (err != 0)
		return err;
	e->dir_path = parent;
	parent = NULL;
	return 0;
}

static int
make_dir(struct extract *e, const struct manifest_file *f)
{
	char buf[SHOWN_SIZE];
	const char *leaf;
	int err = enter(e, f->path, &leaf);

	if (err != 0)
		return err;
	if (mkdirat(e->dir->fd, leaf, 0700) != 0)
		return log_sys("make '%s'", shown(buf, f->path));
	return 0;
}

static int
make_link(struct extract *e, const struct manifest_file *f)
{
	char buf[SHOWN_SIZE];
	const char *leaf;
	int err = enter(e, f->path, &leaf);

	if (err != 0)
		return err;
	if (symlinkat(f->target, e->dir->fd, leaf) != 0)
		return log_sys("make the link '%s'", shown(buf, f->path));
	return 0;
}

/* The key of a row of f; asks for a window of keys when it is beyond the last.
 * A release is of one file's chunks. */
static int
key_of(struct extract *e, const struct manifest_file *f, uint64_t row,
    const uint8_t **key)
{
	const struct extract_keys *k = e->how->keys;
	uint64_t left = f->first_row + f->rows - row;
	int err;

	if (row < e->first_key || row - e->first_key >= e->key_count) {
		uint32_t n = left < k->window ? (uint32_t)left : k->window;

		e->key_count = 0;
		err = k->release(k->arg, row, n, e->keys);
		if (err != 0)
			return err;
		e->first_key = row;
		e->key_count = n;
	}
	*key = e->keys[row - e->first_key];
	return 0;
}

/* Objects that are bad or not there are told of here: the version is silent,
 * and the store knows no files. */
static int
tell(const struct manifest_file *f, int err)
{
	char buf[SHOWN_SIZE];

	if (err == ERR_INTEGRITY || err == ERR_NOT_FOUND)
		return log_err(err,
		    "'%s': an object that it needs is %s: see weir check",
		    shown(buf, f->path),
		    err == ERR_NOT_FOUND ? "missing" : "damaged");
	return err;
}

static int
write_chunk(struct extract *e, const struct manifest_file *f,
    const struct file *out, const struct version_row *row)
{
	uint32_t n = row->row.length;
	const uint8_t *key;
	int err;

	if (e->how->stop != NULL && *e->how->stop)
		return ERR_CONFLICT;
	err = key_of(e, f, row->number, &key);
	if (err == 0)
		err = version_read(e->how->version, row, key, 0, e->plain, n);
	if (err != 0)
		return err;
	digester_add(e->digester, e->plain, n);
	err = file_write_at(out, e->plain, n, row->row.offset);
	if (err != 0)
		return err;
	e->done += n;
	if (e->how->progress != NULL)
		e->how->progress(e->how->progress_arg, e->done,
		    e->manifest->total_bytes);
	return 0;
}

static int
write_content(struct extract *e, const struct file *out,
    const struct manifest_file *f)
{
	struct version_row rows[WINDOW_MAX];
	struct digest found;
	char buf[SHOWN_SIZE];
	uint64_t at = 0;

	while (at < f->size) {
		size_t n;
		int err = version_rows(e->how->version, f, at, f->size - at,
		    rows, WINDOW_MAX, &n);

		for (size_t i = 0; err == 0 && i < n; i++)
			err = write_chunk(e, f, out, &rows[i]);
		if (err != 0)
			return tell(f, err);
		at = rows[n - 1].row.offset + rows[n - 1].row.length;
	}
	found = digester_end(e->digester);
	if (!digest_equal(&found, &f->digest))
		return log_err(ERR_INTEGRITY,
		    "'%s': its content is not what the version says",
		    shown(buf, f->path));
	return 0;
}

/* Content, mode, and the errors that only close(2) tells. */
static int
write_new(struct extract *e, const char *name, const struct manifest_file *f)
{
	OWNED(file) out = NULL;
	int err, fd;

	err = file_open(&out, e->dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (err != 0)
		return err;
	err = write_content(e, out, f);
	if (err != 0)
		return err;
	if (fchmod(out->fd, f->mode) != 0)
		return log_sys("chmod '%s'", out->name);
	fd = out->fd;
	out->fd = -1;
	return close(fd) == 0 ? 0 : log_sys("close '%s'", out->name);
}

static int
make_file(struct extract *e, const struct manifest_file *f)
{
	char buf[SHOWN_SIZE], name[FILE_TEMPORARY_SIZE];
	const char *leaf;
	int err = enter(e, f->path, &leaf);

	if (err == 0)
		err = file_temporary(name);
	if (err != 0)
		return err;
	err = write_new(e, name, f);
	if (err == 0 && file_rename_new(e->dir->fd, name, leaf) != 0)
		err = log_sys("name '%s'", shown(buf, f->path));
	if (err != 0)
		unlinkat(e->dir->fd, name, 0);
	return err;
}

static int
make_row(struct extract *e, const struct manifest_file *f)
{
	switch (f->kind) {
	case MANIFEST_FILE:
		return make_file(e, f);
	case MANIFEST_LINK:
		return make_link(e, f);
	case MANIFEST_DIR:
		return make_dir(e, f);
	}
	abort();
}

static int
make_extra(struct extract *e)
{
	const struct extract_extra *x = e->how->extra;

	if (x == NULL || manifest_find(e->manifest, x->name) != NULL)
		return 0;
	return file_create(e->dest, x->name, x->bytes, x->length, EXTRA_MODE);
}

/* Directories get their modes last, children before parents: a mode may shut
 * us out. */
static int
set_modes(struct extract *e)
{
	char buf[SHOWN_SIZE];

	for (uint32_t i = e->manifest->file_count; i-- > 0;) {
		const struct manifest_file *f = &e->manifest->files[i];
		OWNED(file) dir = NULL;
		int err;

		if (f->kind != MANIFEST_DIR)
			continue;
		err = file_open(&dir, e->dest, f->path, O_RDONLY | O_DIRECTORY,
		    0);
		if (err == ERR_NOT_FOUND)
			return log_err(ERR_CONFLICT,
			    "'%s' was taken away meanwhile",
			    shown(buf, f->path));
		if (err != 0)
			return err;
		if (fchmod(dir->fd, f->mode) != 0)
			return log_sys("chmod '%s'", dir->name);
	}
	if (e->made && fchmod(e->dest->fd, e->manifest->root_mode) != 0)
		return log_sys("chmod '%s'", e->dest->name);
	return 0;
}

static int
prepare(struct extract *e)
{
	void *keys;
	int err;

	assert(e->how->keys->window > 0);
	err = guarded_new(&keys, e->how->keys->window * sizeof(*e->keys));
	if (err != 0)
		return err;
	e->keys = keys;
	e->plain = malloc(OBJECT_CHUNK_MAX);
	if (e->plain == NULL)
		return no_memory();
	if (digester_new(&e->digester) != 0)
		return no_memory();
	return make_dest(e);
}

int
extract_run(const struct extract_how *how)
{
	__attribute__((cleanup(extract_clear))) struct extract e = { .how = how,
		.manifest = version_manifest(how->version) };
	int err = prepare(&e);

	if (err == 0 && how->begun != NULL)
		*how->begun = true;
	for (uint32_t i = 0; err == 0 && i < e.manifest->file_count; i++)
		err = make_row(&e, &e.manifest->files[i]);
	if (err == 0)
		err = make_extra(&e);
	return err == 0 ? set_modes(&e) : err;
}
