/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"

/* Versions that are shredded, and the epoch that makes it final. */

#define EPOCH "epoch"

static const char *
text(const struct entry_view *e, const char *key)
{
	const char *s = entry_view_text(e, key);

	return s != NULL ? s : "";
}

static int
apply_begin(struct catalogue *c, const struct entry_view *e)
{
	const char *model = text(e, "model"), *version = text(e, "version");
	uint64_t epoch;
	int err = entry_view_number(e, "epoch", &epoch);

	if (err == 0)
		err = sql_run(c->sql, SHRED_BEGIN,
		    SQL_BIND(SQL_NUMBER(c->applied), SQL_TEXT(model),
			SQL_TEXT(version), SQL_TEXT(e->by),
			SQL_NUMBER(e->time_ms), SQL_TEXT(text(e, "reason")),
			SQL_NUMBER(epoch)));
	if (err == 0)
		err = catalogue_removal_purge(c, model, version);
	return err == 0 ? catalogue_object_doom(c, c->applied, model) : err;
}

/* One that leaves objects is followed by another. */
static int
apply_end(struct catalogue *c, const struct entry_view *e)
{
	const char *model = text(e, "model"), *version = text(e, "version");
	uint64_t left;
	int err = sql_run(c->sql, SHRED_END,
	    SQL_BIND(SQL_NUMBER(e->time_ms), SQL_NUMBER(c->applied),
		SQL_TEXT(model), SQL_TEXT(version)));

	if (err != 0 || entry_view_number(e, "left", &left) == 0)
		return err;
	return sql_run(c->sql, DOOMED_END,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(version)));
}

int
catalogue_shred_apply(struct catalogue *c, const struct entry_view *e)
{
	if (strcmp(text(e, "stage"), "begin") == 0)
		return apply_begin(c, e);
	return apply_end(c, e);
}

/* --- what is there of them --- */

static int
read_one(struct sql_query *q, struct catalogue_shred *out)
{
	int err = sql_next(q);

	if (err != 0)
		return err;
	*out = (struct catalogue_shred){
		.id = sql_count(q, 0),
		.begun_ms = sql_number(q, 4),
		.epoch = sql_count(q, 6),
		.ended_ms = sql_number(q, 7),
		.entry = sql_count(q, 8),
	};
	snprintf(out->model, sizeof(out->model), "%s", sql_text(q, 1));
	snprintf(out->version, sizeof(out->version), "%s", sql_text(q, 2));
	snprintf(out->by, sizeof(out->by), "%s", sql_text(q, 3));
	snprintf(out->reason, sizeof(out->reason), "%s", sql_text(q, 5));
	return 0;
}

int
catalogue_shred_pending(struct catalogue *c, struct catalogue_shred *out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SHRED_PENDING, SQL_NONE);

	return err == 0 ? read_one(&q, out) : err;
}

int
catalogue_shred_left(struct catalogue *c, struct catalogue_shred *out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SHRED_LEFT, SQL_NONE);

	return err == 0 ? read_one(&q, out) : err;
}

int
catalogue_shred_find(struct catalogue *c, const char *model, const char *digits,
    struct catalogue_shred *out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SHRED_FIND,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(digits)));

	return err == 0 ? read_one(&q, out) : err;
}

/* The one text of the one row; the caller frees. */
static int
take_text(struct sql_query *q, char **out)
{
	int err = sql_next(q);

	if (err != 0)
		return err;
	*out = strdup(sql_text(q, 0));
	return *out != NULL ? 0 : ERR_NOMEM;
}

int
catalogue_shred_facts(struct catalogue *c, const char *model,
    const char *version, char **out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SHRED_FACTS_GET,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(version)));

	return err == 0 ? take_text(&q, out) : err;
}

int
catalogue_shred_facts_stage(struct catalogue *c, const char *model,
    const char *version, const char *facts)
{
	int err = catalogue_flush(c);

	if (err != 0)
		return err;
	return sql_run(c->sql, SHRED_FACTS_SET,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(version), SQL_TEXT(facts)));
}

int
catalogue_shred_payload(struct catalogue *c, uint64_t id, char **out)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SHRED_PAYLOAD_GET,
	    SQL_BIND(SQL_NUMBER(id)));

	return err == 0 ? take_text(&q, out) : err;
}

int
catalogue_shred_payload_stage(struct catalogue *c, uint64_t id,
    const char *payload)
{
	int err = catalogue_flush(c);

	if (err != 0)
		return err;
	return sql_run(c->sql, SHRED_PAYLOAD_SET,
	    SQL_BIND(SQL_NUMBER(id), SQL_TEXT(payload)));
}

