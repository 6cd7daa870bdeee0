/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/survey.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/names.h"
#include "vault/oms.h"

#define SHOWN_SIZE 1024

/* A walk under way: directories that are still to be read. */
struct walking {
	struct survey *s;
	const struct survey_how *how;
	char **pending;
	size_t count;
	size_t capacity;
	const char *prefix; /* of the one in hand; "" for the root */
	const struct file *dir;
};

void
survey_clear(struct survey *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i].path);
	free(s->items);
	free(s->name);
	file_free(s->dir);
	*s = (struct survey){ 0 };
}

static void
walking_clear(struct walking *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->pending[i]);
	free(w->pending);
}

static int
no_memory(void)
{
	return log_err(ERR_NOMEM, "out of memory for the list of files");
}

/* Takes over path. */
static int
add_pending(struct walking *w, char *path)
{
	if (w->count == w->capacity) {
		size_t more = w->capacity != 0 ? w->capacity * 2 : 64;
		char **pending = reallocarray(w->pending, more,
		    sizeof(*pending));

		if (pending == NULL) {
			free(path);
			return no_memory();
		}
		w->pending = pending;
		w->capacity = more;
	}
	w->pending[w->count++] = path;
	return 0;
}

/* Takes over path. */
static int
add_item(struct survey *s, char *path, const struct stat *st)
{
	int err = 0;

	if (s->count == SURVEY_FILES_MAX)
		err = log_err(ERR_LIMIT, "more than %u files",
		    SURVEY_FILES_MAX);
	if (err == 0 && s->count == s->capacity) {
		size_t more = s->capacity != 0 ? s->capacity * 3 / 2 : 64;
		struct survey_item *items = reallocarray(s->items, more,
		    sizeof(*items));

		if (items == NULL) {
			err = no_memory();
		} else {
			s->items = items;
			s->capacity = more;
		}
	}
	if (err != 0) {
		free(path);
		return err;
	}
	s->items[s->count++] = (struct survey_item){
		.path = path,
		.kind = S_ISREG(st->st_mode) ? SURVEY_FILE :
		    S_ISLNK(st->st_mode)     ? SURVEY_LINK :
					       SURVEY_OTHER,
		.size = (uint64_t)st->st_size,
	};
	return 0;
}

static int
take_name(void *arg, const char *name)
{
	struct walking *w = arg;
	char shown[SHOWN_SIZE];
	struct stat st;
	char *path;

	if (w->how->stop != NULL && *w->how->stop)
		return ERR_CONFLICT;
	if (asprintf(&path, "%s%s%s", w->prefix,
		w->prefix[0] != '\0' ? "/" : "", name) < 0)
		return no_memory();
	if (oms_is_ignored(path, w->how->ignore, w->how->ignore_count)) {
		free(path);
		return 0;
	}
	if (fstatat(w->dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		int err = log_sys("look at '%s'",
		    log_name(shown, sizeof(shown), path, strlen(path)));

		free(path);
		return err;
	}
	if (S_ISDIR(st.st_mode))
		return add_pending(w, path);
	return add_item(w->s, path, &st);
}

/* Takes over path; "" is the root. */
static int
walk_one(struct walking *w, char *path)
{
	OWNED_MEM(char) prefix = path;
	OWNED(file) dir = NULL;
	char shown[SHOWN_SIZE];
	int err = file_open(&dir, w->s->dir, path[0] != '\0' ? path : ".",
	    O_RDONLY | O_DIRECTORY, 0);

	if (err == ERR_NOT_FOUND)
		return log_err(ERR_CONFLICT, "'%s' was taken away meanwhile",
		    log_name(shown, sizeof(shown), path, strlen(path)));
	if (err != 0)
		return err;
	w->prefix = prefix;
	w->dir = dir;
	return names_each(dir, take_name, w);
}

static int
by_path(const void *a, const void *b)
{
	const struct survey_item *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int
walk_all(struct survey *s, const struct survey_how *how)
{
	__attribute__((cleanup(walking_clear))) struct walking w = { .s = s,
		.how = how };
	char *root = strdup("");
	int err = root != NULL ? add_pending(&w, root) : no_memory();

	while (err == 0 && w.count > 0)
		err = walk_one(&w, w.pending[--w.count]);
	if (err == 0 && s->count > 1)
		qsort(s->items, s->count, sizeof(*s->items), by_path);
	return err;
}

/* The only item is the file itself, found again beneath its directory. */
static int
take_single(struct survey *s, const struct stat *st)
{
	char *path = strdup(s->name);

	s->single = true;
	return path != NULL ? add_item(s, path, st) : no_memory();
}

/* Open what the user named, links on the way and all; *st is what it is. */
static int
open_root(struct survey *s, const char *path, struct stat *st)
{
	char full[PATH_MAX], shown[SHOWN_SIZE];
	char *slash;
	int err;

	log_name(shown, sizeof(shown), path, strlen(path));
	if (realpath(path, full) == NULL || stat(full, st) != 0)
		return log_sys("open '%s'", shown);
	slash = strrchr(full, '/');
	s->name = strdup(slash[1] != '\0' ? slash + 1 : "/");
	if (s->name == NULL)
		return no_memory();
	if (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode))
		return log_err(ERR_FORMAT,
		    "'%s' is neither a directory nor a file", shown);
	if (S_ISREG(st->st_mode))
		slash[slash == full] = '\0';
	err = file_open(&s->dir, NULL, full, O_RDONLY | O_DIRECTORY, 0);
	return err == ERR_NOT_FOUND ?
	    log_err(err, "'%s' was taken away meanwhile", shown) :
	    err;
}

int
survey_walk(struct survey *out, const struct survey_how *how)
{
	OWNED_SURVEY s = { 0 };
	struct stat st;
	int err = open_root(&s, how->path, &st);

	if (err == 0)
		err = S_ISREG(st.st_mode) ? take_single(&s, &st) :
					    walk_all(&s, how);
	if (err != 0)
		return err;
	*out = s;
	s = (struct survey){ 0 };
	return 0;
}

struct survey_item *
survey_find(const struct survey *s, const char *path)
{
	const struct survey_item key = { .path = (char *)(uintptr_t)path };

	if (s->count == 0)
		return NULL;
	return bsearch(&key, s->items, s->count, sizeof(key), by_path);
}
