/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/gguf.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/digest.h"
#include "vault/err.h"
#include "vault/layout.h"
#include "vault/log.h"
#include "vault/size.h"
#include "vault/stream.h"

#define MAGIC "GGUF"
#define ALIGNMENT_KEY "general.alignment"
#define ALIGNMENT_DEFAULT 32
#define TENSOR_MIN (8 + 4 + 4 + 8) /* bytes of a tensor's description */
#define KEY_MIN (8 + 4 + 1)

enum value_type {
	VALUE_U8,
	VALUE_I8,
	VALUE_U16,
	VALUE_I16,
	VALUE_U32,
	VALUE_I32,
	VALUE_F32,
	VALUE_BOOL,
	VALUE_STRING,
	VALUE_ARRAY,
	VALUE_U64,
	VALUE_I64,
	VALUE_F64,
	VALUE_TYPES,
};

/* Bytes of a value; 0 for those that say themselves. */
static const uint8_t value_sizes[VALUE_TYPES] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0,
	8, 8, 8 };

/* ggml's types by number: block elements stand in size bytes.  The numbers
 * that are missing were withdrawn. */
static const struct {
	uint16_t block;
	uint16_t size;
	uint8_t plain; /* enum tensor_type, or 0: TENSOR_GGML + number */
} ggml_types[] = {
	[0] = { 1, 4, TENSOR_F32 },
	[1] = { 1, 2, TENSOR_F16 },
	[2] = { 32, 18, 0 },	/* Q4_0 */
	[3] = { 32, 20, 0 },	/* Q4_1 */
	[6] = { 32, 22, 0 },	/* Q5_0 */
	[7] = { 32, 24, 0 },	/* Q5_1 */
	[8] = { 32, 34, 0 },	/* Q8_0 */
	[9] = { 32, 36, 0 },	/* Q8_1 */
	[10] = { 256, 84, 0 },	/* Q2_K */
	[11] = { 256, 110, 0 }, /* Q3_K */
	[12] = { 256, 144, 0 }, /* Q4_K */
	[13] = { 256, 176, 0 }, /* Q5_K */
	[14] = { 256, 210, 0 }, /* Q6_K */
	[15] = { 256, 292, 0 }, /* Q8_K */
	[16] = { 256, 66, 0 },	/* IQ2_XXS */
	[17] = { 256, 74, 0 },	/* IQ2_XS */
	[18] = { 256, 98, 0 },	/* IQ3_XXS */
	[19] = { 256, 50, 0 },	/* IQ1_S */
	[20] = { 32, 18, 0 },	/* IQ4_NL */
	[21] = { 256, 110, 0 }, /* IQ3_S */
	[22] = { 256, 82, 0 },	/* IQ2_S */
	[23] = { 256, 136, 0 }, /* IQ4_XS */
	[24] = { 1, 1, TENSOR_I8 },
	[25] = { 1, 2, TENSOR_I16 },
	[26] = { 1, 4, TENSOR_I32 },
	[27] = { 1, 8, TENSOR_I64 },
	[28] = { 1, 8, TENSOR_F64 },
	[29] = { 256, 56, 0 }, /* IQ1_M */
	[30] = { 1, 2, TENSOR_BF16 },
	[34] = { 256, 54, 0 }, /* TQ1_0 */
	[35] = { 256, 66, 0 }, /* TQ2_0 */
	[39] = { 32, 17, 0 },  /* MXFP4 */
	[40] = { 64, 36, 0 },  /* NVFP4 */
};

/* A key's name, kept as a digest to find twins, and where it stands. */
struct key {
	struct digest digest;
	uint64_t offset;
	size_t length;
};

/* What is known so far. */
struct gguf {
	struct stream s;
	const struct model_source *src;
	uint64_t alignment;
	struct key *keys;
	size_t key_count;
	struct tensor_list tensors; /* offsets from the data's beginning */
	const struct why *why;
};

/* What the file has left, though the stream may end before. */
static uint64_t
file_left(const struct gguf *g)
{
	return g->s.err == 0 ? g->src->size - g->s.offset : 0;
}

/*
 * Say what is wrong unless the stream broke off: then say where.  A failed
 * read comes back as it is.
 */
