/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/store.h"

#include <stdlib.h>
#include <string.h>

#include "vault/crew.h"
#include "vault/err.h"
#include "vault/log.h"

/* Enough for the header of a full chunk: one read is the rule. */
#define HEADER_FIRST 8192

#define COMPARE_SIZE (256U << 10)

/* How often others may come between looking and writing. */
#define PUT_TRIES 8

struct store {
	struct store_ops ops;
	void *arg;
};

int
store_new(struct store **out, const struct store_ops *ops, void *arg)
{
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		ops->free(arg);
		return ERR_NOMEM;
	}
	s->ops = *ops;
	s->arg = arg;
	*out = s;
	return 0;
}

void
store_free(struct store *s)
{
	if (s == NULL)
		return;
	s->ops.free(s->arg);
	free(s);
}

int
store_has(struct store *s, const struct digest *name, uint64_t *size)
{
	return s->ops.has(s->arg, name, size);
}

int
store_get(struct store *s, const struct digest *name, uint64_t offset,
    void *buf, size_t n, size_t *got)
{
	return s->ops.get(s->arg, name, offset, buf, n, got);
}

void
store_uncache(struct store *s, const struct digest *name)
{
	if (s->ops.uncache != NULL)
		s->ops.uncache(s->arg, name);
}

/* What is to be stored. */
struct parcel {
	const struct digest *name;
	const uint8_t *bytes;
	size_t length;
};

/*
 * Whether the object with this name is these bytes.  The name vouches for
 * the header and that for the body, so that no other bytes are sound.
 * ERR_INTEGRITY when it is not.
 */
static int
compare(struct store *s, const struct parcel *p)
{
	OWNED_MEM(uint8_t) buf = NULL;
	size_t done = 0, got;
	uint64_t size;
	int err;

	err = store_has(s, p->name, &size);
	if (err != 0)
		return err;
	if (size != p->length)
		return ERR_INTEGRITY;
	buf = malloc(COMPARE_SIZE);
	if (buf == NULL)
		return ERR_NOMEM;
	for (; done < p->length; done += got) {
		err = store_get(s, p->name, done, buf, COMPARE_SIZE, &got);
		if (err != 0)
			return err;
		if (got == 0 || got > p->length - done ||
		    memcmp(buf, p->bytes + done, got) != 0)
			return ERR_INTEGRITY;
	}
	return 0;
}

/* ERR_CONFLICT when somebody else came between looking and writing. */
static int
put_once(struct store *s, const struct parcel *p, bool *stored)
{
	char hex[DIGEST_HEX_SIZE];
	int err = compare(s, p);
	bool bad;

	if (err == 0) {
		*stored = false;
		err = s->ops.keep(s->arg, p->name);
		return err == ERR_NOT_FOUND ? ERR_CONFLICT : err;
	}
	/* What cannot be read is as bad as what is wrong. */
	bad = err == ERR_INTEGRITY || err == ERR_IO;
	if (err != ERR_NOT_FOUND && !bad)
		return err;
	*stored = true;
	err = s->ops.put(s->arg, p->name, p->bytes, p->length, bad);
	if (err == 0 && bad)
		log_warn("object %s was damaged in the store and is replaced",
		    digest_hex(p->name, hex));
	return err;
}

int
store_put_later(struct store *s, const struct digest *name, const void *bytes,
    size_t n, size_t header_length, bool *stored)
{
	const struct parcel p = { name, bytes, n };
	struct digest found;
	int err = ERR_CONFLICT;
	bool wrote = false;

	if (header_length > n)
		return ERR_USAGE;
	found = digest_of(bytes, header_length);
	if (!digest_equal(&found, name))
		return ERR_USAGE;
	for (int i = 0; i < PUT_TRIES && err == ERR_CONFLICT; i++)
		err = put_once(s, &p, &wrote);
	if (err == 0 && stored != NULL)
		*stored = wrote;
	return err;
}

int
store_flush(struct store *s)
{
	return s->ops.flush(s->arg);
}

int
store_put(struct store *s, const struct digest *name, const void *bytes,
    size_t n, size_t header_length, bool *stored)
{
	bool wrote;
	int err = store_put_later(s, name, bytes, n, header_length, &wrote);

	if (err == 0)
		err = store_flush(s);
	if (err == 0 && stored != NULL)
		*stored = wrote;
	return err;
}

