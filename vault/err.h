/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ERR_H
#define WEIR_ERR_H

/*
 * Results.  A function returns 0 or one of these; outputs are written only
 * on 0.  The function that first sees the kernel, the disk or a peer fail
 * logs one line (log.h) and returns the code; all others pass it on.
 */
enum err {
	ERR_FORMAT = -1,      /* bytes that are not what they should be */
	ERR_LIMIT = -2,	      /* well-formed, but more than weir accepts */
	ERR_NOMEM = -3,	      /* out of memory, or of descriptors */
	ERR_IO = -4,	      /* the kernel or the disk failed */
	ERR_INTEGRITY = -5,   /* bytes that are not the ones vouched for */
	ERR_DENIED = -6,      /* no role, no grant, wrong owner */
	ERR_NOT_FOUND = -7,   /* no such thing */
	ERR_CONFLICT = -8,    /* exists already, busy, or changed meanwhile */
	ERR_UNREACHABLE = -9, /* keyd cannot be reached or is stopping */
	ERR_SECRET = -10,     /* locked, or a wrong unlocking secret */
	ERR_USAGE = -11,      /* the caller asked for nonsense */
	ERR_SPACE = -12,      /* disk or quota full */
};

/* A short text for people, without a full stop: "not found". */
const char *err_text(int err);

/* A positive errno for a FUSE reply.  ERR_INTEGRITY and ERR_IO are EIO. */
int err_errno(int err);

/* The error that stands for a positive errno; ERR_IO where none is nearer. */
int err_from_errno(int errnum);

/* The process exit status, as in weir(1): 0 ok, 1 failed, 2 usage, 3 integrity,
 * 4 denied, 5 not found, 6 conflict or busy, 7 keyd or secret. */
int err_exit(int err);

#endif
