/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/tensor.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/reader.h"
#include "vault/size.h"

#define MAGIC "weirtns\n"
#define VERSION 1
#define FIXED 16
#define ITEM_MIN (4 + 8 + 8 + 1 + 1 + 2)

static const char *const names[] = {
	[TENSOR_BOOL] = "bool",
	[TENSOR_U8] = "u8",
	[TENSOR_I8] = "i8",
	[TENSOR_U16] = "u16",
	[TENSOR_I16] = "i16",
	[TENSOR_U32] = "u32",
	[TENSOR_I32] = "i32",
	[TENSOR_U64] = "u64",
	[TENSOR_I64] = "i64",
	[TENSOR_F16] = "f16",
	[TENSOR_BF16] = "bf16",
	[TENSOR_F32] = "f32",
	[TENSOR_F64] = "f64",
	[TENSOR_C64] = "c64",
	[TENSOR_F4] = "f4",
	[TENSOR_F6_E2M3] = "f6_e2m3",
	[TENSOR_F6_E3M2] = "f6_e3m2",
	[TENSOR_F8_E5M2] = "f8_e5m2",
	[TENSOR_F8_E4M3] = "f8_e4m3",
	[TENSOR_F8_E8M0] = "f8_e8m0",
	[TENSOR_F8_E4M3FNUZ] = "f8_e4m3fnuz",
	[TENSOR_F8_E5M2FNUZ] = "f8_e5m2fnuz",
};

/* By ggml's type numbers; those it withdrew have none. */
static const char *const ggml_names[] = {
	[0] = "ggml-f32",
	[1] = "ggml-f16",
	[2] = "ggml-q4_0",
	[3] = "ggml-q4_1",
	[6] = "ggml-q5_0",
	[7] = "ggml-q5_1",
	[8] = "ggml-q8_0",
	[9] = "ggml-q8_1",
	[10] = "ggml-q2_k",
	[11] = "ggml-q3_k",
	[12] = "ggml-q4_k",
	[13] = "ggml-q5_k",
	[14] = "ggml-q6_k",
	[15] = "ggml-q8_k",
	[16] = "ggml-iq2_xxs",
	[17] = "ggml-iq2_xs",
	[18] = "ggml-iq3_xxs",
	[19] = "ggml-iq1_s",
	[20] = "ggml-iq4_nl",
	[21] = "ggml-iq3_s",
	[22] = "ggml-iq2_s",
	[23] = "ggml-iq4_xs",
	[24] = "ggml-i8",
	[25] = "ggml-i16",
	[26] = "ggml-i32",
	[27] = "ggml-i64",
	[28] = "ggml-f64",
	[29] = "ggml-iq1_m",
	[30] = "ggml-bf16",
	[34] = "ggml-tq1_0",
	[35] = "ggml-tq2_0",
	[39] = "ggml-mxfp4",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Of a tensor's element type, or NULL for a number that is none. */
static const char *
name_of(uint8_t type)
{
	if (type >= TENSOR_GGML)
		return type - TENSOR_GGML < (int)COUNT(ggml_names) ?
		    ggml_names[type - TENSOR_GGML] :
		    NULL;
	return type < COUNT(names) ? names[type] : NULL;
}

const char *
tensor_type_name(uint8_t type)
{
	const char *name = name_of(type);

	return name != NULL ? name : "unknown";
}

int
tensor_list_add(struct tensor_list *l, const struct tensor *t, char *name)
{
	if (l->count == l->capacity) {
		size_t capacity = l->capacity != 0 ? 2 * l->capacity : 16;
		void *items = reallocarray(l->items, capacity,
		    sizeof(*l->items));

		if (items == NULL) {
			free(name);
			return ERR_NOMEM;
		}
		l->items = items;
		l->capacity = capacity;
	}
	l->items[l->count] = *t;
	l->items[l->count++].name = name;
	return 0;
}

void
tensor_list_clear(struct tensor_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->items[i].name);
	free(l->items);
	*l = (struct tensor_list){ 0 };
}

static int
compare(const void *va, const void *vb)
{
	const struct tensor *a = va, *b = vb;

	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return strcmp(a->name, b->name);
}

