/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "keys/chain.h"
#include "keys/vaultdir.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/note.h"
#include "vault/seen.h"

/* What this host remembers of vaults (FORMAT.md, "What a host remembers"): to
 * be looked at, and to be forgotten. */

#define NAMES_SHOWN 8
#define NAMES_SIZE (NAMES_SHOWN * (SEEN_NAME + 1) + 32)

struct known {
	struct seen_vault *vaults;
	size_t count;
};

static void
drop_known(struct known *k)
{
	free(k->vaults);
}
#define OWNED_KNOWN __attribute__((cleanup(drop_known))) struct known

/* --- which vault --- */

static int
unknown(const struct known *k, const char *text)
{
	char names[NAMES_SIZE] = "", id[SEEN_NAME];
	size_t n = 0;

	for (size_t i = 0; i < k->count && i < NAMES_SHOWN; i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s",
		    i > 0 ? ", " : "", seen_vault_name(k->vaults[i].id, id));
	if (k->count > NAMES_SHOWN)
		snprintf(names + n, sizeof(names) - n, " and more");
	if (k->count == 0)
		return log_err(ERR_NOT_FOUND,
		    "this host remembers no vault '%s', and no other either",
		    text);
	return log_err(ERR_NOT_FOUND,
	    "this host remembers no vault '%s', but: %s (weir trust seen)",
	    text, names);
}

static bool
is_hex(const char *text)
{
	return text[strspn(text, "0123456789abcdef")] == '\0';
}

/* The vault whose id begins with this, or that lies at this path. */
static int
find(const struct known *k, const char *text, const struct seen_vault **out)
{
	OWNED(vaultdir) v = NULL;
	char id[SEEN_NAME];
	int r;

	*out = NULL;
	if (strlen(text) < REF_DIGITS_MIN || !is_hex(text)) {
		if (access(text, F_OK) != 0)
			return unknown(k, text);
		if ((r = vaultdir_open(&v, text)) != 0)
			return r;
		text = seen_vault_name(v->id, id);
	}
	for (size_t i = 0; i < k->count; i++) {
		char name[SEEN_NAME];

		seen_vault_name(k->vaults[i].id, name);
		if (strncmp(name, text, strlen(text)) != 0)
			continue;
		if (*out != NULL)
			return log_err(ERR_CONFLICT,
			    "several vaults that this host remembers begin "
			    "with %s: give more digits",
			    text);
		*out = &k->vaults[i];
	}
	return *out != NULL ? 0 : unknown(k, text);
}

/* --- what is remembered --- */

static int
describe(const struct seen_vault *v, const char *directory, json_t **out)
{
	OWNED(seen) seen = NULL;
	OWNED_JSON j = NULL;
	struct note_checkpoint c;
	char id[SEEN_NAME], hex[DIGEST_HEX_SIZE];
	const char *note;
	int r = seen_open_as(&seen, directory, v->id, false);

	if (r != 0)
		return r;
	if ((j = seen_content(seen)) == NULL)
		return ERR_NOMEM;
	if ((r = out_set(j, "vault",
		 json_string(seen_vault_name(v->id, id)))) != 0)
		return r;
	note = seen_checkpoint(seen);
	if (note != NULL && note_checkpoint_parse(&c, note, strlen(note)) == 0)
		r = out_set(j, "checkpoint",
		    json_pack("{s:s, s:I, s:s}", "origin", c.origin, "size",
			(json_int_t)c.size, "root", digest_hex(&c.root, hex)));
	if (r == 0 && json_object_get(j, "revoked") == NULL)
		r = out_set(j, "revoked", json_object());
	if (r != 0)
		return r;
	*out = j;
	j = NULL;
	return 0;
}

static const json_t *
get(const json_t *v, const char *key)
{
	return json_object_get(v, key);
}

#define ROOT_SIZE 48
static const char *
root_text(const json_t *v, char out[static ROOT_SIZE])
{
	const json_t *root = get(v, "root");

	if (root == NULL)
		return "none";
	snprintf(out, ROOT_SIZE, "%llu, %s",
	    (unsigned long long)talk_number(root, "number"),
	    talk_text(root, "how"));
	return out;
}

static int
print_all(const json_t *vaults)
{
	static const char *const heads[] = { "VAULT", "TRUST ROOT", ">CHANNELS",
		">REVOKED", ">TRAIL" };
	OWNED(out_table) table = NULL;
	const json_t *v;
	size_t i;
	int r;

	if ((r = out_table_new(&table, heads, 5)) != 0)
		return r;
	json_array_foreach(vaults, i, v) {
		char root[ROOT_SIZE], channels[24], revoked[24], trail[24];
		const char *cells[] = { talk_text(v, "vault"),
			root_text(v, root), channels, revoked, trail };

		snprintf(channels, sizeof(channels), "%zu",
		    json_object_size(get(v, "channels")));
		snprintf(revoked, sizeof(revoked), "%zu",
		    json_object_size(get(v, "revoked")));
		snprintf(trail, sizeof(trail), "%llu",
		    (unsigned long long)talk_number(get(v, "checkpoint"),
			"size"));
		if ((r = out_table_add(table, cells)) != 0)
			return r;
	}
	out_table_print(table);
	return 0;
}

