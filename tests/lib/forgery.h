/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_FORGERY_H
#define WEIR_FORGERY_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/lib/shed.h"

/*
 * A version's manifest, changed and stored: what an uploader whose client is
 * not ours could have put.  What cannot be made ends the program.
 */
struct forgery {
	struct digest file; /* in place of file 0's digest, unless zeros */
	const char *swap;   /* the first two chunk rows of this file */
	int64_t header;	    /* added to file 0's header bytes */
	bool key;	    /* another key in the lockbox for row 1 */
	bool tensors;	    /* another shape in the tensor index */
	bool none;	    /* no tensor index */
};

/* v is what r names, of one page; the names of what is made. */
void forgery_make(struct shed *s, struct version *v,
    const struct intake_result *r, const struct forgery *f,
    struct digest *object, struct digest *version);

#endif
