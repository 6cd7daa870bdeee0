/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/story_signed.h"
#include "cli/story_text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "cli/out.h"
#include "vault/err.h"
#include "vault/ref.h"

/* A statement, by its number. */
struct known {
	uint64_t id;
	char letter;
	char model[REF_NAME_MAX + 1];
	bool rollback;
	UT_hash_handle hh;
};

struct story_signed {
	struct known *all;
};

int
story_signed_new(struct story_signed **out)
{
	struct story_signed *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return ERR_NOMEM;
	*out = s;
	return 0;
}

void
story_signed_free(struct story_signed *s)
{
	struct known *k, *next;

	if (s == NULL)
		return;
	HASH_ITER(hh, s->all, k, next) {
		HASH_DEL(s->all, k);
		free(k);
	}
	free(s);
}

static struct known *
find(const struct story_signed *s, const struct entry_view *v)
{
	uint64_t id = story_number(v, "statement");
	struct known *k;

	HASH_FIND(hh, s->all, &id, sizeof(id), k);
	return k;
}

/* P for a promotion, and so on; '#' for what is not known. */
static char
letter_of(const char *about)
{
	if (strcmp(about, "version") == 0)
		return 'S';
	if (strcmp(about, "promotion") == 0)
		return 'P';
	if (strcmp(about, "trust") == 0)
		return 'T';
	if (strcmp(about, "grant") == 0)
		return 'A';
	return strcmp(about, "revocation") == 0 ? 'R' : '#';
}

int
story_signed_learn(struct story_signed *s, const struct entry_view *v)
{
	struct known *k;

	if (find(s, v) != NULL)
		return 0;
	k = calloc(1, sizeof(*k));
	if (k == NULL)
		return ERR_NOMEM;
	k->id = story_number(v, "statement");
	k->letter = letter_of(story_text(v, "about"));
	k->rollback = strcmp(story_text(v, "act"), "rollback") == 0;
	snprintf(k->model, sizeof(k->model), "%s", story_text(v, "model"));
	HASH_ADD(hh, s->all, id, sizeof(k->id), k);
	return 0;
}

const char *
story_signed_model(const struct story_signed *s, const struct entry_view *v)
{
	const struct known *k = find(s, v);

	return k != NULL && k->model[0] != '\0' ? k->model : NULL;
}

/* "P7" */
static void
tell_name(const struct story_signed *s, const struct entry_view *v, FILE *f)
{
	const struct known *k = find(s, v);

	fprintf(f, "%c%llu",
	    k != NULL ? k->letter : letter_of(story_text(v, "about")),
	    (unsigned long long)story_number(v, "statement"));
}

/* "llama:prod serial 3 -> 4f2a01020304" */
static void
tell_subject(const struct story_signed *s, const struct entry_view *v, FILE *f)
{
	const struct known *k = find(s, v);

	switch (letter_of(story_text(v, "about"))) {
	case 'P':
		fprintf(f, "%s:%s serial %llu -> %.12s%s",
		    story_text(v, "model"), story_text(v, "channel"),
		    (unsigned long long)story_number(v, "serial"),
		    story_text(v, "version"),
		    k != NULL && k->rollback ? " (rollback)" : "");
		break;
	case 'T':
		fprintf(f, "trust root %llu",
		    (unsigned long long)story_number(v, "number"));
		break;
	case 'A':
		fprintf(f, "grant %llu of %s",
		    (unsigned long long)story_number(v, "grant"),
		    story_text(v, "model"));
		break;
	case 'R':
		fprintf(f, "%s@%.12s revoked", story_text(v, "model"),
		    story_text(v, "version"));
		break;
	default:
		fprintf(f, "%s@%.12s", story_text(v, "model"),
		    story_text(v, "version"));
	}
}

static void
tell_signers(const struct entry_view *v, FILE *f)
{
	json_t *name;
	size_t i;

	fputs(", signed by", f);
	json_array_foreach(json_object_get(v->json, "signers"), i, name)
		fprintf(f, "%s %s", i > 0 ? "," : "",
		    json_string_value(name) != NULL ? json_string_value(name) :
						      "?");
}

static void
tell_verdict(const struct entry_view *v, FILE *f)
{
	char size[OUT_SIZE];

	fprintf(f, "%s@%.12s ", story_text(v, "model"),
	    story_text(v, "version"));
	if (entry_view_bool(v, "ok"))
		fprintf(f, "is what its manifest says: %llu files %s",
		    (unsigned long long)story_number(v, "files"),
		    out_size(story_number(v, "bytes"), size));
	else
		fprintf(f, "is NOT what its manifest says: %s",
		    story_text(v, "reason"));
}

static void
tell_statement(const struct story_signed *s, const struct entry_view *v,
    FILE *f)
{
	bool sign = v->kind == ENTRY_STATEMENT_SIGN;

	if (sign)
		fprintf(f, "%s signed ", story_text(v, "signer"));
	tell_name(s, v, f);
	if (v->kind == ENTRY_STATEMENT_WITHDRAW) {
		fprintf(f, ": %s", story_text(v, "reason"));
		return;
	}
	fputs(": ", f);
	tell_subject(s, v, f);
	if (!sign)
		tell_signers(v, f);
	fputs(entry_view_bool(v, "effective") ? ", in force" : ", waits", f);
}

void
story_signed_tell(const struct story_signed *s, const struct entry_view *v,
    FILE *f)
{
	if (v->kind == ENTRY_VERIFY)
		tell_verdict(v, f);
	else if (v->kind == ENTRY_SIGN_OMS)
		fprintf(f, "%s@%.12s model.sig for %s", story_text(v, "model"),
		    story_text(v, "version"), story_text(v, "name"));
	else
		tell_statement(s, v, f);
}
