/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/client_start.h"
#include "keys/frame.h"
#include "keys/vaultdir.h"
#include "vault/err.h"
#include "vault/log.h"

#define HELLO_MS 30000

struct client {
	int fd;
	uint64_t last_id;
	struct writer out, in; /* one frame each */
	struct msg_hello_reply peer;
	pid_t child;  /* an embedded keyd that we started; 0: none */
	int expected; /* a refusal that is not said; 0: none */
	bool quiet;
	char *sentence; /* of the last refusal; NULL: none */
};

void
client_free(struct client *c)
{
	if (c == NULL)
		return;
	if (c->fd >= 0)
		close(c->fd);
	/* If it has gone already, leave no zombie. */
	if (c->child > 0)
		waitpid(c->child, NULL, WNOHANG);
	writer_free(&c->out);
	writer_free(&c->in);
	msg_hello_reply_clear(&c->peer);
	free(c->sentence);
	free(c);
}

void
client_quiet(struct client *c, bool quiet)
{
	c->quiet = quiet;
}

const char *
client_sentence(const struct client *c)
{
	return c->sentence != NULL ? c->sentence : "";
}

const struct msg_hello_reply *
client_peer(const struct client *c)
{
	return &c->peer;
}

int
client_take_fd(struct client *c)
{
	int fd = c->fd;

	c->fd = -1;
	return fd;
}

/* Events are for the worker, who reads frames itself. */
static int
receive_reply(struct client *c, enum msg_type type, struct frame *f)
{
	do {
		int err = frame_receive(c->fd, &c->in, f);

		if (err != 0)
			return err;
	} while ((f->type & FRAME_EVENT) != 0);
	if (f->type != ((unsigned int)type | FRAME_REPLY) ||
	    f->id != c->last_id)
		return ERR_FORMAT;
	return 0;
}

/* One request and its reply, up to the status.  ERR_UNREACHABLE and
 * ERR_FORMAT are not logged. */
static int
exchange(struct client *c, enum msg_type type, const struct writer *body,
    struct reader *reply, char **sentence, int *refused)
{
	struct frame f;
	int err;

	if (c->fd < 0)
		return ERR_USAGE;
	frame_begin(&c->out, (uint16_t)type, ++c->last_id);
	if (body != NULL && writer_ok(body))
		writer_bytes(&c->out, body->bytes, body->length);
	if ((body != NULL && !writer_ok(body)) || frame_end(&c->out) != 0)
		return log_err(ERR_LIMIT, "a message to weir-keyd is too long");
	err = frame_send(c->fd, &c->out);
	if (err == 0)
		err = receive_reply(c, type, &f);
	writer_reset(&c->out);
	if (err != 0)
		return err;
	*reply = reader_of(f.body, f.length);
	return msg_status_read(reply, refused, sentence);
}

int
client_call(struct client *c, enum msg_type type, const struct writer *body,
    struct reader *reply)
{
	OWNED_MEM(char) sentence = NULL;
	int refused = 0, err;

	free(c->sentence);
	c->sentence = NULL;
	err = exchange(c, type, body, reply, &sentence, &refused);
	if (err == ERR_UNREACHABLE)
		return log_err(err, "weir-keyd has gone");
	if (err == ERR_FORMAT)
		return log_err(err,
		    "weir-keyd sent what is not of the"
		    " protocol");
	if (err != 0)
		return err;
	if (refused == 0)
		return 0;
	c->sentence = sentence;
	sentence = NULL;
	if (!c->quiet && refused != c->expected)
		log_error("%s", client_sentence(c));
	return refused;
}

void
client_expect(struct client *c, int err)
{
	c->expected = err;
}

/* What a reply's parser made of it. */
static int
parsed(int err)
{
	if (err == ERR_FORMAT)
		return log_err(err, "weir-keyd sent a malformed reply");
	return err;
}

int
client_patience(struct client *c, uint32_t ms)
{
	const struct timeval t = { .tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	if (setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) != 0 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) != 0)
		return log_sys("setsockopt SO_RCVTIMEO");
	return 0;
}

/* How long hello may take: a keyd of our own has to get ready first. */
static uint32_t
hello_ms(const struct client_how *how, bool started)
{
	if (started)
		return 0;
	return how->timeout_ms != 0 ? how->timeout_ms : HELLO_MS;
}

static int
check_hello(const struct client *c, const struct vaultdir *v)
{
	if (c->peer.version != MSG_VERSION)
		return log_err(ERR_FORMAT,
		    "weir-keyd speaks version %u of the protocol, this program"
		    " version %d",
		    c->peer.version, MSG_VERSION);
	if (memcmp(c->peer.vault, v->id, sizeof(v->id)) != 0)
		return log_err(ERR_INTEGRITY,
		    "what answers in '%s' serves another vault", v->path);
	return 0;
}

