/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/verifier.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keys/verifier_fds.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/reader.h"
#include "vault/store.h"
#include "vault/writer.h"

#define REAP_MS 100

struct verifier {
	sd_event *loop; /* borrowed */
	void (*news)(void *arg, const struct verifier_news *n);
	void *arg;
	sd_event_source *source;
	sd_event_source *timer;
	uint64_t patience; /* in microseconds */
	uint64_t job;
	uint32_t files; /* that it told of last */
	uint64_t bytes;
	int fd;	   /* to the child; -1: none runs */
	pid_t pid; /* 0: waited for */
};

/* --- messages --- */

void
verifier_job_write(struct writer *w, const struct verifier_job *j)
{
	writer_u64(w, j->id);
	writer_bytes(w, j->version.bytes, DIGEST_SIZE);
	writer_bytes(w, j->object.bytes, DIGEST_SIZE);
	writer_bytes(w, j->manifest_key, KEY_SIZE);
	writer_bytes(w, j->lockbox_key, KEY_SIZE);
	writer_u32(w, j->first_file);
}

int
verifier_job_read(struct verifier_job *out, struct reader *r)
{
	struct verifier_job j = { .id = reader_u64(r) };

	reader_copy(r, j.version.bytes, DIGEST_SIZE);
	reader_copy(r, j.object.bytes, DIGEST_SIZE);
	reader_copy(r, j.manifest_key, KEY_SIZE);
	reader_copy(r, j.lockbox_key, KEY_SIZE);
	j.first_file = reader_u32(r);
	if (reader_end(r))
		*out = j;
	secret_wipe(j.manifest_key, KEY_SIZE);
	secret_wipe(j.lockbox_key, KEY_SIZE);
	return reader_end(r) ? 0 : ERR_FORMAT;
}

void
verifier_news_write(struct writer *w, const struct verifier_news *n)
{
	writer_u64(w, n->id);
	writer_u8(w, n->done ? 1 : 0);
	writer_u8(w, (uint8_t)-n->err);
	writer_u32(w, n->files);
	writer_u64(w, n->bytes);
	writer_string(w, n->reason);
}

bool
verifier_reason_ok(const char *reason)
{
	json_t *j = json_string(reason); /* NULL when it is not UTF-8 */
	bool ok = j != NULL;

	json_decref(j);
	for (const char *s = reason; ok && *s != '\0'; s++)
		ok = (unsigned char)*s >= ' ' && *s != 0x7f;
	return ok;
}

int
verifier_news_read(struct verifier_news *out, struct reader *r)
{
	struct verifier_news n = { .id = reader_u64(r) };
	OWNED_MEM(char) reason = NULL;
	uint8_t done = reader_u8(r), code = reader_u8(r);

	n.files = reader_u32(r);
	n.bytes = reader_u64(r);
	reason = reader_string(r, sizeof(n.reason) - 1);
	if (!reader_end(r) || done > 1 || code > -ERR_SPACE ||
	    !verifier_reason_ok(reason))
		return ERR_FORMAT;
	n.done = done == 1;
	n.err = -(int)code;
	snprintf(n.reason, sizeof(n.reason), "%s", reason);
	*out = n;
	return 0;
}

/* --- the child's life --- */

static void
end_child(struct verifier *v, int *status)
{
	if (v->fd < 0)
		return;
	v->source = sd_event_source_disable_unref(v->source);
	v->timer = sd_event_source_disable_unref(v->timer);
	close(v->fd);
	v->fd = -1;
	if (v->pid == 0)
		return;
	(void)kill(v->pid, SIGKILL);
	while (waitpid(v->pid, status, 0) < 0 && errno == EINTR)
		;
}

static void
tell_end(struct verifier *v, const char *reason)
{
	struct verifier_news n = { .id = v->job, .done = true, .err = ERR_IO };

	snprintf(n.reason, sizeof(n.reason), "%s", reason);
	v->news(v->arg, &n);
}

/* What has closed its end is about to exit, if it is honest: a moment, to
 * hear how. */
static void
reap(struct verifier *v, int *status)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	for (int i = 0; i < REAP_MS; i++) {
		if (waitpid(v->pid, status, WNOHANG) == v->pid) {
			v->pid = 0;
			return;
		}
		nanosleep(&pause, NULL);
	}
}

static void
died(struct verifier *v)
{
	char reason[96] = "the verifier ended without a verdict";
	int status = 0;

	reap(v, &status);
	end_child(v, NULL);
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
		snprintf(reason, sizeof(reason),
		    "the verifier died of signal %d", WTERMSIG(status));
	else if (WIFSIGNALED(status))
		snprintf(reason, sizeof(reason), "the verifier was killed");
	tell_end(v, reason);
}

