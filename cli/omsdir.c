/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/omsdir.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/progress.h"
#include "vault/err.h"
#include "vault/log.h"

#define SHOWN_SIZE 256

void
omsdir_clear(struct omsdir *d)
{
	survey_clear(&d->survey);
	for (size_t i = 0; i < d->owned_count; i++)
		free(d->owned[i]);
	free(d->owned);
	free(d->ignore);
	free(d->real);
	*d = (struct omsdir){ 0 };
}

int
omsdir_open(struct omsdir *out, const struct options *o, const char *path)
{
	char *real = realpath(path, NULL);
	char shown[SHOWN_SIZE];

	if (real == NULL)
		return log_sys("open '%s'",
		    log_name(shown, sizeof(shown), path, strlen(path)));
	*out = (struct omsdir){ .o = o, .real = real };
	return 0;
}

int
omsdir_ignore_all(struct omsdir *d, const char *const *paths, size_t count)
{
	const char **ignore = reallocarray(d->ignore, d->count + count + 1,
	    sizeof(*ignore));

	if (ignore == NULL)
		return ERR_NOMEM;
	d->ignore = ignore;
	for (size_t i = 0; i < count; i++)
		d->ignore[d->count++] = paths[i];
	return 0;
}

/* Takes over path. */
static int
ignore_own(struct omsdir *d, char *path)
{
	char **owned = reallocarray(d->owned, d->owned_count + 1,
	    sizeof(*owned));

	if (owned == NULL) {
		free(path);
		return ERR_NOMEM;
	}
	d->owned = owned;
	d->owned[d->owned_count++] = path;
	return omsdir_ignore_all(d, &(const char *){ path }, 1);
}

/* The part of an absolute path that is below the directory; NULL: it is
 * elsewhere. */
static const char *
below(const struct omsdir *d, const char *path)
{
	size_t n = strlen(d->real);

	if (strcmp(d->real, "/") == 0)
		return path + 1;
	if (strncmp(path, d->real, n) != 0 || path[n] != '/')
		return NULL;
	return path + n + 1;
}

/* The directory that holds path is looked up, its last component is not: it
 * may be a link, or not be there.  NULL when there is no such directory. */
static char *
absolute(const char *path)
{
	const char *slash = strrchr(path, '/');
	OWNED_MEM(char)
	parent = slash == NULL ? strdup(".") :
	    slash == path      ? strdup("/") :
				 strndup(path, (size_t)(slash - path));
	OWNED_MEM(char) real = parent != NULL ? realpath(parent, NULL) : NULL;
	char *full;

	if (real == NULL ||
	    asprintf(&full, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
		slash != NULL ? slash + 1 : path) < 0)
		return NULL;
	return full;
}

static int
no_place(const struct omsdir *d, const char *path)
{
	char shown[SHOWN_SIZE];

	return options_wrong(d->o,
	    "--ignore-paths '%s' is no plain path below the directory, without "
	    "wildcards",
	    log_name(shown, sizeof(shown), path, strlen(path)));
}

int
omsdir_ignore(struct omsdir *d, const char *path)
{
	OWNED_MEM(char) plain = strdup(path);
	OWNED_MEM(char) full = NULL;
	const char *rest = plain;
	char *copy;

	if (plain == NULL)
		return ERR_NOMEM;
	for (size_t n = strlen(plain); n > 1 && plain[n - 1] == '/'; n--)
		plain[n - 1] = '\0';
	if (plain[0] == '/') {
		full = absolute(plain);
		rest = full != NULL ? below(d, full) : NULL;
	}
	while (rest != NULL && strncmp(rest, "./", 2) == 0)
		rest += 2;
	if (rest == NULL || !oms_ignore_ok(rest))
		return no_place(d, path);
	copy = strdup(rest);
	return copy != NULL ? ignore_own(d, copy) : ERR_NOMEM;
}

int
omsdir_ignore_bundle(struct omsdir *d, const char *path)
{
	OWNED_MEM(char) full = absolute(path);
	const char *rest = full != NULL ? below(d, full) : NULL;
	char *copy;

	if (rest == NULL || !oms_ignore_ok(rest))
		return 0;
	copy = strdup(rest);
	return copy != NULL ? ignore_own(d, copy) : ERR_NOMEM;
}

int
omsdir_walk(struct omsdir *d)
{
	const struct survey_how how = { .path = d->real,
		.ignore = d->ignore,
		.ignore_count = d->count,
		.stop = d->o->stop };

	return survey_walk(&d->survey, &how);
}

int
omsdir_hash(struct omsdir *d)
{
	OWNED(progress) progress = NULL;
	struct survey_hash how = { .stop = d->o->stop };
	int r;

	if ((r = progress_new(&progress, d->o->quiet)) != 0)
		return r;
	how.progress = progress_extract;
	how.arg = progress;
	return survey_hash(&d->survey, &how);
}
