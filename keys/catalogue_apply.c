/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"
#include "vault/log.h"

/* What each kind of entry does to the tables. */

static const char *
text(const struct entry_view *e, const char *key)
{
	const char *s = entry_view_text(e, key);

	return s != NULL ? s : "";
}

static uint64_t
number(const struct entry_view *e, const char *key)
{
	uint64_t n;

	return entry_view_number(e, key, &n) == 0 ? n : 0;
}

/* A number that the kind must have; counted as given out. */
static int
take_number(struct catalogue *c, const struct entry_view *e, const char *key,
    enum catalogue_counter counter, uint64_t *out)
{
	uint64_t n;

	if (entry_view_number(e, key, &n) != 0 || n == 0)
		return ERR_FORMAT;
	if (n > c->last[counter])
		c->last[counter] = n;
	*out = n;
	return 0;
}

static int
apply_role(struct catalogue *c, const struct entry_view *e)
{
	enum role role;

	if (role_parse(&role, text(e, "role")) != 0)
		return ERR_FORMAT;
	return sql_run(c->sql, e->kind == ENTRY_ROLE_ADD ? ROLE_ADD : ROLE_RM,
	    SQL_BIND(SQL_TEXT(text(e, "to")), SQL_NUMBER(role),
		SQL_TEXT(text(e, "family"))));
}

/* A list of words, as grant_host.h and grant_exe.h have it. */
static int
join_words(const struct entry_view *e, const char *name, char *out, size_t size)
{
	const json_t *list = json_object_get(e->json, name);
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *one = json_string_value(json_array_get(list, i));

		if (one == NULL)
			return ERR_FORMAT;
		n += (size_t)snprintf(out + n, size - n, "%s%s",
		    i > 0 ? " " : "", one);
		if (n >= size)
			return ERR_FORMAT;
	}
	return 0;
}

static int
apply_grant_add(struct catalogue *c, const struct entry_view *e)
{
	char hosts[GRANT_HOSTS_SIZE], exes[GRANT_EXES_SIZE];
	enum msg_grant_type type;
	int64_t until = 0;
	uint64_t id;
	int err = take_number(c, e, "grant", CATALOGUE_GRANT, &id);

	if (err == 0)
		err = grant_type_parse(&type, text(e, "type"));
	if (err == 0 && entry_view_text(e, "until") != NULL)
		err = entry_view_time(e, "until", &until);
	if (err == 0)
		err = join_words(e, "hosts", hosts, sizeof(hosts));
	if (err == 0)
		err = join_words(e, "exes", exes, sizeof(exes));
	if (err != 0)
		return err;
	return sql_run(c->sql, GRANT_ADD,
	    SQL_BIND(SQL_NUMBER(id), SQL_TEXT(text(e, "model")),
		SQL_TEXT(text(e, "channel")), SQL_TEXT(text(e, "version")),
		SQL_TEXT(text(e, "to")), SQL_NUMBER(type),
		SQL_NUMBER(number(e, "loads")),
		SQL_NUMBER(entry_view_text(e, "per") != NULL),
		SQL_NUMBER(entry_view_bool(e, "export")), SQL_NUMBER(until),
		SQL_TEXT(text(e, "reason")), SQL_TEXT(e->by),
		SQL_NUMBER(e->time_ms), SQL_TEXT(hosts),
		SQL_TEXT(text(e, "days")), SQL_TEXT(text(e, "hours")),
		SQL_TEXT(text(e, "zone")), SQL_NUMBER(number(e, "sessions")),
		SQL_NUMBER(number(e, "approvals")), SQL_TEXT(exes)));
}

/* Nobody can approve it any more. */
static int
apply_grant_rm(struct catalogue *c, const struct entry_view *e)
{
	uint64_t id = number(e, "grant");
	int err = sql_run(c->sql, GRANT_RM,
	    SQL_BIND(SQL_NUMBER(e->time_ms), SQL_TEXT(e->by),
		SQL_TEXT(text(e, "reason")), SQL_NUMBER(id)));

	if (err != 0)
		return err;
	return sql_run(c->sql, STATEMENT_ABANDON,
	    SQL_BIND(SQL_NUMBER(e->time_ms), SQL_NUMBER(STATEMENT_GRANT),
		SQL_NUMBER(id)));
}

static int
apply_put_begin(struct catalogue *c, const struct entry_view *e)
{
	uint64_t id;
	int err = take_number(c, e, "upload", CATALOGUE_UPLOAD, &id);

	if (err != 0)
		return err;
	return sql_run(c->sql, UPLOAD_BEGIN, SQL_BIND(SQL_NUMBER(id)));
}

