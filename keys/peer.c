/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/peer.h"

#include <errno.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "vault/log.h"

#define RECORD_SIZE 16384

/* An account called 1001 must not pass for the user id 1001. */
static bool
is_number(const char *name)
{
	return name[strspn(name, "0123456789")] == '\0';
}

/* The name, and what getpwuid_r(3) said. */
static int
look_up(uid_t uid, char buf[static PEER_SIZE])
{
	struct passwd record, *found = NULL;
	char text[RECORD_SIZE];
	int r, n = -1;

	r = getpwuid_r(uid, &record, text, sizeof(text), &found);
	if (r == 0 && found != NULL && !is_number(record.pw_name))
		n = snprintf(buf, PEER_SIZE, "user:%s", record.pw_name);
	if (n < 0 || n >= PEER_SIZE || !ref_principal_ok(buf))
		snprintf(buf, PEER_SIZE, "user:%ju", (uintmax_t)uid);
	return r;
}

char *
peer_principal(uid_t uid, char buf[static PEER_SIZE])
{
	(void)look_up(uid, buf);
	return buf;
}

int
peer_look_up(uid_t uid, char buf[static PEER_SIZE])
{
	int r = look_up(uid, buf);

	/* What it may say of a user that has no name. */
	if (r == 0 || r == ENOENT || r == ESRCH || r == EBADF || r == EPERM)
		return 0;
	errno = r;
	return log_sys("look up the name of user %ju", (uintmax_t)uid);
}

int
peer_of(struct peer *out, int fd)
{
	struct ucred cred;
	socklen_t length = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) != 0)
		return log_sys("getsockopt SO_PEERCRED");
	*out = (struct peer){ .uid = cred.uid, .pid = cred.pid };
	return 0;
}
