/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cmd.h"
#include "cli/inventory.h"
#include "cli/older.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/log.h"

static const char *
class_name(const struct manifest_file *f)
{
	static const char *const names[] = {
		[MANIFEST_WEIGHTS] = "weights",
		[MANIFEST_CONFIG] = "config",
		[MANIFEST_TOKENIZER] = "tokenizer",
		[MANIFEST_TEXT] = "text",
	};

	return f->kind == MANIFEST_FILE ? names[f->class] : "";
}

static int
add_file_row(struct out_table *t, const struct manifest_file *f)
{
	static const char kinds[] = { [MANIFEST_FILE] = '-',
		[MANIFEST_LINK] = 'l',
		[MANIFEST_DIR] = 'd' };
	char mode[8], size[OUT_SIZE] = "";
	OWNED_MEM(char) path = NULL;
	const char *cells[] = { mode, size, class_name(f), NULL };

	snprintf(mode, sizeof(mode), "%c%04o", kinds[f->kind], f->mode);
	if (f->kind == MANIFEST_FILE)
		out_size(f->size, size);
	if (asprintf(&path, "%s%s%s", f->path,
		f->kind == MANIFEST_LINK    ? " -> " :
		    f->kind == MANIFEST_DIR ? "/" :
					      "",
		f->kind == MANIFEST_LINK ? f->target : "") < 0) {
		path = NULL;
		return ERR_NOMEM;
	}
	cells[3] = path;
	return out_table_add(t, cells);
}

static json_t *
file_json(const struct manifest_file *f)
{
	static const char *const kinds[] = { [MANIFEST_FILE] = "file",
		[MANIFEST_LINK] = "link",
		[MANIFEST_DIR] = "dir" };
	char hex[DIGEST_HEX_SIZE], mode[8];

	snprintf(mode, sizeof(mode), "%04o", f->mode);
	if (f->kind != MANIFEST_FILE)
		return json_pack("{s:s, s:s, s:s, s:s*}", "path", f->path,
		    "kind", kinds[f->kind], "mode", mode, "target", f->target);
	return json_pack("{s:s, s:s, s:s, s:I, s:s, s:s}", "path", f->path,
	    "kind", kinds[f->kind], "mode", mode, "size", (json_int_t)f->size,
	    "digest", digest_hex(&f->digest, hex), "class", class_name(f));
}

static int
print_files_json(const struct msg_version *m, const struct manifest *manifest)
{
	char hex[DIGEST_HEX_SIZE];
	json_t *files = json_array();
	OWNED_JSON j = json_pack("{s:s, s:s, s:o}", "model", m->model,
	    "version", digest_hex(&m->version, hex), "files", files);

	if (files == NULL || j == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < manifest->file_count; i++)
		if (json_array_append_new(files,
			file_json(&manifest->files[i])) != 0)
			return ERR_NOMEM;
	return out_json(j);
}

static int
list_files(const struct options *o, struct client *c, const char *reference)
{
	static const char *const heads[] = { "MODE", ">SIZE", "CLASS", "PATH" };
	OWNED(out_table) table = NULL;
	OWNED(version) version = NULL;
	OWNED(store) store = NULL;
	const struct manifest *manifest;
	struct msg_version m;
	int r;

	if ((r = client_version_get(c, reference, &m)) != 0)
		return r;
	if ((r = talk_store(&store, o, false)) != 0 ||
	    (r = talk_version(&version, store, &m)) != 0) {
		msg_version_clear(&m);
		return r;
	}
	manifest = version_manifest(version);
	if (o->json)
		r = print_files_json(&m, manifest);
	msg_version_clear(&m);
	if (o->json || r != 0)
		return r;

	if ((r = out_table_new(&table, heads, 4)) != 0)
		return r;
	for (uint32_t i = 0; i < manifest->file_count; i++)
		if ((r = add_file_row(table, &manifest->files[i])) != 0)
			return r;
	out_table_print(table);
	return 0;
}

/* "prod", "prod(expired)" */
static void
add_channel(FILE *f, bool more, const char *name, const json_t *v)
{
	const char *why = talk_text(json_object_get(v, "halted"), name);

	fprintf(f, "%s%s", more ? " " : "", name);
	if (*why != '\0')
		fprintf(f, "(%s)", why);
}

/* What points to a version, "latest" last; the caller frees. */
static int
channels_text(const json_t *model, const json_t *v, char **out)
{
	bool latest = strcmp(talk_text(v, "version"),
			  talk_text(model, "latest")) == 0;
	char *text = NULL;
	size_t i, length;
	FILE *f = open_memstream(&text, &length);
	json_t *name;

	if (f == NULL)
		return ERR_NOMEM;
	if (json_object_get(v, "removed") != NULL)
		fputs("(removed)", f);
	json_array_foreach(json_object_get(v, "channels"), i, name)
		add_channel(f, i > 0, json_string_value(name), v);
	if (latest)
		fprintf(f, "%slatest", ftello(f) > 0 ? " " : "");
	if (fclose(f) != 0) {
		free(text);
		return ERR_NOMEM;
	}
	*out = text;
	return 0;
}

