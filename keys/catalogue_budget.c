/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "keys/catalogue_tables.h"
#include "vault/err.h"

/* What releases add up to, by the entries that tell of them. */

#define WHO_MAX (REF_PRINCIPAL_MAX + 1)

/* A release, as the tables need it. */
struct released {
	uint64_t session;
	uint64_t grant;
	uint64_t first;
	uint64_t count;
	uint64_t hour;
	uint64_t weights;
	uint64_t fresh;
	char model[REF_NAME_MAX + 1];
	char version[DIGEST_HEX_SIZE];
	char who[WHO_MAX];
	enum msg_grant_type type;
};

/* --- browse --- */

static int
mark_times(struct catalogue *c, const struct released *r, const char *who,
    uint32_t page, const uint32_t *numbers, size_t n)
{
	const struct sql_value key[] = { SQL_TEXT(r->model), SQL_TEXT(who),
		SQL_NUMBER(page) };
	uint32_t hours[BUDGET_PAGE];
	int err = catalogue_bytes(c, COVERED_GET, key, 3, hours, sizeof(hours));

	if (err != 0)
		return err;
	for (size_t i = 0; i < n; i++)
		if (numbers[i] / BUDGET_PAGE == page)
			hours[numbers[i] % BUDGET_PAGE] = (uint32_t)r->hour;
	return sql_run(c->sql, COVERED_SET,
	    SQL_BIND(key[0], key[1], key[2], SQL_BYTES(hours, sizeof(hours))));
}

static int
apply_browse(struct catalogue *c, const struct released *r, uint32_t page,
    const uint32_t *numbers, size_t n)
{
	int err = mark_times(c, r, r->who, page, numbers, n);

	return err == 0 ? mark_times(c, r, "", page, numbers, n) : err;
}

/* --- load --- */

static int
apply_load(struct catalogue *c, const struct released *r, uint32_t page,
    const uint32_t *numbers, size_t n)
{
	const struct sql_value key[] = { SQL_NUMBER(r->session),
		SQL_TEXT(r->model), SQL_NUMBER(page) };
	uint64_t bits[BUDGET_WORDS];
	int err = catalogue_bytes(c, BITS_GET, key, 3, bits, sizeof(bits));

	if (err != 0)
		return err;
	for (size_t i = 0; i < n; i++)
		if (numbers[i] / BUDGET_PAGE == page)
			bits[numbers[i] % BUDGET_PAGE / 64] |= UINT64_C(1)
			    << (numbers[i] % 64);
	return sql_run(c->sql, BITS_SET,
	    SQL_BIND(key[0], key[1], key[2], SQL_BYTES(bits, sizeof(bits))));
}

static int
add_to_grant(struct catalogue *c, const struct released *r)
{
	const struct sql_value key[] = { SQL_NUMBER(r->grant),
		SQL_TEXT(r->model), SQL_TEXT(r->version) };
	struct budget_sum sum;
	int err = catalogue_bytes(c, USED_GET, key, 3, &sum, sizeof(sum));

	if (err != 0)
		return err;
	budget_sum_add(&sum, r->hour, r->fresh, r->weights);
	return sql_run(c->sql, USED_SET,
	    SQL_BIND(key[0], key[1], key[2], SQL_BYTES(&sum, sizeof(sum))));
}

/* --- a release --- */

/* Each page of the family's that these chunks are on, once. */
static int
apply_numbers(struct catalogue *c, const struct released *r,
    const uint32_t *numbers, size_t n)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < n; i++) {
		uint32_t page = numbers[i] / BUDGET_PAGE;
		size_t k = 0;

		while (k < i && numbers[k] / BUDGET_PAGE != page)
			k++;
		if (k < i)
			continue;
		err = r->type == MSG_GRANT_LOAD ?
		    apply_load(c, r, page, numbers, n) :
		    apply_browse(c, r, page, numbers, n);
	}
	return err;
}

static int
find_under(struct catalogue *c, struct released *r)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, SESSION_UNDER,
	    SQL_BIND(SQL_NUMBER(r->session), SQL_TEXT(r->version),
		SQL_NUMBER(r->grant)));

	if (err == 0)
		err = sql_next(&q);
	if (err != 0)
		return err == ERR_NOT_FOUND ? ERR_FORMAT : err;
	snprintf(r->model, sizeof(r->model), "%s", sql_text(&q, 0));
	r->type = sql_number(&q, 1) == MSG_GRANT_LOAD ? MSG_GRANT_LOAD :
							MSG_GRANT_BROWSE;
	snprintf(r->who, sizeof(r->who), "%s", sql_text(&q, 2));
	return 0;
}

