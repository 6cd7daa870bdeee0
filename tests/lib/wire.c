/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/wire.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "vault/owned.h"

#define THREADS 8
#define ANSWERS 512
#define PATIENCE_MS 20000

struct kept {
	uint64_t number;
	int error;
	size_t length;
	uint8_t *body;
};

struct wire {
	struct fuse_session *se;
	int requests; /* our end */
	int answers;
	uint64_t last;
	uint32_t uid, pid;
	pthread_t threads[THREADS];
	unsigned int count;
	struct kept kept[ANSWERS]; /* that nobody waited for yet */
	size_t kept_count;
	uint8_t *body;
	bool (*serve)(struct fuse_session *se, struct fuse_buf *buf);
};

/* libfuse hands its callbacks the session's user data, not ours. */
static struct {
	pthread_mutex_t mutex;
	int fd; /* the server's end of the answers */
	unsigned int troubles;
	int errnum;
} out = { .mutex = PTHREAD_MUTEX_INITIALIZER, .fd = -1 };

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static int
trouble(void)
{
	LOCKED(lock, &out.mutex);

	if (out.troubles == 0)
		return 0;
	out.troubles--;
	return out.errnum;
}

void
wire_trouble(unsigned int n, int errnum)
{
	LOCKED(lock, &out.mutex);

	out.troubles = n;
	out.errnum = errnum;
}

static ssize_t
io_read(int fd, void *buf, size_t n, void *data)
{
	int errnum = trouble();
	ssize_t got;

	(void)data;
	if (errnum != 0) {
		errno = errnum;
		return -1;
	}
	got = recv(fd, buf, n, 0);
	if (got != 0)
		return got;
	errno = ENODEV;
	return -1;
}

static void
write_whole(const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	while (n > 0) {
		ssize_t sent = send(out.fd, at, n, MSG_NOSIGNAL);

		if (sent < 0)
			return; /* the test is over */
		at += sent;
		n -= (size_t)sent;
	}
}

static ssize_t
io_writev(int fd, struct iovec *parts, int count, void *data)
{
	LOCKED(lock, &out.mutex);
	ssize_t n = 0;

	(void)fd, (void)data;
	for (int i = 0; i < count; i++) {
		write_whole(parts[i].iov_base, parts[i].iov_len);
		n += (ssize_t)parts[i].iov_len;
	}
	return n;
}

static void *
run(void *arg)
{
	struct wire *w = arg;
	struct fuse_buf buf = { 0 };

	while (w->serve(w->se, &buf))
		;
	free(buf.mem);
	return NULL;
}

struct wire *
wire_new(struct fuse_session *se, unsigned int threads,
    bool (*serve)(struct fuse_session *se, struct fuse_buf *buf))
{
	static const struct fuse_custom_io io = { .read = io_read,
		.writev = io_writev };
	struct wire *w = calloc(1, sizeof(*w));
	int pair[2];

	must(w != NULL && threads <= THREADS);
	w->se = se;
	w->serve = serve;
	w->pid = (uint32_t)getpid();
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	w->requests = pair[0];
	must(fuse_session_custom_io(se, &io, pair[1]) == 0);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	w->answers = pair[0];
	out.fd = pair[1];
	for (; w->count < threads; w->count++)
		must(pthread_create(&w->threads[w->count], NULL, run, w) == 0);
	return w;
}

void
wire_free(struct wire *w)
{
	close(w->requests);
	close(w->answers);
	for (unsigned int i = 0; i < w->count; i++)
		pthread_join(w->threads[i], NULL);
	{
		/* Reads under way may still be answered. */
		LOCKED(lock, &out.mutex);

		close(out.fd);
		out.fd = -1;
	}
	for (size_t i = 0; i < w->kept_count; i++)
		free(w->kept[i].body);
	free(w->body);
	free(w);
}

void
wire_as(struct wire *w, uint32_t uid, uint32_t pid)
{
	w->uid = uid;
	w->pid = pid;
}

static size_t
name_size(const char *name)
{
	return name != NULL ? strlen(name) + 1 : 0;
}

uint64_t
wire_send(struct wire *w, const struct wire_request *q)
{
	size_t n = q->length + name_size(q->name) + name_size(q->name2);
	struct fuse_in_header head = {
		.len = (uint32_t)(sizeof(head) + n),
		.opcode = q->opcode,
		.unique = w->last += 2,
		.nodeid = q->ino,
		.uid = w->uid,
		.gid = w->uid,
		.pid = w->pid,
	};
	char fixed[256] = "", name[256] = "", name2[256] = "";
	struct iovec parts[4] = {
		{ &head, sizeof(head) },
		{ fixed, q->length },
		{ name, name_size(q->name) },
		{ name2, name_size(q->name2) },
	};

	must(q->length <= sizeof(fixed) && name_size(q->name) < sizeof(name) &&
	    name_size(q->name2) < sizeof(name2));
	if (q->length > 0)
		memcpy(fixed, q->fixed, q->length);
	memcpy(name, q->name != NULL ? q->name : "", name_size(q->name));
	memcpy(name2, q->name2 != NULL ? q->name2 : "", name_size(q->name2));
	must(writev(w->requests, parts, 4) == (ssize_t)head.len);
	return head.unique;
}

