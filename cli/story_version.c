/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/story_version.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "cli/talk.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/ref.h"

#define OPEN_MAX_VERSIONS 64 /* manifests kept at once */

struct known {
	char digits[DIGEST_HEX_SIZE];
	char model[REF_NAME_MAX + 1];
	bool tried;
	struct version *version;
	UT_hash_handle hh;
};

struct story_versions {
	struct client *client;
	struct store *store;
	struct known *all;
	size_t open;
	size_t unnamed;
};

int
story_version_new(struct story_versions **out, struct client *client,
    struct store *store)
{
	struct story_versions *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ERR_NOMEM;
	s->client = client;
	s->store = store;
	*out = s;
	return 0;
}

void
story_version_free(struct story_versions *s)
{
	struct known *k, *next;

	if (s == NULL)
		return;
	HASH_ITER(hh, s->all, k, next) {
		HASH_DEL(s->all, k);
		version_free(k->version);
		free(k);
	}
	free(s);
}

static struct known *
find(const struct story_versions *s, const char *digits)
{
	struct known *k;

	HASH_FIND_STR(s->all, digits, k);
	return k;
}

int
story_version_learn(struct story_versions *s, const char *digits,
    const char *model)
{
	struct known *k;

	if (strlen(digits) != DIGEST_HEX_SIZE - 1 || find(s, digits) != NULL)
		return 0;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return ERR_NOMEM;
	snprintf(k->digits, sizeof(k->digits), "%s", digits);
	snprintf(k->model, sizeof(k->model), "%s", model);
	HASH_ADD_STR(s->all, digits, k);
	return 0;
}

const char *
story_version_model(const struct story_versions *s, const char *digits)
{
	const struct known *k = find(s, digits);

	return k != NULL ? k->model : NULL;
}

static void
swallow(void *arg, const char *line)
{
	(void)arg;
	(void)line;
}

/* Whoever may not see a version's names is told so once, at the end. */
static int
open_quietly(struct story_versions *s, struct known *k)
{
	char reference[REF_NAME_MAX + DIGEST_HEX_SIZE + 2];
	struct msg_version m;
	int r;

	snprintf(reference, sizeof(reference), "%s@%s", k->model, k->digits);
	log_sink(swallow, NULL);
	if ((r = client_version_get(s->client, reference, &m)) == 0) {
		r = talk_version(&k->version, s->store, &m);
		msg_version_clear(&m);
	}
	log_sink(NULL, NULL);
	return r;
}

/* Make room by letting go of all: rows that follow each other are mostly of
 * few versions. */
static void
let_go(struct story_versions *s)
{
	struct known *k, *next;

	HASH_ITER(hh, s->all, k, next) {
		if (k->version != NULL)
			k->tried = false;
		version_free(k->version);
		k->version = NULL;
	}
	s->open = 0;
}

const struct manifest_file *
story_version_file(struct story_versions *s, const char *digits, uint64_t row)
{
	struct known *k = find(s, digits);
	const struct manifest *m;

	if (k == NULL || s->client == NULL || s->store == NULL)
		return NULL;
	if (!k->tried) {
		if (s->open == OPEN_MAX_VERSIONS)
			let_go(s);
		k->tried = true;
		if (open_quietly(s, k) == 0)
			s->open++;
		else
			s->unnamed++;
	}
	if (k->version == NULL)
		return NULL;
	m = version_manifest(k->version);
	return row < m->file_count ? &m->files[row] : NULL;
}

const char *
story_version_path(struct story_versions *s, const char *digits, uint64_t row)
{
	const struct manifest_file *f = story_version_file(s, digits, row);

	return f != NULL ? f->path : NULL;
}

size_t
story_version_unnamed(const struct story_versions *s)
{
	return s->unnamed;
}
