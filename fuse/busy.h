/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_BUSY_H
#define WEIR_BUSY_H

#define BUSY_TEXT_SIZE 256

/*
 * Which processes use what lies beneath path, as far as /proc lets the caller
 * see: " by python3 (1234), bash (99) ...", or nothing.  Only names are
 * compared; nothing beneath path is touched.  Returns buf.
 */
const char *busy_by(const char *path, char buf[static BUSY_TEXT_SIZE]);

#endif