static void
read_whole(int fd, void *buf, size_t n)
{
	uint8_t *at = buf;

	while (n > 0) {
		ssize_t got = read(fd, at, n);

		must(got > 0);
		at += got;
		n -= (size_t)got;
	}
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Read one answer and keep it.  False: none came until then. */
static bool
take_answer(struct wire *w, int64_t end)
{
	struct pollfd p = { .fd = w->answers, .events = POLLIN };
	int64_t left = end - now_ms();
	struct fuse_out_header head;
	struct kept *k;

	if (poll(&p, 1, left > 0 ? (int)left : 0) <= 0)
		return false;
	must(w->kept_count < ANSWERS);
	read_whole(w->answers, &head, sizeof(head));
	must(head.len >= sizeof(head));
	k = &w->kept[w->kept_count++];
	k->number = head.unique;
	k->error = -head.error;
	k->length = head.len - sizeof(head);
	k->body = malloc(k->length + 1);
	must(k->body != NULL);
	read_whole(w->answers, k->body, k->length);
	return true;
}

bool
wire_wait(struct wire *w, uint64_t number, int ms, struct wire_answer *answer)
{
	int64_t end = now_ms() + ms;

	do {
		for (size_t i = 0; i < w->kept_count; i++) {
			struct kept k = w->kept[i];

			if (k.number != number)
				continue;
			w->kept[i] = w->kept[--w->kept_count];
			free(w->body);
			w->body = k.body;
			*answer = (struct wire_answer){ k.error, k.length,
				k.body };
			return true;
		}
	} while (take_answer(w, end));
	return false;
}

struct wire_answer
wire_call(struct wire *w, const struct wire_request *q)
{
	struct wire_answer a;

	must(wire_wait(w, wire_send(w, q), PATIENCE_MS, &a));
	return a;
}

struct fuse_init_out
wire_init(struct wire *w)
{
	const struct fuse_init_in in = { .major = 7,
		.minor = 38,
		.max_readahead = 131072,
		.flags = FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_MAX_PAGES |
		    FUSE_PARALLEL_DIROPS | FUSE_CACHE_SYMLINKS |
		    FUSE_ASYNC_DIO | FUSE_DO_READDIRPLUS |
		    FUSE_AUTO_INVAL_DATA | FUSE_SPLICE_READ |
		    FUSE_SPLICE_WRITE | FUSE_SPLICE_MOVE };
	const struct wire_request q = { .opcode = FUSE_INIT,
		.fixed = &in,
		.length = sizeof(in) };
	struct wire_answer a = wire_call(w, &q);
	struct fuse_init_out result = { 0 };

	must(a.error == 0 && a.length <= sizeof(result));
	memcpy(&result, a.body, a.length);
	return result;
}

int
wire_lookup(struct wire *w, uint64_t parent, const char *name,
    struct fuse_entry_out *entry)
{
	const struct wire_request q = { .opcode = FUSE_LOOKUP,
		.ino = parent,
		.name = name };
	struct wire_answer a = wire_call(w, &q);

	if (a.error == 0) {
		must(a.length == sizeof(*entry));
		memcpy(entry, a.body, sizeof(*entry));
	}
	return a.error;
}

int
wire_open(struct wire *w, uint64_t ino, uint32_t flags,
    struct fuse_open_out *opened)
{
	const struct fuse_open_in in = { .flags = flags };
	const struct wire_request q = { .opcode = FUSE_OPEN,
		.ino = ino,
		.fixed = &in,
		.length = sizeof(in) };
	struct wire_answer a = wire_call(w, &q);

	if (a.error == 0) {
		must(a.length == sizeof(*opened));
		memcpy(opened, a.body, sizeof(*opened));
	}
	return a.error;
}

uint64_t
wire_send_read(struct wire *w, uint64_t ino, uint64_t fh, uint64_t offset,
    uint32_t size)
{
	const struct fuse_read_in in = { .fh = fh,
		.offset = offset,
		.size = size };
	const struct wire_request q = { .opcode = FUSE_READ,
		.ino = ino,
		.fixed = &in,
		.length = sizeof(in) };

	return wire_send(w, &q);
}

void
wire_release(struct wire *w, uint64_t ino, uint64_t fh)
{
	const struct fuse_release_in in = { .fh = fh };
	const struct wire_request q = { .opcode = FUSE_RELEASE,
		.ino = ino,
		.fixed = &in,
		.length = sizeof(in) };

	must(wire_call(w, &q).error == 0);
}

void
wire_interrupt(struct wire *w, uint64_t number)
{
	const struct fuse_interrupt_in in = { .unique = number };
	const struct wire_request q = { .opcode = FUSE_INTERRUPT,
		.fixed = &in,
		.length = sizeof(in) };

	(void)wire_send(w, &q);
}
