/* SPDX-License-Identifier: Apache-2.0 */
#include "fuse/report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* hh.tbl is NULL then */
#include <uthash.h>

#include "keys/frame.h"
#include "vault/clock.h"
#include "vault/err.h"
#include "vault/log.h"

#define EXES 256	  /* processes whose programs are remembered */
#define EXE_FRESH_MS 1000 /* for so long a process runs what it ran */
#define EXE_MAX 1024
#define PROGRAMS 64 /* that are told of */
#define FAULTS_MAX 4096
#define UNANSWERED_MAX 256 /* messages of extents */
/* A message becomes one entry of the trail, which has 64 KiB: so much for
 * programs' names, and so much for the rest of an extent. */
#define MESSAGE_BYTES (40U << 10)
#define EXTENT_BYTES 96

struct exe {
	uint32_t pid; /* as the kernel tells it, a thread's; 0: unused */
	uint32_t process;
	int64_t asked_ms;
	char *path;
};

struct batch {
	uint32_t count;
	struct msg_extent extents[MSG_EXTENTS_MAX]; /* without exe */
};

struct fault {
	struct digest object;
	UT_hash_handle hh;
};

struct report {
	struct report_how how;
	pthread_mutex_t mutex; /* of what follows */
	struct exe exes[EXES];
	struct batch *batches;		  /* one for each version */
	struct digest programs[PROGRAMS]; /* told of; of none: zeros */
	size_t program_count;
	struct fault *faults;
	size_t fault_count;
	size_t unanswered;
	uint64_t dropped; /* extents, since it was last said */
	uint8_t trouble;  /* as keyd was told */
	bool telling;	  /* and has not answered */
};

int
report_new(struct report **out, const struct report_how *how)
{
	struct report *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return ERR_NOMEM;
	r->batches = calloc(how->versions, sizeof(*r->batches));
	if (r->batches == NULL) {
		free(r);
		return ERR_NOMEM;
	}
	r->how = *how;
	pthread_mutex_init(&r->mutex, NULL);
	*out = r;
	return 0;
}

void
report_free(struct report *r)
{
	struct fault *f, *next;

	if (r == NULL)
		return;
	for (size_t i = 0; i < EXES; i++)
		free(r->exes[i].path);
	HASH_ITER(hh, r->faults, f, next) {
		HASH_DEL(r->faults, f);
		free(f);
	}
	free(r->batches);
	pthread_mutex_destroy(&r->mutex);
	free(r);
}

void
report_opened(struct report *r, uint32_t pid)
{
	struct exe *e = &r->exes[pid % EXES];

	if (pid == 0)
		return;
	{
		LOCKED(lock, &r->mutex);
		int64_t now = clock_ms();

		if (e->pid == pid && now - e->asked_ms < EXE_FRESH_MS)
			return;
		if (e->pid != pid) {
			free(e->path);
			e->path = NULL;
		}
		if (e->pid != pid)
			e->process = pid;
		e->pid = pid;
		e->asked_ms = now;
	}
	r->how.want_exe(r->how.arg, pid);
}

void
report_exe(struct report *r, uint32_t pid, uint32_t process, const char *exe)
{
	LOCKED(lock, &r->mutex);
	struct exe *e = &r->exes[pid % EXES];
	char *path;

	/* It may have ended before anybody looked. */
	if (e->pid != pid || exe[0] == '\0')
		return;
	path = strndup(exe, EXE_MAX);
	if (path == NULL)
		return;
	free(e->path);
	e->path = path;
	e->process = process != 0 ? process : pid;
}

/* Put in what is known of who read; x->pid is as the kernel tells it. */
static void
fill_process(const struct report *r, struct msg_extent *x)
{
	const struct exe *e = &r->exes[x->pid % EXES];
	bool known = e->pid == x->pid && e->path != NULL;

	x->exe = strdup(known ? e->path : "");
	if (known)
		x->pid = e->process;
}

