/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_UPLOAD_H
#define WEIR_UPLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/options.h"
#include "keys/client.h"
#include "vault/digest.h"
#include "vault/intake.h"

/* A tree of files becomes a version of a model: what `weir put` does. */
struct upload {
	const struct options *o;
	const char *model;
	const char *const *paths;
	size_t path_count;
	const char *stdin_name; /* of "-"; NULL: it is not among the paths */
	bool allow_pickle;
	enum codec_effort effort;
	const char *labels; /* a JSON object */
};

struct upload_done {
	struct intake_result result;
	char hex[DIGEST_HEX_SIZE];
	bool known; /* the version was there */
	double seconds;
};
void upload_done_clear(struct upload_done *d);

/* 0, a negative enum err, or an exit status: CMD_INTERRUPTED. */
int upload_run(struct upload_done *out, const struct upload *u,
    struct client *client) MUST_USE;

#endif
