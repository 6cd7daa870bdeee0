/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/intake_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "vault/cut.h"
#include "vault/err.h"
#include "vault/gguf.h"
#include "vault/imports.h"
#include "vault/log.h"
#include "vault/object.h"
#include "vault/safetensors.h"
#include "vault/zip.h"

#define SHOWN_SIZE 1024
#define WHY_SIZE 256
#define PICKLE_PROTOCOL_MAX 5

/* A stream up to this long is held in memory and taken as a file is. */
#define STREAM_WHOLE (16U << 20)

/* A file on its way in. */
struct taking {
	const struct intake_file_how *how;
	const struct walk_item *item;
	struct manifest_file *row;
	struct model_source src;
	const struct file *file; /* of the tree, or NULL */
	const uint8_t *bytes;	 /* a stream's, whole, or NULL */
};

static const char *
shown(char buf[static SHOWN_SIZE], const struct taking *t)
{
	return log_name(buf, SHOWN_SIZE, t->item->path, strlen(t->item->path));
}

static bool
stopped(const struct taking *t)
{
	return t->how->stop != NULL && *t->how->stop;
}

/* Inspection reads by the same way, and stops with it. */
static int
read_file(void *arg, void *buf, size_t n, uint64_t offset)
{
	const struct taking *t = arg;
	int err;

	if (stopped(t))
		return ERR_CONFLICT;
	err = file_read_at(t->file, buf, n, offset);
	return err == ERR_FORMAT ? walk_changed(t->how->walk, t->item) : err;
}

static int
read_bytes(void *arg, void *buf, size_t n, uint64_t offset)
{
	const struct taking *t = arg;

	if (stopped(t))
		return ERR_CONFLICT;
	memcpy(buf, t->bytes + offset, n);
	return 0;
}

/* The refused imports of a pickle that is let in. */
static int
let_in(const struct taking *t, const struct model_imports *i)
{
	char buf[SHOWN_SIZE];
	int err = 0;

	for (size_t n = 0; err == 0 && n < i->count; n++)
		if (!imports_allowed(i->names[n]))
			err = imports_add(t->how->imports, i->names[n]);
	if (err == ERR_LIMIT)
		return log_err(err,
		    "'%s': the pickles import more than can be recorded",
		    shown(buf, t));
	return err;
}

static int
check_pickle(const struct taking *t, const struct model_imports *i)
{
	char buf[SHOWN_SIZE];

	if (i->refused == 0)
		return 0;
	if (t->how->allow_pickle)
		return let_in(t, i);
	return log_err(ERR_FORMAT,
	    "'%s': this pickle imports %s%s, which could run code wherever it"
	    " is loaded; save it as safetensors, or let it in with"
	    " --allow-pickle, which is recorded",
	    shown(buf, t), i->first_refused != NULL ? i->first_refused : "?",
	    i->refused > 1 ? " and more" : "");
}

static int
inspect(const struct taking *t, struct model_info *info)
{
	char buf[SHOWN_SIZE], why[WHY_SIZE] = "";
	int err;

	err = model_inspect(info, t->item->path, &t->src, why, sizeof(why));
	if (err == ERR_FORMAT || err == ERR_LIMIT)
		return log_err(err, "'%s': %s", shown(buf, t),
		    why[0] != '\0' ? why : err_text(err));
	return err;
}

/* Move the file's tensors to the version's. */
static int
keep_tensors(const struct taking *t, struct model_info *info)
{
	const struct walk *w = t->how->walk;

	for (size_t i = 0; i < info->tensors.count; i++) {
		struct tensor *from = &info->tensors.items[i], to = *from;
		int err;

		to.file = (uint32_t)(t->item - w->items);
		from->name = NULL;
		err = tensor_list_add(t->how->tensors, &to, to.name);
		if (err != 0)
			return err;
	}
	return 0;
}

/* What is hashed, cut and sealed is one private copy of the bytes. */
static int
take_chunk(struct taking *t, struct cut *cut, uint64_t offset, size_t n)
{
	struct pipeline_plain plain = { .length = n, .offset = offset };
	uint8_t *room;
	int err;

	if (stopped(t))
		return ERR_CONFLICT;
	err = pipeline_room(t->how->pipeline, n, &room);
	if (err == 0)
		err = t->src.read(t->src.arg, room, n, offset);
	if (err != 0)
		return err;
	cut_widths(cut, offset, n, plain.widths);
	pipeline_add(t->how->pipeline, &plain);
	t->row->rows++;
	return 0;
}

static int
take_chunks(struct taking *t, const struct model_info *info)
{
	struct cut cut = {
		.size = t->src.size,
		.header_bytes = info->header_bytes,
		.tensors = info->tensors.items,
		.tensor_count = info->tensors.count,
	};
	uint64_t at = 0;

	while (at < cut.size) {
		uint64_t end = cut_next(&cut, at);
		int err = take_chunk(t, &cut, at, (size_t)(end - at));

		if (err != 0)
			return err;
		at = end;
	}
	return 0;
}

