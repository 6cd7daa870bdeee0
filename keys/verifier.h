/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_VERIFIER_H
#define WEIR_VERIFIER_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "vault/digest.h"
#include "vault/owned.h"
#include "vault/proofread.h"
#include "vault/secret.h"

/*
 * keyd's verifier: a child of its own that reads a version back whole, so that
 * what managers sign was seen by somebody other than who put it.  It parses
 * what uploaders made (pages, chunks, headers of model files), and therefore
 * has no key but those of the one version, no way to write, and dies with keyd.
 */
struct verifier;

struct verifier_job {
	uint64_t id; /* echoed in the news */
	struct digest version;
	struct digest object; /* of the manifest */
	uint8_t manifest_key[KEY_SIZE];
	uint8_t lockbox_key[KEY_SIZE];
	uint32_t first_file; /* those before were found sound earlier */
};

struct verifier_news {
	uint64_t id;
	bool done;
	/* When it is done: 0, ERR_INTEGRITY with a reason (a verdict both), or
	 * what kept it from one, with a reason. */
	int err;
	/* Rows of the file table that are done; when it is done, files.
	 * They and bytes grow. */
	uint32_t files;
	uint64_t bytes;
	char reason[PROOFREAD_WHY]; /* UTF-8 without control characters */
};

/* news is called from the loop, with `done` exactly once for each job that was
 * started, unless the verifier is freed before. */
int verifier_new(struct verifier **out, sd_event *loop,
    void (*news)(void *arg, const struct verifier_news *n), void *arg) MUST_USE;
/* A child that does not get on for so long is ended, with ERR_IO; unless this
 * is called, VERIFIER_STALL. */
#define VERIFIER_STALL UINT64_C(600000000)
void verifier_patience(struct verifier *v, uint64_t microseconds);
/* Ends the child. */
void verifier_free(struct verifier *v);
OWNED_TYPE(verifier);

/* One at a time: ERR_CONFLICT while one is under way.  store is the path of the
 * directory of objects. */
int verifier_start(struct verifier *v, const char *store,
    const struct verifier_job *job) MUST_USE;

/* Break off what is under way: nobody hears of it, and its keys are gone. */
void verifier_stop(struct verifier *v);

/* What makes weir-keyd the child; the child, which gives its exit status. */
#define VERIFIER_WORD "--verifier"
int verifier_child(void);

/* Both ends of the messages, for tests. */
#define VERIFIER_MESSAGE_MAX 1024
void verifier_job_write(struct writer *w, const struct verifier_job *j);
int verifier_job_read(struct verifier_job *out, struct reader *r) MUST_USE;
void verifier_news_write(struct writer *w, const struct verifier_news *n);
/* Whether a text may stand in the news: what showed it may be hostile. */
bool verifier_reason_ok(const char *reason);
int verifier_news_read(struct verifier_news *out, struct reader *r) MUST_USE;

#endif
