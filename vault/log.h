/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "vault/owned.h"

/*
 * One line for people about something that went wrong or is worth knowing:
 * "weir: fsync 'trail/journal': No space left on device".  To stderr;
 * with sd-daemon's <N> level prefixes where stderr is the journal
 * (JOURNAL_STREAM is set).  Thread-safe.  Never given a secret; bytes of
 * outside names are escaped by log_name.
 */
void log_init(const char *program);

/* Lines below this level are dropped: 0 errors, 1 warnings, 2 info. */
void log_level(int level);

/* Drop the lines of this thread, until false. */
void log_hush(bool hush);

/* From here on say at most this many lines of one format in ten seconds; the
 * next one tells how many were left out.  0: no limit, as at first.  For
 * programs that stay, and would fill a journal with one broken disk. */
void log_limit(unsigned int most);

/* For tests: lines go to sink (with its argument) instead; NULL: stderr. */
void log_sink(void (*sink)(void *arg, const char *line), void *arg);

/* Somebody else who hears each line, without the program's name, or nobody
 * (NULL): for who has a peer that is to be told.  It may not log. */
void log_ear(void (*ear)(void *arg, const char *line), void *arg);

void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Log an error line and return err. */
int log_err(int err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Log the line with ": strerror(errno)" and return err_from_errno(errno). */
int log_sys(const char *fmt, ...) PRINTF_LIKE(1, 2);

/*
 * Write a name that came from outside into buf for printing: control
 * characters, quotes and bytes that are not UTF-8 as \xNN, cut with "..." to
 * fit.  Returns buf.
 */
const char *log_name(char *buf, size_t size, const char *name, size_t length);

#endif
