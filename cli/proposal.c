/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/proposal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ask.h"
#include "cli/history.h"
#include "cli/out.h"
#include "cli/review.h"
#include "cli/signer.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define NAME_SIZE 256

void
proposal_clear(struct proposal *p)
{
	roots_clear(&p->roots);
	store_free(p->store);
	client_free(p->client);
}

int
proposal_check_keys(const struct proposal *p)
{
	if (p->keys.count == 0)
		return options_wrong(p->o,
		    "--key is missing: whose signature? 'weir key ls' lists "
		    "your keys");
	for (size_t i = 0; i < p->keys.count; i++) {
		OWNED(signer) s = NULL;
		int r = signer_public(&s, p->keys.items[i]);

		if (r != 0)
			return r;
	}
	return 0;
}

static int
learn_roots(struct proposal *p, bool first)
{
	struct statement_key own[OPTIONS_LIST_MAX];
	struct roots_how how = { .trust = p->trust,
		.first_use = p->first_use,
		.may_lack = first,
		.own = own };

	for (size_t i = 0; i < p->keys.count; i++) {
		OWNED(signer) s = NULL;
		int r = signer_public(&s, p->keys.items[i]);

		if (r != 0)
			return r;
		own[how.own_count++] = *signer_key(s);
	}
	return roots_follow(&p->roots, p->client, &how);
}

int
proposal_open(struct proposal *p, bool first)
{
	int r;

	if ((r = talk_open(&p->client, p->o)) != 0 ||
	    (r = talk_store(&p->store, p->o, false)) != 0)
		return r;
	return learn_roots(p, first);
}

struct statement_fields
proposal_fields(const struct proposal *p, enum statement_about about,
    const struct subject *subject)
{
	struct statement_fields f = {
		.about = about,
		.time_ms = clock_wall_ms(),
	};

	memcpy(f.vault, client_peer(p->client)->vault, sizeof(f.vault));
	if (subject == NULL)
		return f;
	f.root = subject->root;
	f.model = subject->m.model;
	f.version = version_manifest(subject->version)->version;
	f.put_by = about == STATEMENT_REVOCATION ? NULL : subject->m.by;
	return f;
}

/* --- who signed, who is missing --- */

static size_t
append(char *buf, size_t n, const char *text)
{
	if (n < PROPOSAL_COUNT)
		n += (size_t)snprintf(buf + n, PROPOSAL_COUNT - n, "%s", text);
	return n;
}

char *
proposal_count(const json_t *reply, char buf[static PROPOSAL_COUNT])
{
	const json_t *waits = json_object_get(reply, "waits");
	uint64_t have = talk_number(reply, "have");
	uint64_t need = talk_number(reply, "need");
	size_t count = json_array_size(waits), i;
	uint64_t missing = need > have ? need - have : 0;
	json_t *name;
	size_t n = (size_t)snprintf(buf, PROPOSAL_COUNT, "%ju of %ju",
	    (uintmax_t)have, (uintmax_t)need);

	if (missing == 0)
		return buf;
	n = append(buf, n, ", waits for ");
	if (missing > count) {
		append(buf, n, "keys that the trust root does not have");
		return buf;
	}
	if (missing > 1 && missing < count)
		n += (size_t)snprintf(buf + n, PROPOSAL_COUNT - n, "%ju of ",
		    (uintmax_t)missing);
	json_array_foreach(waits, i, name) {
		const char *between = missing == count ? " and " :
		    missing == 1		       ? " or " :
							 ", ";

		n = append(buf, n, i > 0 ? between : "");
		n = append(buf, n, json_string_value(name));
	}
	return buf;
}

static int
print_outcome(const struct proposal *p, const json_t *reply, const char *verb)
{
	char count[PROPOSAL_COUNT];
	bool effective = talk_bool(reply, "effective");

	if (p->o->json)
		return out_json(reply);
	out_line("%s %s: %s%s", verb, talk_text(reply, "name"),
	    proposal_count(reply, count), effective ? ", in force" : "");
	return 0;
}

/* --- signing --- */