/* --- objects that go --- */

int
catalogue_shred_doomed(struct catalogue *c, uint64_t id, struct digest *names,
    size_t max, size_t *n)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, DOOMED_NEXT,
	    SQL_BIND(SQL_NUMBER(id), SQL_NUMBER(max)));

	*n = 0;
	while (err == 0 && *n < max && (err = sql_next(&q)) == 0) {
		size_t length;
		const void *bytes = sql_bytes(&q, 0, &length);

		if (length != DIGEST_SIZE)
			return ERR_INTEGRITY;
		memcpy(names[(*n)++].bytes, bytes, length);
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

/* All of it, or nothing. */
static int
settle(struct catalogue *c, int err)
{
	if (err == 0)
		return sql_exec(c->sql, "commit");
	(void)!sql_exec(c->sql, "rollback");
	return err;
}

static int
begin(struct catalogue *c)
{
	int err = catalogue_flush(c);

	return err == 0 ? sql_exec(c->sql, "begin") : err;
}

int
catalogue_shred_decide(struct catalogue *c, uint64_t id,
    const struct digest *names, const uint8_t *what, size_t n)
{
	int err = begin(c);

	if (err != 0)
		return err;
	for (size_t i = 0; err == 0 && i < n; i++)
		err = sql_run(c->sql, DOOMED_SET,
		    SQL_BIND(SQL_NUMBER(what[i]), SQL_NUMBER(id),
			SQL_BYTES(names[i].bytes, DIGEST_SIZE)));
	return settle(c, err);
}

int
catalogue_shred_count(struct catalogue *c, uint64_t id,
    uint64_t count[static 3])
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, DOOMED_COUNT, SQL_BIND(SQL_NUMBER(id)));

	memset(count, 0, 3 * sizeof(*count));
	while (err == 0 && (err = sql_next(&q)) == 0)
		if (sql_count(&q, 0) < 3)
			count[sql_count(&q, 0)] = sql_count(&q, 1);
	return err == ERR_NOT_FOUND ? 0 : err;
}

/* --- what other versions have of it --- */

struct sharing {
	struct catalogue *c;
	uint8_t *seen; /* by number: 1 of the one that is gone, 2 found again */
	size_t count;
	uint64_t of_this; /* distinct, of the version at hand */
	bool *now;
	struct catalogue_shared *out;
	int (*each)(void *arg, const struct catalogue_version *v, uint64_t n);
	void *arg;
};

static int
count_page(void *arg, const uint32_t *weights, size_t n)
{
	struct sharing *s = arg;

	(void)weights;
	s->count += n;
	return 0;
}

static int
mark_gone(void *arg, const uint32_t *numbers, size_t n)
{
	struct sharing *s = arg;

	for (size_t i = 0; i < n; i++) {
		if (numbers[i] >= s->count || s->seen[numbers[i]] != 0)
			continue;
		s->seen[numbers[i]] = 1;
		s->out->chunks++;
	}
	return 0;
}

static int
mark_kept(void *arg, const uint32_t *numbers, size_t n)
{
	struct sharing *s = arg;

	for (size_t i = 0; i < n; i++) {
		uint32_t at = numbers[i];

		if (at >= s->count || s->seen[at] == 0 || s->now[at])
			continue;
		s->now[at] = true;
		s->of_this++;
		if (s->seen[at] == 1)
			s->out->kept++;
		s->seen[at] = 2;
	}
	return 0;
}

static int
look_at(void *arg, const struct catalogue_version *v)
{
	struct sharing *s = arg;
	int err;

	memset(s->now, 0, s->count * sizeof(*s->now));
	s->of_this = 0;
	err = catalogue_chunk_rows(s->c, v->model, &v->version, mark_kept, s);
	if (err == 0 && s->of_this > 0)
		err = s->each(s->arg, v, s->of_this);
	return err;
}

static int
share(struct sharing *s, const char *model, const struct digest *version)
{
	const struct catalogue_versions all = {
		.model = model,
		.after_model = "",
		.removed = true,
	};
	int err = catalogue_chunk_rows(s->c, model, version, mark_gone, s);

	return err == 0 ? catalogue_version_each(s->c, &all, look_at, s) : err;
}

