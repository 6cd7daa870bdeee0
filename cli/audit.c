/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/talk.h"
#include "keys/peer.h"
#include "vault/err.h"
#include "vault/log.h"

/*
 * Whether to turn to keyd at all.  On an idle vault nothing waits to be
 * published; its owner starts a keyd only for the names of files, and only
 * with a secret at hand.
 */
static bool
worth_asking(const struct vaultdir *v, const struct options *o)
{
	static const char *const sources[] = { "WEIR_PASSPHRASE_FILE",
		"WEIR_KEY_FILE", "CREDENTIALS_DIRECTORY" };
	bool running;

	if (v->owner != geteuid() ||
	    (vaultdir_locked(v->dir, &running) == 0 && running))
		return true;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		if (getenv(sources[i]) != NULL)
			return true;
	return o->unlock.passphrase_file != NULL ||
	    o->unlock.key_file != NULL || !o->unlock.no_prompt;
}

static int
ask_keyd(struct audit *a, const struct options *o)
{
	struct reader reply;
	int r;

	if ((r = talk_open(&a->client, o)) != 0 ||
	    (r = client_call(a->client, MSG_PUBLISH, NULL, &reply)) != 0)
		return r;
	return talk_store(&a->store, o, false);
}

/* The trail's files are for its owner, and whom the owner lets read them. */
static int
check_access(const struct vaultdir *v)
{
	char me[PEER_SIZE];

	if (faccessat(v->dir->fd, "trail", R_OK | X_OK, AT_EACCESS) == 0 ||
	    errno != EACCES)
		return 0;
	return log_err(ERR_DENIED,
	    "you may not read the trail; an owner can let you, by what "
	    "'weir role add reviewer --to %s' prints, or a group: "
	    "chgrp -R GROUP '%s/trail' && find '%s/trail' -type d -exec "
	    "chmod g+s {} +",
	    peer_principal(geteuid(), me), v->path, v->path);
}

/* Ask keyd, or go without it, which is said. */
static void
try_keyd(struct audit *a, const struct options *o)
{
	int r = worth_asking(a->vault, o) ? ask_keyd(a, o) : ERR_UNREACHABLE;

	if (r == 0)
		return;
	client_free(a->client);
	a->client = NULL;
	a->changed = r == ERR_INTEGRITY;
	if (a->changed)
		log_warn("keyd does not serve a vault that was changed: what "
			 "follows is what the trail's checkpoint still "
			 "vouches for, and files have numbers instead of "
			 "names");
	else
		log_warn("keyd is not asked: what follows is what it had "
			 "published, and files have numbers instead of names");
}

int
audit_end(const struct audit *a, int r)
{
	if (r != ERR_INTEGRITY && (r != 0 || a == NULL || !a->changed))
		return r;
	log_info("next: weir audit verify   says what was changed");
	return ERR_INTEGRITY;
}

int
audit_open(struct audit **out, const struct options *o, bool offline)
{
	OWNED(audit) a = calloc(1, sizeof(*a));
	const char *path;
	int r;

	if (a == NULL)
		return ERR_NOMEM;
	if ((r = options_vault(o, &path)) != 0 ||
	    (r = vaultdir_open(&a->vault, path)) != 0)
		return r;
	if (!offline)
		try_keyd(a, o);
	if ((r = check_access(a->vault)) != 0)
		return r;
	r = trail_reader_open(&a->reader, a->vault->dir, &a->vault->key);
	if (r != 0)
		return r;
	*out = a;
	a = NULL;
	return 0;
}

void
audit_free(struct audit *a)
{
	if (a == NULL)
		return;
	trail_reader_free(a->reader);
	store_free(a->store);
	client_free(a->client);
	vaultdir_free(a->vault);
	free(a);
}
