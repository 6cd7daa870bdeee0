/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/safetensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/err.h"
#include "vault/layout.h"
#include "vault/log.h"
#include "vault/reader.h"
#include "vault/size.h"

#define PREFIX 8 /* the length before the header */
#define METADATA "__metadata__"

/*
 * jansson takes up to 40 bytes of memory for a byte of JSON.  So the outermost
 * object, which has a key for each tensor, is walked here, and jansson is
 * given one key or value at a time: strings, numbers, nesting and the keys
 * inside are its business.
 */
struct header {
	const char *text;
	size_t length;
	size_t at;
	uint64_t data; /* where the data begins in the file */
	uint64_t size; /* of the file */
	bool metadata;
	struct tensor_list tensors;
	const struct why *why;
};

/* A string or an object in the header, from its first byte to its last. */
struct piece {
	const char *text;
	size_t length;
};

static void
json_freep(json_t **j)
{
	json_decref(*j);
}

#define OWNED_JSON __attribute__((cleanup(json_freep))) json_t *

static const struct {
	const char *name;
	uint8_t type;
	uint8_t bits;
} dtypes[] = {
	{ "BF16", TENSOR_BF16, 16 },
	{ "F32", TENSOR_F32, 32 },
	{ "F16", TENSOR_F16, 16 },
	{ "I64", TENSOR_I64, 64 },
	{ "I32", TENSOR_I32, 32 },
	{ "I16", TENSOR_I16, 16 },
	{ "I8", TENSOR_I8, 8 },
	{ "U8", TENSOR_U8, 8 },
	{ "U16", TENSOR_U16, 16 },
	{ "U32", TENSOR_U32, 32 },
	{ "U64", TENSOR_U64, 64 },
	{ "BOOL", TENSOR_BOOL, 8 },
	{ "F64", TENSOR_F64, 64 },
	{ "C64", TENSOR_C64, 64 },
	{ "F8_E4M3", TENSOR_F8_E4M3, 8 },
	{ "F8_E5M2", TENSOR_F8_E5M2, 8 },
	{ "F8_E8M0", TENSOR_F8_E8M0, 8 },
	{ "F8_E4M3FNUZ", TENSOR_F8_E4M3FNUZ, 8 },
	{ "F8_E5M2FNUZ", TENSOR_F8_E5M2FNUZ, 8 },
	{ "F6_E2M3", TENSOR_F6_E2M3, 6 },
	{ "F6_E3M2", TENSOR_F6_E3M2, 6 },
	{ "F4", TENSOR_F4, 4 },
};

