/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/names.h"

#define SHOWN_SIZE 1024

static void
item_clear(struct walk_item *i)
{
	free(i->path);
	free(i->target);
}

void
walk_free(struct walk *w)
{
	if (w == NULL)
		return;
	for (size_t i = 0; i < w->count; i++)
		item_clear(&w->items[i]);
	for (size_t i = 0; i < w->source_count; i++)
		file_free(w->sources[i].dir);
	free(w->items);
	free(w->sources);
	free(w);
}

bool
walk_is_stream(const struct walk *w, const struct walk_item *i)
{
	return w->sources[i->source].path == NULL;
}

/* The path of an item below its source's directory. */
static const char *
below(const struct walk_source *s, const char *path)
{
	return strlen(path) < s->prefix ? "." : path + s->prefix;
}

/* A name for messages: where the user finds the thing. */
static const char *
shown(char buf[static SHOWN_SIZE], const struct walk *w,
    const struct walk_item *i)
{
	const struct walk_source *s = &w->sources[i->source];
	const char *rest = s->dir != NULL ? below(s, i->path) : ".";
	size_t n;

	if (s->path == NULL)
		return "standard input";
	log_name(buf, SHOWN_SIZE / 2, s->path, strlen(s->path));
	n = strlen(buf);
	if (strcmp(rest, ".") == 0)
		return buf;
	if (n > 0 && buf[n - 1] != '/')
		buf[n++] = '/';
	log_name(buf + n, SHOWN_SIZE - n, rest, strlen(rest));
	return buf;
}

static int
refuse(const struct walk *w, const struct walk_item *i, const char *why)
{
	char buf[SHOWN_SIZE];

	return log_err(ERR_FORMAT, "'%s' %s", shown(buf, w, i), why);
}

int
walk_changed(const struct walk *w, const struct walk_item *i)
{
	char buf[SHOWN_SIZE];

	return log_err(ERR_CONFLICT,
	    "'%s' changed while it was taken in: try again when nobody"
	    " writes there",
	    shown(buf, w, i));
}

static int
no_memory(void)
{
	return log_err(ERR_NOMEM, "out of memory for the list of files");
}

/* What a file must be to be taken in. */
static int
accept_file(const struct walk *w, const struct walk_item *i,
    const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return refuse(w, i,
		    "is a device, socket or fifo: leave it out of the tree");
	if ((st->st_mode & (S_ISUID | S_ISGID | S_ISVTX)) != 0)
		return refuse(w, i,
		    "is setuid, setgid or sticky: take that off with"
		    " chmod a-s,-t");
	if (st->st_nlink > 1)
		return refuse(w, i,
		    "has more than one name (hard links): copy it, so that"
		    " each name has a file of its own");
	return 0;
}

/* Append an item.  Its path and target are taken over on success. */
static int
add_item(struct walk *w, const struct walk_item *i)
{
	if (w->count == MANIFEST_FILES_MAX)
		return log_err(ERR_LIMIT,
		    "more than %u files and directories in one version",
		    MANIFEST_FILES_MAX);
	if (w->count == w->capacity) {
		size_t more = w->capacity != 0 ? w->capacity * 3 / 2 : 64;
		void *items = reallocarray(w->items, more, sizeof(*i));

		if (items == NULL)
			return no_memory();
		w->items = items;
		w->capacity = more;
	}
	w->items[w->count++] = *i;
	if (i->kind == MANIFEST_FILE) {
		w->files++;
		w->bytes += i->size;
	}
	return 0;
}

static uint64_t
mtime_of(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000 +
	    (uint64_t)st->st_mtim.tv_nsec;
}

/* What a directory or a file is, from its stat. */
static int
describe(const struct walk *w, struct walk_item *i, const struct stat *st)
{
	i->device = st->st_dev;
	i->inode = st->st_ino;
	i->mtime = mtime_of(st);
	i->mode = (uint16_t)(st->st_mode & 0777);
	if (S_ISDIR(st->st_mode)) {
		i->kind = MANIFEST_DIR;
		return 0;
	}
	i->kind = MANIFEST_FILE;
	i->size = (uint64_t)st->st_size;
	return accept_file(w, i, st);
}

