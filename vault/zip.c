/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ZLIB_CONST
#include <zlib.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/reader.h"
#include "vault/size.h"

#define END_SIZE 22
#define END_MAGIC 0x06054b50
#define END64_SIZE 56
#define END64_MAGIC 0x06064b50
#define LOCATOR_SIZE 20
#define LOCATOR_MAGIC 0x07064b50
#define ENTRY_SIZE 46
#define ENTRY_MAGIC 0x02014b50
#define MEMBER_SIZE 30
#define MEMBER_MAGIC 0x04034b50
#define EXTRA_ZIP64 1
#define COMMENT_MAX 65535
#define FLAG_ENCRYPTED 1
#define STORED 0
#define DEFLATED 8
#define INPUT_SIZE (64U << 10)

/* What the end records say of the directory. */
struct directory {
	uint64_t count;
	uint64_t size;
	uint64_t offset;
};

static int
zip_err(const struct why *why, const char *what)
{
	return why_say(why, ERR_FORMAT, "zip: %s", what);
}

void
zip_free(struct zip *z)
{
	if (z == NULL)
		return;
	for (size_t i = 0; i < z->count; i++)
		free(z->members[i].name);
	free(z->members);
	free(z);
}

bool
zip_claimed(const uint8_t *head, size_t n)
{
	return n >= 4 &&
	    (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0);
}

/* The offset of the last end record; the archive's comment ends the file. */
static int
find_end(const struct model_source *src, uint64_t *out, const struct why *why)
{
	OWNED_MEM(uint8_t) tail = NULL;
	size_t n = END_SIZE + COMMENT_MAX;
	int err;

	if (src->size < END_SIZE)
		return zip_err(why, "too short");
	if (n > src->size)
		n = (size_t)src->size;
	tail = malloc(n);
	if (tail == NULL)
		return ERR_NOMEM;
	err = src->read(src->arg, tail, n, src->size - n);
	if (err != 0)
		return err;

	for (size_t at = n - END_SIZE;; at--) {
		if (memcmp(tail + at, "PK\5\6", 4) == 0) {
			size_t comment = tail[at + 20] |
			    (size_t)tail[at + 21] << 8;

			if (at + END_SIZE + comment != n)
				return zip_err(why,
				    "the comment does not end "
				    "where the file ends");
			*out = src->size - n + at;
			return 0;
		}
		if (at == 0)
			return zip_err(why, "there is no end record");
	}
}

/* In an archive of one file both are 0; 0xffff stands for "see zip64". */
static bool
first_disk(uint32_t disk, uint32_t directory_disk)
{
	return (disk == 0 || disk == UINT16_MAX) && disk == directory_disk;
}

static int
read_end(const struct model_source *src, uint64_t at, struct directory *d,
    const struct why *why)
{
	uint8_t bytes[END_SIZE];
	struct reader r = reader_of(bytes, sizeof(bytes));
	uint16_t disk, directory_disk;
	int err;

	err = src->read(src->arg, bytes, sizeof(bytes), at);
	if (err != 0)
		return err;
	reader_u32(&r);
	disk = reader_u16(&r);
	directory_disk = reader_u16(&r);
	d->count = reader_u16(&r);
	if (!first_disk(disk, directory_disk) || reader_u16(&r) != d->count)
		return zip_err(why, "it is a part of several");
	d->size = reader_u32(&r);
	d->offset = reader_u32(&r);
	return 0;
}

/* Whether the end record's field agrees with zip64's. */
static bool
agrees(uint64_t small, uint64_t large, uint64_t escape)
{
	return small == large || (small == escape);
}

/*
 * The zip64 end record at this offset, which the locator that follows it
 * gave.  Replaces d.
 */
