/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys/chain_parts.h"
#include "vault/err.h"
#include "vault/fields.h"
#include "vault/file.h"
#include "vault/log.h"

#define KNOWN_MAX 64
#define FILE_MAX (STATEMENT_ENVELOPE_MAX + 4096U) /* white space around it */
#define NAME_SIZE 256
#define TRUST_DIRECTORY "/etc/weir/trust.d"

/* A root that this host goes by already: pinned, or seen. */
struct known {
	struct statement *s;
	struct trust_root *r;
	char *envelope;
	char what[NAME_SIZE + 32];
};

struct known_list {
	struct known items[KNOWN_MAX];
	size_t count;
	size_t pinned; /* of them, the first ones */
	size_t others; /* files with roots of other vaults */
};

static void
known_clear(struct known *k)
{
	statement_free(k->s);
	trust_root_free(k->r);
	free(k->envelope);
}

static void
known_list_clear(struct known_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		known_clear(&l->items[i]);
}

/* --- what is pinned, and what was seen --- */

/* ERR_NOT_FOUND: of another vault. */
static int
read_known(const struct chain *c, struct known *k, const void *text, size_t n,
    char why[static STATEMENT_WHY])
{
	const struct statement_fields *f;
	enum trust_verdict verdict;
	char *copy;
	int err = statement_parse(&k->s, text, n, why);

	if (err != 0)
		return err;
	f = statement_fields(k->s);
	if (f->about != STATEMENT_TRUST) {
		snprintf(why, STATEMENT_WHY, "it is a %s statement",
		    statement_about_name(f->about));
		return ERR_FORMAT;
	}
	if (memcmp(f->vault, c->vault, sizeof(c->vault)) != 0)
		return ERR_NOT_FOUND;
	err = trust_root_parse(&k->r, k->s, why);
	if (err != 0)
		return err;
	verdict = trust_accept_first(k->r, k->s);
	if (verdict != TRUST_OK) {
		snprintf(why, STATEMENT_WHY, "trust root %" PRIu64 " is %s",
		    f->number, trust_text(verdict));
		return ERR_FORMAT;
	}
	err = statement_envelope(k->s, &copy);
	if (err == 0)
		k->envelope = copy;
	return err;
}

static int
add_file(const struct chain *c, struct known_list *l, const char *path,
    bool strict)
{
	OWNED_MEM(uint8_t) bytes = NULL;
	char name[NAME_SIZE], why[STATEMENT_WHY] = "";
	struct known k = { 0 };
	size_t n;
	int err = file_load(NULL, path, FILE_MAX, &bytes, &n);

	log_name(name, sizeof(name), path, strlen(path));
	if (err == ERR_NOT_FOUND)
		return strict ? log_err(err, "there is no '%s'", name) : 0;
	if (err == ERR_LIMIT)
		return log_err(err, "'%s' is too long for a trust root", name);
	if (err == 0)
		err = read_known(c, &k, bytes, n, why);
	if (err == 0 && l->count == KNOWN_MAX)
		err = log_err(ERR_LIMIT, "more than %d pinned trust roots",
		    KNOWN_MAX);
	if (err == 0) {
		snprintf(k.what, sizeof(k.what), "pinned in '%s'", name);
		l->items[l->count++] = k;
		return 0;
	}
	known_clear(&k);
	if (err == ERR_NOT_FOUND) {
		l->others++;
		return 0;
	}
	if (err != ERR_FORMAT)
		return err;
	if (strict)
		return log_err(err, "'%s' is no trust root: %s", name, why);
	/* Who only looks what is pinned may be about to write it. */
	if (c->client != NULL)
		log_warn("'%s' is no trust root, and is passed over: %s", name,
		    why);
	return 0;
}

static const char *
directory_of(const struct chain_how *how)
{
	const char *given = secure_getenv("WEIR_TRUST_DIR");

	if (how->directory != NULL)
		return how->directory;
	return given != NULL && given[0] != '\0' ? given : TRUST_DIRECTORY;
}

static int
is_json(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 &&
	    strcmp(d->d_name + n - 5, ".json") == 0;
}

