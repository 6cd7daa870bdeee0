/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/cmd.h"
#include "cli/complete.h"
#include "cli/keyfile.h"
#include "cli/out.h"
#include "cli/signer.h"
#include "cli/talk.h"
#include "fuse/mountpoint.h"
#include "keys/vaultdir.h"
#include "vault/err.h"
#include "vault/ref.h"

/* A shell waits: what is not known by then is left out. */
#define PATIENCE_SECONDS 2

#define VAULT_NAMES (USAGE_MODELS | USAGE_VERSIONS | USAGE_CHANNELS)

/* Whether a keyd is there to be asked: none is started for this. */
static bool
is_served(const char *vault)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	OWNED_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int n = snprintf(address.sun_path, sizeof(address.sun_path),
	    "%s/" VAULTDIR_RUN "/" VAULTDIR_SOCKET, vault);

	return fd >= 0 && n > 0 && (size_t)n < sizeof(address.sun_path) &&
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) ==
	    0;
}

static int
add_versions(struct complete *c, const json_t *model)
{
	char reference[REF_NAME_MAX + DIGEST_HEX_SIZE + 2];
	const char *name = talk_text(model, "model");
	json_t *v;
	size_t i;
	int r = 0;

	if ((c->what & USAGE_MODELS) != 0 &&
	    (r = complete_add(c, name, "")) != 0)
		return r;
	if ((c->what & USAGE_VERSIONS) == 0)
		return 0;
	json_array_foreach(json_object_get(model, "versions"), i, v) {
		char created[OUT_TIME];

		snprintf(reference, sizeof(reference), "%s@%s", name,
		    talk_text(v, "version"));
		out_when(talk_text(v, "created"), created);
		if ((r = complete_add(c, reference, created)) != 0)
			return r;
	}
	return 0;
}

/* Channels that somebody was granted: what they are for. */
static int
add_channels(struct complete *c, struct client *client)
{
	char reference[REF_NAME_MAX + REF_CHANNEL_MAX + 2],
	    last[sizeof(reference)] = "";
	OWNED_JSON j = NULL;
	json_t *g;
	size_t i;
	int r;

	r = talk_list(client, MSG_GRANT_LS, "grants", &(struct msg_list){ 0 },
	    &j);
	if (r != 0)
		return r;
	json_array_foreach(json_object_get(j, "grants"), i, g) {
		if (talk_text(g, "channel")[0] == '\0')
			continue;
		snprintf(reference, sizeof(reference), "%s:%s",
		    talk_text(g, "model"), talk_text(g, "channel"));
		if (strcmp(reference, last) != 0 &&
		    (r = complete_add(c, reference, "")) != 0)
			return r;
		snprintf(last, sizeof(last), "%s", reference);
	}
	return 0;
}

static int
add_vault_names(struct complete *c, struct options *o)
{
	OWNED(client) client = NULL;
	OWNED_JSON j = NULL;
	json_t *model;
	size_t i;
	int r;

	if (c->vault != NULL)
		o->vault = c->vault;
	if (o->vault == NULL || !is_served(o->vault))
		return 0;
	o->unlock.no_prompt = true;
	if ((r = talk_open(&client, o)) != 0)
		return r;
	if ((c->what & USAGE_CHANNELS) != 0 &&
	    (r = add_channels(c, client)) != 0)
		return r;
	if ((r = talk_list(client, MSG_MODEL_LS, "models",
		 &(struct msg_list){ 0 }, &j)) != 0)
		return r;
	json_array_foreach(json_object_get(j, "models"), i, model)
		if ((r = add_versions(c, model)) != 0)
			return r;
	return 0;
}