/* Sign with each key; sigs has room for all. */
static int
sign_all(const struct proposal *p, struct statement *s)
{
	for (size_t i = 0; i < p->keys.count; i++) {
		OWNED(signer) signer = NULL;
		int r;

		r = signer_open(&signer, p->keys.items[i], p->passphrase_file);
		if (r != 0)
			return r;
		if ((r = signer_sign_statement(signer, s)) != 0)
			return r;
	}
	return 0;
}

static int
send_new(struct proposal *p, const struct statement *s)
{
	OWNED_MEM(char) envelope = NULL;
	OWNED_JSON reply = NULL;
	char *text;
	int r;

	if ((r = statement_envelope(s, &envelope)) != 0 ||
	    (r = client_statement_add(p->client, envelope, &text)) != 0 ||
	    (r = talk_parse(text, &reply)) != 0)
		return r;
	return print_outcome(p, reply,
	    talk_bool(reply, "effective") ? "signed" : "proposed");
}

static const char *
question(const struct statement_fields *f)
{
	switch (f->about) {
	case STATEMENT_VERSION:
		return "Sign this version?";
	case STATEMENT_PROMOTION:
		return "Sign that the channel moves?";
	case STATEMENT_TRUST:
		return "Sign this trust root?";
	case STATEMENT_GRANT:
		return "Approve this grant?";
	case STATEMENT_REVOCATION:
		break;
	}
	return "Sign that this version is revoked?";
}

/* Shown to whoever decides, but not to a script that has decided already. */
static bool
is_shown(const struct proposal *p)
{
	return !p->yes || !p->o->quiet;
}

int
proposal_offer(struct proposal *p, struct statement *s)
{
	const struct statement_fields *f = statement_fields(s);
	OWNED(trust_root) root = NULL;
	char why[STATEMENT_WHY] = "";
	int r;

	if (f->about == STATEMENT_TRUST &&
	    (r = trust_root_parse(&root, s, why)) != 0)
		return log_err(ERR_USAGE, "that is no policy: %s", why);
	if (is_shown(p)) {
		review_statement(stderr, s);
		if (root != NULL)
			review_root(stderr, s, root);
	}
	if ((r = ask_yes(p->o, p->yes, question(f))) != 0 ||
	    (r = sign_all(p, s)) != 0)
		return r;
	return send_new(p, s);
}

int
proposal_make(struct proposal *p, const struct statement_fields *f,
    const char *trust_json)
{
	OWNED(statement) s = NULL;
	char why[STATEMENT_WHY] = "";
	int r = statement_new(&s, f, trust_json, why);

	if (r == ERR_USAGE || r == ERR_FORMAT || r == ERR_LIMIT)
		return log_err(ERR_USAGE, "that cannot be signed: %s",
		    why[0] != '\0' ? why : err_text(r));
	if (r != 0)
		return r;
	return proposal_offer(p, s);
}

/* --- joining --- */

int
proposal_number(const struct options *o, const char *text, char letter,
    uint64_t *out)
{
	const char *digits = text[0] == letter ? text + 1 : text;
	char name[NAME_SIZE];

	if (digits[0] < '0' || digits[0] > '9')
		return options_wrong(o, "'%s' is none of these: %c1, %c2, ...",
		    log_name(name, sizeof(name), text, strlen(text)), letter,
		    letter);
	return options_number(o, "the number", digits, INT64_MAX, out);
}

/* A promotion against what its channel points to, a trust root against the one
 * before; then what is different. */
static int
show_version(struct proposal *p, const struct statement *s)
{
	const struct statement_fields *f = statement_fields(s);
	OWNED_SUBJECT to = { 0 };
	OWNED_SUBJECT from = { 0 };
	int r;

	r = subject_open_digest(&to, p->client, p->store, f->model,
	    &f->version);
	if (r == 0)
		r = review_agrees(s, &to);
	if (r != 0 || f->about != STATEMENT_PROMOTION || !is_shown(p))
		return r;
	if (!f->has_previous)
		return review_changes(stderr, NULL, &to, false);
	r = subject_open_digest(&from, p->client, p->store, f->model,
	    &f->previous);
	return r != 0 ? r : review_changes(stderr, &from, &to, true);
}

