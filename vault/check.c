/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/check.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define PROGRESS_MS 100

/* What is wrong with objects. */
static const char gone[] = "it is missing";
static const char unreadable[] = "it cannot be read";
static const char bad_header[] = "its header does not match its name";
static const char short_body[] = "it is shorter than its header says";
static const char long_body[] = "it is longer than its header says";
static const char bad_body[] = "its content does not match its header";
static const char bad_manifest[] = "it is not the manifest of its version";
static const char bad_page[] = "it is not the page that its version names";
static const char bad_index[] = "it is not its version's tensor index";
static const char
    bad_length[] = "it holds another length than its version says";

/* An object that was looked at. */
struct seen {
	UT_hash_handle hh;
	struct digest name;
	const char *reason; /* NULL: it is sound */
	uint32_t length;    /* plain, of a sound chunk */
	/* The last that was told to be hurt by it. */
	uint32_t told_file;
	uint64_t told_version;
};

struct check {
	struct check_how how;
	struct check_totals totals;
	struct seen *table;
	uint64_t version; /* a number for each call of check_version */
	struct lanes *lanes;
	uint8_t *body;
	size_t capacity;
	int64_t told_ms;
	/* The version being swept. */
	const char *model;
	const struct digest *digest;
	struct version *opened;
	struct version_row *rows; /* a page of them */
};

int
check_new(struct check **out, const struct check_how *how)
{
	struct check *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return ERR_NOMEM;
	c->how = *how;
	c->rows = calloc(MANIFEST_PAGE_ROWS, sizeof(*c->rows));
	if (c->rows == NULL || lanes_new(&c->lanes, LANES_FASTER) != 0) {
		check_free(c);
		return ERR_NOMEM;
	}
	*out = c;
	return 0;
}

void
check_free(struct check *c)
{
	struct seen *s, *next;

	if (c == NULL)
		return;
	HASH_ITER(hh, c->table, s, next) {
		HASH_DEL(c->table, s);
		free(s);
	}
	lanes_free(c->lanes);
	free(c->body);
	free(c->rows);
	free(c);
}

static void
progress(struct check *c)
{
	const int64_t now = clock_ms();

	if (c->how.progress == NULL || now - c->told_ms < PROGRESS_MS)
		return;
	c->told_ms = now;
	c->how.progress(c->how.arg, &c->totals);
}

static void
tell_damage(struct check *c, struct seen *s, const char *reason)
{
	const struct check_damage d = {
		.object = s->name,
		.missing = reason == gone,
		.reason = reason,
	};

	s->reason = reason;
	if (d.missing)
		c->totals.missing++;
	else
		c->totals.damaged++;
	if (c->how.damage != NULL)
		c->how.damage(c->how.arg, &d);
}

/* Tell that an object hurts a file, once for each of a version. */
static void
tell_hurt(struct check *c, struct seen *s, uint32_t file, const char *path)
{
	if (s->told_version == c->version && s->told_file == file)
		return;
	s->told_version = c->version;
	s->told_file = file;
	if (c->how.hurts != NULL)
		c->how.hurts(c->how.arg, &s->name, c->model, c->digest, path);
}

/*
 * Errors of the store that are news about one object: *reason says which.
 * Others end the sweep.
 */
static int
reason_of(int err, const char *integrity, const char **reason)
{
	if (err == ERR_NOT_FOUND)
		*reason = gone;
	else if (err == ERR_IO)
		*reason = unreadable;
	else if (err == ERR_INTEGRITY || err == ERR_FORMAT || err == ERR_LIMIT)
		*reason = integrity;
	else
		return err;
	return 0;
}

static int
need_body(struct check *c, uint64_t n)
{
	if (n <= c->capacity)
		return 0;
	free(c->body);
	c->capacity = 0;
	c->body = malloc(n);
	if (c->body == NULL)
		return log_err(ERR_NOMEM, "out of memory to check an object");
	c->capacity = n;
	return 0;
}

static int
check_body(struct check *c, const struct object *o, const char **reason)
{
	size_t got;
	int err = need_body(c, o->body_length);

	if (err != 0)
		return err;
	err = store_get(c->how.store, &o->name, o->header_length, c->body,
	    o->body_length, &got);
	if (err == 0)
		err = object_check_body(o, c->lanes, c->body, got);
	return err != 0 ? reason_of(err, bad_body, reason) : 0;
}

/* Look at one object.  0 with *reason set when something is wrong with it. */
static int
examine(struct check *c, struct seen *s, enum object_type type,
    const char **reason)
{
	OWNED(object) o = NULL;
	uint64_t size;
	int err = store_has(c->how.store, &s->name, &size);

	if (err == 0)
		err = store_header(c->how.store, &s->name, type, &o);
	if (err != 0)
		return reason_of(err, bad_header, reason);
	c->totals.bytes += size;
	if (size != o->header_length + o->body_length) {
		*reason = size < o->header_length + o->body_length ?
		    short_body :
		    long_body;
		return 0;
	}
	if (type == OBJECT_CHUNK)
		s->length = (uint32_t)o->plain_length;
	if (type == OBJECT_CHUNK && !c->how.read_data)
		return 0;
	return check_body(c, o, reason);
}

/* Hold what is known of an object: looked at now, unless it was before. */
static int
look(struct check *c, const struct digest *name, enum object_type type,
    struct seen **out)
{
	const char *reason = NULL;
	struct seen *s;
	int err;

