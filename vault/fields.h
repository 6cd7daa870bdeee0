/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FIELDS_H
#define WEIR_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/why.h"

#define FIELDS_MAX 24

/*
 * The fields of a JSON object that has those asked for and no others.  Like a
 * reader, its failure is sticky: ask for all fields, then call fields_end once.
 * The first failure says which field it was, and where it lies.  Values are
 * borrowed from the object.
 */
struct fields {
	const json_t *object; /* NULL: not there; all reads fail */
	const char *where;    /* "predicate": said before a field's name */
	struct why why;
	int err;
	size_t asked_count;
	const char *asked[FIELDS_MAX];
};

/* Numbers that every reader of JSON can hold. */
#define FIELDS_NUMBER_MAX ((INT64_C(1) << 53) - 1)

/* Text of a bounded document.  *out is an object; the caller drops it.
 * ERR_FORMAT with the offset, ERR_NOMEM. */
int fields_load(json_t **out, const void *text, size_t n, const char *where,
    const struct why *why) MUST_USE;

/* ERR_FORMAT at fields_end when json is no object. */
struct fields fields_of(const json_t *json, const char *where,
    const struct why *why);

/* The value of key, known from here on; NULL and bad if it is not there. */
const json_t *fields_value(struct fields *f, const char *key);
bool fields_has(const struct fields *f, const char *key);

/* Text of 1 to max bytes without control characters; NULL when bad. */
const char *fields_text(struct fields *f, const char *key, size_t max);
/* The same, NULL where it is absent. */
const char *fields_text_if(struct fields *f, const char *key, size_t max);
/* Text for which ok holds. */
const char *fields_name(struct fields *f, const char *key,
    bool (*ok)(const char *text));
void fields_expect(struct fields *f, const char *key, const char *text);
/* An integer from low to high; low when bad. */
int64_t fields_number(struct fields *f, const char *key, int64_t low,
    int64_t high);
bool fields_bool(struct fields *f, const char *key);
struct digest fields_digest(struct fields *f, const char *key);
/* Exactly 2 n lowercase hex digits. */
void fields_hex(struct fields *f, const char *key, uint8_t *out, size_t n);
/* RFC 3339, UTC, milliseconds: as entry_time_text writes it. */
int64_t fields_time(struct fields *f, const char *key);
const json_t *fields_array(struct fields *f, const char *key, size_t max);

/* Whether text is one that fields_text takes; "" is not. */
bool fields_text_ok(const char *text, size_t max);

/* Mark bad: "WHERE: 'KEY' what". */
void fields_fail(struct fields *f, int err, const char *key, const char *what);

/* 0 if nothing failed and every field was asked for. */
int fields_end(struct fields *f) MUST_USE;

#endif
