/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/notary.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "vault/err.h"
#include "vault/log.h"
#include "vault/tlog.h"

#define FILE_MODE 0600
#define REFUSED ".refused"
#define FORK ".fork"
#define KEPT ".kept" /* behind either */
#define NAME_SIZE (DIGEST_HEX_SIZE + sizeof(REFUSED))
#define TEXT "text/plain; charset=utf-8"
#define TEXT_SIZE "text/x.tlog.size"

/* A log, by its origin, and the last checkpoint that was cosigned. */
struct followed {
	const char *origin;	     /* the policy's */
	char file[DIGEST_HEX_SIZE];  /* where it is kept */
	struct note_checkpoint last; /* size 0: none yet */
};

struct notary {
	struct notary_how how;
	struct file *dir;
	uint64_t time; /* the last one that was signed */
	size_t count;
	struct followed logs[WITNESS_LOGS_MAX];
};

void
notary_free(struct notary *n)
{
	if (n == NULL)
		return;
	file_free(n->dir);
	free(n);
}

void
notary_reply_clear(struct notary_reply *r)
{
	free(r->text);
	*r = (struct notary_reply){ 0 };
}

/* ---- what is kept ---- */

static struct followed *
find(struct notary *n, const char *origin)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->logs[i].origin, origin) == 0)
			return &n->logs[i];
	return NULL;
}

/* Signed by a key that the policy has for its origin. */
static int
read_signed(const struct notary *n, const char *note, size_t length,
    struct note_checkpoint *out)
{
	const struct witness_policy *p = n->how.policy;
	int err = ERR_INTEGRITY;

	for (size_t i = 0; i < witness_policy_logs(p); i++) {
		err = note_checkpoint_read(out, note, length,
		    witness_policy_log(p, i));
		if (err != ERR_INTEGRITY)
			return err;
	}
	return err;
}

static int
take_up(struct notary *n, struct followed *f)
{
	OWNED_MEM(uint8_t) note = NULL;
	size_t length;
	int err;

	f->last.root = tlog_empty();
	err = file_load(n->dir, f->file, NOTE_MAX, &note, &length);
	if (err == ERR_NOT_FOUND) {
		log_info("'%s': no checkpoint is kept yet; the first one that "
			 "comes is believed",
		    f->origin);
		return 0;
	}
	if (err == 0)
		err = read_signed(n, (const char *)note, length, &f->last);
	if (err == ERR_FORMAT || err == ERR_INTEGRITY || err == ERR_LIMIT ||
	    (err == 0 && strcmp(f->last.origin, f->origin) != 0))
		return log_err(ERR_INTEGRITY,
		    "'%s/%s' is not the checkpoint of '%s' that was kept "
		    "there: bring it back from a backup; without it this "
		    "witness would cosign whatever it is shown",
		    n->dir->name, f->file, f->origin);
	if (err == 0)
		log_info("'%s': %" PRIu64 " entries are kept", f->origin,
		    f->last.size);
	return err;
}

static int
follow(struct notary *n, const char *origin)
{
	struct followed *f = &n->logs[n->count];
	struct digest d = digest_of(origin, strlen(origin));

	if (find(n, origin) != NULL)
		return 0; /* another key of it */
	f->origin = origin;
	digest_hex(&d, f->file);
	n->count++;
	return take_up(n, f);
}

int
notary_new(struct notary **out, const struct notary_how *how)
{
	OWNED(notary) n = calloc(1, sizeof(*n));
	int err;

	if (n == NULL)
		return ERR_NOMEM;
	n->how = *how;
	if (witness_policy_logs(how->policy) == 0)
		return log_err(ERR_USAGE,
		    "the policy names no log to follow: 'log VKEY'");
	err = file_open(&n->dir, NULL, how->directory, O_RDONLY | O_DIRECTORY,
	    0);
	if (err == ERR_NOT_FOUND)
		return log_err(err, "there is no directory '%s'",
		    how->directory);
	if (err != 0)
		return err;
	if (flock(n->dir->fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ?
		    log_err(ERR_CONFLICT, "another weir-witness keeps '%s'",
			n->dir->name) :
		    log_sys("lock '%s'", n->dir->name);
	for (size_t i = 0; i < witness_policy_logs(how->policy) && err == 0;
	     i++)
		err = follow(n, witness_policy_log(how->policy, i)->name);
	if (err != 0)
		return err;
	*out = n;
	n = NULL;
	return 0;
}

/* ---- add-checkpoint ---- */

static int PRINTF_LIKE(4, 5) reply(struct notary_reply *out,
    unsigned int status, const char *type, const char *fmt, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, fmt);
	n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0)
		return ERR_NOMEM;
	*out = (struct notary_reply){ status, type, text };
	return 0;
}

