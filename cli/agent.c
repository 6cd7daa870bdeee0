/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/agent.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/sshwire.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/reader.h"
#include "vault/secret.h"
#include "vault/writer.h"

enum {
	AGENT_FAILURE = 5,
	AGENT_REQUEST_IDENTITIES = 11,
	AGENT_IDENTITIES = 12,
	AGENT_SIGN_REQUEST = 13,
	AGENT_SIGNATURE = 14,
};

#define IDENTITY_MIN 8 /* two empty strings */
#define LIST_SECONDS 10
#define SIGN_SECONDS 120 /* for a token that wants to be touched */

struct agent {
	int fd;
};

void
agent_keys_clear(struct agent_keys *k)
{
	free(k->items);
	*k = (struct agent_keys){ 0 };
}

int
agent_open(struct agent **out)
{
	const char *path = getenv("SSH_AUTH_SOCK");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	OWNED(agent) a = NULL;

	if (path == NULL || path[0] == '\0')
		return log_err(ERR_UNREACHABLE,
		    "no ssh-agent: SSH_AUTH_SOCK is not set; eval "
		    "\"$(ssh-agent)\" starts one, ssh-add FILE adds a key");
	if (strlen(path) >= sizeof(to.sun_path))
		return log_err(ERR_UNREACHABLE,
		    "SSH_AUTH_SOCK is too long for a socket's path");
	memcpy(to.sun_path, path, strlen(path));

	a = calloc(1, sizeof(*a));
	if (a == NULL)
		return ERR_NOMEM;
	a->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (a->fd < 0)
		return log_sys("make a socket for ssh-agent");
	if (connect(a->fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		return log_err(ERR_UNREACHABLE,
		    "ssh-agent does not answer at SSH_AUTH_SOCK: %s",
		    strerrordesc_np(errno));
	*out = a;
	a = NULL;
	return 0;
}

void
agent_free(struct agent *a)
{
	if (a == NULL)
		return;
	if (a->fd >= 0)
		close(a->fd);
	free(a);
}

/* Wait until the agent can be written to, or has something to say.  However it
 * drips, all of an answer has one limit. */
static int
wait_for(int fd, short events, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left;
	int r;

	do {
		left = until - clock_ms();
		if (left <= 0)
			return log_err(ERR_UNREACHABLE,
			    "ssh-agent takes too long to answer");
		r = poll(&p, 1, (int)left);
	} while (r == 0 || (r < 0 && errno == EINTR));
	return r > 0 ? 0 : log_sys("wait for ssh-agent");
}

static int
gone(void)
{
	return log_err(ERR_UNREACHABLE, "ssh-agent has gone: %s",
	    strerrordesc_np(errno));
}

static bool
is_passing(void)
{
	return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
}

static int
send_all(int fd, const uint8_t *bytes, size_t n, int64_t until)
{
	while (n > 0) {
		int err = wait_for(fd, POLLOUT, until);
		ssize_t r;

		if (err != 0)
			return err;
		r = send(fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r < 0 && is_passing())
			continue;
		if (r < 0)
			return gone();
		bytes += r;
		n -= (size_t)r;
	}
	return 0;
}

static int
receive_all(int fd, uint8_t *bytes, size_t n, int64_t until)
{
	while (n > 0) {
		int err = wait_for(fd, POLLIN, until);
		ssize_t r;

		if (err != 0)
			return err;
		r = recv(fd, bytes, n, MSG_DONTWAIT);
		if (r < 0 && is_passing())
			continue;
		if (r < 0)
			return gone();
		if (r == 0)
			return log_err(ERR_UNREACHABLE,
			    "ssh-agent has closed the connection");
		bytes += r;
		n -= (size_t)r;
	}
	return 0;
}

/* Send a request (type byte and body) and take its answer into w. */
static int
exchange(struct agent *a, const struct writer *request, struct writer *answer,
    int seconds)
{
	const int64_t until = clock_ms() + seconds * INT64_C(1000);
	OWNED_WRITER frame = writer_of(AGENT_MESSAGE_MAX + 4);
	uint8_t head[4];
	struct reader r = reader_of(head, sizeof(head));
	uint8_t *room;
	size_t n;
	int err;

	sshwire_put_string(&frame, request->bytes, request->length);
	if (!writer_ok(request) || !writer_ok(&frame))
		return log_err(ERR_LIMIT, "too much for ssh-agent to sign");
	if ((err = send_all(a->fd, frame.bytes, frame.length, until)) != 0 ||
	    (err = receive_all(a->fd, head, sizeof(head), until)) != 0)
		return err;

	n = sshwire_u32(&r);
	if (n == 0 || n > AGENT_MESSAGE_MAX)
		return log_err(ERR_FORMAT,
		    "ssh-agent's answer is no answer: its length is %zu", n);
	room = writer_room(answer, n);
	if (room == NULL)
		return ERR_NOMEM;
	return receive_all(a->fd, room, n, until);
}

/* One identity: counted, and kept when it is an Ed25519 key. */
static void
read_identity(struct agent_keys *k, struct reader *r)
{
	size_t n;
	const uint8_t *blob = sshwire_string(r, &n);
	struct agent_key *to = &k->items[k->count];
	struct reader type = reader_of(blob, n);
	char name[64];

	sshwire_text(r, to->comment, sizeof(to->comment));
	if (!reader_ok(r))
		return;
	if (sshwire_blob_parse(&to->key, blob, n) == 0) {
		k->count++;
		return;
	}
	sshwire_text(&type, name, sizeof(name));
	if (strncmp(name, "sk-", 3) == 0)
		k->security_keys++;
	else
		k->others++;
}

int
agent_identities_parse(struct agent_keys *out, const void *answer, size_t n)
{
	struct reader r = reader_of(answer, n);
	OWNED_AGENT_KEYS k = { 0 };
	uint8_t type = reader_u8(&r);
	uint32_t count = sshwire_u32(&r);

	if (type == AGENT_FAILURE && n == 1)
		return ERR_DENIED;
	if (type != AGENT_IDENTITIES || !reader_ok(&r) ||
	    count > r.left / IDENTITY_MIN)
		return ERR_FORMAT;
	if (count > AGENT_KEYS_MAX)
		return ERR_LIMIT;
	/* One more: read_identity fills in the next before it counts it. */
	k.items = calloc(count + 1, sizeof(*k.items));
	if (k.items == NULL)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < count; i++)
		read_identity(&k, &r);
	if (!reader_end(&r))
		return ERR_FORMAT;
	*out = k;
	k = (struct agent_keys){ 0 };
	return 0;
}

int
agent_signature_parse(uint8_t sig[static STATEMENT_SIG], const void *answer,
    size_t n)
{
	struct reader r = reader_of(answer, n);
	uint8_t type = reader_u8(&r);
	size_t length;
	const uint8_t *bytes;
	struct reader inner;

	if (type == AGENT_FAILURE && n == 1)
		return ERR_DENIED;
	bytes = sshwire_string(&r, &length);
	if (type != AGENT_SIGNATURE || !reader_end(&r))
		return ERR_FORMAT;
	inner = reader_of(bytes, length);
	sshwire_expect(&inner, SSHWIRE_ED25519);
	bytes = sshwire_string(&inner, &length);
	if (!reader_end(&inner) || length != STATEMENT_SIG)
		return ERR_FORMAT;
	memcpy(sig, bytes, STATEMENT_SIG);
	return 0;
}

int
agent_list(struct agent *a, struct agent_keys *out)
{
	OWNED_WRITER request = writer_of(1);
	OWNED_WRITER answer = writer_of(AGENT_MESSAGE_MAX);
	int r;

	writer_u8(&request, AGENT_REQUEST_IDENTITIES);
	if ((r = exchange(a, &request, &answer, LIST_SECONDS)) != 0)
		return r;
	r = agent_identities_parse(out, answer.bytes, answer.length);
	if (r == ERR_DENIED)
		return log_err(r,
		    "ssh-agent does not tell its keys (is it "
		    "locked? ssh-add -X unlocks it)");
	if (r == ERR_LIMIT)
		return log_err(r, "ssh-agent has more than %d keys",
		    AGENT_KEYS_MAX);
	if (r == ERR_FORMAT)
		return log_err(r, "ssh-agent's list of keys is malformed");
	return r;
}

int
agent_sign(struct agent *a, const struct statement_key *k, const void *bytes,
    size_t n, uint8_t sig[static STATEMENT_SIG])
{
	OWNED_WRITER request = writer_of(AGENT_MESSAGE_MAX);
	OWNED_WRITER answer = writer_of(AGENT_MESSAGE_MAX);
	uint8_t blob[SSHWIRE_BLOB];
	int r;

	sshwire_blob(blob, k);
	writer_u8(&request, AGENT_SIGN_REQUEST);
	sshwire_put_string(&request, blob, sizeof(blob));
	sshwire_put_string(&request, bytes, n);
	sshwire_put_u32(&request, 0);
	if ((r = exchange(a, &request, &answer, SIGN_SECONDS)) != 0)
		return r;
	r = agent_signature_parse(sig, answer.bytes, answer.length);
	if (r == ERR_DENIED)
		return log_err(r,
		    "ssh-agent refuses to sign (is the key still "
		    "there, was it confirmed?)");
	if (r == ERR_FORMAT)
		return log_err(r, "ssh-agent's signature is malformed");
	return r;
}