static void
print_one(const json_t *v)
{
	const json_t *trail = get(v, "checkpoint"), *one;
	char root[ROOT_SIZE], when[OUT_TIME], count[OUT_COUNT];
	const char *key;

	out_line("vault    %s", talk_text(v, "vault"));
	out_line("root     %s", root_text(v, root));
	if (trail != NULL)
		out_line("trail    %s, of %s",
		    out_count(talk_number(trail, "size"), "entry", count),
		    talk_text(trail, "origin"));
	json_object_foreach((json_t *)(uintptr_t)get(v, "channels"), key, one)
		out_line("channel  %s, serial %llu, version %s", key,
		    (unsigned long long)talk_number(one, "serial"),
		    talk_text(one, "version"));
	json_object_foreach((json_t *)(uintptr_t)get(v, "revoked"), key, one)
		out_line("revoked  %s, shown %s UTC%s: %s", key,
		    out_when(talk_text(one, "time"), when),
		    talk_bool(one, "counted") ?
			"" :
			", and too few of its signatures counted",
		    talk_text(one, "reason"));
}

int
cmd_trust_seen(struct options *o, int argc, char **argv)
{
	const struct seen_vault *only = NULL;
	struct options_operands operands;
	OWNED_MEM(char) directory = NULL;
	OWNED_KNOWN known = { 0 };
	OWNED_JSON j = NULL;
	json_t *vaults;
	int r, worst = 0;

	if ((r = options_parse(o, NULL, argc, argv, &operands)) != 0 ||
	    (r = seen_directory(&directory)) != 0 ||
	    (r = seen_vaults(&known.vaults, &known.count)) != 0)
		return r;
	if (operands.count > 0 &&
	    (r = find(&known, operands.items[0], &only)) != 0)
		return r;
	j = json_pack("{s:s, s:[]}", "directory", directory, "vaults");
	vaults = json_object_get(j, "vaults");
	for (size_t i = 0; i < known.count; i++) {
		const struct seen_vault *v = &known.vaults[i];
		json_t *one;

		if (only != NULL && v != only)
			continue;
		/* What cannot be read was said; the others are told of. */
		if ((r = describe(v, directory, &one)) != 0)
			worst = r;
		else if (json_array_append_new(vaults, one) != 0)
			return ERR_NOMEM;
	}
	if (o->json)
		r = out_json(j);
	else if (only == NULL)
		r = print_all(vaults);
	else if (r == 0)
		print_one(json_array_get(vaults, 0));
	if (known.count == 0 && !o->json && !o->quiet)
		log_info("this host has seen no vault yet");
	return worst != 0 ? worst : r;
}

/* --- forgetting --- */

/* What is lost with it, as far as it can be read. */
#define WHAT_SIZE 256
static void
what(const struct seen_vault *v, const char *directory,
    char out[static WHAT_SIZE])
{
	char channels[OUT_COUNT], revoked[OUT_COUNT], root[ROOT_SIZE];
	OWNED_JSON j = NULL;

	if (describe(v, directory, &j) != 0) {
		snprintf(out, WHAT_SIZE, "what cannot be read");
		return;
	}
	snprintf(out, WHAT_SIZE,
	    "trust root %s; %s; %s; a trail of %llu entries",
	    root_text(j, root),
	    out_count(json_object_size(get(j, "channels")), "channel",
		channels),
	    out_count(json_object_size(get(j, "revoked")), "revocation",
		revoked),
	    (unsigned long long)talk_number(get(j, "checkpoint"), "size"));
}

static int
say_forgotten(const struct options *o, const char *id, const char *version)
{
	OWNED_JSON j = NULL;

	if (o->json) {
		j = json_pack("{s:s, s:s*}", "forgotten", id, "revoked",
		    version);
		return j != NULL ? out_json(j) : ERR_NOMEM;
	}
	if (version != NULL)
		out_line("forgot that %s was revoked", version);
	else
		out_line("forgot %s", id);
	return 0;
}