static int
read_end64(const struct model_source *src, uint64_t at, struct directory *d,
    const struct why *why)
{
	uint8_t bytes[END64_SIZE];
	struct reader r = reader_of(bytes, sizeof(bytes));
	struct directory large;
	uint64_t length;
	uint32_t disk, directory_disk;
	int err;

	err = src->read(src->arg, bytes, sizeof(bytes), at);
	if (err != 0)
		return err;
	if (reader_u32(&r) != END64_MAGIC)
		return zip_err(why, "the zip64 end record is not there");
	length = reader_u64(&r);
	reader_u32(&r); /* versions */
	disk = reader_u32(&r);
	directory_disk = reader_u32(&r);
	large.count = reader_u64(&r);
	if (disk != 0 || directory_disk != 0 || reader_u64(&r) != large.count)
		return zip_err(why, "it is a part of several");
	large.size = reader_u64(&r);
	large.offset = reader_u64(&r);
	if (length != END64_SIZE - 12)
		return zip_err(why, "the zip64 end record has another size");
	if (!agrees(d->count, large.count, UINT16_MAX) ||
	    !agrees(d->size, large.size, UINT32_MAX) ||
	    !agrees(d->offset, large.offset, UINT32_MAX))
		return zip_err(why, "the two end records do not agree");
	*d = large;
	return 0;
}

/* Where the directory is, and that it ends where the end records begin. */
static int
find_directory(const struct model_source *src, struct directory *d,
    const struct why *why)
{
	uint8_t bytes[LOCATOR_SIZE] = { 0 };
	struct reader r = reader_of(bytes, sizeof(bytes));
	uint64_t end = 0, sum;
	int err;

	err = find_end(src, &end, why);
	if (err == 0)
		err = read_end(src, end, d, why);
	if (err == 0 && end >= LOCATOR_SIZE)
		err = src->read(src->arg, bytes, sizeof(bytes),
		    end - LOCATOR_SIZE);
	if (err != 0)
		return err;
	if (end >= LOCATOR_SIZE + END64_SIZE &&
	    reader_u32(&r) == LOCATOR_MAGIC) {
		end -= LOCATOR_SIZE + END64_SIZE;
		reader_u32(&r);
		if (reader_u64(&r) != end || reader_u32(&r) > 1)
			return zip_err(why,
			    "the zip64 locator does not point "
			    "to what is before it");
		err = read_end64(src, end, d, why);
		if (err != 0)
			return err;
	}
	if (!size_add(d->offset, d->size, &sum) || sum != end)
		return zip_err(why,
		    "the directory does not end where the end "
		    "record begins");
	if (d->count > d->size / ENTRY_SIZE)
		return zip_err(why, "more members than the directory holds");
	if (d->size > ZIP_DIRECTORY_MAX || d->count > ZIP_MEMBERS_MAX)
		return why_say(why, ERR_LIMIT,
		    "zip: %" PRIu64 " members in a directory of %" PRIu64
		    " bytes; weir takes %u in %u",
		    d->count, d->size, ZIP_MEMBERS_MAX, ZIP_DIRECTORY_MAX);
	return 0;
}

/*
 * Fields that the entry could not hold stand in the extra field 1, in this
 * order and only those.
 */
static bool
read_extra(struct zip_member *m, struct reader *extra)
{
	uint64_t *const fields[] = { &m->size, &m->packed, &m->header };
	bool found = false,
	     wide = m->size == UINT32_MAX || m->packed == UINT32_MAX ||
	    m->header == UINT32_MAX;

	while (reader_ok(extra) && extra->left >= 4) {
		uint16_t id = reader_u16(extra);
		struct reader field = reader_sub(extra, reader_u16(extra));

		if (id != EXTRA_ZIP64)
			continue;
		if (found)
			return false;
		found = true;
		for (size_t i = 0; i < 3; i++)
			if (*fields[i] == UINT32_MAX)
				*fields[i] = reader_u64(&field);
		if (!reader_ok(&field))
			return false;
	}
	return reader_ok(extra) && (found || !wide);
}

/* The fixed part of an entry.  False: it is none. */
static bool
read_entry(struct stream *s, struct zip_member *m, uint16_t lengths[static 3])
{
	uint8_t bytes[ENTRY_SIZE];
	struct reader r = reader_of(bytes, sizeof(bytes));
	bool ok;

	stream_copy(s, bytes, sizeof(bytes));
	ok = reader_u32(&r) == ENTRY_MAGIC;
	reader_u32(&r); /* versions */
	m->flags = reader_u16(&r);
	m->method = reader_u16(&r);
	reader_u64(&r); /* time, checksum */
	m->packed = reader_u32(&r);
	m->size = reader_u32(&r);
	for (size_t i = 0; i < 3; i++)
		lengths[i] = reader_u16(&r); /* name, extra, comment */
	reader_u64(&r);			     /* disk, attributes */
	m->header = reader_u32(&r);
	return ok && s->err == 0;
}

