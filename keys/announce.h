/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_ANNOUNCE_H
#define WEIR_ANNOUNCE_H

#include <stdint.h>

#include "vault/entry.h"

/*
 * Journal messages with a MESSAGE_ID (weir-keyd(8) lists them) for those
 * who watch a host: operations, decisions and alerts, never one for a
 * read.  The trail is the record; these say that it has one.  Where no
 * journald runs they go nowhere.
 */

/* An entry of the trail, unless it is of a kind that is not announced. */
void announce_entry(const char *vault, uint64_t index,
    const struct entry_view *e);

/* watch.ini is not used: "refused: why". */
void announce_watchfile(const char *vault, const char *state);

/* keyd can do no more. */
void announce_failed(const char *vault, int err);

/* This host refused what keyd showed for a reference ("": for any). */
void announce_distrust(const char *vault, const char *reference,
    const char *reason);

/* A line for people, of a program without stderr: a sink for log_sink. */
void announce_line(void *unused, const char *line);

#endif