static int
conflict(struct notary_reply *out, const struct followed *f)
{
	return reply(out, 409, TEXT_SIZE, "%" PRIu64 "\n", f->last.size);
}

/* What was shown, and what was cosigned before, which goes on changing. */
static int
put_aside(const struct notary *n, const struct witness_request *r,
    const struct followed *f, const char *name)
{
	char beside[NAME_SIZE + sizeof(KEPT)];
	OWNED_MEM(uint8_t) note = NULL;
	size_t length;
	int err = file_load(n->dir, f->file, NOTE_MAX, &note, &length);

	snprintf(beside, sizeof(beside), "%s" KEPT, name);
	if (err == 0)
		err = file_replace(n->dir, beside, note, length, FILE_MODE);
	return err == 0 ?
	    file_replace(n->dir, name, r->note, r->length, FILE_MODE) :
	    err;
}

/*
 * It may be proof that the log signed two histories: the first such note is put
 * aside, with the one that is kept now.  Whoever has a published note can be
 * refused with it, so that those which only the log's key can have made have a
 * file of their own (FORK).  That it cannot be put there is no reason not to
 * answer.
 */
static void
tell_of(const struct notary *n, const struct witness_request *r,
    const struct followed *f, const char *as, const char *what)
{
	char name[NAME_SIZE];

	if (f->last.size == 0)
		return; /* there is nothing yet to have a second history of */
	snprintf(name, sizeof(name), "%s%s", f->file, as);
	log_warn("'%s': %s; kept are %" PRIu64 " entries, and what was shown "
		 "is in '%s/%s', unless that was there already",
	    f->origin, what, f->last.size, n->dir->name, name);
	if (faccessat(n->dir->fd, name, F_OK, 0) == 0)
		return;
	if (put_aside(n, r, f, name) != 0)
		log_warn("'%s': it could not be kept", f->origin);
}

/* On the disk first, then in memory, then signed. */
static int
accept(struct notary *n, struct followed *f, const struct witness_request *r,
    const struct note_checkpoint *c, struct notary_reply *out)
{
	uint64_t now = n->how.now();
	char *line;
	int err;

	err = file_replace(n->dir, f->file, r->note, r->length, FILE_MODE);
	if (err != 0)
		return err;
	f->last = *c;
	if (now > n->time)
		n->time = now;
	err = witness_cosign(&line, r->note, r->length, n->how.key, n->how.seed,
	    n->time);
	if (err != 0)
		return err;
	*out = (struct notary_reply){ 200, TEXT, line };
	return 0;
}

/* The log has signed it: does it extend what is kept? */
static int
weigh(struct notary *n, struct followed *f, const struct witness_request *r,
    const struct note_checkpoint *c, struct notary_reply *out)
{
	if (r->old_size > c->size)
		return reply(out, 400, TEXT,
		    "the old size is above the checkpoint's\n");
	if (r->old_size != f->last.size)
		return conflict(out, f);
	if (c->size == f->last.size && !digest_equal(&c->root, &f->last.root)) {
		tell_of(n, r, f, FORK, "another root of the same size");
		return conflict(out, f);
	}
	if (!tlog_consistency_ok(f->last.size, c->size, &f->last.root, &c->root,
		r->proof, r->count)) {
		tell_of(n, r, f, REFUSED, "no proof that it extends them");
		return reply(out, 422, TEXT,
		    "the proof does not show that it extends what is kept\n");
	}
	return accept(n, f, r, c, out);
}

int
notary_add(struct notary *n, const char *body, size_t length,
    struct notary_reply *out)
{
	struct witness_request r;
	struct note_checkpoint c;
	struct followed *f;
	int err;

	if (witness_request_parse(&r, body, length) != 0 ||
	    note_checkpoint_parse(&c, r.note, r.length) != 0)
		return reply(out, 400, TEXT, "not an add-checkpoint request\n");
	f = find(n, c.origin);
	if (f == NULL)
		return reply(out, 404, TEXT,
		    "this witness does not follow that log\n");
	err = read_signed(n, r.note, r.length, &c);
	if (err == ERR_INTEGRITY)
		return reply(out, 403, TEXT,
		    "no signature by a key that is known for that log\n");
	if (err == ERR_FORMAT)
		return reply(out, 400, TEXT, "not a checkpoint\n");
	return err != 0 ? err : weigh(n, f, &r, &c, out);
}
