/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "keys/keyring_slot.h"
#include "vault/err.h"
#include "vault/log.h"

int
cmd_secret_ls(struct options *o, int argc, char **argv)
{
	static const char *const heads[] = { ">N", "TYPE", "LABEL", "ADDED",
		"LAST OPENED" };
	struct options_operands none;
	OWNED(client) client = NULL;
	OWNED(out_table) table = NULL;
	OWNED_JSON j = NULL;
	json_t *one;
	size_t i;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &none)) != 0 ||
	    (r = talk_open(&client, o)) != 0 ||
	    (r = talk_json(client, MSG_SECRET_LS, NULL, &j)) != 0)
		return r;
	if (o->json)
		return out_json(j);
	if ((r = out_table_new(&table, heads, 5)) != 0)
		return r;
	json_array_foreach(json_object_get(j, "secrets"), i, one) {
		char number[24], added[OUT_TIME], used[OUT_TIME];
		const char *cells[] = { number, talk_text(one, "type"),
			talk_text(one, "label"),
			out_when(talk_text(one, "added"), added), "" };

		snprintf(number, sizeof(number), "%llu",
		    (unsigned long long)talk_number(one, "secret"));
		if (talk_text(one, "used")[0] != '\0')
			cells[4] = out_when(talk_text(one, "used"), used);
		if ((r = out_table_add(table, cells)) != 0)
			return r;
	}
	out_table_print(table);
	return 0;
}

/* --- what changes them --- */

/* A change in hand: the secret that proves that the caller may, and the new
 * one. */
struct change {
	struct options *o;
	const char *passphrase_file, *key_file, *label;
	bool recovery;
	struct unlock proof, fresh;
	char *slot; /* NULL: none was named */
};

static void
change_clear(struct change *c)
{
	unlock_clear(&c->proof);
	unlock_clear(&c->fresh);
	free(c->slot);
}

static int
parse(struct change *c, bool fresh, int argc, char **argv)
{
	const struct options_own own[] = {
		{ "new-passphrase-file", 0, OPTIONS_TEXT, &c->passphrase_file },
		{ "new-key-file", 0, OPTIONS_TEXT, &c->key_file },
		{ "new-recovery", 0, OPTIONS_FLAG, &c->recovery },
		{ "label", 0, OPTIONS_TEXT, &c->label },
		OPTIONS_END,
	};
	struct options_operands operands;
	const char *vault;
	int r, ways;

	r = options_parse(c->o, fresh ? own : NULL, argc, argv, &operands);
	if (r != 0 || (r = options_vault(c->o, &vault)) != 0)
		return r;
	ways = (c->passphrase_file != NULL) + (c->key_file != NULL) +
	    c->recovery;
	if (ways > 1)
		return options_wrong(c->o,
		    "--new-passphrase-file, --new-key-file and --new-recovery: "
		    "one of them");
	if (operands.count > 0) {
		c->slot = strdup(operands.items[0]);
		if (c->slot == NULL)
			return ERR_NOMEM;
	}
	return 0;
}

/* An embedded keyd takes the same one, and does not ask again. */
static int
load_proof(struct change *c)
{
	int r = unlock_load(&c->proof, &c->o->unlock, false);

	if (r == 0)
		c->o->unlock.given = &c->proof;
	return r;
}

static int
load_fresh(struct change *c)
{
	const struct unlock_source from = {
		.passphrase_file = c->passphrase_file,
		.key_file = c->key_file,
		.no_prompt = c->o->unlock.no_prompt,
		.named_only = true,
	};
	SECRET(uint8_t, key, 32);

	if (!c->recovery)
		return unlock_load(&c->fresh, &from, true);
	randombytes_buf(key, sizeof(key));
	c->fresh.kind = UNLOCK_RECOVERY;
	return keyring_slot_recovery(key, &c->fresh.secret);
}

static int
ask_keyd(struct change *c, enum msg_type type, const struct writer *body,
    uint64_t *number)
{
	OWNED(client) client = NULL;
	struct reader reply;
	int r = talk_open_with(&client, c->o);

	if (r == 0)
		r = client_call(client, type, body, &reply);
	if (r == 0 && msg_number_read(number, &reply) != 0)
		r = log_err(ERR_FORMAT, "weir-keyd's reply is not one");
	return r;
}

