/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_INTAKE_FILE_H
#define WEIR_INTAKE_FILE_H

#include <stdbool.h>

#include "vault/manifest.h"
#include "vault/model.h"
#include "vault/owned.h"
#include "vault/pipeline.h"
#include "vault/tensor.h"
#include "vault/walk.h"

/* One file's way in; see intake.h. */
struct intake_file_how {
	const struct walk *walk;
	struct pipeline *pipeline;
	bool allow_pickle;
	bool summed; /* row has its digest: it need not be taken */
	const volatile bool *stop;     /* may be NULL */
	struct tensor_list *tensors;   /* the file's are appended */
	struct model_imports *imports; /* let in by allow_pickle: added */
};

/*
 * Inspect the file, cut it, and give its chunks to the pipeline.  Sets
 * row's size, class, header_bytes and rows, and its digest when the
 * pipeline is finished; the rest of row stands already.  A file that is not
 * fit to be taken in is told (ERR_FORMAT, ERR_LIMIT), as is one that
 * changes meanwhile (ERR_CONFLICT).
 */
int intake_file_take(const struct intake_file_how *how,
    const struct walk_item *item, struct manifest_file *row) MUST_USE;

#endif