/* The key was stored before the entry: it is lost when the catalogue is an old
 * copy, and the version with it. */
static int
use_key(struct catalogue *c, const struct entry_view *e, uint64_t upload)
{
	int err = sql_run(c->sql, UPLOAD_USE, SQL_BIND(SQL_NUMBER(upload)));

	if (err == 0 && sql_changes(c->sql) == 0)
		err = log_err(ERR_INTEGRITY,
		    "the catalogue is older than the trail: it lacks the key"
		    " of version %.12s of '%s'; bring back the catalogue that"
		    " belongs to this trail, or the whole vault as it was at"
		    " one backup",
		    text(e, "version"), text(e, "model"));
	return err;
}

/* Objects that were put again may be mended: a bad version is read back
 * again. */
static int
forget_verdict(struct catalogue *c, const struct catalogue_version *v)
{
	char hex[DIGEST_HEX_SIZE];

	if (v->verified != CATALOGUE_BAD)
		return 0;
	return sql_run(c->sql, VERSION_VERIFIED,
	    SQL_BIND(SQL_NUMBER(CATALOGUE_UNVERIFIED), SQL_TEXT(""),
		SQL_NUMBER(0), SQL_TEXT(v->model),
		SQL_TEXT(digest_hex(&v->version, hex))));
}

/* What is put again is wanted again. */
static int
bring_back(struct catalogue *c, const struct entry_view *e)
{
	return sql_run(c->sql, VERSION_REMOVE,
	    SQL_BIND(SQL_NUMBER(0), SQL_NUMBER(0), SQL_TEXT(""), SQL_TEXT(""),
		SQL_TEXT(text(e, "model")), SQL_TEXT(text(e, "version"))));
}

/* A new version takes the upload's key; for one that was there already the
 * key that opens it stays, and the upload's goes. */
static int
add_version(struct catalogue *c, const struct entry_view *e, uint64_t upload,
    const struct digest *version)
{
	const json_t *labels = json_object_get(e->json, "labels");
	OWNED_MEM(char) kept = NULL;
	struct catalogue_version there;
	struct digest object;
	int err;

	err = catalogue_version_any(c, text(e, "model"), version, &there);
	if (err == 0)
		err = sql_run(c->sql, UPLOAD_DROP,
		    SQL_BIND(SQL_NUMBER(upload)));
	if (err == 0)
		err = forget_verdict(c, &there);
	if (err == 0)
		return bring_back(c, e);
	if (err != ERR_NOT_FOUND)
		return err;
	if (entry_view_digest(e, "object", &object) != 0)
		return ERR_FORMAT;
	kept = labels != NULL ? json_dumps(labels, JSON_COMPACT) : NULL;
	err = sql_run(c->sql, VERSION_ADD,
	    SQL_BIND(SQL_TEXT(text(e, "model")), SQL_TEXT(text(e, "version")),
		SQL_TEXT(text(e, "object")), SQL_NUMBER(upload),
		SQL_NUMBER(e->time_ms), SQL_TEXT(e->by),
		SQL_NUMBER(number(e, "files")), SQL_NUMBER(number(e, "bytes")),
		SQL_NUMBER(number(e, "weights")),
		SQL_NUMBER(number(e, "chunks")),
		SQL_TEXT(kept != NULL ? kept : "{}")));
	return err == 0 ? use_key(c, e, upload) : err;
}

static int
apply_put(struct catalogue *c, const struct entry_view *e)
{
	struct digest version;
	uint64_t upload;
	int err = take_number(c, e, "upload", CATALOGUE_UPLOAD, &upload);

	if (err == 0)
		err = entry_view_digest(e, "version", &version);
	if (err == 0)
		err = add_version(c, e, upload, &version);
	if (err != 0)
		return err;
	return sql_run(c->sql, CHANNEL_SET,
	    SQL_BIND(SQL_TEXT(text(e, "model")), SQL_TEXT(text(e, "channel")),
		SQL_TEXT(text(e, "version"))));
}

/* The last verdict stands. */
static int
apply_verify(struct catalogue *c, const struct entry_view *e)
{
	bool ok = entry_view_bool(e, "ok");

	return sql_run(c->sql, VERSION_VERIFIED,
	    SQL_BIND(SQL_NUMBER(ok ? CATALOGUE_VERIFIED : CATALOGUE_BAD),
		SQL_TEXT(text(e, "reason")), SQL_NUMBER(c->applied),
		SQL_TEXT(text(e, "model")), SQL_TEXT(text(e, "version"))));
}

