/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LOAN_H
#define WEIR_LOAN_H

#include <stdint.h>

#include "tests/lib/desk.h"

#define LOAN_READER 1 /* the uid of user:daemon */
#define LOAN_ROWS 81  /* chunks: 80 of 64 KiB in f0, one in f1 */

/* A vault with llama, which user:daemon may load, and the two who are there. */
struct loan {
	struct desk d;
	struct desk_person owner, daemon;
	uint64_t grant;
};

/* For cmocka: *state is a loan. */
int loan_setup(void **state);
int loan_teardown(void **state);

/* keyd ends, as by a crash or not, and both come again. */
void loan_restart(struct loan *l, bool cleanly);

/* The session's number; its reply is forgotten. */
uint64_t loan_open(struct desk_person *p);
/* Ask for the keys of these rows, and forget them. */
int loan_release(struct desk_person *p, uint64_t session, uint64_t first,
    uint32_t count);

#endif