static int
add_directory(const struct chain *c, struct known_list *l)
{
	const char *directory = directory_of(c->how);
	struct dirent **names;
	int n = scandir(directory, &names, is_json, alphasort);
	int err = 0;

	/* None is there where nothing is pinned. */
	for (int i = 0; i < n; i++) {
		OWNED_MEM(char) path = NULL;
		char *joined;

		if (err == 0 &&
		    asprintf(&joined, "%s/%s", directory, names[i]->d_name) < 0)
			err = ERR_NOMEM;
		else if (err == 0) {
			path = joined;
			err = add_file(c, l, path, false);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return err;
}

int
chain_pinned(const uint8_t vault[static 16], bool *out)
{
	const struct chain_how how = { 0 };
	struct chain c = { .how = &how };
	struct known_list l = { 0 };
	int err;

	memcpy(c.vault, vault, sizeof(c.vault));
	err = add_directory(&c, &l);
	*out = l.count > 0;
	known_list_clear(&l);
	return err;
}

/* Named ones say which vault it is to be; those of the directory are of any. */
static int
add_pinned(struct chain *c, struct known_list *l)
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < c->how->trust_count; i++)
		err = add_file(c, l, c->how->trust_files[i], true);
	if (err == 0 && c->how->trust_count == 0)
		err = add_directory(c, l);
	l->pinned = l->count;
	if (err == 0 && c->how->trust_count > 0 && l->pinned == 0)
		return chain_refuse(c, NULL,
		    "this is vault %s, and what was pinned is a trust root of "
		    "another one",
		    c->vault_hex);
	return err;
}

static int
add_seen(struct chain *c, struct known_list *l)
{
	char why[STATEMENT_WHY] = "";
	struct known k = { .what = "that this host has seen" };
	const char *text;
	uint64_t number;
	bool first_use;
	int err;

	text = seen_root(c->seen, &number, &first_use);
	if (text == NULL)
		return 0;
	if (l->count == KNOWN_MAX)
		return log_err(ERR_LIMIT, "more than %d pinned trust roots",
		    KNOWN_MAX - 1);
	err = read_known(c, &k, text, strlen(text), why);
	if (err == 0 && trust_root_number(k.r) != number)
		err = ERR_FORMAT;
	if (err == 0) {
		l->items[l->count++] = k;
		return 0;
	}
	known_clear(&k);
	return err == ERR_NOMEM ?
	    err :
	    log_err(ERR_FORMAT,
		"the trust root that this host has seen cannot be read back: "
		"%s; restore the state directory, or move it away and pin the "
		"root anew (--trust)",
		why);
}

/* --- the way up --- */

/* A root that this host goes by already is not replaced by another one with
 * its number. */
static int
check_known(struct chain *c, const struct known_list *l)
{
	struct digest d = trust_root_digest(c->root);
	uint64_t number = trust_root_number(c->root);

	for (size_t i = 0; i < l->count; i++) {
		const struct known *k = &l->items[i];
		struct digest other = trust_root_digest(k->r);

		if (trust_root_number(k->r) == number &&
		    !digest_equal(&d, &other))
			return chain_refuse(c, NULL,
			    "keyd shows another trust root %" PRIu64
			    " than the one %s",
			    number, k->what);
	}
	return 0;
}

static int
become(struct chain *c, const struct known_list *l, struct trust_root *r,
    const struct statement *s)
{
	char *envelope;
	int err = statement_envelope(s, &envelope);

	if (err != 0) {
		trust_root_free(r);
		return err;
	}
	trust_root_free(c->root);
	free(c->envelope);
	c->root = r;
	c->envelope = envelope;
	return check_known(c, l);
}

/* Why a root does not follow; its own keys and those of the one before must
 * both sign. */
static int
refuse_next(struct chain *c, enum trust_verdict verdict,
    const struct trust_root *r, const struct statement *s)
{
	const struct trust_root *under = c->root;
	char what[64];
	struct trust_count n;

	snprintf(what, sizeof(what), "trust root %" PRIu64,
	    statement_fields(s)->number);
	if (under != NULL)
		trust_count_of(&n, under, s);
	if (under == NULL || trust_count_met(&n))
		under = r;
	return chain_refuse_statement(c, NULL, what, verdict, under, s);
}