static int
add_session_version(struct catalogue *c, uint64_t session, size_t n, json_t *v)
{
	/* A view of an object inside the entry. */
	const struct entry_view e = { .json = v };
	enum msg_grant_type type;
	struct digest version;

	if (grant_type_parse(&type, text(&e, "type")) != 0 ||
	    entry_view_digest(&e, "version", &version) != 0)
		return ERR_FORMAT;
	return sql_run(c->sql, SESSION_ADD_VERSION,
	    SQL_BIND(SQL_NUMBER(session), SQL_NUMBER(n),
		SQL_TEXT(text(&e, "model")), SQL_TEXT(text(&e, "channel")),
		SQL_TEXT(text(&e, "version")), SQL_NUMBER(number(&e, "grant")),
		SQL_NUMBER(type)));
}

static int
apply_session_open(struct catalogue *c, const struct entry_view *e)
{
	const json_t *versions = json_object_get(e->json, "versions");
	enum msg_purpose purpose;
	uint64_t id;
	int err = take_number(c, e, "session", CATALOGUE_SESSION, &id);

	if (err == 0)
		err = session_purpose_parse(&purpose, text(e, "purpose"));
	if (err == 0)
		err = sql_run(c->sql, SESSION_ADD,
		    SQL_BIND(SQL_NUMBER(id), SQL_TEXT(text(e, "for")),
			SQL_TEXT(e->by), SQL_NUMBER(purpose),
			SQL_TEXT(text(e, "host")), SQL_NUMBER(number(e, "pid")),
			SQL_TEXT(text(e, "mountpoint")),
			SQL_NUMBER(e->time_ms)));
	for (size_t i = 0; err == 0 && i < json_array_size(versions); i++)
		err = add_session_version(c, id, i,
		    json_array_get(versions, i));
	return err;
}

static int
apply_release(struct catalogue *c, const struct entry_view *e)
{
	int err = sql_run(c->sql, SESSION_RELEASE,
	    SQL_BIND(SQL_NUMBER(number(e, "bytes")),
		SQL_NUMBER(number(e, "session"))));

	if (err == 0)
		err = sql_run(c->sql, SESSION_READ,
		    SQL_BIND(SQL_NUMBER(number(e, "bytes")),
			SQL_NUMBER(number(e, "fresh")), SQL_NUMBER(e->time_ms),
			SQL_NUMBER(number(e, "session")),
			SQL_TEXT(text(e, "version"))));
	return err == 0 ? catalogue_budget_apply(c, e) : err;
}

static int
apply_fault(struct catalogue *c, const struct entry_view *e)
{
	return sql_run(c->sql, SESSION_FAULT,
	    SQL_BIND(SQL_NUMBER(number(e, "session"))));
}

static int
apply_session_close(struct catalogue *c, const struct entry_view *e)
{
	int err = sql_run(c->sql, SESSION_CLOSE,
	    SQL_BIND(SQL_NUMBER(e->time_ms), SQL_NUMBER(number(e, "session"))));

	return err == 0 ? catalogue_budget_apply(c, e) : err;
}

/* Its number is given to no other one; a rekey may bring none. */
static int
apply_secret(struct catalogue *c, const struct entry_view *e)
{
	uint64_t number;
	int err = 0;

	if (e->kind != ENTRY_REKEY ||
	    entry_view_number(e, "secret", &number) == 0)
		err = take_number(c, e, "secret", CATALOGUE_SECRET, &number);

	return err == 0 ? catalogue_secret_apply(c, e) : err;
}

/* NULL: the kind changes nothing here. */
typedef int apply_function(struct catalogue *c, const struct entry_view *e);