int
catalogue_shred_shared(struct catalogue *c, const char *model,
    const char *version, struct catalogue_shared *out,
    int (*each)(void *arg, const struct catalogue_version *v, uint64_t chunks),
    void *arg)
{
	struct sharing s = { .c = c, .out = out, .each = each, .arg = arg };
	struct digest digest;
	int err = digest_parse(&digest, version);

	*out = (struct catalogue_shared){ 0 };
	if (err == 0)
		err = catalogue_chunk_weights(c, model, count_page, &s);
	if (err != 0)
		return err;
	s.seen = calloc(s.count + 1, sizeof(*s.seen));
	s.now = calloc(s.count + 1, sizeof(*s.now));
	err = s.seen != NULL && s.now != NULL ? share(&s, model, &digest) :
						ERR_NOMEM;
	free(s.seen);
	free(s.now);
	return err;
}

int
catalogue_shred_readers(struct catalogue *c, const char *model,
    const char *version, uint64_t *sessions, uint64_t *copies)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, READERS_OF,
	    SQL_BIND(SQL_TEXT(model), SQL_TEXT(version)));

	if (err == 0)
		err = sql_next(&q);
	if (err == 0) {
		*sessions = sql_count(&q, 0);
		*copies = sql_count(&q, 1);
	}
	return err;
}

/* --- the epoch --- */

uint64_t
catalogue_shred_epoch(struct catalogue *c)
{
	OWNED_QUERY q = { 0 };

	if (sql_begin(&q, c->sql, NOTE_GET, SQL_BIND(SQL_TEXT(EPOCH))) != 0 ||
	    sql_next(&q) != 0)
		return 0;
	return sql_count(&q, 0);
}

/* The caller's, of a column. */
static int
take_bytes(struct sql_query *q, int column, uint8_t **out, size_t *n)
{
	const void *bytes = sql_bytes(q, column, n);

	*out = malloc(*n + 1);
	if (*out == NULL)
		return ERR_NOMEM;
	memcpy(*out, bytes, *n);
	return 0;
}

/* The next upload that has a key; its bytes are the caller's. */
static int
next_key(struct catalogue *c, uint64_t *upload, uint8_t **out, size_t *n)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, UPLOAD_KEYS,
	    SQL_BIND(SQL_NUMBER(*upload)));

	if (err == 0)
		err = sql_next(&q);
	if (err != 0)
		return err;
	*upload = sql_count(&q, 0);
	return take_bytes(&q, 1, out, n);
}

/* The same of families, by name. */
static int
next_family(struct catalogue *c, char name[static REF_NAME_MAX + 1],
    uint8_t **out, size_t *n)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, FAMILY_KEYS, SQL_BIND(SQL_TEXT(name)));

	if (err == 0)
		err = sql_next(&q);
	if (err != 0)
		return err;
	snprintf(name, REF_NAME_MAX + 1, "%s", sql_text(&q, 0));
	return take_bytes(&q, 1, out, n);
}

static int
rewrap_versions(struct catalogue *c, const struct catalogue_rewrap *how)
{
	uint64_t upload = 0;
	int err = 0;

	while (err == 0) {
		OWNED_MEM(uint8_t) old = NULL;
		OWNED_MEM(uint8_t) new = NULL;
		size_t n, length;

		err = next_key(c, &upload, &old, &n);
		if (err == 0)
			err = how->version(how->arg, upload, old, n, &new,
			    &length);
		if (err == 0 && how->number != 0)
			err = sql_run(c->sql, UPLOAD_REWRAP,
			    SQL_BIND(SQL_BYTES(new, length),
				SQL_NUMBER(upload)));
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

static int
rewrap_families(struct catalogue *c, const struct catalogue_rewrap *how)
{
	char name[REF_NAME_MAX + 1] = "";
	int err = 0;

	while (err == 0) {
		OWNED_MEM(uint8_t) old = NULL;
		OWNED_MEM(uint8_t) new = NULL;
		size_t n, length;

		err = next_family(c, name, &old, &n);
		if (err == 0)
			err = how->family(how->arg, name, old, n, &new,
			    &length);
		if (err == 0 && how->number != 0)
			err = sql_run(c->sql, FAMILY_REWRAP,
			    SQL_BIND(SQL_BYTES(new, length), SQL_TEXT(name)));
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_shred_rewrap(struct catalogue *c, const struct catalogue_rewrap *how)
{
	int err = begin(c);

	if (err != 0)
		return err;
	err = rewrap_versions(c, how);
	if (err == 0 && how->family != NULL)
		err = rewrap_families(c, how);
	if (err == 0 && how->number != 0)
		err = sql_run(c->sql, NOTE_SET,
		    SQL_BIND(SQL_TEXT(EPOCH), SQL_NUMBER(how->number)));
	return settle(c, err);
}

int
catalogue_shred_truncate(struct catalogue *c)
{
	int err = catalogue_flush(c);

	return err == 0 ? sql_exec(c->sql, "pragma wal_checkpoint(truncate)") :
			  err;
}
