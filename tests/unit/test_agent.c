/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/agent.h"
#include "cli/signer.h"
#include "cli/sshwire.h"
#include "tests/lib/people.h"
#include "tests/lib/scratch.h"
#include "tests/lib/test.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/secret.h"

/* How the agent at the other end behaves. */
enum manner {
	HONEST,
	REFUSES,
	SIGNS_OTHER_BYTES,
	SIGNS_WITH_ANOTHER_KEY,
	LONG,	/* a length beyond what is accepted */
	EMPTY,	/* a length of 0 */
	CUT,	/* half an answer */
	CLOSES, /* none */
	OTHER_ANSWER,
};

struct fake {
	struct scratch scratch;
	char *path;
	int listener;
	pthread_t thread;
	enum manner manner;
};

static char said[1024];

static void
keep(void *arg, const char *line)
{
	(void)arg;
	snprintf(said, sizeof(said), "%s", line);
}

static void
put_text(struct writer *w, const char *s)
{
	sshwire_put_string(w, s, strlen(s));
}

static void
put_person(struct writer *w, unsigned int i, const char *comment)
{
	struct statement_key k = people_key(i);
	uint8_t blob[SSHWIRE_BLOB];

	sshwire_blob(blob, &k);
	sshwire_put_string(w, blob, sizeof(blob));
	put_text(w, comment);
}

static void
put_other(struct writer *w, const char *type, const char *comment)
{
	OWNED_WRITER blob = writer_of(256);

	put_text(&blob, type);
	put_text(&blob, "key material");
	sshwire_put_string(w, blob.bytes, blob.length);
	put_text(w, comment);
}

/* Persons 1 and 2, one of them twice by name, a security key, an RSA key. */
static void
put_identities(struct writer *w)
{
	writer_u8(w, 12);
	sshwire_put_u32(w, 5);
	put_person(w, 1, "carol");
	put_other(w, "ssh-rsa", "old");
	put_other(w, "sk-ssh-ed25519@openssh.com", "touch");
	put_person(w, 2, "dave\033[31m");
	put_person(w, 3, "carol");
}

static void
put_signature(struct writer *w, enum manner manner, struct reader request)
{
	OWNED_WRITER inner = writer_of(256);
	uint8_t seed[32], public[32], secret[64], sig[64], blob[SSHWIRE_BLOB];
	struct statement_key one = people_key(1);
	const uint8_t *key, *bytes;
	size_t n, m;

	key = sshwire_string(&request, &m);
	bytes = sshwire_string(&request, &n);
	sshwire_blob(blob, &one);
	people_seed(manner != SIGNS_WITH_ANOTHER_KEY && m == sizeof(blob) &&
		    memcmp(key, blob, m) == 0 ?
		1 :
		2,
	    seed);
	crypto_sign_seed_keypair(public, secret, seed);
	crypto_sign_detached(sig, NULL, bytes,
	    manner == SIGNS_OTHER_BYTES ? n - 1 : n, secret);
	put_text(&inner, "ssh-ed25519");
	sshwire_put_string(&inner, sig, sizeof(sig));
	writer_u8(w, 14);
	sshwire_put_string(w, inner.bytes, inner.length);
}

static bool
take(int fd, uint8_t *to, size_t n)
{
	return n == 0 || recv(fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

/* One request; false when the connection is to be closed. */
static bool
answer(struct fake *f, int fd)
{
	OWNED_WRITER w = writer_of(4096);
	OWNED_WRITER frame = writer_of(8192);
	uint8_t head[4], body[4096];
	struct reader r = reader_of(head, 4), request;
	size_t n;
	uint8_t type;

	if (!take(fd, head, 4) || (n = sshwire_u32(&r)) > sizeof(body) ||
	    !take(fd, body, n) || f->manner == CLOSES)
		return false;
	request = reader_of(body, n);
	type = reader_u8(&request);
	if (f->manner == REFUSES)
		writer_u8(&w, 5);
	else if (f->manner == OTHER_ANSWER)
		writer_u8(&w, 6);
	else if (type == 11)
		put_identities(&w);
	else
		put_signature(&w, f->manner, request);
	sshwire_put_string(&frame, w.bytes, w.length);
	if (f->manner == LONG)
		memset(frame.bytes, 0xff, 4);
	if (f->manner == EMPTY)
		memset(frame.bytes, 0, 4);
	n = f->manner == CUT ? frame.length / 2 : frame.length;
	return send(fd, frame.bytes, n, MSG_NOSIGNAL) == (ssize_t)n &&
	    f->manner != CUT;
}

struct talk {
	struct fake *fake;
	int fd;
};

static void *
converse(void *arg)
{
	struct talk *t = arg;

	while (answer(t->fake, t->fd))
		continue;
	close(t->fd);
	free(t);
	return NULL;
}

static void *
serve(void *arg)
{
	struct fake *f = arg;

	for (;;) {
		int fd = accept(f->listener, NULL, NULL);
		struct talk *t = calloc(1, sizeof(*t));
		pthread_t thread;

		if (fd < 0 || t == NULL) {
			free(t);
			return NULL;
		}
		*t = (struct talk){ f, fd };
		if (pthread_create(&thread, NULL, converse, t) != 0)
			abort();
		pthread_detach(thread);
	}
}

static int
setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	assert_non_null(f);
	assert_int_equal(secret_init(), 0);
	log_sink(keep, NULL);
	f->scratch = scratch_new();
	assert_true(asprintf(&f->path, "%s/agent", f->scratch.path) > 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", f->path);
	f->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&at, sizeof(at)),
	    0);
	assert_int_equal(listen(f->listener, 4), 0);
	setenv("SSH_AUTH_SOCK", f->path, 1);
	setenv("WEIR_KEYS", f->scratch.path, 1);
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fake *f = *state;

	shutdown(f->listener, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->listener);
	scratch_free(&f->scratch);
	free(f->path);
	free(f);
	return 0;
}