static int PRINTF_LIKE(3, 4)
    refuse(const struct gguf *g, int err, const char *fmt, ...)
{
	char what[256];
	va_list args;

	if (g->s.err == ERR_FORMAT && g->src->size > GGUF_HEADER_MAX)
		return why_say(g->why, ERR_LIMIT,
		    "all before the tensors' data is longer than 128 MiB");
	if (g->s.err == ERR_FORMAT)
		return why_say(g->why, ERR_FORMAT,
		    "the file ends where %s should go on",
		    g->tensors.count > 0 ? "the list of tensors" :
					   "the header");
	if (g->s.err != 0)
		return g->s.err;
	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return why_say(g->why, err, "%s", what);
}

static int
skip_string(struct gguf *g, const char *key)
{
	uint64_t length = stream_u64(&g->s);

	if (length > GGUF_STRING_MAX)
		return refuse(g, ERR_FORMAT,
		    "key '%s': a string of %" PRIu64 " bytes", key, length);
	stream_skip(&g->s, length);
	return g->s.err == 0 ? 0 : refuse(g, ERR_FORMAT, "key '%s'", key);
}

static int skip_array(struct gguf *g, const char *key, unsigned int depth);

/* count values of a type. */
static int
skip_values(struct gguf *g, const char *key, uint32_t type, uint64_t count,
    unsigned int depth)
{
	int err = 0;

	if (type >= VALUE_TYPES)
		return refuse(g, ERR_FORMAT,
		    "key '%s': value type %" PRIu32 " is not known", key, type);
	if (value_sizes[type] != 0) {
		uint64_t length;

		if (!size_mul(count, value_sizes[type], &length) ||
		    length > file_left(g))
			return refuse(g, ERR_FORMAT,
			    "key '%s': the file ends inside its value", key);
		stream_skip(&g->s, length);
		return 0;
	}
	/* Each takes bytes, so that the stream ends what a count cannot. */
	while (err == 0 && count-- > 0)
		err = type == VALUE_STRING ? skip_string(g, key) :
					     skip_array(g, key, depth);
	return err;
}

static int
skip_array(struct gguf *g, const char *key, unsigned int depth)
{
	uint32_t type = stream_u32(&g->s);
	uint64_t count = stream_u64(&g->s);

	if (g->s.err != 0)
		return refuse(g, ERR_FORMAT, "array");
	if (depth == GGUF_NESTING_MAX)
		return refuse(g, ERR_LIMIT,
		    "key '%s': arrays nested deeper than %d", key,
		    GGUF_NESTING_MAX);
	if (count > file_left(g))
		return refuse(g, ERR_FORMAT,
		    "key '%s': an array of %" PRIu64
		    " values is longer than the file",
		    key, count);
	return skip_values(g, key, type, count, depth + 1);
}

static int
read_alignment(struct gguf *g, uint32_t type)
{
	uint32_t alignment = stream_u32(&g->s);

	if (type != VALUE_U32)
		return refuse(g, ERR_FORMAT,
		    "key '" ALIGNMENT_KEY "': is not a u32");
	if (alignment == 0 || (alignment & (alignment - 1)) != 0)
		return refuse(g, ERR_FORMAT,
		    "key '" ALIGNMENT_KEY "': %" PRIu32
		    " is not a power of two",
		    alignment);
	g->alignment = alignment;
	return 0;
}

static int
read_key(struct gguf *g)
{
	OWNED_MEM(char) key = NULL;
	char shown[WHY_NAME];
	uint64_t length = stream_u64(&g->s);
	uint64_t offset = g->s.offset;
	uint32_t type;

	if (length == 0 || length > GGUF_KEY_MAX || length > file_left(g))
		return refuse(g, ERR_FORMAT,
		    "key %zu: its name has %" PRIu64 " bytes", g->key_count,
		    length);
	key = malloc(length);
	if (key == NULL)
		return ERR_NOMEM;
	stream_copy(&g->s, key, length);
	type = stream_u32(&g->s);
	log_name(shown, sizeof(shown), key, length);
	g->keys[g->key_count++] = (struct key){ .digest = digest_of(key,
						    length),
		.offset = offset,
		.length = length };

	if (length == strlen(ALIGNMENT_KEY) &&
	    memcmp(key, ALIGNMENT_KEY, length) == 0)
		return read_alignment(g, type);
	if (type == VALUE_ARRAY)
		return skip_array(g, shown, 0);
	return skip_values(g, shown, type, 1, 0);
}

static int
compare_keys(const void *va, const void *vb)
{
	const struct key *a = va, *b = vb;

	return digest_compare(&a->digest, &b->digest);
}