/* ERR_UNREACHABLE, not logged: cut off before the answer. */
static int
hello(struct client *c, const struct client_how *how, const struct vaultdir *v)
{
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX + 64);
	OWNED_MEM(char) program = strdup(how->program);
	OWNED_MEM(char) sentence = NULL;
	const struct msg_hello m = {
		.version = MSG_VERSION,
		.program = program,
	};
	struct reader reply;
	int refused = 0, err;

	msg_hello_write(&body, &m);
	err = exchange(c, MSG_HELLO, &body, &reply, &sentence, &refused);
	if (err != 0)
		return parsed(err);
	if (refused != 0)
		return log_err(refused, "%s", sentence);
	err = parsed(msg_hello_reply_read(&c->peer, &reply));
	return err == 0 ? check_hello(c, v) : err;
}

static int
connect_once(struct client *c, struct client_start *s,
    const struct client_how *how)
{
	bool started;
	int err = client_start_connect(s, &c->fd, &started);

	if (err != 0) {
		c->fd = -1;
		return err;
	}
	err = client_patience(c, hello_ms(how, started));
	if (err == 0)
		err = hello(c, how, s->vault);
	if (err == 0)
		err = client_patience(c, how->timeout_ms);
	if (err != 0) {
		close(c->fd);
		c->fd = -1;
	}
	if (err == ERR_UNREACHABLE) {
		err = client_start_again(s);
		return err == 0 ? ERR_CONFLICT : err;
	}
	return err;
}

int
client_open(struct client **out, const struct client_how *how)
{
	OWNED(client) c = calloc(1, sizeof(*c));
	OWNED(vaultdir) v = NULL;
	OWNED_START struct client_start s = { 0 };
	int err;

	if (c == NULL)
		return ERR_NOMEM;
	c->fd = -1;
	c->out = writer_of(FRAME_BUFFER);
	c->in = writer_of(FRAME_BUFFER);
	err = vaultdir_open(&v, how->vault);
	if (err != 0)
		return err;
	s = client_start_of(v, how->unlock, how->timeout_ms);
	do
		err = connect_once(c, &s, how);
	while (err == ERR_CONFLICT);
	c->child = s.child;
	if (err != 0)
		return err;
	*out = c;
	c = NULL;
	return 0;
}

bool
client_started(const struct client *c)
{
	return c->child != 0;
}

static int
call_text(struct client *c, enum msg_type type, const struct writer *body,
    char **out)
{
	struct reader reply;
	int err = client_call(c, type, body, &reply);

	return err == 0 ? parsed(msg_text_read(out, &reply)) : err;
}

int
client_json(struct client *c, enum msg_type type, const char *argument,
    char **out)
{
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX + 2);

	if (argument != NULL)
		msg_string_write(&body, argument);
	return call_text(c, type, &body, out);
}

int
client_json_id(struct client *c, enum msg_type type, uint64_t id, char **out)
{
	OWNED_WRITER body = writer_of(8);

	msg_number_write(&body, id);
	return call_text(c, type, &body, out);
}

int
client_list(struct client *c, enum msg_type type, const struct msg_list *m,
    char **out)
{
	OWNED_WRITER body = writer_of(3 * MSG_TEXT_MAX);

	msg_list_write(&body, m);
	return call_text(c, type, &body, out);
}

int
client_put_begin(struct client *c, const char *model,
    struct msg_put_begin_reply *out)
{
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX + 2);
	struct reader reply;
	int err;

	msg_string_write(&body, model);
	err = client_call(c, MSG_PUT_BEGIN, &body, &reply);
	if (err == 0)
		err = parsed(msg_put_begin_reply_read(out, &reply));
	writer_reset(&c->in);
	return err;
}

int
client_put_keys(struct client *c, const struct msg_put_keys *m,
    struct msg_put_keys_reply *out)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);
	struct msg_put_keys_reply r;
	struct reader reply;
	int err;

	msg_put_keys_write(&body, m);
	err = client_call(c, MSG_PUT_KEYS, &body, &reply);
	if (err == 0)
		err = parsed(msg_put_keys_reply_read(&r, &reply));
	writer_reset(&c->in);
	if (err != 0)
		return err;
	if (r.count != m->count) {
		msg_put_keys_reply_clear(&r);
		return parsed(ERR_FORMAT);
	}
	*out = r;
	return 0;
}

int
client_put_commit(struct client *c, const struct msg_put_commit *m,
    enum msg_committed *how)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);
	struct reader reply;
	uint8_t went;
	int err;

	msg_put_commit_write(&body, m);
	err = client_call(c, MSG_PUT_COMMIT, &body, &reply);
	if (err != 0)
		return err;
	went = reader_u8(&reply);
	if (!reader_end(&reply) || went > MSG_COMMITTED_NOT)
		return parsed(ERR_FORMAT);
	*how = (enum msg_committed)went;
	return 0;
}

