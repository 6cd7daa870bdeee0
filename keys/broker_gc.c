/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/broker_budget.h"
#include "keys/broker_removal.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/manifest.h"

/*
 * gc: objects that nobody needs are removed, by name, as a client lists them.
 *
 * What an upload under way has written, or found there, is newer than its
 * beginning (store.h, store_age), and stays.  Where it could not say that it
 * found something, or said so as that went, what was removed meanwhile is
 * remembered: a commit that has such an object is told to store again, and all
 * its objects are pinned for it from then on.
 */

#define COARSE_MS 20 /* a file's time may be behind the clock */

#define REMEMBERED_MAX (1U << 20)
#define PINS_MAX (1U << 20)

/* Removed before the upload of this number began, and not after. */
struct broker_gone {
	UT_hash_handle hh;
	struct digest name;
	uint64_t before;
};

/* What an upload is to find when it looks again. */
struct broker_pin {
	UT_hash_handle hh;
	struct digest name;
	uint64_t upload; /* the last one that asked */
};

static void
forget_gone(struct broker *b)
{
	struct broker_gone *g, *next;

	HASH_ITER(hh, b->gone, g, next) {
		HASH_DEL(b->gone, g);
		free(g);
	}
}

void
broker_gc_let_go(struct broker *b, uint64_t upload)
{
	struct broker_pin *p, *next;

	HASH_ITER(hh, b->pins, p, next) {
		if (upload != 0 && p->upload != upload)
			continue;
		HASH_DEL(b->pins, p);
		free(p);
	}
	if (broker_removal_since(b) == INT64_MAX)
		forget_gone(b);
}

void
broker_gc_free_all(struct broker *b)
{
	broker_gc_let_go(b, 0);
	forget_gone(b);
}

/* False: there is no room for it, and it is not to be removed. */
static bool
remember(struct broker *b, const struct digest *name)
{
	struct broker_gone *g;

	if (broker_removal_since(b) == INT64_MAX)
		return true;
	HASH_FIND(hh, b->gone, name, sizeof(*name), g);
	if (g == NULL) {
		if (HASH_COUNT(b->gone) >= REMEMBERED_MAX)
			return false;
		g = calloc(1, sizeof(*g));
		if (g == NULL)
			return false;
		g->name = *name;
		HASH_ADD(hh, b->gone, name, sizeof(g->name), g);
		if (g->hh.tbl == NULL) {
			free(g);
			return false;
		}
	}
	g->before = catalogue_next(b->how.catalogue, CATALOGUE_UPLOAD);
	return true;
}

/* --- what a commit needs --- */

/* The objects of a new version, pages and all; the caller frees. */
static struct digest *
names_of(const struct broker_check *k, size_t *count)
{
	const struct manifest *m = k->manifest;
	size_t n = 0;
	struct digest *names = calloc(m->chunk_rows + 2 * m->page_count + 2,
	    sizeof(*names));

	if (names == NULL)
		return NULL;
	names[n++] = k->m.object;
	if (!digest_is_zero(&m->tensor_digest))
		names[n++] = m->tensor_object;
	for (uint32_t i = 0; i < m->page_count; i++) {
		names[n++] = m->pages[i].object;
		names[n++] = m->pages[i].lockbox;
	}
	for (uint64_t i = 0; i < m->chunk_rows; i++)
		names[n++] = k->chunks[i].object;
	*count = n;
	return names;
}

static bool
went_since(const struct broker *b, uint64_t upload, const struct digest *name)
{
	const struct broker_gone *g;

	HASH_FIND(hh, b->gone, name, sizeof(*name), g);
	return g != NULL && upload < g->before;
}

static int
pin(struct broker *b, uint64_t upload, const struct digest *name)
{
	struct broker_gone *g;
	struct broker_pin *p;

	HASH_FIND(hh, b->gone, name, sizeof(*name), g);
	if (g != NULL) {
		HASH_DEL(b->gone, g);
		free(g);
	}
	HASH_FIND(hh, b->pins, name, sizeof(*name), p);
	if (p == NULL) {
		if (HASH_COUNT(b->pins) >= PINS_MAX)
			return 0; /* it may have to look once more */
		p = calloc(1, sizeof(*p));
		if (p == NULL)
			return ERR_NOMEM;
		p->name = *name;
		HASH_ADD(hh, b->pins, name, sizeof(p->name), p);
		if (p->hh.tbl == NULL) {
			free(p);
			return ERR_NOMEM;
		}
	}
	p->upload = upload;
	return 0;
}

int
broker_gc_hold(struct broker *b, uint64_t upload, const struct broker_check *k,
    bool *lost)
{
	OWNED_MEM(struct digest) names = NULL;
	size_t n = 0;
	int err = 0;

	*lost = false;
	if (HASH_COUNT(b->gone) == 0)
		return 0;
	names = names_of(k, &n);
	if (names == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < n && !*lost; i++)
		*lost = went_since(b, upload, &names[i]);
	for (size_t i = 0; err == 0 && *lost && i < n; i++)
		err = pin(b, upload, &names[i]);
	return err;
}

