/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_WATCH_VALUE_H
#define WEIR_WATCH_VALUE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Values as rules have them (docs/watch.md, "The rules file"): all
 * are numbers.  Times are seconds, sizes bytes, shares parts per
 * million, decimals millionths.
 */
enum watch_value {
	WATCH_VALUE_YES_NO,
	WATCH_VALUE_SEVERITY,
	WATCH_VALUE_NUMBER,
	WATCH_VALUE_SHARE,
	WATCH_VALUE_TIME,
	WATCH_VALUE_SIZE,
	WATCH_VALUE_DECIMAL
};

bool watch_value_parse(enum watch_value kind, const char *text, uint64_t *out);
/* As it is written, so that it reads back as the same. */
#define WATCH_VALUE_TEXT 32
void watch_value_text(enum watch_value kind, uint64_t n,
    char buf[static WATCH_VALUE_TEXT]);
/* "a share: 1% or 0.25%". */
const char *watch_value_expected(enum watch_value kind);

#endif
