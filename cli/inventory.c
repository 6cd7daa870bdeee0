/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/out.h"
#include "cli/talk.h"
#include "vault/err.h"
#include "vault/size.h"

#define TEXT_SIZE 128

/* A name once. */
static int
add_once(json_t *list, const char *name)
{
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (strcmp(json_string_value(one), name) == 0)
			return 0;
	return json_array_append_new(list, json_string(name)) == 0 ? 0 :
								     ERR_NOMEM;
}

/* By what a file of weights is called. */
static const char *
format_of(const char *path)
{
	static const char *const ends[][2] = {
		{ ".safetensors", "safetensors" },
		{ ".gguf", "gguf" },
		{ ".bin", "pytorch" },
		{ ".pt", "pytorch" },
		{ ".pth", "pytorch" },
		{ ".ckpt", "pytorch" },
		{ ".onnx", "onnx" },
	};
	size_t n = strlen(path);

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		size_t e = strlen(ends[i][0]);

		if (n > e && strcasecmp(path + n - e, ends[i][0]) == 0)
			return ends[i][1];
	}
	return NULL;
}

int
inventory_formats(json_t *v, const struct manifest *m)
{
	json_t *list = json_array();
	int r = out_set(v, "formats", list);

	for (uint32_t i = 0; r == 0 && i < m->file_count; i++) {
		const char *format = format_of(m->files[i].path);

		if (m->files[i].kind == MANIFEST_FILE && format != NULL &&
		    m->files[i].class == MANIFEST_WEIGHTS)
			r = add_once(list, format);
	}
	return r;
}

static int
add_tensors(json_t *v, struct version *version)
{
	json_t *dtypes = json_array();
	struct tensor_list tensors;
	uint64_t all = 0;
	int r = out_set(v, "dtypes", dtypes);

	if (r != 0 || (r = version_tensors(version, &tensors)) != 0)
		return r;
	for (size_t i = 0; r == 0 && i < tensors.count; i++) {
		const struct tensor *t = &tensors.items[i];
		uint64_t n = 1;

		for (uint8_t k = 0; k < t->dims; k++)
			if (!size_mul(n, t->shape[k], &n))
				n = 0;
		all += n;
		r = add_once(dtypes, tensor_type_name(t->type));
	}
	tensor_list_clear(&tensors);
	return r == 0 ?
	    out_set(v, "parameters", json_integer((json_int_t)all)) :
	    r;
}

static int
look(json_t *v, const char *model, struct client *c, struct store *s)
{
	OWNED_MEM(char) reference = NULL;
	OWNED(version) version = NULL;
	struct msg_version m;
	int r;

	if (asprintf(&reference, "%s@%s", model, talk_text(v, "version")) < 0) {
		reference = NULL;
		return ERR_NOMEM;
	}
	if ((r = client_version_get(c, reference, &m)) != 0)
		return r;
	r = talk_version(&version, s, &m);
	msg_version_clear(&m);
	if (r == 0)
		r = inventory_formats(v, version_manifest(version));
	return r == 0 ? add_tensors(v, version) : r;
}

int
inventory_add(json_t *models, struct client *c, struct store *s)
{
	json_t *model, *v;
	size_t i, k;

	json_array_foreach(models, i, model)
		json_array_foreach(json_object_get(model, "versions"), k, v) {
			int r = 0;

			/* Nothing opens what was removed. */
			if (json_object_get(v, "removed") == NULL)
				r = look(v, talk_text(model, "model"), c, s);
			if (r == ERR_NOT_FOUND || r == ERR_INTEGRITY ||
			    r == ERR_DENIED)
				r = out_set(v, "unread",
				    json_string(err_text(r)));
			if (r != 0)
				return r;
		}
	return 0;
}

/* "BF16 F32" */
static void
join(const json_t *list, char out[static TEXT_SIZE])
{
	const json_t *one;
	size_t i, n = 0;

	*out = '\0';
	json_array_foreach(list, i, one)
		if (n < TEXT_SIZE)
			n += (size_t)snprintf(out + n, TEXT_SIZE - n, "%s%s",
			    i > 0 ? " " : "", json_string_value(one));
}

static void
retention(const json_t *v, char out[static TEXT_SIZE])
{
	const json_t *removed = json_object_get(v, "removed");
	char until[OUT_TIME];

	if (removed == NULL)
		snprintf(out, TEXT_SIZE, "kept");
	else
		snprintf(out, TEXT_SIZE, "removed, until %.10s",
		    out_when(talk_text(removed, "until"), until));
}

static int
add_row(struct out_table *t, const json_t *model, const json_t *v)
{
	char digits[13], size[OUT_SIZE], read[OUT_TIME] = "never";
	char dtypes[TEXT_SIZE], formats[TEXT_SIZE], kept[TEXT_SIZE];
	char parameters[24], types[2 * TEXT_SIZE];
	const char *cells[] = { talk_text(model, "model"), digits,
		talk_text(v, "state"), talk_text(v, "by"),
		talk_text(v, "owner"), talk_text(v, "classification"),
		talk_text(v, "licence"), talk_text(v, "source_run"), size,
		parameters, types, read, kept };

	snprintf(digits, sizeof(digits), "%s", talk_text(v, "version"));
	out_size(talk_number(v, "bytes"), size);
	snprintf(parameters, sizeof(parameters), "%llu",
	    (unsigned long long)talk_number(v, "parameters"));
	if (talk_text(v, "last_read")[0] != '\0')
		out_when(talk_text(v, "last_read"), read);
	join(json_object_get(v, "formats"), formats);
	join(json_object_get(v, "dtypes"), dtypes);
	snprintf(types, sizeof(types), "%s%s%s", dtypes,
	    dtypes[0] != '\0' && formats[0] != '\0' ? " " : "", formats);
	retention(v, kept);
	return out_table_add(t, cells);
}

int
inventory_print(const json_t *models)
{
	static const char *const heads[] = { "MODEL", "VERSION", "STATE", "BY",
		"OWNER", "CLASS", "LICENCE", "SOURCE RUN", ">SIZE",
		">PARAMETERS", "TYPES", "LAST READ (UTC)", "RETENTION" };
	OWNED(out_table) table = NULL;
	const json_t *model, *v;
	size_t i, k;
	int r;

	if ((r = out_table_new(&table, heads, 13)) != 0)
		return r;
	json_array_foreach(models, i, model)
		json_array_foreach(json_object_get(model, "versions"), k, v)
			if ((r = add_row(table, model, v)) != 0)
				return r;
	out_table_print(table);
	return 0;
}