/* "MODEL@DIGITS" or "DIGITS"; *model is empty for the latter. */
static bool
split_version(const char *text, char model[static REF_NAME_MAX + 1],
    const char **digits)
{
	const char *at = strrchr(text, '@');
	size_t n = at != NULL ? (size_t)(at - text) : 0;

	*digits = at != NULL ? at + 1 : text;
	if (n > REF_NAME_MAX)
		return false;
	memcpy(model, text, n);
	model[n] = '\0';
	n = strlen(*digits);
	return (at == NULL || ref_name_ok(model)) && n >= SUBJECT_DIGITS &&
	    n < DIGEST_HEX_SIZE && strspn(*digits, "0123456789abcdef") == n;
}

int
proposal_check_version(const struct proposal *p)
{
	char model[REF_NAME_MAX + 1];
	const char *digits;

	if (p->version == NULL)
		return p->yes ?
		    options_wrong(p->o,
			"--yes signs unseen: --version DIGITS says which "
			"version you mean, with 32 digits or more") :
		    0;
	return split_version(p->version, model, &digits) ?
	    0 :
	    options_wrong(p->o,
		"--version takes 32 to 64 hexadecimal digits, or "
		"MODEL@DIGITS");
}

/* It is about what whoever signs has in mind. */
static int
check_version(const struct proposal *p, const struct statement *s)
{
	const struct statement_fields *f = statement_fields(s);
	char model[REF_NAME_MAX + 1], hex[DIGEST_HEX_SIZE];
	const char *digits;

	if (f->about == STATEMENT_GRANT)
		return strcmp(f->terms, p->terms) == 0 ?
		    0 :
		    log_err(ERR_INTEGRITY,
			"its terms are '%s', not those of the grant: nothing "
			"was signed",
			f->terms);
	if (p->version == NULL || !split_version(p->version, model, &digits))
		return 0;
	digest_hex(&f->version, hex);
	if (strncmp(hex, digits, strlen(digits)) == 0 &&
	    (model[0] == '\0' || strcmp(model, f->model) == 0))
		return 0;
	return log_err(ERR_INTEGRITY,
	    "it is about %s@%s, not about the version that --version names: "
	    "nothing was signed",
	    f->model, hex);
}

static int
check_root(const struct proposal *p, const struct statement *s)
{
	const struct statement_fields *f = statement_fields(s);
	struct digest before = p->roots.root != NULL ?
	    trust_root_digest(p->roots.root) :
	    digest_of(f->vault, sizeof(f->vault));

	if (f->number != p->roots.number + 1)
		return log_err(ERR_CONFLICT,
		    "it is trust root %ju, and the next one is %ju",
		    (uintmax_t)f->number, (uintmax_t)p->roots.number + 1);
	if (!digest_equal(&f->root, &before))
		return log_err(ERR_INTEGRITY,
		    "it does not follow the trust root in force, but another "
		    "one: do not sign it");
	return 0;
}

/* Fetch a statement that waits, as it is to be signed. */
static int
fetch(struct proposal *p, uint64_t id, enum statement_about about,
    struct statement **out)
{
	OWNED_MEM(char) envelope = NULL;
	OWNED(statement) s = NULL;
	OWNED_JSON j = NULL;
	char *text;
	char why[STATEMENT_WHY] = "", count[PROPOSAL_COUNT];
	const struct statement_fields *f;
	int r;