int
store_sweep(struct store *s)
{
	return s->ops.sweep(s->arg);
}

int
store_list(struct store *s,
    int (*each)(void *arg, const struct digest *name, uint64_t size), void *arg)
{
	return s->ops.list(s->arg, each, arg);
}

int
store_age(struct store *s, const struct digest *name, struct store_age *out)
{
	if (s->ops.age == NULL)
		return ERR_USAGE;
	return s->ops.age(s->arg, name, out);
}

int
store_remove(struct store *s, const struct digest *name)
{
	return s->ops.remove(s->arg, name);
}

struct removal {
	struct store *s;
	const struct digest *names;
	int *errs;
};

static void
remove_one(void *arg, size_t i)
{
	const struct removal *r = arg;

	r->errs[i] = store_remove(r->s, &r->names[i]);
}

void
store_remove_many(struct store *s, const struct digest *names, size_t n,
    int *errs)
{
	struct removal r = { s, names, errs };

	crew_run(n, remove_one, &r);
}

/* Exactly n bytes; an object that ends before is damaged. */
static int
get_all(struct store *s, const struct digest *name, uint64_t offset, void *buf,
    size_t n)
{
	size_t got;
	int err = store_get(s, name, offset, buf, n, &got);

	return err == 0 && got < n ? ERR_INTEGRITY : err;
}

static int
damaged(const struct digest *name, const char *what)
{
	char hex[DIGEST_HEX_SIZE];

	return log_err(ERR_INTEGRITY, "object %s: %s", digest_hex(name, hex),
	    what);
}

/* ERR_FORMAT and ERR_LIMIT too. */
static int
fetch_header(struct store *s, const struct digest *name, enum object_type type,
    struct object **out)
{
	uint8_t first[HEADER_FIRST];
	OWNED_MEM(uint8_t) all = NULL;
	uint32_t length;
	size_t got;
	int err = store_get(s, name, 0, first, sizeof(first), &got);

	if (err != 0)
		return err;
	if (got < OBJECT_HEADER_FIXED || object_peek(first, &length) != 0)
		return ERR_INTEGRITY;
	if (length <= got)
		return object_parse(out, first, length, type, name);
	if (got < sizeof(first))
		return ERR_INTEGRITY;
	all = malloc(length);
	if (all == NULL)
		return ERR_NOMEM;
	memcpy(all, first, got);
	err = get_all(s, name, got, all + got, length - got);
	return err != 0 ? err : object_parse(out, all, length, type, name);
}

int
store_header(struct store *s, const struct digest *name, enum object_type type,
    struct object **out)
{
	int err = fetch_header(s, name, type, out);

	if (err == ERR_INTEGRITY || err == ERR_FORMAT || err == ERR_LIMIT)
		return damaged(name, "its header is not the one named");
	return err;
}

int
store_open_page(struct store *s, const struct digest *name,
    enum object_type type, const struct page_key *key, uint8_t **plain,
    size_t *length)
{
	OWNED(object) o = NULL;
	OWNED_MEM(uint8_t) body = NULL;
	uint64_t size;
	int err;

	err = store_header(s, name, type, &o);
	if (err == 0)
		err = store_has(s, name, &size);
	if (err != 0)
		return err;
	/* Before memory is taken for what the header promises. */
	if (size != o->header_length + o->body_length)
		return damaged(name,
		    "it has another size than its header says");
	body = malloc(o->body_length);
	if (body == NULL)
		return ERR_NOMEM;
	err = get_all(s, name, o->header_length, body, o->body_length);
	if (err == 0)
		err = object_open_page(o, key, body, o->body_length, plain);
	if (err == ERR_INTEGRITY)
		return damaged(name, "its content is not what was sealed");
	if (err == 0)
		*length = o->plain_length;
	return err;
}

int
store_open_lockbox(struct store *s, const struct digest *name,
    const struct page_key *key, uint32_t index, struct lockbox **out)
{
	uint8_t *plain;
	size_t length;
	int err = store_open_page(s, name, OBJECT_LOCKBOX_PAGE, key, &plain,
	    &length);

	if (err != 0)
		return err;
	err = lockbox_parse(out, plain, length, index);
	secret_wipe(plain, length);
	free(plain);
	return err;
}