static int
on_stall(sd_event_source *source, uint64_t now, void *arg)
{
	struct verifier *v = arg;

	(void)source;
	(void)now;
	end_child(v, NULL);
	tell_end(v, "the verifier does not get on");
	return 0;
}

/* How far it is, which never goes back.  False: it is not true. */
static bool
gets_on(struct verifier *v, const struct verifier_news *n)
{
	if (n->files < v->files || n->bytes < v->bytes)
		return false;
	if (n->files > v->files || n->bytes > v->bytes)
		(void)sd_event_source_set_time_relative(v->timer, v->patience);
	v->files = n->files;
	v->bytes = n->bytes;
	return true;
}

static int
on_news(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct verifier *v = arg;
	uint8_t buf[VERIFIER_MESSAGE_MAX];
	struct verifier_news n;
	struct reader r;
	ssize_t got;
	int err;

	(void)source;
	(void)events;
	got = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (got <= 0) {
		died(v);
		return 0;
	}
	r = reader_of(buf, (size_t)got);
	err = verifier_news_read(&n, &r);
	if (err != 0 || n.id != v->job || (!n.done && !gets_on(v, &n))) {
		/* What parses hostile bytes may be hostile by now. */
		end_child(v, NULL);
		tell_end(v, "the verifier says what it cannot mean");
		return 0;
	}
	if (n.done)
		end_child(v, NULL);
	v->news(v->arg, &n);
	return 0;
}

/* After fork of a process with threads: nothing but system calls. */
static void
become_child(int control, int store)
{
	static char name[] = "weir-keyd", word[] = VERIFIER_WORD;
	char *const argv[] = { name, word, NULL };
	int fds[2];

	/* Above the places that they go to. */
	fds[0] = fcntl(control, F_DUPFD, VERIFIER_LAST_FD + 1);
	fds[1] = fcntl(store, F_DUPFD, VERIFIER_LAST_FD + 1);
	if (fds[0] < 0 || fds[1] < 0 || dup2(fds[0], VERIFIER_CONTROL_FD) < 0 ||
	    dup2(fds[1], VERIFIER_STORE_FD) < 0 ||
	    close_range(VERIFIER_LAST_FD + 1, ~0U, 0) != 0)
		_exit(1);
	execv("/proc/self/exe", argv);
	_exit(1);
}

static int
watch(struct verifier *v)
{
	int code = sd_event_add_io(v->loop, &v->source, v->fd, EPOLLIN, on_news,
	    v);

	if (code >= 0)
		code = sd_event_add_time_relative(v->loop, &v->timer,
		    CLOCK_MONOTONIC, v->patience, 0, on_stall, v);
	return code >= 0 ? 0 : ERR_NOMEM;
}

static int
send_job(int fd, const struct verifier_job *job)
{
	OWNED_WRITER w = writer_of(VERIFIER_MESSAGE_MAX);
	ssize_t sent;

	verifier_job_write(&w, job);
	if (!writer_ok(&w))
		return ERR_NOMEM;
	sent = send(fd, w.bytes, w.length, MSG_NOSIGNAL);
	return sent == (ssize_t)w.length ? 0 : log_sys("the verifier");
}

int
verifier_start(struct verifier *v, const char *store,
    const struct verifier_job *job)
{
	OWNED_FD dir = -1;
	OWNED_FD theirs = -1;
	int pair[2], err;

	if (v->fd >= 0)
		return ERR_CONFLICT;
	err = store_dir_fd(&dir, store);
	if (err != 0)
		return err;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return log_sys("socketpair");
	v->fd = pair[0];
	theirs = pair[1];
	v->job = job->id;
	v->files = job->first_file;
	v->bytes = 0;
	v->pid = fork();
	if (v->pid == 0)
		become_child(theirs, dir);
	if (v->pid < 0) {
		close(v->fd);
		v->fd = -1;
		return log_sys("fork");
	}
	err = send_job(v->fd, job);
	if (err == 0)
		err = watch(v);
	if (err != 0)
		end_child(v, NULL);
	return err;
}

int
verifier_new(struct verifier **out, sd_event *loop,
    void (*news)(void *arg, const struct verifier_news *n), void *arg)
{
	struct verifier *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return ERR_NOMEM;
	*v = (struct verifier){ .loop = loop,
		.news = news,
		.arg = arg,
		.patience = VERIFIER_STALL,
		.fd = -1 };
	*out = v;
	return 0;
}

void
verifier_patience(struct verifier *v, uint64_t microseconds)
{
	v->patience = microseconds;
}

void
verifier_stop(struct verifier *v)
{
	end_child(v, NULL);
}

void
verifier_free(struct verifier *v)
{
	if (v == NULL)
		return;
	end_child(v, NULL);
	free(v);
}
