/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/sql.h"

#include <assert.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "vault/err.h"
#include "vault/log.h"

#define MARK 0x77656972 /* application_id: "weir" */

struct sql {
	sqlite3 *db;
	sqlite3_stmt **statements;
	size_t count;
};

static int
failed_at(sqlite3 *db, const char *what)
{
	int code = sqlite3_extended_errcode(db), err = ERR_IO;

	switch (code & 0xff) {
	case SQLITE_FULL:
		err = ERR_SPACE;
		break;
	case SQLITE_IOERR: /* the shared memory beside a WAL that cannot grow */
		err = err_from_errno(sqlite3_system_errno(db)) == ERR_SPACE ?
		    ERR_SPACE :
		    ERR_IO;
		break;
	case SQLITE_NOMEM:
		err = ERR_NOMEM;
		break;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		err = ERR_INTEGRITY;
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		err = ERR_CONFLICT;
		break;
	case SQLITE_CANTOPEN:
		err = ERR_NOT_FOUND;
		break;
	}
	if (err == ERR_SPACE)
		return log_err(err,
		    "catalogue: %s: no space left: make room where the vault "
		    "is (%d)",
		    what, code);
	return log_err(err, "catalogue: %s: %s (%d)", what, sqlite3_errmsg(db),
	    code);
}

static int
failed(const struct sql *s, const char *what)
{
	return failed_at(s->db, what);
}

void
sql_free(struct sql *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		sqlite3_finalize(s->statements[i]);
	free(s->statements);
	sqlite3_close(s->db);
	free(s);
}

int
sql_exec(struct sql *s, const char *text)
{
	if (sqlite3_exec(s->db, text, NULL, NULL, NULL) != SQLITE_OK)
		return failed(s, "exec");
	return 0;
}

bool
sql_in_transaction(const struct sql *s)
{
	return sqlite3_get_autocommit(s->db) == 0;
}

uint64_t
sql_changes(const struct sql *s)
{
	return (uint64_t)sqlite3_changes64(s->db);
}

/* The number that a pragma gives. */
static int
pragma(struct sql *s, const char *text, int *out)
{
	sqlite3_stmt *q;
	int step;

	if (sqlite3_prepare_v2(s->db, text, -1, &q, NULL) != SQLITE_OK)
		return failed(s, text);
	step = sqlite3_step(q);
	*out = sqlite3_column_int(q, 0);
	sqlite3_finalize(q);
	return step == SQLITE_ROW ? 0 : failed(s, text);
}

/*
 * Exclusive: keyd is the only user, and nobody maps its pages.  What is deleted
 * (wrapped keys) is overwritten.  A commit is on the disk when it returns.
 */
static int
settle(struct sql *s)
{
	static const char *const settings = "pragma locking_mode = exclusive;"
					    "pragma journal_mode = wal;"
					    "pragma synchronous = full;"
					    "pragma secure_delete = on;"
					    "pragma trusted_schema = off;"
					    "pragma temp_store = memory;"
					    "pragma cell_size_check = on;";

	sqlite3_extended_result_codes(s->db, 1);
	if (sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL) !=
	    SQLITE_OK)
		return failed(s, "settings");
	return sql_exec(s, settings);
}

/* Make a new file one of this version, at once. */
static int
make(struct sql *s, const struct sql_open *how)
{
	char mark[96];
	int err;

	snprintf(mark, sizeof(mark),
	    "pragma application_id = %d; pragma user_version = %d", MARK,
	    how->version);
	err = sql_exec(s, "begin immediate");
	if (err == 0)
		err = sql_exec(s, how->schema);
	if (err == 0)
		err = sql_exec(s, mark);
	return err == 0 ? sql_exec(s, "commit") : err;
}

/* A new file has neither mark nor version. */
static int
check(struct sql *s, const struct sql_open *how)
{
	int version, mark, err;

	err = pragma(s, "pragma user_version", &version);
	if (err == 0)
		err = pragma(s, "pragma application_id", &mark);
	if (err != 0)
		return err;
	if (version == 0 && mark == 0 && how->create)
		return make(s, how);
	if (mark != MARK || version != how->version)
		return log_err(ERR_FORMAT,
		    "'%s' is not a catalogue that this version of weir knows",
		    how->path);
	return 0;
}

static int
prepare(struct sql *s, const struct sql_open *how)
{
	s->statements = calloc(how->count, sizeof(sqlite3_stmt *));
	if (s->statements == NULL)
		return ERR_NOMEM;
	for (; s->count < how->count; s->count++)
		if (sqlite3_prepare_v3(s->db, how->statements[s->count], -1,
			SQLITE_PREPARE_PERSISTENT, &s->statements[s->count],
			NULL) != SQLITE_OK)
			return failed(s, how->statements[s->count]);
	return 0;
}

int
sql_open(struct sql **out, const struct sql_open *how)
{
	OWNED(sql) s = calloc(1, sizeof(*s));
	int err = 0;

	if (s == NULL)
		return ERR_NOMEM;
	if (sqlite3_open_v2(how->path, &s->db,
		SQLITE_OPEN_READWRITE | (how->create ? SQLITE_OPEN_CREATE : 0) |
		    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
		NULL) != SQLITE_OK)
		return s->db != NULL ? failed(s, how->path) : ERR_NOMEM;
	err = settle(s);
	if (err == 0)
		err = check(s, how);
	if (err == 0)
		err = prepare(s, how);
	if (err != 0)
		return err;
	*out = s;
	s = NULL;
	return 0;
}

