/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_OUT_H
#define WEIR_OUT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "vault/owned.h"

/*
 * What commands print on stdout: tables for people, JSON for programs.  What
 * comes from outside is cleaned of control characters before a person sees it.
 */

#define OWNED_JSON __attribute__((cleanup(out_json_drop))) json_t *
void out_json_drop(json_t **j);

/* j on a line of its own; j stays the caller's. */
int out_json(const json_t *j) MUST_USE;

/* Set a field; value is taken over, NULL is out of memory: ERR_NOMEM. */
int out_set(json_t *object, const char *key, json_t *value) MUST_USE;

/*
 * A JSON string of a path or another text that may not be UTF-8: bytes that
 * are not are \xNN, as people see them.  NULL when out of memory.
 */
json_t *out_text(const char *text);

/* "268.4 MB": decimal units, as disks and networks count. */
#define OUT_SIZE 24
char *out_size(uint64_t bytes, char buf[static OUT_SIZE]);

/* "2026-11-24 00:10:03", UTC. */
#define OUT_TIME 24
char *out_time(int64_t ms, char buf[static OUT_TIME]);

/* The same of what JSON has, "2026-11-24T00:10:03.123Z". */
char *out_when(const char *text, char buf[static OUT_TIME]);

/* "1 file", "2 files". */
#define OUT_COUNT 64
char *out_count(uint64_t n, const char *noun, char buf[static OUT_COUNT]);

/* A line on stdout, cleaned; and one elsewhere. */
void out_line(const char *fmt, ...) PRINTF_LIKE(1, 2);
void out_line_to(FILE *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Columns that line up.  A heading that begins with '>' is set to the right.
 * Nothing is printed when there are no rows. */
#define OUT_COLUMNS 13
struct out_table;
int out_table_new(struct out_table **out, const char *const *heads,
    size_t columns) MUST_USE;
void out_table_free(struct out_table *t);
OWNED_TYPE(out_table);

/* One cell a column, copied; NULL is an empty cell. */
int out_table_add(struct out_table *t, const char *const *cells) MUST_USE;
void out_table_print(const struct out_table *t);

/* Write out what is buffered; a failure is said, once. */
int out_flush(void) MUST_USE;

/*
 * text with what acts instead of being shown (utf8_acts), and bytes that are
 * not UTF-8, as \xNN.
 * The caller frees; NULL when out of memory.
 */
char *out_clean(const char *text);

#endif