static void
extents_answered(void *arg, const struct link_answer *a)
{
	struct report *r = arg;
	uint64_t dropped;

	{
		LOCKED(lock, &r->mutex);

		r->unanswered--;
		dropped = r->dropped;
		if (a->err == 0)
			r->dropped = 0;
	}
	if (a->err != 0 && a->sentence != NULL)
		log_warn("keyd did not take what was read: %s", a->sentence);
	if (a->err == 0 && dropped > 0)
		log_warn("%llu ranges that were read while keyd was away were "
			 "not told",
		    (unsigned long long)dropped);
}

/* Send the first n extents of a batch.  The mutex is held. */
static void
send_some(struct report *r, uint16_t version, struct batch *b, uint32_t n)
{
	const struct msg_extents m = { .session = r->how.session,
		.version = version,
		.count = n,
		.extents = b->extents };
	OWNED_WRITER body = writer_of(FRAME_MAX);

	msg_extents_write(&body, &m);
	if (r->unanswered < UNANSWERED_MAX &&
	    link_call(r->how.link, MSG_EXTENTS, &body, extents_answered, r) ==
		0)
		r->unanswered++;
	else
		r->dropped += n;
	for (uint32_t i = 0; i < n; i++)
		free(b->extents[i].exe);
	memmove(b->extents, b->extents + n,
	    (b->count - n) * sizeof(*b->extents));
	b->count -= n;
}

/* Send a batch, in as many messages as entries of the trail can take.  The
 * mutex is held. */
static void
send_batch(struct report *r, uint16_t version)
{
	struct batch *b = &r->batches[version];

	while (b->count > 0) {
		size_t bytes = 0;
		uint32_t n = 0;

		while (n < b->count && bytes < MESSAGE_BYTES) {
			struct msg_extent *x = &b->extents[n++];

			fill_process(r, x);
			bytes += EXTENT_BYTES;
			if (x->exe != NULL)
				bytes += strlen(x->exe);
		}
		send_some(r, version, b, n);
	}
}

static void
add_extent(struct report *r, const struct handle *h, const struct extent *x)
{
	const struct msg_extent m = { .file = handle_index(h),
		.offset = x->offset,
		.length = x->length,
		.uid = x->uid,
		.pid = x->pid };
	struct batch *b = &r->batches[handle_file(h)->version];

	if (b->count == MSG_EXTENTS_MAX)
		send_batch(r, handle_file(h)->version);
	b->extents[b->count++] = m;
}

void
report_handle(struct report *r, struct handle *h)
{
	struct extents taken = handle_take(h);
	LOCKED(lock, &r->mutex);

	for (size_t i = 0; i < taken.count; i++)
		add_extent(r, h, &taken.items[i]);
	extents_clear(&taken);
}

void
report_read(struct report *r, struct handle *h, const struct extent *x)
{
	if (handle_read(h, x) == 0)
		return;
	/* Too much for one handle: make room, or tell this one alone. */
	report_handle(r, h);

	LOCKED(lock, &r->mutex);

	add_extent(r, h, x);
}

void
report_refused(struct report *r, struct handle *h, const struct extent *x)
{
	struct extent opener;

	if (!handle_handed_on(h, x->uid, &opener))
		return;
	log_warn("uid %u uses a file that uid %u has open: it gets nothing new",
	    x->uid, opener.uid);

	LOCKED(lock, &r->mutex);

	add_extent(r, h, &opener);
	add_extent(r, h, x);
}

/* While keyd is away and has enough to catch up on, handles go on coalescing
 * what they note. */
static bool
backlog(struct report *r)
{
	LOCKED(lock, &r->mutex);

	return r->unanswered >= UNANSWERED_MAX / 2;
}

static void
flush_handle(void *arg, struct handle *h)
{
	report_handle(arg, h);
}