static int
bind(struct sql *s, sqlite3_stmt *q, int at, const struct sql_value *v)
{
	int code = SQLITE_OK;

	switch (v->type) {
	case SQL_IS_NUMBER:
		code = sqlite3_bind_int64(q, at, v->number);
		break;
	case SQL_IS_TEXT:
		code = sqlite3_bind_text(q, at,
		    v->bytes != NULL ? v->bytes : "", -1, SQLITE_STATIC);
		break;
	case SQL_IS_BYTES:
		assert(v->length <= INT_MAX);
		code = sqlite3_bind_blob(q, at, v->bytes, (int)v->length,
		    SQLITE_STATIC);
		break;
	}
	return code == SQLITE_OK ? 0 : failed(s, "bind");
}

int
sql_begin(struct sql_query *out, struct sql *s, size_t statement,
    const struct sql_value *values, size_t n)
{
	sqlite3_stmt *q;

	*out = (struct sql_query){ .sql = s };
	assert(statement < s->count);
	q = s->statements[statement];
	assert(!sqlite3_stmt_busy(q));
	assert(sqlite3_bind_parameter_count(q) == (int)n);
	for (size_t i = 0; i < n; i++) {
		int err = bind(s, q, (int)i + 1, &values[i]);

		if (err != 0)
			return err;
	}
	out->statement = q;
	return 0;
}

int
sql_next(struct sql_query *q)
{
	int code = sqlite3_step(q->statement);

	if (code == SQLITE_ROW)
		return 0;
	if (code == SQLITE_DONE)
		return ERR_NOT_FOUND;
	return failed(q->sql, sqlite3_sql(q->statement));
}

void
sql_end(struct sql_query *q)
{
	if (q->statement == NULL)
		return;
	if (q->own) {
		sqlite3_finalize(q->statement);
		q->statement = NULL;
		return;
	}
	sqlite3_reset(q->statement);
	sqlite3_clear_bindings(q->statement);
	q->statement = NULL;
}

int
sql_run(struct sql *s, size_t statement, const struct sql_value *values,
    size_t n)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, s, statement, values, n);

	if (err == 0)
		err = sql_next(&q);
	assert(err != 0); /* it gave a row */
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
sql_copy(struct sql *s, const char *path)
{
	sqlite3 *to = NULL;
	sqlite3_backup *copy = NULL;
	bool done = false;
	int err = 0;

	if (sqlite3_open_v2(path, &to,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) == SQLITE_OK)
		copy = sqlite3_backup_init(to, "main", s->db, "main");
	if (copy != NULL) {
		done = sqlite3_backup_step(copy, -1) == SQLITE_DONE;
		done = sqlite3_backup_finish(copy) == SQLITE_OK && done;
	}
	if (!done)
		err = failed_at(to, "make a copy");
	sqlite3_close(to);
	return err;
}

int
sql_attach(struct sql *s, const char *path, const char *name)
{
	const struct sql_value values[] = { SQL_TEXT(path), SQL_TEXT(name) };
	OWNED_QUERY q = { 0 };
	int err = sql_begin_text(&q, s, "attach database ? as ?");

	for (int i = 0; err == 0 && i < 2; i++)
		err = bind(s, q.statement, i + 1, &values[i]);
	if (err == 0)
		err = sql_next(&q);
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
sql_begin_text(struct sql_query *out, struct sql *s, const char *text)
{
	sqlite3_stmt *q;

	*out = (struct sql_query){ .sql = s };
	if (sqlite3_prepare_v2(s->db, text, -1, &q, NULL) != SQLITE_OK)
		return failed(s, text);
	out->statement = q;
	out->own = true;
	return 0;
}

static json_t *
column(const struct sql_query *q, int i)
{
	char bytes[48];

	switch (sqlite3_column_type(q->statement, i)) {
	case SQLITE_INTEGER:
		return json_integer(sql_number(q, i));
	case SQLITE_BLOB:
		snprintf(bytes, sizeof(bytes), "%d bytes",
		    sqlite3_column_bytes(q->statement, i));
		return json_string(bytes);
	case SQLITE_NULL:
		return json_null();
	}
	return json_string_nocheck(sql_text(q, i));
}

int
sql_row(const struct sql_query *q, json_t **out)
{
	json_t *row = json_object();

	for (int i = 0; i < sqlite3_column_count(q->statement); i++)
		if (json_object_set_new_nocheck(row,
			sqlite3_column_name(q->statement, i),
			column(q, i)) != 0) {
			json_decref(row);
			return ERR_NOMEM;
		}
	*out = row;
	return row != NULL ? 0 : ERR_NOMEM;
}

int64_t
sql_number(const struct sql_query *q, int column)
{
	return sqlite3_column_int64(q->statement, column);
}

uint64_t
sql_count(const struct sql_query *q, int column)
{
	int64_t v = sql_number(q, column);

	return v > 0 ? (uint64_t)v : 0;
}

const char *
sql_text(const struct sql_query *q, int column)
{
	const void *text = sqlite3_column_text(q->statement, column);

	return text != NULL ? text : "";
}

const void *
sql_bytes(const struct sql_query *q, int column, size_t *length)
{
	const void *bytes = sqlite3_column_blob(q->statement, column);

	*length = (size_t)sqlite3_column_bytes(q->statement, column);
	return bytes;
}
