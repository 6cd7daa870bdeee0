/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keys/courier_state.h"
#include "vault/err.h"
#include "vault/log.h"

#define DIRECTORY "alerts"
#define POSTED "posted"
#define NAME_SIZE 32
#define MODE 0600

static char *
name_of(uint64_t number, char buf[static NAME_SIZE])
{
	snprintf(buf, NAME_SIZE, "%020" PRIu64, number);
	return buf;
}

void
courier_letter_free(struct courier_letter *l)
{
	if (l == NULL)
		return;
	free(l->json);
	free(l);
}

/* 20 digits, or 1 to 20 with a line's end. */
static bool
parse_number(const char *text, const char *end, uint64_t *out)
{
	char *stop;

	errno = 0;
	*out = strtoull(text, &stop, 10);
	return text[0] >= '0' && text[0] <= '9' && errno == 0 &&
	    strcmp(stop, end) == 0;
}

/* A queue that was never there begins behind the newest alert. */
static int
read_posted(struct courier_line *line)
{
	OWNED_MEM(uint8_t) text = NULL;
	size_t n;
	int err = file_load(line->dir, POSTED, NAME_SIZE, &text, &n);

	line->posted = line->how->last;
	if (err == 0 && parse_number((const char *)text, "\n", &line->posted))
		err = 0;
	else if (err == 0)
		log_warn("'%s/" POSTED "' is no number: alerts up to %ju are"
			 " not delivered again",
		    line->dir->name, (uintmax_t)line->how->last);
	if (err == ERR_NOT_FOUND || err == ERR_FORMAT || err == ERR_LIMIT)
		err = 0;
	line->kept = line->posted;
	return err;
}

static int
write_posted(struct courier_line *line, uint64_t number)
{
	char text[NAME_SIZE];
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", number);

	return file_replace(line->dir, POSTED, text, (size_t)n, MODE);
}

/* In its place: names come in any order. */
static void
insert(struct courier_line *line, struct courier_letter *l)
{
	struct courier_letter *after;

	TAILQ_FOREACH_REVERSE(after, &line->letters, courier_letters, entry)
	if (after->number < l->number)
		break;
	if (after != NULL)
		TAILQ_INSERT_AFTER(&line->letters, after, l, entry);
	else
		TAILQ_INSERT_HEAD(&line->letters, l, entry);
	line->count++;
}

static int
read_letter(struct courier_line *line, const char *name, uint64_t number)
{
	struct courier_letter *l = calloc(1, sizeof(*l));
	OWNED_MEM(uint8_t) text = NULL;
	size_t n;
	int err;

	if (l == NULL)
		return ERR_NOMEM;
	err = file_load(line->dir, name, COURIER_JSON_MAX, &text, &n);
	if (err != 0 || strlen((const char *)text) != n) {
		free(l);
		if (err == ERR_NOMEM)
			return err;
		log_warn("'%s/%s' is no alert, and is left out",
		    line->dir->name, name);
		return 0;
	}
	l->number = number;
	l->stored = true;
	l->json = (char *)text;
	text = NULL;
	insert(line, l);
	return 0;
}

static int
read_letters(struct courier_line *line)
{
	int fd = openat(line->dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;
	uint64_t number;
	int err = 0;

	if (d == NULL) {
		if (fd >= 0)
			close(fd);
		return log_sys("read '%s'", line->dir->name);
	}
	while (err == 0 && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, FILE_TEMPORARY,
			sizeof(FILE_TEMPORARY) - 1) == 0)
			(void)unlinkat(line->dir->fd, e->d_name, 0);
		else if (parse_number(e->d_name, "", &number))
			err = read_letter(line, e->d_name, number);
	}
	closedir(d);
	return err;
}

int
courier_queue_open(struct courier_line *line)
{
	char path[NAME_SIZE];
	int err;

	snprintf(path, sizeof(path), DIRECTORY "/%s", line->kind->name);
	err = file_mkdir(line->how->vault->dir, DIRECTORY, 0700);
	if (err == 0)
		err = file_mkdir(line->how->vault->dir, path, 0700);
	if (err == 0)
		err = file_open(&line->dir, line->how->vault->dir, path,
		    O_RDONLY | O_DIRECTORY, 0);
	if (err == 0)
		err = read_posted(line);
	if (err == 0)
		err = read_letters(line);
	if (err == 0 && !TAILQ_EMPTY(&line->letters)) {
		const struct courier_letter *l = TAILQ_LAST(&line->letters,
		    courier_letters);

		if (l->number > line->posted)
			line->posted = line->kept = l->number;
	}
	return err == 0 ? write_posted(line, line->posted) : err;
}

int
courier_queue_store(struct courier_line *line, struct courier_letter *l)
{
	char name[NAME_SIZE];
	int err;

	err = file_replace(line->dir, name_of(l->number, name), l->json,
	    strlen(l->json), MODE);
	if (err == 0)
		err = write_posted(line, l->number);
	return err;
}

void
courier_queue_remove(struct courier_line *line, struct courier_letter *l)
{
	char name[NAME_SIZE];

	/* What cannot be removed is delivered again after a restart. */
	if (l->stored && file_remove(line->dir, name_of(l->number, name)) != 0)
		log_warn("alert %ju may be delivered again",
		    (uintmax_t)l->number);
	courier_letter_free(l);
}
