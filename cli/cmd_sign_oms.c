/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/omsdir.h"
#include "cli/omskey.h"
#include "cli/out.h"
#include "vault/err.h"
#include "vault/file.h"
#include "vault/log.h"

#define SHOWN_SIZE 256

/* `weir sign-oms`: a plain directory, in no vault. */
struct sign {
	struct options *o;
	const char *path;
	const char *bundle;
	const char *name;
	struct omskey_how key;
	struct options_list ignore;
	struct omsdir dir;
	struct oms_files files;
};

static void
sign_clear(struct sign *s)
{
	oms_files_clear(&s->files);
	omsdir_clear(&s->dir);
}

static int
list(struct sign *s)
{
	int r;

	if ((r = omsdir_open(&s->dir, s->o, s->path)) != 0 ||
	    (r = omsdir_ignore_bundle(&s->dir, s->bundle)) != 0)
		return r;
	for (size_t i = 0; i < s->ignore.count; i++)
		if ((r = omsdir_ignore(&s->dir, s->ignore.items[i])) != 0)
			return r;
	return omsdir_walk(&s->dir);
}

/* What a bundle can cover. */
static int
accept(const struct survey_item *i)
{
	char shown[SHOWN_SIZE];

	log_name(shown, sizeof(shown), i->path, strlen(i->path));
	if (i->kind == SURVEY_LINK)
		return log_err(ERR_FORMAT,
		    "'%s' is a symbolic link, which a bundle cannot cover: "
		    "put the file itself there, or leave it out with "
		    "--ignore-paths",
		    shown);
	if (i->kind == SURVEY_OTHER)
		return log_err(ERR_FORMAT,
		    "'%s' is a device, socket or fifo: leave it out with "
		    "--ignore-paths",
		    shown);
	if (!manifest_path_ok(i->path))
		return log_err(ERR_FORMAT,
		    "'%s' cannot be named in a bundle: names must be UTF-8 "
		    "without control characters",
		    shown);
	return 0;
}

static int
hash(struct sign *s)
{
	const struct survey *survey = &s->dir.survey;
	int r = 0;

	s->files.items = calloc(survey->count + 1, sizeof(*s->files.items));
	if (s->files.items == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; r == 0 && i < survey->count; i++) {
		/* Where a version's own signature would be. */
		if (oms_is_ignored(survey->items[i].path,
			&(const char *){ OMS_FILE }, 1))
			continue;
		r = accept(&survey->items[i]);
		survey->items[i].wanted = true;
	}
	if (r != 0 || (r = omsdir_hash(&s->dir)) != 0)
		return r;
	for (size_t i = 0; i < survey->count; i++)
		if (survey->items[i].wanted)
			s->files
			    .items[s->files.count++] = (struct oms_resource){
				survey->items[i].path, survey->items[i].digest
			};
	return 0;
}

static int
write_bundle(const struct sign *s, struct oms_parts *p)
{
	OWNED_MEM(char) payload = NULL;
	OWNED_MEM(char) bundle = NULL;
	OWNED_OMSKEY signature = { 0 };
	char why[OMS_WHY] = "", shown[SHOWN_SIZE];
	size_t n;
	int r;

	log_name(shown, sizeof(shown), s->path, strlen(s->path));
	r = oms_payload(&payload, &n, &s->files, p, why);
	if (r != 0 && why[0] != '\0')
		return log_err(r, "'%s': %s", shown, why);
	if (r != 0 || (r = omskey_sign(&signature, &s->key, payload, n)) != 0)
		return r;
	p->key = signature.key;
	p->sig = signature.sig;
	p->sig_length = signature.length;
	r = oms_bundle(&bundle, &n, &s->files, p, why);
	p->key = NULL;
	p->sig = NULL;
	if (r != 0)
		return why[0] != '\0' ? log_err(r, "'%s': %s", shown, why) : r;
	return file_replace(NULL, s->bundle, bundle, n, 0644);
}

static int
print_result(const struct sign *s, const struct oms_parts *p)
{
	struct digest root = oms_root(&s->files);
	char hex[DIGEST_HEX_SIZE];
	OWNED_JSON j = NULL;

	digest_hex(&root, hex);
	if (!s->o->json) {
		out_line("signed '%s': %zu files, root %s", p->name,
		    s->files.count, hex);
		return 0;
	}
	j = json_pack("{s:s, s:s, s:I, s:s}", "name", p->name, "root", hex,
	    "files", (json_int_t)s->files.count, "bundle", s->bundle);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

static int
run(struct sign *s)
{
	struct oms_parts p = { 0 };
	int r;

	if ((r = list(s)) == 0)
		r = hash(s);
	if (r != 0 && *s->o->stop) {
		log_info("interrupted: nothing was signed");
		return CMD_INTERRUPTED;
	}
	if (r != 0)
		return r;
	p.name = s->name != NULL ? s->name : s->dir.survey.name;
	p.ignore = s->dir.ignore;
	p.ignore_count = s->dir.count;
	r = write_bundle(s, &p);
	return r == 0 ? print_result(s, &p) : r;
}

int
cmd_sign_oms(struct options *o, int argc, char **argv)
{
	__attribute__((cleanup(sign_clear))) struct sign s = { .o = o };
	struct options_operands operands;
	const struct options_own own[] = {
		{ "key", 0, OPTIONS_TEXT, &s.key.path },
		{ "key-passphrase-file", 0, OPTIONS_TEXT,
		    &s.key.passphrase_file },
		{ "bundle", 0, OPTIONS_TEXT, &s.bundle },
		{ "name", 0, OPTIONS_TEXT, &s.name },
		{ "ignore-paths", 0, OPTIONS_LIST, &s.ignore },
		OPTIONS_END,
	};
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	if (s.key.path == NULL || s.bundle == NULL)
		return options_wrong(o, "%s is missing",
		    s.key.path == NULL ? "--key FILE" : "--bundle FILE");
	s.path = operands.items[0];
	r = omskey_look(s.key.path);
	return r == 0 ? run(&s) : r;
}
