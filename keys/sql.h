/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SQL_H
#define WEIR_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "vault/owned.h"

/*
 * A thin layer over SQLite: one database, of which this process is the only
 * user, and a fixed list of statements, prepared once.  Failures are logged
 * here, with the database's name, and returned: ERR_IO, ERR_SPACE, ERR_NOMEM,
 * ERR_INTEGRITY (damaged), ERR_CONFLICT (somebody else has it open).
 */
struct sql;

/* statements[0 .. count) are named by their index from here on.  schema is run
 * when the file is new; version is its number, kept in the file: another one is
 * refused with ERR_FORMAT. */
struct sql_open {
	const char *path;
	const char *schema;
	int version;
	const char *const *statements;
	size_t count;
	bool create; /* make the file; else one that is missing or empty is an
		      * error */
};
int sql_open(struct sql **out, const struct sql_open *how) MUST_USE;
void sql_free(struct sql *s); /* an open transaction is dropped */
OWNED_TYPE(sql);

/* Statements outside the list: "begin", "commit". */
int sql_exec(struct sql *s, const char *text) MUST_USE;
bool sql_in_transaction(const struct sql *s);

/* A value to bind.  Text and bytes are borrowed for the run. */
struct sql_value {
	enum { SQL_IS_NUMBER, SQL_IS_TEXT, SQL_IS_BYTES } type;
	int64_t number;
	const void *bytes;
	size_t length;
};
#define SQL_NUMBER(v) ((struct sql_value){ SQL_IS_NUMBER, (int64_t)(v), 0, 0 })
#define SQL_TEXT(s) ((struct sql_value){ SQL_IS_TEXT, 0, (s), 0 })
#define SQL_BYTES(p, n) ((struct sql_value){ SQL_IS_BYTES, 0, (p), (n) })
#define SQL_NONE NULL, 0
#define SQL_BIND(...)                                                          \
	(const struct sql_value[]){ __VA_ARGS__ },                             \
	    sizeof((const struct sql_value[]){ __VA_ARGS__ }) /                \
	    sizeof(struct sql_value)

/* How many rows the last one changed. */
uint64_t sql_changes(const struct sql *s);

/* Run one that gives no rows: sql_run(s, ADD, SQL_BIND(SQL_TEXT(name))). */
int sql_run(struct sql *s, size_t statement, const struct sql_value *values,
    size_t n) MUST_USE;

/*
 * Rows: begin; next gives ERR_NOT_FOUND when there is no (other) row; the
 * columns of the row at hand are valid until the next call; end in any case.  A
 * statement gives rows to one query at a time.
 */
struct sql_query {
	struct sql *sql;
	void *statement;
	bool own; /* it is none of the list */
};
int sql_begin(struct sql_query *out, struct sql *s, size_t statement,
    const struct sql_value *values, size_t n) MUST_USE;
int sql_next(struct sql_query *q) MUST_USE;
void sql_end(struct sql_query *q);
#define OWNED_QUERY __attribute__((cleanup(sql_end))) struct sql_query

/* The file of another database, as `name` of this one's.  The same rows of a
 * statement outside the list. */
/* A copy of the whole database in a new file, as it is outside of any
 * transaction. */
int sql_copy(struct sql *s, const char *path) MUST_USE;
int sql_attach(struct sql *s, const char *path, const char *name) MUST_USE;
int sql_begin_text(struct sql_query *out, struct sql *s, const char *text)
    MUST_USE;

/* The row at hand, by the columns' names; bytes by their number.  The caller
 * frees. */
int sql_row(const struct sql_query *q, json_t **out) MUST_USE;

int64_t sql_number(const struct sql_query *q, int column);
uint64_t sql_count(const struct sql_query *q, int column);   /* 0 if negative */
const char *sql_text(const struct sql_query *q, int column); /* never NULL */
const void *sql_bytes(const struct sql_query *q, int column, size_t *length);

#endif
