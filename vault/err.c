/* SPDX-License-Identifier: Apache-2.0 */
#include "vault/err.h"

#include <errno.h>
#include <stddef.h>

struct meaning {
	int err;
	int errnum; /* for FUSE; never EAGAIN, which loaders spin on */
	int exit;
	const char *text;
};

static const struct meaning meanings[] = {
	{ 0, 0, 0, "success" },
	{ ERR_FORMAT, EIO, 1, "malformed data" },
	{ ERR_LIMIT, EFBIG, 1, "more than weir accepts" },
	{ ERR_NOMEM, ENOMEM, 1, "out of memory" },
	{ ERR_IO, EIO, 1, "input or output failed" },
	{ ERR_INTEGRITY, EIO, 3, "integrity check failed" },
	{ ERR_DENIED, EACCES, 4, "denied" },
	{ ERR_NOT_FOUND, ENOENT, 5, "not found" },
	{ ERR_CONFLICT, EBUSY, 6, "exists already, busy or changed" },
	{ ERR_UNREACHABLE, EIO, 7, "keyd cannot be reached" },
	{ ERR_SECRET, EACCES, 7, "locked, or a wrong unlocking secret" },
	{ ERR_USAGE, EINVAL, 2, "invalid request" },
	{ ERR_SPACE, ENOSPC, 1, "no space left" },
};

static const struct meaning unknown = { 0, EIO, 1, "unknown error" };

static const struct meaning *
meaning_of(int err)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].err == err)
			return &meanings[i];
	return &unknown;
}

const char *
err_text(int err)
{
	return meaning_of(err)->text;
}

int
err_errno(int err)
{
	return meaning_of(err)->errnum;
}

int
err_exit(int err)
{
	return meaning_of(err)->exit;
}

int
err_from_errno(int errnum)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return ERR_DENIED;
	case EEXIST:
	case EBUSY:
	case EAGAIN:
	case ENOTEMPTY:
	case ETXTBSY:
		return ERR_CONFLICT;
	case ENOSPC:
	case EDQUOT:
		return ERR_SPACE;
	case ENOMEM:
	case EMFILE: /* no room in a table either, for a while */
	case ENFILE:
		return ERR_NOMEM;
	case EFBIG:
	case ENAMETOOLONG:
	case EOVERFLOW:
		return ERR_LIMIT;
	case ELOOP: /* a link where none may be, openat2(2) */
	case EXDEV: /* a path that leaves its root, openat2(2) */
	case EISDIR:
	case ENXIO:
		return ERR_FORMAT;
	case ECONNREFUSED:
	case ECONNRESET:
	case ENOTCONN:
	case EPIPE:
	case ETIMEDOUT:
		return ERR_UNREACHABLE;
	default:
		return ERR_IO;
	}
}