static void
ed25519_keys_are_listed_and_others_counted(void **state)
{
	struct statement_key one = people_key(1);
	OWNED_AGENT_KEYS keys = { 0 };
	OWNED(agent) a = NULL;

	(void)state;
	assert_int_equal(agent_open(&a), 0);
	assert_int_equal(agent_list(a, &keys), 0);
	assert_int_equal(keys.count, 3);
	assert_int_equal(keys.security_keys, 1);
	assert_int_equal(keys.others, 1);
	assert_memory_equal(keys.items[0].key.bytes, one.bytes, 32);
	assert_string_equal(keys.items[0].comment, "carol");
	assert_string_equal(keys.items[1].comment, "dave\\x1b[31m");
}

static void
a_key_is_found_by_comment_fingerprint_or_public_file(void **state)
{
	struct fake *f = *state;
	struct statement_key three = people_key(3);
	char print[SSHWIRE_PRINT], text[STATEMENT_KEY_TEXT];
	char name[SSHWIRE_PRINT + 8];
	OWNED(signer) s = NULL;
	OWNED(signer) t = NULL;
	OWNED(signer) none = NULL;
	OWNED_MEM(char) path = NULL;

	assert_int_equal(signer_open(&none, "agent:carol", NULL), ERR_CONFLICT);
	assert_non_null(strstr(said, "several"));
	assert_int_equal(signer_open(&none, "agent:erin", NULL), ERR_NOT_FOUND);
	assert_non_null(strstr(said, "security key"));
	snprintf(name, sizeof(name), "agent:%s", sshwire_print(&three, print));
	assert_int_equal(signer_open(&s, name, NULL), 0);
	assert_memory_equal(signer_key(s)->bytes, three.bytes, 32);

	statement_key_text(&three, text);
	assert_int_equal(file_replace(f->scratch.dir, "id.pub", text,
			     strlen(text), 0600),
	    0);
	assert_true(asprintf(&path, "%s/id.pub", f->scratch.path) > 0);
	assert_int_equal(signer_open(&t, path, NULL), 0);
	assert_memory_equal(signer_key(t)->bytes, three.bytes, 32);
}

static int
sign_as_one(struct fake *f, enum manner manner, uint8_t sig[static 64])
{
	struct statement_key one = people_key(1);
	char print[SSHWIRE_PRINT], name[SSHWIRE_PRINT + 8];
	OWNED(signer) s = NULL;

	f->manner = HONEST;
	snprintf(name, sizeof(name), "agent:%s", sshwire_print(&one, print));
	assert_int_equal(signer_open(&s, name, NULL), 0);
	f->manner = manner;
	return signer_sign(s, "some bytes", 10, sig);
}

static void
what_it_signs_verifies(void **state)
{
	struct statement_key one = people_key(1);
	uint8_t sig[64];

	assert_int_equal(sign_as_one(*state, HONEST, sig), 0);
	assert_int_equal(crypto_sign_verify_detached(sig,
			     (const uint8_t *)"some bytes", 10, one.bytes),
	    0);
}

static void
a_signature_over_something_else_is_not_handed_out(void **state)
{
	uint8_t sig[64] = { 0 };
	const uint8_t zeros[64] = { 0 };

	assert_int_equal(sign_as_one(*state, SIGNS_OTHER_BYTES, sig),
	    ERR_INTEGRITY);
	assert_int_equal(sign_as_one(*state, SIGNS_WITH_ANOTHER_KEY, sig),
	    ERR_INTEGRITY);
	assert_memory_equal(sig, zeros, sizeof(sig));
}