static const char *
kind_text(enum unlock_kind kind)
{
	switch (kind) {
	case UNLOCK_PASSPHRASE:
		return "passphrase";
	case UNLOCK_KEY_FILE:
		return "key file";
	case UNLOCK_RECOVERY:
		break;
	}
	return "recovery key";
}

/* A recovery key is shown this once. */
static int
print_added(const struct change *c, uint64_t number)
{
	size_t length;
	const char *text = (const char *)secret_text_bytes(c->fresh.secret,
	    &length);
	OWNED_JSON j = NULL;

	if (!c->o->json) {
		if (c->recovery)
			printf("%.*s\n", (int)length, text);
		return out_flush();
	}
	j = json_pack("{s:I, s:s*, s:o*}", "secret", (json_int_t)number,
	    "replaced", c->slot, "recovery_key",
	    c->recovery ? json_stringn(text, length) : NULL);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

static void
say_added(const struct change *c, uint64_t number, bool replaced)
{
	if (c->o->quiet)
		return;
	log_info("secret %llu, a %s, opens the vault%s",
	    (unsigned long long)number, kind_text(c->fresh.kind),
	    replaced ? "; the one that it replaces does not any more" : "");
	if (c->recovery)
		log_info("%s is the RECOVERY KEY: it is never shown again. "
			 "Print it, or keep it where the vault is not",
		    c->o->json		      ? "the field recovery_key" :
			isatty(STDOUT_FILENO) ? "the line above" :
						"the line on standard output");
	if (replaced)
		log_info("backups that were made before are opened by the old "
			 "one still");
}

static int
add(struct change *c, bool replace)
{
	OWNED_WRITER body = writer_of(4 * UNLOCK_MAX);
	OWNED_MEM(char) label = NULL;
	OWNED_MEM(char) slot = NULL;
	struct msg_secret_add m = { .proof = c->proof, .fresh = c->fresh };
	uint64_t number;
	int r;

	m.label = label = strdup(c->label != NULL ? c->label : "");
	m.replace = replace;
	m.slot = slot = strdup(c->slot != NULL ? c->slot : "");
	if (label == NULL || slot == NULL)
		return ERR_NOMEM;
	msg_secret_add_write(&body, &m);
	if ((r = ask_keyd(c, MSG_SECRET_ADD, &body, &number)) != 0)
		return r;
	say_added(c, number, replace);
	r = print_added(c, number);
	if (r != 0 && c->recovery)
		log_error("the recovery key could not be written: remove it, "
			  "and add another one where the output can be kept: "
			  "weir secret rm %llu",
		    (unsigned long long)number);
	return r;
}

int
cmd_secret_add(struct options *o, int argc, char **argv)
{
	struct change c = { .o = o };
	int r;

	if ((r = parse(&c, true, argc, argv)) == 0 &&
	    (r = load_proof(&c)) == 0 && (r = load_fresh(&c)) == 0)
		r = add(&c, false);
	o->unlock.given = NULL;
	change_clear(&c);
	return r;
}

int
cmd_secret_passwd(struct options *o, int argc, char **argv)
{
	struct change c = { .o = o };
	int r;

	if ((r = parse(&c, true, argc, argv)) == 0 &&
	    (r = load_proof(&c)) == 0 && (r = load_fresh(&c)) == 0)
		r = add(&c, true);
	o->unlock.given = NULL;
	change_clear(&c);
	return r;
}

static int
rm(struct change *c)
{
	OWNED_WRITER body = writer_of(2 * UNLOCK_MAX);
	const struct msg_secret_rm m = { .proof = c->proof, .slot = c->slot };
	OWNED_JSON j = NULL;
	uint64_t number;
	int r;

	msg_secret_rm_write(&body, &m);
	if ((r = ask_keyd(c, MSG_SECRET_RM, &body, &number)) != 0)
		return r;
	if (!c->o->quiet)
		log_info("secret %llu opens the vault no more; backups that "
			 "were made before are opened by it still",
		    (unsigned long long)number);
	if (!c->o->json)
		return 0;
	j = json_pack("{s:I, s:b}", "secret", (json_int_t)number, "opens",
	    false);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}

int
cmd_secret_rm(struct options *o, int argc, char **argv)
{
	struct change c = { .o = o };
	int r;

	if ((r = parse(&c, false, argc, argv)) == 0 &&
	    (r = load_proof(&c)) == 0)
		r = rm(&c);
	o->unlock.given = NULL;
	change_clear(&c);
	return r;
}
