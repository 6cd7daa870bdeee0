/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CHANGES_H
#define WEIR_CHANGES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "vault/owned.h"
#include "vault/version.h"

/*
 * What is different between two versions, from their manifests and tensor
 * indices: no weight is read.
 */
struct changes_of {
	struct version *from; /* NULL: everything is new */
	struct version *to;
	bool deep; /* chunk rows and tensors, too */
};

/*
 * An object:
 *
 *	files	list of {path, kind, change: added, removed, changed or mode,
 *		before?, after? (bytes), tensors? (of the file, in all)}
 *	tensors	list of {path, name, change, dtype, shape}, when deep
 *	added, removed, changed, same	numbers of paths
 *	bytes	of the new version; when deep: shared_bytes (in chunks that the
 *		old one has, too), new_bytes
 *
 * A tensor counts as changed when its type or shape or a chunk that holds a
 * part of it did: a small one may only share its chunk with one that changed.
 */
int changes_between(json_t **out, const struct changes_of *which) MUST_USE;

/* For people; at most `most` lines a list (0: all). */
void changes_print(FILE *f, const json_t *changes, size_t most);

#endif
