/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/rebuilt.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/out.h"
#include "keys/catalogue_compare.h"
#include "vault/entry.h"
#include "vault/err.h"
#include "vault/log.h"

#define SHOWN 100    /* rows that are printed */
#define VALUE_MAX 72 /* bytes of a value, for people */
#define TRIES 50     /* a tenth of a second each: an embedded keyd leaves */

struct rebuilt {
	const struct options *o;
	struct catalogue_compare *compare;
	json_t *list;
	uint64_t count;
};

static int
take_lock(struct file **out, const struct vaultdir *v)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	int r = vaultdir_lock(out, v->dir);

	for (int i = 0; r == ERR_CONFLICT && i < TRIES; i++) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		r = vaultdir_lock(out, v->dir);
	}
	return r != ERR_CONFLICT ?
	    r :
	    log_err(r,
		"weir-keyd has the catalogue of '%s' open: stop it, or give "
		"-V a copy of the vault's directory (objects/ may be left out)",
		v->path);
}

static int
apply(void *arg, uint64_t index, const uint8_t *entry, size_t n)
{
	struct rebuilt *d = arg;
	struct entry_view v;
	int r;

	if (entry_parse(&v, entry, n) != 0)
		return log_err(ERR_FORMAT,
		    "entry %ju of the trail cannot be understood",
		    (uintmax_t)index);
	r = catalogue_compare_apply(d->compare, index, &v);
	entry_view_clear(&v);
	return r;
}

static void
print_value(const char *key, const json_t *value)
{
	OWNED_MEM(char)
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);

	if (text != NULL)
		printf(" %s=%.*s%s", key, VALUE_MAX, text,
		    strlen(text) > VALUE_MAX ? "..." : "");
}

static int
differs(void *arg, const struct catalogue_difference *c)
{
	struct rebuilt *d = arg;
	const char *key;
	json_t *value;

	if (d->count++ >= SHOWN)
		return 0;
	if (d->o->json)
		return json_array_append_new(d->list,
			   json_pack("{s:s, s:s, s:O}", "table", c->table, "in",
			       c->extra ? "catalogue" : "trail", "row",
			       (json_t *)(uintptr_t)c->row)) == 0 ?
		    0 :
		    ERR_NOMEM;
	printf("%s, %s:", c->table,
	    c->extra ? "the catalogue has" : "the trail says ");
	json_object_foreach((json_t *)(uintptr_t)c->row, key, value) {
		print_value(key, value);
	}
	putchar('\n');
	return 0;
}

static int
compare(struct rebuilt *d, struct audit *a)
{
	uint64_t size = trail_reader_checkpoint(a->reader)->size;
	uint64_t applied = catalogue_compare_applied(d->compare);
	int r;

	if (applied > size)
		return log_err(ERR_CONFLICT,
		    "the catalogue has taken in %ju entries, and the newest "
		    "checkpoint covers %ju: let weir-keyd start and stop once, "
		    "it publishes the rest",
		    (uintmax_t)applied, (uintmax_t)size);
	r = trail_reader_each(a->reader, 0, applied, apply, d);
	if (r != 0)
		return r;
	r = catalogue_compare_end(d->compare, differs, d);
	if (r != 0 || d->count == 0)
		return r;
	if (!d->o->json && d->count > SHOWN)
		out_line("... and %ju rows more",
		    (uintmax_t)(d->count - SHOWN));
	return 0;
}

static int
print(struct rebuilt *d)
{
	uint64_t applied = catalogue_compare_applied(d->compare);
	OWNED_JSON j = NULL;

	if (d->o->json) {
		j = json_pack("{s:b, s:I, s:I, s:O}", "ok", d->count == 0,
		    "entries", (json_int_t)applied, "different",
		    (json_int_t)d->count, "rows", d->list);
		return j != NULL ? out_json(j) : ERR_NOMEM;
	}
	if (d->count == 0)
		out_line("The catalogue is what the trail's %ju entries add up "
			 "to.",
		    (uintmax_t)applied);
	else
		out_line(
		    "THE CATALOGUE HAS BEEN CHANGED: %ju rows are not what "
		    "the trail's %ju entries add up to.",
		    (uintmax_t)d->count, (uintmax_t)applied);
	return 0;
}

int
rebuilt_check(const struct options *o, struct audit *a)
{
	OWNED_MEM(char) path = vaultdir_path(a->vault, VAULTDIR_CATALOGUE);
	OWNED(catalogue_compare) made = NULL;
	OWNED(file) lock = NULL;
	OWNED_JSON list = json_array();
	struct rebuilt d = { .o = o, .list = list };
	int r;

	if (path == NULL || list == NULL)
		return ERR_NOMEM;
	if ((r = take_lock(&lock, a->vault)) != 0 ||
	    (r = catalogue_compare_begin(&made, path)) != 0)
		return r;
	d.compare = made;
	if ((r = compare(&d, a)) != 0 || (r = print(&d)) != 0)
		return r;
	if (d.count > 0 && !o->quiet)
		log_info("next: keep this catalogue.db as evidence; put one "
			 "from a backup in its place, and weir-keyd takes in "
			 "what the trail has since");
	return d.count == 0 ? 0 : ERR_INTEGRITY;
}
