/* SPDX-License-Identifier: Apache-2.0 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/out.h"
#include "cli/talk.h"
#include "keys/keyring_slot.h"
#include "vault/err.h"
#include "vault/log.h"

/* A change of the root key in hand. */
struct rekey {
	struct options *o;
	struct options_list passphrases, keys; /* files of what stays */
	struct msg_rekey m;
};

static int
load_one(struct rekey *k, const char *passphrase_file, const char *key_file)
{
	const struct unlock_source from = {
		.passphrase_file = passphrase_file,
		.key_file = key_file,
		.no_prompt = true,
		.named_only = true,
	};
	int r = unlock_load(&k->m.others[k->m.count], &from, false);

	if (r == 0)
		k->m.count++;
	return r;
}

static int
load_others(struct rekey *k)
{
	size_t n = k->passphrases.count + k->keys.count;
	int r = 0;

	if (n > MSG_SECRETS_MAX)
		return options_wrong(k->o,
		    "a vault has no more than %d other secrets",
		    MSG_SECRETS_MAX);
	k->m.others = calloc(n + 1, sizeof(*k->m.others));
	if (k->m.others == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; r == 0 && i < k->passphrases.count; i++)
		r = load_one(k, k->passphrases.items[i], NULL);
	for (size_t i = 0; r == 0 && i < k->keys.count; i++)
		r = load_one(k, NULL, k->keys.items[i]);
	return r;
}

static int
load(struct rekey *k)
{
	SECRET(uint8_t, key, 32);
	int r = unlock_load(&k->m.proof, &k->o->unlock, false);

	if (r == 0)
		r = load_others(k);
	if (r != 0)
		return r;
	/* An embedded keyd takes the same one, and does not ask again. */
	k->o->unlock.given = &k->m.proof;
	randombytes_buf(key, sizeof(key));
	k->m.recovery.kind = UNLOCK_RECOVERY;
	return keyring_slot_recovery(key, &k->m.recovery.secret);
}

static int
ask_keyd(struct rekey *k, json_t **out)
{
	OWNED_WRITER body = writer_of((MSG_SECRETS_MAX + 3) * 2 * UNLOCK_MAX);
	OWNED(client) client = NULL;
	struct reader reply;
	char *text;
	int r;

	msg_rekey_write(&body, &k->m);
	if ((r = talk_open_with(&client, k->o)) != 0 ||
	    (r = client_call(client, MSG_REKEY, &body, &reply)) != 0)
		return r;
	if (msg_text_read(&text, &reply) != 0)
		return log_err(ERR_FORMAT, "weir-keyd's reply is not one");
	return talk_parse(text, out);
}

/* A list of numbers as people read it; the caller frees.  NULL: no memory. */
static char *
numbers(const json_t *list)
{
	char *text = NULL;
	size_t length, i;
	json_t *n;
	FILE *f = open_memstream(&text, &length);

	if (f == NULL)
		return NULL;
	json_array_foreach(list, i, n)
		fprintf(f, "%s%lld", i > 0 ? ", " : "",
		    (long long)json_integer_value(n));
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static bool
has(const json_t *list, uint64_t number)
{
	json_t *n;
	size_t i;

	json_array_foreach(list, i, n)
		if ((uint64_t)json_integer_value(n) == number)
			return true;
	return false;
}

static void
say_recovery(const struct rekey *k, const json_t *j)
{
	if (talk_number(j, "recovery") == 0)
		return;
	log_info("%s is the new RECOVERY KEY, secret %llu: it is never shown "
		 "again, and the one before opens the vault no more",
	    k->o->json		      ? "the field recovery_key" :
		isatty(STDOUT_FILENO) ? "the line above" :
					"the line on standard output",
	    (unsigned long long)talk_number(j, "recovery"));
}

static int
say(const struct rekey *k, const json_t *j)
{
	const json_t *dropped = json_object_get(j, "dropped");
	OWNED_MEM(char) kept = numbers(json_object_get(j, "kept"));
	OWNED_MEM(char) gone = numbers(dropped);
	uint64_t started = talk_number(j, "started_with");

	if (kept == NULL || gone == NULL)
		return ERR_NOMEM;
	if (has(dropped, started))
		log_warn("weir-keyd was started with secret %llu, which is "
			 "gone: before its next start, give it one that "
			 "stayed",
		    (unsigned long long)started);
	if (k->o->quiet)
		return 0;
	log_info("the vault has a new root key, and epoch %llu; of its secrets "
		 "there stay %s%s%s",
	    (unsigned long long)talk_number(j, "epoch"), kept,
	    gone[0] != '\0' ? ", and go " : "", gone);
	say_recovery(k, j);
	log_info("backups from before open by the secrets and the epoch key of "
		 "then: make one now, keep 'epoch' apart from it, and destroy "
		 "the old ones if a secret got out");
	return 0;
}

/* The recovery key is there once; if it was not taken nobody sees it. */
static int
print(const struct rekey *k, json_t *j)
{
	size_t length;
	const char *text = (const char *)secret_text_bytes(k->m.recovery.secret,
	    &length);
	bool taken = talk_number(j, "recovery") != 0;

	if (!k->o->json) {
		if (taken)
			printf("%.*s\n", (int)length, text);
		return out_flush();
	}
	if (taken &&
	    json_object_set_new(j, "recovery_key",
		json_stringn(text, length)) != 0)
		return ERR_NOMEM;
	return out_json(j);
}

static int
run(struct rekey *k)
{
	OWNED_JSON j = NULL;
	int r, printed;

	if ((r = load(k)) != 0 || (r = ask_keyd(k, &j)) != 0)
		return r;
	printed = print(k, j);
	r = say(k, j);
	if (printed != 0 && talk_number(j, "recovery") != 0)
		log_error("the recovery key could not be written: change it "
			  "where the output can be kept: weir secret passwd "
			  "%llu --new-recovery",
		    (unsigned long long)talk_number(j, "recovery"));
	return printed != 0 ? printed : r;
}

int
cmd_rekey(struct options *o, int argc, char **argv)
{
	struct rekey k = { .o = o };
	const struct options_own own[] = {
		{ "keep-passphrase-file", 0, OPTIONS_LIST, &k.passphrases },
		{ "keep-key-file", 0, OPTIONS_LIST, &k.keys },
		{ "drop-others", 0, OPTIONS_FLAG, &k.m.drop },
		OPTIONS_END,
	};
	struct options_operands none;
	const char *vault;
	int r;

	if ((r = options_parse(o, own, argc, argv, &none)) != 0 ||
	    (r = options_vault(o, &vault)) != 0)
		return r;
	r = run(&k);
	o->unlock.given = NULL;
	msg_rekey_clear(&k.m);
	return r;
}
