/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/omsdir.h"
#include "cli/omskey.h"
#include "cli/out.h"
#include "cli/paper.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define SHOWN_SIZE 256
#define LISTED 20 /* of each kind, for people */
#define SELF "."

/* What is wrong with a directory. */
enum wrong {
	DIFFERS,
	MISSING,
	UNLISTED,
	LINKED,
	ODD,
	WRONGS,
};

static const struct {
	const char *name; /* in JSON */
	const char *text; /* for people, before the file's name */
} wrongs[WRONGS] = {
	[DIFFERS] = { "differs", "differs  " },
	[MISSING] = { "missing", "missing  " },
	[UNLISTED] = { "unlisted", "unlisted " },
	[LINKED] = { "links", "link     " },
	[ODD] = { "special", "special  " },
};

struct verify {
	struct options *o;
	const char *path;
	const char *bundle;
	const char *key;
	struct options_list ignore;
	bool ignore_unsigned;
	struct omsdir dir;
	struct oms_doc *doc;
	json_t *found[WRONGS]; /* lists of names */
	uint64_t bytes;
};

static void
verify_clear(struct verify *v)
{
	omsdir_clear(&v->dir);
	oms_doc_free(v->doc);
	for (size_t i = 0; i < WRONGS; i++)
		json_decref(v->found[i]);
}

static int
add(struct verify *v, enum wrong w, const char *name)
{
	return json_array_append_new(v->found[w], out_text(name)) == 0 ?
	    0 :
	    ERR_NOMEM;
}

/* --- the bundle --- */

static int
open_bundle(struct verify *v)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	OWNED_MEM(char) key = NULL;
	char why[OMS_WHY] = "", shown[SHOWN_SIZE];
	enum paper is;
	size_t n;
	int r;

	log_name(shown, sizeof(shown), v->bundle, strlen(v->bundle));
	if ((r = omskey_public(&key, v->key)) != 0)
		return r;
	r = file_load(NULL, v->bundle, OMS_BUNDLE_MAX, &bytes, &n);
	if (r == ERR_NOT_FOUND)
		return log_err(r, "there is no bundle '%s'", shown);
	if (r == ERR_LIMIT)
		return log_err(r, "'%s' is too long for a bundle", shown);
	if (r != 0)
		return r;
	r = oms_verify(&v->doc, bytes, n, key, why);
	if (r == ERR_USAGE)
		return log_err(r, "--public-key '%s': %s",
		    log_name(shown, sizeof(shown), v->key, strlen(v->key)),
		    why);
	/* What says nothing well-formed vouches for nothing. */
	is = r == ERR_FORMAT ? paper_of(bytes, n) : PAPER_BUNDLE;
	if (is != PAPER_BUNDLE && is != PAPER_UNKNOWN)
		return paper_refuse(v->bundle, bytes, n, PAPER_BUNDLE, why,
		    ERR_INTEGRITY);
	if (r == ERR_FORMAT || r == ERR_INTEGRITY)
		return log_err(ERR_INTEGRITY, "'%s' does not verify: %s", shown,
		    why);
	if (r == ERR_LIMIT)
		return log_err(r, "'%s' cannot be verified: %s", shown, why);
	if (r == 0 && !oms_doc_has_hint(v->doc))
		log_warn("'%s' does not say whose key signed it; the one that "
			 "was given did",
		    shown);
	return r;
}

/* --- the directory --- */

static int
list(struct verify *v)
{
	size_t count;
	const char *const *paths = oms_doc_ignore(v->doc, &count);
	int r;

	if ((r = omsdir_open(&v->dir, v->o, v->path)) != 0 ||
	    (r = omsdir_ignore_all(&v->dir, paths, count)) != 0 ||
	    (r = omsdir_ignore_bundle(&v->dir, v->bundle)) != 0)
		return r;
	for (size_t i = 0; i < v->ignore.count; i++)
		if ((r = omsdir_ignore(&v->dir, v->ignore.items[i])) != 0)
			return r;
	return omsdir_walk(&v->dir);
}

/* The item for a resource. */
static struct survey_item *
item_of(const struct verify *v, const struct oms_resource *resource)
{
	const struct survey *s = &v->dir.survey;

	if (s->single && strcmp(resource->name, SELF) == 0)
		return &s->items[0];
	return survey_find(s, resource->name);
}

static int
match_signed(struct verify *v)
{
	const struct oms_files *files = oms_doc_files(v->doc);
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->count; i++) {
		struct survey_item *item = item_of(v, &files->items[i]);

		if (item == NULL)
			r = add(v, MISSING, files->items[i].name);
		else if (item->kind == SURVEY_LINK)
			r = add(v, LINKED, item->path);
		else if (item->kind == SURVEY_OTHER)
			r = add(v, ODD, item->path);
		else
			item->wanted = true;
	}
	return r;
}

