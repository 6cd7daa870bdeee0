/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/decoy.h"
#include "cli/out.h"
#include "vault/err.h"

#define ALIGNMENT_USUAL 32
#define ALIGNMENT_MOST 65536
#define ALIGNMENT_KEY "general.alignment"
#define WORDS_KEY "general.description"
#define GGUF_VERSION 3
#define GGUF_TYPE_U32 4
#define GGUF_TYPE_STRING 8

void
decoy_head_words(uint8_t *out, size_t n)
{
	static const char letters[] = "eeeettaaooiinnsshhrrddllucmfwygpbvk";
	uint32_t left = 0;

	for (size_t i = 0; i < n; i++) {
		if (left == 0 && i > 0) {
			out[i] = ' ';
			left = 2 + randombytes_uniform(7);
			continue;
		}
		out[i] = (uint8_t)
		    letters[randombytes_uniform(sizeof(letters) - 1)];
		left = left > 0 ? left - 1 : 4;
	}
}

/* --- safetensors --- */

static int
add_tensor(json_t *j, const struct decoy_head *h, const struct tensor *t)
{
	char dtype[32];
	json_t *shape = json_array();
	json_t *one;

	snprintf(dtype, sizeof(dtype), "%s", tensor_type_name(t->type));
	for (char *c = dtype; *c != '\0'; c++)
		*c = (char)toupper((unsigned char)*c);
	for (uint8_t i = 0; i < t->dims; i++)
		if (json_array_append_new(shape,
			json_integer((json_int_t)t->shape[i])) != 0) {
			json_decref(shape);
			return ERR_NOMEM;
		}
	one = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype, "shape", shape,
	    "data_offsets", (json_int_t)(t->offset - h->file->header_bytes),
	    (json_int_t)(t->offset - h->file->header_bytes + t->length));
	if (one == NULL || json_object_set_new(j, t->name, one) != 0)
		return ERR_NOMEM;
	return 0;
}

/* JSON, and blanks up to where the data begins. */
static int
write_safetensors(const struct decoy_head *h, struct writer *w)
{
	uint64_t length = h->file->header_bytes - 8;
	OWNED_MEM(char) text = NULL;
	OWNED_JSON j = json_object();
	uint8_t *blanks;
	int err = 0;

	for (size_t i = 0; i < h->count && err == 0; i++)
		err = add_tensor(j, h, &h->tensors[i]);
	text = err == 0 ? json_dumps(j, JSON_COMPACT) : NULL;
	if (text == NULL)
		return ERR_NOMEM;
	if (h->file->header_bytes < 8 || strlen(text) > length)
		return ERR_LIMIT;
	writer_u64(w, length);
	writer_bytes(w, text, strlen(text));
	blanks = writer_room(w, length - strlen(text));
	if (blanks != NULL)
		memset(blanks, ' ', length - strlen(text));
	return writer_ok(w) ? 0 : ERR_NOMEM;
}

/* --- GGUF --- */

static uint32_t
ggml_type(uint8_t type)
{
	static const struct {
		uint8_t type, ggml;
	} plain[] = {
		{ TENSOR_F32, 0 },
		{ TENSOR_F16, 1 },
		{ TENSOR_I8, 24 },
		{ TENSOR_I16, 25 },
		{ TENSOR_I32, 26 },
		{ TENSOR_I64, 27 },
		{ TENSOR_F64, 28 },
		{ TENSOR_BF16, 30 },
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (plain[i].type == type)
			return plain[i].ggml;
	return (uint32_t)type - TENSOR_GGML;
}

static void
write_text(struct writer *w, const char *text)
{
	writer_u64(w, strlen(text));
	writer_bytes(w, text, strlen(text));
}

/* Whether the tensors lie one behind the other at this alignment. */
static bool
is_aligned(const struct decoy_head *h, uint64_t alignment)
{
	uint64_t at = h->file->header_bytes;

	if (at % alignment != 0)
		return false;
	for (size_t i = 0; i < h->count; i++) {
		if (h->tensors[i].offset != at)
			return false;
		at += h->tensors[i].length;
		at = (at + alignment - 1) & ~(alignment - 1);
	}
	return true;
}

/* 0: there is none. */
static uint32_t
find_alignment(const struct decoy_head *h)
{
	if (h->count == 0 || is_aligned(h, ALIGNMENT_USUAL))
		return ALIGNMENT_USUAL;
	for (uint32_t a = 1; a <= ALIGNMENT_MOST; a *= 2)
		if (is_aligned(h, a))
			return a;
	return 0;
}

static void
write_tensors(const struct decoy_head *h, struct writer *w)
{
	for (size_t i = 0; i < h->count; i++) {
		const struct tensor *t = &h->tensors[i];

		write_text(w, t->name);
		writer_u32(w, t->dims);
		for (uint8_t d = 0; d < t->dims; d++)
			writer_u64(w, t->shape[d]);
		writer_u32(w, ggml_type(t->type));
		writer_u64(w, t->offset - h->file->header_bytes);
	}
}

/* A header with so many words in it, without what fills it up at the end. */
static void
write_gguf_with(const struct decoy_head *h, uint32_t alignment, bool described,
    size_t words, struct writer *w)
{
	bool unusual = alignment != ALIGNMENT_USUAL;
	uint8_t *room;

	writer_bytes(w, "GGUF", 4);
	writer_u32(w, GGUF_VERSION);
	writer_u64(w, h->count);
	writer_u64(w, (uint64_t)described + unusual);
	if (unusual) {
		write_text(w, ALIGNMENT_KEY);
		writer_u32(w, GGUF_TYPE_U32);
		writer_u32(w, alignment);
	}
	if (described) {
		write_text(w, WORDS_KEY);
		writer_u32(w, GGUF_TYPE_STRING);
		writer_u64(w, words);
		room = writer_room(w, words);
		if (room != NULL)
			decoy_head_words(room, words);
	}
	write_tensors(h, w);
}

static int
write_gguf(const struct decoy_head *h, struct writer *w)
{
	uint32_t alignment = find_alignment(h);
	size_t all = h->file->header_bytes, start = w->length, used;
	uint8_t *room;
	bool described;

	if (alignment == 0)
		return ERR_LIMIT;
	write_gguf_with(h, alignment, true, 0, w);
	used = w->length - start;
	writer_reset(w);
	described = used <= all;
	write_gguf_with(h, alignment, described, described ? all - used : 0, w);
	used = w->length;
	if (!writer_ok(w))
		return ERR_NOMEM;
	if (used > all || (all - used >= alignment && h->count > 0))
		return ERR_LIMIT;
	room = writer_room(w, all - used);
	if (room == NULL)
		return ERR_NOMEM;
	memset(room, 0, all - used);
	return 0;
}

static bool
is_gguf(const struct decoy_head *h)
{
	const char *path = h->file->path;
	size_t n = strlen(path);

	for (size_t i = 0; i < h->count; i++)
		if (h->tensors[i].type >= TENSOR_GGML)
			return true;
	return n >= 5 && strcasecmp(path + n - 5, ".gguf") == 0;
}

int
decoy_head_write(const struct decoy_head *h, struct writer *w)
{
	return is_gguf(h) ? write_gguf(h, w) : write_safetensors(h, w);
}
