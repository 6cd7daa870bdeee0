/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DESK_H
#define WEIR_DESK_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "keys/broker.h"
#include "keys/lookout.h"
#include "keys/msg.h"
#include "keys/watch_rules.h"
#include "tests/lib/scratch.h"
#include "vault/writer.h"

/* What cannot fail here ends the program, said with its place. */
#define DESK_MUST(x)                                                           \
	do {                                                                   \
		int must_err = (x);                                            \
                                                                               \
		if (must_err != 0) {                                           \
			fprintf(stderr, "%s:%d: %s: %d\n", __FILE__, __LINE__, \
			    #x, must_err);                                     \
			abort();                                               \
		}                                                              \
	} while (0)

/*
 * A vault with a broker, without sockets: people come to the desk, ask, and
 * get their answers.  What cannot fail in a sound test ends the program.
 */
struct desk {
	struct scratch scratch;
	char *path; /* of the vault */
	struct vaultdir *vault;
	struct keyring *keyring;
	struct catalogue *catalogue;
	struct trail *trail;
	struct store *store;
	struct broker *broker;
	bool service;
	/* Whether the watch sees the trail, by its default rules; from the next
	 * desk_restart on. */
	bool watched;
	struct watch_rules rules;
	struct lookout *lookout;
	/* keyd's verifier, from the next desk_restart on; arg is the desk. */
	int (*verify)(void *arg, const struct verifier_job *job);
	/* What the trail's thread tells. */
	pthread_mutex_t mutex;
	pthread_cond_t woken;
	unsigned int wakes;
	unsigned int recorded; /* entries told of */
	uint64_t size_at_send; /* of the trail, when the last frame left */
};

/* Make a vault whose owner is root, and open it, as a service or for root
 * alone. */
void desk_new(struct desk *d, bool service);
void desk_free(struct desk *d);

/* What unlocks it; the caller clears it. */
struct unlock desk_secret(void);

/* Everything closed, cleanly or as by a crash, and opened again. */
void desk_restart(struct desk *d, bool cleanly);

/* Wait until the broker has something to do, and have it done. */
void desk_settle(struct desk *d);

/* Somebody at the desk.  Well-known user ids have names: 0 root, 1 daemon,
 * 2 bin, 3 sys, 4 sync. */
struct desk_person {
	struct desk *d;
	struct broker_link *link;
	uint64_t last_id;
	struct writer answer; /* the reply at hand, one frame */
	bool answered;
	unsigned int replies; /* in all */
	atomic_uint events;   /* session.ended, and of which session */
	uint64_t ended;
	char sentence[2048]; /* with the last error */
	char *labels;	     /* of what is put; NULL: {"a":"b"}; borrowed */
};
void desk_person_come(struct desk_person *p, struct desk *d, uid_t uid);
void desk_person_go(struct desk_person *p);

/* Ask, and wait for the answer: its error, or 0 with *reply (may be NULL). */
int desk_ask(struct desk_person *p, enum msg_type type,
    const struct writer *body, struct reader *reply);
/* Only ask. */
void desk_send(struct desk_person *p, enum msg_type type,
    const struct writer *body);

/* Common things to ask. */
int desk_role(struct desk_person *p, enum msg_type type, const char *role,
    const char *family, const char *to);
int desk_grant(struct desk_person *p, const char *model, const char *to,
    enum msg_grant_type type, bool export, uint64_t *id);
int desk_grant_rm(struct desk_person *p, uint64_t id);
/* Put files of these sizes as a version. */
int desk_put(struct desk_person *p, const char *model, const size_t *sizes,
    size_t count, struct digest *version);
/* The same, step by step: the commit has what was put. */
int desk_begin(struct desk_person *p, const char *model,
    struct msg_put_begin_reply *out);
int desk_take_in(struct desk_person *p, const struct msg_put_begin_reply *begun,
    const size_t *sizes, size_t count, struct msg_put_commit *out);
int desk_commit(struct desk_person *p, const struct msg_put_commit *m);
/* Only ask for it. */
void desk_commit_send(struct desk_person *p, const struct msg_put_commit *m);
/* Unsigned; MODEL is the version that was put last. */
int desk_open(struct desk_person *p, const char *ref, enum msg_purpose purpose,
    const char *principal, struct msg_session *out);
int desk_release(struct desk_person *p, uint64_t session, uint64_t first,
    uint32_t count, struct msg_release_reply *out);
/* The caller frees the JSON (a json_t *); NULL on an error. */
void *desk_json(struct desk_person *p, enum msg_type type,
    const struct writer *body);
/* One reply to a request that lists; NULL strings of m are empty. */
void *desk_list(struct desk_person *p, enum msg_type type,
    const struct msg_list *m);

/* How many entries of this kind the trail holds; the last one's text field. */
unsigned int desk_count(struct desk *d, const char *kind);
/* The last entry of this kind (a json_t *, the caller's), or NULL. */
void *desk_last(struct desk *d, const char *kind);

/* A text of a reply, or NULL. */
const char *desk_text(const json_t *j, const char *key);

/* Ask for what must be refused, with this in the sentence. */
#define REFUSED(p, err, words, call)                                           \
	do {                                                                   \
		int refused_err = (call);                                      \
                                                                               \
		if (refused_err != (err) ||                                    \
		    strstr((p)->sentence, (words)) == NULL)                    \
			fail_msg("%d: %s", refused_err, (p)->sentence);        \
	} while (0)

#endif