static apply_function *const functions[ENTRY_KINDS] = {
	[ENTRY_ROLE_ADD] = apply_role,
	[ENTRY_ROLE_RM] = apply_role,
	[ENTRY_GRANT_ADD] = apply_grant_add,
	[ENTRY_GRANT_RM] = apply_grant_rm,
	[ENTRY_PUT_BEGIN] = apply_put_begin,
	[ENTRY_PUT] = apply_put,
	[ENTRY_VERIFY] = apply_verify,
	[ENTRY_STATEMENT_ADD] = catalogue_statement_apply,
	[ENTRY_STATEMENT_SIGN] = catalogue_statement_apply,
	[ENTRY_STATEMENT_WITHDRAW] = catalogue_statement_apply,
	[ENTRY_SIGN_OMS] = catalogue_oms_apply,
	[ENTRY_ALERT] = catalogue_alert_apply,
	[ENTRY_ALERT_ACK] = catalogue_alert_apply,
	[ENTRY_DECOY_ADD] = catalogue_decoy_apply,
	[ENTRY_DECOY_RM] = catalogue_decoy_apply,
	[ENTRY_SECRET_ADD] = apply_secret,
	[ENTRY_SECRET_RM] = catalogue_secret_apply,
	[ENTRY_KEYD_START] = catalogue_secret_apply,
	[ENTRY_VERSION_RM] = catalogue_removal_apply,
	[ENTRY_VERSION_UNDELETE] = catalogue_removal_apply,
	[ENTRY_GC] = catalogue_removal_apply,
	[ENTRY_SHRED] = catalogue_shred_apply,
	[ENTRY_LOCK] = catalogue_secret_apply,
	[ENTRY_UNLOCK] = catalogue_secret_apply,
	[ENTRY_REKEY] = apply_secret,
	[ENTRY_SESSION_OPEN] = apply_session_open,
	[ENTRY_RELEASE] = apply_release,
	[ENTRY_FAULT] = apply_fault,
	[ENTRY_SESSION_CLOSE] = apply_session_close,
	[ENTRY_BUDGET_RESET] = catalogue_budget_apply,
};

/* A boot that is not known is none that keyd could start in again. */
static struct accounting_start
start_of(const struct entry_view *e)
{
	const char *boot = entry_view_text(e, "boot");
	struct accounting_start s = { .boot_s = 0 };
	uint64_t uptime;
	size_t n;

	if (boot == NULL || entry_view_number(e, "uptime", &uptime) != 0 ||
	    uptime > INT64_MAX)
		return s;
	s.boot_s = (int64_t)uptime;
	if (sodium_hex2bin(s.boot, sizeof(s.boot), boot, strlen(boot), NULL, &n,
		NULL) != 0 ||
	    n != sizeof(s.boot))
		memset(s.boot, 0, sizeof(s.boot));
	return s;
}

/* An entry that tells of accounting time. */
static void
note_clock(struct catalogue *c, const struct entry_view *e)
{
	struct accounting_start start = { .boot_s = 0 };
	const bool starts = e->kind == ENTRY_KEYD_START;
	uint64_t clock;

	if (entry_view_number(e, "clock", &clock) != 0)
		return;
	if (starts)
		start = start_of(e);
	accounting_fold(&c->past, clock, e->time_ms, starts ? &start : NULL);
}

/* An entry that was applied before, but for what budgets count. */
static int
count_again(struct catalogue *c, uint64_t index, const struct entry_view *e)
{
	int err = catalogue_begin(c);

	if (err == 0)
		err = catalogue_budget_apply(c, e);
	if (err == ERR_FORMAT)
		return log_err(ERR_INTEGRITY,
		    "catalogue: entry %ju lacks what its kind must have",
		    (uintmax_t)index);
	if (err != 0)
		return err;
	c->counted = index + 1;
	c->dirty = true;
	return 0;
}

int
catalogue_apply(struct catalogue *c, uint64_t index,
    const struct entry_view *entry)
{
	apply_function *function = functions[entry->kind];
	int err = 0;

	if (index < c->counted && index < c->applied)
		return 0;
	if (index == c->counted && index < c->applied)
		return count_again(c, index, entry);
	if (index > c->applied || index != c->counted)
		return log_err(ERR_INTEGRITY,
		    "catalogue: entry %ju came before entry %ju",
		    (uintmax_t)index, (uintmax_t)c->applied);
	if (function != NULL)
		err = catalogue_begin(c);
	if (err == 0 && function != NULL)
		err = function(c, entry);
	if (err == ERR_FORMAT)
		return log_err(ERR_INTEGRITY,
		    "catalogue: entry %ju lacks what its kind must have",
		    (uintmax_t)index);
	if (err != 0)
		return err;
	note_clock(c, entry);
	c->applied = c->counted = index + 1;
	c->dirty = true;
	return 0;
}

int
catalogue_replay(void *c, uint64_t index, const uint8_t *bytes, size_t n)
{
	struct entry_view v;
	int err = entry_parse(&v, bytes, n);

	if (err != 0)
		return log_err(ERR_INTEGRITY,
		    "entry %ju of the trail is not well-formed",
		    (uintmax_t)index);
	err = catalogue_apply(c, index, &v);
	entry_view_clear(&v);
	return err;
}