/* Whether one of the keys at hand signed it, as one of its root keys. */
static bool
is_own(const struct chain *c, const struct trust_root *r,
    const struct statement *s)
{
	struct trust_count n;

	trust_count_of(&n, r, s);
	for (size_t i = 0; i < n.signed_count; i++) {
		const struct trust_person *p = trust_root_person(r,
		    n.signed_by[i]);

		for (size_t k = 0; k < c->how->own_count; k++)
			if (memcmp(&p->key, &c->how->own[k], sizeof(p->key)) ==
			    0)
				return true;
	}
	return false;
}

/* The next root, as keyd shows it; the first one when there is none yet. */
static int
step(struct chain *c, const struct known_list *l, const json_t *json)
{
	OWNED(statement) s = NULL;
	OWNED(trust_root) next = NULL;
	enum trust_verdict verdict;
	char why[STATEMENT_WHY] = "";
	struct trust_root *r;
	int err = chain_envelope(c, NULL, json, "a trust root", &s);

	if (err != 0)
		return err;
	if (statement_fields(s)->about != STATEMENT_TRUST)
		return chain_refuse(c, NULL,
		    "keyd shows a %s statement for a trust root",
		    statement_about_name(statement_fields(s)->about));
	err = trust_root_parse(&next, s, why);
	if (err == ERR_FORMAT || err == ERR_LIMIT)
		return chain_refuse(c, NULL, "trust root %" PRIu64 ": %s",
		    statement_fields(s)->number, why);
	if (err != 0)
		return err;
	if (c->root != NULL)
		verdict = trust_accept_next(c->root, next, s);
	else if (memcmp(trust_root_vault(next), c->vault, sizeof(c->vault)) !=
	    0)
		verdict = TRUST_OTHER_VAULT;
	else if (trust_root_number(next) != 1)
		verdict = TRUST_NUMBER;
	else
		verdict = trust_accept_first(next, s);
	if (verdict != TRUST_OK)
		return refuse_next(c, verdict, next, s);
	c->vouched = c->vouched || is_own(c, next, s);
	r = next;
	next = NULL;
	return become(c, l, r, s);
}

static uint64_t
number_of(const struct chain *c)
{
	return c->root != NULL ? trust_root_number(c->root) : 0;
}

/* keyd goes by the root at hand, too, and by no other one of its number. */
static int
check_same(struct chain *c, const json_t *json)
{
	OWNED(statement) s = NULL;
	struct digest mine = trust_root_digest(c->root), other;
	int err = chain_envelope(c, NULL, json, "a trust root", &s);

	if (err != 0)
		return err;
	other = statement_digest(s);
	if (digest_equal(&mine, &other))
		return 0;
	return chain_refuse(c, NULL,
	    "keyd shows another trust root %" PRIu64
	    " than the one that this host goes by",
	    number_of(c));
}

/* One reply of keyd's: the roots behind `after`. */
struct shown {
	json_t *json;
	uint64_t newest;
	const json_t *roots; /* of json */
};

static int
fetch(const struct chain *c, uint64_t after, struct shown *out)
{
	const struct why silent = { NULL, 0 };
	OWNED_MEM(char) text = NULL;
	struct fields f;
	int err = client_trust_get(c->client, after, &text);

	if (err != 0)
		return err;
	err = fields_load(&out->json, text, strlen(text), "trust.get", &silent);
	f = fields_of(out->json, "trust.get", &silent);
	out->newest = (uint64_t)fields_number(&f, "number", 0,
	    FIELDS_NUMBER_MAX);
	out->roots = fields_array(&f, "roots", SIZE_MAX);
	if (err != 0 || fields_end(&f) != 0)
		return log_err(ERR_FORMAT,
		    "weir-keyd sent a malformed reply to trust.get");
	return 0;
}

/* Take what keyd shows behind the root at hand; at first, it is to
 * show that one as well. */
