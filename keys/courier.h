/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_COURIER_H
#define WEIR_COURIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keys/deliver.h"
#include "keys/vaultdir.h"
#include "vault/owned.h"

/*
 * The courier takes alerts to a program (the hook) and to a URL (the webhook),
 * each by a thread of its own, in the alerts' order: nobody waits for it.  What
 * it has not delivered lies beneath the vault in alerts/hook and
 * alerts/webhook, and is delivered after a restart.  What fails is tried again,
 * later and later; an alert that is refused COURIER_REFUSED times is left out,
 * and so is the oldest when too many wait: both are said.
 */
struct courier;

#define COURIER_REFUSED 10
#define COURIER_JSON_MAX (32U << 10)

struct courier_how {
	const struct vaultdir *vault; /* borrowed */
	struct deliver rules;
	uint64_t last; /* the newest alert that there is: who takes alerts for
			* the first time begins behind it */
	unsigned int pause_ms; /* after the first failure, doubled after each
				* other one; 0: a second */
};
int courier_new(struct courier **out, const struct courier_how *how) MUST_USE;

/* Ends what is under way; what was not delivered stays in its queue. */
void courier_free(struct courier *c);
OWNED_TYPE(courier);

/* Alerts from this number on are to be posted: what is below is delivered or in
 * a queue. */
uint64_t courier_next(const struct courier *c);

/* An alert, as JSON, copied; in the order of numbers.  One that was posted
 * before is passed over.  Never waits. */
void courier_post(struct courier *c, uint64_t number,
    enum watch_severity severity, const char *json);

/* How many wait, at hook and webhook together. */
size_t courier_waiting(struct courier *c);

/* Wait until none waits whose delivery has not failed yet, but no longer than
 * ms. */
void courier_settle(struct courier *c, unsigned int ms);

#endif
