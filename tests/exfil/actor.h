/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_EXFIL_ACTOR_H
#define WEIR_EXFIL_ACTOR_H

#include "tests/exfil/plan.h"
#include "tests/exfil/world.h"

/* Somebody who reads rows in an order and at a pace, in one session after
 * another. */
struct actor_how {
	struct principal *who;
	struct world_grant *grant;
	size_t version;
	const char *host;
	uint64_t start_ms;   /* from now */
	struct plan plan;    /* the actor's from here on */
	uint32_t window;     /* rows that are asked for at once, at most */
	uint64_t bytes_ms;   /* the pace; 0: 1 GB/s */
	uint64_t pause_ms;   /* between asks, on top */
	uint64_t jitter_ms;  /* of these, at most */
	unsigned int cycles; /* sessions that read the plan; 0: one */
	uint64_t gap_ms;     /* between them */
	uint64_t retry_ms;   /* after a refusal; 0: gives up */
	uint64_t until_ms;   /* of the world; 0: until done */
	/* Asks for nothing that would come to more, and waits; 0: no end. */
	uint32_t stay_ppm, stay_pool_ppm;
	bool one_session; /* all cycles in one */
};

struct actor;
void actor_add(struct world *w, const struct actor_how *how);
void actor_free(struct actor *a);

/* For world_wait: when the actor acts next, and what it does then. */
uint64_t actor_next(const struct actor *a);
/* Whether it goes on. */
bool actor_step(struct world *w, struct actor *a);

#endif
