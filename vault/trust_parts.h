/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_TRUST_PARTS_H
#define WEIR_TRUST_PARTS_H

#include <jansson.h>

#include "vault/trust.h"

/* What the files of trust share. */

/* Some of a root's people, by index. */
struct trust_set {
	bool has[TRUST_KEYS_MAX];
};

struct trust_role {
	struct trust_set keys;
	uint32_t threshold;
};

struct trust_model_rule {
	const char *models;
	struct trust_role sign;
	struct trust_role revoke;
};

struct trust_channel_rule {
	const char *models;
	const char *channels;
	struct trust_role promote;
	struct trust_role rollback;
	uint32_t days;
	bool uploader_may_approve;
};

struct trust_grant_rule {
	const char *models;
	struct trust_role approve;
};

struct trust_root {
	json_t *json; /* a copy of the predicate: names lie in it */
	uint8_t vault[16];
	uint64_t number;
	struct digest digest;
	struct digest previous;
	const char *log;
	struct trust_role root;
	size_t count;
	struct trust_person people[TRUST_KEYS_MAX];
	struct digest keyids[TRUST_KEYS_MAX];
	size_t model_count;
	struct trust_model_rule models[TRUST_RULES_MAX];
	size_t channel_count;
	struct trust_channel_rule channels[TRUST_RULES_MAX];
	size_t grant_count;
	struct trust_grant_rule grants[TRUST_RULES_MAX];
};

/* Whether text is of the pattern: '*' stands for any run of characters. */
bool trust_pattern_matches(const char *pattern, const char *text);

#endif
