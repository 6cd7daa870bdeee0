/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SIGNOMS_H
#define WEIR_SIGNOMS_H

#include <stdbool.h>

#include "cli/omskey.h"
#include "cli/options.h"

/* `weir sign --oms`: model.sig for a version, from the digests that
 * its manifest holds. */
struct signoms {
	struct options *o;
	const char *name;   /* NULL: the model's, without what is before a / */
	const char *bundle; /* write it here, too; NULL: do not */
	struct options_list ignore;
	struct omskey_how key;
	bool yes;
	bool no_wait;
};
int signoms_run(struct signoms *s, const char *reference) MUST_USE;

#endif
