/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/model.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vault/err.h"
#include "vault/gguf.h"
#include "vault/imports.h"
#include "vault/pickle.h"
#include "vault/safetensors.h"
#include "vault/stream.h"
#include "vault/why.h"
#include "vault/zip.h"

#define HEAD 4096 /* bytes that are looked at first */
#define TAR_HEADER 512
#define TAR_SUM 148 /* where its checksum stands, in octal */
#define TAR_SUM_SIZE 8
#define PROTO 0x80 /* the first byte of a pickle from protocol 2 on */
#define PROTO_MAX 5

void
model_imports_clear(struct model_imports *i)
{
	for (size_t n = 0; n < i->count; n++)
		free(i->names[n]);
	free(i->names);
	free(i->first_refused);
	*i = (struct model_imports){ 0 };
}

void
model_info_clear(struct model_info *i)
{
	tensor_list_clear(&i->tensors);
	model_imports_clear(&i->imports);
	*i = (struct model_info){ 0 };
}

/* What names say of small files; the first match counts. */
static const struct {
	const char *pattern;
	enum manifest_class class;
} classes[] = {
	{ "tokenizer*.json", MANIFEST_TOKENIZER },
	{ "special_tokens_map.json", MANIFEST_TOKENIZER },
	{ "added_tokens.json", MANIFEST_TOKENIZER },
	{ "vocab.*", MANIFEST_TOKENIZER },
	{ "merges.txt", MANIFEST_TOKENIZER },
	{ "*.tiktoken", MANIFEST_TOKENIZER },
	{ "*.json", MANIFEST_CONFIG },
	{ "*.yaml", MANIFEST_CONFIG },
	{ "*.yml", MANIFEST_CONFIG },
	{ "*.md", MANIFEST_TEXT },
	{ "*.txt", MANIFEST_TEXT },
	{ "LICENSE*", MANIFEST_TEXT },
	{ "NOTICE*", MANIFEST_TEXT },
	{ ".gitattributes", MANIFEST_TEXT },
};

/* A file being looked at. */
struct look {
	const char *name; /* the path's last component */
	const struct model_source *src;
	uint8_t head[HEAD];
	size_t n; /* bytes of head */
	struct model_info *info;
	const struct why *why;
};

static const char *
last_component(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

static bool
ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && strcasecmp(name + n - m, suffix) == 0;
}

static enum manifest_class
classify(const struct look *k)
{
	if (k->src->size > MODEL_SMALL)
		return MANIFEST_WEIGHTS;
	/* SentencePiece: a protocol buffer whose first field is 1, a string. */
	if (ends_in(k->name, ".model") && k->n > 0 && k->head[0] == 0x0a)
		return MANIFEST_TOKENIZER;
	if (memchr(k->head, '\0', k->n) != NULL)
		return MANIFEST_WEIGHTS;
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (fnmatch(classes[i].pattern, k->name, 0) == 0)
			return classes[i].class;
	return MANIFEST_WEIGHTS;
}

/* How sure it is that somebody will unpickle a file. */
enum claim {
	CLAIM_NONE,
	CLAIM_MAYBE,  /* .bin may hold anything; so may what begins like one */
	CLAIM_PICKLE, /* its name says so */
};

static enum claim
claim_of(const struct look *k)
{
	static const char *const suffixes[] = { ".pt", ".pth", ".ckpt", ".pkl",
		".pickle" };

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
		if (ends_in(k->name, suffixes[i]))
			return CLAIM_PICKLE;
	if (ends_in(k->name, ".bin") ||
	    (k->n >= 2 && k->head[0] == PROTO && k->head[1] <= PROTO_MAX))
		return CLAIM_MAYBE;
	return CLAIM_NONE;
}

/* What it imports cannot be told: a refused import that says so. */
static int
cannot_list(const struct look *k, const char *reason)
{
	char what[IMPORTS_SIZE];
	int err;

	k->info->format = MODEL_PICKLE;
	snprintf(what, sizeof(what), "? (%s)", reason);
	err = imports_add(&k->info->imports, what);
	/* The allowed ones alone are not so many: some are refused already. */
	return err == ERR_LIMIT ? 0 : err;
}

static bool
unreadable(int err)
{
	return err == ERR_FORMAT || err == ERR_LIMIT;
}

static int
list_member(void *arg, struct stream *s)
{
	const struct look *k = arg;

	return pickle_list(&k->info->imports, s, k->why);
}

/* torch compares without case too. */
static bool
pickle_member(const struct zip_member *m)
{
	return ends_in(m->name, ".pkl") || ends_in(m->name, ".pickle");
}

/* A small archive of great pickles would keep put busy for days. */
static bool
too_much(const struct zip *z)
{
	uint64_t left = MODEL_INFLATED_MAX;

	for (size_t i = 0; i < z->count; i++) {
		const struct zip_member *m = &z->members[i];

		if (!pickle_member(m) || !zip_member_inflates(m))
			continue;
		if (m->size > left)
			return true;
		left -= m->size;
	}
	return false;
}

