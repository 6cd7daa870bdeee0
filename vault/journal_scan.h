/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_JOURNAL_SCAN_H
#define WEIR_JOURNAL_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/digest.h"
#include "vault/journal.h"
#include "vault/owned.h"

/*
 * The journal's files read from end to end (FORMAT.md, "Journal"): what of it
 * is believed, what is repaired, what is refused.  For journal.c.
 */

#define JOURNAL_SCAN_MAGIC "wjr1"
#define JOURNAL_SCAN_FIXED 72	  /* bytes of a record before its payload */
#define JOURNAL_SCAN_OVERHEAD 104 /* and the digest behind it */
#define JOURNAL_SCAN_NAME 24

/* The file name of the segment whose first record has this index. */
const char *journal_scan_name(uint64_t start,
    char buf[static JOURNAL_SCAN_NAME]);

/* First indices of the segments in dir, ascending; the caller frees. */
int journal_scan_list(const struct file *dir, uint64_t **out, size_t *count)
    MUST_USE;

/*
 * Make or replace a segment whole or not at all: n bytes, then zeros, with
 * its space allocated; durable when this returns 0.  ERR_SPACE, said in a
 * line that tells what to do.
 */
int journal_scan_create(const struct file *dir, uint64_t start,
    const uint8_t *bytes, size_t n) MUST_USE;

/*
 * That the segment's name is still that of the file that is written, of its
 * length.  ERR_INTEGRITY, said in a log line.
 */
struct stat;
int journal_scan_look(const struct file *dir, uint64_t start,
    const struct stat *written, struct stat *out) MUST_USE;

/* Where the journal ends. */
struct journal_scan {
	uint64_t first;	  /* index of the first record that is kept */
	uint64_t segment; /* first index of the last segment */
	uint64_t offset;  /* in it, behind the last record */
	uint64_t next;	  /* the index of the record that comes there */
	struct digest previous;
};

/* journal_open's reading (repair) or journal_verify's. */
int journal_scan_all(const struct journal_open *how, bool repair,
    struct journal_scan *out) MUST_USE;

/*
 * The rules for one segment alone, on n bytes: where its sound records end.
 * ERR_INTEGRITY if what follows them was not left there by a crash.
 */
int journal_scan_bytes(const struct journal_id *id, uint64_t first,
    const uint8_t *bytes, size_t n, struct journal_scan *out) MUST_USE;

#endif
