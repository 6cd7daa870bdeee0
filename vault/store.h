/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_STORE_H
#define WEIR_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/lockbox.h"
#include "vault/object.h"
#include "vault/owned.h"

/*
 * The object store: immutable objects by name (FORMAT.md, "Store").  An
 * interface, so that others (HTTP, S3) can stand behind it; the store is never
 * trusted: callers check what they get.  Thread-safe.
 */
struct store;

/* When an object was written last, or found there by somebody who put it. */
struct store_age {
	uint64_t size;
	int64_t wanted_ms; /* since 1970, by the store's clock */
};

struct store_ops {
	/* As store_has; ERR_INTEGRITY when what has the name is no object. */
	int (*has)(void *arg, const struct digest *name, uint64_t *size);
	int (*get)(void *arg, const struct digest *name, uint64_t offset,
	    void *buf, size_t n, size_t *got);
	/* Write, under a name that must be free (ERR_CONFLICT, not logged)
	 * unless replace is set.  Durable after flush. */
	int (*put)(void *arg, const struct digest *name, const void *bytes,
	    size_t n, bool replace);
	/* An object that somebody else put there counts too after flush. */
	int (*keep)(void *arg, const struct digest *name);
	int (*flush)(void *arg);
	int (*list)(void *arg,
	    int (*each)(void *each_arg, const struct digest *name,
		uint64_t size),
	    void *each_arg);
	int (*remove)(void *arg, const struct digest *name);
	/* As store_age; may be NULL: the store does not know. */
	int (*age)(void *arg, const struct digest *name, struct store_age *out);
	int (*sweep)(void *arg);
	/* As store_uncache; may be NULL. */
	void (*uncache)(void *arg, const struct digest *name);
	void (*free)(void *arg);
};

/* Takes over arg, also when it fails. */
int store_new(struct store **out, const struct store_ops *ops, void *arg)
    MUST_USE;
void store_free(struct store *s);
OWNED_TYPE(store);

/* Whether an object is there; its size in the store.  ERR_NOT_FOUND. */
int store_has(struct store *s, const struct digest *name, uint64_t *size)
    MUST_USE;

/* Up to n bytes from offset; *got is less only at the object's end.
 * ERR_NOT_FOUND (not logged), ERR_IO. */
int store_get(struct store *s, const struct digest *name, uint64_t offset,
    void *buf, size_t n, size_t *got) MUST_USE;

/* The host need not keep an object in memory: it was read to its end.  A hint;
 * whoever reads it again gets it from the disk. */
void store_uncache(struct store *s, const struct digest *name);

/*
 * Store an object: n bytes, header_length of header (whose digest is name,
 * else ERR_USAGE) and then the body, which the caller sealed or checked.
 * Durable when this returns 0.  When the name is taken, what lies there is
 * read and, unless it is these very bytes, replaced.  *stored, if asked for,
 * tells whether bytes were written (false: a sound copy was there).
 * ERR_SPACE, ERR_IO: the name has what it had before, or the whole object if
 * only the last sync failed.
 */
int store_put(struct store *s, const struct digest *name, const void *bytes,
    size_t n, size_t header_length, bool *stored) MUST_USE;

/*
 * The same for many objects: AN OBJECT COUNTS AS STORED ONLY WHEN store_flush,
 * CALLED AFTER ITS store_put_later, HAS RETURNED 0.  A directory store syncs
 * each file before it gets its name, in the caller's thread, and each touched
 * directory once in store_flush, many at a time; when syncing a directory, or a
 * file that was there already, failed, every later put and flush of this store
 * fails with ERR_IO (nobody can tell what lasts).
 */
int store_put_later(struct store *s, const struct digest *name,
    const void *bytes, size_t n, size_t header_length, bool *stored) MUST_USE;
int store_flush(struct store *s) MUST_USE;

/* Remove what killed writers left behind more than a day ago. */
int store_sweep(struct store *s) MUST_USE;

/* Every object, in no order; junk in the store is passed over and its number
 * logged.  each may remove the object it is told of; its error stops the walk
 * and is returned. */
int store_list(struct store *s,
    int (*each)(void *arg, const struct digest *name, uint64_t size), void *arg)
    MUST_USE;
/* ERR_NOT_FOUND, ERR_USAGE (it cannot say), ERR_INTEGRITY as store_has. */
int store_age(struct store *s, const struct digest *name, struct store_age *out)
    MUST_USE;
/* ERR_NOT_FOUND.  Gone for good after store_flush. */
int store_remove(struct store *s, const struct digest *name) MUST_USE;
/* The same for many, side by side; errs[i] is what came of names[i]. */
void store_remove_many(struct store *s, const struct digest *names, size_t n,
    int *errs);

/*
 * Fetch and parse an object's header: checked against its name and type.
 * ERR_NOT_FOUND, ERR_INTEGRITY (bad or truncated), ERR_IO.
 */
int store_header(struct store *s, const struct digest *name,
    enum object_type type, struct object **out) MUST_USE;

/* Fetch a whole small object and open it under its version's page key; the
 * caller frees plain.  Errors as store_header. */
int store_open_page(struct store *s, const struct digest *name,
    enum object_type type, const struct page_key *key, uint8_t **plain,
    size_t *length) MUST_USE;
/* The same of a lockbox page, whose number must be index, parsed; the plain
 * bytes are wiped.  Also the errors of lockbox_parse. */
int store_open_lockbox(struct store *s, const struct digest *name,
    const struct page_key *key, uint32_t index, struct lockbox **out) MUST_USE;

/*
 * The directory backend: path is the objects/ directory itself (made by
 * store_dir_init, unless it is there), and no symbolic link: ERR_FORMAT, since
 * a vault's objects are beneath it.  store_dir_fd is its descriptor alone, for
 * a process that is to adopt it; ERR_NOT_FOUND is logged, too.
 */
int store_dir_init(const char *path) MUST_USE;
int store_dir_fd(int *out, const char *path) MUST_USE;
int store_dir_open(struct store **out, const char *path) MUST_USE;
/* The same from a directory's descriptor, which is taken over, for a worker
 * without a view of the path. */
int store_dir_adopt(struct store **out, int fd) MUST_USE;

#endif