static int
take(struct chain *c, const struct known_list *l, const struct shown *s,
    bool first)
{
	uint64_t before = number_of(c);
	bool same = first && c->root != NULL;
	const json_t *one;
	size_t i;

	json_array_foreach(s->roots, i, one) {
		int err = same && i == 0 ? check_same(c, one) : step(c, l, one);

		if (err != 0)
			return err;
	}
	if (s->newest < number_of(c))
		return chain_refuse(c, NULL,
		    "keyd shows trust root %" PRIu64
		    ", and this host goes by trust root %" PRIu64 " already",
		    s->newest, number_of(c));
	if (same && i == 0)
		return chain_refuse(c, NULL,
		    "keyd does not show trust root %" PRIu64, before);
	if (number_of(c) == before && number_of(c) < s->newest &&
	    !(same && i == 1))
		return chain_refuse(c, NULL,
		    "keyd says that trust root %" PRIu64
		    " is in force, and does not show what follows root "
		    "%" PRIu64,
		    s->newest, number_of(c));
	return 0;
}

/* *more: there may be more behind. */
static int
ask(struct chain *c, const struct known_list *l, bool first, bool *more)
{
	uint64_t after = number_of(c);
	struct shown s = { 0 };
	int err;

	if (first && after > 0)
		after--;
	err = fetch(c, after, &s);
	if (err == 0)
		err = take(c, l, &s, first);
	if (err == 0)
		*more = number_of(c) < s.newest;
	json_decref(s.json);
	return err;
}

/* The lowest known one: from there all others must be met. */
static int
begin(struct chain *c, const struct known_list *l)
{
	const struct known *low = NULL;
	OWNED(trust_root) r = NULL;
	struct trust_root *copy;
	int err;

	for (size_t i = 0; i < l->count; i++)
		if (low == NULL ||
		    trust_root_number(l->items[i].r) <
			trust_root_number(low->r))
			low = &l->items[i];
	if (low == NULL)
		return 0;
	err = trust_root_parse(&r, low->s, NULL);
	if (err != 0)
		return err;
	copy = r;
	r = NULL;
	return become(c, l, copy, low->s);
}

static int
climb(struct chain *c, const struct known_list *l)
{
	bool more = true;
	int err = begin(c, l);

	for (bool first = true; err == 0 && more; first = false)
		err = ask(c, l, first, &more);
	for (size_t i = 0; err == 0 && i < l->count; i++)
		if (trust_root_number(l->items[i].r) > number_of(c))
			return chain_refuse(c, NULL,
			    "keyd shows trust root %" PRIu64
			    ", older than trust root %" PRIu64 " %s",
			    number_of(c), trust_root_number(l->items[i].r),
			    l->items[i].what);
	return err;
}

static int
nothing_pinned(const struct chain *c)
{
	return log_err(ERR_NOT_FOUND,
	    "no trust root of vault %s is pinned on this host: put the one "
	    "that the release managers give you (weir trust show --export) "
	    "into '%s/NAME.json', or name it with --trust FILE; "
	    "--trust-on-first-use takes keyd's word for it, once",
	    c->vault_hex, directory_of(c->how));
}

static bool
was_first_use(const struct chain *c, const struct known_list *l)
{
	uint64_t number;
	bool first_use;

	if (l->pinned > 0)
		return false;
	return seen_root(c->seen, &number, &first_use) != NULL ? first_use :
								 !c->vouched;
}

static int
update(struct chain *c, struct known_list *l)
{
	const struct chain_how *how = c->how;
	bool known;
	int err = add_pinned(c, l);

	if (err == 0)
		err = add_seen(c, l);
	if (err != 0)
		return err;
	known = l->count > 0 || how->first_use;
	if (!known && how->allow_unsigned)
		return 0;
	if (!known && how->own_count == 0)
		return nothing_pinned(c);
	err = climb(c, l);
	if (err != 0)
		return err;
	if (c->root == NULL)
		return how->allow_unsigned || how->may_lack ?
		    0 :
		    log_err(ERR_NOT_FOUND,
			"vault %s has no trust root that says who may sign; "
			"its owner makes one: weir trust init",
			c->vault_hex);
	if (!known && !c->vouched)
		return nothing_pinned(c);
	c->first_use = was_first_use(c, l);
	return 0;
}

int
chain_root_climb(struct chain *c)
{
	struct known_list l = { 0 };
	int err = update(c, &l);

	known_list_clear(&l);
	return err;
}