	if ((r = client_statement_get(p->client, id, &text)) != 0 ||
	    (r = talk_parse(text, &j)) != 0)
		return r;
	envelope = json_dumps(json_object_get(j, "envelope"), JSON_COMPACT);
	if (envelope == NULL ||
	    statement_parse(&s, envelope, strlen(envelope), why) != 0)
		return log_err(ERR_INTEGRITY,
		    "what keyd shows as number %ju is no statement: %s",
		    (uintmax_t)id, why);
	f = statement_fields(s);
	if (f->about != about)
		return log_err(ERR_NOT_FOUND, "number %ju is %s, a %s",
		    (uintmax_t)id, talk_text(j, "name"),
		    statement_about_name(f->about));
	if (memcmp(f->vault, client_peer(p->client)->vault, sizeof(f->vault)) !=
	    0)
		return log_err(ERR_INTEGRITY,
		    "%s is about another vault: do not sign it",
		    talk_text(j, "name"));
	if (strcmp(talk_text(j, "state"), "expired") == 0)
		return log_err(ERR_CONFLICT,
		    "%s expired while it waited: propose it again (weir "
		    "promote), and take this one back (weir promote withdraw "
		    "%s --reason TEXT)",
		    talk_text(j, "name"), talk_text(j, "name"));
	if (strcmp(talk_text(j, "state"), "waiting") != 0)
		return log_err(ERR_CONFLICT, "%s does not wait: it is %s",
		    talk_text(j, "name"), talk_text(j, "state"));
	if (is_shown(p))
		out_line_to(stderr, "%s waits: %s", talk_text(j, "name"),
		    proposal_count(j, count));
	*out = s;
	s = NULL;
	return 0;
}

/* One signature over the payload that was shown. */
static int
send_signature(struct proposal *p, uint64_t id, struct statement *s,
    const char *key, json_t **reply)
{
	struct msg_statement_sign m = { .statement = id };
	OWNED_MEM(uint8_t) bytes = NULL;
	OWNED(signer) signer = NULL;
	char *text;
	size_t n;
	int r;

	if ((r = signer_open(&signer, key, p->passphrase_file)) != 0 ||
	    (r = statement_to_sign(s, &bytes, &n)) != 0 ||
	    (r = signer_sign(signer, bytes, n, m.sig)) != 0)
		return r;
	m.keyid = statement_key_id(signer_key(signer));
	if ((r = client_statement_sign(p->client, &m, &text)) != 0)
		return r;
	json_decref(*reply);
	*reply = NULL;
	return talk_parse(text, reply);
}

int
proposal_join(struct proposal *p, uint64_t id, enum statement_about about)
{
	OWNED(statement) s = NULL;
	OWNED(trust_root) root = NULL;
	OWNED_JSON reply = NULL;
	char why[STATEMENT_WHY] = "";
	int r;

	if ((r = fetch(p, id, about, &s)) != 0)
		return r;
	r = about == STATEMENT_TRUST ? check_root(p, s) : check_version(p, s);
	if (r == 0 &&
	    (about == STATEMENT_VERSION || about == STATEMENT_PROMOTION))
		r = history_not_remembered(p->client,
		    statement_fields(s)->model, &statement_fields(s)->version);
	if (r == 0 && about != STATEMENT_TRUST && about != STATEMENT_GRANT)
		r = show_version(p, s);
	if (r != 0)
		return r;
	if (about == STATEMENT_TRUST &&
	    (r = trust_root_parse(&root, s, why)) != 0)
		return log_err(ERR_INTEGRITY, "that is no trust root: %s", why);
	if (is_shown(p)) {
		review_statement(stderr, s);
		if (root != NULL)
			review_root(stderr, s, root);
	}
	if ((r = ask_yes(p->o, p->yes, question(statement_fields(s)))) != 0)
		return r;
	for (size_t i = 0; i < p->keys.count; i++)
		if ((r = send_signature(p, id, s, p->keys.items[i], &reply)) !=
		    0)
			return r;
	return print_outcome(p, reply, "signed");
}

int
proposal_withdraw(struct options *o, int argc, char **argv, char letter)
{
	const char *reason = NULL;
	const struct options_own own[] = {
		{ "reason", 0, OPTIONS_TEXT, &reason },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	uint64_t id;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = proposal_number(o, operands.items[0], letter, &id)) != 0)
		return r;
	if (reason == NULL || reason[0] == '\0')
		return options_wrong(o,
		    "--reason is missing: why is it taken back? It is "
		    "recorded");
	if ((r = talk_open(&client, o)) != 0 ||
	    (r = client_statement_withdraw(client, id, reason)) != 0)
		return r;
	if (!o->json) {
		out_line("withdrawn %c%ju", letter, (uintmax_t)id);
		return 0;
	}
	j = json_pack("{s:I, s:b}", "statement", (json_int_t)id, "withdrawn",
	    true);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}
