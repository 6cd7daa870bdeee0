/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/watchfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/digest.h"
#include "vault/err.h"
#include "vault/file.h"

static void
set_default(struct watchfile *w)
{
	watch_rules_default(&w->rules);
	deliver_default(&w->deliver);
}

/* The hook runs with keyd's uid: whoever writes here says what keyd runs. */
static int
check_owner(const struct vaultdir *v, const struct why *why)
{
	struct stat st;

	if (fstatat(v->dir->fd, WATCHFILE, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return ERR_NOT_FOUND;
	if (st.st_uid != 0 && st.st_uid != v->owner)
		return why_say(why, ERR_FORMAT,
		    "it belongs to somebody other than the vault's owner");
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return why_say(why, ERR_FORMAT,
		    "others may write to it: chmod go-w");
	return 0;
}

static int
parse(struct watchfile *w, const uint8_t *text, size_t n, const struct why *why)
{
	char hex[DIGEST_HEX_SIZE];
	struct digest d;
	int err = watch_rules_parse(&w->rules, (const char *)text, n, why);

	if (err == 0)
		err = deliver_parse(&w->deliver, (const char *)text, n, why);
	if (err != 0)
		return err;
	d = digest_of(text, n);
	snprintf(w->state, sizeof(w->state), "%s", digest_hex(&d, hex));
	return 0;
}

const char *
watchfile_why(const struct watchfile *w)
{
	const size_t n = strlen(WATCHFILE_REFUSED);

	return strncmp(w->state, WATCHFILE_REFUSED, n) == 0 ? w->state + n : "";
}

int
watchfile_load(struct watchfile *out, const struct vaultdir *v)
{
	char text[300] = "";
	const struct why why = { text, sizeof(text) };
	OWNED_MEM(uint8_t) bytes = NULL;
	struct watchfile w = { .state = "default" };
	size_t n;
	int err;

	set_default(&w);
	err = check_owner(v, &why);
	if (err == 0)
		err = file_load(v->dir, WATCHFILE, WATCH_RULES_TEXT_MAX, &bytes,
		    &n);
	if (err == 0)
		err = parse(&w, bytes, n, &why);
	if (err == ERR_NOT_FOUND)
		err = 0;
	if (err != 0) {
		set_default(&w);
		if (text[0] == '\0')
			snprintf(text, sizeof(text), "%s", err_text(err));
		snprintf(w.state, sizeof(w.state), WATCHFILE_REFUSED "%s",
		    text);
		err = ERR_FORMAT;
	}
	*out = w;
	return err;
}