	HASH_FIND(hh, c->table, name, sizeof(*name), s);
	if (s != NULL) {
		*out = s;
		return 0;
	}
	s = calloc(1, sizeof(*s));
	if (s != NULL) {
		s->name = *name;
		HASH_ADD(hh, c->table, name, sizeof(s->name), s);
	}
	if (s == NULL || s->hh.tbl == NULL) {
		free(s);
		return log_err(ERR_NOMEM, "out of memory for the sweep");
	}
	c->totals.objects++;
	err = examine(c, s, type, &reason);
	if (err != 0)
		return err;
	if (reason != NULL)
		tell_damage(c, s, reason);
	progress(c);
	*out = s;
	return 0;
}

/* Something that its digests call sound and that its version cannot use. */
static int
unusable(struct check *c, struct seen *s, int err, const char *why)
{
	const char *reason = NULL;

	err = reason_of(err, why, &reason);
	if (err == 0 && s->reason == NULL)
		tell_damage(c, s, reason);
	return err;
}

/* All files with rows on page number index are hurt by this object. */
static void
hurt_page(struct check *c, struct seen *s, uint32_t index)
{
	const struct manifest *m = version_manifest(c->opened);
	uint64_t first = (uint64_t)index * MANIFEST_PAGE_ROWS;
	const struct manifest_file *f = manifest_row_file(m, first);

	for (; f != NULL && f < m->files + m->file_count &&
	     f->first_row < first + MANIFEST_PAGE_ROWS;
	     f++)
		if (f->rows > 0)
			tell_hurt(c, s, (uint32_t)(f - m->files), f->path);
}

/* The chunks of the rows that c->rows holds. */
static int
sweep_rows(struct check *c, size_t count)
{
	const struct manifest *m = version_manifest(c->opened);

	for (size_t i = 0; i < count; i++) {
		const struct version_row *r = &c->rows[i];
		const struct manifest_file *f;
		struct seen *s;
		int err = look(c, &r->row.object, OBJECT_CHUNK, &s);

		if (err != 0)
			return err;
		if (s->reason == NULL && s->length != r->row.length)
			tell_damage(c, s, bad_length);
		if (s->reason == NULL)
			continue;
		f = manifest_row_file(m, r->number);
		tell_hurt(c, s, (uint32_t)(f - m->files), f->path);
	}
	return 0;
}

static int
sweep_page(struct check *c, uint32_t index)
{
	const struct manifest *m = version_manifest(c->opened);
	struct seen *page, *box;
	size_t count;
	int err;

	err = look(c, &m->pages[index].lockbox, OBJECT_LOCKBOX_PAGE, &box);
	if (err != 0)
		return err;
	if (box->reason != NULL)
		hurt_page(c, box, index);
	err = look(c, &m->pages[index].object, OBJECT_MANIFEST_PAGE, &page);
	if (err != 0)
		return err;
	err = version_rows_at(c->opened, (uint64_t)index * MANIFEST_PAGE_ROWS,
	    c->rows, MANIFEST_PAGE_ROWS, &count);
	if (err == 0)
		return sweep_rows(c, count);
	err = unusable(c, page, err, bad_page);
	if (err == 0)
		hurt_page(c, page, index);
	return err;
}

/* The mount does not read the tensor index: it hurts no file. */
static int
sweep_tensors(struct check *c)
{
	const struct manifest *m = version_manifest(c->opened);
	struct tensor_list l = { 0 };
	struct seen *s;
	int err;

	if (digest_is_zero(&m->tensor_digest))
		return 0;
	err = look(c, &m->tensor_object, OBJECT_TENSOR_INDEX, &s);
	if (err != 0 || s->reason != NULL)
		return err;
	err = version_tensors(c->opened, &l);
	tensor_list_clear(&l);
	return err != 0 ? unusable(c, s, err, bad_index) : 0;
}

static int
sweep(struct check *c)
{
	const struct manifest *m = version_manifest(c->opened);
	int err = sweep_tensors(c);

	for (uint32_t i = 0; err == 0 && i < m->page_count; i++)
		err = sweep_page(c, i);
	return err;
}

int
check_version(struct check *c, const char *model, const struct version_open *v)
{
	OWNED(version) opened = NULL;
	struct seen *s;
	int err;

	c->version++;
	c->model = model;
	c->digest = &v->version;
	err = look(c, &v->object, OBJECT_MANIFEST, &s);
	if (err != 0)
		return err;
	if (s->reason == NULL) {
		err = version_open(&opened, v);
		if (err == 0) {
			c->opened = opened;
			return sweep(c);
		}
		err = unusable(c, s, err, bad_manifest);
	}
	if (err == 0)
		tell_hurt(c, s, UINT32_MAX, ".");
	return err;
}

static int
count_unreferenced(void *arg, const struct digest *name, uint64_t size)
{
	struct check *c = arg;
	struct seen *s;

	(void)size;
	HASH_FIND(hh, c->table, name, sizeof(*name), s);
	if (s == NULL)
		c->totals.unreferenced++;
	return 0;
}

int
check_end(struct check *c, struct check_totals *out)
{
	int err = store_list(c->how.store, count_unreferenced, c);

	if (err != 0)
		return err;
	if (c->how.progress != NULL)
		c->how.progress(c->how.arg, &c->totals);
	*out = c->totals;
	return 0;
}