static int
add_accounts(struct complete *c)
{
	char name[REF_PRINCIPAL_MAX + 8];
	const struct passwd *p;
	int r = 0;

	setpwent();
	while (r == 0 && (p = getpwent()) != NULL) {
		snprintf(name, sizeof(name), "user:%s", p->pw_name);
		if ((c->what & USAGE_PRINCIPALS) != 0)
			r = complete_add(c, name, "");
		if (r == 0 && (c->what & USAGE_ACCOUNTS) != 0)
			r = complete_add(c, p->pw_name, "");
	}
	endpwent();
	return r;
}

static int
add_mounts(struct complete *c)
{
	OWNED_MOUNTPOINTS l = { 0 };
	int r = mountpoint_list(&l);

	for (size_t i = 0; r == 0 && i < l.count; i++)
		r = complete_add(c, l.items[i].path, l.items[i].source);
	return r;
}

static int
add_keys(struct complete *c)
{
	const size_t tail = strlen(KEYFILE_SUFFIX);
	OWNED_MEM(char) directory = NULL;
	const struct dirent *d;
	int r = signer_directory(&directory);
	DIR *dir = r == 0 ? opendir(directory) : NULL;

	while (r == 0 && dir != NULL && (d = readdir(dir)) != NULL) {
		char name[sizeof(d->d_name)];
		size_t n = strlen(d->d_name);

		if (n <= tail ||
		    strcmp(d->d_name + n - tail, KEYFILE_SUFFIX) != 0)
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(n - tail),
		    d->d_name);
		r = complete_add(c, name, "your key");
	}
	if (dir != NULL)
		closedir(dir);
	return r;
}

/* What this host and the vault know.  That something is not to be had is no
 * failure: out of memory is. */
static int
add_names(struct complete *c, struct options *o)
{
	int r = 0;

	if ((c->what & (USAGE_PRINCIPALS | USAGE_ACCOUNTS)) != 0)
		r = add_accounts(c);
	if ((c->what & USAGE_MOUNTS) != 0 && r != ERR_NOMEM)
		r = add_mounts(c);
	if ((c->what & USAGE_KEYS) != 0 && r != ERR_NOMEM)
		r = add_keys(c);
	if ((c->what & VAULT_NAMES) != 0 && r != ERR_NOMEM)
		r = add_vault_names(c, o);
	return r == ERR_NOMEM ? r : 0;
}

/* What shells know themselves. */
static const char *
by_shell(const struct complete *c)
{
	if ((c->what & USAGE_PROGRAMS) != 0)
		return "programs";
	if ((c->what & USAGE_FILES) != 0)
		return "files";
	return (c->what & USAGE_DIRECTORIES) != 0 ? "directories" : "none";
}

static int
print_words(const struct complete *c)
{
	json_t *one;
	size_t i;

	json_array_foreach(c->words, i, one) {
		OWNED_MEM(char) word = out_clean(talk_text(one, "word"));
		OWNED_MEM(char) about = out_clean(talk_text(one, "about"));

		if (word == NULL || about == NULL)
			return ERR_NOMEM;
		printf("%s\t%s\n", word, about);
	}
	return out_flush();
}

/* What takes no asking is there at once. */
static int
print_all(struct complete *c, struct options *o)
{
	int r;

	printf("%s\n", by_shell(c));
	if ((r = print_words(c)) != 0)
		return r;
	json_array_clear(c->words);
	if ((r = add_names(c, o)) != 0)
		return r;
	return print_words(c);
}

int
cmd_complete(struct options *o, int argc, char **argv)
{
	struct options_operands words;
	OWNED_COMPLETE c = { 0 };
	OWNED_JSON j = NULL;
	int r;

	if ((r = options_parse(o, NULL, argc, argv, &words)) != 0)
		return r;
	alarm(PATIENCE_SECONDS);
	r = complete_line(&c, o, (int)words.count, words.items);
	if (r != 0)
		return r;
	if (!o->json)
		return print_all(&c, o);
	if ((r = add_names(&c, o)) != 0)
		return r;
	j = json_pack("{s:s, s:O}", "shell", by_shell(&c), "words", c.words);
	return j != NULL ? out_json(j) : ERR_NOMEM;
}
