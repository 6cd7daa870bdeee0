/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "keys/notary.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/writer.h"

#define CONNECTIONS_MAX 256
#define CONNECTIONS_OF_ONE 32
#define LIFE_SECONDS 12
#define MEMORY_OF_ONE (32U << 10)
#define TEXT "text/plain; charset=utf-8"
#define PATH_MAX_HERE 1024

/* A connection, or none. */
struct guest {
	bool there;
	int fd;
	time_t until;
};

/* One thread serves all connections, so that what the notary does is done one
 * after another. */
struct notary_http {
	struct notary *notary;
	struct MHD_Daemon *daemon;
	pthread_mutex_t mutex; /* of guests */
	struct guest guests[CONNECTIONS_MAX];
	char path[PATH_MAX_HERE]; /* of add-checkpoint */
	char where[80];
	atomic_int failed;
};

/* One request on its way in. */
struct request {
	struct writer body;
};

static time_t
monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* Hand over text, which is freed. */
static enum MHD_Result
answer(struct MHD_Connection *c, struct notary_reply *r)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	response = MHD_create_response_from_buffer(strlen(r->text), r->text,
	    MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		notary_reply_clear(r);
		return MHD_NO;
	}
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
	    r->type);
	if (r->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
		    MHD_HTTP_METHOD_POST);
	result = MHD_queue_response(c, r->status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result
say(struct MHD_Connection *c, unsigned int status, const char *text)
{
	struct notary_reply r = { status, TEXT, strdup(text) };

	return r.text != NULL ? answer(c, &r) : MHD_NO;
}

static enum MHD_Result
begin(const struct notary_http *h, struct MHD_Connection *c, const char *url,
    const char *method, void **state)
{
	struct request *q;

	if (strcmp(url, h->path) != 0)
		return say(c, MHD_HTTP_NOT_FOUND,
		    "a witness knows add-checkpoint only\n");
	if (strcmp(method, MHD_HTTP_METHOD_POST) != 0)
		return say(c, MHD_HTTP_METHOD_NOT_ALLOWED, "POST it\n");
	q = calloc(1, sizeof(*q));
	if (q == NULL)
		return MHD_NO;
	q->body = writer_of(WITNESS_BODY_MAX);
	*state = q;
	return MHD_YES;
}

/* Without the notary nothing more is to be signed: the process ends. */
static enum MHD_Result
fail(struct notary_http *h, int err)
{
	log_error("what was cosigned cannot be kept: %s; weir-witness stops",
	    err_text(err));
	atomic_store(&h->failed, err);
	kill(getpid(), SIGTERM);
	return MHD_NO;
}

static enum MHD_Result
finish(struct notary_http *h, struct MHD_Connection *c, struct request *q)
{
	struct notary_reply r = { 0 };
	int err;

	if (!writer_ok(&q->body))
		return say(c, MHD_HTTP_CONTENT_TOO_LARGE,
		    "that is no checkpoint\n");
	if (atomic_load(&h->failed) != 0)
		return MHD_NO;
	err = notary_add(h->notary, (const char *)q->body.bytes, q->body.length,
	    &r);
	if (err == ERR_NOMEM)
		return MHD_NO;
	return err != 0 ? fail(h, err) : answer(c, &r);
}

/* Called with the head, with each piece of the body, and behind its end. */
static enum MHD_Result
handle(void *arg, struct MHD_Connection *c, const char *url, const char *method,
    const char *version, const char *bytes, size_t *n, void **state)
{
	struct notary_http *h = arg;
	struct request *q = *state;

	(void)version;
	if (q == NULL)
		return begin(h, c, url, method, state);
	if (*n == 0)
		return finish(h, c, q);
	writer_bytes(&q->body, bytes, *n);
	*n = 0;
	return MHD_YES;
}

static void
done(void *arg, struct MHD_Connection *c, void **state,
    enum MHD_RequestTerminationCode code)
{
	struct request *q = *state;

	(void)arg;
	(void)c;
	(void)code;
	if (q == NULL)
		return;
	writer_free(&q->body);
	free(q);
	*state = NULL;
}

/* Its descriptor is closed only after it was told that it goes. */
static void
come_or_go(void *arg, struct MHD_Connection *c, void **place,
    enum MHD_ConnectionNotificationCode what)
{
	struct notary_http *h = arg;
	const union MHD_ConnectionInfo *info;
	struct guest *g = *place;
	LOCKED(l, &h->mutex);

	if (what != MHD_CONNECTION_NOTIFY_STARTED) {
		if (g != NULL)
			g->there = false;
		return;
	}
	info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
	for (size_t i = 0; info != NULL && i < CONNECTIONS_MAX; i++) {
		g = &h->guests[i];
		if (g->there)
			continue;
		*g = (struct guest){ true, info->connect_fd,
			monotonic() + LIFE_SECONDS };
		*place = g;
		return;
	}
}

/* "127.0.0.1:7420", "[::1]:7420", ":7420" is not one: say where. */
static int
parse_address(const char *text, struct sockaddr_storage *out)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST |
		    AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(text, ':');
	char host[64];
	struct addrinfo *found;
	size_t n;

	if (colon == NULL || colon == text ||
	    (n = (size_t)(colon - text)) >= sizeof(host))
		return log_err(ERR_USAGE,
		    "'%s' is no address: ADDRESS:PORT, [ADDRESS]:PORT", text);
	memcpy(host, text, n);
	host[n] = '\0';
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		memmove(host, host + 1, n - 1);
	}
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return log_err(ERR_USAGE,
		    "'%s' is no address: ADDRESS:PORT, [ADDRESS]:PORT", text);
	memcpy(out, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return 0;
}