static int
read_member(struct stream *s, struct zip_member *m, const struct why *why)
{
	OWNED_MEM(uint8_t) extra = NULL;
	uint16_t lengths[3];
	struct reader r;

	if (!read_entry(s, m, lengths))
		return s->err != 0 && s->err != ERR_FORMAT ?
		    s->err :
		    zip_err(why, "the directory is broken");
	m->name = calloc(1, (size_t)lengths[0] + 1);
	extra = malloc((size_t)lengths[1] + 1);
	if (m->name == NULL || extra == NULL)
		return ERR_NOMEM;
	stream_copy(s, m->name, lengths[0]);
	stream_copy(s, extra, lengths[1]);
	stream_skip(s, lengths[2]);
	if (s->err != 0)
		return s->err != ERR_FORMAT ?
		    s->err :
		    zip_err(why, "the directory ends inside an entry");
	if (memchr(m->name, '\0', lengths[0]) != NULL)
		return zip_err(why, "a member's name holds a NUL");
	r = reader_of(extra, lengths[1]);
	if (!read_extra(m, &r))
		return zip_err(why, "an entry's extra field is broken");
	return 0;
}

static int
compare(const void *va, const void *vb)
{
	const struct zip_member *a = va, *b = vb;

	return a->header < b->header ? -1 : a->header > b->header;
}

/* No two members share a byte, and the first begins with the file. */
static int
check_places(struct zip *z, uint64_t directory, const struct why *why)
{
	if (z->count > 0) {
		qsort(z->members, z->count, sizeof(*z->members), compare);
		if (z->members[0].header != 0)
			return zip_err(why,
			    "something is before the first "
			    "member");
	}
	for (size_t i = 0; i < z->count; i++) {
		struct zip_member *m = &z->members[i];
		char shown[WHY_NAME];
		uint64_t end;

		m->limit = i + 1 < z->count ? z->members[i + 1].header :
					      directory;
		if (!size_add(m->header, MEMBER_SIZE + strlen(m->name), &end) ||
		    !size_add(end, m->packed, &end) || end > m->limit)
			return why_say(why, ERR_FORMAT,
			    "zip: member '%s' overlaps what follows it",
			    log_name(shown, sizeof(shown), m->name,
				strlen(m->name)));
	}
	return 0;
}

static int
read_directory(struct zip *z, const struct directory *d,
    const struct model_source *src, const struct why *why)
{
	OWNED_STREAM s = { 0 };
	int err;

	z->members = calloc(d->count + 1, sizeof(*z->members));
	if (z->members == NULL)
		return ERR_NOMEM;
	err = stream_open(&s, src, d->offset, d->size);
	while (err == 0 && z->count < d->count)
		/* Counted before it is read: zip_free takes half of one. */
		err = read_member(&s, &z->members[z->count++], why);
	if (err != 0)
		return err;
	if (stream_left(&s) != 0)
		return zip_err(why, "the directory holds more than it says");
	return check_places(z, d->offset, why);
}

int
zip_open(struct zip **out, const struct model_source *src,
    const struct why *why)
{
	OWNED(zip) z = NULL;
	struct directory d = { 0 };
	int err;

	err = find_directory(src, &d, why);
	if (err != 0)
		return err;
	z = calloc(1, sizeof(*z));
	if (z == NULL)
		return ERR_NOMEM;
	err = read_directory(z, &d, src, why);
	if (err != 0)
		return err;
	*out = z;
	z = NULL;
	return 0;
}