int
client_version_get(struct client *c, const char *reference,
    struct msg_version *out)
{
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX + 2);
	struct reader reply;
	int err;

	msg_string_write(&body, reference);
	err = client_call(c, MSG_VERSION_GET, &body, &reply);
	if (err == 0)
		err = parsed(msg_version_read(out, &reply));
	writer_reset(&c->in);
	return err;
}

int
client_trail_consistency(struct client *c, uint64_t old_size,
    struct msg_consistency *out)
{
	OWNED_WRITER body = writer_of(sizeof(old_size));
	struct reader reply;
	int err;

	msg_number_write(&body, old_size);
	err = client_call(c, MSG_TRAIL_CONSISTENCY, &body, &reply);
	return err != 0 ? err : parsed(msg_consistency_read(out, &reply));
}

static int
call_session(struct client *c, enum msg_type type, const struct writer *body,
    struct msg_session *out)
{
	struct reader reply;
	int err = client_call(c, type, body, &reply);

	if (err == 0)
		err = parsed(msg_session_read(out, &reply));
	writer_reset(&c->in);
	return err;
}

int
client_session_open(struct client *c, const struct msg_session_open *m,
    struct msg_session *out)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);

	msg_session_open_write(&body, m);
	return call_session(c, MSG_SESSION_OPEN, &body, out);
}

int
client_session_resume(struct client *c, const struct msg_session_resume *m,
    struct msg_session *out)
{
	OWNED_WRITER body = writer_of(8 + sizeof(m->token));

	msg_session_resume_write(&body, m);
	return call_session(c, MSG_SESSION_RESUME, &body, out);
}

int
client_release(struct client *c, const struct msg_release *m,
    struct msg_release_reply *out)
{
	OWNED_WRITER body = writer_of(64);
	struct reader reply;
	int err;

	msg_release_write(&body, m);
	err = client_call(c, MSG_RELEASE, &body, &reply);
	if (err == 0)
		err = parsed(msg_release_reply_read(out, &reply));
	writer_reset(&c->in);
	if (err == 0 && out->count != m->count) {
		msg_release_reply_clear(out);
		err = parsed(ERR_FORMAT);
	}
	return err;
}

static int
call_id_reason(struct client *c, enum msg_type type, uint64_t id,
    const char *reason)
{
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX + 16);
	OWNED_MEM(char) copy = strdup(reason);
	const struct msg_id_reason m = { .id = id, .reason = copy };
	struct reader reply;
	int err;

	if (copy == NULL)
		return ERR_NOMEM;
	msg_id_reason_write(&body, &m);
	err = client_call(c, type, &body, &reply);
	if (err == 0 && !reader_end(&reply))
		err = parsed(ERR_FORMAT);
	return err;
}

int
client_session_close(struct client *c, uint64_t session, const char *reason)
{
	return call_id_reason(c, MSG_SESSION_CLOSE, session, reason);
}

int
client_trust_get(struct client *c, uint64_t after, char **out)
{
	return client_json_id(c, MSG_TRUST_GET, after, out);
}

int
client_statement_add(struct client *c, const char *envelope, char **out)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);

	msg_text_write(&body, envelope);
	return call_text(c, MSG_STATEMENT_ADD, &body, out);
}

int
client_statement_sign(struct client *c, const struct msg_statement_sign *m,
    char **out)
{
	OWNED_WRITER body = writer_of(128);

	msg_statement_sign_write(&body, m);
	return call_text(c, MSG_STATEMENT_SIGN, &body, out);
}

int
client_statement_withdraw(struct client *c, uint64_t statement,
    const char *reason)
{
	return call_id_reason(c, MSG_STATEMENT_WITHDRAW, statement, reason);
}

int
client_statement_get(struct client *c, uint64_t statement, char **out)
{
	return client_json_id(c, MSG_STATEMENT_GET, statement, out);
}

int
client_statement_ls(struct client *c, const char *model, char **out)
{
	return client_json(c, MSG_STATEMENT_LS, model, out);
}

int
client_channel_proof(struct client *c, const char *reference, char **out)
{
	return client_json(c, MSG_CHANNEL_PROOF, reference, out);
}

int
client_channel_log(struct client *c, const char *reference, char **out)
{
	return client_json(c, MSG_CHANNEL_LOG, reference, out);
}

int
client_sign_oms(struct client *c, const struct msg_sign_oms *m)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);
	struct reader reply;
	int err;

	msg_sign_oms_write(&body, m);
	err = client_call(c, MSG_SIGN_OMS, &body, &reply);
	if (err == 0 && !reader_end(&reply))
		err = parsed(ERR_FORMAT);
	return err;
}