static int
match_unsigned(struct verify *v)
{
	const struct oms_files *files = oms_doc_files(v->doc);
	const struct survey *s = &v->dir.survey;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->count; i++) {
		const struct survey_item *item = &s->items[i];

		if (item->wanted || oms_files_find(files, item->path) != NULL)
			continue;
		r = add(v,
		    item->kind == SURVEY_FILE	  ? UNLISTED :
			item->kind == SURVEY_LINK ? LINKED :
						    ODD,
		    item->path);
	}
	return r;
}

static int
compare(struct verify *v)
{
	const struct oms_files *files = oms_doc_files(v->doc);
	int r;

	if ((r = match_signed(v)) != 0 ||
	    (!v->ignore_unsigned && (r = match_unsigned(v)) != 0) ||
	    (r = omsdir_hash(&v->dir)) != 0)
		return r;
	for (size_t i = 0; r == 0 && i < files->count; i++) {
		const struct survey_item *item = item_of(v, &files->items[i]);

		if (item == NULL || !item->wanted)
			continue;
		v->bytes += item->size;
		if (!digest_equal(&item->digest, &files->items[i].digest))
			r = add(v, DIFFERS, files->items[i].name);
	}
	return r;
}

/* --- what came of it --- */

static bool
is_sound(const struct verify *v)
{
	for (size_t i = 0; i < WRONGS; i++)
		if (json_array_size(v->found[i]) > 0)
			return false;
	return true;
}

static int
print_json(const struct verify *v)
{
	struct digest root = oms_doc_root(v->doc);
	char hex[DIGEST_HEX_SIZE];
	OWNED_JSON j = NULL;
	int r = 0;

	j = json_pack("{s:b, s:s, s:s, s:I, s:I, s:b}", "verified", is_sound(v),
	    "name", oms_doc_name(v->doc), "root", digest_hex(&root, hex),
	    "files", (json_int_t)oms_doc_files(v->doc)->count, "bytes",
	    (json_int_t)v->bytes, "hint", oms_doc_has_hint(v->doc));
	if (j == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; r == 0 && i < WRONGS; i++)
		r = out_set(j, wrongs[i].name, json_incref(v->found[i]));
	return r == 0 ? out_json(j) : r;
}

static void
print_list(enum wrong w, const json_t *names)
{
	size_t n = json_array_size(names);

	for (size_t i = 0; i < n && i < LISTED; i++)
		out_line("%s %s", wrongs[w].text,
		    json_string_value(json_array_get(names, i)));
	if (n > LISTED)
		out_line("%s and %zu more", wrongs[w].text, n - LISTED);
}

static int
print_result(const struct verify *v)
{
	struct digest root = oms_doc_root(v->doc);
	char hex[DIGEST_HEX_SIZE], size[OUT_SIZE], shown[SHOWN_SIZE];
	int r = v->o->json ? print_json(v) : 0;

	if (r != 0)
		return r;
	log_name(shown, sizeof(shown), v->path, strlen(v->path));
	if (!is_sound(v)) {
		for (size_t i = 0; !v->o->json && i < WRONGS; i++)
			print_list((enum wrong)i, v->found[i]);
		return log_err(ERR_INTEGRITY,
		    "'%s' is not what was signed: %zu differ, %zu missing, %zu "
		    "unlisted, %zu links, %zu special files",
		    shown, json_array_size(v->found[DIFFERS]),
		    json_array_size(v->found[MISSING]),
		    json_array_size(v->found[UNLISTED]),
		    json_array_size(v->found[LINKED]),
		    json_array_size(v->found[ODD]));
	}
	if (!v->o->json)
		out_line("verified '%s': %zu files, %s, root %s", shown,
		    oms_doc_files(v->doc)->count, out_size(v->bytes, size),
		    digest_hex(&root, hex));
	return 0;
}

static int
run(struct verify *v)
{
	int r;

	for (size_t i = 0; i < WRONGS; i++)
		if ((v->found[i] = json_array()) == NULL)
			return ERR_NOMEM;
	if ((r = open_bundle(v)) != 0)
		return r;
	if ((r = list(v)) == 0)
		r = compare(v);
	if (r != 0 && *v->o->stop) {
		log_info("interrupted: '%s' was not verified", v->path);
		return CMD_INTERRUPTED;
	}
	return r == 0 ? print_result(v) : r;
}

int
cmd_verify_oms(struct options *o, int argc, char **argv)
{
	__attribute__((cleanup(verify_clear))) struct verify v = { .o = o };
	struct options_operands operands;
	const struct options_own own[] = {
		{ "bundle", 0, OPTIONS_TEXT, &v.bundle },
		{ "public-key", 0, OPTIONS_TEXT, &v.key },
		{ "ignore-paths", 0, OPTIONS_LIST, &v.ignore },
		{ "ignore-unsigned-files", 0, OPTIONS_FLAG,
		    &v.ignore_unsigned },
		OPTIONS_END,
	};
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	if (v.bundle == NULL || v.key == NULL)
		return options_wrong(o, "%s is missing",
		    v.bundle == NULL ? "--bundle FILE" : "--public-key FILE");
	v.path = operands.items[0];
	return run(&v);
}