/* The member's own header, and where its bytes begin. */
static int
find_data(const struct zip_member *m, const struct model_source *src,
    uint64_t *data)
{
	uint8_t bytes[MEMBER_SIZE];
	struct reader r = reader_of(bytes, sizeof(bytes));
	OWNED_MEM(char) name = NULL;
	size_t length, extra;
	uint16_t method;
	int err;

	err = src->read(src->arg, bytes, sizeof(bytes), m->header);
	if (err != 0)
		return err;
	if (reader_u32(&r) != MEMBER_MAGIC)
		return ERR_FORMAT;
	reader_u32(&r); /* version, flags */
	method = reader_u16(&r);
	reader_bytes(&r, 16); /* time, checksum, sizes */
	length = reader_u16(&r);
	extra = reader_u16(&r);
	*data = m->header + MEMBER_SIZE + length + extra;
	if (method != m->method || length != strlen(m->name) ||
	    *data > m->limit || m->packed > m->limit - *data)
		return ERR_FORMAT;

	name = malloc(length + 1);
	if (name == NULL)
		return ERR_NOMEM;
	err = src->read(src->arg, name, length, m->header + MEMBER_SIZE);
	if (err != 0)
		return err;
	return memcmp(name, m->name, length) == 0 ? 0 : ERR_FORMAT;
}

/* A deflated member being read. */
struct inflater {
	const struct model_source *src;
	z_stream z;
	uint64_t next;
	uint64_t left;
	uint8_t input[INPUT_SIZE];
};

static int
feed(struct inflater *f)
{
	size_t n = f->left < INPUT_SIZE ? (size_t)f->left : INPUT_SIZE;
	int err;

	if (n == 0)
		return ERR_FORMAT;
	err = f->src->read(f->src->arg, f->input, n, f->next);
	if (err != 0)
		return err;
	f->next += n;
	f->left -= n;
	f->z.next_in = f->input;
	f->z.avail_in = (uInt)n;
	return 0;
}

static int
pull(void *arg, void *buf, size_t n)
{
	struct inflater *f = arg;

	f->z.next_out = buf;
	f->z.avail_out = (uInt)n;
	while (f->z.avail_out > 0) {
		int err = f->z.avail_in == 0 ? feed(f) : 0;
		int status;

		if (err != 0)
			return err;
		status = inflate(&f->z, Z_NO_FLUSH);
		if (status == Z_MEM_ERROR)
			return ERR_NOMEM;
		if (status == Z_STREAM_END && f->z.avail_out == 0)
			return 0;
		if (status != Z_OK)
			return ERR_FORMAT;
	}
	return 0;
}

static int
use_inflated(const struct zip_member *m, const struct model_source *src,
    uint64_t data, int (*use)(void *arg, struct stream *s), void *arg)
{
	OWNED_MEM(struct inflater) f = calloc(1, sizeof(*f));
	OWNED_STREAM s = { 0 };
	int err;

	if (f == NULL)
		return ERR_NOMEM;
	f->src = src;
	f->next = data;
	f->left = m->packed;
	if (inflateInit2(&f->z, -MAX_WBITS) != Z_OK)
		return ERR_NOMEM;
	err = stream_open_pull(&s, pull, f, m->size);
	if (err == 0)
		err = use(arg, &s);
	inflateEnd(&f->z);
	return err;
}

bool
zip_member_inflates(const struct zip_member *m)
{
	return m->method == DEFLATED;
}

static int
use_stored(const struct model_source *src, uint64_t data, uint64_t size,
    int (*use)(void *arg, struct stream *s), void *arg)
{
	OWNED_STREAM s = { 0 };
	int err;

	err = stream_open(&s, src, data, size);
	return err != 0 ? err : use(arg, &s);
}

int
zip_member_use(const struct zip_member *m, const struct model_source *src,
    int (*use)(void *arg, struct stream *s), void *arg, const struct why *why)
{
	char shown[WHY_NAME];
	uint64_t data = 0;
	int err;

	log_name(shown, sizeof(shown), m->name, strlen(m->name));
	if (m->flags & FLAG_ENCRYPTED)
		return why_say(why, ERR_FORMAT, "zip: member '%s' is encrypted",
		    shown);
	if ((m->method != STORED && m->method != DEFLATED) ||
	    (m->method == STORED && m->packed != m->size))
		return why_say(why, ERR_FORMAT,
		    "zip: member '%s' is neither stored nor deflated", shown);
	err = find_data(m, src, &data);
	if (err == ERR_FORMAT)
		return why_say(why, err,
		    "zip: member '%s' is not what the directory says", shown);
	if (err != 0)
		return err;
	return m->method == STORED ? use_stored(src, data, m->size, use, arg) :
				     use_inflated(m, src, data, use, arg);
}
