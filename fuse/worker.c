/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/worker.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fuse/clock.h"
#include "fuse/confine.h"
#include "fuse/control.h"
#include "fuse/daemon.h"
#include "fuse/forget.h"
#include "fuse/handle.h"
#include "fuse/keyslots.h"
#include "fuse/link.h"
#include "fuse/ops.h"
#include "fuse/reads.h"
#include "fuse/report.h"
#include "fuse/tree.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/store.h"
#include "vault/version.h"

#define KEY_SLOTS 16384
#define READERS_MIN 2
#define READERS_MAX 32 /* each has 1 MiB of plaintext and 1 of ciphertext */
#define SERVERS 4
#define TICK_MS 1000
#define LINES 10	/* alike, in ten seconds */
#define GOODBYE_MS 5000 /* for keyd to take what is left to be told */
#define STEP_MS 20
#define TELL_MS 2000	/* the monitor hears of an end by then */
#define FORGET_MS 60000 /* for the kernel to drop what it keeps */

struct worker {
	int control;
	int event;	     /* eventfd: look at what follows */
	atomic_uint serving; /* threads that answer the kernel */
	atomic_bool ended;   /* by keyd */
	pthread_mutex_t mutex;
	char *reason; /* for which it ended */
	bool ended_told;
	struct forget forget; /* what the kernel keeps */

	struct control_setup setup;
	uint16_t count; /* of versions */
	struct store *store;
	struct version **versions;
	const struct manifest **manifests;
	uint32_t *windows;
	struct signatures signatures;
	struct tree *tree;
	struct keyslots *keys;
	struct link *link;
	struct report *report;
	struct handle_set *handles;
	struct reads *reads;
	struct ops ops;
	struct fuse_session *se;
	pthread_t servers[SERVERS];
	unsigned int server_count;
};

static void
notice(void *arg)
{
	const struct worker *w = arg;
	const uint64_t one = 1;

	/* It is a counter: what fails is that it is full already. */
	(void)!write(w->event, &one, sizeof(one));
}

/* Callbacks of the link, on its thread. */
static void
want_keyd(void *arg)
{
	struct worker *w = arg;
	OWNED_CONTROL m = control_of(CONTROL_KEYD_WANTED);

	if (control_try(w->control, &m) != 0)
		link_attach(w->link, -1);
}

static void
session_ended(void *arg, const char *reason)
{
	struct worker *w = arg;

	reads_end(w->reads);
	{
		LOCKED(lock, &w->mutex);

		w->reason = strdup(reason != NULL ? reason : "");
	}
	atomic_store(&w->ended, true);
	notice(w);
}

static void
want_exe(void *arg, uint32_t pid)
{
	struct worker *w = arg;
	OWNED_CONTROL m = control_of(CONTROL_EXE_WANTED);

	/* It is a hint: without it the trail has none. */
	m.number = pid;
	(void)!control_try(w->control, &m);
}

static void
handle_closed(void *arg, struct handle *h)
{
	struct worker *w = arg;

	report_handle(w->report, h);
}

static uint32_t
pool_size(void)
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	if (n < READERS_MIN)
		return READERS_MIN;
	return n < READERS_MAX ? (uint32_t)n : READERS_MAX;
}

/* Everything but the versions, and no thread yet. */
static int
make_parts(struct worker *w)
{
	const struct msg_session *s = &w->setup.session;
	struct link_how link = { .session = s->session,
		.want = want_keyd,
		.ended = session_ended,
		.arg = w };
	struct report_how report = { .session = s->session,
		.versions = s->count,
		.want_exe = want_exe,
		.arg = w };
	struct reads_how reads = { .session = s->session,
		.versions = w->versions,
		.count = s->count,
		.stall_ms = w->setup.stall_ms,
		.threads = pool_size() };
	int err;

	memcpy(link.token, s->token, sizeof(link.token));
	err = keyslots_new(&w->keys, KEY_SLOTS);
	if (err == 0)
		err = link_new(&w->link, &link);
	secret_wipe(&link, sizeof(link));
	report.link = w->link;
	if (err == 0)
		err = report_new(&w->report, &report);
	if (err == 0)
		err = handle_set_new(&w->handles, handle_closed, w);
	reads.keys = w->keys;
	reads.link = w->link;
	reads.report = w->report;
	return err != 0 ? err : reads_new(&w->reads, &reads);
}