static int
refuse_twin(const struct gguf *g, const struct key *key)
{
	char name[WHY_NAME], shown[WHY_NAME];
	size_t n = key->length < sizeof(name) ? key->length : sizeof(name);
	int err;

	err = g->src->read(g->src->arg, name, n, key->offset);
	if (err != 0)
		return err;
	return refuse(g, ERR_FORMAT, "key '%s': stands twice",
	    log_name(shown, sizeof(shown), name, n));
}

static int
read_keys(struct gguf *g, uint64_t count)
{
	if (count > file_left(g) / KEY_MIN)
		return refuse(g, ERR_FORMAT,
		    "%" PRIu64 " keys are more than the file can hold", count);
	if (count > GGUF_KEYS_MAX)
		return refuse(g, ERR_LIMIT, "%" PRIu64 " keys; weir takes %u",
		    count, GGUF_KEYS_MAX);
	g->keys = calloc(count + 1, sizeof(*g->keys));
	if (g->keys == NULL)
		return ERR_NOMEM;
	while (g->key_count < count) {
		int err = read_key(g);

		if (err != 0)
			return err;
	}
	if (g->s.err != 0)
		return refuse(g, ERR_FORMAT, "keys");

	qsort(g->keys, g->key_count, sizeof(*g->keys), compare_keys);
	for (size_t i = 1; i < g->key_count; i++)
		if (compare_keys(&g->keys[i - 1], &g->keys[i]) == 0)
			return refuse_twin(g, &g->keys[i]);
	return 0;
}

/* The shape, checked as ggml checks it: no product above INT64_MAX. */
static int
read_shape(struct gguf *g, const char *shown, struct tensor *t)
{
	uint32_t dims = stream_u32(&g->s);
	uint64_t n;

	if (dims > GGUF_DIMS_MAX)
		return refuse(g, ERR_FORMAT,
		    "tensor '%s': %" PRIu32 " dimensions, more than %d", shown,
		    dims, GGUF_DIMS_MAX);
	t->dims = (uint8_t)dims;
	for (unsigned int i = 0; i < dims; i++) {
		t->shape[i] = stream_u64(&g->s);
		if (t->shape[i] > INT64_MAX)
			return refuse(g, ERR_FORMAT,
			    "tensor '%s': dimension %u is negative", shown, i);
	}
	if (layout_elements(t, &n) != 0 || n > INT64_MAX)
		return refuse(g, ERR_FORMAT,
		    "tensor '%s': its shape makes more elements than can be "
		    "counted",
		    shown);
	return 0;
}

/* The element type, and with it the length in bytes. */
static int
read_type(struct gguf *g, const char *shown, struct tensor *t)
{
	uint32_t type = stream_u32(&g->s);
	uint64_t row = t->dims > 0 ? t->shape[0] : 1;
	uint64_t n = 0;

	if (type >= sizeof(ggml_types) / sizeof(ggml_types[0]) ||
	    ggml_types[type].block == 0)
		return refuse(g, ERR_FORMAT,
		    "tensor '%s': element type %" PRIu32 " is not known", shown,
		    type);
	t->type = ggml_types[type].plain != 0 ? ggml_types[type].plain :
						(uint8_t)(TENSOR_GGML + type);
	if (row % ggml_types[type].block != 0)
		return refuse(g, ERR_FORMAT,
		    "tensor '%s': rows of %" PRIu64
		    " elements are not whole blocks of %u",
		    shown, row, ggml_types[type].block);
	if (layout_elements(t, &n) != 0 ||
	    !size_mul(n / ggml_types[type].block, ggml_types[type].size,
		&t->length))
		return refuse(g, ERR_FORMAT,
		    "tensor '%s': more bytes than can be counted", shown);
	return 0;
}

static bool
name_ok(const char *name, size_t length)
{
	/* jansson makes no string of what is not UTF-8. */
	json_t *j = json_stringn(name, length);
	bool ok = j != NULL && memchr(name, '\0', length) == NULL;

	json_decref(j);
	return ok;
}

static int
read_tensor(struct gguf *g)
{
	char name[GGUF_NAME_MAX + 1] = "", shown[WHY_NAME];
	struct tensor t = { 0 };
	uint64_t length = stream_u64(&g->s);
	char *copy;
	int err;

	if (length > GGUF_NAME_MAX)
		return refuse(g, ERR_FORMAT,
		    "tensor %zu: its name has %" PRIu64 " bytes, more than %d",
		    g->tensors.count, length, GGUF_NAME_MAX);
	stream_copy(&g->s, name, length);
	log_name(shown, sizeof(shown), name, length);
	if (!name_ok(name, length))
		return refuse(g, ERR_FORMAT,
		    "tensor '%s': its name is not UTF-8", shown);

	err = read_shape(g, shown, &t);
	if (err == 0)
		err = read_type(g, shown, &t);
	t.offset = stream_u64(&g->s);
	if (err == 0 && g->s.err != 0)
		err = refuse(g, ERR_FORMAT, "tensor");
	if (err != 0)
		return err;

	copy = strdup(name);
	return copy != NULL ? tensor_list_add(&g->tensors, &t, copy) :
			      ERR_NOMEM;
}