/* The link called name in the directory at fd. */
static int
describe_link(const struct walk *w, struct walk_item *i, int fd,
    const char *name)
{
	char target[MANIFEST_PATH_MAX + 1], buf[SHOWN_SIZE];
	ssize_t n = readlinkat(fd, name, target, sizeof(target));

	if (n < 0)
		return log_sys("read the link '%s'", shown(buf, w, i));
	if ((size_t)n == sizeof(target))
		return refuse(w, i, "is a link with too long a target");
	target[n] = '\0';
	if (!manifest_target_ok(i->path, target))
		return refuse(w, i,
		    "is a link that may lead out of the tree: put what it"
		    " points to in its place");
	i->kind = MANIFEST_LINK;
	i->mode = 0777;
	i->target = strdup(target);
	return i->target != NULL ? 0 : no_memory();
}

/* The directory being listed. */
struct listing {
	struct walk *walk;
	const volatile bool *stop;
	uint32_t source;
	const char *parent; /* NULL: the root of the tree */
	const struct file *dir;
};

static int
add_entry(void *arg, const char *name)
{
	__attribute__((cleanup(item_clear))) struct walk_item i = { 0 };
	const struct listing *l = arg;
	struct stat st;
	int err;

	if (l->stop != NULL && *l->stop)
		return ERR_CONFLICT;
	i.source = l->source;
	if ((l->parent != NULL ? asprintf(&i.path, "%s/%s", l->parent, name) :
				 asprintf(&i.path, "%s", name)) < 0) {
		i.path = NULL;
		return no_memory();
	}
	if (!manifest_path_ok(i.path))
		return refuse(l->walk, &i,
		    "cannot be named in a version: names are UTF-8 without"
		    " control characters, of at most 255 bytes, and paths"
		    " of at most 4096: rename it");
	if (fstatat(l->dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return walk_changed(l->walk, &i);
	err = S_ISLNK(st.st_mode) ?
	    describe_link(l->walk, &i, l->dir->fd, name) :
	    describe(l->walk, &i, &st);
	if (err == 0)
		err = add_item(l->walk, &i);
	if (err == 0)
		i = (struct walk_item){ 0 };
	return err;
}

/* Open a directory that was found, and list it. */
static int
list_item(struct walk *w, size_t index, const volatile bool *stop)
{
	/* A copy: what is found moves the items. */
	const struct walk_item i = w->items[index];
	const struct walk_source *s = &w->sources[i.source];
	OWNED(file) dir = NULL;
	struct listing l = { .walk = w,
		.stop = stop,
		.source = i.source,
		.parent = i.path };
	struct stat st;
	int err;

	err = file_open(&dir, s->dir, below(s, i.path), O_RDONLY | O_DIRECTORY,
	    0);
	if (err == ERR_NOT_FOUND)
		return walk_changed(w, &i);
	if (err != 0)
		return err;
	if (fstat(dir->fd, &st) != 0)
		return log_sys("stat '%s'", dir->name);
	if (st.st_dev != i.device || st.st_ino != i.inode)
		return walk_changed(w, &i);
	l.dir = dir;
	return names_each(dir, add_entry, &l);
}

/* The last component of a path that was given; NULL when that is no name. */
static char *
last_component(const char *path)
{
	size_t end = strlen(path), start;
	char *name;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/';)
		start--;
	name = strndup(path + start, end - start);
	if (name != NULL && !manifest_path_ok(name)) {
		free(name);
		return NULL;
	}
	return name;
}

static int
open_given(struct file **out, const char *path)
{
	char buf[SHOWN_SIZE];
	int err = file_open(out, NULL, path, O_RDONLY | O_DIRECTORY, 0);

	if (err == ERR_NOT_FOUND)
		return log_err(err, "'%s' is gone",
		    log_name(buf, sizeof(buf), path, strlen(path)));
	return err;
}

/* A path that was given, by its last component. */
static int
add_path(struct walk *w, const char *path, const struct stat *st)
{
	__attribute__((cleanup(item_clear))) struct walk_item i = { 0 };
	struct walk_source *s = &w->sources[w->source_count];
	char buf[SHOWN_SIZE];
	int err = 0;

	i.source = (uint32_t)w->source_count++;
	s->path = path;
	i.path = last_component(path);
	if (i.path == NULL)
		return log_err(ERR_USAGE,
		    "'%s' has no last component that can be a name",
		    log_name(buf, sizeof(buf), path, strlen(path)));
	if (S_ISDIR(st->st_mode))
		err = open_given(&s->dir, path);
	s->prefix = s->dir != NULL ? strlen(i.path) + 1 : 0;
	if (err == 0)
		err = describe(w, &i, st);
	if (err == 0)
		err = add_item(w, &i);
	if (err == 0)
		i = (struct walk_item){ 0 };
	return err;
}

static int
add_stream(struct walk *w, const char *name)
{
	__attribute__((cleanup(item_clear))) struct walk_item i = { 0 };
	int err;

	if (name == NULL || strchr(name, '/') != NULL ||
	    !manifest_path_ok(name))
		return log_err(ERR_USAGE,
		    "standard input needs a plain file name in the version");
	if (w->stream)
		return log_err(ERR_USAGE, "'-' can be given once");
	w->stream = true;
	i.source = (uint32_t)w->source_count++;
	i.kind = MANIFEST_FILE;
	i.mode = 0644;
	i.path = strdup(name);
	if (i.path == NULL)
		return no_memory();
	err = add_item(w, &i);
	if (err == 0)
		i = (struct walk_item){ 0 };
	return err;
}

/* The one directory that was given: its contents are the root. */
static int
add_root(struct walk *w, const struct walk_how *how, const struct stat *st)
{
	struct listing l = { .walk = w, .stop = how->stop };
	struct walk_source *s = &w->sources[w->source_count++];
	int err;

	s->path = how->paths[0];
	w->root_mode = (uint16_t)(st->st_mode & 0777);
	err = open_given(&s->dir, s->path);
	if (err != 0)
		return err;
	l.dir = s->dir;
	return names_each(s->dir, add_entry, &l);
}

static int
add_given(struct walk *w, const struct walk_how *how, const char *path)
{
	char buf[SHOWN_SIZE];
	struct stat st;

	if (strcmp(path, "-") == 0)
		return add_stream(w, how->stdin_name);
	if (stat(path, &st) != 0)
		return log_sys("'%s'",
		    log_name(buf, sizeof(buf), path, strlen(path)));
	if (S_ISDIR(st.st_mode) && how->path_count == 1)
		return add_root(w, how, &st);
	return add_path(w, path, &st);
}

static int
compare_items(const void *a, const void *b)
{
	const struct walk_item *ia = a, *ib = b;

	return manifest_compare(ia->path, ib->path);
}

static int
sort_items(struct walk *w)
{
	char buf[SHOWN_SIZE];

	if (w->count == 0)
		return 0;
	qsort(w->items, w->count, sizeof(*w->items), compare_items);
	for (size_t i = 1; i < w->count; i++) {
		const char *path = w->items[i].path;

		if (strcmp(w->items[i - 1].path, path) == 0)
			return log_err(ERR_CONFLICT,
			    "two of the paths given would be called '%s'",
			    log_name(buf, sizeof(buf), path, strlen(path)));
	}
	return 0;
}

int
walk_new(struct walk **out, const struct walk_how *how)
{
	OWNED(walk) w = calloc(1, sizeof(*w));
	int err = 0;

	if (how->path_count == 0 || how->path_count > MANIFEST_FILES_MAX)
		return ERR_USAGE;
	if (w == NULL)
		return no_memory();
	w->root_mode = 0755;
	w->sources = calloc(how->path_count, sizeof(*w->sources));
	if (w->sources == NULL)
		return no_memory();
	for (size_t i = 0; err == 0 && i < how->path_count; i++)
		err = add_given(w, how, how->paths[i]);
	/* The items found so far are the queue of directories to be listed. */
	for (size_t i = 0; err == 0 && i < w->count; i++)
		if (w->items[i].kind == MANIFEST_DIR)
			err = list_item(w, i, how->stop);
	if (err == 0)
		err = sort_items(w);
	if (err != 0)
		return err;
	*out = w;
	w = NULL;
	return 0;
}

int
walk_open(struct file **out, struct stat *st, const struct walk *w,
    const struct walk_item *i)
{
	const struct walk_source *s = &w->sources[i->source];
	OWNED(file) f = NULL;
	char buf[SHOWN_SIZE];
	int err;

	err = file_open(&f, s->dir,
	    s->dir != NULL ? below(s, i->path) : s->path,
	    O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (err == ERR_NOT_FOUND)
		return walk_changed(w, i);
	if (err != 0)
		return err;
	if (fstat(f->fd, st) != 0)
		return log_sys("stat '%s'", shown(buf, w, i));
	if (st->st_dev != i->device || st->st_ino != i->inode ||
	    (uint64_t)st->st_size != i->size || mtime_of(st) != i->mtime)
		return walk_changed(w, i);
	err = accept_file(w, i, st);
	if (err != 0)
		return err;
	*out = f;
	f = NULL;
	return 0;
}
