/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BOM_H
#define WEIR_BOM_H

#include <jansson.h>

#include "cli/vouched.h"
#include "keys/msg.h"
#include "vault/manifest.h"
#include "vault/owned.h"

/*
 * A version as a CycloneDX 1.6 ML-BOM.  What is not known of it is left out;
 * what people said of it is said only when a statement in force says so.
 */
struct bom_of {
	const struct msg_version *m;
	const struct manifest *manifest;
	const json_t *labels;
	const struct vouched *vouched;
	uint64_t parameters;  /* 0: not known */
	const json_t *dtypes; /* list of {dtype, tensors} */
};
int bom_print(const struct bom_of *of) MUST_USE;

#endif