int
broker_gc_stage(struct broker *b, const char *model,
    const struct broker_check *k)
{
	OWNED_MEM(struct digest) names = NULL;
	size_t n = 0;

	names = names_of(k, &n);
	if (names == NULL)
		return ERR_NOMEM;
	return catalogue_object_stage(b->how.catalogue, model, &k->m.version,
	    names, n - k->manifest->chunk_rows);
}

/* --- gc.begin: versions whose time is over --- */

static json_t *
versions_of(const struct catalogue_due *due)
{
	json_t *list = json_array();

	for (size_t i = 0; i < due->count; i++)
		if (json_array_append_new(list,
			json_pack("{s:s, s:s}", "model", due->items[i].model,
			    "version", due->items[i].version)) != 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static int
record_begin(struct broker_call *c, const struct catalogue_due *due)
{
	OWNED_ENTRY e = { 0 };

	broker_call_entry(c, &e, ENTRY_GC);
	entry_text(&e, "stage", "begin");
	if (due->count > 0)
		entry_open_list(&e, "versions");
	for (size_t i = 0; i < due->count; i++) {
		entry_open_object(&e, NULL);
		entry_text(&e, "model", due->items[i].model);
		entry_text(&e, "version", due->items[i].version);
		entry_close(&e);
	}
	if (due->count > 0)
		entry_close(&e);
	return broker_call_record(c, &e);
}

static void
forget_versions(struct broker *b, const struct catalogue_due *due)
{
	for (size_t i = 0; i < due->count; i++) {
		struct digest version;

		broker_budget_forget(b, due->items[i].model);
		if (digest_parse(&version, due->items[i].version) == 0)
			broker_verify_forget(b, due->items[i].model, &version);
	}
}

int
broker_gc_prune(struct broker *b)
{
	char family[REF_NAME_MAX + 1] = "", next[REF_NAME_MAX + 1];
	int err;

	while ((err = catalogue_object_family(b->how.catalogue, family,
		    next)) == 0) {
		snprintf(family, sizeof(family), "%s", next);
		err = catalogue_object_prune(b->how.catalogue, family);
		if (err != 0)
			return err;
	}
	return err == ERR_NOT_FOUND ? 0 : err;
}

/* As many entries as it takes; all of them in list. */
static int
purge(struct broker_call *c, json_t *list)
{
	struct catalogue_due due;
	int err;

	do {
		json_t *some;

		err = catalogue_removal_due(c->b->how.catalogue,
		    broker_record_clock(), &due);
		if (err != 0)
			return broker_call_unreadable(c, err);
		err = record_begin(c, &due);
		if (err != 0)
			return err;
		forget_versions(c->b, &due);
		some = versions_of(&due);
		if (some == NULL || json_array_extend(list, some) != 0)
			err = ERR_NOMEM;
		json_decref(some);
	} while (err == 0 && due.count == CATALOGUE_DUE);
	return err;
}

static int
begin(struct broker_call *c, bool dry, json_t *list)
{
	struct catalogue_due due;
	json_t *some;
	int err;

	if (dry) {
		err = catalogue_removal_due(c->b->how.catalogue,
		    broker_record_clock(), &due);
		if (err != 0)
			return broker_call_unreadable(c, err);
		some = versions_of(&due);
		err = json_array_extend(list, some) == 0 ? 0 : ERR_NOMEM;
		json_decref(some);
		return err;
	}
	err = broker_removal_backups(c, "gc");
	if (err == 0)
		err = purge(c, list);
	if (err != 0)
		return err;
	err = broker_gc_prune(c->b);
	if (err != 0)
		return broker_record_stop(c->b, err,
		    "the catalogue cannot be written");
	/* What it cannot remove it says, and the next one finds. */
	(void)!store_sweep(c->b->how.store);
	return 0;
}

int
broker_gc_begin(struct broker_call *c)
{
	bool dry = msg_field_bool(&c->body);
	json_t *list;
	int err;

	if (!reader_end(&c->body))
		return broker_call_malformed(c);
	list = json_array();
	err = list != NULL ? begin(c, dry, list) : ERR_NOMEM;
	if (err != 0) {
		json_decref(list);
		return err;
	}
	c->from->gc = (struct broker_gc){ .begun = true, .dry = dry };
	return broker_call_json(c, json_pack("{s:o}", "versions", list));
}

/* --- gc.sweep --- */

/* What is to become of an object that nobody needed when somebody last looked:
 * REMOVED if it can go. */
static int
judge(struct broker *b, const struct digest *name, enum msg_swept *out,
    struct store_age *age)
{
	const struct broker_pin *p;
	bool needed;
	int err = catalogue_object_needed(b->how.catalogue, name, &needed);

	if (err != 0)
		return err;
	*age = (struct store_age){ 0 };
	if (needed) {
		*out = MSG_SWEPT_NEEDED;
		return 0;
	}
	HASH_FIND(hh, b->pins, name, sizeof(*name), p);
	err = store_age(b->how.store, name, age);
	if (p != NULL)
		*out = MSG_SWEPT_PINNED;
	else if (err != 0)
		*out = err == ERR_NOT_FOUND ? MSG_SWEPT_ABSENT :
					      MSG_SWEPT_FAILED;
	else if (age->wanted_ms >= broker_removal_since(b) - COARSE_MS)
		*out = MSG_SWEPT_PINNED;
	else
		*out = MSG_SWEPT_REMOVED;
	return 0;
}

/* What goes of a list: where in it that stands, how long it is. */
struct going {
	struct digest names[MSG_SWEEP_MAX];
	int errs[MSG_SWEEP_MAX];
	uint32_t at[MSG_SWEEP_MAX];
	uint64_t sizes[MSG_SWEEP_MAX];
	size_t count;
};

static int
judge_all(struct broker *b, const struct msg_sweep *m, enum msg_swept *what,
    struct going *g)
{
	int64_t young = broker_record_clock() - (int64_t)m->grace_ms;

	for (uint32_t i = 0; i < m->count; i++) {
		struct store_age age;
		int err = judge(b, &m->names[i], &what[i], &age);

		if (err != 0)
			return err;
		if (what[i] != MSG_SWEPT_REMOVED)
			continue;
		if (m->grace_ms > 0 && age.wanted_ms > young)
			what[i] = MSG_SWEPT_YOUNG;
		else if (!m->dry && !remember(b, &m->names[i]))
			what[i] = MSG_SWEPT_PINNED;
		if (what[i] != MSG_SWEPT_REMOVED)
			continue;
		g->names[g->count] = m->names[i];
		g->sizes[g->count] = age.size;
		g->at[g->count++] = i;
	}
	return 0;
}

int
broker_gc_remove(struct broker *b, const struct msg_sweep *m,
    enum msg_swept *what, uint64_t *bytes)
{
	OWNED_MEM(struct going) g = calloc(1, sizeof(*g));
	int err = g != NULL ? judge_all(b, m, what, g) : ERR_NOMEM;

	*bytes = 0;
	if (err != 0)
		return err;
	if (!m->dry)
		store_remove_many(b->how.store, g->names, g->count, g->errs);
	for (size_t i = 0; i < g->count; i++) {
		enum msg_swept *one = &what[g->at[i]];

		if (g->errs[i] != 0)
			*one = g->errs[i] == ERR_NOT_FOUND ? MSG_SWEPT_ABSENT :
							     MSG_SWEPT_FAILED;
		else
			*bytes += g->sizes[i];
	}
	return 0;
}

static int
sweep(struct broker_call *c, const struct msg_sweep *m)
{
	enum msg_swept all[MSG_SWEEP_MAX];
	uint8_t what[MSG_SWEEP_MAX];
	struct msg_sweep_reply r = { .count = m->count, .what = what };
	int err = broker_gc_remove(c->b, m, all, &r.bytes);

	if (err != 0)
		return broker_call_unreadable(c, err);
	for (uint32_t i = 0; i < m->count; i++) {
		what[i] = (uint8_t)all[i];
		if (all[i] == MSG_SWEPT_REMOVED && !m->dry)
			c->from->gc.objects++;
	}
	if (!m->dry)
		c->from->gc.bytes += r.bytes;
	msg_sweep_reply_write(&c->reply, &r);
	return 0;
}

int
broker_gc_sweep(struct broker_call *c)
{
	struct msg_sweep m;
	int err;

	if (msg_sweep_read(&m, &c->body) != 0)
		return broker_call_malformed(c);
	if (!c->from->gc.begun || (c->from->gc.dry && !m.dry))
		err = broker_call_fail(c, ERR_USAGE,
		    "gc.sweep comes after gc.begin, and removes nothing in a"
		    " dry run");
	else if (m.grace_ms > INT64_MAX / 4)
		err = broker_call_fail(c, ERR_USAGE, "the grace is too long");
	else
		err = sweep(c, &m);
	msg_sweep_clear(&m);
	return err;
}

/* --- gc.end --- */

int
broker_gc_end(struct broker_call *c)
{
	const struct broker_gc gc = c->from->gc;
	OWNED_ENTRY e = { 0 };
	int err;

	if (!reader_end(&c->body))
		return broker_call_malformed(c);
	if (!gc.begun)
		return broker_call_fail(c, ERR_USAGE,
		    "gc.end comes after gc.begin");
	c->from->gc.begun = false;
	if (gc.dry)
		return 0;
	/* That they are gone need not last: what comes back is found again. */
	(void)!store_flush(c->b->how.store);
	broker_call_entry(c, &e, ENTRY_GC);
	entry_text(&e, "stage", "end");
	entry_number(&e, "objects", gc.objects);
	entry_number(&e, "bytes", gc.bytes);
	err = broker_call_record_later(c, &e);
	return err;
}
