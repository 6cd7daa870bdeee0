/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuse/xattrs.h"
#include "keys/msg.h"
#include "vault/owned.h"
#include "vault/reader.h"
#include "vault/writer.h"

/*
 * What a mount's monitor and its worker say to each other: packets over a
 * socketpair, with descriptors.  Both ends are one program, of one build.
 */
enum control_type {
	/* monitor to worker */
	CONTROL_SETUP = 1,   /* struct control_setup; fds: store, keyd */
	CONTROL_MOUNTED = 2, /* fds: /dev/fuse */
	CONTROL_DETACH = 3,  /* let go of the terminal; log to the journal */
	CONTROL_KEYD = 4,    /* fds: a new connection, or none could be had */
	CONTROL_EXE = 5,     /* number: control_pids; struct control_exe */
	CONTROL_STOP = 6,    /* tell what is left to be told, and exit */
	CONTROL_RECORD = 7,  /* before the setup: number: of a version; text:
				what its model.sig is made of */
	/* worker to monitor */
	CONTROL_PREPARED = 16,	  /* the versions are sound: mount */
	CONTROL_READY = 17,	  /* INIT is done */
	CONTROL_KEYD_WANTED = 18, /* keyd was lost */
	CONTROL_EXE_WANTED = 19,  /* number: pid */
	CONTROL_ENDED = 20,	  /* keyd ended the session; text: why */
	CONTROL_FAILED = 21,	  /* number: -err, which was logged */
};

/* The number of CONTROL_EXE: the thread that was asked for, and its process
 * (0: not known). */
static inline uint64_t
control_pids(uint32_t thread, uint32_t process)
{
	return (uint64_t)process << 32 | thread;
}

#define CONTROL_FDS 2
#define CONTROL_MAX (160U << 10)

struct control {
	enum control_type type;
	uint64_t number;
	struct writer body;   /* wiped when cleared */
	int fds[CONTROL_FDS]; /* -1: none */
};

/* An empty message. */
struct control control_of(enum control_type type);

/* Close its descriptors and wipe its body. */
void control_clear(struct control *m);
#define OWNED_CONTROL __attribute__((cleanup(control_clear))) struct control

/* Two ends; close-on-exec. */
int control_pair(int out[static 2]) MUST_USE;

/*
 * Send a message; its descriptors stay open here.  ERR_UNREACHABLE, not
 * logged, when the other end is gone.  control_try does not wait:
 * ERR_CONFLICT when there is no room just now.
 */
int control_send(int fd, const struct control *m) MUST_USE;
int control_try(int fd, const struct control *m) MUST_USE;

/* Without a body or descriptors. */
int control_say(int fd, enum control_type type, uint64_t number) MUST_USE;

/* The next message.  Descriptors are close-on-exec.  ERR_UNREACHABLE, not
 * logged, when the other end is gone; ERR_FORMAT. */
int control_receive(int fd, struct control *out) MUST_USE;

/* The text of a body, which the caller frees. */
int control_text(const struct control *m, char **out) MUST_USE;

struct control_setup {
	uint32_t stall_ms;
	uint32_t uid; /* who the files belong to */
	uint32_t gid;
	struct msg_session session;
	struct xattrs_mark *marks; /* by version */
};
void control_setup_write(struct writer *w, const struct control_setup *s);
int control_setup_read(struct control_setup *out, struct reader *r) MUST_USE;
void control_setup_clear(struct control_setup *s);

/* What a process runs. */
struct control_exe {
	/* For more than its name: the session's grant lists some, and it has
	 * not ended before it was looked at. */
	bool asked;
	bool seen;	      /* then: whether it could be hashed, */
	struct digest digest; /* and what it came to */
	char *path;	      /* empty: not known */
};
void control_exe_write(struct writer *w, const struct control_exe *e);
/* The caller frees path.  ERR_FORMAT. */
int control_exe_read(struct control_exe *out, struct reader *r) MUST_USE;

#endif