static int
read_release(struct released *r, const struct entry_view *e)
{
	const char *version = entry_view_text(e, "version");
	uint64_t clock;

	if (version == NULL || strlen(version) != DIGEST_HEX_SIZE - 1 ||
	    entry_view_number(e, "session", &r->session) != 0 ||
	    entry_view_number(e, "grant", &r->grant) != 0 ||
	    entry_view_number(e, "first", &r->first) != 0 ||
	    entry_view_number(e, "count", &r->count) != 0 ||
	    entry_view_number(e, "clock", &clock) != 0 ||
	    entry_view_number(e, "weights", &r->weights) != 0 ||
	    entry_view_number(e, "fresh", &r->fresh) != 0)
		return ERR_FORMAT;
	snprintf(r->version, sizeof(r->version), "%s", version);
	r->hour = budget_hour(clock);
	return 0;
}

/* A range of rows lies on one page of the version's or on several. */
static int
apply_release(struct catalogue *c, const struct entry_view *e)
{
	struct released r = { 0 };
	int err = read_release(&r, e);

	if (err != 0 || r.weights == 0)
		return err;
	err = find_under(c, &r);
	for (uint64_t row = r.first; err == 0 && row < r.first + r.count;) {
		uint32_t numbers[BUDGET_PAGE];
		size_t at = row % BUDGET_PAGE, n;
		uint64_t left = r.first + r.count - row;

		err = catalogue_chunk_page(c, r.model, r.version,
		    row / BUDGET_PAGE, numbers, &n);
		if (err != 0 || at >= n)
			return err == 0 || err == ERR_NOT_FOUND ? ERR_FORMAT :
								  err;
		n = n - at < left ? n - at : (size_t)left;
		err = apply_numbers(c, &r, numbers + at, n);
		row += n;
	}
	if (err == 0 && r.type == MSG_GRANT_LOAD)
		err = add_to_grant(c, &r);
	return err;
}

int
catalogue_budget_apply(struct catalogue *c, const struct entry_view *e)
{
	uint64_t session;

	if (e->kind == ENTRY_RELEASE)
		return apply_release(c, e);
	if (e->kind == ENTRY_BUDGET_RESET) {
		const char *model = entry_view_text(e, "model");

		if (model == NULL)
			return ERR_FORMAT;
		return sql_run(c->sql, COVERED_DROP_POOL,
		    SQL_BIND(SQL_TEXT(model)));
	}
	if (e->kind != ENTRY_SESSION_CLOSE)
		return 0;
	if (entry_view_number(e, "session", &session) != 0)
		return ERR_FORMAT;
	return sql_run(c->sql, BITS_END, SQL_BIND(SQL_NUMBER(session)));
}

/* --- made again --- */

int
catalogue_budget_drop(struct catalogue *c)
{
	int err = catalogue_begin(c);

	if (err == 0)
		err = sql_run(c->sql, COVERED_DROP, SQL_NONE);
	if (err == 0)
		err = sql_run(c->sql, BITS_DROP, SQL_NONE);
	if (err == 0)
		err = sql_run(c->sql, USED_DROP, SQL_NONE);
	c->counted = 0;
	c->dirty = true;
	return err;
}

/* --- taken into memory --- */

static int
get_times(struct catalogue *c, const char *family,
    const struct catalogue_budget_take *take)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, COVERED_LIST,
	    SQL_BIND(SQL_TEXT(family)));

	while (err == 0 && (err = sql_next(&q)) == 0) {
		uint32_t hours[BUDGET_PAGE];
		const char *who = sql_text(&q, 0);
		size_t n;
		const void *bytes = sql_bytes(&q, 2, &n);

		if (n != sizeof(hours))
			return ERR_INTEGRITY;
		memcpy(hours, bytes, n);
		err = take->times(take->arg, who[0] != '\0' ? who : NULL,
		    (size_t)sql_count(&q, 1), hours);
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

static int
get_sessions(struct catalogue *c, const char *family,
    const struct catalogue_budget_take *take)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, BITS_LIST, SQL_BIND(SQL_TEXT(family)));

	while (err == 0 && (err = sql_next(&q)) == 0) {
		uint64_t bits[BUDGET_WORDS];
		size_t n;
		const void *bytes = sql_bytes(&q, 2, &n);

		if (n != sizeof(bits))
			return ERR_INTEGRITY;
		memcpy(bits, bytes, n);
		err = take->session(take->arg, sql_count(&q, 0),
		    (size_t)sql_count(&q, 1), bits);
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

static int
get_grants(struct catalogue *c, const char *family,
    const struct catalogue_budget_take *take)
{
	OWNED_QUERY q = { 0 };
	int err = sql_begin(&q, c->sql, USED_LIST, SQL_BIND(SQL_TEXT(family)));

	while (err == 0 && (err = sql_next(&q)) == 0) {
		struct budget_sum sum;
		size_t n;
		const void *bytes = sql_bytes(&q, 2, &n);

		if (n != sizeof(sum))
			return ERR_INTEGRITY;
		memcpy(&sum, bytes, n);
		err = take->grant(take->arg, sql_count(&q, 0), sql_text(&q, 1),
		    &sum);
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

int
catalogue_budget_get(struct catalogue *c, const char *family,
    const struct catalogue_budget_take *take)
{
	int err = get_times(c, family, take);

	if (err == 0)
		err = get_sessions(c, family, take);
	return err == 0 ? get_grants(c, family, take) : err;
}