static int
make_arrays(struct worker *w)
{
	w->count = w->setup.session.count;
	w->versions = calloc(w->count, sizeof(*w->versions));
	w->manifests = calloc(w->count, sizeof(*w->manifests));
	w->windows = calloc(w->count, sizeof(*w->windows));
	if (w->versions == NULL || w->manifests == NULL || w->windows == NULL)
		return ERR_NOMEM;
	return 0;
}

/* A version that cannot be opened is told to keyd, as a bad object is that
 * shows up later. */
static int
refuse_version(struct worker *w, uint16_t number, int err)
{
	const struct msg_version *m = &w->setup.session.versions[number];
	char hex[DIGEST_HEX_SIZE];
	const struct report_fault f = { .version = number,
		.file = MSG_NO_FILE,
		.object = m->object,
		.reason = err == ERR_NOT_FOUND ? "missing from the store" :
						 "not what was vouched for" };

	if (err == ERR_INTEGRITY || err == ERR_NOT_FOUND) {
		report_fault(w->report, &f);
		(void)link_drain(w->link, GOODBYE_MS);
	}
	return log_err(err, "%s@%.12s: its manifest cannot be used: %s",
	    m->model, digest_hex(&m->version, hex), err_text(err));
}

static int
open_versions(struct worker *w)
{
	for (uint16_t i = 0; i < w->count; i++) {
		struct msg_version *m = &w->setup.session.versions[i];
		OWNED(page_key) key = NULL;
		int err = page_key_from(&key, m->manifest_key);

		if (err != 0)
			return err;
		const struct version_open how = { .store = w->store,
			.object = m->object,
			.version = m->version,
			.manifest_key = key };

		secret_wipe(m->manifest_key, sizeof(m->manifest_key));
		err = version_open(&w->versions[i], &how);
		if (err != 0)
			return refuse_version(w, i, err);
		w->manifests[i] = version_manifest(w->versions[i]);
		w->windows[i] = m->window;
	}
	return 0;
}

static int
make_tree(struct worker *w)
{
	OWNED_MEM(struct tree_version) list = calloc(w->count, sizeof(*list));

	int err = list == NULL ?
	    ERR_NOMEM :
	    signatures_make(&w->signatures, &w->setup.session, w->manifests);

	if (err != 0)
		return err;
	for (uint16_t i = 0; i < w->count; i++) {
		const struct msg_version *m = &w->setup.session.versions[i];
		const struct signature *s = &w->signatures.items[i];

		list[i] = (struct tree_version){ .model = m->model,
			.channel = m->channel,
			.digest = m->version,
			.manifest = w->manifests[i],
			.created_ms = m->created_ms,
			.extra = s->bytes != NULL ? &s->file : NULL };
	}
	return tree_new(&w->tree, list, w->count);
}

/* Take the store and the connection that came with the setup. */
static int
take_setup(struct worker *w)
{
	OWNED_CONTROL m = control_of(0);
	struct reader r;
	int err, store;

	err = signatures_receive(&w->signatures, w->control, &m);
	if (err != 0)
		return err;
	r = reader_of(m.body.bytes, m.body.length);
	if (m.type != CONTROL_SETUP || m.fds[0] < 0 || m.fds[1] < 0 ||
	    control_setup_read(&w->setup, &r) != 0)
		return log_err(ERR_FORMAT, "no setup from the monitor");
	store = m.fds[0];
	err = confine_worker(store, m.fds[0] > m.fds[1] ? m.fds[0] : m.fds[1]);
	if (err != 0)
		return err;
	m.fds[0] = -1;
	err = store_dir_adopt(&w->store, store);
	if (err == 0)
		err = make_arrays(w);
	if (err == 0)
		err = make_parts(w);
	if (err != 0)
		return err;
	link_attach(w->link, m.fds[1]);
	m.fds[1] = -1;
	return 0;
}

static void log_fuse(enum fuse_log_level level, const char *fmt, va_list args)
    PRINTF_LIKE(2, 0);

