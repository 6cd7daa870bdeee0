/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/bom.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/out.h"
#include "cli/talk.h"
#include "vault/entry.h"
#include "vault/err.h"

#define WEIR_VERSION "0.1"
#define NAME_SIZE 128
#define URN_SIZE 64
#define REF_SIZE (REF_NAME_MAX + DIGEST_HEX_SIZE + 2)

/* A property; nothing when there is no value. */
static int
add_property(json_t *list, const char *name, const char *value)
{
	char full[NAME_SIZE];

	if (value == NULL || value[0] == '\0')
		return 0;
	snprintf(full, sizeof(full), "weir:%s", name);
	return json_array_append_new(list,
		   json_pack("{s:s, s:s}", "name", full, "value", value)) == 0 ?
	    0 :
	    ERR_NOMEM;
}

static int
add_number(json_t *list, const char *name, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	return add_property(list, name, text);
}

static const struct statement_fields *
stated(const struct bom_of *of)
{
	return vouched_is(of->vouched) ?
	    statement_fields(of->vouched->version.statement) :
	    NULL;
}

static int
add_stated(json_t *list, const struct statement_fields *f)
{
	int r = add_property(list, "owner", f->owner);

	if (r == 0)
		r = add_property(list, "classification", f->classification);
	return r == 0 ? add_property(list, "source_run", f->source_run) : r;
}

static int
add_lists(json_t *list, const struct bom_of *of)
{
	char name[NAME_SIZE];
	const json_t *d, *value;
	const char *key;
	size_t i;
	int r = 0;

	json_array_foreach(of->dtypes, i, d) {
		snprintf(name, sizeof(name), "tensors:%s",
		    talk_text(d, "dtype"));
		if (r == 0)
			r = add_number(list, name, talk_number(d, "tensors"));
	}
	json_object_foreach((json_t *)(uintptr_t)of->labels, key, value) {
		snprintf(name, sizeof(name), "label:%.100s", key);
		if (r == 0)
			r = add_property(list, name, json_string_value(value));
	}
	return r;
}

static int
add_properties(json_t *component, const struct bom_of *of)
{
	const struct statement_fields *f = stated(of);
	char put[ENTRY_TIME_SIZE];
	json_t *list = json_array();
	int r = out_set(component, "properties", list);

	if (r == 0)
		r = add_property(list, "put_by", of->m->by);
	if (r == 0)
		r = add_property(list, "put",
		    entry_time_text(of->m->created_ms, put));
	if (r == 0)
		r = add_property(list, "signed", f != NULL ? "true" : "false");
	if (r == 0 && f != NULL)
		r = add_stated(list, f);
	if (r == 0)
		r = add_number(list, "bytes", of->manifest->total_bytes);
	if (r == 0)
		r = add_number(list, "weights", of->manifest->weight_bytes);
	if (r == 0 && of->parameters > 0)
		r = add_number(list, "parameters", of->parameters);
	return r == 0 ? add_lists(list, of) : r;
}

static json_t *
hashes(const struct digest *d)
{
	char hex[DIGEST_HEX_SIZE];

	return json_pack("[{s:s, s:s}]", "alg", "SHA-256", "content",
	    digest_hex(d, hex));
}

/* "meta/llama" is llama of the group meta. */
static json_t *
model_component(const struct bom_of *of, const char *ref)
{
	const struct statement_fields *f = stated(of);
	const char *slash = strchr(of->m->model, '/');
	char hex[DIGEST_HEX_SIZE];
	json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:o}", "type",
	    "machine-learning-model", "bom-ref", ref, "name",
	    slash != NULL ? slash + 1 : of->m->model, "version",
	    digest_hex(&of->m->version, hex), "hashes",
	    hashes(&of->m->version));
	int r = j != NULL ? add_properties(j, of) : ERR_NOMEM;

	if (r == 0 && slash != NULL)
		r = out_set(j, "group",
		    json_stringn(of->m->model, (size_t)(slash - of->m->model)));
	if (r == 0 && f != NULL && f->licence != NULL)
		r = out_set(j, "licenses",
		    json_pack("[{s:{s:s}}]", "license", "name", f->licence));
	if (r == 0)
		return j;
	json_decref(j);
	return NULL;
}

/* Files, and that the model is made of them. */
static int
add_files(const struct bom_of *of, const char *ref, json_t *bom)
{
	const struct manifest *m = of->manifest;
	json_t *list = json_array(), *parts = json_array();
	int r = out_set(bom, "components", list);

	if (r != 0) {
		json_decref(parts);
		return r;
	}
	r = out_set(bom, "dependencies",
	    json_pack("[{s:s, s:o}]", "ref", ref, "dependsOn", parts));
	for (uint32_t i = 0; r == 0 && i < m->file_count; i++) {
		const struct manifest_file *f = &m->files[i];
		char file[NAME_SIZE];

		if (f->kind != MANIFEST_FILE)
			continue;
		snprintf(file, sizeof(file), "file-%" PRIu32, i);
		if (json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:o}", "type", "file",
			    "bom-ref", file, "name", f->path, "hashes",
			    hashes(&f->digest))) != 0 ||
		    json_array_append_new(parts, json_string(file)) != 0)
			r = ERR_NOMEM;
	}
	return r;
}

/* The same version has the same number: RFC 9562's version 8, of its digest. */
static const char *
serial(const struct digest *version, char buf[static URN_SIZE])
{
	const uint8_t *b = version->bytes;

	snprintf(buf, URN_SIZE,
	    "urn:uuid:%02x%02x%02x%02x-%02x%02x-8%x%02x-%02x%02x-"
	    "%02x%02x%02x%02x%02x%02x",
	    b[0], b[1], b[2], b[3], b[4], b[5], b[6] & 15U, b[7],
	    (b[8] & 0x3fU) | 0x80U, b[9], b[10], b[11], b[12], b[13], b[14],
	    b[15]);
	return buf;
}

int
bom_print(const struct bom_of *of)
{
	char created[ENTRY_TIME_SIZE], urn[URN_SIZE], ref[REF_SIZE];
	char hex[DIGEST_HEX_SIZE];
	OWNED_JSON j = NULL;
	int r;

	snprintf(ref, sizeof(ref), "%s@%s", of->m->model,
	    digest_hex(&of->m->version, hex));
	j = json_pack("{s:s, s:s, s:s, s:i, s:{s:s, s:{s:[{s:s, s:s, s:s}]}, "
		      "s:o}}",
	    "bomFormat", "CycloneDX", "specVersion", "1.6", "serialNumber",
	    serial(&of->m->version, urn), "version", 1, "metadata", "timestamp",
	    entry_time_text(of->m->created_ms, created), "tools", "components",
	    "type", "application", "name", "weir", "version", WEIR_VERSION,
	    "component", model_component(of, ref));
	if (j == NULL)
		return ERR_NOMEM;
	r = add_files(of, ref, j);
	return r == 0 ? out_json(j) : r;
}