static int
start(struct notary_http *h, const struct sockaddr_storage *address)
{
	unsigned int flags = MHD_USE_EPOLL_INTERNAL_THREAD |
	    (address->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0);
	const union MHD_DaemonInfo *info;
	const void *at = address;

	h->daemon = MHD_start_daemon(flags, 0, NULL, NULL, handle, h,
	    MHD_OPTION_SOCK_ADDR, at, MHD_OPTION_NOTIFY_COMPLETED, done, NULL,
	    MHD_OPTION_NOTIFY_CONNECTION, come_or_go, h,
	    MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
	    MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_OF_ONE,
	    MHD_OPTION_CONNECTION_TIMEOUT, LIFE_SECONDS,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_OF_ONE,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (h->daemon == NULL)
		return log_sys("listen on '%s'", h->where);
	info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT);
	if (info != NULL)
		snprintf(strrchr(h->where, ':'), 8, ":%u", info->port);
	return 0;
}

int
notary_http_new(struct notary_http **out, const struct notary_http_how *how)
{
	OWNED(notary_http) h = calloc(1, sizeof(*h));
	struct sockaddr_storage address = { 0 };
	int err;

	if (h == NULL)
		return ERR_NOMEM;
	pthread_mutex_init(&h->mutex, NULL);
	h->notary = how->notary;
	if (strlen(how->prefix) + sizeof("/add-checkpoint") > sizeof(h->path) ||
	    (how->prefix[0] != '\0' && how->prefix[0] != '/'))
		return log_err(ERR_USAGE, "'%s' is no prefix: /PATH",
		    how->prefix);
	snprintf(h->path, sizeof(h->path), "%s/add-checkpoint", how->prefix);
	err = parse_address(how->listen, &address);
	snprintf(h->where, sizeof(h->where), "%.70s", how->listen);
	if (err == 0)
		err = start(h, &address);
	if (err != 0)
		return err;
	*out = h;
	h = NULL;
	return 0;
}

void
notary_http_tick(struct notary_http *h)
{
	time_t now = monotonic();
	LOCKED(l, &h->mutex);

	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (h->guests[i].there && now > h->guests[i].until)
			(void)shutdown(h->guests[i].fd, SHUT_RDWR);
}

const char *
notary_http_where(const struct notary_http *h)
{
	return h->where;
}

int
notary_http_failed(const struct notary_http *h)
{
	return atomic_load(&h->failed);
}

void
notary_http_free(struct notary_http *h)
{
	if (h == NULL)
		return;
	if (h->daemon != NULL)
		MHD_stop_daemon(h->daemon);
	pthread_mutex_destroy(&h->mutex);
	free(h);
}
