/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FAKE_KEYD_H
#define WEIR_FAKE_KEYD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/msg.h"
#include "tests/lib/served.h"

/* The other end of a session's connection: it releases what it is asked for,
 * or misbehaves as it is told, and remembers. */
struct fake_keyd;

#define FAKE_SESSION 77
extern const uint8_t fake_keyd_token[32];

/* Releases the keys of one version; s may be NULL for none. */
struct fake_keyd *fake_keyd_new(const struct served *s);
void fake_keyd_free(struct fake_keyd *k);

/* A connection, in place of the one before; the caller's end. */
int fake_keyd_connect(struct fake_keyd *k);
/* Break the connection. */
void fake_keyd_cut(struct fake_keyd *k);

/* Keep answers to releases back until false. */
void fake_keyd_hold(struct fake_keyd *k, bool hold);
/* Refuse releases with this error; 0: no more. */
void fake_keyd_refuse(struct fake_keyd *k, int err);
/* The same for those of `big` alone, the one file that weighs. */
void fake_keyd_refuse_weights(struct fake_keyd *k, int err);
/* The same for resumes. */
void fake_keyd_disown(struct fake_keyd *k, int err);
/* The page that holds this row is damaged: no release with it in. */
void fake_keyd_damage(struct fake_keyd *k, uint64_t row);
/* Say that the session has ended. */
void fake_keyd_end(struct fake_keyd *k, const char *reason);

/* What it was asked, so far; the first FAKE_RECORDS of each are kept. */
#define FAKE_RECORDS 1024
struct fake_record {
	size_t resumes;
	size_t releases;
	struct msg_release release[FAKE_RECORDS];
	size_t faults;
	struct digest fault[FAKE_RECORDS];
	size_t extents;				/* ranges */
	struct msg_extent extent[FAKE_RECORDS]; /* exe: freed with the keyd */
	size_t troubles;
	uint8_t trouble; /* the last one */
	size_t malformed;
};
/* A copy; the caller frees it. */
struct fake_record *fake_keyd_record(struct fake_keyd *k);

/* Wait up to 10 s for this many; false if they do not come. */
bool fake_keyd_await(struct fake_keyd *k, size_t releases, size_t faults,
    size_t extents);

#endif