/* All of a source whose size is known. */
static int
take_source(struct taking *t, struct model_info *info)
{
	struct manifest_file *row = t->row;
	int err = inspect(t, info);

	if (err == 0)
		err = check_pickle(t, &info->imports);
	if (err == 0)
		err = take_chunks(t, info);
	if (err == 0)
		err = keep_tensors(t, info);
	if (err != 0)
		return err;
	row->size = t->src.size;
	row->class = info->class;
	row->header_bytes = info->class == MANIFEST_WEIGHTS ?
	    info->header_bytes :
	    0;
	return 0;
}

static bool
same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static int
take_file(struct taking *t, struct model_info *info)
{
	OWNED(file) f = NULL;
	struct stat before, after;
	int err;

	err = walk_open(&f, &before, t->how->walk, t->item);
	if (err != 0)
		return err;
	posix_fadvise(f->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	t->file = f;
	t->src = (struct model_source){ (uint64_t)before.st_size, read_file,
		t };
	err = take_source(t, info);
	if (err != 0)
		return err;
	if (fstat(f->fd, &after) != 0)
		return log_sys("stat '%s'", f->name);
	if (before.st_size != after.st_size ||
	    !same_time(&before.st_mtim, &after.st_mtim) ||
	    !same_time(&before.st_ctim, &after.st_ctim))
		return walk_changed(t->how->walk, t->item);
	return 0;
}

/* Bytes of standard input: those read ahead first. */
struct stdin_bytes {
	uint8_t *ahead;
	size_t have;
	size_t at;
};

/* Up to n bytes; *got < n only at the end. */
static int
read_stdin(uint8_t *buf, size_t n, size_t *got)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = read(STDIN_FILENO, buf + done, n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return log_sys("read standard input");
		if (r == 0)
			break;
		done += (size_t)r;
	}
	*got = done;
	return 0;
}

static int
next_bytes(struct stdin_bytes *in, uint8_t *buf, size_t n, size_t *got)
{
	size_t ahead = in->have - in->at < n ? in->have - in->at : n;
	int err;

	memcpy(buf, in->ahead + in->at, ahead);
	in->at += ahead;
	err = read_stdin(buf + ahead, n - ahead, got);
	*got += ahead;
	return err;
}

static bool
ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n >= e && strcasecmp(name + n - e, end) == 0;
}

/* What would have to be parsed or listed, by its name or its first bytes. */
static bool
claims_model(const char *name, const uint8_t *bytes, size_t n)
{
	static const char *const ends[] = { ".safetensors", ".gguf", ".bin",
		".pt", ".pth", ".ckpt", ".pkl", ".pickle" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (ends_with(name, ends[i]))
			return true;
	return safetensors_claimed(bytes, n, UINT64_MAX) ||
	    gguf_claimed(bytes, n) || zip_claimed(bytes, n) ||
	    (bytes[0] == 0x80 && bytes[1] <= PICKLE_PROTOCOL_MAX);
}

/* A stream too long to be held: its size comes out at its end, so that chunks
 * have the size that the largest files' have. */
static int
take_long(struct taking *t, struct stdin_bytes *in)
{
	struct manifest_file *row = t->row;
	char buf[SHOWN_SIZE];

	if (claims_model(t->item->path, in->ahead, in->have))
		return log_err(ERR_FORMAT,
		    "'%s': a model file of more than 16 MiB cannot be checked"
		    " from a pipe: give it as a file",
		    shown(buf, t));
	for (;;) {
		struct pipeline_plain plain = { .offset = row->size };
		uint8_t *room;
		int err = stopped(t) ? ERR_CONFLICT : 0;

		if (err == 0)
			err = pipeline_room(t->how->pipeline, OBJECT_CHUNK_MAX,
			    &room);
		if (err == 0)
			err = next_bytes(in, room, OBJECT_CHUNK_MAX,
			    &plain.length);
		if (err != 0)
			return err;
		if (plain.length == 0)
			break;
		pipeline_add(t->how->pipeline, &plain);
		row->size += plain.length;
		row->rows++;
	}
	return 0;
}

static int
take_stream(struct taking *t, struct model_info *info)
{
	OWNED_MEM(uint8_t) ahead = malloc(STREAM_WHOLE + 1);
	struct stdin_bytes in = { .ahead = ahead };
	int err;

	if (ahead == NULL)
		return log_err(ERR_NOMEM, "out of memory for standard input");
	err = read_stdin(ahead, STREAM_WHOLE + 1, &in.have);
	if (err != 0)
		return err;
	if (in.have > STREAM_WHOLE)
		return take_long(t, &in);
	t->bytes = ahead;
	t->src = (struct model_source){ in.have, read_bytes, t };
	return take_source(t, info);
}

int
intake_file_take(const struct intake_file_how *how,
    const struct walk_item *item, struct manifest_file *row)
{
	__attribute__((
	    cleanup(model_info_clear))) struct model_info info = { 0 };
	struct taking t = { .how = how, .item = item, .row = row };
	int err = pipeline_begin(how->pipeline,
	    how->summed ? NULL : &row->digest);

	if (err != 0)
		return err;
	err = walk_is_stream(how->walk, item) ? take_stream(&t, &info) :
						take_file(&t, &info);
	pipeline_end(how->pipeline);
	return err;
}
