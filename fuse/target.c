/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/target.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/ref.h"

#define PREFIX "user:"

int
target_find(struct target *out, const char *user)
{
	struct target t = { .uid = getuid(), .gid = getgid() };
	const struct passwd *p;

	if (user == NULL) {
		*out = t;
		return 0;
	}
	if (geteuid() != 0)
		return log_err(ERR_DENIED,
		    "only root can mount for somebody else: sudo weir mount "
		    "--user ...");
	if (strncmp(user, PREFIX, strlen(PREFIX)) == 0)
		user += strlen(PREFIX);
	if ((size_t)snprintf(t.principal, sizeof(t.principal), PREFIX "%s",
		user) >= sizeof(t.principal) ||
	    !ref_principal_ok(t.principal))
		return log_err(ERR_USAGE, "--user: not a name of an account");
	errno = 0;
	p = getpwnam(user);
	if (p == NULL && errno != 0)
		return log_sys("account '%s'", user);
	if (p == NULL)
		return log_err(ERR_NOT_FOUND, "there is no account '%s'", user);
	t.uid = p->pw_uid;
	t.gid = p->pw_gid;
	t.name = strdup(user);
	if (t.name == NULL)
		return ERR_NOMEM;
	*out = t;
	return 0;
}

void
target_clear(struct target *t)
{
	free(t->name);
	*t = (struct target){ 0 };
}
