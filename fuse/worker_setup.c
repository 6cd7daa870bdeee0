/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuse/confine.h"
#include "fuse/daemon.h"
#include "fuse/worker_state.h"
#include "vault/cores.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/multibuf.h"

#define KEY_SLOTS 16384
#define OPENED_BLOCKS 32 /* 1 MiB */
#define READERS_MIN 2
#define READERS_MAX 32 /* each has 1 MiB of plaintext and 1 of ciphertext */

void
worker_notice(void *arg)
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
	worker_notice(w);
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
	const unsigned int n = cores_count();

	if (n < READERS_MIN)
		return READERS_MIN;
	return n < READERS_MAX ? n : READERS_MAX;
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
	reads.opened = w->opened;
	reads.spent = w->spent;
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
	/* Reads go on without it, only slower where they are small. */
	(void)!opened_new(&w->opened, OPENED_BLOCKS);
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
		(void)link_drain(w->link, WORKER_GOODBYE_MS);
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
			.manifest_key = key,
			.opened = w->opened };

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

struct probe {
	const struct worker *worker;
	int store;
};

/* Whether the first version can be read from the store.  What is not there is
 * another matter. */
static bool
readable(void *arg)
{
	const struct probe *p = arg;
	OWNED(store) s = NULL;
	uint64_t size;
	int fd = fcntl(p->store, F_DUPFD_CLOEXEC, 0), err;

	if (fd < 0 || store_dir_adopt(&s, fd) != 0)
		return false;
	log_hush(true);
	err = store_has(s, &p->worker->setup.session.versions[0].object, &size);
	log_hush(false);
	return err != ERR_DENIED;
}

static int
confine(const struct worker *w, int store, int last)
{
	struct probe probe = { w, store };
	const struct confine_how how = { .store = store,
		.last = last,
		.uid = w->setup.uid,
		.gid = w->setup.gid,
		.readable = readable,
		.arg = &probe };

	multibuf_load(); /* while files may be opened */
	return confine_worker(&how);
}

static int
highest(const int *fds, size_t count)
{
	int last = -1;

	for (size_t i = 0; i < count; i++)
		last = fds[i] > last ? fds[i] : last;
	return last;
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
	w->journal = daemon_journal();
	err = confine(w, store,
	    highest((const int[]){ store, m.fds[1], w->journal }, 3));
	if (err != 0)
		return err;
	m.fds[0] = -1;
	err = store_dir_adopt(&w->store, store);
	if (err == 0)
		err = spent_new(&w->spent, w->store);
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
	w->forget.over = worker_notice;
	w->forget.arg = w;
	return 0;
}

int
worker_prepare(struct worker *w)
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
