/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FRAME_H
#define WEIR_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "vault/owned.h"
#include "vault/reader.h"
#include "vault/writer.h"

/* Frames (PROTOCOL.md).  The buffers hold keys: they are writers, wiped. */

#define FRAME_MAX (1U << 20)
#define FRAME_HEAD 16 /* length, type, zero, id */
#define FRAME_REPLY 0x8000
#define FRAME_EVENT 0x4000
#define FRAME_BUFFER (4 + FRAME_MAX) /* a writer for one frame: writer_of() */

struct frame {
	uint16_t type;
	uint64_t id;
	const uint8_t *body; /* borrowed from the buffer it was parsed from */
	size_t length;
};

/*
 * Begin a frame in w, which holds one: what was in it is wiped.  frame_end
 * patches its length in, and gives ERR_LIMIT when w went bad.
 */
void frame_begin(struct writer *w, uint16_t type, uint64_t id);
int frame_end(struct writer *w) MUST_USE;

/*
 * The frame at the start of n bytes.  *used is its whole length; 0 when more
 * bytes are needed, with out untouched.  ERR_FORMAT.
 */
int frame_parse(struct frame *out, const uint8_t *bytes, size_t n, size_t *used)
    MUST_USE;

/*
 * Blocking send and receive of one whole frame on a socket.  ERR_UNREACHABLE,
 * not logged, when the peer has gone or a timeout of the socket ran out.
 * frame_receive keeps the bytes in buf, a writer for one frame.
 */
int frame_send(int fd, const struct writer *w) MUST_USE;
int frame_receive(int fd, struct writer *buf, struct frame *out) MUST_USE;

#endif