static int PRINTF_LIKE(4, 5) tensor_err(const struct header *h, int err,
    const char *name, const char *fmt, ...)
{
	char shown[WHY_NAME], what[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	return why_say(h->why, err, "tensor '%s': %s",
	    log_name(shown, sizeof(shown), name, strlen(name)), what);
}

static int
header_err(const struct header *h, const char *what)
{
	return why_say(h->why, ERR_FORMAT, "header, byte %zu: %s", h->at, what);
}

static void
skip_space(struct header *h)
{
	while (h->at < h->length && h->text[h->at] != '\0' &&
	    strchr(" \t\r\n", h->text[h->at]) != NULL)
		h->at++;
}

static bool
take(struct header *h, char c)
{
	skip_space(h);
	if (h->at == h->length || h->text[h->at] != c)
		return false;
	h->at++;
	return true;
}

/* From one quote to behind the other; what is between is left to jansson. */
static bool
pass_string(struct header *h)
{
	for (h->at++; h->at < h->length; h->at++) {
		if (h->text[h->at] == '"') {
			h->at++;
			return true;
		}
		if (h->text[h->at] == '\\')
			h->at++;
	}
	h->at = h->length;
	return false;
}

static int
take_string(struct header *h, struct piece *out)
{
	size_t from;

	skip_space(h);
	from = h->at;
	if (from == h->length || h->text[from] != '"')
		return header_err(h, "a key in quotes should be here");
	if (!pass_string(h))
		return header_err(h, "a key does not end");
	*out = (struct piece){ h->text + from, h->at - from };
	return 0;
}

/*
 * The object that begins here, which may hold depth - 1 levels more: with
 * the limit on its length this bounds what jansson can make of it.
 */
static int
take_object(struct header *h, size_t max, size_t depth, struct piece *out)
{
	size_t from, open = 0;

	skip_space(h);
	from = h->at;
	if (from == h->length || h->text[from] != '{')
		return header_err(h, "an object should be here");
	do {
		char c = h->text[h->at];

		if (c == '"') {
			if (!pass_string(h))
				break;
			continue;
		}
		if (c == '{' || c == '[')
			open++;
		else if (c == '}' || c == ']')
			open--;
		if (open > depth)
			return header_err(h, "nested too deep");
		h->at++;
	} while (open > 0 && h->at < h->length);
	if (open > 0)
		return header_err(h, "an object does not end");
	*out = (struct piece){ h->text + from, h->at - from };
	if (out->length > max)
		return why_say(h->why, ERR_LIMIT,
		    "header, byte %zu: an object of %zu bytes; weir takes %zu",
		    from, out->length, max);
	return 0;
}

static int
parse_piece(const struct header *h, const struct piece *p, json_t **out)
{
	json_error_t e;
	char shown[WHY_NAME];

	*out = json_loadb(p->text, p->length,
	    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (*out != NULL)
		return 0;
	if (json_error_code(&e) == json_error_out_of_memory)
		return ERR_NOMEM;
	return why_say(h->why, ERR_FORMAT, "header, byte %zu: %s",
	    (size_t)(p->text - h->text) + (size_t)e.position,
	    log_name(shown, sizeof(shown), e.text, strlen(e.text)));
}

static int
parse_metadata(struct header *h)
{
	OWNED_JSON j = NULL;
	struct piece p;
	const char *key;
	json_t *value;
	int err;

	if (h->metadata)
		return header_err(h, METADATA " stands twice");
	h->metadata = true;
	err = take_object(h, SAFETENSORS_METADATA_MAX, 1, &p);
	if (err == 0)
		err = parse_piece(h, &p, &j);
	if (err != 0)
		return err;

	json_object_foreach(j, key, value) {
		char shown[WHY_NAME];

		if (!json_is_string(value))
			return why_say(h->why, ERR_FORMAT,
			    METADATA ": the value of '%s' is not a string",
			    log_name(shown, sizeof(shown), key, strlen(key)));
	}
	return 0;
}

static bool
read_size(const json_t *j, uint64_t *out)
{
	if (!json_is_integer(j) || json_integer_value(j) < 0)
		return false;
	*out = (uint64_t)json_integer_value(j);
	return true;
}

static int
read_shape(const struct header *h, const char *name, const json_t *j,
    struct tensor *t)
{
	size_t n = json_array_size(j);

	if (!json_is_array(j))
		return tensor_err(h, ERR_FORMAT, name, "shape is not a list");
	if (n > TENSOR_DIMS_MAX)
		return tensor_err(h, ERR_LIMIT, name,
		    "shape has %zu dimensions; weir takes %d", n,
		    TENSOR_DIMS_MAX);
	for (size_t i = 0; i < n; i++)
		if (!read_size(json_array_get(j, i), &t->shape[i]))
			return tensor_err(h, ERR_FORMAT, name,
			    "shape holds what is not a size");
	t->dims = (uint8_t)n;
	return 0;
}

static int
read_dtype(const struct header *h, const char *name, const json_t *j,
    struct tensor *t, uint8_t *bits)
{
	const char *dtype = json_string_value(j);
	char shown[WHY_NAME];

	if (dtype == NULL)
		return tensor_err(h, ERR_FORMAT, name, "dtype is not a string");
	for (size_t i = 0; i < sizeof(dtypes) / sizeof(dtypes[0]); i++)
		if (strcmp(dtype, dtypes[i].name) == 0) {
			t->type = dtypes[i].type;
			*bits = dtypes[i].bits;
			return 0;
		}
	return tensor_err(h, ERR_FORMAT, name, "dtype '%s' is not known",
	    log_name(shown, sizeof(shown), dtype, strlen(dtype)));
}

static int
read_offsets(const struct header *h, const char *name, const json_t *j,
    struct tensor *t)
{
	const uint64_t data_length = h->size - h->data;
	uint64_t begin, end;

	if (json_array_size(j) != 2 ||
	    !read_size(json_array_get(j, 0), &begin) ||
	    !read_size(json_array_get(j, 1), &end))
		return tensor_err(h, ERR_FORMAT, name,
		    "data_offsets is not a beginning and an end");
	if (end < begin)
		return tensor_err(h, ERR_FORMAT, name,
		    "data_offsets end at %" PRIu64 ", before they begin", end);
	if (end > data_length)
		return tensor_err(h, ERR_FORMAT, name,
		    "data_offsets end at %" PRIu64 ", and the data at %" PRIu64,
		    end, data_length);
	t->offset = h->data + begin;
	t->length = end - begin;
	return 0;
}

static int
check_length(const struct header *h, const char *name, const struct tensor *t,
    uint8_t bits)
{
	uint64_t n;

	if (layout_elements(t, &n) != 0 || !size_mul(n, bits, &n))
		return tensor_err(h, ERR_FORMAT, name,
		    "shape makes more bytes than can be counted");
	if (n % 8 != 0)
		return tensor_err(h, ERR_FORMAT, name,
		    "shape and dtype do not make whole bytes");
	if (n / 8 != t->length)
		return tensor_err(h, ERR_FORMAT, name,
		    "shape and dtype make %" PRIu64
		    " bytes, data_offsets %" PRIu64,
		    n / 8, t->length);
	return 0;
}

static int
read_tensor(const struct header *h, const char *name, const json_t *j,
    struct tensor *t)
{
	const json_t *dtype = json_object_get(j, "dtype");
	const json_t *shape = json_object_get(j, "shape");
	const json_t *offsets = json_object_get(j, "data_offsets");
	uint8_t bits = 0;
	int err;

	if (dtype == NULL || shape == NULL || offsets == NULL ||
	    json_object_size(j) != 3)
		return tensor_err(h, ERR_FORMAT, name,
		    "the keys are not dtype, shape and data_offsets");
	err = read_dtype(h, name, dtype, t, &bits);
	if (err == 0)
		err = read_shape(h, name, shape, t);
	if (err == 0)
		err = read_offsets(h, name, offsets, t);
	if (err == 0)
		err = check_length(h, name, t, bits);
	return err;
}

static int
parse_tensor(struct header *h, const char *name)
{
	OWNED_JSON j = NULL;
	struct tensor t = { 0 };
	struct piece p;
	char *copy;
	int err;

	if (strlen(name) > TENSOR_NAME_MAX)
		return tensor_err(h, ERR_LIMIT, name,
		    "the name has %zu bytes; weir takes %d", strlen(name),
		    TENSOR_NAME_MAX);
	err = take_object(h, SAFETENSORS_ENTRY_MAX, 2, &p);
	if (err == 0)
		err = parse_piece(h, &p, &j);
	if (err == 0)
		err = read_tensor(h, name, j, &t);
	if (err != 0)
		return err;

	copy = strdup(name);
	return copy != NULL ? tensor_list_add(&h->tensors, &t, copy) :
			      ERR_NOMEM;
}

static int
parse_member(struct header *h)
{
	OWNED_JSON key = NULL;
	const char *name;
	struct piece p;
	int err;

	err = take_string(h, &p);
	if (err == 0)
		err = parse_piece(h, &p, &key);
	if (err != 0)
		return err;
	if (!take(h, ':'))
		return header_err(h, "a colon should be here");

	name = json_string_value(key);
	return strcmp(name, METADATA) == 0 ? parse_metadata(h) :
					     parse_tensor(h, name);
}

static int
parse_header(struct header *h)
{
	if (h->text[0] != '{')
		return header_err(h, "does not begin with '{'");
	h->at = 1;
	if (!take(h, '}')) {
		do {
			int err = parse_member(h);

			if (err != 0)
				return err;
		} while (take(h, ','));
		if (!take(h, '}'))
			return header_err(h, "a comma or '}' should be here");
	}
	for (; h->at < h->length; h->at++)
		if (h->text[h->at] != ' ')
			return header_err(h,
			    "something other than spaces follows the JSON");
	return 0;
}

/* A tensor without bytes stands before the one that begins where it does. */
static int
compare_places(const void *va, const void *vb)
{
	const struct tensor *a = va, *b = vb;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return strcmp(a->name, b->name);
}

/* From the first byte of the data to the last, each in one tensor. */
static int
check_cover(struct header *h)
{
	struct tensor_list *l = &h->tensors;
	uint64_t at = h->data;

	if (l->count > 0)
		qsort(l->items, l->count, sizeof(*l->items), compare_places);
	for (size_t i = 0; i < l->count; i++) {
		const struct tensor *t = &l->items[i];

		if (t->offset < at)
			return tensor_err(h, ERR_FORMAT, t->name,
			    "overlaps the tensor before it by %" PRIu64
			    " bytes",
			    at - t->offset);
		if (t->offset > at)
			return tensor_err(h, ERR_FORMAT, t->name,
			    "leaves a hole of %" PRIu64 " bytes before it",
			    t->offset - at);
		at += t->length;
	}
	if (at != h->size)
		return why_say(h->why, ERR_FORMAT,
		    "the last %" PRIu64 " bytes belong to no tensor",
		    h->size - at);
	return layout_names(l, h->why);
}

static int
parse(struct header *h)
{
	int err;

	err = parse_header(h);
	if (err == 0)
		err = check_cover(h);
	if (err == 0)
		tensor_list_sort(&h->tensors);
	return err;
}

bool
safetensors_claimed(const uint8_t *head, size_t n, uint64_t size)
{
	struct reader r = reader_of(head, n);
	uint64_t length = reader_u64(&r);
	bool brace = reader_u8(&r) == '{';

	return reader_ok(&r) && brace && length <= SAFETENSORS_HEADER_MAX &&
	    length <= size - PREFIX;
}

static int
read_length(const struct model_source *src, uint64_t *out,
    const struct why *why)
{
	uint8_t prefix[PREFIX];
	struct reader r;
	int err;

	if (src->size < PREFIX)
		return why_say(why, ERR_FORMAT,
		    "%" PRIu64 " bytes are no safetensors file", src->size);
	err = src->read(src->arg, prefix, PREFIX, 0);
	if (err != 0)
		return err;
	r = reader_of(prefix, PREFIX);
	*out = reader_u64(&r);
	if (*out > SAFETENSORS_HEADER_MAX)
		return why_say(why, ERR_FORMAT,
		    "the header claims %" PRIu64 " bytes, more than %u", *out,
		    SAFETENSORS_HEADER_MAX);
	if (*out == 0 || *out > src->size - PREFIX)
		return why_say(why, ERR_FORMAT,
		    "the header claims %" PRIu64 " bytes of the %" PRIu64
		    " there are",
		    *out, src->size - PREFIX);
	return 0;
}

int
safetensors_parse(struct tensor_list *out, uint64_t *header_bytes,
    const struct model_source *src, const struct why *why)
{
	OWNED_MEM(char) text = NULL;
	struct header h = { .why = why, .size = src->size };
	uint64_t length = 0;
	int err;

	err = read_length(src, &length, why);
	if (err != 0)
		return err;
	text = malloc(length);
	if (text == NULL)
		return ERR_NOMEM;
	err = src->read(src->arg, text, length, PREFIX);
	if (err != 0)
		return err;

	h.text = text;
	h.length = length;
	h.data = PREFIX + length;
	err = parse(&h);
	if (err != 0) {
		tensor_list_clear(&h.tensors);
		return err;
	}
	*out = h.tensors;
	*header_bytes = h.data;
	return 0;
}