static int
forget_vault(const struct options *o, const struct seen_vault *v,
    const char *directory, bool yes)
{
	char held[WHAT_SIZE], id[SEEN_NAME], question[1024];
	char note[WHAT_SIZE + 64];
	bool pinned;
	int r;

	seen_vault_name(v->id, id);
	what(v, directory, held);
	snprintf(question, sizeof(question),
	    "This host forgets of vault %s: %s.  Then it takes an older vault, "
	    "an older promotion or a version that was revoked, where keyd "
	    "shows it one.  Forget?",
	    id, held);
	snprintf(note, sizeof(note), "forgotten by weir trust forget: %s",
	    held);
	if ((r = ask_yes(o, yes, question)) != 0)
		return r;
	if ((r = seen_forget(v->id, note)) != 0)
		return r == ERR_NOT_FOUND ?
		    log_err(r, "somebody else has forgotten %s meanwhile", id) :
		    r;
	if ((r = say_forgotten(o, id, NULL)) != 0 || o->quiet)
		return r;
	if (chain_pinned(v->id, &pinned) == 0 && !pinned)
		log_info("no trust root of it is pinned here: what reads it "
			 "next takes --trust FILE (weir trust show --export)");
	return 0;
}

/* The one version of these digits that is remembered. */
static int
find_revoked(const json_t *revoked, const struct ref *ref, const char **out)
{
	const size_t name = strlen(ref->name);
	const char *key;
	const json_t *one;

	*out = NULL;
	json_object_foreach((json_t *)(uintptr_t)revoked, key, one) {
		if (strncmp(key, ref->name, name) != 0 || key[name] != '@' ||
		    strncmp(key + name + 1, ref->digits, strlen(ref->digits)) !=
			0)
			continue;
		if (*out != NULL)
			return log_err(ERR_CONFLICT,
			    "this host remembers several revocations of %s@%s: "
			    "give more digits",
			    ref->name, ref->digits);
		*out = key;
	}
	return *out != NULL ?
	    0 :
	    log_err(ERR_NOT_FOUND,
		"this host remembers no revocation of %s@%s; 'weir trust seen "
		"VAULT' lists those that it does",
		ref->name, ref->digits);
}

static int
drop_revoked(struct seen *s, const char *full)
{
	char note[256];
	struct digest d;
	struct ref ref;
	int r;

	if (ref_parse(&ref, full) != 0 || digest_parse(&d, ref.digits) != 0)
		return ERR_FORMAT;
	snprintf(note, sizeof(note),
	    "forgotten by weir trust forget: that it "
	    "was revoked");
	if ((r = seen_drop_revoked(s, ref.name, &d)) != 0)
		return r;
	r = seen_refused(s, full, note);
	return r == 0 ? seen_save(s) : r;
}

static int
forget_revoked(const struct options *o, const struct seen_vault *v,
    const char *directory, const char *text, bool yes)
{
	char id[SEEN_NAME], question[1024];
	OWNED(seen) seen = NULL;
	OWNED_JSON j = NULL;
	const json_t *one;
	const char *full;
	struct ref ref;
	int r;

	if ((r = talk_ref(o, text, &ref)) != 0)
		return r;
	if (ref.digits[0] == '\0')
		return options_wrong(o,
		    "a revocation is of a version, MODEL@DIGITS");
	if ((r = describe(v, directory, &j)) != 0 ||
	    (r = find_revoked(get(j, "revoked"), &ref, &full)) != 0)
		return r;
	one = get(get(j, "revoked"), full);
	snprintf(question, sizeof(question),
	    "This host forgets that %s was revoked: %.256s.  %s  Forget?", full,
	    talk_text(one, "reason"),
	    talk_bool(one, "counted") ?
		"Enough had signed that, under the trust root of the day: it "
		"is no false one." :
		"Too few of its signatures counted when it was shown.");
	if ((r = ask_yes(o, yes, question)) != 0 ||
	    (r = seen_open(&seen, directory, v->id)) != 0)
		return r;
	if ((r = drop_revoked(seen, full)) != 0)
		return r == ERR_NOT_FOUND ?
		    log_err(r, "somebody else has forgotten it meanwhile") :
		    r;
	return say_forgotten(o, seen_vault_name(v->id, id), full);
}

int
cmd_trust_forget(struct options *o, int argc, char **argv)
{
	bool yes = false;
	const struct options_own own[] = {
		{ "yes", 0, OPTIONS_FLAG, &yes },
		OPTIONS_END,
	};
	struct options_operands operands;
	OWNED_MEM(char) directory = NULL;
	OWNED_KNOWN known = { 0 };
	const struct seen_vault *v;
	int r;

	if ((r = options_parse(o, own, argc, argv, &operands)) != 0 ||
	    (r = seen_directory(&directory)) != 0 ||
	    (r = seen_vaults(&known.vaults, &known.count)) != 0 ||
	    (r = find(&known, operands.items[0], &v)) != 0)
		return r;
	return operands.count > 1 ?
	    forget_revoked(o, v, directory, operands.items[1], yes) :
	    forget_vault(o, v, directory, yes);
}
