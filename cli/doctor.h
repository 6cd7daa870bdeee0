/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DOCTOR_H
#define WEIR_DOCTOR_H

#include "cli/options.h"
#include "vault/owned.h"

/* What this host has of what weir needs (`weir doctor`). */

enum doctor_state {
	DOCTOR_OK,
	DOCTOR_WARN, /* works, but slower or less safe than it could */
	DOCTOR_FAIL, /* does not work */
};
const char *doctor_state_name(enum doctor_state s);

struct doctor_finding {
	enum doctor_state state;
	const char *name;
	char text[256];
	char mend[256];	  /* a command; empty when there is none */
	char advice[512]; /* in words, where no command will do; or empty */
};

/* Look at everything, one call of each for each finding. */
void doctor_look(const struct options *o,
    void (*each)(void *arg, const struct doctor_finding *f), void *arg);

#endif