static int
read_tensors(struct gguf *g, uint64_t count)
{
	if (count > file_left(g) / TENSOR_MIN)
		return refuse(g, ERR_FORMAT,
		    "%" PRIu64 " tensors are more than the file can hold",
		    count);
	if (count > GGUF_TENSORS_MAX)
		return refuse(g, ERR_LIMIT,
		    "%" PRIu64 " tensors; weir takes %u", count,
		    GGUF_TENSORS_MAX);
	while (g->tensors.count < count) {
		int err = read_tensor(g);

		if (err != 0)
			return err;
	}
	return layout_names(&g->tensors, g->why);
}

/* n, filled up to the alignment. */
static bool
pad(const struct gguf *g, uint64_t n, uint64_t *out)
{
	if (!size_add(n, g->alignment - 1, &n))
		return false;
	*out = n & ~(g->alignment - 1);
	return true;
}

/*
 * Each tensor stands where the one before it, filled up, ends.  From here on
 * the offsets are the file's.
 */
static int
place_tensors(struct gguf *g, uint64_t data)
{
	uint64_t at = 0, end;

	for (size_t i = 0; i < g->tensors.count; i++) {
		struct tensor *t = &g->tensors.items[i];
		char shown[WHY_NAME];

		log_name(shown, sizeof(shown), t->name, strlen(t->name));
		if (t->offset != at)
			return refuse(g, ERR_FORMAT,
			    "tensor '%s': its offset is %" PRIu64
			    " and should be %" PRIu64,
			    shown, t->offset, at);
		if (!size_add(at, t->length, &end) || end > g->src->size - data)
			return refuse(g, ERR_FORMAT,
			    "tensor '%s': the file ends inside its data",
			    shown);
		t->offset = data + at;
		if (!pad(g, end, &at))
			return refuse(g, ERR_FORMAT,
			    "tensor '%s': its end cannot be counted", shown);
	}
	return 0;
}

static int
read_file(struct gguf *g, uint64_t *data)
{
	char magic[4];
	uint32_t version;
	uint64_t tensor_count, key_count;
	int err;

	stream_copy(&g->s, magic, sizeof(magic));
	version = stream_u32(&g->s);
	tensor_count = stream_u64(&g->s);
	key_count = stream_u64(&g->s);
	if (g->s.err == 0 && memcmp(magic, MAGIC, sizeof(magic)) != 0)
		return refuse(g, ERR_FORMAT, "the magic is not " MAGIC);
	if (version != 2 && version != 3)
		return refuse(g, ERR_FORMAT,
		    "GGUF version %" PRIu32 "; weir knows 2 and 3", version);

	err = read_keys(g, key_count);
	if (err == 0)
		err = read_tensors(g, tensor_count);
	if (err != 0)
		return err;

	/* Without tensors there is no data section to be aligned. */
	*data = g->s.offset;
	if (g->tensors.count > 0 &&
	    (!pad(g, *data, data) || *data > g->src->size))
		return refuse(g, ERR_FORMAT,
		    "the file ends before the tensors' data");
	return place_tensors(g, *data);
}

bool
gguf_claimed(const uint8_t *head, size_t n)
{
	return n >= 8 && memcmp(head, MAGIC, 4) == 0 &&
	    memchr(head + 4, '\0', 4) != NULL;
}

int
gguf_parse(struct tensor_list *out, uint64_t *header_bytes,
    const struct model_source *src, const struct why *why)
{
	struct gguf g = { .src = src,
		.why = why,
		.alignment = ALIGNMENT_DEFAULT };
	uint64_t data = 0;
	int err;

	err = stream_open(&g.s, src, 0,
	    src->size < GGUF_HEADER_MAX ? src->size : GGUF_HEADER_MAX);
	if (err == 0)
		err = read_file(&g, &data);
	stream_close(&g.s);
	free(g.keys);
	if (err != 0) {
		tensor_list_clear(&g.tensors);
		return err;
	}
	tensor_list_sort(&g.tensors);
	*out = g.tensors;
	*header_bytes = data;
	return 0;
}
