/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SURVEY_H
#define WEIR_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/file.h"
#include "vault/owned.h"

/*
 * What lies in a plain directory, or in a single file: for signatures over
 * directories that are in no vault (model.sig).  Links are never followed.
 */

#define SURVEY_FILES_MAX (4U << 20)

enum survey_kind {
	SURVEY_FILE,
	SURVEY_LINK,
	SURVEY_OTHER, /* a device, a socket, a fifo */
};

struct survey_item {
	char *path; /* below the directory; whatever bytes the names have */
	enum survey_kind kind;
	uint64_t size;	      /* files */
	struct digest digest; /* after survey_hash */
	bool wanted;	      /* set by the caller: to be hashed */
};

struct survey {
	struct file *dir;
	char *name;  /* the directory's or the file's own, absolute ones cut */
	bool single; /* a file: it is the only item */
	struct survey_item *items; /* ascending by bytes; no directories */
	size_t count;
	size_t capacity;
};
void survey_clear(struct survey *s);
#define OWNED_SURVEY __attribute__((cleanup(survey_clear))) struct survey

struct survey_how {
	const char *path;	   /* as the user gave it */
	const char *const *ignore; /* oms_is_ignored */
	size_t ignore_count;
	const volatile bool *stop; /* may be NULL; set: ERR_CONFLICT */
};

/* List it.  ERR_NOT_FOUND, ERR_LIMIT, said. */
int survey_walk(struct survey *out, const struct survey_how *how) MUST_USE;

/* The item of this path, or NULL. */
struct survey_item *survey_find(const struct survey *s, const char *path);

/*
 * Hash the files that are wanted, several side by side, with a fixed buffer for
 * each thread.  What changed meanwhile, so that it cannot be read as the file
 * it was, is ERR_CONFLICT, said.  progress may be NULL; it is called by the
 * calling thread alone.
 */
struct survey_hash {
	unsigned int threads; /* 0: one for each processor */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
	const volatile bool *stop;
};
int survey_hash(struct survey *s, const struct survey_hash *how) MUST_USE;

#endif
