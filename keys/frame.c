/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/frame.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "vault/err.h"
#include "vault/log.h"

#define LENGTH_SIZE 4
#define LENGTH_MIN (FRAME_HEAD - LENGTH_SIZE)

void
frame_begin(struct writer *w, uint16_t type, uint64_t id)
{
	writer_reset(w);
	writer_u32(w, 0);
	writer_u16(w, type);
	writer_u16(w, 0);
	writer_u64(w, id);
}

int
frame_end(struct writer *w)
{
	if (!writer_ok(w) || w->length > FRAME_BUFFER)
		return ERR_LIMIT;
	writer_patch_u32(w, 0, (uint32_t)(w->length - LENGTH_SIZE));
	return 0;
}

int
frame_parse(struct frame *out, const uint8_t *bytes, size_t n, size_t *used)
{
	struct reader r = reader_of(bytes, n);
	struct frame f;
	uint32_t length;
	uint16_t zero;

	*used = 0;
	if (n < LENGTH_SIZE)
		return 0;
	length = reader_u32(&r);
	if (length < LENGTH_MIN || length > FRAME_MAX)
		return ERR_FORMAT;
	if (r.left < length)
		return 0;

	f.type = reader_u16(&r);
	zero = reader_u16(&r);
	f.id = reader_u64(&r);
	f.length = length - LENGTH_MIN;
	f.body = reader_bytes(&r, f.length);
	if (zero != 0)
		return ERR_FORMAT;
	*out = f;
	*used = LENGTH_SIZE + length;
	return 0;
}

/* Whether errno says that nobody is there (any more), not that we failed. */
static bool
peer_gone(void)
{
	return errno == EPIPE || errno == ECONNRESET || errno == EAGAIN ||
	    errno == ENOTCONN;
}

int
frame_send(int fd, const struct writer *w)
{
	size_t sent = 0;

	while (sent < w->length) {
		ssize_t n = send(fd, w->bytes + sent, w->length - sent,
		    MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && peer_gone())
			return ERR_UNREACHABLE;
		if (n < 0)
			return log_sys("send to weir-keyd");
		sent += (size_t)n;
	}
	return 0;
}

static int
receive(int fd, struct writer *buf, size_t n)
{
	uint8_t *at = writer_room(buf, n);

	if (at == NULL)
		return ERR_NOMEM;
	while (n > 0) {
		ssize_t got = recv(fd, at, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0 || (got < 0 && peer_gone()))
			return ERR_UNREACHABLE;
		if (got < 0)
			return log_sys("receive from weir-keyd");
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

int
frame_receive(int fd, struct writer *buf, struct frame *out)
{
	struct reader r;
	uint32_t length;
	size_t used;
	int err;

	writer_reset(buf);
	err = receive(fd, buf, LENGTH_SIZE);
	if (err != 0)
		return err;
	r = reader_of(buf->bytes, buf->length);
	length = reader_u32(&r);
	if (length < LENGTH_MIN || length > FRAME_MAX)
		return ERR_FORMAT;
	err = receive(fd, buf, length);
	if (err != 0)
		return err;
	return frame_parse(out, buf->bytes, buf->length, &used);
}
