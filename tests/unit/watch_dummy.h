/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WATCH_DUMMY_H
#define WEIR_WATCH_DUMMY_H

/*
 * A watch in the place of keys/watch.c: it raises an alert for each
 * `check` entry, whose `session` is the number of objects that were
 * damaged, and knows no pauses.
 */
#define WATCH_DUMMY_RULE "dummy"

#endif