void
tensor_list_sort(struct tensor_list *l)
{
	if (l->count > 0)
		qsort(l->items, l->count, sizeof(*l->items), compare);
}

/* What an index may hold; before is the tensor that stands before t. */
static bool
tensor_ok(const struct tensor *t, const struct tensor *before)
{
	uint64_t end;

	return t->dims <= TENSOR_DIMS_MAX && name_of(t->type) != NULL &&
	    size_add(t->offset, t->length, &end) &&
	    (before == NULL || compare(before, t) < 0);
}

static int
write_tensor(const struct tensor *t, struct writer *w)
{
	const size_t name_length = strlen(t->name);

	if (name_length > TENSOR_NAME_MAX)
		return ERR_FORMAT;
	if (ITEM_MIN + t->dims * sizeof(t->shape[0]) + name_length >
	    w->max - w->length)
		return ERR_LIMIT;
	writer_u32(w, t->file);
	writer_u64(w, t->offset);
	writer_u64(w, t->length);
	writer_u8(w, t->type);
	writer_u8(w, t->dims);
	for (unsigned int d = 0; d < t->dims; d++)
		writer_u64(w, t->shape[d]);
	writer_string(w, t->name);
	return writer_ok(w) ? 0 : ERR_NOMEM;
}

int
tensor_index_write(const struct tensor_list *l, struct writer *w)
{
	if (l->count > UINT32_MAX || FIXED > w->max - w->length)
		return ERR_LIMIT;
	writer_bytes(w, MAGIC, 8);
	writer_u16(w, VERSION);
	writer_u16(w, 0);
	writer_u32(w, (uint32_t)l->count);
	for (size_t i = 0; i < l->count; i++) {
		int err;

		if (!tensor_ok(&l->items[i], i > 0 ? &l->items[i - 1] : NULL))
			return ERR_FORMAT;
		err = write_tensor(&l->items[i], w);
		if (err != 0)
			return err;
	}
	return writer_ok(w) ? 0 : ERR_NOMEM;
}

/* A u16 length and a name without NUL. */
static int
parse_name(char **out, struct reader *r)
{
	size_t n = reader_u16(r);
	const uint8_t *at = reader_bytes(r, n);

	if (at == NULL || n > TENSOR_NAME_MAX || memchr(at, '\0', n) != NULL)
		return ERR_FORMAT;
	*out = strndup((const char *)at, n);
	return *out != NULL ? 0 : ERR_NOMEM;
}

static int
parse_tensor(struct tensor_list *l, struct reader *r)
{
	const struct tensor *before;
	struct tensor t = { 0 };
	char *name;
	int err;

	t.file = reader_u32(r);
	t.offset = reader_u64(r);
	t.length = reader_u64(r);
	t.type = reader_u8(r);
	t.dims = reader_u8(r);
	if (t.dims > TENSOR_DIMS_MAX)
		return ERR_FORMAT;
	for (unsigned int d = 0; d < t.dims; d++)
		t.shape[d] = reader_u64(r);
	err = parse_name(&name, r);
	if (err == 0)
		err = tensor_list_add(l, &t, name);
	if (err != 0)
		return err;
	before = l->count > 1 ? &l->items[l->count - 2] : NULL;
	return tensor_ok(&l->items[l->count - 1], before) ? 0 : ERR_FORMAT;
}

int
tensor_index_parse(struct tensor_list *out, const void *bytes, size_t length)
{
	struct reader r = reader_of(bytes, length);
	struct tensor_list l = { 0 };
	uint32_t count;
	int err = 0;

	reader_expect(&r, MAGIC, 8);
	if (reader_u16(&r) != VERSION || reader_u16(&r) != 0)
		reader_fail(&r);
	count = reader_count(&r, ITEM_MIN);
	if (!reader_ok(&r))
		return ERR_FORMAT;
	for (uint32_t i = 0; i < count && err == 0; i++)
		err = parse_tensor(&l, &r);
	if (err == 0 && !reader_end(&r))
		err = ERR_FORMAT;
	if (err != 0) {
		tensor_list_clear(&l);
		return err;
	}
	*out = l;
	return 0;
}
