/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/story_signed.h"

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

static const char *
text_of(const struct entry_view *v, const char *key)
{
	const char *text = entry_view_text(v, key);

	return text != NULL ? text : "";
}

static uint64_t
number_of(const struct entry_view *v, const char *key)
{
	uint64_t n;

	return entry_view_number(v, key, &n) == 0 ? n : 0;
}

static struct known *
find(const struct story_signed *s, const struct entry_view *v)
{
	uint64_t id = number_of(v, "statement");
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
	k->id = number_of(v, "statement");
	k->letter = letter_of(text_of(v, "about"));
	k->rollback = strcmp(text_of(v, "act"), "rollback") == 0;
	snprintf(k->model, sizeof(k->model), "%s", text_of(v, "model"));
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
	    k != NULL ? k->letter : letter_of(text_of(v, "about")),
	    (unsigned long long)number_of(v, "statement"));
}

/* "llama:prod serial 3 -> 4f2a01020304" */
static void
tell_subject(const struct story_signed *s, const struct entry_view *v, FILE *f)
{
	const struct known *k = find(s, v);

	switch (letter_of(text_of(v, "about"))) {
	case 'P':
		fprintf(f, "%s:%s serial %llu -> %.12s%s", text_of(v, "model"),
		    text_of(v, "channel"),
		    (unsigned long long)number_of(v, "serial"),
		    text_of(v, "version"),
		    k != NULL && k->rollback ? " (rollback)" : "");
		break;
	case 'T':
		fprintf(f, "trust root %llu",
		    (unsigned long long)number_of(v, "number"));
		break;
	case 'A':
		fprintf(f, "grant %llu of %s",
		    (unsigned long long)number_of(v, "grant"),
		    text_of(v, "model"));
		break;
	case 'R':
		fprintf(f, "%s@%.12s revoked", text_of(v, "model"),
		    text_of(v, "version"));
		break;
	default:
		fprintf(f, "%s@%.12s", text_of(v, "model"),
		    text_of(v, "version"));
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

	fprintf(f, "%s@%.12s ", text_of(v, "model"), text_of(v, "version"));
	if (entry_view_bool(v, "ok"))
		fprintf(f, "is what its manifest says: %llu files %s",
		    (unsigned long long)number_of(v, "files"),
		    out_size(number_of(v, "bytes"), size));
	else
		fprintf(f, "is NOT what its manifest says: %s",
		    text_of(v, "reason"));
}

static void
tell_statement(const struct story_signed *s, const struct entry_view *v,
    FILE *f)
{
	bool sign = v->kind == ENTRY_STATEMENT_SIGN;

	if (sign)
		fprintf(f, "%s signed ", text_of(v, "signer"));
	tell_name(s, v, f);
	if (v->kind == ENTRY_STATEMENT_WITHDRAW) {
		fprintf(f, ": %s", text_of(v, "reason"));
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
		fprintf(f, "%s@%.12s model.sig for %s", text_of(v, "model"),
		    text_of(v, "version"), text_of(v, "name"));
	else
		tell_statement(s, v, f);
}
