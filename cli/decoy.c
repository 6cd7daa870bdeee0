/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/decoy.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define BLOCK (1U << 20)
#define JSON_LEAST 12 /* {"text":"x"} */
#define MADE_MODE 0700
#define NAME_SHOWN 256

struct making {
	const struct decoy_like *like;
	struct file *dir;
	uint8_t *block;
};

static bool
ends_in(const char *path, const char *with)
{
	size_t n = strlen(path), m = strlen(with);

	return n >= m && strcmp(path + n - m, with) == 0;
}

/* What a small file that is no model holds: as its name says, and in one
 * piece. */
static void
fill_text(const struct manifest_file *f, uint8_t *out, size_t n)
{
	static const char begin[] = "{\"text\":\"", end[] = "\"}\n";
	size_t around = sizeof(begin) + sizeof(end) - 2;

	if (!ends_in(f->path, ".json")) {
		decoy_head_words(out, n);
	} else if (n < JSON_LEAST) {
		memset(out, ' ', n);
		memcpy(out, n == 1 ? "0" : "{}", n == 1 ? 1 : 2);
	} else {
		memcpy(out, begin, sizeof(begin) - 1);
		decoy_head_words(out + sizeof(begin) - 1, n - around);
		memcpy(out + n - sizeof(end) + 1, end, sizeof(end) - 1);
	}
}

static int
write_text(const struct manifest_file *f, struct file *out)
{
	OWNED_MEM(uint8_t) text = malloc(f->size);

	if (text == NULL)
		return ERR_NOMEM;
	fill_text(f, text, f->size);
	return file_write_at(out, text, f->size, 0);
}

/* The tensors of a file: the list is sorted by it. */
static struct decoy_head
head_of(const struct making *m, const struct manifest_file *f)
{
	const struct tensor_list *list = m->like->tensors;
	uint32_t row = (uint32_t)(f - m->like->manifest->files);
	struct decoy_head h = { .file = f, .tensors = list->items };

	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].file < row)
			h.tensors = &list->items[i + 1];
		h.count += list->items[i].file == row;
	}
	return h;
}

/* Random bytes from `at` to the end; numbers where tensors have them. */
static int
write_noise(const struct making *m, const struct decoy_head *h, uint64_t at,
    struct file *out)
{
	const struct manifest_file *f = h->file;
	const struct tensor *t = h->tensors, *end = t + h->count;
	int err = 0;

	while (at < f->size && err == 0) {
		size_t n = f->size - at < BLOCK ? (size_t)(f->size - at) :
						  BLOCK;
		const struct decoy_block b = { at, m->block, n };

		if (*m->like->stop)
			return ERR_CONFLICT;
		randombytes_buf(m->block, n);
		while (t < end && t->offset + t->length <= at)
			t++;
		for (const struct tensor *i = t; i < end && i->offset < at + n;
		     i++)
			decoy_weights(i, &b);
		err = file_write_at(out, m->block, n, at);
		at += n;
	}
	return err;
}

static int
write_model(const struct making *m, const struct manifest_file *f,
    struct file *out)
{
	OWNED_WRITER w = writer_of(MANIFEST_HEADER_MAX);
	const struct decoy_head h = head_of(m, f);
	int err = decoy_head_write(&h, &w);
	char name[NAME_SHOWN];

	if (err == ERR_LIMIT)
		return log_err(ERR_FORMAT,
		    "'%s': its header cannot be made alike; make a tree "
		    "yourself, put it, and leave out --like",
		    log_name(name, sizeof(name), f->path, strlen(f->path)));
	if (err == 0)
		err = file_write_at(out, w.bytes, w.length, 0);
	return err == 0 ? write_noise(m, &h, w.length, out) : err;
}

static int
make_file(const struct making *m, const struct manifest_file *f)
{
	OWNED(file) out = NULL;
	int err = file_open(&out, m->dir, f->path, O_WRONLY | O_CREAT | O_EXCL,
	    0600);

	if (err != 0)
		return err;
	if (f->header_bytes > 0)
		err = write_model(m, f, out);
	else if (f->class != MANIFEST_WEIGHTS && f->size > 0)
		err = write_text(f, out);
	else
		err = write_noise(m, &(struct decoy_head){ .file = f }, 0, out);
	if (err == 0 && fchmod(out->fd, f->mode) != 0)
		return log_sys("chmod '%s'", out->name);
	return err;
}

static int
failed(const struct manifest_file *f, const char *what)
{
	char name[NAME_SHOWN];

	return log_sys("%s '%s'", what,
	    log_name(name, sizeof(name), f->path, strlen(f->path)));
}

static int
make_one(const struct making *m, const struct manifest_file *f)
{
	switch (f->kind) {
	case MANIFEST_FILE:
		return make_file(m, f);
	case MANIFEST_LINK:
		return symlinkat(f->target, m->dir->fd, f->path) == 0 ?
		    0 :
		    failed(f, "make");
	case MANIFEST_DIR:
		return mkdirat(m->dir->fd, f->path, MADE_MODE) == 0 ?
		    0 :
		    failed(f, "make");
	}
	return ERR_FORMAT;
}

/* Directories get their modes when nothing is made in them any more. */
static int
settle(const struct making *m)
{
	const struct manifest *manifest = m->like->manifest;

	for (uint32_t i = manifest->file_count; i > 0; i--) {
		const struct manifest_file *f = &manifest->files[i - 1];

		if (f->kind == MANIFEST_DIR &&
		    fchmodat(m->dir->fd, f->path, f->mode, 0) != 0)
			return failed(f, "chmod");
	}
	if (fchmod(m->dir->fd, manifest->root_mode) != 0)
		return log_sys("chmod '%s'", m->dir->name);
	return 0;
}

int
decoy_make(const struct decoy_like *like, const char *dir)
{
	OWNED_MEM(uint8_t) block = malloc(BLOCK);
	OWNED(file) f = NULL;
	struct making m = { .like = like, .block = block };
	int err;

	if (block == NULL)
		return ERR_NOMEM;
	err = file_open(&f, NULL, dir, O_RDONLY | O_DIRECTORY, 0);
	if (err != 0)
		return err;
	m.dir = f;
	/* A directory stands before what is in it. */
	for (uint32_t i = 0; i < like->manifest->file_count && err == 0; i++)
		err = make_one(&m, &like->manifest->files[i]);
	return err == 0 ? settle(&m) : err;
}

void
decoy_remove(const struct decoy_like *like, const char *dir)
{
	const struct manifest *m = like->manifest;
	OWNED(file) f = NULL;

	if (file_open(&f, NULL, dir, O_RDONLY | O_DIRECTORY, 0) != 0)
		return;
	(void)!fchmod(f->fd, MADE_MODE);
	for (uint32_t i = 0; i < m->file_count; i++)
		if (m->files[i].kind == MANIFEST_DIR)
			(void)!fchmodat(f->fd, m->files[i].path, MADE_MODE, 0);
	for (uint32_t i = m->file_count; i > 0; i--)
		(void)!unlinkat(f->fd, m->files[i - 1].path,
		    m->files[i - 1].kind == MANIFEST_DIR ? AT_REMOVEDIR : 0);
	if (rmdir(dir) != 0)
		(void)log_sys("remove '%s'", dir);
}