static void
a_refusal_is_said(void **state)
{
	struct fake *f = *state;
	OWNED_AGENT_KEYS keys = { 0 };
	OWNED(agent) a = NULL;
	uint8_t sig[64];

	assert_int_equal(sign_as_one(f, REFUSES, sig), ERR_DENIED);
	assert_non_null(strstr(said, "refuses to sign"));
	assert_int_equal(agent_open(&a), 0);
	assert_int_equal(agent_list(a, &keys), ERR_DENIED);
	assert_non_null(strstr(said, "ssh-add -X"));
}

static void
an_answer_that_is_none_is_an_error(void **state)
{
	static const struct {
		enum manner manner;
		int err;
	} cases[] = { { LONG, ERR_FORMAT }, { EMPTY, ERR_FORMAT },
		{ CUT, ERR_UNREACHABLE }, { CLOSES, ERR_UNREACHABLE },
		{ OTHER_ANSWER, ERR_FORMAT } };
	struct fake *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		OWNED_AGENT_KEYS keys = { 0 };
		OWNED(agent) a = NULL;
		uint8_t sig[64];

		f->manner = cases[i].manner;
		assert_int_equal(agent_open(&a), 0);
		assert_int_equal(agent_list(a, &keys), cases[i].err);
		assert_int_equal(sign_as_one(f, cases[i].manner, sig),
		    cases[i].err);
	}
}

static void
no_agent_is_said(void **state)
{
	OWNED(signer) s = NULL;

	(void)state;
	unsetenv("SSH_AUTH_SOCK");
	assert_int_equal(signer_open(&s, "agent:carol", NULL), ERR_UNREACHABLE);
	assert_non_null(strstr(said, "SSH_AUTH_SOCK"));
	setenv("SSH_AUTH_SOCK", "/nonexistent/agent", 1);
	assert_int_equal(signer_open(&s, "agent:carol", NULL), ERR_UNREACHABLE);
}

static void
every_truncation_of_an_answer_is_refused(void **state)
{
	OWNED_WRITER list = writer_of(4096);
	OWNED_WRITER signature = writer_of(4096);
	OWNED_WRITER request = writer_of(256);
	uint8_t sig[64];

	(void)state;
	put_identities(&list);
	sshwire_put_string(&request, "", 0);
	sshwire_put_string(&request, "abc", 3);
	put_signature(&signature, HONEST,
	    reader_of(request.bytes, request.length));
	for (size_t n = 0; n <= list.length; n++) {
		OWNED_AGENT_KEYS keys = { 0 };

		assert_int_equal(agent_identities_parse(&keys, list.bytes, n),
		    n == list.length ? 0 : ERR_FORMAT);
	}
	for (size_t n = 0; n <= signature.length; n++)
		assert_int_equal(agent_signature_parse(sig, signature.bytes, n),
		    n == signature.length ? 0 : ERR_FORMAT);
	writer_u8(&list, 0);
	writer_u8(&signature, 0);
	{
		OWNED_AGENT_KEYS keys = { 0 };

		assert_int_equal(agent_identities_parse(&keys, list.bytes,
				     list.length),
		    ERR_FORMAT);
	}
	assert_int_equal(agent_signature_parse(sig, signature.bytes,
			     signature.length),
	    ERR_FORMAT);
}

static int
parse_count(uint32_t claimed, uint32_t there)
{
	OWNED_WRITER w = writer_of(1 << 20);
	OWNED_AGENT_KEYS keys = { 0 };
	int r;

	writer_u8(&w, 12);
	sshwire_put_u32(&w, claimed);
	for (uint32_t i = 0; i < there; i++)
		put_other(&w, "ssh-rsa", "x");
	r = agent_identities_parse(&keys, w.bytes, w.length);
	if (r == 0)
		assert_int_equal(keys.others, there);
	return r;
}

static void
counts_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(parse_count(0, 0), 0);
	assert_int_equal(parse_count(AGENT_KEYS_MAX, AGENT_KEYS_MAX), 0);
	assert_int_equal(parse_count(AGENT_KEYS_MAX + 1, AGENT_KEYS_MAX + 1),
	    ERR_LIMIT);
	assert_int_equal(parse_count(UINT32_MAX, 1), ERR_FORMAT);
	assert_int_equal(parse_count(2, 1), ERR_FORMAT);
	assert_int_equal(parse_count(1, 2), ERR_FORMAT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ed25519_keys_are_listed_and_others_counted),
		cmocka_unit_test(
		    a_key_is_found_by_comment_fingerprint_or_public_file),
		cmocka_unit_test(what_it_signs_verifies),
		cmocka_unit_test(
		    a_signature_over_something_else_is_not_handed_out),
		cmocka_unit_test(a_refusal_is_said),
		cmocka_unit_test(an_answer_that_is_none_is_an_error),
		cmocka_unit_test(every_truncation_of_an_answer_is_refused),
		cmocka_unit_test(counts_are_bounded),
		cmocka_unit_test(no_agent_is_said),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
