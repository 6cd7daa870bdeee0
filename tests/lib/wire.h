/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WIRE_H
#define WEIR_WIRE_H

#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The kernel's side of a FUSE session, spoken by a test over sockets: no
 * mount, no privileges.  What cannot be done ends the program.
 */
struct wire;

/* Serve se by this many threads calling serve(se, buf) until it is false. */
struct wire *wire_new(struct fuse_session *se, unsigned int threads,
    bool (*serve)(struct fuse_session *se, struct fuse_buf *buf));
/* The mount goes: the threads end.  se is the caller's. */
void wire_free(struct wire *w);

/* The next n times that a thread asks for a request it gets this errno. */
void wire_trouble(unsigned int n, int errnum);

/* Say INIT, as a kernel of protocol 7.38 does; the answer. */
struct fuse_init_out wire_init(struct wire *w);

/* Whose requests they are from here on. */
void wire_as(struct wire *w, uint32_t uid, uint32_t pid);

struct wire_request {
	uint32_t opcode;
	uint64_t ino;
	const void *fixed; /* the struct of linux/fuse.h */
	size_t length;
	const char *name;  /* a name behind it, with its NUL; or NULL */
	const char *name2; /* and one more */
};

/* Send a request; its number. */
uint64_t wire_send(struct wire *w, const struct wire_request *q);

struct wire_answer {
	int error; /* positive errno */
	size_t length;
	uint8_t *body; /* of the wire, until the next answer is waited for */
};
/* Wait for an answer.  False: it did not come within ms. */
bool wire_wait(struct wire *w, uint64_t number, int ms,
    struct wire_answer *out);

/* Both; the answer must come within 20 s. */
struct wire_answer wire_call(struct wire *w, const struct wire_request *q);

/* Some of the calls. */
int wire_lookup(struct wire *w, uint64_t parent, const char *name,
    struct fuse_entry_out *out);
int wire_open(struct wire *w, uint64_t ino, uint32_t flags,
    struct fuse_open_out *out);
uint64_t wire_send_read(struct wire *w, uint64_t ino, uint64_t fh,
    uint64_t offset, uint32_t size);
void wire_release(struct wire *w, uint64_t ino, uint64_t fh);
void wire_interrupt(struct wire *w, uint64_t number);

#endif