static int
list_members(struct look *k, const struct zip *z)
{
	if (too_much(z))
		return cannot_list(k, "deflated pickles of more than 1 GiB");
	for (size_t i = 0; i < z->count; i++) {
		const struct zip_member *m = &z->members[i];
		int err;

		if (!pickle_member(m))
			continue;
		k->info->format = MODEL_PICKLE;
		err = zip_member_use(m, k->src, list_member, k, k->why);
		if (unreadable(err))
			err = cannot_list(k, k->why->text);
		if (err != 0)
			return err;
	}
	return 0;
}

/* The pickles among the members of an archive, torch.save's or another's. */
static int
list_zip(struct look *k, enum claim claim)
{
	OWNED(zip) z = NULL;
	int err = zip_open(&z, k->src, k->why);

	if (err == 0)
		return list_members(k, z);
	if (!unreadable(err))
		return err;
	return claim == CLAIM_NONE ? 0 : cannot_list(k, k->why->text);
}

/*
 * Python stops at the first byte that makes no sense, so bytes that make none
 * before anything is imported do nothing when they are unpickled.
 */
static int
list_bare(struct look *k, enum claim claim)
{
	OWNED_STREAM s = { 0 };
	int err = stream_open(&s, k->src, 0, k->src->size);

	if (err != 0)
		return err;
	err = pickle_list(&k->info->imports, &s, k->why);
	if (err == ERR_FORMAT && claim == CLAIM_MAYBE &&
	    k->info->imports.count == 0)
		return 0;
	if (err == 0)
		k->info->format = MODEL_PICKLE;
	return unreadable(err) ? cannot_list(k, k->why->text) : err;
}

/*
 * A tar header's checksum, read as generously as Python's tarfile reads it:
 * octal with anything that int() passes over, or base 256.
 */
static bool
tar_checksum(const uint8_t field[static TAR_SUM_SIZE], int64_t *out)
{
	bool binary = (field[0] & 0x80) != 0;
	bool negative = false;
	uint64_t sum = field[0] == 0xff ? UINT64_MAX : 0;

	for (size_t i = binary ? 1 : 0; i < TAR_SUM_SIZE; i++) {
		if (binary)
			sum = sum << 8 | field[i];
		else if (field[i] >= '0' && field[i] <= '7')
			sum = sum << 3 | (field[i] & 7U);
		else if (field[i] == '-')
			negative = true;
		else if (memchr(" \t\r\n\v\f_+oO", field[i], 11) == NULL)
			return false;
	}
	*out = negative ? -(int64_t)sum : (int64_t)sum;
	return true;
}

/*
 * Whether the head is a tar's: torch still loads what it wrote as one, long
 * ago, pickles inside.  The checksum is the only thing that all tars have; the
 * bytes it sums are signed in some.
 */
static bool
is_tar(const struct look *k)
{
	int64_t plain = TAR_SUM_SIZE * ' ', with_sign = plain, claimed;

	if (k->n < TAR_HEADER || !tar_checksum(k->head + TAR_SUM, &claimed))
		return false;
	for (size_t i = 0; i < TAR_HEADER; i++) {
		if (i >= TAR_SUM && i < TAR_SUM + TAR_SUM_SIZE)
			continue;
		plain += k->head[i];
		with_sign += (int8_t)k->head[i];
	}
	return claimed == plain || claimed == with_sign;
}

static int
inspect_pickle(struct look *k)
{
	enum claim claim = claim_of(k);

	if (zip_claimed(k->head, k->n))
		return list_zip(k, claim);
	if (claim == CLAIM_NONE || k->n == 0)
		return 0;
	if (is_tar(k))
		return cannot_list(k, "a tar archive");
	return list_bare(k, claim);
}

static int
inspect(struct look *k)
{
	struct model_info *info = k->info;
	int err;

	if (ends_in(k->name, ".safetensors") ||
	    safetensors_claimed(k->head, k->n, k->src->size)) {
		info->format = MODEL_SAFETENSORS;
		return safetensors_parse(&info->tensors, &info->header_bytes,
		    k->src, k->why);
	}
	if (ends_in(k->name, ".gguf") || gguf_claimed(k->head, k->n)) {
		info->format = MODEL_GGUF;
		return gguf_parse(&info->tensors, &info->header_bytes, k->src,
		    k->why);
	}
	err = inspect_pickle(k);
	if (err == 0 && info->format == MODEL_OTHER)
		info->class = classify(k);
	return err;
}

int
model_inspect(struct model_info *out, const char *path,
    const struct model_source *src, char *why, size_t why_size)
{
	char reason[256] = "";
	const struct why w = { .text = reason, .size = sizeof(reason) };
	struct model_info info = { .class = MANIFEST_WEIGHTS };
	struct look k = { .name = last_component(path),
		.src = src,
		.info = &info,
		.why = &w };
	int err = 0;

	k.n = src->size < HEAD ? (size_t)src->size : HEAD;
	if (k.n > 0)
		err = src->read(src->arg, k.head, k.n, 0);
	if (err == 0)
		err = inspect(&k);
	if (why_size > 0)
		snprintf(why, why_size, "%s", err != 0 ? reason : "");
	if (err != 0) {
		model_info_clear(&info);
		return err;
	}
	*out = info;
	return 0;
}
