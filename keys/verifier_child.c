/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "keys/verifier.h"
#include "keys/verifier_fds.h"
#include "vault/clock.h"
#include "vault/cores.h"
#include "vault/err.h"
#include "vault/log.h"
#include "vault/multibuf.h"
#include "vault/reader.h"
#include "vault/sandbox.h"
#include "vault/store.h"
#include "vault/version.h"
#include "vault/writer.h"

#define NICE 10	    /* mounts and keyd come first */
#define NEWS_MS 200 /* between two of the way */

/* What the child has to do, and how far it has told of it. */
struct child {
	struct verifier_job job;
	uint32_t files;
	int64_t told_ms;
};

static int
tell(const struct verifier_news *n)
{
	OWNED_WRITER w = writer_of(VERIFIER_MESSAGE_MAX);
	ssize_t sent;

	verifier_news_write(&w, n);
	if (!writer_ok(&w))
		return ERR_NOMEM;
	do
		sent = send(VERIFIER_CONTROL_FD, w.bytes, w.length,
		    MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)w.length ? 0 : ERR_UNREACHABLE;
}

static int
on_progress(void *arg, uint32_t files, uint64_t bytes)
{
	struct child *c = arg;
	const struct verifier_news n = { .id = c->job.id,
		.files = files,
		.bytes = bytes };
	int64_t now = clock_ms();

	if (now - c->told_ms < NEWS_MS)
		return 0;
	c->told_ms = now;
	return tell(&n);
}

static uint32_t
count_files(const struct manifest *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->file_count; i++)
		n += m->files[i].kind == MANIFEST_FILE;
	return n;
}

static int
proofread(struct child *c, struct store *store, struct verifier_news *n)
{
	OWNED(page_key) manifest_key = NULL;
	OWNED(page_key) lockbox_key = NULL;
	OWNED(version) version = NULL;
	struct version_open open = { .store = store,
		.object = c->job.object,
		.version = c->job.version };
	struct proofread_how how = { .store = store,
		.first_file = c->job.first_file,
		.threads = cores_count(),
		.progress = on_progress,
		.arg = c };
	int err;

	err = page_key_from(&manifest_key, c->job.manifest_key);
	if (err == 0)
		err = page_key_from(&lockbox_key, c->job.lockbox_key);
	secret_wipe(c->job.manifest_key, KEY_SIZE);
	secret_wipe(c->job.lockbox_key, KEY_SIZE);
	if (err != 0)
		return err;
	open.manifest_key = manifest_key;
	err = version_open(&version, &open);
	if (err == ERR_NOT_FOUND) {
		/* No verdict: a store that is not mounted looks like this. */
		snprintf(n->reason, sizeof(n->reason),
		    "its manifest is not in the store");
		return ERR_IO;
	}
	if (err == ERR_INTEGRITY)
		snprintf(n->reason, sizeof(n->reason),
		    "its manifest is not the one vouched for");
	if (err != 0)
		return err;
	how.version = version;
	how.lockbox_key = lockbox_key;
	n->files = count_files(version_manifest(version));
	n->bytes = version_manifest(version)->total_bytes;
	return proofread_run(&how, n->reason);
}

/* What names of files and tensors there are in it may be anything. */
static void
clean(char *reason)
{
	if (verifier_reason_ok(reason))
		return;
	for (char *s = reason; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

static int
receive(struct child *c)
{
	uint8_t buf[VERIFIER_MESSAGE_MAX];
	struct reader r;
	ssize_t got = recv(VERIFIER_CONTROL_FD, buf, sizeof(buf), 0);
	int err;

	if (got <= 0)
		return ERR_UNREACHABLE;
	r = reader_of(buf, (size_t)got);
	err = verifier_job_read(&c->job, &r);
	secret_wipe(buf, sizeof(buf));
	return err;
}

/* Nothing but the store, for reading; and not without keyd. */
static int
confine(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return log_sys("prctl PR_SET_PDEATHSIG");
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	multibuf_load(); /* while files may be opened */
	return sandbox_enter(VERIFIER_STORE_FD);
}

int
verifier_child(void)
{
	struct child c = { 0 };
	struct verifier_news n = { .done = true };
	OWNED(store) store = NULL;
	int err;

	err = confine();
	/* Last: it makes what follows undumpable. */
	if (err == 0)
		err = secret_init();
	if (err == 0)
		err = receive(&c);
	if (err != 0)
		return err;
	n.id = c.job.id;
	err = store_dir_adopt(&store, VERIFIER_STORE_FD);
	if (err == 0)
		err = proofread(&c, store, &n);
	n.err = err;
	if (err != 0 && n.reason[0] == '\0')
		snprintf(n.reason, sizeof(n.reason), "%s", err_text(err));
	clean(n.reason);
	return tell(&n);
}