void
report_flush(struct report *r, struct handle_set *s)
{
	if (!backlog(r))
		handle_each(s, flush_handle, r);

	LOCKED(lock, &r->mutex);

	for (uint16_t i = 0; i < r->how.versions; i++)
		send_batch(r, i);
}

/* Whether this object is told of for the first time. */
static bool
first_fault(struct report *r, const struct digest *object)
{
	LOCKED(lock, &r->mutex);
	struct fault *f;

	HASH_FIND(hh, r->faults, object, sizeof(*object), f);
	if (f != NULL || r->fault_count >= FAULTS_MAX)
		return false;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return true;
	f->object = *object;
	HASH_ADD(hh, r->faults, object, sizeof(f->object), f);
	if (f->hh.tbl == NULL) {
		free(f);
		return true;
	}
	r->fault_count++;
	return true;
}

static void
fault_answered(void *arg, const struct link_answer *a)
{
	(void)arg;
	if (a->err != 0 && a->sentence != NULL)
		log_warn("keyd did not take a fault: %s", a->sentence);
}

void
report_fault(struct report *r, const struct report_fault *f)
{
	OWNED_WRITER body = writer_of(FRAME_MAX);
	OWNED_MEM(char) reason = NULL;
	char hex[DIGEST_HEX_SIZE];
	struct msg_fault m = { .session = r->how.session,
		.version = f->version,
		.object = f->object,
		.file = f->file };

	if (!first_fault(r, &f->object))
		return;
	log_error("object %s: %s; reads of it fail",
	    digest_hex(&f->object, hex), f->reason);
	reason = strdup(f->reason);
	m.reason = reason;
	msg_fault_write(&body, &m);
	if (link_call(r->how.link, MSG_FAULT, &body, fault_answered, NULL) != 0)
		log_error("out of memory: keyd is not told of the fault");
}

static void
program_answered(void *arg, const struct link_answer *a)
{
	(void)arg;
	if (a->err != 0 && a->sentence != NULL)
		log_warn("keyd did not take who read: %s", a->sentence);
}

static bool
first_program(struct report *r, const struct digest *d)
{
	LOCKED(lock, &r->mutex);

	for (size_t i = 0; i < r->program_count; i++)
		if (digest_equal(&r->programs[i], d))
			return false;
	if (r->program_count == PROGRAMS)
		return false;
	r->programs[r->program_count++] = *d;
	return true;
}

void
report_program(struct report *r, uint32_t process, const char *exe,
    const struct digest *digest)
{
	OWNED_WRITER body = writer_of(2 * MSG_TEXT_MAX);
	OWNED_MEM(char) path = strndup(exe, EXE_MAX);
	struct msg_session_exe m = { .session = r->how.session,
		.pid = process,
		.exe = path,
		.seen = digest != NULL };

	if (digest != NULL)
		m.digest = *digest;
	if (path == NULL || !first_program(r, &m.digest))
		return;
	msg_session_exe_write(&body, &m);
	if (link_call(r->how.link, MSG_SESSION_EXE, &body, program_answered,
		NULL) != 0)
		log_warn("out of memory: keyd is not told who reads");
}

static void
trouble_answered(void *arg, const struct link_answer *a)
{
	struct report *r = arg;
	LOCKED(lock, &r->mutex);

	r->telling = false;
	if (a->err != 0)
		r->trouble = MSG_TROUBLE_ALL; /* not known: say it again */
}

void
report_trouble(struct report *r, uint8_t what)
{
	const struct msg_trouble m = { .session = r->how.session,
		.what = what };
	OWNED_WRITER body = writer_of(MSG_TEXT_MAX);
	LOCKED(lock, &r->mutex);

	if (r->telling || (what == 0 && r->trouble == 0))
		return;
	msg_trouble_write(&body, &m);
	r->telling = link_call(r->how.link, MSG_TROUBLE, &body,
			 trouble_answered, r) == 0;
	if (r->telling)
		r->trouble = what;
}