/* digits of the version: 12 to tell it by, or as many as --allow-unsigned and
 * whoever signs need. */
#define DIGITS_SHOWN 12
#define DIGITS_NAMING 32

static int
add_version_row(struct out_table *t, const json_t *model, const json_t *v,
    int digits)
{
	char version[DIGEST_HEX_SIZE], files[24], size[OUT_SIZE];
	char created[OUT_TIME];
	OWNED_MEM(char) channels = NULL;
	OWNED_MEM(char) labels = NULL;
	const char *cells[] = { talk_text(model, "model"), version,
		talk_text(v, "state"), NULL, created, files, size,
		talk_text(v, "by"), NULL };
	int r = channels_text(model, v, &channels);

	if (r != 0)
		return r;
	cells[3] = channels;
	snprintf(version, sizeof(version), "%.*s", digits,
	    talk_text(v, "version"));
	out_when(talk_text(v, "created"), created);
	snprintf(files, sizeof(files), "%llu",
	    (unsigned long long)talk_number(v, "files"));
	out_size(talk_number(v, "bytes"), size);
	r = talk_labels_text(json_object_get(v, "labels"), &labels);
	if (r != 0)
		return r;
	cells[8] = labels;
	return out_table_add(t, cells);
}

static int
print_versions(const json_t *models, int digits)
{
	static const char *const heads[] = { "MODEL", "VERSION", "STATE",
		"CHANNELS", "CREATED (UTC)", ">FILES", ">SIZE", "BY",
		"LABELS" };
	OWNED(out_table) table = NULL;
	json_t *model, *v;
	size_t i, k;
	int r;

	if ((r = out_table_new(&table, heads, 9)) != 0)
		return r;
	json_array_foreach(models, i, model)
		json_array_foreach(json_object_get(model, "versions"), k, v)
			if ((r = add_version_row(table, model, v, digits)) != 0)
				return r;
	out_table_print(table);
	return 0;
}

/* Which versions, and how much of them. */
struct wanted {
	char *model;
	bool all;
	bool long_form;
};

static int
add_inventory(const struct options *o, struct client *c, json_t *models)
{
	OWNED(store) store = NULL;
	int r = talk_store(&store, o, false);

	return r == 0 ? inventory_add(models, c, store) : r;
}

static int
list_versions(const struct options *o, struct client *c, const struct wanted *w)
{
	OWNED_JSON j = NULL;
	char older[OLDER_SIZE];
	json_t *models;
	int r;

	r = talk_list(c, MSG_MODEL_LS, "models",
	    &(struct msg_list){
		.model = w->model,
		.id = w->long_form,
		.ended = w->all,
	    },
	    &j);
	if (r != 0)
		return r;
	models = json_object_get(j, "models");
	older_look(c, older);
	if (*older != '\0')
		log_warn("%s: 'weir doctor' says what to do", older);
	if (w->long_form && (r = add_inventory(o, c, models)) != 0)
		return r;
	if (o->json)
		return out_json(j);
	if (json_array_size(models) == 0 && !o->quiet)
		log_info("no model is here that you may see; 'weir put MODEL "
			 "DIRECTORY' makes one");
	if (w->long_form)
		return inventory_print(models);
	return print_versions(models,
	    w->model != NULL ? DIGITS_NAMING : DIGITS_SHOWN);
}

int
cmd_ls(struct options *o, int argc, char **argv)
{
	struct wanted wanted = { 0 };
	bool files = false;
	const struct options_own own[] = {
		{ "files", 0, OPTIONS_FLAG, &files },
		{ "all", 0, OPTIONS_FLAG, &wanted.all },
		{ "long", 'l', OPTIONS_FLAG, &wanted.long_form },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED(client) client = NULL;
	struct ref ref = { 0 };
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0)
		return r;
	if (operands.count > 0 &&
	    (r = talk_ref(o, operands.items[0], &ref)) != 0)
		return r;
	if (files && operands.count == 0)
		return options_wrong(o, "--files of which version?");
	if ((r = talk_open(&client, o)) != 0)
		return r;
	if (files || ref.channel[0] != '\0' || ref.digits[0] != '\0')
		return list_files(o, client, operands.items[0]);
	if (operands.count > 0)
		wanted.model = operands.items[0];
	return list_versions(o, client, &wanted);
}
