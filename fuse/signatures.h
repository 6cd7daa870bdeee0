/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_SIGNATURES_H
#define WEIR_SIGNATURES_H

#include <stddef.h>
#include <stdint.h>

#include "fuse/control.h"
#include "keys/msg.h"
#include "vault/manifest.h"

/*
 * A version's model.sig (FORMAT.md, "model.sig") as a file of the mount: made
 * of the version's manifest and of what was recorded when it was signed, kept
 * in memory, and read without any key.
 */

#define SIGNATURE_MAX (64U << 20)

struct signature {
	char *bytes; /* NULL: there is none */
	struct manifest_file file;
};
void signatures_drop(struct signature *s);

/*
 * record is channel.proof's `oms` (NULL: none); shown is what messages call the
 * version.  There is none either when the version has something of that name,
 * or when the record does not belong to it, which is said.  ERR_NOMEM.
 */
int signatures_one(struct signature *out, const struct manifest *m,
    const char *record, const char *shown) MUST_USE;

/* Those of a session's versions; for a worker. */
struct signatures {
	char *records[MSG_VERSIONS_MAX];
	struct signature *items; /* count, in the session's order */
	uint16_t count;
};
void signatures_clear(struct signatures *s);

/* Take the records from the monitor; *out is the message behind them.
 * ERR_FORMAT, or as control_receive. */
int signatures_receive(struct signatures *s, int control, struct control *out)
    MUST_USE;

/* manifests are the session's, and borrowed for the call. */
int signatures_make(struct signatures *s, const struct msg_session *session,
    const struct manifest *const *manifests) MUST_USE;

#endif
