/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_HOST_H
#define WEIR_HOST_H

#include "cli/options.h"
#include "vault/owned.h"

/* What this host has of what weir needs (`weir doctor`). */

enum host_state {
	HOST_OK,
	HOST_WARN, /* works, but slower or less safe than it could */
	HOST_FAIL, /* does not work */
};
const char *host_state_name(enum host_state s);

struct host_finding {
	enum host_state state;
	const char *name;
	char text[256];
	char mend[256];	  /* a command; empty when there is none */
	char advice[256]; /* in words, where no command will do; or empty */
};

/* Look at everything, one call of each for each finding. */
void host_look(const struct options *o,
    void (*each)(void *arg, const struct host_finding *f), void *arg);

#endif
