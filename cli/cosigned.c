/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cosigned.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/names.h"

#define DIRECTORY "trail/cosigned"
#define DIGITS 20
#define DIR_MODE 0750
#define FILE_MODE 0640

void
cosigned_note_clear(struct cosigned_note *n)
{
	free(n->note);
	*n = (struct cosigned_note){ 0 };
}

int
cosigned_policy(struct witness_policy **out, const char *path)
{
	OWNED_MEM(uint8_t) text = NULL;
	char why[WITNESS_WHY];
	size_t n;
	int r;

	r = file_load(NULL, path, WITNESS_POLICY_MAX, &text, &n);
	if (r == ERR_NOT_FOUND)
		return log_err(r, "there is no policy '%s'", path);
	if (r != 0)
		return r;
	r = witness_policy_parse(out, (const char *)text, n, why);
	return r == 0 ? 0 : log_err(r, "'%s', %s", path, why);
}

static int
open_directory(struct file **out, const struct cosigned_where *w)
{
	if (w->directory != NULL)
		return file_open(out, NULL, w->directory,
		    O_RDONLY | O_DIRECTORY, 0);
	if (w->vault == NULL)
		return ERR_NOT_FOUND;
	return file_open(out, w->vault, DIRECTORY, O_RDONLY | O_DIRECTORY, 0);
}

/* Read a file, and what the policy says of it. */
static int
read_note(struct cosigned_note *out, const struct cosigned_where *w,
    const struct file *dir, const char *name)
{
	OWNED_MEM(uint8_t) note = NULL;
	struct witness_verdict v;
	struct cosigned_note n = { 0 };
	size_t length;
	int r;

	r = file_load(dir, name, NOTE_MAX, &note, &length);
	if (r != 0)
		return r;
	if (note_checkpoint_read(&n.checkpoint, (const char *)note, length,
		w->log) != 0)
		return log_err(ERR_INTEGRITY,
		    "'%s/%s' is no checkpoint of this log", dir->name, name);
	if (w->policy != NULL) {
		r = witness_policy_judge(w->policy, (const char *)note, length,
		    &v);
		if (r != 0)
			return log_err(r, "'%s/%s': a cosignature in it is bad",
			    dir->name, name);
		n.moment = witness_policy_moment(w->policy, &v);
	}
	n.note = (char *)note;
	note = NULL;
	*out = n;
	return 0;
}

static void
name_of(char name[static DIGITS + 1], uint64_t size)
{
	snprintf(name, DIGITS + 1, "%0*" PRIu64, DIGITS, size);
}

int
cosigned_load(struct cosigned_note *out, const struct cosigned_where *w,
    const struct note_checkpoint *c)
{
	char name[DIGITS + 1];
	OWNED(file) dir = NULL;
	int r = open_directory(&dir, w);

	if (r != 0)
		return r;
	name_of(name, c->size);
	r = read_note(out, w, dir, name);
	if (r != 0 ||
	    (out->checkpoint.size == c->size &&
		digest_equal(&out->checkpoint.root, &c->root)))
		return r;
	cosigned_note_clear(out);
	return ERR_NOT_FOUND;
}

/* The names, as sizes. */
struct sizes {
	uint64_t *list;
	size_t count, room;
};

static int
collect(void *arg, const char *name)
{
	struct sizes *s = arg;
	char again[DIGITS + 1];
	uint64_t size = strtoull(name, NULL, 10);

	name_of(again, size);
	if (strcmp(again, name) != 0)
		return 0;
	if (s->count == s->room) {
		size_t room = s->room == 0 ? 64 : 2 * s->room;
		uint64_t *more = reallocarray(s->list, room, sizeof(*more));

		if (more == NULL)
			return ERR_NOMEM;
		s->list = more;
		s->room = room;
	}
	s->list[s->count++] = size;
	return 0;
}

static int
descending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

int
cosigned_find(struct cosigned_note *out, const struct cosigned_where *w,
    uint64_t size, uint64_t until)
{
	OWNED(file) dir = NULL;
	struct sizes s = { 0 };
	int r = open_directory(&dir, w);

	if (r != 0)
		return r;
	r = names_each(dir, collect, &s);
	if (r == 0 && s.count > 0)
		qsort(s.list, s.count, sizeof(*s.list), descending);
	for (size_t i = 0; r == 0 && i < s.count; i++) {
		char name[DIGITS + 1];
		struct cosigned_note n;

		if (s.list[i] > size)
			continue;
		name_of(name, s.list[i]);
		if (read_note(&n, w, dir, name) != 0)
			continue; /* was said */
		if (n.moment != 0 && n.moment <= until &&
		    n.checkpoint.size == s.list[i]) {
			*out = n;
			free(s.list);
			return 0;
		}
		cosigned_note_clear(&n);
	}
	free(s.list);
	return r != 0 ? r : ERR_NOT_FOUND;
}

int
cosigned_store(const struct cosigned_where *w, uint64_t size, const char *note)
{
	char name[DIGITS + 1];
	OWNED(file) dir = NULL;
	int r = 0;

	if (w->directory == NULL)
		r = file_mkdir(w->vault, DIRECTORY, DIR_MODE);
	if (r == 0)
		r = open_directory(&dir, w);
	if (r == ERR_NOT_FOUND)
		return log_err(r, "there is no directory '%s'",
		    w->directory != NULL ? w->directory : DIRECTORY);
	if (r != 0)
		return r;
	name_of(name, size);
	return file_replace(dir, name, note, strlen(note), FILE_MODE);
}
