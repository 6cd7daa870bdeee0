/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TENSOR_H
#define WEIR_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"
#include "vault/writer.h"

/* Tensors of model files and their index (FORMAT.md, "Tensor index"). */

#define TENSOR_DIMS_MAX 8
#define TENSOR_NAME_MAX 4096

/*
 * One numbering for safetensors' types and GGUF's.  The numbers are in the
 * format: never change one.
 */
enum tensor_type {
	TENSOR_BOOL = 1,
	TENSOR_U8,
	TENSOR_I8,
	TENSOR_U16,
	TENSOR_I16,
	TENSOR_U32,
	TENSOR_I32,
	TENSOR_U64,
	TENSOR_I64,
	TENSOR_F16,
	TENSOR_BF16,
	TENSOR_F32,
	TENSOR_F64,
	TENSOR_C64,
	TENSOR_F4,
	TENSOR_F6_E2M3,
	TENSOR_F6_E3M2,
	TENSOR_F8_E5M2,
	TENSOR_F8_E4M3,
	TENSOR_F8_E8M0,
	TENSOR_F8_E4M3FNUZ,
	TENSOR_F8_E5M2FNUZ,
	/* GGUF's block types: TENSOR_GGML + ggml type number, which is < 128;
	 * the ones that have a name in tensor.c */
	TENSOR_GGML = 128,
};

struct tensor {
	uint32_t file;	 /* row in the manifest's file table */
	uint64_t offset; /* in the file */
	uint64_t length; /* bytes */
	uint8_t type;	 /* enum tensor_type, or TENSOR_GGML + n */
	uint8_t dims;
	uint64_t shape[TENSOR_DIMS_MAX];
	char *name;
};

/* A growing list; owns the names. */
struct tensor_list {
	struct tensor *items;
	size_t count;
	size_t capacity;
};

/* Takes over name (from malloc), also when it fails (ERR_NOMEM). */
int tensor_list_add(struct tensor_list *l, const struct tensor *t, char *name)
    MUST_USE;
void tensor_list_clear(struct tensor_list *l);
/* Ascending by file, then offset, then name. */
void tensor_list_sort(struct tensor_list *l);

/* "bf16", "f32", "ggml-q4_k", … for people; "unknown" for others. */
const char *tensor_type_name(uint8_t type);

/* The list must be sorted.  ERR_FORMAT for what tensor_index_parse would
 * refuse, ERR_LIMIT when w has no room, ERR_NOMEM. */
int tensor_index_write(const struct tensor_list *l, struct writer *w) MUST_USE;
/* *out is overwritten, on success only.  ERR_FORMAT, ERR_NOMEM. */
int tensor_index_parse(struct tensor_list *out, const void *bytes,
    size_t length) MUST_USE;

#endif
