/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_MODEL_H
#define WEIR_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/file.h"
#include "vault/manifest.h"
#include "vault/tensor.h"

/*
 * What a model file is, told by strict parsing of its header: `put` does this,
 * and keyd's sandboxed verifier; never keyd itself or the mount.  Reads through
 * a source, so that a test or a pipe can stand in for a file; memory is bounded
 * whatever the header says.
 */
struct model_source {
	uint64_t size;
	/* Exactly n bytes at offset; offset + n <= size was checked. */
	int (*read)(void *arg, void *buf, size_t n, uint64_t offset);
	void *arg;
};

enum model_format {
	MODEL_OTHER = 0,
	MODEL_SAFETENSORS,
	MODEL_GGUF,
	MODEL_PICKLE, /* bare, or in a zip (torch.save) */
};

/* Imports of a pickle: "torch._utils _rebuild_tensor_v2". */
struct model_imports {
	char **names; /* sorted, distinct */
	size_t count;
	size_t refused;	     /* how many stand outside the allowed list */
	char *first_refused; /* one of them, or NULL */
};
void model_imports_clear(struct model_imports *i);

struct model_info {
	enum model_format format;
	enum manifest_class class;
	uint64_t header_bytes;
	struct tensor_list tensors; /* .file is left 0 */
	struct model_imports imports;
};
void model_info_clear(struct model_info *i);

/* Deflated pickles of one archive: more are not inflated to be listed. */
#define MODEL_INFLATED_MAX (1U << 30)

/* A larger file counts as weights whatever it is called. */
#define MODEL_SMALL (32U << 20)

/*
 * Look at the file called path.  Its last component tells what to expect;
 * what the bytes say counts:
 *
 * safetensors and GGUF, by name (.safetensors, .gguf) or magic: ERR_FORMAT or
 * ERR_LIMIT, with a reason in why (one line for people, "tensor 'x': overlaps
 * ...") when they are not well-formed.
 *
 * Pickles, by name (.pt .pth .ckpt .pkl .pickle), and what else begins like
 * one; a .bin that Python would begin to unpickle; members .pkl and .pickle of
 * any zip.  Their imports are listed and nothing is run; whether to accept
 * refused ones is the caller's to decide.  What cannot be listed to its end
 * has one refused import that begins with '?' and says why.
 *
 * The rest is MODEL_OTHER, and alone in that its class may be another than
 * weights: by name, for files of at most MODEL_SMALL whose first 4 KiB hold no
 * NUL (but SentencePiece's .model).  Tokenizer: tokenizer*.json, vocab.*,
 * merges.txt, *.tiktoken, *.model, special_tokens_map.json, added_tokens.json.
 * Config: other *.json, *.yaml, *.yml.  Text: *.md, *.txt, LICENSE*,
 * NOTICE*, .gitattributes.
 *
 * ERR_NOMEM, or what src->read returns.
 */
int model_inspect(struct model_info *out, const char *path,
    const struct model_source *src, char *why, size_t why_size) MUST_USE;

/* Each format has a file of its own: safetensors.h, gguf.h, pickle.h (and zip.h
 * for pickles in a torch.save archive). */

#endif
