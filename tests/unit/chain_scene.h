/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CHAIN_SCENE_H
#define WEIR_CHAIN_SCENE_H

#include <stdint.h>

#include "keys/chain.h"
#include "tests/lib/people.h"
#include "tests/lib/trails.h"
#include "tests/unit/client_dummy.h"

/*
 * A host, and a keyd that shows it what a test tells it to.  Persons 1 and 2
 * have signed root 1, a version of llama/base and its promotion to prod as
 * serial 3; the root is pinned.
 */
#define DAY INT64_C(86400000)
#define PROD "llama/base:prod"
#define TWO 6U /* persons 1 and 2 */

struct chain_scene {
	struct scratch host;
	struct trails trails;
	struct client keyd;
	struct chain_how how;
	struct statement *roots[4];
	struct statement *statement;
	struct statement *promotion;
	char pin[256]; /* a file */
	const char *pins[1];
	int64_t now;
};

int chain_scene_new(void **state);
int chain_scene_free(void **state);

/* These persons (bits) sign; returns s. */
struct statement *chain_scene_sign(struct statement *s, unsigned int who);
struct statement_fields chain_scene_fields(const struct chain_scene *s,
    uint64_t serial);
struct statement *chain_scene_promotion(const struct chain_scene *s,
    uint64_t serial);
struct statement *chain_scene_root(uint64_t n, const struct statement *previous,
    unsigned int threshold, unsigned int who);
void chain_scene_write(const char *path, const struct statement *s);

/* A file beneath the state directory; "" when it is not there.  The caller
 * frees. */
char *chain_scene_file(const struct chain_scene *s, const char *name);

/* Open a session for ref; lines are in trails_line. */
int chain_scene_reads(struct chain_scene *s, const char *ref,
    struct chain_session *out);
void chain_scene_accepts(struct chain_scene *s, const char *ref);
/* With this reason, which is noted; what was seen stays; no session is left. */
void chain_scene_refuses(struct chain_scene *s, const char *ref,
    const char *reason);
/* The same, but that it may have been seen for the first time. */
void chain_scene_refuses_new(struct chain_scene *s, const char *ref,
    const char *reason);
/* The same, after what is sound was read. */
void chain_scene_refuses_after(struct chain_scene *s, const char *ref,
    const char *reason);

#endif
