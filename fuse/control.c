/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"

#define HEAD_SIZE 9 /* type and number */

struct control
control_of(enum control_type type)
{
	return (struct control){
		.type = type,
		.body = writer_of(CONTROL_MAX),
		.fds = { -1, -1 },
	};
}

void
control_clear(struct control *m)
{
	for (size_t i = 0; i < CONTROL_FDS; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
		m->fds[i] = -1;
	}
	writer_free(&m->body);
}

int
control_pair(int out[static 2])
{
	const int room = 2 * CONTROL_MAX;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return log_sys("socketpair");
	/* The default is enough; a host may have lowered it. */
	for (size_t i = 0; i < 2; i++)
		(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &room,
		    sizeof(room));
	out[0] = pair[0];
	out[1] = pair[1];
	return 0;
}

union rights {
	struct cmsghdr head;
	char space[CMSG_SPACE(sizeof(int[CONTROL_FDS]))];
};

/* Lay the descriptors of m into a message's ancillary data. */
static void
attach_fds(struct msghdr *msg, union rights *rights, const struct control *m)
{
	int fds[CONTROL_FDS];
	size_t n = 0;

	for (size_t i = 0; i < CONTROL_FDS; i++)
		if (m->fds[i] >= 0)
			fds[n++] = m->fds[i];
	if (n == 0)
		return;
	memset(rights, 0, sizeof(*rights));
	msg->msg_control = rights->space;
	msg->msg_controllen = CMSG_SPACE(n * sizeof(int));

	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
}

static int
send_packet(int fd, const struct control *m, int flags)
{
	OWNED_WRITER head = writer_of(HEAD_SIZE);
	struct iovec parts[2];
	union rights rights;
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t n;

	writer_u8(&head, (uint8_t)m->type);
	writer_u64(&head, m->number);
	if (!writer_ok(&head) || !writer_ok(&m->body))
		return ERR_NOMEM;
	parts[0] = (struct iovec){ head.bytes, head.length };
	parts[1] = (struct iovec){ m->body.bytes, m->body.length };
	attach_fds(&msg, &rights, m);
	do
		n = sendmsg(fd, &msg, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return 0;
	if (errno == EPIPE || errno == ECONNRESET)
		return ERR_UNREACHABLE;
	if ((flags & MSG_DONTWAIT) != 0 && errno == EAGAIN)
		return ERR_CONFLICT;
	return log_sys("control socket");
}

int
control_send(int fd, const struct control *m)
{
	return send_packet(fd, m, 0);
}

int
control_try(int fd, const struct control *m)
{
	return send_packet(fd, m, MSG_DONTWAIT);
}

int
control_say(int fd, enum control_type type, uint64_t number)
{
	OWNED_CONTROL m = control_of(type);

	m.number = number;
	return control_send(fd, &m);
}

/* Take the descriptors that came with a message. */
static void
take_fds(struct msghdr *msg, struct control *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (n > CONTROL_FDS)
			n = CONTROL_FDS;
		memcpy(m->fds, CMSG_DATA(c), n * sizeof(int));
	}
}

static int
receive_packet(int fd, struct control *m)
{
	uint8_t head[HEAD_SIZE];
	struct iovec parts[2] = {
		{ head, sizeof(head) },
		{ writer_room(&m->body, CONTROL_MAX), CONTROL_MAX },
	};
	union rights rights;
	struct msghdr msg = { .msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = rights.space,
		.msg_controllen = sizeof(rights.space) };
	struct reader r = reader_of(head, sizeof(head));
	ssize_t n;

	if (parts[1].iov_base == NULL)
		return ERR_NOMEM;
	do
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return ERR_UNREACHABLE;
	if (n < 0)
		return log_sys("control socket");
	take_fds(&msg, m);
	if (n < HEAD_SIZE || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
		return log_err(ERR_FORMAT, "control socket: cut message");
	m->type = reader_u8(&r);
	m->number = reader_u64(&r);
	m->body.length = (size_t)n - HEAD_SIZE;
	return 0;
}

int
control_receive(int fd, struct control *out)
{
	struct control m = control_of(0);
	int err = receive_packet(fd, &m);

	if (err != 0) {
		control_clear(&m);
		return err;
	}
	*out = m;
	return 0;
}

int
control_text(const struct control *m, char **out)
{
	char *text = strndup((const char *)m->body.bytes, m->body.length);

	if (text == NULL)
		return ERR_NOMEM;
	*out = text;
	return 0;
}

void
control_setup_write(struct writer *w, const struct control_setup *s)
{
	writer_u32(w, s->stall_ms);
	writer_u32(w, s->uid);
	writer_u32(w, s->gid);
	writer_u16(w, s->session.count);
	for (uint16_t i = 0; i < s->session.count; i++) {
		writer_u64(w, s->marks[i].serial);
		writer_string(w, s->marks[i].signed_by);
	}
	msg_session_write(w, &s->session);
}

static int
read_mark(struct xattrs_mark *out, struct reader *r)
{
	OWNED_MEM(char) signed_by = NULL;

	out->serial = reader_u64(r);
	signed_by = reader_string(r, sizeof(out->signed_by) - 1);
	if (signed_by == NULL)
		return ERR_FORMAT;
	memcpy(out->signed_by, signed_by, strlen(signed_by) + 1);
	return 0;
}

static int
read_marks(struct control_setup *s, uint16_t count, struct reader *r)
{
	int err = 0;

	if (count == 0 || count > MSG_VERSIONS_MAX)
		return ERR_FORMAT;
	s->marks = calloc(count, sizeof(*s->marks));
	if (s->marks == NULL)
		return ERR_NOMEM;
	for (uint16_t i = 0; err == 0 && i < count; i++)
		err = read_mark(&s->marks[i], r);
	if (err == 0)
		err = msg_session_read(&s->session, r);
	if (err == 0 && s->session.count != count) {
		msg_session_clear(&s->session);
		err = ERR_FORMAT;
	}
	return err;
}

int
control_setup_read(struct control_setup *out, struct reader *r)
{
	struct control_setup s = { 0 };
	int err;

	s.stall_ms = reader_u32(r);
	s.uid = reader_u32(r);
	s.gid = reader_u32(r);
	err = read_marks(&s, reader_u16(r), r);
	if (err != 0) {
		free(s.marks);
		return err;
	}
	*out = s;
	return 0;
}

void
control_setup_clear(struct control_setup *s)
{
	msg_session_clear(&s->session);
	free(s->marks);
	s->marks = NULL;
}

void
control_exe_write(struct writer *w, const struct control_exe *e)
{
	msg_field_bool_write(w, e->asked);
	msg_field_bool_write(w, e->seen);
	writer_bytes(w, e->digest.bytes, DIGEST_SIZE);
	writer_string(w, e->path);
}

int
control_exe_read(struct control_exe *out, struct reader *r)
{
	struct control_exe e = { 0 };

	e.asked = msg_field_bool(r);
	e.seen = msg_field_bool(r);
	reader_copy(r, e.digest.bytes, DIGEST_SIZE);
	e.path = msg_field_string(r);
	if (!reader_end(r)) {
		free(e.path);
		return ERR_FORMAT;
	}
	*out = e;
	return 0;
}