static void
log_fuse(enum fuse_log_level level, const char *fmt, va_list args)
{
	char text[512];

	if (level > FUSE_LOG_WARNING)
		return;
	vsnprintf(text, sizeof(text), fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_warn("%s", text);
}

static int
make_session(struct worker *w)
{
	int err;

	w->ops.tree = w->tree;
	w->ops.handles = w->handles;
	w->ops.reads = w->reads;
	w->ops.report = w->report;
	w->ops.manifests = w->manifests;
	w->ops.windows = w->windows;
	w->ops.signatures = w->signatures.items;
	w->ops.marks = w->setup.marks;
	w->ops.uid = w->setup.uid;
	w->ops.gid = w->setup.gid;
	fuse_set_log_func(log_fuse);
	err = ops_session(&w->se, &w->ops);
	if (err != 0)
		return err;
	w->forget.ops = &w->ops;
	w->forget.se = w->se;
	w->forget.over = notice;
	w->forget.arg = w;
	return 0;
}

static int
prepare(struct worker *w)
{
	int err = take_setup(w);

	if (err == 0)
		err = link_start(w->link);
	if (err == 0)
		err = open_versions(w);
	if (err == 0)
		err = make_tree(w);
	return err != 0 ? err : make_session(w);
}

/* Wait for the descriptor of the mount. */
static int
take_mount(struct worker *w)
{
	char path[32];

	for (;;) {
		OWNED_CONTROL m = control_of(0);
		int err = control_receive(w->control, &m);

		if (err != 0)
			return err;
		if (m.type == CONTROL_STOP)
			return ERR_UNREACHABLE;
		if (m.type == CONTROL_KEYD) {
			link_attach(w->link, m.fds[0]);
			m.fds[0] = -1;
		}
		if (m.type != CONTROL_MOUNTED || m.fds[0] < 0)
			continue;
		snprintf(path, sizeof(path), "/dev/fd/%d", m.fds[0]);
		if (fuse_session_mount(w->se, path) != 0)
			return log_err(ERR_IO, "libfuse does not take '%s'",
			    path);
		m.fds[0] = -1; /* the session's */
		return 0;
	}
}

/* INIT is answered before there are other threads: when this returns, the
 * kernel knows what it may ask for. */
static int
answer_init(struct worker *w)
{
	struct fuse_buf buf = { 0 };
	bool more = true;

	while (more && !atomic_load(&w->ops.ready))
		more = ops_serve(w->se, &buf);
	free(buf.mem);
	return more ? 0 : log_err(ERR_IO, "the mount was gone before it began");
}

static void *
serve(void *arg)
{
	struct worker *w = arg;
	struct fuse_buf buf = { 0 };

	while (ops_serve(w->se, &buf))
		;
	free(buf.mem);
	atomic_fetch_sub(&w->serving, 1);
	notice(w);
	return NULL;
}

static int
start(struct worker *w)
{
	int err = reads_start(w->reads);

	while (err == 0 && w->server_count < SERVERS) {
		atomic_fetch_add(&w->serving, 1);
		if (pthread_create(&w->servers[w->server_count], NULL, serve,
			w) != 0)
			return log_err(ERR_NOMEM, "no thread to serve with");
		w->server_count++;
	}
	return err != 0 ? err : control_say(w->control, CONTROL_READY, 0);
}

/* Tell the monitor that keyd ended the session. */
static void
tell_ended(struct worker *w)
{
	OWNED_CONTROL m = control_of(CONTROL_ENDED);
	LOCKED(lock, &w->mutex);

	w->ended_told = true;
	if (w->reason != NULL)
		writer_bytes(&m.body, w->reason, strlen(w->reason));
	if (control_send(w->control, &m) != 0)
		log_error("the session has ended, and the monitor is gone");
}

/* The monitor unmounts when it hears of the end: not before the kernel has
 * dropped what it keeps, unless that takes long. */
static void
see_to_end(struct worker *w)
{
	if (!atomic_load(&w->ended) || w->ended_told)
		return;
	forget_begin(&w->forget);
	if (forget_for(&w->forget, TELL_MS))
		tell_ended(w);
}

enum order { ORDER_GO_ON, ORDER_STOP, ORDER_NONE };

/* A message from the monitor.  ORDER_NONE: it has gone. */
static enum order
obey(struct worker *w)
{
	OWNED_CONTROL m = control_of(0);
	OWNED_MEM(char) text = NULL;

	if (control_receive(w->control, &m) != 0)
		return ORDER_NONE;
	if (m.type == CONTROL_STOP)
		return ORDER_STOP;
	if (m.type == CONTROL_KEYD) {
		link_attach(w->link, m.fds[0]);
		m.fds[0] = -1;
	}
	if (m.type == CONTROL_EXE && control_text(&m, &text) == 0)
		report_exe(w->report, (uint32_t)m.number,
		    (uint32_t)(m.number >> 32), text);
	if (m.type == CONTROL_DETACH)
		daemon_detach();
	return ORDER_GO_ON;
}

/* Until there is nobody left to serve. */
static void
attend(struct worker *w)
{
	struct pollfd polls[2] = {
		{ .fd = w->control, .events = POLLIN },
		{ .fd = w->event, .events = POLLIN },
	};
	int64_t flushed = 0;

	while (atomic_load(&w->serving) > 0) {
		uint64_t count;

		if (poll(polls, 2, w->forget.begun ? STEP_MS : TICK_MS) < 0 &&
		    errno != EINTR)
			return;
		if (polls[1].revents != 0)
			(void)!read(w->event, &count, sizeof(count));
		if (polls[0].revents != 0 && obey(w) != ORDER_GO_ON)
			return;
		see_to_end(w);
		if (clock_ms() - flushed >= TICK_MS) {
			report_flush(w->report, w->handles);
			flushed = clock_ms();
		}
	}
}

/* Tell keyd what is left to be told.  It may have gone just now: the monitor
 * is listened to, who gets another connection. */
static void
say_goodbye(struct worker *w)
{
	int64_t end = clock_ms() + GOODBYE_MS;
	struct pollfd p = { .fd = w->control, .events = POLLIN };

	report_flush(w->report, w->handles);
	while (!link_drain(w->link, 0)) {
		if (clock_ms() >= end) {
			log_warn("keyd did not take the last of what was read");
			return;
		}
		if (poll(&p, 1, STEP_MS) > 0 && obey(w) == ORDER_NONE)
			p.fd = -1;
	}
}

static void
take_apart(struct worker *w)
{
	for (unsigned int i = 0; i < w->server_count; i++)
		pthread_join(w->servers[i], NULL);
	if (w->reads != NULL)
		reads_stop(w->reads);
	if (w->report != NULL && w->link != NULL && w->handles != NULL)
		say_goodbye(w);
	forget_join(&w->forget);
	handle_set_free(w->handles);
	link_free(w->link);
	if (w->se != NULL)
		fuse_session_destroy(w->se);
	reads_free(w->reads);
	report_free(w->report);
	keyslots_free(w->keys);
	tree_free(w->tree);
	for (uint16_t i = 0; i < w->count && w->versions != NULL; i++)
		version_free(w->versions[i]);
	signatures_clear(&w->signatures);
	free(w->versions);
	free(w->manifests);
	free(w->windows);
	store_free(w->store);
	control_setup_clear(&w->setup);
	free(w->reason);
	pthread_mutex_destroy(&w->mutex);
	close(w->event);
	close(w->control);
}

/* Serve until the mount is gone or the monitor says stop. */
static int
run(struct worker *w)
{
	int err = take_mount(w);

	if (err == 0)
		err = answer_init(w);
	if (err != 0)
		return err;
	err = start(w);
	if (err != 0) {
		/* Threads may wait in the kernel already. */
		(void)!control_say(w->control, CONTROL_FAILED, (uint64_t)-err);
		_exit(err_exit(err));
	}
	attend(w);
	if (atomic_load(&w->serving) == 0)
		return 0;
	/* Threads wait in the kernel for requests that nobody is to get. */
	reads_end(w->reads);
	forget_begin(&w->forget);
	say_goodbye(w);
	while (!forget_for(&w->forget, FORGET_MS))
		(void)poll(NULL, 0, STEP_MS);
	_exit(0);
}

int
worker_main(int control)
{
	struct worker w = { .control = control };
	int err;

	/* It was run by way of /proc/self/exe. */
	(void)prctl(PR_SET_NAME, "weir-mount");
	log_limit(LINES);
	pthread_mutex_init(&w.mutex, NULL);
	w.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w.event < 0)
		return err_exit(log_sys("eventfd"));
	err = prepare(&w);
	if (err == 0)
		err = control_say(control, CONTROL_PREPARED, 0);
	else
		(void)!control_say(control, CONTROL_FAILED, (uint64_t)-err);
	if (err == 0)
		err = run(&w);
	take_apart(&w);
	return err_exit(err);
}
